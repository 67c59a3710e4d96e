/* SPDX-License-Identifier: MIT */
/*
 * The head of a student with the loss of knowledge distillation (Hinton, Vinyals, Dean 2015, arXiv:1503.02531).
 *
 *   x [..., d], W [V, d], targets i32 [...], teacher's x' [..., e], W' [V' >= V, e]  ->  loss, CE, KL
 *
 *   s_rj = x_r . W_j                              t_rj = x'_r . W'_j             j = 0 .. V-1
 *   p    = softmax(s)      q = softmax(s / T)     u = softmax(t / T)
 *   CE   = - sum_r log p_(r, target_r) / N        KL = sum_r sum_j u_rj (log u_rj - log q_rj) / N
 *   loss = (1 - w) CE + w T^2 KL                  N: rows whose target is not -100; 0 if none
 *
 *   distill_loss_backward    ds_rj = ((1 - w)(p_rj - [j = target_r]) + w T (q_rj - u_rj)) dloss / N
 *                            dx_rk = sum_j ds_rj W_jk       dW_jk = sum_r ds_rj x_rk       and loss, CE, KL again
 *
 * T^2 keeps the size of the soft gradient when T changes: d KL / d s shrinks as 1 / T^2. A row that is ignored has
 * part in neither term. Rows of W' past V, which pad a vocabulary, are left out. Nothing flows into the teacher, nor
 * from CE and KL, which are there to be looked at. A target outside 0 .. V-1 makes CE and loss NaN.
 */
#include "ops/distill_loss.h"

#include <math.h>
#include <string.h>

#include "ops/linear_cross_entropy.h"
#include "ops/list.h"
#include "ops/weight.h"

enum {
    X = HEED_DISTILL_X,
    W = HEED_DISTILL_W,
    TARGETS = HEED_DISTILL_TARGETS,
    TEACHER_X = HEED_DISTILL_TEACHER_X,
    TEACHER_W = HEED_DISTILL_TEACHER_W,
    DLOSS = HEED_DISTILL_DLOSS
};
enum {
    LOSS = HEED_DISTILL_LOSS,
    CE = HEED_DISTILL_CE,
    KL = HEED_DISTILL_KL,
    DX = HEED_DISTILL_DX,
    DW = HEED_DISTILL_DW
};

/* --- one row, plainly --- */

/* softmax of the first V logits x . W_j, times scale. */
typedef struct soft {
    const float *x;       /* [d] */
    const heed_tensor *w; /* [>= V, d], of any type that weights have */
    int64_t V;
    float scale, max;
    double sum, log_sum; /* of exp(logit - max) */
} soft;

static float soft_logit(const soft *s, int64_t j)
{
    float sum = 0.0f;

    for (int64_t k = 0; k < heed_cols(s->w); k++)
        sum += s->x[k] * heed_matrix_get(s->w, j, k);
    return sum * s->scale;
}

static soft soft_of(const float *x, const heed_tensor *w, int64_t V, float scale)
{
    soft s = {.x = x, .w = w, .V = V, .scale = scale, .max = -INFINITY};

    for (int64_t j = 0; j < V; j++)
        s.max = fmaxf(s.max, soft_logit(&s, j));
    for (int64_t j = 0; j < V; j++)
        s.sum += (double)expf(soft_logit(&s, j) - s.max);
    s.log_sum = log(s.sum);
    return s;
}

static float soft_probability(const soft *s, int64_t j)
{
    return (float)((double)expf(soft_logit(s, j) - s->max) / s->sum);
}

/* log of the probability of this logit. */
static double soft_log(const soft *s, float logit)
{
    return (double)logit - (double)s->max - s->log_sum;
}

typedef struct row {
    soft hard, student, teacher; /* p, q, u */
    int64_t target;
} row;

/* w has V rows, teacher_w that many or more. */
static row row_of(const float *x, const heed_tensor *w, const float *teacher_x, const heed_tensor *teacher_w,
                  int64_t target, const heed_distill_options *options)
{
    const int64_t V = heed_rows(w);
    const float scale = 1.0f / options->temperature;

    return (row){.hard = soft_of(x, w, V, 1.0f),
                 .student = soft_of(x, w, V, scale),
                 .teacher = soft_of(teacher_x, teacher_w, V, scale),
                 .target = target};
}

static double row_ce(const row *r)
{
    if (r->target == HEED_IGNORE_TARGET)
        return 0.0;
    return r->target < 0 || r->target >= r->hard.V ? (double)NAN
                                                   : -soft_log(&r->hard, soft_logit(&r->hard, r->target));
}

static double row_kl(const row *r)
{
    double sum = 0.0;

    if (r->target == HEED_IGNORE_TARGET)
        return 0.0;
    for (int64_t j = 0; j < r->hard.V; j++) {
        const float t = soft_logit(&r->teacher, j), s = soft_logit(&r->student, j);
        const double u = (double)expf(t - r->teacher.max) / r->teacher.sum;

        sum += u * (soft_log(&r->teacher, t) - soft_log(&r->student, s));
    }
    return sum;
}

/* ds_j; factor = dloss / N. */
static float row_ds(const row *r, int64_t j, const heed_distill_options *o, float factor)
{
    const float hard = soft_probability(&r->hard, j) - (j == r->target ? 1.0f : 0.0f);
    const float pulled = soft_probability(&r->student, j) - soft_probability(&r->teacher, j);

    if (r->target == HEED_IGNORE_TARGET)
        return 0.0f;
    if (r->target < 0 || r->target >= r->hard.V)
        return NAN;
    return ((1.0f - o->weight) * hard + o->weight * o->temperature * pulled) * factor;
}

/* --- checks, and what both ops share --- */

static bool check(heed_graph *g, const heed_node *node)
{
    const heed_distill_options *o = node->attrs;
    const heed_tensor *x = &node->in[X]->tensor, *w = &node->in[W]->tensor;
    const heed_tensor *teacher_x = &node->in[TEACHER_X]->tensor, *teacher_w = &node->in[TEACHER_W]->tensor;

    if (!heed_head_check(g, node) || !heed_expect_dtype(g, node, X, "x", HEED_F32) ||
        !heed_expect_dtype(g, node, W, "weight", HEED_F32) ||
        !heed_expect_dtype(g, node, TEACHER_X, "the teacher's x", HEED_F32) ||
        !heed_expect_weight(g, node, TEACHER_W, "the teacher's weight"))
        return false;
    if (teacher_x->shape.rank < 1 || teacher_w->shape.rank != 2 || heed_rows(teacher_x) != heed_rows(x) ||
        heed_cols(teacher_x) != heed_cols(teacher_w) || heed_rows(teacher_w) < heed_rows(w))
        return heed_graph_fail(
            g, node, HEED_ERR_SHAPE,
            "expected a teacher with the student's %lld rows and its %lld tokens or more, got "
            "%lld rows of %lld numbers and a head of %lld tokens by %lld",
            (long long)heed_rows(x), (long long)heed_rows(w), (long long)heed_rows(teacher_x),
            (long long)heed_cols(teacher_x), (long long)heed_rows(teacher_w), (long long)heed_cols(teacher_w));
    if (!(o->temperature > 0.0f) || !(o->weight >= 0.0f && o->weight <= 1.0f))
        return heed_graph_fail(g, node, HEED_ERR_SHAPE,
                               "expected a temperature above 0 and a weight from 0 to 1, got %g and %g",
                               (double)o->temperature, (double)o->weight);
    return true;
}

static void put(const heed_tensor *to, float value)
{
    if (to != NULL)
        *(float *)to->data = value;
}

void heed_distill_put(const heed_op_args *a, double ce, double kl, int64_t n)
{
    const heed_distill_options *o = a->attrs;
    const double T = (double)o->temperature, w = (double)o->weight;

    put(a->outs[LOSS], heed_head_mean((1.0 - w) * ce + w * T * T * kl, n));
    put(a->outs[CE], heed_head_mean(ce, n));
    put(a->outs[KL], heed_head_mean(kl, n));
}

/* Row r of the operands. */
static row row_at(const heed_op_args *a, int64_t r)
{
    return row_of(heed_row(a->in[X], r), a->in[W], heed_row(a->in[TEACHER_X], r), a->in[TEACHER_W],
                  heed_head_target(a->in[TARGETS], r), a->attrs);
}

/* --- distill_loss_backward: in x, W, targets, x', W', dloss; out loss, CE, KL, dx, dW --- */

static bool backward_shape(heed_graph *g, heed_node *node)
{
    for (int k = LOSS; k <= KL; k++)
        heed_node_set_shape(node, k, HEED_F32, heed_shape0());
    heed_node_set_shape(node, DX, HEED_F32, node->in[X]->tensor.shape);
    heed_node_set_shape(node, DW, HEED_F32, node->in[W]->tensor.shape);
    return check(g, node) && heed_expect_scalar(g, node, DLOSS, "dloss", HEED_F32);
}

static void clear(const heed_tensor *dense)
{
    if (dense != NULL)
        memset(dense->data, 0, (size_t)heed_tensor_count(dense) * sizeof(float));
}

/* Adds what one row gives to dx (its own) and dW; either may be NULL. */
static void add_row(const row *r, const heed_distill_options *options, float factor, float *dx, float *dw)
{
    const int64_t d = heed_cols(r->hard.w);

    for (int64_t j = 0; j < r->hard.V; j++) {
        const float ds = row_ds(r, j, options, factor), *w = heed_row(r->hard.w, j);

        for (int64_t k = 0; dx != NULL && k < d; k++)
            dx[k] += ds * w[k];
        for (int64_t k = 0; dw != NULL && k < d; k++)
            dw[j * d + k] += ds * r->hard.x[k];
    }
}

static void backward_forward(const heed_op_args *a)
{
    const int64_t n = heed_head_count(a->in[TARGETS]);
    const float factor = heed_head_factor(heed_scalar(a->in[DLOSS]), n);
    double ce = 0.0, kl = 0.0;

    clear(a->outs[DX]);
    clear(a->outs[DW]);
    for (int64_t r = 0; r < heed_rows(a->in[X]); r++) {
        const row its = row_at(a, r);

        ce += row_ce(&its);
        kl += row_kl(&its);
        add_row(&its, a->attrs, factor, a->outs[DX] != NULL ? heed_row(a->outs[DX], r) : NULL,
                a->outs[DW] != NULL ? a->outs[DW]->data : NULL);
    }
    heed_distill_put(a, ce, kl, n);
}

static void backward_fast(const heed_op_args *a)
{
    heed_distill_run(a, true);
}

static size_t backward_workspace(const heed_node *node, struct heed_device *device)
{
    return heed_distill_workspace(node, device, true);
}

static double logits_of(const heed_node *node)
{
    return (double)heed_rows(&node->in[X]->tensor) * (double)heed_rows(&node->in[W]->tensor);
}

/* Three products of the student, one of the teacher, and about twenty operations a logit. */
static void backward_cost(const heed_node *node, heed_cost *cost)
{
    cost->flops += logits_of(node) * (6.0 * (double)heed_cols(&node->in[X]->tensor) +
                                      2.0 * (double)heed_cols(&node->in[TEACHER_X]->tensor) + 20.0);
    heed_cost_add_traffic(node, cost);
}

const heed_op heed_op_distill_loss_backward = {
    .name = "distill_loss_backward",
    .n_inputs = 6,
    .n_outputs = 5,
    .shape = backward_shape,
    .forward = backward_forward,
    .fast = backward_fast,
    .cost = backward_cost,
    .explain = heed_distill_backward_explain,
    .workspace = backward_workspace,
};

/* --- distill_loss: in x, W, targets, x', W'; out loss, CE, KL --- */

static bool distill_shape(heed_graph *g, heed_node *node)
{
    for (int k = LOSS; k <= KL; k++)
        heed_node_set_shape(node, k, HEED_F32, heed_shape0());
    return check(g, node);
}

static void distill_forward(const heed_op_args *a)
{
    double ce = 0.0, kl = 0.0;

    for (int64_t r = 0; r < heed_rows(a->in[X]); r++) {
        const row its = row_at(a, r);

        ce += row_ce(&its);
        kl += row_kl(&its);
    }
    heed_distill_put(a, ce, kl, heed_head_count(a->in[TARGETS]));
}

static void distill_fast(const heed_op_args *a)
{
    heed_distill_run(a, false);
}

static size_t distill_workspace(const heed_node *node, struct heed_device *device)
{
    return heed_distill_workspace(node, device, false);
}

static void distill_grad(heed_graph *g, heed_node *node, heed_node *const *dy, heed_node **dx)
{
    heed_node *backward;

    if (dy[LOSS] == NULL)
        return;
    backward = heed_node_append_with(g, &heed_op_distill_loss_backward, node->attrs,
                                     sizeof(heed_distill_options), node->in[X], node->in[W], node->in[TARGETS],
                                     node->in[TEACHER_X], node->in[TEACHER_W], dy[LOSS]);
    if (backward == NULL)
        return;
    if (heed_node_wants_grad(node->in[X]))
        dx[X] = backward->outputs[DX];
    if (heed_node_wants_grad(node->in[W]))
        dx[W] = backward->outputs[DW];
}

static int distill_weight_axis(const heed_node *node, int input)
{
    (void)node;
    return input == TEACHER_W ? 1 : -1;
}

static void distill_cost(const heed_node *node, heed_cost *cost)
{
    cost->flops += logits_of(node) * (2.0 * (double)heed_cols(&node->in[X]->tensor) +
                                      2.0 * (double)heed_cols(&node->in[TEACHER_X]->tensor) + 14.0);
    heed_cost_add_traffic(node, cost);
}

const heed_op heed_op_distill_loss = {
    .name = "distill_loss",
    .n_inputs = 5,
    .n_outputs = 3,
    .value_in_gradient = 1, /* and CE and KL behind it */
    .shape = distill_shape,
    .forward = distill_forward,
    .fast = distill_fast,
    .grad = distill_grad,
    .weight_axis = distill_weight_axis,
    .cost = distill_cost,
    .explain = heed_distill_explain,
    .workspace = distill_workspace,
};

heed_distill_nodes heed_distill_loss(heed_graph *g, heed_node *x, heed_node *weight, heed_node *targets,
                                     heed_node *teacher_x, heed_node *teacher_weight,
                                     const heed_distill_options *options)
{
    heed_node *loss = heed_node_append_with(g, &heed_op_distill_loss, options, sizeof *options, x, weight,
                                            targets, teacher_x, teacher_weight);

    if (loss == NULL)
        return (heed_distill_nodes){NULL, NULL, NULL};
    return (heed_distill_nodes){loss, loss->outputs[CE], loss->outputs[KL]};
}
