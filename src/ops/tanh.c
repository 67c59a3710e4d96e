/* SPDX-License-Identifier: MIT */
/*
 * Hyperbolic tangent, element by element.
 *
 *   tanh            y  = tanh x
 *   tanh_backward   dx = dy (1 - y) (1 + y)
 *
 * The product keeps the digits that 1 - y^2 would lose where |y| is close to 1. The gradient reads y alone, so the
 * planner may reuse the memory of x.
 */
#include <math.h>

#include "ops/common.h"
#include "ops/list.h"
#include "ops/ops.h"

static float tanh_gradient(float y, float dy)
{
    return dy * ((1.0f - y) * (1.0f + y));
}

/* --- tanh_backward: in y, dy; out dx --- */

static bool tanh_backward_shape(heed_graph *g, heed_node *dx)
{
    return heed_shape_like_first(g, dx) && heed_expect_shape(g, dx, 1, "dy", HEED_F32, dx->in[0]->tensor.shape);
}

static void tanh_backward_forward(const heed_op_args *a)
{
    const int64_t rows = heed_rows(a->out), n = heed_cols(a->out);

    for (int64_t r = 0; r < rows; r++) {
        const float *y = heed_row(a->in[0], r), *dy = heed_row(a->in[1], r);
        float *dx = heed_row(a->out, r);

        for (int64_t i = 0; i < n; i++)
            dx[i] = tanh_gradient(y[i], dy[i]);
    }
}

static void tanh_backward_span(const void *context, const heed_span *s)
{
    const heed_op_args *a = context;

    a->device->kernels->tanh_backward(s->out[0], s->in[0], s->in[1], s->n);
}

static void tanh_backward_fast(const heed_op_args *a)
{
    heed_map_elements(a, HEED_INPUT(0) | HEED_INPUT(1), tanh_backward_span, a);
}

static void tanh_backward_cost(const heed_node *dx, heed_cost *cost)
{
    heed_cost_elementwise(dx, 4, cost);
}

static void tanh_backward_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const heed_figure y = heed_explain_figure(e, a, 0, "y", element);
    const heed_figure dy = heed_explain_figure(e, a, 1, "dy", element);

    (void)output;
    heed_explain_formula(e, "dx = dy (1 - y) (1 + y)");
    heed_explain_step(e, "dx", "dy * ((1 - y) * (1 + y))", dy, y);
}

const heed_op heed_op_tanh_backward = {
    .name = "tanh_backward",
    .n_inputs = 2,
    .shape = tanh_backward_shape,
    .forward = tanh_backward_forward,
    .fast = tanh_backward_fast,
    .cost = tanh_backward_cost,
    .explain = tanh_backward_explain,
    .reuse = {HEED_INPUT(0) | HEED_INPUT(1)},
};

/* --- tanh: in x; out y --- */

static void tanh_forward(const heed_op_args *a)
{
    const int64_t rows = heed_rows(a->out), n = heed_cols(a->out);

    for (int64_t r = 0; r < rows; r++) {
        const float *x = heed_row(a->in[0], r);
        float *y = heed_row(a->out, r);

        for (int64_t i = 0; i < n; i++)
            y[i] = tanhf(x[i]);
    }
}

static void tanh_span(const void *context, const heed_span *s)
{
    const heed_op_args *a = context;

    a->device->kernels->tanh(s->out[0], s->in[0], s->n);
}

static void tanh_fast(const heed_op_args *a)
{
    heed_map_elements(a, HEED_INPUT(0), tanh_span, a);
}

static void tanh_grad(heed_graph *g, heed_node *y, heed_node *const *dy, heed_node **dx)
{
    if (heed_node_wants_grad(y->in[0]))
        dx[0] = heed_node_append(g, &heed_op_tanh_backward, y, dy[0]);
}

static void tanh_cost(const heed_node *y, heed_cost *cost)
{
    heed_cost_elementwise(y, 1, cost);
}

static void tanh_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const heed_figure x = heed_explain_figure(e, a, 0, "x", element);

    (void)output;
    heed_explain_formula(e, "y = tanh x");
    heed_explain_step(e, "y", "tanh(x)", x);
}

const heed_op heed_op_tanh = {
    .name = "tanh",
    .n_inputs = 1,
    .shape = heed_shape_like_first,
    .forward = tanh_forward,
    .fast = tanh_fast,
    .grad = tanh_grad,
    .cost = tanh_cost,
    .explain = tanh_explain,
    .reuse = {HEED_INPUT(0)},
};

heed_node *heed_tanh(heed_graph *g, heed_node *x)
{
    return heed_node_append(g, &heed_op_tanh, x);
}
