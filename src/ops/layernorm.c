/* SPDX-License-Identifier: MIT */
/*
 * Layer normalization over the last axis.       x [..., n], gamma [n], beta [n] or none  ->  y [..., n]
 *
 *   mean = sum_j x_j / n      var = sum_j (x_j - mean)^2 / n      rstd = 1 / sqrt(var + eps)
 *   xhat_i = (x_i - mean) rstd      y_i = gamma_i xhat_i + beta_i
 *
 * and backwards, with g_i = gamma_i dy_i:
 *
 *   dx_i = rstd (g_i - sum_j g_j / n - xhat_i sum_j g_j xhat_j / n)
 *   dgamma_i = sum over rows of dy_i xhat_i      dbeta_i = sum over rows of dy_i
 *
 * The plain loops take the sums over a row in double. The fast path sums dgamma and dbeta over blocks
 * of rows whose size follows from the shape alone, then adds the blocks in order, so threads change no bit.
 * Source: Ba et al. 2016 (arXiv:1607.06450).
 */
#include <math.h>
#include <string.h>

#include "base/parallel.h"
#include "ops/common.h"
#include "ops/list.h"
#include "ops/norm.h"
#include "ops/ops.h"

typedef struct layernorm_attrs {
    float eps;
} layernorm_attrs;

typedef struct row_stats {
    double mean, rstd;
} row_stats;

static float eps_of(const heed_op_args *a)
{
    return ((const layernorm_attrs *)a->attrs)->eps;
}

static row_stats stats_of_row(const float *x, int64_t n, float eps)
{
    double mean = 0.0, var = 0.0;

    for (int64_t i = 0; i < n; i++)
        mean += (double)x[i];
    mean /= (double)n;
    for (int64_t i = 0; i < n; i++)
        var += ((double)x[i] - mean) * ((double)x[i] - mean);
    var /= (double)n;
    return (row_stats){mean, 1.0 / sqrt(var + (double)eps)};
}

double heed_layernorm_rstd(const float *x, int64_t n, float eps)
{
    return stats_of_row(x, n, eps).rstd;
}

static float normalized(float x, row_stats s)
{
    return (float)(((double)x - s.mean) * s.rstd);
}

/* --- layernorm_backward: in x, gamma, dy; out dx, dgamma, dbeta --- */

static bool layernorm_backward_shape(heed_graph *g, heed_node *node)
{
    const heed_shape *x = &node->in[0]->tensor.shape;

    if (!heed_norm_check(g, node) || !heed_expect_shape(g, node, 2, "dy", HEED_F32, *x))
        return false;
    heed_node_set_shape(node, 0, HEED_F32, *x);
    heed_node_set_shape(node, 1, HEED_F32, heed_shape_last(x, 1));
    heed_node_set_shape(node, 2, HEED_F32, heed_shape_last(x, 1));
    return true;
}

/* The fast path's sums of dgamma and dbeta, two rows a block. */
static size_t layernorm_backward_workspace(const heed_node *node, struct heed_device *device)
{
    const int64_t rows = heed_rows(&node->in[0]->tensor), n = heed_cols(&node->in[0]->tensor);

    (void)device;
    return (size_t)(heed_norm_blocks(rows) * 2 * n) * sizeof(float);
}

/* sum_j g_j / n and sum_j g_j xhat_j / n of one row. */
typedef struct row_means {
    double g, g_xhat;
} row_means;

static row_means means_of_row(const float *x, const float *gamma, const float *dy, row_stats s, int64_t n)
{
    row_means means = {0.0, 0.0};

    for (int64_t i = 0; i < n; i++) {
        const float g = gamma[i] * dy[i];
        means.g += (double)g;
        means.g_xhat += (double)g * (double)normalized(x[i], s);
    }
    return (row_means){means.g / (double)n, means.g_xhat / (double)n};
}

static float dx_of(float x, float gamma, float dy, row_stats s, row_means means)
{
    const double g = (double)(gamma * dy);

    return (float)(s.rstd * (g - means.g - (double)normalized(x, s) * means.g_xhat));
}

/* Adds one row to the sums of dgamma and dbeta; either may be NULL. */
static void add_row(float *dgamma, float *dbeta, const float *x, const float *dy, row_stats s, int64_t n)
{
    for (int64_t i = 0; i < n && dgamma != NULL; i++)
        dgamma[i] += dy[i] * normalized(x[i], s);
    for (int64_t i = 0; i < n && dbeta != NULL; i++)
        dbeta[i] += dy[i];
}

static void layernorm_backward_forward(const heed_op_args *a)
{
    const int64_t rows = heed_rows(a->in[0]), n = heed_cols(a->in[0]);
    const float *gamma = heed_row(a->in[1], 0);
    float *dgamma = heed_norm_zeros(a->outs[1]), *dbeta = heed_norm_zeros(a->outs[2]);

    for (int64_t r = 0; r < rows; r++) {
        const float *x = heed_row(a->in[0], r), *dy = heed_row(a->in[2], r);
        const row_stats s = stats_of_row(x, n, eps_of(a));
        const row_means means = means_of_row(x, gamma, dy, s, n);

        add_row(dgamma, dbeta, x, dy, s, n); /* before dx, which may lie where x or dy lies */
        if (a->outs[0] == NULL)
            continue;
        float *dx = heed_row(a->outs[0], r);
        for (int64_t i = 0; i < n; i++)
            dx[i] = dx_of(x[i], gamma[i], dy[i], s, means);
    }
}

/* One block of rows: its part of dx, and its sums into the block's two rows of the workspace. */
static void backward_block(void *context, int64_t begin, int64_t end, int thread)
{
    const heed_op_args *a = context;
    const heed_tensor *x = a->in[0], *dy = a->in[2], *dx = a->outs[0];
    const int64_t n = heed_cols(x), block = begin / heed_norm_block_rows(heed_rows(x));
    float *dgamma = (float *)a->workspace + block * 2 * n, *dbeta = a->outs[2] != NULL ? dgamma + n : NULL;
    const float *gamma = heed_row(a->in[1], 0);
    const bool dense = heed_tensor_is_dense(x) && heed_tensor_is_dense(dy);
    const int64_t step = dense ? end - begin : 1;

    (void)thread;
    memset(dgamma, 0, (size_t)(2 * n) * sizeof(float));
    for (int64_t r = begin; r < end; r += step)
        a->device->kernels->layernorm_backward(dx != NULL ? heed_row(dx, r) : NULL, dgamma, dbeta,
                                               heed_row(x, r), gamma, heed_row(dy, r), eps_of(a), step, n);
}

static void layernorm_backward_fast(const heed_op_args *a)
{
    const int64_t rows = heed_rows(a->in[0]), n = heed_cols(a->in[0]);
    const float *sums = a->workspace;

    heed_parallel(a->device->n_threads, rows, heed_norm_block_rows(rows), backward_block, (void *)(uintptr_t)a);
    if (a->outs[1] != NULL)
        heed_column_sums(a->device, heed_row(a->outs[1], 0), sums, 2 * n, heed_norm_blocks(rows), n);
    if (a->outs[2] != NULL)
        heed_column_sums(a->device, heed_row(a->outs[2], 0), sums + n, 2 * n, heed_norm_blocks(rows), n);
}

static void layernorm_backward_cost(const heed_node *node, heed_cost *cost)
{
    heed_cost_elementwise(node, 18, cost); /* 7 for the statistics, 7 for the sums, 4 for dx */
}

/* --- its lines --- */

typedef struct figures_of_row {
    heed_figure mean, rstd;
} figures_of_row;

static figures_of_row explain_stats(heed_explanation *e, heed_figures x, int64_t n, float eps)
{
    const heed_figure zero = heed_constant(0.0), count = heed_constant((double)n);
    const heed_figure sum = heed_explain_sum_from(e, HEED_IN_DOUBLE, "sum", zero, n, "x[j]", x);
    const heed_figure mean = heed_explain_step_in(e, HEED_IN_DOUBLE, "mean", "sum / n", sum, count);
    const heed_figure squares = heed_explain_sum_from(
        e, HEED_IN_DOUBLE, "squares", zero, n, "(x[j] - mean) * (x[j] - mean)", x, heed_explain_same(e, mean));
    const heed_figure var = heed_explain_step_in(e, HEED_IN_DOUBLE, "var", "squares / n", squares, count);

    return (figures_of_row){mean, heed_explain_step_in(e, HEED_IN_DOUBLE, "rstd", "1 / sqrt(var + eps)", var,
                                                       heed_constant((double)eps))};
}

static heed_figure explain_normalized(heed_explanation *e, const char *label, heed_figure x, figures_of_row s)
{
    return heed_explain_step_in(e, HEED_IN_DOUBLE, label, "f32((x - mean) * rstd)", x, s.mean, s.rstd);
}

static void explain_dx(const heed_op_args *a, int64_t element, heed_explanation *e)
{
    const int64_t n = heed_cols(a->in[0]), i = element % n, first = element - i;
    const heed_figure zero = heed_constant(0.0), count = heed_constant((double)n);
    const heed_figures x = heed_explain_operand(e, a, 0, "x", first, 1, n);
    const heed_figures gamma = heed_explain_operand(e, a, 1, "gamma", 0, 1, n);
    const heed_figures dy = heed_explain_operand(e, a, 2, "dy", first, 1, n);
    const figures_of_row s = explain_stats(e, x, n, eps_of(a));
    const heed_figure sum_g = heed_explain_sum_from(e, HEED_ADDED_IN_DOUBLE, "sum g", zero, n,
                                                    "gamma[j] * dy[j]", gamma, dy);
    const heed_figure sum_gx = heed_explain_sum_from(
        e, HEED_IN_DOUBLE, "sum g xhat", zero, n, "f32(gamma[j] * dy[j]) * f32((x[j] - mean) * rstd)", gamma,
        dy, x, heed_explain_same(e, s.mean), heed_explain_same(e, s.rstd));
    const heed_figure mean_g = heed_explain_step_in(e, HEED_IN_DOUBLE, "mean g", "sum / n", sum_g, count);
    const heed_figure mean_gx = heed_explain_step_in(e, HEED_IN_DOUBLE, "mean g xhat", "sum / n", sum_gx,
                                                     count);
    const heed_figure xhat = explain_normalized(e, "xhat", heed_explain_at(e, x, i), s);
    const heed_figure g = heed_explain_step(e, "g", "gamma * dy", heed_explain_at(e, gamma, i),
                                            heed_explain_at(e, dy, i));

    heed_explain_formula(e,
                         "dx[%lld] = rstd * (g[%lld] - mean g - xhat[%lld] * mean(g * xhat)), g = gamma * dy, "
                         "xhat = (x - mean x) * rstd, rstd = 1 / sqrt(var x + %g)",
                         (long long)i, (long long)i, (long long)i, (double)eps_of(a));
    heed_explain_step_in(e, HEED_IN_DOUBLE, "dx", "f32(rstd * (g - mean_g - xhat * mean_g_xhat))", s.rstd, g,
                         mean_g, xhat, mean_gx);
}

static void explain_dgamma(const heed_op_args *a, int64_t i, heed_explanation *e)
{
    const int64_t rows = heed_rows(a->in[0]), n = heed_cols(a->in[0]);
    const heed_figures x = heed_explain_operand(e, a, 0, "x", 0, 1, rows * n);
    const heed_figures dy = heed_explain_operand(e, a, 2, "dy", i, n, rows);
    heed_figure *xhat = heed_explain_room(e, rows);

    heed_explain_formula(
        e, "dgamma[%lld] = sum_r dy[r, %lld] * xhat[r, %lld], xhat = (x - mean x) * rstd of row r",
        (long long)i, (long long)i, (long long)i);
    heed_explain_enter(e);
    for (int64_t r = 0; r < rows; r++) {
        const figures_of_row s = explain_stats(e, heed_figures_part(x, r * n, 1), n, eps_of(a));

        xhat[r] = explain_normalized(e, heed_explain_label(e, "xhat[%lld]", (long long)r),
                                     heed_explain_at(e, x, r * n + i), s);
    }
    heed_explain_leave(e);
    heed_explain_sum(e, "dgamma", rows, "dy[r] * xhat[r]", dy, heed_figures_of(xhat));
}

static void explain_dbeta(const heed_op_args *a, int64_t i, heed_explanation *e)
{
    const int64_t rows = heed_rows(a->in[0]), n = heed_cols(a->in[0]);
    const heed_figures dy = heed_explain_operand(e, a, 2, "dy", i, n, rows);

    heed_explain_formula(e, "dbeta[%lld] = sum_r dy[r, %lld]", (long long)i, (long long)i);
    heed_explain_sum(e, "dbeta", rows, "dy[r]", dy);
}

static void layernorm_backward_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    if (output == 0)
        explain_dx(a, element, e);
    else if (output == 1)
        explain_dgamma(a, element, e);
    else
        explain_dbeta(a, element, e);
}

const heed_op heed_op_layernorm_backward = {
    .name = "layernorm_backward",
    .n_inputs = 3,
    .n_outputs = 3,
    .shape = layernorm_backward_shape,
    .forward = layernorm_backward_forward,
    .fast = layernorm_backward_fast,
    .cost = layernorm_backward_cost,
    .explain = layernorm_backward_explain,
    .workspace = layernorm_backward_workspace,
    .reuse = {HEED_INPUT(0) | HEED_INPUT(2)},
};

/* --- layernorm: in x, gamma, beta or none; out y --- */

static bool layernorm_shape(heed_graph *g, heed_node *y)
{
    if (!heed_norm_check(g, y))
        return false;
    heed_node_set_shape(y, 0, HEED_F32, y->in[0]->tensor.shape);
    return heed_expect_shape(g, y, 2, "beta", HEED_F32, heed_shape_last(&y->in[0]->tensor.shape, 1));
}

static float layernorm_of(float x, row_stats s, float gamma, float beta)
{
    return normalized(x, s) * gamma + beta;
}

static void layernorm_forward(const heed_op_args *a)
{
    const int64_t rows = heed_rows(a->out), n = heed_cols(a->out);
    const float *gamma = heed_row(a->in[1], 0), *beta = a->in[2] != NULL ? heed_row(a->in[2], 0) : NULL;

    for (int64_t r = 0; r < rows; r++) {
        const float *x = heed_row(a->in[0], r);
        float *y = heed_row(a->out, r);
        const row_stats s = stats_of_row(x, n, eps_of(a));

        for (int64_t i = 0; i < n; i++)
            y[i] = layernorm_of(x[i], s, gamma[i], beta != NULL ? beta[i] : 0.0f);
    }
}

static void layernorm_rows(const void *context, const heed_span *s)
{
    const heed_op_args *a = context;
    const float *gamma = heed_row(a->in[1], 0), *beta = a->in[2] != NULL ? heed_row(a->in[2], 0) : NULL;

    a->device->kernels->layernorm(s->out[0], s->in[0], gamma, beta, eps_of(a), s->n, heed_cols(a->out));
}

static void layernorm_fast(const heed_op_args *a)
{
    heed_map_rows(a, HEED_INPUT(0), layernorm_rows, a);
}

static void layernorm_grad(heed_graph *g, heed_node *y, heed_node *const *dy, heed_node **dx)
{
    heed_node *all = heed_node_append_with(g, &heed_op_layernorm_backward, y->attrs, sizeof(layernorm_attrs),
                                           y->in[0], y->in[1], dy[0]);

    for (int i = 0; i < 3 && all != NULL; i++) {
        if (heed_node_wants_grad(y->in[i]))
            dx[i] = all->outputs[i];
    }
}

static void layernorm_cost(const heed_node *y, heed_cost *cost)
{
    heed_cost_elementwise(y, 8, cost); /* 1 for the mean, 3 for the variance, 4 for y */
}

static void layernorm_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const int64_t n = heed_cols(a->out), i = element % n;
    const heed_figures x = heed_explain_operand(e, a, 0, "x", element - i, 1, n);
    const heed_figure gamma = heed_explain_figure(e, a, 1, "gamma", i);
    const figures_of_row s = explain_stats(e, x, n, eps_of(a));
    const heed_figure xhat = explain_normalized(e, "xhat", heed_explain_at(e, x, i), s);

    (void)output;
    heed_explain_formula(e, "y[%lld] = (x[%lld] - mean x) / sqrt(var x + %g) * gamma%s", (long long)i,
                         (long long)i, (double)eps_of(a), a->in[2] != NULL ? " + beta" : "");
    heed_explain_step(e, "y", "xhat * gamma + beta", xhat, gamma,
                      a->in[2] != NULL ? heed_explain_figure(e, a, 2, "beta", i) : heed_constant(0.0));
}

const heed_op heed_op_layernorm = {
    .name = "layernorm",
    .n_inputs = 3,
    .required_inputs = 2,
    .shape = layernorm_shape,
    .forward = layernorm_forward,
    .fast = layernorm_fast,
    .grad = layernorm_grad,
    .cost = layernorm_cost,
    .explain = layernorm_explain,
    .reuse = {HEED_INPUT(0)},
};

heed_node *heed_layernorm(heed_graph *g, heed_node *x, heed_node *gamma, heed_node *beta, float eps)
{
    const layernorm_attrs attrs = {.eps = eps};

    return heed_node_append_with(g, &heed_op_layernorm, &attrs, sizeof attrs, x, gamma, beta);
}
