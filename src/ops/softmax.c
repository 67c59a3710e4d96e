/* SPDX-License-Identifier: MIT */
/*
 * Softmax over the last axis.       x [..., n]  ->  y [..., n]
 *
 *   m = max_j x_j      softmax             y_i  = exp(x_i - m) / sum_j exp(x_j - m)
 *                      softmax_backward    dx_i = y_i * (dy_i - sum_j y_j * dy_j)
 *
 * Subtracting m changes nothing in exact arithmetic and keeps exp() finite. A row of -inf (a query
 * that may attend to nothing) gives zeros, not NaN; a row with a NaN gives NaN. The gradient reads
 * y alone, so the planner may reuse the memory of x.
 */
#include <math.h>

#include "ops/common.h"
#include "ops/list.h"
#include "ops/ops.h"

/* --- softmax_backward: in y, dy; out dx --- */

static bool softmax_backward_shape(heed_graph *g, heed_node *dx)
{
    return heed_shape_like_first(g, dx) && heed_expect_shape(g, dx, 1, "dy", HEED_F32, dx->in[0]->tensor.shape);
}

static float dot_of_row(const float *y, const float *dy, int64_t n)
{
    float dot = 0.0f;

    for (int64_t i = 0; i < n; i++)
        dot += y[i] * dy[i];
    return dot;
}

static void softmax_backward_forward(const heed_op_args *a)
{
    const int64_t rows = heed_rows(a->out), n = heed_cols(a->out);

    for (int64_t r = 0; r < rows; r++) {
        const float *y = heed_row(a->in[0], r);
        const float *dy = heed_row(a->in[1], r);
        float *dx = heed_row(a->out, r);
        const float dot = dot_of_row(y, dy, n);

        for (int64_t i = 0; i < n; i++)
            dx[i] = y[i] * (dy[i] - dot);
    }
}

static void softmax_backward_rows(const void *context, const heed_span *s)
{
    const heed_op_args *a = context;

    a->device->kernels->softmax_backward(s->out[0], s->in[0], s->in[1], s->n, heed_cols(a->out));
}

static void softmax_backward_fast(const heed_op_args *a)
{
    heed_map_rows(a, HEED_INPUT(0) | HEED_INPUT(1), softmax_backward_rows, a);
}

static void softmax_backward_cost(const heed_node *dx, heed_cost *cost)
{
    heed_cost_elementwise(dx, 4, cost);
}

static void softmax_backward_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const int64_t n = heed_cols(a->out), first = element - element % n;
    const heed_figures y = heed_explain_operand(e, a, 0, "y", first, 1, n);
    const heed_figures dy = heed_explain_operand(e, a, 1, "dy", first, 1, n);
    const heed_figure dot = heed_explain_sum(e, "dot", n, "y[j] * dy[j]", y, dy);

    (void)output;
    heed_explain_formula(e, "dx[%lld] = y[%lld] * (dy[%lld] - sum_j y[j] * dy[j])",
                         (long long)(element - first), (long long)(element - first),
                         (long long)(element - first));
    heed_explain_step(e, "dx", "y * (dy - dot)", heed_explain_at(e, y, element - first),
                      heed_explain_at(e, dy, element - first), dot);
}

const heed_op heed_op_softmax_backward = {
    .name = "softmax_backward",
    .n_inputs = 2,
    .shape = softmax_backward_shape,
    .forward = softmax_backward_forward,
    .fast = softmax_backward_fast,
    .cost = softmax_backward_cost,
    .explain = softmax_backward_explain,
    .reuse = {HEED_INPUT(0) | HEED_INPUT(1)},
};

/* --- softmax: in x; out y --- */

/* What is subtracted before exp(): the largest element; 0 in a row of -inf, where -inf - -inf would be NaN. */
static float shift_of_row(const float *x, int64_t n)
{
    float m = -INFINITY;

    for (int64_t i = 0; i < n; i++)
        m = x[i] > m ? x[i] : m;
    return m == -INFINITY ? 0.0f : m;
}

static float sum_of_row(const float *x, float m, int64_t n)
{
    float sum = 0.0f;

    for (int64_t i = 0; i < n; i++)
        sum += expf(x[i] - m);
    return sum;
}

static float softmax_of(float x, float m, float sum)
{
    return sum == 0.0f ? 0.0f : expf(x - m) / sum;
}

static void softmax_forward(const heed_op_args *a)
{
    const int64_t rows = heed_rows(a->out), n = heed_cols(a->out);

    for (int64_t r = 0; r < rows; r++) {
        const float *x = heed_row(a->in[0], r);
        float *y = heed_row(a->out, r);
        const float m = shift_of_row(x, n);
        const float sum = sum_of_row(x, m, n);

        for (int64_t i = 0; i < n; i++)
            y[i] = softmax_of(x[i], m, sum);
    }
}

static void softmax_rows(const void *context, const heed_span *s)
{
    const heed_op_args *a = context;

    a->device->kernels->softmax(s->out[0], s->in[0], s->n, heed_cols(a->out));
}

static void softmax_fast(const heed_op_args *a)
{
    heed_map_rows(a, HEED_INPUT(0), softmax_rows, a);
}

static void softmax_grad(heed_graph *g, heed_node *y, heed_node *const *dy, heed_node **dx)
{
    if (heed_node_wants_grad(y->in[0]))
        dx[0] = heed_node_append(g, &heed_op_softmax_backward, y, dy[0]);
}

static void softmax_cost(const heed_node *y, heed_cost *cost)
{
    heed_cost_elementwise(y, 5, cost);
}

static void softmax_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const int64_t n = heed_cols(a->out), first = element - element % n;
    const heed_figures x = heed_explain_operand(e, a, 0, "x", first, 1, n);
    const heed_figure m = heed_explain_shift(e, heed_explain_largest(e, "m", n, x));
    const heed_figure sum = heed_explain_sum(e, "sum", n, "exp(x[j] - m)", x, heed_explain_same(e, m));

    (void)output;
    heed_explain_formula(e, "y[%lld] = exp(x[%lld] - max x) / sum_j exp(x[j] - max x)",
                         (long long)(element - first), (long long)(element - first));
    if (sum.value == 0.0)
        heed_explain_found(e, "y", 0.0, "there is nothing to share");
    else
        heed_explain_step(e, "y", "exp(x - m) / sum", heed_explain_at(e, x, element - first), m, sum);
}

const heed_op heed_op_softmax = {
    .name = "softmax",
    .n_inputs = 1,
    .shape = heed_shape_like_first,
    .forward = softmax_forward,
    .fast = softmax_fast,
    .grad = softmax_grad,
    .cost = softmax_cost,
    .explain = softmax_explain,
    .reuse = {HEED_INPUT(0)},
};

heed_node *heed_softmax(heed_graph *g, heed_node *x)
{
    return heed_node_append(g, &heed_op_softmax, x);
}
