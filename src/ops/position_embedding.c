/* SPDX-License-Identifier: MIT */
/*
 * Consecutive rows of a table of positions.      table [n, d], past (scalar or absent: 0)  ->  y [T, d]
 *                                                           past [B]  ->  y [B, T, d]
 *
 *   position_embedding            y[b, t, :] = table[past_b + t, :]
 *   position_embedding_backward   dtable[p, :] = sum_b dy[b, p - past_b, :]  where past_b <= p < past_b + T
 *
 * The table is f32, bf16, f16 or 8-bit; y is f32. A position outside the table gives a row of NaN, as an id outside the
 * vocabulary does.
 */
#include <math.h>
#include <string.h>

#include "ops/common.h"
#include "ops/list.h"
#include "ops/ops.h"
#include "ops/weight.h"

static bool position_embedding_shape(heed_graph *g, heed_node *y)
{
    const heed_shape *table = &y->in[0]->tensor.shape;
    const int64_t T = *(const int64_t *)y->attrs;
    char text[96];

    if (!heed_expect_weight(g, y, 0, "table"))
        return false;
    if (table->rank != 2)
        return heed_graph_fail(g, y, HEED_ERR_SHAPE, "expected a table [n, d_model], %s is %s", y->in[0]->name,
                               heed_shape_format(text, sizeof text, table));
    if (T < 1 || T > table->size[0])
        return heed_graph_fail(g, y, HEED_ERR_SHAPE, "%lld positions are wanted, %s has %lld", (long long)T,
                               y->in[0]->name, (long long)table->size[0]);
    if (!heed_expect_past(g, y, 1, -1))
        return false;
    heed_node_set_shape(y, 0, HEED_F32, heed_shape2(T, table->size[1]));
    if (y->in[1] != NULL && y->in[1]->tensor.shape.rank == 1)
        heed_node_set_shape(y, 0, HEED_F32, heed_shape3(y->in[1]->tensor.shape.size[0], T, table->size[1]));
    return true;
}

static void position_embedding_forward(const heed_op_args *a)
{
    const int64_t T = *(const int64_t *)a->attrs, n = heed_rows(a->in[0]), d = heed_cols(a->out);

    for (int64_t row = 0; row < heed_rows(a->out); row++) {
        const int64_t p = heed_past_of(a->in[1], row / T) + row % T;
        float *y = heed_row(a->out, row);

        for (int64_t j = 0; j < d; j++)
            y[j] = p >= 0 && p < n ? heed_matrix_get(a->in[0], p, j) : NAN;
    }
}

static void position_embedding_fast(const heed_op_args *a)
{
    const int64_t T = *(const int64_t *)a->attrs, n = heed_rows(a->in[0]);

    for (int64_t row = 0; row < heed_rows(a->out); row++) {
        const int64_t p = heed_past_of(a->in[1], row / T) + row % T;

        heed_weight_look_up(a->device, a->in[0], p < n ? p : -1, heed_row(a->out, row));
    }
}

static int position_embedding_weight_axis(const heed_node *node, int input)
{
    (void)node;
    return input == 0 ? 1 : -1;
}

static void position_embedding_cost(const heed_node *node, heed_cost *cost)
{
    const double count = (double)heed_tensor_count(&node->tensor);

    cost->bytes_read += count * (double)heed_dtype_bytes(node->in[0]->tensor.dtype);
    cost->bytes_written += 4.0 * count;
}

/* past_b, noted. */
static int64_t past_read(heed_explanation *e, const heed_op_args *a, int64_t b)
{
    return a->in[1] != NULL ? (int64_t)heed_explain_read1(e, a, 1, "past", a->in[1]->shape.rank == 0 ? 0 : b)
                            : 0;
}

static void position_embedding_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const int64_t d = heed_cols(a->out), T = *(const int64_t *)a->attrs, row = element / d, j = element % d;
    const int64_t past = past_read(e, a, row / T), p = past + row % T;

    (void)output;
    heed_explain_formula(e, "y[t, j] = table[past + t, j] with past = %lld", (long long)past);
    if (p >= 0 && p < heed_rows(a->in[0])) {
        heed_explain_note(e, "token %lld stands at position %lld", (long long)(row % T), (long long)p);
        heed_explain_step(e, "y", "table", heed_explain_figure(e, a, 0, "table", p * d + j));
    } else {
        heed_explain_found(e, "y", (double)NAN, "the table has no position %lld", (long long)p);
    }
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
    .fast = position_embedding_fast,
    .weight_axis = position_embedding_weight_axis,
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
    return heed_expect_past(g, dtable, 1, dy->shape.rank == 3 ? dy->shape.size[0] : -1);
}

static void position_embedding_backward_forward(const heed_op_args *a)
{
    const int64_t B = heed_past_rows(a->in[1]), T = heed_rows(a->in[0]) / B, d = heed_cols(a->out);

    for (int64_t p = 0; p < heed_rows(a->out); p++) {
        float *to = heed_row(a->out, p);

        memset(to, 0, (size_t)d * sizeof *to);
        for (int64_t b = 0; b < B; b++) {
            const int64_t t = p - heed_past_of(a->in[1], b);

            for (int64_t j = 0; t >= 0 && t < T && j < d; j++)
                to[j] += heed_row(a->in[0], b * T + t)[j];
        }
    }
}

static void position_embedding_backward_cost(const heed_node *node, heed_cost *cost)
{
    heed_cost_add_traffic(node, cost);
}

static void position_embedding_backward_explain(const heed_op_args *a, int output, int64_t element,
                                                heed_explanation *e)
{
    const int64_t B = heed_past_rows(a->in[1]), T = heed_rows(a->in[0]) / B;
    const int64_t d = heed_cols(a->out), p = element / d, j = element % d;
    heed_figure *dy = heed_explain_room(e, B);
    int64_t n = 0;

    (void)output;
    for (int64_t b = 0; b < B; b++) {
        const int64_t t = p - past_read(e, a, b);

        if (t >= 0 && t < T)
            dy[n++] = heed_explain_figure(e, a, 0, "dy", (b * T + t) * d + j);
    }
    heed_explain_formula(e, "dtable[p, j] = sum_b dy[b, p - past_b, j] where that exists");
    heed_explain_sum(e, "dtable", n, "dy[b]", heed_figures_of(dy));
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
