/* SPDX-License-Identifier: MIT */
/*
 * GELU in its exact form, element by element: x times the probability that a normal variable lies below x.
 *
 *   gelu_erf            y  = x / 2 (1 + erf(x / sqrt 2))
 *   gelu_erf_backward   dx = dy ((1 + erf(x / sqrt 2)) / 2 + x exp(-x^2 / 2) / sqrt(2 pi))
 *
 * The plain loop follows the formula; where x << 0 its 1 + erf cancels, an error of some units of
 * float's epsilon in a value near 0. The kernels avoid it.
 * Source: Hendrycks and Gimpel 2016 (arXiv:1606.08415).
 */
#include <math.h>

#include "ops/common.h"
#include "ops/list.h"
#include "ops/ops.h"

static const float ONE_OVER_ROOT_2 = 0.7071067812f, ONE_OVER_ROOT_2_PI = 0.3989422804f;

static float gelu_erf_of(float x)
{
    return 0.5f * x * (1.0f + erff(x * ONE_OVER_ROOT_2));
}

static float gelu_erf_gradient(float x, float dy)
{
    const float below = 0.5f * (1.0f + erff(x * ONE_OVER_ROOT_2));

    return dy * (below + x * ONE_OVER_ROOT_2_PI * expf(-0.5f * x * x));
}

/* --- gelu_erf_backward: in x, dy; out dx --- */

static bool gelu_erf_backward_shape(heed_graph *g, heed_node *dx)
{
    return heed_shape_of_map(g, dx) && heed_expect_floats(g, dx, 1, "dy", &dx->in[0]->tensor.shape);
}

static void gelu_erf_backward_forward(const heed_op_args *a)
{
    for (int64_t i = 0; i < heed_tensor_count(a->out); i++)
        heed_tensor_set(a->out, i,
                        gelu_erf_gradient(heed_tensor_get(a->in[0], i), heed_tensor_get(a->in[1], i)));
}

static void gelu_erf_backward_span(const void *context, const heed_span *s)
{
    const heed_op_args *a = context;

    a->device->kernels->gelu_erf_backward(s->out[0], s->in[0], s->in[1], s->n);
}

static void gelu_erf_backward_fast(const heed_op_args *a)
{
    heed_map_elements(a, HEED_INPUT(0) | HEED_INPUT(1), gelu_erf_backward_span, a);
}

static void gelu_erf_backward_cost(const heed_node *dx, heed_cost *cost)
{
    heed_cost_elementwise(dx, 11, cost);
}

/* c = 1 / sqrt 2 */
static heed_figure explain_erf(heed_explanation *e, heed_figure x)
{
    return heed_explain_step(e, "t", "erf(x * c)", x, heed_constant((double)ONE_OVER_ROOT_2));
}

static void gelu_erf_backward_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const heed_figure x = heed_explain_figure(e, a, 0, "x", element);
    const heed_figure dy = heed_explain_figure(e, a, 1, "dy", element);
    const heed_figure t = explain_erf(e, x);
    const heed_figure below = heed_explain_step(e, "below", "0.5 * (1 + t)", t);

    (void)output;
    heed_explain_formula(e, "dx = dy (0.5 (1 + erf(x / sqrt 2)) + x exp(-x^2 / 2) / sqrt(2 pi))");
    heed_explain_step(e, "dx", "dy * (below + x * c * exp(-0.5 * x * x))", dy, below, x,
                      heed_constant((double)ONE_OVER_ROOT_2_PI));
}

const heed_op heed_op_gelu_erf_backward = {
    .name = "gelu_erf_backward",
    .n_inputs = 2,
    .shape = gelu_erf_backward_shape,
    .forward = gelu_erf_backward_forward,
    .fast = gelu_erf_backward_fast,
    .cost = gelu_erf_backward_cost,
    .explain = gelu_erf_backward_explain,
    .reuse = {HEED_INPUT(0) | HEED_INPUT(1)},
};

/* --- gelu_erf: in x; out y --- */

static void gelu_erf_forward(const heed_op_args *a)
{
    for (int64_t i = 0; i < heed_tensor_count(a->out); i++)
        heed_tensor_set(a->out, i, gelu_erf_of(heed_tensor_get(a->in[0], i)));
}

static void gelu_erf_span(const void *context, const heed_span *s)
{
    const heed_op_args *a = context;

    a->device->kernels->gelu_erf(s->out[0], s->in[0], s->n);
}

static void gelu_erf_fast(const heed_op_args *a)
{
    heed_map_elements(a, HEED_INPUT(0), gelu_erf_span, a);
}

static void gelu_erf_grad(heed_graph *g, heed_node *y, heed_node *const *dy, heed_node **dx)
{
    if (heed_node_wants_grad(y->in[0]))
        dx[0] = heed_node_append(g, &heed_op_gelu_erf_backward, y->in[0], dy[0]);
}

static void gelu_erf_cost(const heed_node *y, heed_cost *cost)
{
    heed_cost_elementwise(y, 5, cost);
}

static void gelu_erf_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const heed_figure x = heed_explain_figure(e, a, 0, "x", element);
    const heed_figure t = explain_erf(e, x);

    (void)output;
    heed_explain_formula(e, "y = 0.5 x (1 + erf(x / sqrt 2))");
    heed_explain_step(e, "y", "0.5 * x * (1 + t)", x, t);
}

const heed_op heed_op_gelu_erf = {
    .name = "gelu_erf",
    .n_inputs = 1,
    .shape = heed_shape_of_map,
    .forward = gelu_erf_forward,
    .fast = gelu_erf_fast,
    .grad = gelu_erf_grad,
    .cost = gelu_erf_cost,
    .explain = gelu_erf_explain,
    .reuse = {HEED_INPUT(0)},
};

heed_node *heed_gelu_erf(heed_graph *g, heed_node *x)
{
    return heed_node_append(g, &heed_op_gelu_erf, x);
}
