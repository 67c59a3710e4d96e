/* SPDX-License-Identifier: MIT */
/*
 * Normalization by the root of the mean square, over the last axis.       x [..., n], gamma [n]  ->  y [..., n]
 *
 *   rstd = 1 / sqrt(sum_j x_j^2 / n + eps)      xhat_i = x_i rstd      y_i = gamma_i xhat_i
 *
 * and backwards, with g_i = gamma_i dy_i:
 *
 *   dx_i = rstd (g_i - xhat_i sum_j g_j xhat_j / n)      dgamma_i = sum over rows of dy_i xhat_i
 *
 * It is layernorm without the mean and without beta. The plain loops take the sums over a row in double, and so do
 * the kernels with the squares. How dgamma is summed stands in norm.h.
 * Source: Zhang and Sennrich 2019 (arXiv:1910.07467) 3.
 */
#include <math.h>
#include <string.h>

#include "base/parallel.h"
#include "ops/common.h"
#include "ops/list.h"
#include "ops/norm.h"
#include "ops/ops.h"

typedef struct rmsnorm_attrs {
    float eps;
} rmsnorm_attrs;

static float eps_of(const heed_op_args *a)
{
    return ((const rmsnorm_attrs *)a->attrs)->eps;
}

static double rstd_of_row(const float *x, int64_t n, float eps)
{
    double squares = 0.0;

    for (int64_t i = 0; i < n; i++)
        squares += (double)x[i] * (double)x[i];
    return 1.0 / sqrt(squares / (double)n + (double)eps);
}

double heed_rmsnorm_rstd(const float *x, int64_t n, float eps)
{
    return rstd_of_row(x, n, eps);
}

static float normalized(float x, double rstd)
{
    return (float)((double)x * rstd);
}

/* --- rmsnorm_backward: in x, gamma, dy; out dx, dgamma --- */

static bool rmsnorm_backward_shape(heed_graph *g, heed_node *node)
{
    const heed_shape *x = &node->in[0]->tensor.shape;

    if (!heed_norm_check(g, node) || !heed_expect_shape(g, node, 2, "dy", HEED_F32, *x))
        return false;
    heed_node_set_shape(node, 0, HEED_F32, *x);
    heed_node_set_shape(node, 1, HEED_F32, heed_shape_last(x, 1));
    return true;
}

/* The fast path's sums of dgamma, one row a block. */
static size_t rmsnorm_backward_workspace(const heed_node *node, struct heed_device *device)
{
    const int64_t rows = heed_rows(&node->in[0]->tensor), n = heed_cols(&node->in[0]->tensor);

    (void)device;
    return (size_t)(heed_norm_blocks(rows) * n) * sizeof(float);
}

/* sum_j g_j xhat_j / n of one row. */
static double mean_of_row(const float *x, const float *gamma, const float *dy, double rstd, int64_t n)
{
    double sum = 0.0;

    for (int64_t i = 0; i < n; i++)
        sum += (double)(gamma[i] * dy[i]) * (double)normalized(x[i], rstd);
    return sum / (double)n;
}

static float dx_of(float x, float gamma, float dy, double rstd, double mean)
{
    return (float)(rstd * ((double)(gamma * dy) - (double)normalized(x, rstd) * mean));
}

static void rmsnorm_backward_forward(const heed_op_args *a)
{
    const int64_t rows = heed_rows(a->in[0]), n = heed_cols(a->in[0]);
    const float *gamma = heed_row(a->in[1], 0);
    float *dgamma = heed_norm_zeros(a->outs[1]);

    for (int64_t r = 0; r < rows; r++) {
        const float *x = heed_row(a->in[0], r), *dy = heed_row(a->in[2], r);
        const double rstd = rstd_of_row(x, n, eps_of(a)), mean = mean_of_row(x, gamma, dy, rstd, n);

        for (int64_t i = 0; i < n && dgamma != NULL; i++) /* before dx, which may lie where x or dy lies */
            dgamma[i] += dy[i] * normalized(x[i], rstd);
        if (a->outs[0] == NULL)
            continue;
        float *dx = heed_row(a->outs[0], r);
        for (int64_t i = 0; i < n; i++)
            dx[i] = dx_of(x[i], gamma[i], dy[i], rstd, mean);
    }
}

/* One block of rows: its part of dx, and its sums into the block's row of the workspace. */
static void backward_block(void *context, int64_t begin, int64_t end, int thread)
{
    const heed_op_args *a = context;
    const heed_tensor *x = a->in[0], *dy = a->in[2], *dx = a->outs[0];
    const int64_t n = heed_cols(x), block = begin / heed_norm_block_rows(heed_rows(x));
    float *dgamma = (float *)a->workspace + block * n;
    const bool dense = heed_tensor_is_dense(x) && heed_tensor_is_dense(dy);
    const int64_t step = dense ? end - begin : 1;

    (void)thread;
    memset(dgamma, 0, (size_t)n * sizeof(float));
    for (int64_t r = begin; r < end; r += step)
        a->device->kernels->rmsnorm_backward(dx != NULL ? heed_row(dx, r) : NULL, dgamma, heed_row(x, r),
                                             heed_row(a->in[1], 0), heed_row(dy, r), eps_of(a), step, n);
}

static void rmsnorm_backward_fast(const heed_op_args *a)
{
    const int64_t rows = heed_rows(a->in[0]), n = heed_cols(a->in[0]);

    heed_parallel(a->device->n_threads, rows, heed_norm_block_rows(rows), backward_block, (void *)(uintptr_t)a);
    if (a->outs[1] != NULL)
        heed_column_sums(a->device, heed_row(a->outs[1], 0), a->workspace, n, heed_norm_blocks(rows), n);
}

static void rmsnorm_backward_cost(const heed_node *node, heed_cost *cost)
{
    heed_cost_elementwise(node, 12, cost); /* 2 for the squares, 6 for the sums, 4 for dx */
}

/* --- its lines --- */

static heed_figure explain_rstd(heed_explanation *e, heed_figures x, int64_t n, float eps)
{
    const heed_figure squares = heed_explain_sum_from(e, HEED_IN_DOUBLE, "squares", heed_constant(0.0), n,
                                                      "x[j] * x[j]", x);

    return heed_explain_step_in(e, HEED_IN_DOUBLE, "rstd", "1 / sqrt(squares / n + eps)", squares,
                                heed_constant((double)n), heed_constant((double)eps));
}

static heed_figure explain_normalized(heed_explanation *e, const char *label, heed_figure x, heed_figure rstd)
{
    return heed_explain_step_in(e, HEED_IN_DOUBLE, label, "f32(x * rstd)", x, rstd);
}

static void explain_dx(const heed_op_args *a, int64_t element, heed_explanation *e)
{
    const int64_t n = heed_cols(a->in[0]), i = element % n, first = element - i;
    const heed_figures x = heed_explain_operand(e, a, 0, "x", first, 1, n);
    const heed_figures gamma = heed_explain_operand(e, a, 1, "gamma", 0, 1, n);
    const heed_figures dy = heed_explain_operand(e, a, 2, "dy", first, 1, n);
    const heed_figure rstd = explain_rstd(e, x, n, eps_of(a));
    const heed_figure sum = heed_explain_sum_from(e, HEED_IN_DOUBLE, "sum g xhat", heed_constant(0.0), n,
                                                  "f32(gamma[j] * dy[j]) * f32(x[j] * rstd)", gamma, dy, x,
                                                  heed_explain_same(e, rstd));
    const heed_figure mean = heed_explain_step_in(e, HEED_IN_DOUBLE, "mean g xhat", "sum / n", sum,
                                                  heed_constant((double)n));
    const heed_figure xhat = explain_normalized(e, "xhat", heed_explain_at(e, x, i), rstd);
    const heed_figure g = heed_explain_step(e, "g", "gamma * dy", heed_explain_at(e, gamma, i),
                                            heed_explain_at(e, dy, i));

    heed_explain_formula(
        e,
        "dx[%lld] = rstd * (g[%lld] - xhat[%lld] * mean(g * xhat)), g = gamma * dy, xhat = x * "
        "rstd, rstd = 1 / sqrt(mean x^2 + %g)",
        (long long)i, (long long)i, (long long)i, (double)eps_of(a));
    heed_explain_step_in(e, HEED_IN_DOUBLE, "dx", "f32(rstd * (g - xhat * mean_g_xhat))", rstd, g, xhat, mean);
}

static void explain_dgamma(const heed_op_args *a, int64_t i, heed_explanation *e)
{
    const int64_t rows = heed_rows(a->in[0]), n = heed_cols(a->in[0]);
    const heed_figures x = heed_explain_operand(e, a, 0, "x", 0, 1, rows * n);
    const heed_figures dy = heed_explain_operand(e, a, 2, "dy", i, n, rows);
    heed_figure *xhat = heed_explain_room(e, rows);

    heed_explain_formula(
        e, "dgamma[%lld] = sum_r dy[r, %lld] * xhat[r, %lld], xhat = x / sqrt(mean x^2 + %g) of row r",
        (long long)i, (long long)i, (long long)i, (double)eps_of(a));
    heed_explain_enter(e);
    for (int64_t r = 0; r < rows; r++) {
        const heed_figure rstd = explain_rstd(e, heed_figures_part(x, r * n, 1), n, eps_of(a));

        xhat[r] = explain_normalized(e, heed_explain_label(e, "xhat[%lld]", (long long)r),
                                     heed_explain_at(e, x, r * n + i), rstd);
    }
    heed_explain_leave(e);
    heed_explain_sum(e, "dgamma", rows, "dy[r] * xhat[r]", dy, heed_figures_of(xhat));
}

static void rmsnorm_backward_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    if (output == 0)
        explain_dx(a, element, e);
    else
        explain_dgamma(a, element, e);
}

const heed_op heed_op_rmsnorm_backward = {
    .name = "rmsnorm_backward",
    .n_inputs = 3,
    .n_outputs = 2,
    .shape = rmsnorm_backward_shape,
    .forward = rmsnorm_backward_forward,
    .fast = rmsnorm_backward_fast,
    .cost = rmsnorm_backward_cost,
    .explain = rmsnorm_backward_explain,
    .workspace = rmsnorm_backward_workspace,
    .reuse = {HEED_INPUT(0) | HEED_INPUT(2)},
};

/* --- rmsnorm: in x, gamma; out y --- */

static bool rmsnorm_shape(heed_graph *g, heed_node *y)
{
    if (!heed_norm_check(g, y))
        return false;
    heed_node_set_shape(y, 0, HEED_F32, y->in[0]->tensor.shape);
    return true;
}

static void rmsnorm_forward(const heed_op_args *a)
{
    const int64_t rows = heed_rows(a->out), n = heed_cols(a->out);
    const float *gamma = heed_row(a->in[1], 0);

    for (int64_t r = 0; r < rows; r++) {
        const float *x = heed_row(a->in[0], r);
        float *y = heed_row(a->out, r);
        const double rstd = rstd_of_row(x, n, eps_of(a));

        for (int64_t i = 0; i < n; i++)
            y[i] = normalized(x[i], rstd) * gamma[i];
    }
}

static void rmsnorm_rows(const void *context, const heed_span *s)
{
    const heed_op_args *a = context;

    a->device->kernels->rmsnorm(s->out[0], s->in[0], heed_row(a->in[1], 0), eps_of(a), s->n, heed_cols(a->out));
}

static void rmsnorm_fast(const heed_op_args *a)
{
    heed_map_rows(a, HEED_INPUT(0), rmsnorm_rows, a);
}

static void rmsnorm_grad(heed_graph *g, heed_node *y, heed_node *const *dy, heed_node **dx)
{
    heed_node *both = heed_node_append_with(g, &heed_op_rmsnorm_backward, y->attrs, sizeof(rmsnorm_attrs),
                                            y->in[0], y->in[1], dy[0]);

    for (int i = 0; i < 2 && both != NULL; i++) {
        if (heed_node_wants_grad(y->in[i]))
            dx[i] = both->outputs[i];
    }
}

static void rmsnorm_cost(const heed_node *y, heed_cost *cost)
{
    heed_cost_elementwise(y, 4, cost); /* 2 for the squares, 2 for y */
}

static void rmsnorm_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const int64_t n = heed_cols(a->out), i = element % n;
    const heed_figures x = heed_explain_operand(e, a, 0, "x", element - i, 1, n);
    const heed_figure gamma = heed_explain_figure(e, a, 1, "gamma", i);
    const heed_figure rstd = explain_rstd(e, x, n, eps_of(a));
    const heed_figure xhat = explain_normalized(e, "xhat", heed_explain_at(e, x, i), rstd);

    (void)output;
    heed_explain_formula(e, "y[%lld] = x[%lld] / sqrt(mean x^2 + %g) * gamma", (long long)i, (long long)i,
                         (double)eps_of(a));
    heed_explain_step(e, "y", "xhat * gamma", xhat, gamma);
}

const heed_op heed_op_rmsnorm = {
    .name = "rmsnorm",
    .n_inputs = 2,
    .shape = rmsnorm_shape,
    .forward = rmsnorm_forward,
    .fast = rmsnorm_fast,
    .grad = rmsnorm_grad,
    .cost = rmsnorm_cost,
    .explain = rmsnorm_explain,
    .reuse = {HEED_INPUT(0)},
};

heed_node *heed_rmsnorm(heed_graph *g, heed_node *x, heed_node *gamma, float eps)
{
    const rmsnorm_attrs attrs = {.eps = eps};

    return heed_node_append_with(g, &heed_op_rmsnorm, &attrs, sizeof attrs, x, gamma);
}
