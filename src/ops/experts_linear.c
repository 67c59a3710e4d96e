/* SPDX-License-Identifier: MIT */
/*
 * A linear map for each expert, of the rows that are its own.
 *
 *   x [R, in], W [E, in, out], offsets i32 [E + 1], b [E, out] or absent  ->  y [R, out]
 *
 *   expert_linear   y_ro = sum_k x_rk W_eko + b_eo        offsets[e] <= r < offsets[e+1]
 *                   y_ro = 0 behind the last expert's rows
 *
 * The work is that of R rows, whatever E is: as many products as there are experts, over as many rows as each was sent.
 * Its gradients are in experts_linear_backward.c.
 */
#include <string.h>

#include "kernels/product_groups.h"
#include "ops/common.h"
#include "ops/dense.h"
#include "ops/experts.h"
#include "ops/list.h"

enum { X, WEIGHT, OFFSETS, BIAS }; /* inputs */

bool heed_expect_offsets(heed_graph *g, const heed_node *node, int input, int64_t n_experts)
{
    return heed_expect_shape(g, node, input, "offsets", HEED_I32, heed_shape1(n_experts + 1));
}

static bool linear_shape(heed_graph *g, heed_node *y)
{
    const heed_tensor *x = &y->in[X]->tensor, *w = &y->in[WEIGHT]->tensor;
    char x_text[96], w_text[96];

    if (!heed_expect_dtype(g, y, X, "x", HEED_F32) || !heed_expect_dtype(g, y, WEIGHT, "weight", HEED_F32))
        return false;
    if (x->shape.rank != 2 || w->shape.rank != 3 || heed_cols(x) != w->shape.size[1])
        return heed_graph_fail(g, y, HEED_ERR_SHAPE, "x %s does not fit %s %s, which is [experts, in, out]",
                               heed_shape_format(x_text, sizeof x_text, &x->shape), y->in[WEIGHT]->name,
                               heed_shape_format(w_text, sizeof w_text, &w->shape));
    heed_node_set_shape(y, 0, HEED_F32, heed_shape2(heed_rows(x), heed_cols(w)));
    return heed_expect_offsets(g, y, OFFSETS, w->shape.size[0]) &&
           heed_expect_shape(g, y, BIAS, "bias", HEED_F32, heed_shape2(w->shape.size[0], heed_cols(w)));
}

/* Rows that belong to no expert. */
static void clear_rest(const heed_op_args *a)
{
    const int64_t n_experts = a->in[WEIGHT]->shape.size[0];
    const int32_t *offsets = a->in[OFFSETS]->data;

    for (int64_t r = offsets[n_experts]; r < heed_rows(a->out); r++)
        memset(heed_row(a->out, r), 0, (size_t)heed_cols(a->out) * sizeof(float));
}

static void linear_forward(const heed_op_args *a)
{
    const heed_tensor *w = a->in[WEIGHT];
    const int64_t n_in = w->shape.size[1], n_out = heed_cols(w);
    const int32_t *offsets = a->in[OFFSETS]->data;

    for (int64_t e = 0; e < w->shape.size[0]; e++) {
        for (int64_t r = offsets[e]; r < offsets[e + 1]; r++) {
            const float *x = heed_row(a->in[X], r);
            float *y = heed_row(a->out, r);

            memset(y, 0, (size_t)n_out * sizeof *y);
            for (int64_t k = 0; k < n_in; k++) {
                for (int64_t o = 0; o < n_out; o++)
                    y[o] += x[k] * heed_row(w, e * n_in + k)[o];
            }
            for (int64_t o = 0; o < n_out && a->in[BIAS] != NULL; o++)
                y[o] += heed_row(a->in[BIAS], e)[o];
        }
    }
    clear_rest(a);
}

/* --- fast --- */

static heed_groups groups_of(const heed_node *y)
{
    const heed_tensor *w = &y->in[WEIGHT]->tensor;

    return (heed_groups){.n_groups = w->shape.size[0], .n = heed_cols(w), .k = w->shape.size[1]};
}

static void linear_fast(const heed_op_args *a)
{
    heed_groups groups = groups_of(a->node);
    char *free_space = a->workspace;
    const float *x = heed_dense_operand(a->in[X], &free_space),
                *w = heed_dense_operand(a->in[WEIGHT], &free_space);
    const float *bias = a->in[BIAS] != NULL ? heed_dense_operand(a->in[BIAS], &free_space) : NULL;

    groups.offsets = a->in[OFFSETS]->data;
    heed_groups_run(&groups, a->device, x, w, bias, a->out->data, free_space);
    clear_rest(a);
}

static size_t linear_workspace(const heed_node *y, heed_device *device)
{
    const heed_groups groups = groups_of(y);
    size_t bytes = heed_groups_workspace_bytes(&groups, device);

    bytes = heed_bytes_add(bytes, heed_dense_bytes(&y->in[X]->tensor));
    bytes = heed_bytes_add(bytes, heed_dense_bytes(&y->in[WEIGHT]->tensor));
    return y->in[BIAS] != NULL ? heed_bytes_add(bytes, heed_dense_bytes(&y->in[BIAS]->tensor)) : bytes;
}

/* --- the rest --- */

static void linear_grad(heed_graph *g, heed_node *y, heed_node *const *dy, heed_node **dx)
{
    heed_node *dweight;

    if (heed_node_wants_grad(y->in[X]))
        dx[X] = heed_expert_linear_backward_input(g, dy[0], y->in[WEIGHT], y->in[OFFSETS]);
    if (!heed_node_wants_grad(y->in[WEIGHT]) && !heed_node_wants_grad(y->in[BIAS]))
        return;
    dweight = heed_expert_linear_backward_weight(g, y->in[X], dy[0], y->in[OFFSETS]);
    if (heed_node_wants_grad(y->in[WEIGHT]))
        dx[WEIGHT] = dweight;
    if (heed_node_wants_grad(y->in[BIAS]) && dweight != NULL)
        dx[BIAS] = dweight->outputs[1];
}

/* Of R rows: those that stay empty because assignments were dropped are counted too, for a plan does not know them. */
static void linear_cost(const heed_node *y, heed_cost *cost)
{
    const double outputs = (double)heed_tensor_count(&y->tensor);

    cost->flops += outputs * (2.0 * (double)heed_cols(&y->in[X]->tensor) + (y->in[BIAS] != NULL));
    heed_cost_add_traffic(y, cost);
}

/* The expert whose row this is; n_experts when it is nobody's. */
static int64_t expert_of(const float *offsets, int64_t n_experts, int64_t row)
{
    int64_t e = 0;

    while (e < n_experts && row >= (int64_t)offsets[e + 1])
        e++;
    return e;
}

static void linear_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const int64_t n_experts = a->in[WEIGHT]->shape.size[0], n_in = heed_cols(a->in[X]),
                  n_out = heed_cols(a->out);
    const int64_t r = element / n_out, o = element % n_out;
    const float *offsets = heed_explain_read(e, a, OFFSETS, "offsets", 0, 1, n_experts + 1);
    const int64_t expert = expert_of(offsets, n_experts, r);

    (void)output;
    if (expert == n_experts) {
        heed_explain_formula(e, "y[r, o] = 0: no expert has row %lld", (long long)r);
        heed_explain_found(e, "y", 0.0, "no expert has row %lld", (long long)r);
        return;
    }
    const heed_figures x = heed_explain_operand(e, a, X, "x", r * n_in, 1, n_in);
    const heed_figures w = heed_explain_operand(e, a, WEIGHT, "W", expert * n_in * n_out + o, n_out, n_in);

    heed_explain_note(e, "row %lld is expert %lld's", (long long)r, (long long)expert);
    const heed_figure sum = heed_explain_sum(e, a->in[BIAS] != NULL ? "sum" : "y", n_in, "x[k] * W[k]", x, w);

    if (a->in[BIAS] != NULL)
        heed_explain_step(e, "y", "sum + b", sum, heed_explain_figure(e, a, BIAS, "b", expert * n_out + o));
    heed_explain_formula(e, "y[r, o] = sum_k x[r, k] W[%lld, k, o]%s", (long long)expert,
                         a->in[BIAS] != NULL ? " + b[e, o]" : "");
}

const heed_op heed_op_expert_linear = {
    .name = "expert_linear",
    .n_inputs = 4,
    .required_inputs = 3,
    .shape = linear_shape,
    .forward = linear_forward,
    .fast = linear_fast,
    .grad = linear_grad,
    .cost = linear_cost,
    .explain = linear_explain,
    .workspace = linear_workspace,
};

heed_node *heed_expert_linear(heed_graph *g, heed_node *x, heed_node *weight, heed_node *bias,
                              heed_node *offsets)
{
    return heed_node_append(g, &heed_op_expert_linear, x, weight, offsets, bias);
}
