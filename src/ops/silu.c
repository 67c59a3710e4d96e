/* SPDX-License-Identifier: MIT */
/*
 * Sigmoid linear unit (swish), element by element.      s = 1 / (1 + e^-x)
 *
 *   silu            y  = x s
 *   silu_backward   dx = dy s (1 + x (1 - s))
 *
 * Far left of 0 both are 0, for -inf too.
 * Source: Hendrycks and Gimpel 2016 (arXiv:1606.08415); Elfwing et al. 2017 (arXiv:1702.03118).
 */
#include "ops/common.h"
#include "ops/gates.h"
#include "ops/list.h"
#include "ops/ops.h"

static float silu_gradient(float x, float dy)
{
    return dy * heed_silu_slope(x);
}

/* --- silu_backward: in x, dy; out dx --- */

static bool silu_backward_shape(heed_graph *g, heed_node *dx)
{
    return heed_shape_of_map(g, dx) && heed_expect_floats(g, dx, 1, "dy", &dx->in[0]->tensor.shape);
}

static void silu_backward_forward(const heed_op_args *a)
{
    for (int64_t i = 0; i < heed_tensor_count(a->out); i++)
        heed_tensor_set(a->out, i, silu_gradient(heed_tensor_get(a->in[0], i), heed_tensor_get(a->in[1], i)));
}

static void silu_backward_span(const void *context, const heed_span *s)
{
    const heed_op_args *a = context;

    a->device->kernels->silu_backward(s->out[0], s->in[0], s->in[1], s->n);
}

static void silu_backward_fast(const heed_op_args *a)
{
    heed_map_elements(a, HEED_INPUT(0) | HEED_INPUT(1), silu_backward_span, a);
}

static void silu_backward_cost(const heed_node *dx, heed_cost *cost)
{
    heed_cost_elementwise(dx, 9, cost);
}

static void silu_backward_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const heed_figure x = heed_explain_figure(e, a, 0, "x", element);
    const heed_figure dy = heed_explain_figure(e, a, 1, "dy", element);
    const heed_figure slope = heed_explain_silu_slope(e, x);

    (void)output;
    heed_explain_formula(e, "dx = dy s (1 + x (1 - s)), s = 1 / (1 + exp(-x))");
    heed_explain_step(e, "dx", "dy * slope", dy, slope);
}

const heed_op heed_op_silu_backward = {
    .name = "silu_backward",
    .n_inputs = 2,
    .shape = silu_backward_shape,
    .forward = silu_backward_forward,
    .fast = silu_backward_fast,
    .cost = silu_backward_cost,
    .explain = silu_backward_explain,
    .reuse = {HEED_INPUT(0) | HEED_INPUT(1)},
};

/* --- silu: in x; out y --- */

static void silu_forward(const heed_op_args *a)
{
    for (int64_t i = 0; i < heed_tensor_count(a->out); i++)
        heed_tensor_set(a->out, i, heed_silu_of(heed_tensor_get(a->in[0], i)));
}

static void silu_span(const void *context, const heed_span *s)
{
    const heed_op_args *a = context;

    a->device->kernels->silu(s->out[0], s->in[0], s->n);
}

static void silu_fast(const heed_op_args *a)
{
    heed_map_elements(a, HEED_INPUT(0), silu_span, a);
}

static void silu_grad(heed_graph *g, heed_node *y, heed_node *const *dy, heed_node **dx)
{
    if (heed_node_wants_grad(y->in[0]))
        dx[0] = heed_node_append(g, &heed_op_silu_backward, y->in[0], dy[0]);
}

static void silu_cost(const heed_node *y, heed_cost *cost)
{
    heed_cost_elementwise(y, 5, cost);
}

static void silu_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const heed_figure x = heed_explain_figure(e, a, 0, "x", element);

    (void)output;
    heed_explain_formula(e, "y = x s, s = 1 / (1 + exp(-x))");
    heed_explain_silu(e, "y", x);
}

const heed_op heed_op_silu = {
    .name = "silu",
    .n_inputs = 1,
    .shape = heed_shape_of_map,
    .forward = silu_forward,
    .fast = silu_fast,
    .grad = silu_grad,
    .cost = silu_cost,
    .explain = silu_explain,
    .reuse = {HEED_INPUT(0)},
};

heed_node *heed_silu(heed_graph *g, heed_node *x)
{
    return heed_node_append(g, &heed_op_silu, x);
}
