/* SPDX-License-Identifier: MIT */
/*
 * Square root of a scalar.       y = sqrt(x)        Part of the update: it has no gradient.
 */
#include <math.h>

#include "ops/common.h"
#include "ops/list.h"
#include "ops/ops.h"

static bool sqrt_shape(heed_graph *g, heed_node *y)
{
    return heed_shape_like_first(g, y) && heed_expect_scalar(g, y, 0, "x", HEED_F32);
}

static void sqrt_forward(const heed_op_args *a)
{
    *heed_row(a->out, 0) = sqrtf(heed_scalar(a->in[0]));
}

static void sqrt_cost(const heed_node *y, heed_cost *cost)
{
    heed_cost_elementwise(y, 1, cost);
}

static void sqrt_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const heed_figure x = heed_explain_figure(e, a, 0, "x", element);

    (void)output;
    heed_explain_formula(e, "y = sqrt(x)");
    heed_explain_step(e, "y", "sqrt(x)", x);
}

const heed_op heed_op_sqrt = {
    .name = "sqrt",
    .n_inputs = 1,
    .shape = sqrt_shape,
    .forward = sqrt_forward,
    .cost = sqrt_cost,
    .explain = sqrt_explain,
    .reuse = {HEED_INPUT(0)},
};

heed_node *heed_sqrt(heed_graph *g, heed_node *x)
{
    return heed_node_append(g, &heed_op_sqrt, x);
}
