/* SPDX-License-Identifier: MIT */
/*
 * Consecutive rows of a table of positions.      table [n, d], past (scalar or absent: 0)  ->  y [T, d]
 *
 *   position_embedding            y[t, :] = table[past + t, :]
 *   position_embedding_backward   dtable[p, :] = dy[p - past, :]  for past <= p < past + T,   0 elsewhere
 *
 * A position outside the table gives a row of NaN, as an id outside the vocabulary does.
 */
#include <math.h>
#include <string.h>

#include "ops/common.h"
#include "ops/list.h"
#include "ops/ops.h"

static int64_t past_of(const heed_tensor *past)
{
    return past != NULL ? heed_scalar_i32(past) : 0;
}

static bool position_embedding_shape(heed_graph *g, heed_node *y)
{
    const heed_shape *table = &y->in[0]->tensor.shape;
    const int64_t T = *(const int64_t *)y->attrs;
    char text[96];

    if (table->rank != 2)
        return heed_graph_fail(g, y, HEED_ERR_SHAPE, "expected a table [n, d_model], %s is %s", y->in[0]->name,
                               heed_shape_format(text, sizeof text, table));
    if (T < 1 || T > table->size[0])
        return heed_graph_fail(g, y, HEED_ERR_SHAPE, "%lld positions are wanted, %s has %lld", (long long)T,
                               y->in[0]->name, (long long)table->size[0]);
    heed_node_set_shape(y, 0, HEED_F32, heed_shape2(T, table->size[1]));
    return heed_expect_scalar(g, y, 1, "past", HEED_I32);
}

static void position_embedding_forward(const heed_op_args *a)
{
    const int64_t past = past_of(a->in[1]), n = heed_rows(a->in[0]), d = heed_cols(a->out);

    for (int64_t t = 0; t < heed_rows(a->out); t++) {
        float *y = heed_row(a->out, t);

        if (past + t >= 0 && past + t < n) {
            memcpy(y, heed_row(a->in[0], past + t), (size_t)d * sizeof *y);
        } else {
            for (int64_t j = 0; j < d; j++)
                y[j] = NAN;
        }
    }
}

static void position_embedding_cost(const heed_node *node, heed_cost *cost)
{
    const double bytes = 4.0 * (double)heed_tensor_count(&node->tensor);

    cost->bytes_read += bytes;
    cost->bytes_written += bytes;
}

static void position_embedding_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const int64_t d = heed_cols(a->out), t = element / d, j = element % d;
    const int64_t past = a->in[1] != NULL ? (int64_t)heed_explain_read1(e, a, 1, "past", 0) : 0;
    float value = NAN;

    (void)output;
    if (past + t >= 0 && past + t < heed_rows(a->in[0]))
        value = heed_explain_read1(e, a, 0, "table", (past + t) * d + j);
    heed_explain_formula(e, "y[t, j] = table[past + t, j] with past = %lld", (long long)past);
    heed_explain_value(e, value);
}

static void position_embedding_grad(heed_graph *g, heed_node *y, heed_node *const *dy, heed_node **dx)
{
    const int64_t n = heed_rows(&y->in[0]->tensor);

    dx[0] = heed_node_append_with(g, &heed_op_position_embedding_backward, &n, sizeof n, dy[0], y->in[1]);
}

const heed_op heed_op_position_embedding = {
    .name = "position_embedding",
    .n_inputs = 2,
    .required_inputs = 1,
    .grad = position_embedding_grad,
    .shape = position_embedding_shape,
    .forward = position_embedding_forward,
    .cost = position_embedding_cost,
    .explain = position_embedding_explain,
};

heed_node *heed_position_embedding(heed_graph *g, heed_node *table, heed_node *past, int64_t T)
{
    return heed_node_append_with(g, &heed_op_position_embedding, &T, sizeof T, table, past);
}

/* --- backward: dy, past -------------------------------------------------------------------------- */

static bool position_embedding_backward_shape(heed_graph *g, heed_node *dtable)
{
    const heed_tensor *dy = &dtable->in[0]->tensor;

    heed_node_set_shape(dtable, 0, HEED_F32, heed_shape2(*(const int64_t *)dtable->attrs, heed_cols(dy)));
    return heed_expect_scalar(g, dtable, 1, "past", HEED_I32);
}

static void position_embedding_backward_forward(const heed_op_args *a)
{
    const int64_t past = past_of(a->in[1]), T = heed_rows(a->in[0]);
    const size_t row_bytes = (size_t)heed_cols(a->out) * sizeof(float);

    for (int64_t p = 0; p < heed_rows(a->out); p++) {
        if (p >= past && p < past + T)
            memcpy(heed_row(a->out, p), heed_row(a->in[0], p - past), row_bytes);
        else
            memset(heed_row(a->out, p), 0, row_bytes);
    }
}

static void position_embedding_backward_cost(const heed_node *node, heed_cost *cost)
{
    heed_cost_add_traffic(node, cost);
}

static void position_embedding_backward_explain(const heed_op_args *a, int output, int64_t element,
                                                heed_explanation *e)
{
    const int64_t d = heed_cols(a->out), T = heed_rows(a->in[0]), p = element / d, j = element % d;
    const int64_t past = a->in[1] != NULL ? (int64_t)heed_explain_read1(e, a, 1, "past", 0) : 0;
    float value = 0.0f;

    (void)output;
    if (p >= past && p < past + T)
        value = heed_explain_read1(e, a, 0, "dy", (p - past) * d + j);
    heed_explain_formula(e, "dtable[p, j] = dy[p - past, j] where that exists, else 0, with past = %lld",
                         (long long)past);
    heed_explain_value(e, value);
}

const heed_op heed_op_position_embedding_backward = {
    .name = "position_embedding_backward",
    .n_inputs = 2,
    .required_inputs = 1,
    .forward = position_embedding_backward_forward,
    .shape = position_embedding_backward_shape,
    .cost = position_embedding_backward_cost,
    .explain = position_embedding_backward_explain,
};
