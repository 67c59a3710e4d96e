/* SPDX-License-Identifier: MIT */
/*
 * Rectified linear unit, element by element.
 *
 *   relu            y  = max(x, 0)
 *   relu_backward   dx = dy where x > 0, else 0        (0 at x = 0, by convention)
 *
 * A NaN in x stays NaN in both.
 */
#include "ops/common.h"
#include "ops/list.h"
#include "ops/ops.h"

/* --- relu_backward: in x, dy; out dx --- */

static float relu_gradient(float x, float dy)
{
    return x > 0.0f ? dy : x <= 0.0f ? 0.0f : x;
}

static bool relu_backward_shape(heed_graph *g, heed_node *dx)
{
    return heed_shape_of_map(g, dx) && heed_expect_floats(g, dx, 1, "dy", &dx->in[0]->tensor.shape);
}

static void relu_backward_forward(const heed_op_args *a)
{
    for (int64_t i = 0; i < heed_tensor_count(a->out); i++)
        heed_tensor_set(a->out, i, relu_gradient(heed_tensor_get(a->in[0], i), heed_tensor_get(a->in[1], i)));
}

static void relu_backward_span(const void *context, const heed_span *s)
{
    const heed_op_args *a = context;

    a->device->kernels->relu_backward(s->out[0], s->in[0], s->in[1], s->n);
}

static void relu_backward_fast(const heed_op_args *a)
{
    heed_map_elements(a, HEED_INPUT(0) | HEED_INPUT(1), relu_backward_span, a);
}

static void relu_cost(const heed_node *y, heed_cost *cost)
{
    heed_cost_elementwise(y, 1, cost);
}

static void relu_backward_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const heed_figure x = heed_explain_figure(e, a, 0, "x", element);
    const heed_figure dy = heed_explain_figure(e, a, 1, "dy", element);

    (void)output;
    heed_explain_formula(e, "dx = dy where x > 0, else 0");
    if (x.value > 0.0)
        heed_explain_step(e, "dx", "dy", dy);
    else if (x.value <= 0.0)
        heed_explain_found(e, "dx", 0.0, "0, as x is not above 0");
    else
        heed_explain_step(e, "dx", "x", x); /* NaN */
}

const heed_op heed_op_relu_backward = {
    .name = "relu_backward",
    .n_inputs = 2,
    .shape = relu_backward_shape,
    .forward = relu_backward_forward,
    .fast = relu_backward_fast,
    .cost = relu_cost,
    .explain = relu_backward_explain,
    .reuse = {HEED_INPUT(0) | HEED_INPUT(1)},
};

/* --- relu: in x; out y --- */

static float relu_of(float x)
{
    return x < 0.0f ? 0.0f : x;
}

static void relu_forward(const heed_op_args *a)
{
    for (int64_t i = 0; i < heed_tensor_count(a->out); i++)
        heed_tensor_set(a->out, i, relu_of(heed_tensor_get(a->in[0], i)));
}

static void relu_span(const void *context, const heed_span *s)
{
    const heed_op_args *a = context;

    a->device->kernels->relu(s->out[0], s->in[0], s->n);
}

static void relu_fast(const heed_op_args *a)
{
    heed_map_elements(a, HEED_INPUT(0), relu_span, a);
}

static void relu_grad(heed_graph *g, heed_node *y, heed_node *const *dy, heed_node **dx)
{
    if (heed_node_wants_grad(y->in[0]))
        dx[0] = heed_node_append(g, &heed_op_relu_backward, y->in[0], dy[0]);
}

static void relu_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const heed_figure x = heed_explain_figure(e, a, 0, "x", element);

    (void)output;
    heed_explain_formula(e, "y = max(x, 0)");
    heed_explain_step(e, "y", "max(0, x)", x);
}

const heed_op heed_op_relu = {
    .name = "relu",
    .n_inputs = 1,
    .shape = heed_shape_of_map,
    .forward = relu_forward,
    .fast = relu_fast,
    .grad = relu_grad,
    .cost = relu_cost,
    .explain = relu_explain,
    .reuse = {HEED_INPUT(0)},
};

heed_node *heed_relu(heed_graph *g, heed_node *x)
{
    return heed_node_append(g, &heed_op_relu, x);
}
