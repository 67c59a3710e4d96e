/* SPDX-License-Identifier: MIT */
/*
 * Columns placed among zeros: the gradient of narrow.      dy [..., length]  ->  dx [..., n]
 *
 *   widen           dx[..., j] = dy[..., j - start]  for start <= j < start + length,   0 elsewhere
 *
 * Where several of these meet and their dy already lie side by side, heed_accumulate() uses that storage as it is,
 * and none of them runs.
 */
#include <string.h>

#include "base/parallel.h"
#include "ops/common.h"
#include "ops/list.h"
#include "ops/views.h"

static bool widen_shape(heed_graph *g, heed_node *dx)
{
    const heed_columns *columns = dx->attrs;
    heed_shape shape = dx->in[0]->tensor.shape;

    if (shape.rank == 0 || columns->start < 0 || columns->start + columns->length > columns->n)
        return heed_graph_fail(g, dx, HEED_ERR_SHAPE, "%lld columns from %lld on do not fit into %lld",
                               (long long)columns->length, (long long)columns->start, (long long)columns->n);
    shape.size[shape.rank - 1] = columns->n;
    heed_node_set_shape(dx, 0, dx->in[0]->tensor.dtype, shape);
    return true;
}

static void widen_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const heed_op_args *a = context;
    const heed_columns *columns = a->attrs;
    const size_t word = heed_dtype_bytes(a->out->dtype);
    const size_t before = (size_t)columns->start * word, length = (size_t)columns->length * word;

    (void)thread;
    for (int64_t r = begin; r < end; r++) {
        char *dx = heed_row_bytes(a->out, r); /* bytes of 0 are the number 0 in every type */

        memset(dx, 0, before);
        memcpy(dx + before, heed_row_bytes(a->in[0], r), length);
        memset(dx + before + length, 0, (size_t)columns->n * word - before - length);
    }
}

static void widen_forward(const heed_op_args *a)
{
    widen_rows((void *)a, 0, heed_rows(a->out), 0);
}

static void widen_fast(const heed_op_args *a)
{
    heed_parallel(a->device->n_threads, heed_rows(a->out), 1 + HEED_PIECE / heed_cols(a->out), widen_rows,
                  (void *)a);
}

static void widen_cost(const heed_node *node, heed_cost *cost)
{
    heed_cost_add_traffic(node, cost);
}

static void widen_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const heed_columns *columns = a->attrs;
    const int64_t row = element / columns->n, j = element % columns->n - columns->start;

    (void)output;
    heed_explain_formula(e, "dx[r, j] = dy[r, j - %lld] where that exists, else 0", (long long)columns->start);
    if (j >= 0 && j < columns->length)
        heed_explain_step(e, "dx", "dy", heed_explain_figure(e, a, 0, "dy", row * columns->length + j));
    else
        heed_explain_found(e, "dx", 0.0, "the column is none of those that were taken");
}

const heed_op heed_op_widen = {
    .name = "widen",
    .n_inputs = 1,
    .shape = widen_shape,
    .forward = widen_forward,
    .fast = widen_fast,
    .cost = widen_cost,
    .explain = widen_explain,
};

heed_node *heed_widen(heed_graph *g, heed_node *dy, int64_t start, int64_t n)
{
    heed_columns columns = {.start = start, .n = n};

    if (dy == NULL)
        return NULL;
    columns.length = heed_cols(&dy->tensor);
    return heed_node_append_with(g, &heed_op_widen, &columns, sizeof columns, dy);
}
