/* SPDX-License-Identifier: MIT */
/*
 * The gradients of a linear map y = x W + b (linear.c), rows r of x [..., in] and dy [..., out]:
 *
 *   linear_backward_input    dx_rk = sum_o dy_ro W_ko
 *   linear_backward_weight   dW_ko = sum_r x_rk dy_ro        db_o = sum_r dy_ro
 *
 * with W_ok and dW_ok where the weight is [out, in]. Each is one matrix product; the sum over rows is not cut. Where x was
 * bf16, W and dy count rounded to bf16 in the products (not in db), and all results are f32.
 */
#include "ops/common.h"
#include "ops/dense.h"
#include "ops/linear_bf16.h"
#include "ops/list.h"

static heed_weight_layout layout_of(const heed_node *node)
{
    return heed_linear_attrs_of(node)->layout;
}

/* --- linear_backward_input: dy, W ---------------------------------------------------------------- */

static bool input_shape(heed_graph *g, heed_node *dx)
{
    const heed_tensor *dy = &dx->in[0]->tensor, *w = &dx->in[1]->tensor;
    const int in_axis = layout_of(dx) == HEED_WEIGHT_IN_OUT ? 0 : 1;
    heed_shape shape = dy->shape;

    if (shape.rank < 1 || w->shape.rank != 2 || heed_cols(dy) != w->shape.size[1 - in_axis])
        return heed_graph_fail(g, dx, HEED_ERR_INTERNAL, "%s does not fit %s", dx->in[0]->name,
                               dx->in[1]->name);
    shape.size[shape.rank - 1] = w->shape.size[in_axis];
    heed_node_set_shape(dx, 0, HEED_F32, shape);
    return true;
}

static void input_forward(const heed_op_args *a)
{
    const heed_tensor *w = a->in[1];
    const int64_t n_in = heed_cols(a->out), n_out = heed_cols(a->in[0]);
    const bool in_out = layout_of(a->node) == HEED_WEIGHT_IN_OUT, bf16 = heed_linear_attrs_of(a->node)->bf16;

    for (int64_t r = 0; r < heed_rows(a->out); r++) {
        const heed_numbers dy = heed_row_numbers(a->in[0], r);
        float *dx = heed_row(a->out, r);

        for (int64_t k = 0; k < n_in; k++) {
            float sum = 0.0f;

            for (int64_t o = 0; o < n_out; o++)
                sum += heed_counted(heed_number_get(&dy, o), bf16) *
                       heed_counted(in_out ? heed_matrix_get(w, k, o) : heed_matrix_get(w, o, k), bf16);
            dx[k] = sum;
        }
    }
}

static heed_product_shape input_product(const heed_node *node)
{
    const heed_tensor *dy = &node->in[0]->tensor;

    return (heed_product_shape){.m = heed_rows(dy),
                                .n = heed_cols(&node->tensor),
                                .k = heed_cols(dy),
                                .transpose_b = layout_of(node) == HEED_WEIGHT_IN_OUT};
}

static void input_fast(const heed_op_args *a)
{
    const heed_product_shape shape = input_product(a->node);
    char *free_space = a->workspace;

    if (heed_linear_attrs_of(a->node)->bf16) {
        heed_linear_bf16_rows(a, shape.transpose_b);
        return;
    }
    const float *dy = heed_dense_operand(a->in[0], &free_space), *w = heed_dense_operand(a->in[1], &free_space);

    heed_product_compute(a->device, &shape, dy, w, NULL, a->out->data, free_space);
}

static size_t input_workspace(const heed_node *node, heed_device *device)
{
    const heed_product_shape shape = input_product(node);

    if (heed_linear_attrs_of(node)->bf16)
        return heed_linear_bf16_rows_workspace(node, device, shape.transpose_b);
    const size_t copies = heed_bytes_add(heed_dense_bytes(&node->in[0]->tensor),
                                         heed_dense_bytes(&node->in[1]->tensor));

    return heed_bytes_add(copies, heed_product_bytes(device, &shape));
}

static void input_cost(const heed_node *dx, heed_cost *cost)
{
    cost->flops += 2.0 * (double)heed_tensor_count(&dx->tensor) * (double)heed_cols(&dx->in[0]->tensor);
    heed_cost_add_traffic(dx, cost);
}

static void input_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const int64_t n_in = heed_cols(a->out), n_out = heed_cols(a->in[0]), r = element / n_in, k = element % n_in;
    const bool in_out = layout_of(a->node) == HEED_WEIGHT_IN_OUT;
    const heed_figures dy = heed_explain_operand(e, a, 0, "dy", r * n_out, 1, n_out);
    const heed_figures w = heed_explain_operand(e, a, 1, "W", in_out ? k * n_out : k, in_out ? 1 : n_in, n_out);
    const bool bf16 = heed_linear_attrs_of(a->node)->bf16;

    (void)output;
    heed_explain_formula(e, "dx[r, k] = sum_o dy[r, o] W[%s]%s", in_out ? "k, o" : "o, k",
                         bf16 ? ", both rounded to bf16" : "");
    heed_explain_sum(e, "dx", n_out, bf16 ? "bf16(dy[o]) * bf16(W[o])" : "dy[o] * W[o]", dy, w);
}

const heed_op heed_op_linear_backward_input = {
    .name = "linear_backward_input",
    .n_inputs = 2,
    .shape = input_shape,
    .forward = input_forward,
    .fast = input_fast,
    .cost = input_cost,
    .explain = input_explain,
    .workspace = input_workspace,
};

heed_node *heed_linear_backward_input(heed_graph *g, heed_node *dy, heed_node *weight,
                                      const heed_linear_attrs *attrs)
{
    return heed_node_append_with(g, &heed_op_linear_backward_input, attrs, sizeof *attrs, dy, weight);
}

/* --- linear_backward_weight: x, dy  ->  dW, db --------------------------------------------------- */

static bool weight_shape(heed_graph *g, heed_node *dw)
{
    const heed_tensor *x = &dw->in[0]->tensor, *dy = &dw->in[1]->tensor;
    const int64_t n_in = heed_cols(x), n_out = heed_cols(dy);

    if (heed_rows(x) != heed_rows(dy))
        return heed_graph_fail(g, dw, HEED_ERR_INTERNAL, "%s and %s have different rows", dw->in[0]->name,
                               dw->in[1]->name);
    heed_node_set_shape(dw, 0, HEED_F32,
                        layout_of(dw) == HEED_WEIGHT_IN_OUT ? heed_shape2(n_in, n_out)
                                                            : heed_shape2(n_out, n_in));
    heed_node_set_shape(dw, 1, HEED_F32, heed_shape1(n_out));
    return true;
}

/* sums[i][j] = sum over rows of a[r][i] b[r][j], rows ascending. */
static void outer_products(float *sums, const heed_tensor *a, const heed_tensor *b, bool bf16)
{
    const int64_t m = heed_cols(a), n = heed_cols(b);

    for (int64_t i = 0; i < m * n; i++)
        sums[i] = 0.0f;
    for (int64_t r = 0; r < heed_rows(a); r++) {
        const heed_numbers a_r = heed_row_numbers(a, r), b_r = heed_row_numbers(b, r);

        for (int64_t i = 0; i < m; i++) {
            const float a_ri = heed_counted(heed_number_get(&a_r, i), bf16);

            for (int64_t j = 0; j < n; j++)
                sums[i * n + j] += a_ri * heed_counted(heed_number_get(&b_r, j), bf16);
        }
    }
}

static void weight_forward(const heed_op_args *a)
{
    const heed_tensor *x = a->in[0], *dy = a->in[1];
    const int64_t n_out = heed_cols(dy);

    if (a->outs[0] != NULL) {
        const bool in_out = layout_of(a->node) == HEED_WEIGHT_IN_OUT;
        outer_products(a->outs[0]->data, in_out ? x : dy, in_out ? dy : x, heed_linear_attrs_of(a->node)->bf16);
    }
    if (a->outs[1] == NULL)
        return;
    float *db = a->outs[1]->data;

    for (int64_t o = 0; o < n_out; o++)
        db[o] = 0.0f;
    for (int64_t r = 0; r < heed_rows(dy); r++) {
        const heed_numbers dy_r = heed_row_numbers(dy, r);

        for (int64_t o = 0; o < n_out; o++)
            db[o] += heed_number_get(&dy_r, o);
    }
}

static heed_product_shape weight_product(const heed_node *node)
{
    return (heed_product_shape){.m = node->tensor.shape.size[0],
                                .n = node->tensor.shape.size[1],
                                .k = heed_rows(&node->in[0]->tensor),
                                .transpose_a = true};
}

static void weight_fast(const heed_op_args *a)
{
    const heed_product_shape shape = weight_product(a->node);
    const bool in_out = layout_of(a->node) == HEED_WEIGHT_IN_OUT;
    const int64_t n_out = heed_cols(a->in[1]);
    char *free_space = a->workspace;

    if (heed_linear_attrs_of(a->node)->bf16) {
        heed_linear_bf16_weight(a, layout_of(a->node));
        return;
    }
    const float *x = heed_dense_operand(a->in[0], &free_space), *dy = heed_dense_operand(a->in[1], &free_space);

    if (a->outs[0] != NULL)
        heed_product_compute(a->device, &shape, in_out ? x : dy, in_out ? dy : x, NULL, a->outs[0]->data,
                             free_space);
    if (a->outs[1] != NULL)
        heed_column_sums(a->device, a->outs[1]->data, dy, n_out, shape.k, n_out);
}

static size_t weight_workspace(const heed_node *node, heed_device *device)
{
    const heed_product_shape shape = weight_product(node);

    if (heed_linear_attrs_of(node)->bf16)
        return heed_linear_bf16_weight_workspace(node, device);
    const size_t copies = heed_bytes_add(heed_dense_bytes(&node->in[0]->tensor),
                                         heed_dense_bytes(&node->in[1]->tensor));

    return heed_bytes_add(copies, heed_product_bytes(device, &shape));
}

static void weight_cost(const heed_node *dw, heed_cost *cost)
{
    const heed_tensor *x = &dw->in[0]->tensor, *dy = &dw->in[1]->tensor;

    cost->flops += 2.0 * (double)heed_tensor_count(x) * (double)heed_cols(dy) + (double)heed_tensor_count(dy);
    heed_cost_add_traffic(dw, cost);
}

static void bias_explain(const heed_op_args *a, int64_t o, heed_explanation *e)
{
    const int64_t rows = heed_rows(a->in[1]), n_out = heed_cols(a->in[1]);
    const heed_figures dy = heed_explain_operand(e, a, 1, "dy", o, n_out, rows);

    heed_explain_formula(e, "db[o] = sum_r dy[r, o]");
    heed_explain_sum(e, "db", rows, "dy[r]", dy);
}

static void weight_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const int64_t rows = heed_rows(a->in[0]), n_in = heed_cols(a->in[0]), n_out = heed_cols(a->in[1]);
    const bool in_out = layout_of(a->node) == HEED_WEIGHT_IN_OUT, bf16 = heed_linear_attrs_of(a->node)->bf16;
    const int64_t k = in_out ? element / n_out : element % n_in, o = in_out ? element % n_out : element / n_in;

    if (output == 1) {
        bias_explain(a, element, e);
        return;
    }
    const heed_figures x = heed_explain_operand(e, a, 0, "x", k, n_in, rows);
    const heed_figures dy = heed_explain_operand(e, a, 1, "dy", o, n_out, rows);

    heed_explain_formula(e, "dW[%s] = sum_r x[r, k] dy[r, o]%s", in_out ? "k, o" : "o, k",
                         bf16 ? ", dy rounded to bf16" : "");
    heed_explain_sum(e, "dW", rows, bf16 ? "x[r] * bf16(dy[r])" : "x[r] * dy[r]", x, dy);
}

const heed_op heed_op_linear_backward_weight = {
    .name = "linear_backward_weight",
    .n_inputs = 2,
    .n_outputs = 2,
    .shape = weight_shape,
    .forward = weight_forward,
    .fast = weight_fast,
    .cost = weight_cost,
    .explain = weight_explain,
    .workspace = weight_workspace,
};

heed_node *heed_linear_backward_weight(heed_graph *g, heed_node *x, heed_node *dy,
                                       const heed_linear_attrs *attrs)
{
    return heed_node_append_with(g, &heed_op_linear_backward_weight, attrs, sizeof *attrs, x, dy);
}
