/* SPDX-License-Identifier: MIT */
/*
 * Cross-entropy in nats.       logits x [..., V], targets i32 [...]
 *
 *   lse_r = log sum_j exp(x_rj) = m_r + log sum_j exp(x_rj - m_r), m_r = max_j x_rj
 *
 *   cross_entropy_rows       y_r  = lse_r - x_(r, target_r), 0 where the target is -100       [...]
 *   cross_entropy            loss = sum_r y_r / N, N: rows whose target is not -100, 0 if none   []
 *   cross_entropy_backward   dx_rj = (exp(x_rj - lse_r) - [j = target_r]) dloss / N, and the loss again
 *
 * A target outside 0 .. V-1 makes the loss NaN. The gradient's node computes the loss on its way, so
 * a training run needs no node of cross_entropy; it may overwrite the logits. Sums over rows and over
 * the vocabulary are taken in double by the plain loops.
 */
#include <math.h>
#include <string.h>

#include "base/parallel.h"
#include "ops/common.h"
#include "ops/list.h"
#include "ops/loss_lines.h"
#include "ops/ops.h"

/* --- one row --- */

/* The largest element and the sum of exp(x_j - largest). */
typedef struct row_exp {
    float max;
    double sum;
} row_exp;

static row_exp exp_of_row(const float *x, int64_t V)
{
    row_exp e = {-INFINITY, 0.0};

    for (int64_t j = 0; j < V; j++)
        e.max = x[j] > e.max ? x[j] : e.max;
    for (int64_t j = 0; j < V; j++)
        e.sum += (double)expf(x[j] - e.max);
    return e;
}

/* log sum_j exp(x_j) - x_target. The difference to the maximum comes first: it is small where the loss is. */
static float loss_of_row(const float *x, int64_t V, int64_t target, row_exp e)
{
    if (target == HEED_IGNORE_TARGET)
        return 0.0f;
    if (target < 0 || target >= V)
        return NAN;
    return (float)(log(e.sum) + ((double)e.max - (double)x[target]));
}

/* dx_j; scale = dloss / N. */
static float dx_of(float x, int64_t j, int64_t V, int64_t target, row_exp e, float scale)
{
    if (target == HEED_IGNORE_TARGET)
        return 0.0f;
    if (target < 0 || target >= V)
        return NAN;
    return ((float)((double)expf(x - e.max) / e.sum) - (j == target ? 1.0f : 0.0f)) * scale;
}

/* The same maximum and sum by kernels. */
static row_exp exp_of_row_fast(const heed_kernels *kernels, const float *x, int64_t V)
{
    float max = -INFINITY, sum = 0.0f;

    kernels->tile_max_sum(&max, &sum, x, V, 1, V);
    return (row_exp){max, (double)sum};
}

/* --- all rows --- */

static int64_t target_of(const heed_tensor *targets, int64_t r)
{
    return ((const int32_t *)targets->data)[heed_tensor_offset(targets, r)];
}

static int64_t count_of(const heed_tensor *targets)
{
    const int64_t rows = heed_tensor_count(targets);
    int64_t n = 0;

    for (int64_t r = 0; r < rows; r++)
        n += target_of(targets, r) != HEED_IGNORE_TARGET;
    return n;
}

static float mean_of(double total, int64_t n)
{
    return n == 0 ? 0.0f : (float)(total / (double)n);
}

static float mean_of_losses(const float *losses, const heed_tensor *targets)
{
    double total = 0.0;

    for (int64_t r = 0; r < heed_tensor_count(targets); r++)
        total += (double)losses[r];
    return mean_of(total, count_of(targets));
}

/* dloss / N; of no use where N is 0, as all rows are ignored then. */
static float scale_of(float dloss, int64_t n)
{
    return n == 0 ? 0.0f : dloss / (float)n;
}

static int64_t rows_of_a_piece(int64_t V)
{
    return V < HEED_PIECE ? HEED_PIECE / V : 1;
}

/* The checks that all three share. */
static bool targets_fit(heed_graph *g, const heed_node *node)
{
    heed_shape leading = node->in[0]->tensor.shape;

    if (!heed_expect_dtype(g, node, 0, "logits", HEED_F32))
        return false;
    if (leading.rank < 1)
        return heed_graph_fail(g, node, HEED_ERR_SHAPE, "expected rows of logits, got a scalar");
    leading.rank--;
    return heed_expect_shape(g, node, 1, "targets", HEED_I32, leading);
}

/* --- cross_entropy_backward: in logits, targets, dloss; out dlogits, loss --- */

static bool cross_entropy_backward_shape(heed_graph *g, heed_node *node)
{
    if (!targets_fit(g, node) || !heed_expect_scalar(g, node, 2, "dloss", HEED_F32))
        return false;
    heed_node_set_shape(node, 0, HEED_F32, node->in[0]->tensor.shape);
    heed_node_set_shape(node, 1, HEED_F32, heed_shape0());
    return true;
}

static void cross_entropy_backward_forward(const heed_op_args *a)
{
    const int64_t rows = heed_rows(a->in[0]), V = heed_cols(a->in[0]), n = count_of(a->in[1]);
    const float scale = scale_of(heed_scalar(a->in[2]), n);
    double total = 0.0;

    for (int64_t r = 0; r < rows; r++) {
        const float *x = heed_row(a->in[0], r);
        const int64_t target = target_of(a->in[1], r);
        const row_exp e = exp_of_row(x, V);

        total += (double)loss_of_row(x, V, target, e);
        if (a->outs[0] == NULL)
            continue;
        float *dx = heed_row(a->outs[0], r);
        for (int64_t j = 0; j < V; j++)
            dx[j] = dx_of(x[j], j, V, target, e, scale);
    }
    if (a->outs[1] != NULL)
        *heed_row(a->outs[1], 0) = mean_of(total, n);
}

/* One number a row: its loss. */
static size_t losses_workspace(const heed_node *node, struct heed_device *device)
{
    (void)device;
    return (size_t)heed_rows(&node->in[0]->tensor) * sizeof(float);
}

/* x becomes dx in place. */
static void row_to_dx(const heed_kernels *kernels, float *x, int64_t V, int64_t target, row_exp e, float scale)
{
    const float sum = (float)e.sum;

    if (target < 0 || target >= V) {
        for (int64_t j = 0; j < V; j++)
            x[j] = dx_of(x[j], j, V, target, e, scale);
        return;
    }
    kernels->tile_probabilities(x, &e.max, &sum, &scale, V, 1, V);
    x[target] -= scale;
}

typedef struct backward_job {
    const heed_op_args *a;
    float scale;
} backward_job;

static void backward_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const backward_job *job = context;
    const heed_op_args *a = job->a;
    const heed_kernels *kernels = a->device->kernels;
    const int64_t V = heed_cols(a->in[0]);
    float *losses = a->workspace;

    (void)thread;
    for (int64_t r = begin; r < end; r++) {
        const float *x = heed_row(a->in[0], r);
        const int64_t target = target_of(a->in[1], r);
        const row_exp e = exp_of_row_fast(kernels, x, V);

        losses[r] = loss_of_row(x, V, target, e);
        if (a->outs[0] == NULL)
            continue;
        float *dx = heed_row(a->outs[0], r);
        if (dx != x)
            memcpy(dx, x, (size_t)V * sizeof *x);
        row_to_dx(kernels, dx, V, target, e, job->scale);
    }
}

static void cross_entropy_backward_fast(const heed_op_args *a)
{
    backward_job job = {.a = a, .scale = scale_of(heed_scalar(a->in[2]), count_of(a->in[1]))};

    heed_parallel(a->device->n_threads, heed_rows(a->in[0]), rows_of_a_piece(heed_cols(a->in[0])),
                  backward_rows, &job);
    if (a->outs[1] != NULL)
        *heed_row(a->outs[1], 0) = mean_of_losses(a->workspace, a->in[1]);
}

static void cross_entropy_backward_cost(const heed_node *node, heed_cost *cost)
{
    heed_cost_elementwise(node, 7, cost); /* 4 for maximum and sum, 3 for dx */
}

/* The mean over all rows of logits, as the plain loops compute it. */
static void explain_loss(const heed_op_args *a, heed_explanation *e)
{
    const int64_t rows = heed_rows(a->in[0]), V = heed_cols(a->in[0]);
    const heed_figures x = heed_explain_operand(e, a, 0, "x", 0, 1, rows * V);
    const float *targets = heed_explain_read(e, a, 1, "target", 0, 1, rows);
    heed_figure *losses = heed_explain_room(e, rows);
    int64_t n = 0;

    heed_explain_formula(
        e,
        "loss = mean_r (log sum_j exp(x[r, j]) - x[r, target[r]]) over the rows whose target is "
        "not %d",
        HEED_IGNORE_TARGET);
    heed_explain_enter(e);
    for (int64_t r = 0; r < rows; r++) {
        losses[r] = heed_explain_row_loss(e, heed_explain_label(e, "loss[%lld]", (long long)r),
                                          heed_figures_part(x, r * V, 1), V, (int64_t)targets[r]);
        n += (int64_t)targets[r] != HEED_IGNORE_TARGET;
    }
    heed_explain_leave(e);
    heed_explain_mean_loss(e, losses, rows, n);
}

static void cross_entropy_backward_explain(const heed_op_args *a, int output, int64_t element,
                                           heed_explanation *e)
{
    const int64_t rows = heed_rows(a->in[0]), V = heed_cols(a->in[0]), r = element / V, j = element % V;
    heed_figure none;
    int64_t n = 0;

    if (output == 1) {
        explain_loss(a, e);
        return;
    }
    const heed_figures x = heed_explain_operand(e, a, 0, "x", r * V, 1, V);
    const float *targets = heed_explain_read(e, a, 1, "target", 0, 1, rows);

    heed_explain_formula(
        e,
        "dx[%lld] = (exp(x[%lld]) / sum_j exp(x[j]) - [target[%lld] = %lld]) * dloss / N, N: rows "
        "whose target is not %d",
        (long long)j, (long long)j, (long long)r, (long long)j, HEED_IGNORE_TARGET);
    if (heed_explain_no_target(e, "dx", (int64_t)targets[r], V, &none))
        return;
    for (int64_t i = 0; i < rows; i++)
        n += (int64_t)targets[i] != HEED_IGNORE_TARGET;
    const heed_figure scale = heed_explain_step(
        e, "scale", "dloss / N", heed_explain_figure(e, a, 2, "dloss", 0), heed_constant((double)n));
    const heed_row_figures row = heed_explain_row(e, x, V);

    heed_explain_dlogit(e, "dx", &row, heed_explain_at(e, x, j), j == (int64_t)targets[r], scale, false);
}

const heed_op heed_op_cross_entropy_backward = {
    .name = "cross_entropy_backward",
    .n_inputs = 3,
    .n_outputs = 2,
    .shape = cross_entropy_backward_shape,
    .forward = cross_entropy_backward_forward,
    .fast = cross_entropy_backward_fast,
    .cost = cross_entropy_backward_cost,
    .explain = cross_entropy_backward_explain,
    .workspace = losses_workspace,
    .reuse = {HEED_INPUT(0)},
};

/* --- cross_entropy_rows: in logits, targets; out y --- */

static bool cross_entropy_rows_shape(heed_graph *g, heed_node *y)
{
    if (!targets_fit(g, y))
        return false;
    heed_node_set_shape(y, 0, HEED_F32, y->in[1]->tensor.shape);
    return true;
}

static void cross_entropy_rows_forward(const heed_op_args *a)
{
    const int64_t rows = heed_rows(a->in[0]), V = heed_cols(a->in[0]);
    float *y = a->out->data;

    for (int64_t r = 0; r < rows; r++) {
        const float *x = heed_row(a->in[0], r);
        y[r] = loss_of_row(x, V, target_of(a->in[1], r), exp_of_row(x, V));
    }
}

typedef struct losses_job {
    const heed_op_args *a;
    float *losses;
} losses_job;

static void losses_of_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const losses_job *job = context;
    const heed_op_args *a = job->a;
    const int64_t V = heed_cols(a->in[0]);

    (void)thread;
    for (int64_t r = begin; r < end; r++) {
        const float *x = heed_row(a->in[0], r);
        job->losses[r] = loss_of_row(x, V, target_of(a->in[1], r), exp_of_row_fast(a->device->kernels, x, V));
    }
}

static void losses_fast(const heed_op_args *a, float *losses)
{
    losses_job job = {.a = a, .losses = losses};

    heed_parallel(a->device->n_threads, heed_rows(a->in[0]), rows_of_a_piece(heed_cols(a->in[0])),
                  losses_of_rows, &job);
}

static void cross_entropy_rows_fast(const heed_op_args *a)
{
    losses_fast(a, a->out->data);
}

static void cross_entropy_cost(const heed_node *y, heed_cost *cost)
{
    heed_cost_elementwise(y, 4, cost);
}

static void cross_entropy_rows_explain(const heed_op_args *a, int output, int64_t r, heed_explanation *e)
{
    const int64_t V = heed_cols(a->in[0]);
    const heed_figures x = heed_explain_operand(e, a, 0, "x", r * V, 1, V);
    const int64_t target = (int64_t)heed_explain_read1(e, a, 1, "target", r);

    (void)output;
    if (target == HEED_IGNORE_TARGET)
        heed_explain_formula(e, "y = 0: the target is ignored");
    else
        heed_explain_formula(e, "y = log sum_j exp(x[j]) - x[%lld]", (long long)target);
    heed_explain_row_loss(e, "y", x, V, target);
}

const heed_op heed_op_cross_entropy_rows = {
    .name = "cross_entropy_rows",
    .n_inputs = 2,
    .shape = cross_entropy_rows_shape,
    .forward = cross_entropy_rows_forward,
    .fast = cross_entropy_rows_fast,
    .cost = cross_entropy_cost,
    .explain = cross_entropy_rows_explain,
};

heed_node *heed_cross_entropy_rows(heed_graph *g, heed_node *logits, heed_node *targets)
{
    return heed_node_append(g, &heed_op_cross_entropy_rows, logits, targets);
}

/* --- cross_entropy: in logits, targets; out loss --- */

static bool cross_entropy_shape(heed_graph *g, heed_node *loss)
{
    heed_node_set_shape(loss, 0, HEED_F32, heed_shape0());
    return targets_fit(g, loss);
}

static void cross_entropy_forward(const heed_op_args *a)
{
    const int64_t rows = heed_rows(a->in[0]), V = heed_cols(a->in[0]);
    double total = 0.0;

    for (int64_t r = 0; r < rows; r++) {
        const float *x = heed_row(a->in[0], r);
        total += (double)loss_of_row(x, V, target_of(a->in[1], r), exp_of_row(x, V));
    }
    *heed_row(a->out, 0) = mean_of(total, count_of(a->in[1]));
}

static void cross_entropy_fast(const heed_op_args *a)
{
    losses_fast(a, a->workspace);
    *heed_row(a->out, 0) = mean_of_losses(a->workspace, a->in[1]);
}

static void cross_entropy_grad(heed_graph *g, heed_node *loss, heed_node *const *dy, heed_node **dx)
{
    if (heed_node_wants_grad(loss->in[0]))
        dx[0] = heed_node_append(g, &heed_op_cross_entropy_backward, loss->in[0], loss->in[1], dy[0]);
}

static void cross_entropy_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    (void)output;
    (void)element;
    explain_loss(a, e);
}

const heed_op heed_op_cross_entropy = {
    .name = "cross_entropy",
    .n_inputs = 2,
    .shape = cross_entropy_shape,
    .forward = cross_entropy_forward,
    .fast = cross_entropy_fast,
    .grad = cross_entropy_grad,
    .cost = cross_entropy_cost,
    .explain = cross_entropy_explain,
    .workspace = losses_workspace,
    .value_in_gradient = 2, /* output 1 of cross_entropy_backward */
};

heed_node *heed_cross_entropy(heed_graph *g, heed_node *logits, heed_node *targets)
{
    return heed_node_append(g, &heed_op_cross_entropy, logits, targets);
}
