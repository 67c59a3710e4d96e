/* SPDX-License-Identifier: MIT */
/*
 * A linear map of rows.      x [..., in], W, b [out] or absent  ->  y [..., out]
 *
 *   linear     y_o = sum_k x_k W_ko + b_o        W [in, out]    (HEED_WEIGHT_IN_OUT, GPT-2's own)
 *              y_o = sum_k x_k W_ok + b_o        W [out, in]    (HEED_WEIGHT_OUT_IN, nn.Linear, a tied head)
 *
 * Its gradients are in linear_backward.c. Many rows are one matrix product. A few rows (decoding writes one a
 * token) are bound by reading W, so all threads stream their share of it: rows of W [out, in], columns of W [in, out].
 */
#include "ops/linear.h"
#include <string.h>

#include "base/parallel.h"
#include "ops/common.h"
#include "ops/dense.h"
#include "ops/list.h"

#define SLABS         4     /* of the rows of W [in, out] when it is streamed: each is summed by itself */
#define FEW_ROWS      4     /* up to here W is streamed instead of multiplied */
#define BLOCK_WEIGHTS 49152 /* weights (192 kB) that stay in the second-level cache while the few rows pass */

static heed_weight_layout layout_of(const heed_node *node)
{
    return *(const heed_weight_layout *)node->attrs;
}

static bool linear_shape(heed_graph *g, heed_node *y)
{
    const heed_tensor *x = &y->in[0]->tensor, *w = &y->in[1]->tensor;
    const int in_axis = layout_of(y) == HEED_WEIGHT_IN_OUT ? 0 : 1;
    heed_shape shape = x->shape;
    char x_text[96], w_text[96];

    if (!heed_expect_dtype(g, y, 0, "x", HEED_F32) || !heed_expect_dtype(g, y, 1, "weight", HEED_F32))
        return false;
    if (shape.rank < 1 || w->shape.rank != 2 || heed_cols(x) != w->shape.size[in_axis])
        return heed_graph_fail(g, y, HEED_ERR_SHAPE, "x %s does not fit %s %s, which is [%s]",
                               heed_shape_format(x_text, sizeof x_text, &x->shape), y->in[1]->name,
                               heed_shape_format(w_text, sizeof w_text, &w->shape),
                               in_axis == 0 ? "in, out" : "out, in");
    shape.size[shape.rank - 1] = w->shape.size[1 - in_axis];
    heed_node_set_shape(y, 0, HEED_F32, shape);
    return heed_expect_shape(g, y, 2, "bias", HEED_F32, heed_shape1(heed_cols(&y->tensor)));
}

/* y = x W: row k of W is added x_k times, k ascending. */
static void combine_rows(float *y, const float *x, const heed_tensor *w)
{
    const int64_t n_in = heed_rows(w), n_out = heed_cols(w);

    for (int64_t o = 0; o < n_out; o++)
        y[o] = 0.0f;
    for (int64_t k = 0; k < n_in; k++) {
        const float *w_k = heed_row(w, k);

        for (int64_t o = 0; o < n_out; o++)
            y[o] += x[k] * w_k[o];
    }
}

/* y = x W^T: y_o is the dot product with row o of W. */
static void dot_rows(float *y, const float *x, const heed_tensor *w)
{
    const int64_t n_out = heed_rows(w), n_in = heed_cols(w);

    for (int64_t o = 0; o < n_out; o++) {
        const float *w_o = heed_row(w, o);
        float sum = 0.0f;

        for (int64_t k = 0; k < n_in; k++)
            sum += x[k] * w_o[k];
        y[o] = sum;
    }
}

static void linear_forward(const heed_op_args *a)
{
    const heed_tensor *w = a->in[1];
    const float *bias = a->in[2] != NULL ? a->in[2]->data : NULL;
    const int64_t n_out = heed_cols(a->out);

    for (int64_t r = 0; r < heed_rows(a->out); r++) {
        const float *x = heed_row(a->in[0], r);
        float *y = heed_row(a->out, r);

        if (layout_of(a->node) == HEED_WEIGHT_IN_OUT)
            combine_rows(y, x, w);
        else
            dot_rows(y, x, w);
        for (int64_t o = 0; bias != NULL && o < n_out; o++)
            y[o] += bias[o];
    }
}

/* --- fast ---------------------------------------------------------------------------------------- */

static heed_product_shape product_of(const heed_node *node)
{
    const heed_tensor *x = &node->in[0]->tensor;

    return (heed_product_shape){.m = heed_rows(x),
                                .n = heed_cols(&node->tensor),
                                .k = heed_cols(x),
                                .transpose_b = layout_of(node) == HEED_WEIGHT_OUT_IN,
                                .has_bias = node->in[2] != NULL};
}

/* Outputs begin .. end-1 of every row by rows of W [out, in], while those are in the cache. */
static void few_rows_dot(void *context, int64_t begin, int64_t end, int thread)
{
    const heed_op_args *a = context;
    const float *bias = a->in[2] != NULL ? (const float *)a->in[2]->data + begin : NULL;
    const float *w = heed_row(a->in[1], begin);

    (void)thread;
    for (int64_t r = 0; r < heed_rows(a->out); r++)
        a->device->kernels->rows_dot(heed_row(a->out, r) + begin, w, a->in[1]->stride[0], heed_row(a->in[0], r),
                                     bias, end - begin, heed_cols(a->in[0]));
}

/* Floats that one slab's sums take, whole cache lines. */
static int64_t slab_floats(const heed_node *node)
{
    return (heed_tensor_count(&node->tensor) + 15) / 16 * 16;
}

/* What rows of W [in, out] in slabs begin .. end-1 give to every output; a block of them stays in the cache for all x. */
static void combine_slabs(void *context, int64_t begin, int64_t end, int thread)
{
    const heed_op_args *a = context;
    const int64_t n_in = heed_cols(a->in[0]), n_out = heed_cols(a->out), rows = heed_rows(a->out);
    const int64_t slab = (n_in + 8 * SLABS - 1) / (8 * SLABS) * 8;
    const int64_t block = rows == 1 ? slab : BLOCK_WEIGHTS / n_out / 8 * 8 + 8;

    (void)thread;
    for (int64_t s = begin; s < end; s++) {
        float *sums = (float *)a->workspace + s * slab_floats(a->node);
        const int64_t first = s * slab, last = n_in < first + slab ? n_in : first + slab;

        if (first >= last)
            memset(sums, 0, (size_t)(rows * n_out) * sizeof *sums);
        for (int64_t k = first; k < last; k += block) {
            for (int64_t r = 0; r < rows; r++)
                a->device->kernels->rows_combine(
                    sums + r * n_out, heed_row(a->in[1], k), a->in[1]->stride[0], heed_row(a->in[0], r) + k,
                    k == first ? NULL : sums + r * n_out, n_out, last - k < block ? last - k : block);
        }
    }
}

/*
 * A thread reads whole rows of W one after the other, which is a fifth faster than half of each row where rows are short
 * (two Sapphire Rapids cores, W [3072, 768]: 30 GB/s against 24). The slabs are always the same, so the bits are too.
 */
static void few_rows_combine(const heed_op_args *a)
{
    const int64_t n_out = heed_cols(a->out), rows = heed_rows(a->out);
    const bool small = rows * heed_cols(a->in[0]) * n_out <= 2 * HEED_PIECE;

    heed_parallel(a->device->n_threads, SLABS, small ? SLABS : 1, combine_slabs, (void *)a);
    for (int64_t r = 0; r < rows; r++) {
        float *y = heed_row(a->out, r);

        if (a->in[2] != NULL)
            memcpy(y, a->in[2]->data, (size_t)n_out * sizeof *y);
        else
            memset(y, 0, (size_t)n_out * sizeof *y);
        a->device->kernels->column_sums(y, (const float *)a->workspace + r * n_out, slab_floats(a->node), SLABS,
                                        n_out);
    }
}

/* Rows of W [out, in] a piece of work has, a whole number of cache lines of outputs. */
static int64_t outputs_a_piece(const heed_op_args *a)
{
    const int64_t n_in = heed_cols(a->in[0]), n_out = heed_cols(a->out), rows = heed_rows(a->out);
    int64_t piece = n_out / (a->device->n_threads * 4) + 1;

    if (rows * n_in * n_out <= 2 * HEED_PIECE) /* handing out would cost more than computing */
        return n_out;
    if (rows > 1 && piece > BLOCK_WEIGHTS / n_in)
        piece = BLOCK_WEIGHTS / n_in;
    return (piece + 63) / 64 * 64;
}

static void linear_fast(const heed_op_args *a)
{
    const heed_product_shape shape = product_of(a->node);
    char *free_space = a->workspace;

    if (shape.m <= FEW_ROWS) {
        if (layout_of(a->node) == HEED_WEIGHT_OUT_IN)
            heed_parallel(a->device->n_threads, shape.n, outputs_a_piece(a), few_rows_dot, (void *)a);
        else
            few_rows_combine(a);
        return;
    }
    const float *x = heed_dense_operand(a->in[0], &free_space), *w = heed_dense_operand(a->in[1], &free_space);

    heed_product_compute(a->device, &shape, x, w, shape.has_bias ? a->in[2]->data : NULL, a->out->data,
                         free_space);
}

static size_t linear_workspace(const heed_node *node, heed_device *device)
{
    const heed_product_shape shape = product_of(node);
    const size_t copies = heed_bytes_add(heed_dense_bytes(&node->in[0]->tensor),
                                         heed_dense_bytes(&node->in[1]->tensor));

    if (shape.m <= FEW_ROWS)
        return layout_of(node) == HEED_WEIGHT_IN_OUT ? heed_floats_bytes(SLABS * slab_floats(node)) : 0;
    return heed_bytes_add(copies, heed_product_bytes(device, &shape));
}

/* --- the rest ------------------------------------------------------------------------------------ */

static void linear_grad(heed_graph *g, heed_node *y, heed_node *const *dy, heed_node **dx)
{
    heed_node *bias = y->in[2];

    if (heed_node_wants_grad(y->in[0]))
        dx[0] = heed_linear_backward_input(g, dy[0], y->in[1], layout_of(y));
    if (!heed_node_wants_grad(y->in[1]) && !heed_node_wants_grad(bias))
        return;
    heed_node *dweight = heed_linear_backward_weight(g, y->in[0], dy[0], layout_of(y));

    if (heed_node_wants_grad(y->in[1]))
        dx[1] = dweight;
    if (heed_node_wants_grad(bias) && dweight != NULL)
        dx[2] = dweight->outputs[1];
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
    const bool in_out = layout_of(a->node) == HEED_WEIGHT_IN_OUT;
    const float *x = heed_explain_read(e, a, 0, "x", r * n_in, 1, n_in);
    const float *w = heed_explain_read(e, a, 1, "W", in_out ? o : o * n_in, in_out ? n_out : 1, n_in);
    float sum = 0.0f;

    (void)output;
    for (int64_t k = 0; k < n_in; k++)
        sum += x[k] * w[k];
    if (a->in[2] != NULL)
        sum += heed_explain_read1(e, a, 2, "b", o);
    heed_explain_formula(e, "y[r, o] = sum_k x[r, k] W[%s]%s", in_out ? "k, o" : "o, k",
                         a->in[2] != NULL ? " + b[o]" : "");
    heed_explain_value(e, sum);
}

const heed_op heed_op_linear = {
    .name = "linear",
    .n_inputs = 3,
    .required_inputs = 2,
    .shape = linear_shape,
    .forward = linear_forward,
    .fast = linear_fast,
    .grad = linear_grad,
    .cost = linear_cost,
    .explain = linear_explain,
    .workspace = linear_workspace,
};

heed_node *heed_linear(heed_graph *g, heed_node *x, heed_node *weight, heed_node *bias,
                       heed_weight_layout layout)
{
    return heed_node_append_with(g, &heed_op_linear, &layout, sizeof layout, x, weight, bias);
}
