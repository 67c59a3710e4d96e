/* SPDX-License-Identifier: MIT */
/*
 * A linear map of rows.      x [..., in], W, b [out] or absent  ->  y [..., out]
 *
 *   linear     y_o = sum_k x_k W_ko + b_o        W [in, out]    (HEED_WEIGHT_IN_OUT, GPT-2's own)
 *              y_o = sum_k x_k W_ok + b_o        W [out, in]    (HEED_WEIGHT_OUT_IN, nn.Linear, a tied head)
 *
 * W is f32, bf16, f16 or 8-bit; x, b, y and all sums are f32.
 *
 * While training in bf16, x is bf16, and W (f32 or bf16) counts rounded to bf16, number by number on its way into the
 * product. b and the sums stay f32; y is f32, or bf16 and rounded once.
 *
 * Gradients, in linear_backward.c, exist for W in f32. How it is computed fast is in linear_fast.c and linear_bf16.c.
 */
#include "ops/linear.h"

#include "ops/common.h"
#include "ops/linear_bf16.h"
#include "ops/linear_fast.h"
#include "ops/list.h"
#include "ops/weight.h"

static heed_weight_layout layout_of(const heed_node *node)
{
    return heed_linear_attrs_of(node)->layout;
}

static bool linear_shape(heed_graph *g, heed_node *y)
{
    const heed_tensor *x = &y->in[0]->tensor, *w = &y->in[1]->tensor;
    const int in_axis = layout_of(y) == HEED_WEIGHT_IN_OUT ? 0 : 1;
    heed_shape shape = x->shape;
    char x_text[96], w_text[96];

    if (!heed_expect_float(g, y, 0, "x") ||
        !(x->dtype == HEED_BF16 ? heed_expect_float(g, y, 1, "weight") : heed_expect_weight(g, y, 1, "weight")))
        return false;
    if (shape.rank < 1 || w->shape.rank != 2 || heed_cols(x) != w->shape.size[in_axis])
        return heed_graph_fail(g, y, HEED_ERR_SHAPE, "x %s does not fit %s %s, which is [%s]",
                               heed_shape_format(x_text, sizeof x_text, &x->shape), y->in[1]->name,
                               heed_shape_format(w_text, sizeof w_text, &w->shape),
                               in_axis == 0 ? "in, out" : "out, in");
    shape.size[shape.rank - 1] = w->shape.size[1 - in_axis];
    if (x->dtype != HEED_BF16 && heed_linear_attrs_of(y)->out != HEED_F32)
        return heed_graph_fail(g, y, HEED_ERR_SHAPE, "only what is computed from bf16 is stored in it");
    heed_node_set_shape(y, 0, heed_linear_attrs_of(y)->out, shape);
    return heed_expect_shape(g, y, 2, "bias", HEED_F32, heed_shape1(heed_cols(&y->tensor)));
}

enum { PART = 64 }; /* outputs that are summed side by side */

/* sum = outputs o .. o+n-1 of x, k ascending. */
static void sum_outputs(const heed_op_args *a, const heed_numbers *x, int64_t o, int64_t n, float *sum)
{
    const heed_tensor *w = a->in[1];
    const bool in_out = layout_of(a->node) == HEED_WEIGHT_IN_OUT, bf16 = heed_linear_attrs_of(a->node)->bf16;

    for (int64_t c = 0; c < n; c++)
        sum[c] = 0.0f;
    for (int64_t k = 0; k < heed_cols(a->in[0]); k++) {
        const float x_k = heed_number_get(x, k);

        for (int64_t c = 0; c < n; c++)
            sum[c] += x_k *
                      heed_counted(in_out ? heed_matrix_get(w, k, o + c) : heed_matrix_get(w, o + c, k), bf16);
    }
}

static void linear_forward(const heed_op_args *a)
{
    const float *bias = a->in[2] != NULL ? a->in[2]->data : NULL;
    const int64_t n_out = heed_cols(a->out);

    for (int64_t r = 0; r < heed_rows(a->out); r++) {
        const heed_numbers x = heed_row_numbers(a->in[0], r), y = heed_row_numbers(a->out, r);

        for (int64_t o = 0; o < n_out; o += PART) {
            const int64_t n = n_out - o < PART ? n_out - o : PART;
            float sum[PART];

            sum_outputs(a, &x, o, n, sum);
            for (int64_t c = 0; c < n; c++)
                heed_number_set(&y, o + c, bias != NULL ? sum[c] + bias[o + c] : sum[c]);
        }
    }
}

/* --- fast ---------------------------------------------------------------------------------------- */

static void linear_fast(const heed_op_args *a)
{
    if (heed_linear_attrs_of(a->node)->bf16)
        heed_linear_bf16_rows(a, layout_of(a->node) == HEED_WEIGHT_OUT_IN);
    else
        heed_linear_fast(a, layout_of(a->node));
}

static size_t linear_workspace(const heed_node *node, heed_device *device)
{
    if (heed_linear_attrs_of(node)->bf16)
        return heed_linear_bf16_rows_workspace(node, device, layout_of(node) == HEED_WEIGHT_OUT_IN);
    return heed_linear_workspace(node, device, layout_of(node));
}

/* --- the rest ------------------------------------------------------------------------------------ */

static void linear_grad(heed_graph *g, heed_node *y, heed_node *const *dy, heed_node **dx)
{
    heed_node *bias = y->in[2];

    if (heed_node_wants_grad(y->in[0]))
        dx[0] = heed_linear_backward_input(g, dy[0], y->in[1], heed_linear_attrs_of(y));
    if (!heed_node_wants_grad(y->in[1]) && !heed_node_wants_grad(bias))
        return;
    heed_node *dweight = heed_linear_backward_weight(g, y->in[0], dy[0], heed_linear_attrs_of(y));

    if (heed_node_wants_grad(y->in[1]))
        dx[1] = dweight;
    if (heed_node_wants_grad(bias) && dweight != NULL)
        dx[2] = dweight->outputs[1];
}

static int linear_weight_axis(const heed_node *y, int input)
{
    if (input != 1)
        return -1;
    return layout_of(y) == HEED_WEIGHT_IN_OUT ? 0 : 1;
}

static void linear_cost(const heed_node *y, heed_cost *cost)
{
    const double outputs = (double)heed_tensor_count(&y->tensor);

    cost->flops += outputs * (2.0 * (double)heed_cols(&y->in[0]->tensor) + (y->in[2] != NULL));
    heed_cost_add_traffic(y, cost);
}

static void linear_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const int64_t n_in = heed_cols(a->in[0]), n_out = heed_cols(a->out), r = element / n_out,
                  o = element % n_out;
    const bool in_out = layout_of(a->node) == HEED_WEIGHT_IN_OUT, bf16 = heed_linear_attrs_of(a->node)->bf16;
    const heed_figures x = heed_explain_operand(e, a, 0, "x", r * n_in, 1, n_in);
    const heed_figures w = heed_explain_operand(e, a, 1, "W", in_out ? o : o * n_in, in_out ? n_out : 1, n_in);
    const heed_figure sum = heed_explain_sum(e, a->in[2] != NULL ? "sum" : "y", n_in,
                                             bf16 ? "x[k] * bf16(W[k])" : "x[k] * W[k]", x, w);

    (void)output;
    if (a->in[2] != NULL)
        heed_explain_step(e, "y", "sum + b", sum, heed_explain_figure(e, a, 2, "b", o));
    heed_explain_formula(e, "y[r, o] = sum_k x[r, k] W[%s]%s%s", in_out ? "k, o" : "o, k",
                         a->in[2] != NULL ? " + b[o]" : "", bf16 ? ", W rounded to bf16" : "");
}

const heed_op heed_op_linear = {
    .name = "linear",
    .n_inputs = 3,
    .required_inputs = 2,
    .shape = linear_shape,
    .forward = linear_forward,
    .fast = linear_fast,
    .grad = linear_grad,
    .weight_axis = linear_weight_axis,
    .cost = linear_cost,
    .explain = linear_explain,
    .workspace = linear_workspace,
};

heed_node *heed_linear_as(heed_graph *g, heed_node *x, heed_node *weight, heed_node *bias,
                          heed_weight_layout layout, heed_dtype out)
{
    const heed_linear_attrs attrs = {
        .layout = layout, .out = out, .bf16 = x != NULL && x->tensor.dtype == HEED_BF16};

    return heed_node_append_with(g, &heed_op_linear, &attrs, sizeof attrs, x, weight, bias);
}

heed_node *heed_linear(heed_graph *g, heed_node *x, heed_node *weight, heed_node *bias,
                       heed_weight_layout layout)
{
    return heed_linear_as(g, x, weight, bias, layout, HEED_F32);
}
