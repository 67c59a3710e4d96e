/* SPDX-License-Identifier: MIT */
/*
 * A gated linear unit with SiLU as its gate.      gate, up [...]  ->  y [...]
 *
 *   s = 1 / (1 + e^-gate)
 *   swiglu            y     = gate s up
 *   swiglu_backward   dgate = dy up s (1 + gate (1 - s))        dup = dy gate s
 *
 * gate and up are most often two maps of one x, or the two halves of one wider map's rows. In the second case dgate
 * and dup lie side by side in one storage, as gate and up do, and heed_accumulate() finds the gradient of the wide
 * rows finished. Far left of 0 the gate is 0, for -inf too.
 * Source: Shazeer 2020 (arXiv:2002.05202) 2.
 */
#include "ops/common.h"
#include "ops/gates.h"
#include "ops/list.h"
#include "ops/ops.h"

/* --- swiglu_backward: in gate, up, dy; out dgate, dup --- */

enum { GATE, UP, DY };

/* True when the rows of one dense tensor are cut in the middle into gate and up, in either order. */
static bool are_halves_of_one_row(const heed_node *gate, const heed_node *up)
{
    const int64_t n = heed_cols(&gate->tensor);
    int64_t gate_stride, up_stride;

    return gate->owner == up->owner && heed_tensor_is_dense(&gate->owner->tensor) &&
           gate->offset + up->offset == n && (gate->offset == 0 || up->offset == 0) &&
           heed_tensor_count(&gate->owner->tensor) == 2 * heed_tensor_count(&gate->tensor) &&
           heed_tensor_rows_fold(&gate->tensor, &gate_stride) &&
           heed_tensor_rows_fold(&up->tensor, &up_stride) &&
           (heed_rows(&gate->tensor) == 1 || (gate_stride == 2 * n && up_stride == 2 * n));
}

static bool swiglu_backward_shape(heed_graph *g, heed_node *dgate)
{
    const heed_node *gate = dgate->in[GATE], *up = dgate->in[UP];

    if (!heed_shape_of_map(g, dgate) ||
        !heed_expect_shape(g, dgate, UP, "up", gate->tensor.dtype, gate->tensor.shape) ||
        !heed_expect_floats(g, dgate, DY, "dy", &gate->tensor.shape))
        return false;
    heed_node_set_shape(dgate, 1, gate->tensor.dtype, gate->tensor.shape);
    if (are_halves_of_one_row(gate, up)) {
        for (int k = GATE; k <= UP; k++) {
            for (int axis = 0; axis < gate->tensor.shape.rank; axis++)
                dgate->outputs[k]->tensor.stride[axis] = dgate->in[k]->tensor.stride[axis];
            heed_node_share_storage(dgate, k, dgate, dgate->in[k]->offset);
        }
    }
    return true;
}

static float dgate_of(float gate, float up, float dy)
{
    return heed_silu_slope(gate) * (up * dy);
}

static float dup_of(float gate, float dy)
{
    return heed_silu_of(gate) * dy;
}

static void swiglu_backward_forward(const heed_op_args *a)
{
    for (int64_t i = 0; i < heed_tensor_count(a->in[GATE]); i++) { /* all is read before anything is written */
        const float gate = heed_tensor_get(a->in[GATE], i), up = heed_tensor_get(a->in[UP], i);
        const float dy = heed_tensor_get(a->in[DY], i);

        if (a->outs[0] != NULL)
            heed_tensor_set(a->outs[0], i, dgate_of(gate, up, dy));
        if (a->outs[1] != NULL)
            heed_tensor_set(a->outs[1], i, dup_of(gate, dy));
    }
}

static void swiglu_backward_span(const void *context, const heed_span *s)
{
    const heed_op_args *a = context;

    a->device->kernels->swiglu_backward(s->out[0], s->out[1], s->in[GATE], s->in[UP], s->in[DY], s->n);
}

static void swiglu_backward_fast(const heed_op_args *a)
{
    heed_map_elements(a, HEED_INPUT(GATE) | HEED_INPUT(UP) | HEED_INPUT(DY), swiglu_backward_span, a);
}

static void swiglu_backward_cost(const heed_node *dgate, heed_cost *cost)
{
    heed_cost_elementwise(dgate, 12, cost);
}

static void swiglu_backward_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const heed_figure gate = heed_explain_figure(e, a, GATE, "gate", element);
    const heed_figure dy = heed_explain_figure(e, a, DY, "dy", element);

    if (output == 0) {
        const heed_figure up = heed_explain_figure(e, a, UP, "up", element);
        const heed_figure slope = heed_explain_silu_slope(e, gate);

        heed_explain_formula(e, "dgate = dy up s (1 + gate (1 - s)), s = 1 / (1 + exp(-gate))");
        heed_explain_step(e, "dgate", "slope * (up * dy)", slope, up, dy);
    } else {
        const heed_figure opened = heed_explain_silu(e, "opened", gate);

        heed_explain_formula(e, "dup = dy gate / (1 + exp(-gate))");
        heed_explain_step(e, "dup", "opened * dy", opened, dy);
    }
}

const heed_op heed_op_swiglu_backward = {
    .name = "swiglu_backward",
    .n_inputs = 3,
    .n_outputs = 2,
    .shape = swiglu_backward_shape,
    .forward = swiglu_backward_forward,
    .fast = swiglu_backward_fast,
    .cost = swiglu_backward_cost,
    .explain = swiglu_backward_explain,
    .reuse = {HEED_INPUT(GATE) | HEED_INPUT(UP) | HEED_INPUT(DY),
              HEED_INPUT(GATE) | HEED_INPUT(UP) | HEED_INPUT(DY)},
};

/* --- swiglu: in gate, up; out y --- */

static bool swiglu_shape(heed_graph *g, heed_node *y)
{
    return heed_expect_float(g, y, GATE, "gate") && heed_shape_of_map(g, y) &&
           heed_expect_shape(g, y, UP, "up", y->in[GATE]->tensor.dtype, y->in[GATE]->tensor.shape);
}

static void swiglu_forward(const heed_op_args *a)
{
    for (int64_t i = 0; i < heed_tensor_count(a->out); i++)
        heed_tensor_set(a->out, i,
                        heed_silu_of(heed_tensor_get(a->in[GATE], i)) * heed_tensor_get(a->in[UP], i));
}

static void swiglu_span(const void *context, const heed_span *s)
{
    const heed_op_args *a = context;

    a->device->kernels->swiglu(s->out[0], s->in[GATE], s->in[UP], s->n);
}

static void swiglu_fast(const heed_op_args *a)
{
    heed_map_elements(a, HEED_INPUT(GATE) | HEED_INPUT(UP), swiglu_span, a);
}

static void swiglu_grad(heed_graph *g, heed_node *y, heed_node *const *dy, heed_node **dx)
{
    heed_node *both = heed_node_append(g, &heed_op_swiglu_backward, y->in[GATE], y->in[UP], dy[0]);

    for (int i = GATE; i <= UP && both != NULL; i++) {
        if (heed_node_wants_grad(y->in[i]))
            dx[i] = both->outputs[i];
    }
}

static void swiglu_cost(const heed_node *y, heed_cost *cost)
{
    heed_cost_elementwise(y, 6, cost);
}

static void swiglu_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const heed_figure gate = heed_explain_figure(e, a, GATE, "gate", element);
    const heed_figure up = heed_explain_figure(e, a, UP, "up", element);
    const heed_figure opened = heed_explain_silu(e, "opened", gate);

    (void)output;
    heed_explain_formula(e, "y = gate / (1 + exp(-gate)) up");
    heed_explain_step(e, "y", "opened * up", opened, up);
}

const heed_op heed_op_swiglu = {
    .name = "swiglu",
    .n_inputs = 2,
    .shape = swiglu_shape,
    .forward = swiglu_forward,
    .fast = swiglu_fast,
    .grad = swiglu_grad,
    .cost = swiglu_cost,
    .explain = swiglu_explain,
    .reuse = {HEED_INPUT(GATE) | HEED_INPUT(UP)},
};

heed_node *heed_swiglu(heed_graph *g, heed_node *gate, heed_node *up)
{
    return heed_node_append(g, &heed_op_swiglu, gate, up);
}
