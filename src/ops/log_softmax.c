/* SPDX-License-Identifier: MIT */
/*
 * The logarithm of softmax over the last axis.       x [..., n]  ->  y [..., n]
 *
 *   m = max_j x_j      log_softmax             y_i  = (x_i - m) - log sum_j exp(x_j - m)
 *                      log_softmax_backward    dx_i = dy_i - exp(y_i) sum_j dy_j
 *
 * The difference to the maximum comes first, so logits in the thousands keep their digits; the plain loops sum in
 * double. An element of -inf gives -inf, and its gradient is its own dy alone. A row of -inf (nothing to choose from)
 * gives -inf throughout and passes no gradient; a row with a NaN gives NaN. The gradient reads y alone, so the planner
 * may reuse the memory of x.
 */
#include <math.h>

#include "ops/common.h"
#include "ops/list.h"
#include "ops/ops.h"

/* --- log_softmax_backward: in y, dy; out dx --- */

static bool log_softmax_backward_shape(heed_graph *g, heed_node *dx)
{
    return heed_shape_like_first(g, dx) && heed_expect_shape(g, dx, 1, "dy", HEED_F32, dx->in[0]->tensor.shape);
}

static double sum_of_row(const float *dy, int64_t n)
{
    double sum = 0.0;

    for (int64_t i = 0; i < n; i++)
        sum += (double)dy[i];
    return sum;
}

/* False when y is -inf throughout. */
static bool row_sees(const float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        if (y[i] != -INFINITY)
            return true;
    }
    return false;
}

static float dx_of(float y, float dy, double sum, bool sees)
{
    return sees ? (float)((double)dy - (double)expf(y) * sum) : 0.0f;
}

static void log_softmax_backward_forward(const heed_op_args *a)
{
    const int64_t rows = heed_rows(a->out), n = heed_cols(a->out);

    for (int64_t r = 0; r < rows; r++) {
        const float *y = heed_row(a->in[0], r), *dy = heed_row(a->in[1], r);
        float *dx = heed_row(a->out, r);
        const double sum = sum_of_row(dy, n);
        const bool sees = row_sees(y, n);

        for (int64_t i = 0; i < n; i++)
            dx[i] = dx_of(y[i], dy[i], sum, sees);
    }
}

static void log_softmax_backward_rows(const void *context, const heed_span *s)
{
    const heed_op_args *a = context;

    a->device->kernels->log_softmax_backward(s->out[0], s->in[0], s->in[1], s->n, heed_cols(a->out));
}

static void log_softmax_backward_fast(const heed_op_args *a)
{
    heed_map_rows(a, HEED_INPUT(0) | HEED_INPUT(1), log_softmax_backward_rows, a);
}

static void log_softmax_backward_cost(const heed_node *dx, heed_cost *cost)
{
    heed_cost_elementwise(dx, 4, cost);
}

static void log_softmax_backward_explain(const heed_op_args *a, int output, int64_t element,
                                         heed_explanation *e)
{
    const int64_t n = heed_cols(a->out), i = element % n, first = element - i;
    const heed_figures y = heed_explain_operand(e, a, 0, "y", first, 1, n);
    const heed_figures dy = heed_explain_operand(e, a, 1, "dy", first, 1, n);

    (void)output;
    heed_explain_formula(e, "dx[%lld] = dy[%lld] - exp(y[%lld]) * sum_j dy[j]", (long long)i, (long long)i,
                         (long long)i);
    if (!row_sees(heed_explain_values(e, y), n)) {
        heed_explain_found(e, "dx", 0.0, "the row is -inf throughout: nothing to choose from");
        return;
    }
    const heed_figure sum = heed_explain_sum_from(e, HEED_IN_DOUBLE, "sum", heed_constant(0.0), n, "dy[j]", dy);
    const heed_figure p = heed_explain_step(e, "p", "exp(y)", heed_explain_at(e, y, i));

    heed_explain_step_in(e, HEED_IN_DOUBLE, "dx", "f32(dy - p * sum)", heed_explain_at(e, dy, i), p, sum);
}

const heed_op heed_op_log_softmax_backward = {
    .name = "log_softmax_backward",
    .n_inputs = 2,
    .shape = log_softmax_backward_shape,
    .forward = log_softmax_backward_forward,
    .fast = log_softmax_backward_fast,
    .cost = log_softmax_backward_cost,
    .explain = log_softmax_backward_explain,
    .reuse = {HEED_INPUT(0) | HEED_INPUT(1)},
};

/* --- log_softmax: in x; out y --- */

/* What is subtracted: the largest element, then the logarithm of the sum. Both 0 in a row of -inf, where -inf - -inf
 * would be NaN. */
typedef struct row_shift {
    float max;
    double log_sum;
} row_shift;

static row_shift shift_of_row(const float *x, int64_t n)
{
    row_shift shift = {-INFINITY, 0.0};
    double sum = 0.0;

    for (int64_t i = 0; i < n; i++)
        shift.max = x[i] > shift.max ? x[i] : shift.max;
    if (shift.max == -INFINITY)
        shift.max = 0.0f;
    for (int64_t i = 0; i < n; i++)
        sum += (double)expf(x[i] - shift.max);
    shift.log_sum = sum == 0.0 ? 0.0 : log(sum);
    return shift;
}

static float log_softmax_of(float x, row_shift shift)
{
    return (float)((double)(x - shift.max) - shift.log_sum);
}

static void log_softmax_forward(const heed_op_args *a)
{
    const int64_t rows = heed_rows(a->out), n = heed_cols(a->out);

    for (int64_t r = 0; r < rows; r++) {
        const float *x = heed_row(a->in[0], r);
        float *y = heed_row(a->out, r);
        const row_shift shift = shift_of_row(x, n);

        for (int64_t i = 0; i < n; i++)
            y[i] = log_softmax_of(x[i], shift);
    }
}

static void log_softmax_rows(const void *context, const heed_span *s)
{
    const heed_op_args *a = context;

    a->device->kernels->log_softmax(s->out[0], s->in[0], s->n, heed_cols(a->out));
}

static void log_softmax_fast(const heed_op_args *a)
{
    heed_map_rows(a, HEED_INPUT(0), log_softmax_rows, a);
}

static void log_softmax_grad(heed_graph *g, heed_node *y, heed_node *const *dy, heed_node **dx)
{
    if (heed_node_wants_grad(y->in[0]))
        dx[0] = heed_node_append(g, &heed_op_log_softmax_backward, y, dy[0]);
}

static void log_softmax_cost(const heed_node *y, heed_cost *cost)
{
    heed_cost_elementwise(y, 5, cost);
}

static void log_softmax_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const int64_t n = heed_cols(a->out), i = element % n;
    const heed_figures x = heed_explain_operand(e, a, 0, "x", element - i, 1, n);
    const heed_figure m = heed_explain_shift(e, heed_explain_largest(e, "m", n, x));

    (void)output;
    heed_explain_formula(e, "y[%lld] = (x[%lld] - max x) - log sum_j exp(x[j] - max x)", (long long)i,
                         (long long)i);
    const heed_figure sum = heed_explain_sum_from(e, HEED_ADDED_IN_DOUBLE, "sum", heed_constant(0.0), n,
                                                  "exp(x[j] - m)", x, heed_explain_same(e, m));
    const heed_figure log_sum = sum.value == 0.0
                                    ? heed_explain_found(e, "log sum", 0.0, "there is nothing to share")
                                    : heed_explain_step_in(e, HEED_IN_DOUBLE, "log sum", "log(sum)", sum);
    const heed_figure below = heed_explain_step(e, "below", "x - m", heed_explain_at(e, x, i), m);

    heed_explain_step_in(e, HEED_IN_DOUBLE, "y", "f32(below - log_sum)", below, log_sum);
}

const heed_op heed_op_log_softmax = {
    .name = "log_softmax",
    .n_inputs = 1,
    .shape = heed_shape_like_first,
    .forward = log_softmax_forward,
    .fast = log_softmax_fast,
    .grad = log_softmax_grad,
    .cost = log_softmax_cost,
    .explain = log_softmax_explain,
    .reuse = {HEED_INPUT(0)},
};

heed_node *heed_log_softmax(heed_graph *g, heed_node *x)
{
    return heed_node_append(g, &heed_op_log_softmax, x);
}
