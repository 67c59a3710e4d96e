/* SPDX-License-Identifier: MIT */
/*
 * What gradients are multiplied by so that their norm does not pass a limit.       norm []  ->  y []
 *
 *   y = min(1, max_norm / (norm + 1e-6))        max_norm 0: no limit, y = 1
 *
 * A norm of NaN gives NaN, so a broken step shows. Part of the update: it has no gradient.
 */
#include "ops/common.h"
#include "ops/list.h"
#include "ops/ops.h"

typedef struct clip_factor_attrs {
    float max_norm;
} clip_factor_attrs;

static float max_norm_of(const heed_op_args *a)
{
    return ((const clip_factor_attrs *)a->attrs)->max_norm;
}

static bool clip_factor_shape(heed_graph *g, heed_node *y)
{
    const float max_norm = ((const clip_factor_attrs *)y->attrs)->max_norm;

    if (!(max_norm >= 0.0f))
        return heed_graph_fail(g, y, HEED_ERR_USAGE, "expected a largest norm of 0 or more, got %g",
                               (double)max_norm);
    return heed_shape_like_first(g, y) && heed_expect_scalar(g, y, 0, "norm", HEED_F32);
}

static float clip_factor_of(float norm, float max_norm)
{
    const float factor = max_norm / (norm + 1e-6f);

    return max_norm == 0.0f || factor > 1.0f ? 1.0f : factor;
}

static void clip_factor_forward(const heed_op_args *a)
{
    *heed_row(a->out, 0) = clip_factor_of(heed_scalar(a->in[0]), max_norm_of(a));
}

static void clip_factor_cost(const heed_node *y, heed_cost *cost)
{
    heed_cost_elementwise(y, 2, cost);
}

static void clip_factor_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const heed_figure norm = heed_explain_figure(e, a, 0, "norm", element);

    (void)output;
    if (max_norm_of(a) == 0.0f) {
        heed_explain_formula(e, "y = 1: no limit is set");
        heed_explain_found(e, "y", 1.0, "no limit is set");
        return;
    }
    heed_explain_formula(e, "y = min(1, %g / (norm + 1e-6))", (double)max_norm_of(a));
    heed_explain_step(e, "y", "min(1, limit / (norm + 1e-6))", heed_constant((double)max_norm_of(a)), norm);
}

const heed_op heed_op_clip_factor = {
    .name = "clip_factor",
    .n_inputs = 1,
    .shape = clip_factor_shape,
    .forward = clip_factor_forward,
    .cost = clip_factor_cost,
    .explain = clip_factor_explain,
    .reuse = {HEED_INPUT(0)},
};

heed_node *heed_clip_factor(heed_graph *g, heed_node *norm, float max_norm)
{
    const clip_factor_attrs attrs = {.max_norm = max_norm};

    return heed_node_append_with(g, &heed_op_clip_factor, &attrs, sizeof attrs, norm);
}
