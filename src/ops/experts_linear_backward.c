/* SPDX-License-Identifier: MIT */
/*
 * The gradients of the experts' linear maps (experts_linear.c), rows r of x [R, in] and dy [R, out], e the expert of r:
 *
 *   expert_linear_backward_input    dx_rk  = sum_o dy_ro W_eko        0 behind the last expert's rows
 *   expert_linear_backward_weight   dW_eko = sum over its rows r of x_rk dy_ro        db_eo = sum over them of dy_ro
 *
 * An expert that got no rows gets gradients of 0.
 */
#include <string.h>

#include "base/parallel.h"
#include "kernels/product_groups.h"
#include "ops/common.h"
#include "ops/dense.h"
#include "ops/experts.h"
#include "ops/list.h"

/* --- input: dy, W, offsets  ->  dx --- */

enum { DY, WEIGHT, OFFSETS };

static bool input_shape(heed_graph *g, heed_node *dx)
{
    const heed_tensor *dy = &dx->in[DY]->tensor, *w = &dx->in[WEIGHT]->tensor;

    if (dy->shape.rank != 2 || w->shape.rank != 3 || heed_cols(dy) != heed_cols(w))
        return heed_graph_fail(g, dx, HEED_ERR_INTERNAL, "%s does not fit %s", dx->in[DY]->name,
                               dx->in[WEIGHT]->name);
    heed_node_set_shape(dx, 0, HEED_F32, heed_shape2(heed_rows(dy), w->shape.size[1]));
    return heed_expect_offsets(g, dx, OFFSETS, w->shape.size[0]);
}

static void clear_rest(const heed_op_args *a)
{
    const int32_t *offsets = a->in[OFFSETS]->data;

    for (int64_t r = offsets[a->in[WEIGHT]->shape.size[0]]; r < heed_rows(a->out); r++)
        memset(heed_row(a->out, r), 0, (size_t)heed_cols(a->out) * sizeof(float));
}

static void input_forward(const heed_op_args *a)
{
    const heed_tensor *w = a->in[WEIGHT];
    const int64_t n_in = w->shape.size[1], n_out = heed_cols(w);
    const int32_t *offsets = a->in[OFFSETS]->data;

    for (int64_t e = 0; e < w->shape.size[0]; e++) {
        for (int64_t r = offsets[e]; r < offsets[e + 1]; r++) {
            const float *dy = heed_row(a->in[DY], r);

            for (int64_t k = 0; k < n_in; k++) {
                const float *w_k = heed_row(w, e * n_in + k);
                float sum = 0.0f;

                for (int64_t o = 0; o < n_out; o++)
                    sum += dy[o] * w_k[o];
                heed_row(a->out, r)[k] = sum;
            }
        }
    }
    clear_rest(a);
}

static heed_groups input_groups(const heed_node *dx)
{
    const heed_tensor *w = &dx->in[WEIGHT]->tensor;

    return (heed_groups){
        .n_groups = w->shape.size[0], .n = w->shape.size[1], .k = heed_cols(w), .transpose_b = true};
}

static void input_fast(const heed_op_args *a)
{
    heed_groups groups = input_groups(a->node);
    char *free_space = a->workspace;
    const float *dy = heed_dense_operand(a->in[DY], &free_space);
    const float *w = heed_dense_operand(a->in[WEIGHT], &free_space);

    groups.offsets = a->in[OFFSETS]->data;
    heed_groups_run(&groups, a->device, dy, w, NULL, a->out->data, free_space);
    clear_rest(a);
}

static size_t input_workspace(const heed_node *dx, heed_device *device)
{
    const heed_groups groups = input_groups(dx);
    const size_t copies = heed_bytes_add(heed_dense_bytes(&dx->in[DY]->tensor),
                                         heed_dense_bytes(&dx->in[WEIGHT]->tensor));

    return heed_bytes_add(copies, heed_groups_workspace_bytes(&groups, device));
}

static void input_cost(const heed_node *dx, heed_cost *cost)
{
    cost->flops += 2.0 * (double)heed_tensor_count(&dx->tensor) * (double)heed_cols(&dx->in[DY]->tensor);
    heed_cost_add_traffic(dx, cost);
}

static void input_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const int64_t n_experts = a->in[WEIGHT]->shape.size[0], n_in = heed_cols(a->out),
                  n_out = heed_cols(a->in[DY]);
    const int64_t r = element / n_in, k = element % n_in;
    const float *offsets = heed_explain_read(e, a, OFFSETS, "offsets", 0, 1, n_experts + 1);
    int64_t expert = 0;

    (void)output;
    while (expert < n_experts && r >= (int64_t)offsets[expert + 1])
        expert++;
    if (expert == n_experts) {
        heed_explain_formula(e, "dx[r, k] = 0: no expert has row %lld", (long long)r);
        heed_explain_found(e, "dx", 0.0, "no expert has row %lld", (long long)r);
        return;
    }
    const heed_figures dy = heed_explain_operand(e, a, DY, "dy", r * n_out, 1, n_out);
    const heed_figures w = heed_explain_operand(e, a, WEIGHT, "W", (expert * n_in + k) * n_out, 1, n_out);

    heed_explain_formula(e, "dx[r, k] = sum_o dy[r, o] W[%lld, k, o]", (long long)expert);
    heed_explain_note(e, "row %lld is expert %lld's", (long long)r, (long long)expert);
    heed_explain_sum(e, "dx", n_out, "dy[o] * W[o]", dy, w);
}

const heed_op heed_op_expert_linear_backward_input = {
    .name = "expert_linear_backward_input",
    .n_inputs = 3,
    .shape = input_shape,
    .forward = input_forward,
    .fast = input_fast,
    .cost = input_cost,
    .explain = input_explain,
    .workspace = input_workspace,
};

heed_node *heed_expert_linear_backward_input(heed_graph *g, heed_node *dy, heed_node *weight,
                                             heed_node *offsets)
{
    return heed_node_append(g, &heed_op_expert_linear_backward_input, dy, weight, offsets);
}

/* --- weight: x, dy, offsets  ->  dW, db --- */

enum { ROWS_X, ROWS_DY };

static bool weight_shape(heed_graph *g, heed_node *dw)
{
    const heed_tensor *x = &dw->in[ROWS_X]->tensor, *dy = &dw->in[ROWS_DY]->tensor;
    const int64_t n_experts = heed_tensor_count(&dw->in[OFFSETS]->tensor) - 1;

    if (heed_rows(x) != heed_rows(dy))
        return heed_graph_fail(g, dw, HEED_ERR_INTERNAL, "%s and %s have different rows", dw->in[ROWS_X]->name,
                               dw->in[ROWS_DY]->name);
    heed_node_set_shape(dw, 0, HEED_F32, heed_shape3(n_experts, heed_cols(x), heed_cols(dy)));
    heed_node_set_shape(dw, 1, HEED_F32, heed_shape2(n_experts, heed_cols(dy)));
    return heed_expect_offsets(g, dw, OFFSETS, n_experts);
}

/* dW of one expert, its rows ascending. */
static void sum_products(const heed_op_args *a, int64_t expert, int64_t begin, int64_t end)
{
    const int64_t n_in = heed_cols(a->in[ROWS_X]), n_out = heed_cols(a->in[ROWS_DY]);
    float *dw = (float *)a->outs[0]->data + expert * n_in * n_out;

    memset(dw, 0, (size_t)(n_in * n_out) * sizeof *dw);
    for (int64_t r = begin; r < end; r++) {
        const float *x = heed_row(a->in[ROWS_X], r), *dy = heed_row(a->in[ROWS_DY], r);

        for (int64_t k = 0; k < n_in; k++) {
            for (int64_t o = 0; o < n_out; o++)
                dw[k * n_out + o] += x[k] * dy[o];
        }
    }
}

static void sum_rows(const heed_op_args *a, int64_t expert, int64_t begin, int64_t end)
{
    const int64_t n_out = heed_cols(a->in[ROWS_DY]);
    float *db = (float *)a->outs[1]->data + expert * n_out;

    memset(db, 0, (size_t)n_out * sizeof *db);
    for (int64_t r = begin; r < end; r++) {
        for (int64_t o = 0; o < n_out; o++)
            db[o] += heed_row(a->in[ROWS_DY], r)[o];
    }
}

static void weight_forward(const heed_op_args *a)
{
    const int64_t n_experts = heed_tensor_count(a->in[OFFSETS]) - 1;
    const int32_t *offsets = a->in[OFFSETS]->data;

    for (int64_t e = 0; e < n_experts; e++) {
        if (a->outs[0] != NULL)
            sum_products(a, e, offsets[e], offsets[e + 1]);
        if (a->outs[1] != NULL)
            sum_rows(a, e, offsets[e], offsets[e + 1]);
    }
}

static heed_groups weight_groups(const heed_node *dw)
{
    return (heed_groups){.n_groups = heed_tensor_count(&dw->in[OFFSETS]->tensor) - 1,
                         .weights = true,
                         .m = heed_cols(&dw->in[ROWS_X]->tensor),
                         .n = heed_cols(&dw->in[ROWS_DY]->tensor)};
}

static void bias_experts(void *context, int64_t begin, int64_t end, int thread)
{
    const heed_op_args *a = context;
    const int64_t n_out = heed_cols(a->in[ROWS_DY]);
    const int32_t *offsets = a->in[OFFSETS]->data;

    (void)thread;
    for (int64_t e = begin; e < end; e++) {
        float *db = (float *)a->outs[1]->data + e * n_out;
        const int64_t rows = offsets[e + 1] - offsets[e];

        memset(db, 0, (size_t)n_out * sizeof *db);
        if (rows > 0)
            a->device->kernels->column_sums(db, heed_row(a->in[ROWS_DY], offsets[e]), a->in[ROWS_DY]->stride[0],
                                            rows, n_out);
    }
}

static void weight_fast(const heed_op_args *a)
{
    heed_groups groups = weight_groups(a->node);
    char *free_space = a->workspace;

    groups.offsets = a->in[OFFSETS]->data;
    if (a->outs[0] != NULL) {
        const float *x = heed_dense_operand(a->in[ROWS_X], &free_space);
        const float *dy = heed_dense_operand(a->in[ROWS_DY], &free_space);

        heed_groups_run(&groups, a->device, x, dy, NULL, a->outs[0]->data, free_space);
    }
    if (a->outs[1] != NULL)
        heed_parallel(a->device->n_threads, groups.n_groups, 1, bias_experts, (void *)a);
}

static size_t weight_workspace(const heed_node *dw, heed_device *device)
{
    const heed_groups groups = weight_groups(dw);
    const size_t copies = heed_bytes_add(heed_dense_bytes(&dw->in[ROWS_X]->tensor),
                                         heed_dense_bytes(&dw->in[ROWS_DY]->tensor));

    return heed_bytes_add(copies, heed_groups_workspace_bytes(&groups, device));
}

static void weight_cost(const heed_node *dw, heed_cost *cost)
{
    const heed_tensor *x = &dw->in[ROWS_X]->tensor, *dy = &dw->in[ROWS_DY]->tensor;

    cost->flops += 2.0 * (double)heed_tensor_count(x) * (double)heed_cols(dy) + (double)heed_tensor_count(dy);
    heed_cost_add_traffic(dw, cost);
}

static void weight_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const int64_t n_in = heed_cols(a->in[ROWS_X]), n_out = heed_cols(a->in[ROWS_DY]);
    const int64_t expert = output == 0 ? element / (n_in * n_out) : element / n_out;
    const int64_t k = element / n_out % n_in, o = element % n_out;
    const float *offsets = heed_explain_read(e, a, OFFSETS, "offsets", expert, 1, 2);
    const int64_t first = (int64_t)offsets[0], rows = (int64_t)offsets[1] - first;
    const heed_figures dy = heed_explain_operand(e, a, ROWS_DY, "dy", first * n_out + o, n_out, rows);

    heed_explain_formula(e, "%s over r from %lld to %lld",
                         output == 0 ? "dW[e, k, o] = sum x[r, k] dy[r, o]" : "db[e, o] = sum dy[r, o]",
                         (long long)first, (long long)(first + rows - 1));
    if (output == 0)
        heed_explain_sum(e, "dW", rows, "x[r] * dy[r]",
                         heed_explain_operand(e, a, ROWS_X, "x", first * n_in + k, n_in, rows), dy);
    else
        heed_explain_sum(e, "db", rows, "dy[r]", dy);
}

const heed_op heed_op_expert_linear_backward_weight = {
    .name = "expert_linear_backward_weight",
    .n_inputs = 3,
    .n_outputs = 2,
    .shape = weight_shape,
    .forward = weight_forward,
    .fast = weight_fast,
    .cost = weight_cost,
    .explain = weight_explain,
    .workspace = weight_workspace,
};

heed_node *heed_expert_linear_backward_weight(heed_graph *g, heed_node *x, heed_node *dy, heed_node *offsets)
{
    return heed_node_append(g, &heed_op_expert_linear_backward_weight, x, dy, offsets);
}
