/* SPDX-License-Identifier: MIT */
/*
 * GELU in the tanh form that GPT-2 uses, element by element.
 *
 *   u = sqrt(2 / pi) (x + 0.044715 x^3)      t = tanh u
 *
 *   gelu_tanh            y  = x / 2 (1 + t)
 *   gelu_tanh_backward   dx = dy ((1 + t) / 2 + x / 2 (1 - t^2) sqrt(2 / pi) (1 + 3 0.044715 x^2))
 *
 * The plain loop follows the formula; where x << 0 its 1 + t cancels, an error of some units of
 * float's epsilon in a value near 0. The kernels avoid it.
 * Source: Hendrycks and Gimpel 2016 (arXiv:1606.08415).
 */
#include <math.h>

#include "ops/common.h"
#include "ops/list.h"
#include "ops/ops.h"

static const float ROOT_2_OVER_PI = 0.7978845608f, CUBIC = 0.044715f;

static float gelu_tanh_of(float x)
{
    return 0.5f * x * (1.0f + tanhf(ROOT_2_OVER_PI * (x + CUBIC * x * x * x)));
}

static float gelu_tanh_gradient(float x, float dy)
{
    const float t = tanhf(ROOT_2_OVER_PI * (x + CUBIC * x * x * x));
    const float slope = ROOT_2_OVER_PI * (1.0f + 3.0f * CUBIC * x * x);

    return dy * (0.5f * (1.0f + t) + 0.5f * x * (1.0f - t * t) * slope);
}

/* --- gelu_tanh_backward: in x, dy; out dx --- */

static bool gelu_tanh_backward_shape(heed_graph *g, heed_node *dx)
{
    return heed_shape_of_map(g, dx) && heed_expect_floats(g, dx, 1, "dy", &dx->in[0]->tensor.shape);
}

static void gelu_tanh_backward_forward(const heed_op_args *a)
{
    for (int64_t i = 0; i < heed_tensor_count(a->out); i++)
        heed_tensor_set(a->out, i,
                        gelu_tanh_gradient(heed_tensor_get(a->in[0], i), heed_tensor_get(a->in[1], i)));
}

static void gelu_tanh_backward_span(const void *context, const heed_span *s)
{
    const heed_op_args *a = context;

    a->device->kernels->gelu_tanh_backward(s->out[0], s->in[0], s->in[1], s->n);
}

static void gelu_tanh_backward_fast(const heed_op_args *a)
{
    heed_map_elements(a, HEED_INPUT(0) | HEED_INPUT(1), gelu_tanh_backward_span, a);
}

static void gelu_tanh_backward_cost(const heed_node *dx, heed_cost *cost)
{
    heed_cost_elementwise(dx, 15, cost);
}

/* c = sqrt(2 / pi) */
static heed_figure explain_tanh(heed_explanation *e, heed_figure x)
{
    const heed_figure u = heed_explain_step(e, "u", "c * (x + 0.044715 * x * x * x)",
                                            heed_constant((double)ROOT_2_OVER_PI), x);

    return heed_explain_step(e, "t", "tanh(u)", u);
}

static void gelu_tanh_backward_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const heed_figure x = heed_explain_figure(e, a, 0, "x", element);
    const heed_figure dy = heed_explain_figure(e, a, 1, "dy", element);
    const heed_figure t = explain_tanh(e, x);
    const heed_figure slope = heed_explain_step(e, "slope of u", "c * (1 + 3 * 0.044715 * x * x)",
                                                heed_constant((double)ROOT_2_OVER_PI), x);

    (void)output;
    heed_explain_formula(e, "dx = dy (0.5 (1 + t) + 0.5 x (1 - t^2) sqrt(2/pi) (1 + 0.134145 x^2)), t = "
                            "tanh(sqrt(2/pi) (x + 0.044715 x^3))");
    heed_explain_step(e, "dx", "dy * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * slope)", dy, t, x, slope);
}

const heed_op heed_op_gelu_tanh_backward = {
    .name = "gelu_tanh_backward",
    .n_inputs = 2,
    .shape = gelu_tanh_backward_shape,
    .forward = gelu_tanh_backward_forward,
    .fast = gelu_tanh_backward_fast,
    .cost = gelu_tanh_backward_cost,
    .explain = gelu_tanh_backward_explain,
    .reuse = {HEED_INPUT(0) | HEED_INPUT(1)},
};

/* --- gelu_tanh: in x; out y --- */

static void gelu_tanh_forward(const heed_op_args *a)
{
    for (int64_t i = 0; i < heed_tensor_count(a->out); i++)
        heed_tensor_set(a->out, i, gelu_tanh_of(heed_tensor_get(a->in[0], i)));
}

static void gelu_tanh_span(const void *context, const heed_span *s)
{
    const heed_op_args *a = context;

    a->device->kernels->gelu_tanh(s->out[0], s->in[0], s->n);
}

static void gelu_tanh_fast(const heed_op_args *a)
{
    heed_map_elements(a, HEED_INPUT(0), gelu_tanh_span, a);
}

static void gelu_tanh_grad(heed_graph *g, heed_node *y, heed_node *const *dy, heed_node **dx)
{
    if (heed_node_wants_grad(y->in[0]))
        dx[0] = heed_node_append(g, &heed_op_gelu_tanh_backward, y->in[0], dy[0]);
}

static void gelu_tanh_cost(const heed_node *y, heed_cost *cost)
{
    heed_cost_elementwise(y, 8, cost);
}

static void gelu_tanh_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const heed_figure x = heed_explain_figure(e, a, 0, "x", element);
    const heed_figure t = explain_tanh(e, x);

    (void)output;
    heed_explain_formula(e, "y = 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))");
    heed_explain_step(e, "y", "0.5 * x * (1 + t)", x, t);
}

const heed_op heed_op_gelu_tanh = {
    .name = "gelu_tanh",
    .n_inputs = 1,
    .shape = heed_shape_of_map,
    .forward = gelu_tanh_forward,
    .fast = gelu_tanh_fast,
    .grad = gelu_tanh_grad,
    .cost = gelu_tanh_cost,
    .explain = gelu_tanh_explain,
    .reuse = {HEED_INPUT(0)},
};

heed_node *heed_gelu_tanh(heed_graph *g, heed_node *x)
{
    return heed_node_append(g, &heed_op_gelu_tanh, x);
}
