/* SPDX-License-Identifier: MIT */
/*
 * Multiplication by a constant.       y = factor x        dx = factor dy, so the gradient is a scale too
 */
#include "ops/common.h"
#include "ops/list.h"
#include "ops/ops.h"

typedef struct scale_attrs {
    float factor;
} scale_attrs;

static float factor_of(const heed_op_args *a)
{
    return ((const scale_attrs *)a->attrs)->factor;
}

static void scale_forward(const heed_op_args *a)
{
    const int64_t rows = heed_rows(a->out), n = heed_cols(a->out);
    const float factor = factor_of(a);

    for (int64_t r = 0; r < rows; r++) {
        const float *x = heed_row(a->in[0], r);
        float *y = heed_row(a->out, r);

        for (int64_t i = 0; i < n; i++)
            y[i] = factor * x[i];
    }
}

static void scale_span(const void *context, const heed_span *s)
{
    const heed_op_args *a = context;

    a->device->kernels->scale(s->out[0], s->in[0], factor_of(a), s->n);
}

static void scale_fast(const heed_op_args *a)
{
    heed_map_elements(a, HEED_INPUT(0), scale_span, a);
}

static void scale_grad(heed_graph *g, heed_node *y, heed_node *const *dy, heed_node **dx)
{
    if (heed_node_wants_grad(y->in[0]))
        dx[0] = heed_scale(g, dy[0], ((const scale_attrs *)y->attrs)->factor);
}

static void scale_cost(const heed_node *y, heed_cost *cost)
{
    heed_cost_elementwise(y, 1, cost);
}

static void scale_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const heed_figure x = heed_explain_figure(e, a, 0, "x", element);

    (void)output;
    heed_explain_formula(e, "y = %g * x", (double)factor_of(a));
    heed_explain_step(e, "y", "factor * x", heed_constant((double)factor_of(a)), x);
}

const heed_op heed_op_scale = {
    .name = "scale",
    .n_inputs = 1,
    .shape = heed_shape_like_first,
    .forward = scale_forward,
    .fast = scale_fast,
    .grad = scale_grad,
    .cost = scale_cost,
    .explain = scale_explain,
    .reuse = {HEED_INPUT(0)},
};

heed_node *heed_scale(heed_graph *g, heed_node *x, float factor)
{
    const scale_attrs attrs = {.factor = factor};

    return heed_node_append_with(g, &heed_op_scale, &attrs, sizeof attrs, x);
}
