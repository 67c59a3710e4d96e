/* SPDX-License-Identifier: MIT */
/*
 * The logistic function, element by element.
 *
 *   sigmoid            y  = 1 / (1 + e^-x)
 *   sigmoid_backward   dx = dy y (1 - y)
 *
 * Nothing overflows: sigmoid(-1000) is 0 and sigmoid(1000) is 1. The gradient reads y
 * alone, so the planner may reuse the memory of x.
 */
#include "ops/common.h"
#include "ops/gates.h"
#include "ops/list.h"
#include "ops/ops.h"

static float sigmoid_gradient(float y, float dy)
{
    return dy * (y * (1.0f - y));
}

/* --- sigmoid_backward: in y, dy; out dx --- */

static bool sigmoid_backward_shape(heed_graph *g, heed_node *dx)
{
    return heed_shape_like_first(g, dx) && heed_expect_shape(g, dx, 1, "dy", HEED_F32, dx->in[0]->tensor.shape);
}

static void sigmoid_backward_forward(const heed_op_args *a)
{
    const int64_t rows = heed_rows(a->out), n = heed_cols(a->out);

    for (int64_t r = 0; r < rows; r++) {
        const float *y = heed_row(a->in[0], r), *dy = heed_row(a->in[1], r);
        float *dx = heed_row(a->out, r);

        for (int64_t i = 0; i < n; i++)
            dx[i] = sigmoid_gradient(y[i], dy[i]);
    }
}

static void sigmoid_backward_span(const void *context, const heed_span *s)
{
    const heed_op_args *a = context;

    a->device->kernels->sigmoid_backward(s->out[0], s->in[0], s->in[1], s->n);
}

static void sigmoid_backward_fast(const heed_op_args *a)
{
    heed_map_elements(a, HEED_INPUT(0) | HEED_INPUT(1), sigmoid_backward_span, a);
}

static void sigmoid_backward_cost(const heed_node *dx, heed_cost *cost)
{
    heed_cost_elementwise(dx, 3, cost);
}

static void sigmoid_backward_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const heed_figure y = heed_explain_figure(e, a, 0, "y", element);
    const heed_figure dy = heed_explain_figure(e, a, 1, "dy", element);

    (void)output;
    heed_explain_formula(e, "dx = dy y (1 - y)");
    heed_explain_step(e, "dx", "dy * (y * (1 - y))", dy, y);
}

const heed_op heed_op_sigmoid_backward = {
    .name = "sigmoid_backward",
    .n_inputs = 2,
    .shape = sigmoid_backward_shape,
    .forward = sigmoid_backward_forward,
    .fast = sigmoid_backward_fast,
    .cost = sigmoid_backward_cost,
    .explain = sigmoid_backward_explain,
    .reuse = {HEED_INPUT(0) | HEED_INPUT(1)},
};

/* --- sigmoid: in x; out y --- */

static void sigmoid_forward(const heed_op_args *a)
{
    const int64_t rows = heed_rows(a->out), n = heed_cols(a->out);

    for (int64_t r = 0; r < rows; r++) {
        const float *x = heed_row(a->in[0], r);
        float *y = heed_row(a->out, r);

        for (int64_t i = 0; i < n; i++)
            y[i] = heed_sigmoid_of(x[i]);
    }
}

static void sigmoid_span(const void *context, const heed_span *s)
{
    const heed_op_args *a = context;

    a->device->kernels->sigmoid(s->out[0], s->in[0], s->n);
}

static void sigmoid_fast(const heed_op_args *a)
{
    heed_map_elements(a, HEED_INPUT(0), sigmoid_span, a);
}

static void sigmoid_grad(heed_graph *g, heed_node *y, heed_node *const *dy, heed_node **dx)
{
    if (heed_node_wants_grad(y->in[0]))
        dx[0] = heed_node_append(g, &heed_op_sigmoid_backward, y, dy[0]);
}

static void sigmoid_cost(const heed_node *y, heed_cost *cost)
{
    heed_cost_elementwise(y, 4, cost);
}

static void sigmoid_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const heed_figure x = heed_explain_figure(e, a, 0, "x", element);

    (void)output;
    heed_explain_formula(e, "y = 1 / (1 + exp(-x))");
    heed_explain_sigmoid(e, "y", x);
}

const heed_op heed_op_sigmoid = {
    .name = "sigmoid",
    .n_inputs = 1,
    .shape = heed_shape_like_first,
    .forward = sigmoid_forward,
    .fast = sigmoid_fast,
    .grad = sigmoid_grad,
    .cost = sigmoid_cost,
    .explain = sigmoid_explain,
    .reuse = {HEED_INPUT(0)},
};

heed_node *heed_sigmoid(heed_graph *g, heed_node *x)
{
    return heed_node_append(g, &heed_op_sigmoid, x);
}
