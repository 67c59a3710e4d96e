/* SPDX-License-Identifier: MIT */
/*
 * Rows of a table, looked up by number.      table [V, d], ids [...]  ->  y [..., d]
 *
 *   embedding            y[t, :] = table[ids[t], :]
 *   embedding_backward   dtable[v, :] = base[v, :] + sum over t with ids[t] = v of dy[t, :]     t ascending
 *
 * The table is f32, bf16, f16 or 8-bit; y is f32. An id outside 0 .. V-1 gives a row of NaN, and its gradient goes nowhere. base (0 when absent) is a gradient that
 * the table gets from elsewhere: a head tied to the embedding. The sum is then added in place, so that both uses of
 * the table share one buffer. Threads split the columns, so every sum keeps its order.
 */
#include <math.h>
#include <string.h>

#include "base/parallel.h"
#include "ops/common.h"
#include "ops/embedding.h"
#include "ops/list.h"
#include "ops/ops.h"
#include "ops/weight.h"

static bool is_row_of(int32_t id, int64_t n_rows)
{
    return id >= 0 && id < n_rows;
}

static int32_t id_at(const heed_tensor *ids, int64_t t)
{
    return ((const int32_t *)ids->data)[heed_tensor_offset(ids, t)];
}

static bool embedding_shape(heed_graph *g, heed_node *y)
{
    const heed_tensor *table = &y->in[0]->tensor, *ids = &y->in[1]->tensor;
    heed_shape shape = ids->shape;
    char text[96];

    if (!heed_expect_weight(g, y, 0, "table"))
        return false;
    if (table->shape.rank != 2)
        return heed_graph_fail(g, y, HEED_ERR_SHAPE, "expected a table [vocab_size, d_model], %s is %s",
                               y->in[0]->name, heed_shape_format(text, sizeof text, &table->shape));
    if (ids->dtype != HEED_I32 || shape.rank >= HEED_MAX_RANK)
        return heed_graph_fail(g, y, HEED_ERR_SHAPE, "expected integer ids of at most %d axes, %s is %s %s",
                               HEED_MAX_RANK - 1, y->in[1]->name, heed_dtype_name(ids->dtype),
                               heed_shape_format(text, sizeof text, &shape));
    shape.size[shape.rank++] = table->shape.size[1];
    heed_node_set_shape(y, 0, HEED_F32, shape);
    return true;
}

static void embedding_forward(const heed_op_args *a)
{
    const heed_tensor *table = a->in[0];

    for (int64_t t = 0; t < heed_rows(a->out); t++) {
        const int32_t id = id_at(a->in[1], t);
        float *y = heed_row(a->out, t);

        for (int64_t j = 0; j < heed_cols(table); j++)
            y[j] = is_row_of(id, heed_rows(table)) ? heed_matrix_get(table, id, j) : NAN;
    }
}

static void embedding_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const heed_op_args *a = context;

    (void)thread;
    for (int64_t t = begin; t < end; t++) {
        const int32_t id = id_at(a->in[1], t);

        heed_weight_look_up(a->device, a->in[0], is_row_of(id, heed_rows(a->in[0])) ? id : -1,
                            heed_row(a->out, t));
    }
}

static void embedding_fast(const heed_op_args *a)
{
    heed_parallel(a->device->n_threads, heed_rows(a->out), 1 + HEED_PIECE / heed_cols(a->out), embedding_rows,
                  (void *)a);
}

static void embedding_grad(heed_graph *g, heed_node *y, heed_node *const *dy, heed_node **dx)
{
    dx[0] = heed_embedding_backward(g, y->in[1], dy[0], NULL, heed_rows(&y->in[0]->tensor));
}

/* Only the rows that are looked up are read. */
static void embedding_cost(const heed_node *node, heed_cost *cost)
{
    const double count = (double)heed_tensor_count(&node->tensor);

    cost->bytes_read += count * (double)heed_dtype_bytes(node->in[0]->tensor.dtype) +
                        4.0 * (double)heed_tensor_count(&node->in[1]->tensor);
    cost->bytes_written += 4.0 * count;
}

static int embedding_weight_axis(const heed_node *node, int input)
{
    (void)node;
    return input == 0 ? 1 : -1;
}

static void embedding_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const int64_t d = heed_cols(a->in[0]), t = element / d, j = element % d;
    const int32_t id = (int32_t)heed_explain_read1(e, a, 1, "id", t);

    (void)output;
    heed_explain_formula(e, "y[t, j] = table[id[t], j] with id[t] = %d", (int)id);
    if (is_row_of(id, heed_rows(a->in[0]))) {
        heed_explain_note(e, "token %lld has the id %d: row %d of the table", (long long)t, (int)id, (int)id);
        heed_explain_step(e, "y", "table", heed_explain_figure(e, a, 0, "table", id * d + j));
    } else {
        heed_explain_found(e, "y", (double)NAN, "the table has no row %d", (int)id);
    }
}

const heed_op heed_op_embedding = {
    .name = "embedding",
    .n_inputs = 2,
    .shape = embedding_shape,
    .forward = embedding_forward,
    .fast = embedding_fast,
    .grad = embedding_grad,
    .weight_axis = embedding_weight_axis,
    .cost = embedding_cost,
    .explain = embedding_explain,
};

heed_node *heed_embedding(heed_graph *g, heed_node *table, heed_node *ids)
{
    return heed_node_append(g, &heed_op_embedding, table, ids);
}

/* --- backward: ids, dy, base --------------------------------------------------------------------- */

static bool embedding_backward_shape(heed_graph *g, heed_node *dtable)
{
    const heed_node *dy = dtable->in[1], *base = dtable->in[2];
    const heed_shape shape = heed_shape2(*(const int64_t *)dtable->attrs, heed_cols(&dy->tensor));

    if (base != NULL && !heed_shape_equal(&base->tensor.shape, &shape))
        return heed_graph_fail(g, dtable, HEED_ERR_INTERNAL, "%s has another shape than the table", base->name);
    heed_node_set_shape(dtable, 0, HEED_F32, shape);
    return true;
}

/* Adds columns begin .. end-1 of every token's gradient to its row. */
static void scatter_columns(void *context, int64_t begin, int64_t end, int thread)
{
    const heed_op_args *a = context;
    const heed_tensor *ids = a->in[0];
    const int64_t n_tokens = heed_tensor_count(ids);

    (void)thread;
    for (int64_t t = 0; t < n_tokens; t++) {
        const int32_t id = id_at(ids, t);

        if (!is_row_of(id, heed_rows(a->out)))
            continue;
        const float *dy = heed_row(a->in[1], t);
        float *dtable = heed_row(a->out, id);

        for (int64_t j = begin; j < end; j++)
            dtable[j] += dy[j];
    }
}

/* The rows that the sums start from: base, or zeros. */
static void start_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const heed_op_args *a = context;
    const size_t row_bytes = (size_t)heed_cols(a->out) * sizeof(float);

    (void)thread;
    for (int64_t v = begin; v < end; v++) {
        float *dtable = heed_row(a->out, v);

        if (a->in[2] == NULL)
            memset(dtable, 0, row_bytes);
        else if (heed_row(a->in[2], v) != dtable)
            memcpy(dtable, heed_row(a->in[2], v), row_bytes);
    }
}

static void embedding_backward_forward(const heed_op_args *a)
{
    start_rows((void *)a, 0, heed_rows(a->out), 0);
    scatter_columns((void *)a, 0, heed_cols(a->out), 0);
}

static void embedding_backward_fast(const heed_op_args *a)
{
    const int n_threads = a->device->n_threads;
    const int64_t d = heed_cols(a->out), lines = (d + 15) / 16; /* a cache line holds 16 floats */

    heed_parallel(n_threads, heed_rows(a->out), 1 + 65536 / d, start_rows, (void *)a);
    if (heed_tensor_count(a->in[1]) < 16384)
        scatter_columns((void *)a, 0, d, 0);
    else
        heed_parallel(n_threads, d, (lines + n_threads - 1) / n_threads * 16, scatter_columns, (void *)a);
}

static void embedding_backward_cost(const heed_node *node, heed_cost *cost)
{
    cost->flops += (double)heed_tensor_count(&node->in[1]->tensor);
    heed_cost_add_traffic(node, cost);
}

static void embedding_backward_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const int64_t d = heed_cols(a->out), n_tokens = heed_tensor_count(a->in[0]), v = element / d,
                  j = element % d;
    const float *ids = heed_explain_read(e, a, 0, "id", 0, 1, n_tokens);
    const heed_figure base = a->in[2] != NULL ? heed_explain_figure(e, a, 2, "base", element)
                                              : heed_constant(0.0);
    heed_figure *dy = heed_explain_room(e, n_tokens);
    int64_t n = 0;

    (void)output;
    for (int64_t t = 0; t < n_tokens; t++) {
        if ((int64_t)ids[t] == v)
            dy[n++] = heed_explain_figure(e, a, 1, "dy", t * d + j);
    }
    heed_explain_formula(e, "dtable[v, j] = %ssum over t with id[t] = v of dy[t, j]",
                         a->in[2] != NULL ? "base[v, j] + " : "");
    heed_explain_note(e, "%lld of %lld tokens have the id %lld", (long long)n, (long long)n_tokens,
                      (long long)v);
    heed_explain_sum_from(e, HEED_IN_FLOAT, "dtable", base, n, "dy[t]", heed_figures_of(dy));
}

const heed_op heed_op_embedding_backward = {
    .name = "embedding_backward",
    .n_inputs = 3,
    .required_inputs = 2,
    .reuse = {1u << 2},
    .shape = embedding_backward_shape,
    .forward = embedding_backward_forward,
    .fast = embedding_backward_fast,
    .cost = embedding_backward_cost,
    .explain = embedding_backward_explain,
};

heed_node *heed_embedding_backward(heed_graph *g, heed_node *ids, heed_node *dy, heed_node *base,
                                   int64_t vocab_size)
{
    return heed_node_append_with(g, &heed_op_embedding_backward, &vocab_size, sizeof vocab_size, ids, dy, base);
}

bool heed_is_lookup_gradient(const heed_node *node)
{
    return node->op == &heed_op_embedding_backward && node->in[2] == NULL;
}

heed_node *heed_add_lookup_gradient(heed_graph *g, const heed_node *lookup, heed_node *sum)
{
    return heed_embedding_backward(g, lookup->in[0], lookup->in[1], sum, heed_rows(&lookup->tensor));
}
