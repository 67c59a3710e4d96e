/* SPDX-License-Identifier: MIT */
/*
 * A copy: the same numbers in storage of their own.      x [...]  ->  y [...]
 *
 *   copy            y_i = x_i                              d x_i = d y_i
 *
 * Views make it needless almost everywhere. It stands where a view would need strides that do not exist, and lays
 * y out so that the view then works: dense, or with the heads of one position side by side.
 */
#include <string.h>

#include "base/parallel.h"
#include "ops/common.h"
#include "ops/list.h"
#include "ops/views.h"

static bool copy_shape(heed_graph *g, heed_node *y)
{
    const heed_tensor *x = &y->in[0]->tensor;
    const int64_t *size = x->shape.size;

    heed_node_set_shape(y, 0, x->dtype, x->shape);
    if (*(const heed_copy_layout *)y->attrs == HEED_COPY_DENSE)
        return true;
    if (x->shape.rank != 4)
        return heed_graph_fail(g, y, HEED_ERR_INTERNAL, "%s has no heads", y->in[0]->name);
    y->tensor.stride[0] = size[1] * size[2] * size[3];
    y->tensor.stride[1] = size[3];
    y->tensor.stride[2] = size[1] * size[3];
    return true;
}

static void copy_forward(const heed_op_args *a)
{
    heed_tensor_copy(a->out, a->in[0]);
}

static void copy_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const heed_op_args *a = context;
    const size_t row_bytes = (size_t)heed_cols(a->out) * heed_dtype_bytes(a->out->dtype);

    (void)thread;
    for (int64_t r = begin; r < end; r++)
        memcpy(heed_row_bytes(a->out, r), heed_row_bytes(a->in[0], r), row_bytes);
}

static void copy_fast(const heed_op_args *a)
{
    heed_parallel(a->device->n_threads, heed_rows(a->out), 1 + HEED_PIECE / heed_cols(a->out), copy_rows,
                  (void *)a);
}

static void copy_grad(heed_graph *g, heed_node *y, heed_node *const *dy, heed_node **dx)
{
    (void)g;
    (void)y;
    dx[0] = dy[0];
}

static void copy_cost(const heed_node *node, heed_cost *cost)
{
    heed_cost_add_traffic(node, cost);
}

static void copy_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const heed_figure x = heed_explain_figure(e, a, 0, "x", element);

    (void)output;
    heed_explain_formula(e, "y[i] = x[i]");
    heed_explain_step(e, "y", "x", x);
}

const heed_op heed_op_copy = {
    .name = "copy",
    .n_inputs = 1,
    .shape = copy_shape,
    .forward = copy_forward,
    .fast = copy_fast,
    .grad = copy_grad,
    .cost = copy_cost,
    .explain = copy_explain,
};

heed_node *heed_copy(heed_graph *g, heed_node *x, heed_copy_layout layout)
{
    return heed_node_append_with(g, &heed_op_copy, &layout, sizeof layout, x);
}
