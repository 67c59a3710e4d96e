/* SPDX-License-Identifier: MIT */
#include "workbook/distribution.h"

#include <heed/attention.h>

#include "ops/list.h"
#include "workbook/op_graph.h"

/* --- ops --- */

/* The op over x, and over second where it has two inputs; the result is as large as x. */
static heed_grid apply(heed_solving *s, const heed_op *op, heed_grid x, const heed_grid *second)
{
    heed_graph *g = heed_op_graph(s);
    heed_node *in[2] = {heed_op_input(s, g, "x", heed_shape2(x.rows, x.columns), x), NULL};

    if (second != NULL)
        in[1] = heed_op_input(s, g, "dy", heed_shape2(second->rows, second->columns), *second);
    return heed_op_run(
        s, g, s->status == HEED_OK ? heed_node_append_list(g, op, NULL, 0, in, second != NULL ? 2 : 1) : NULL);
}

heed_grid heed_softmax_of_rows(heed_solving *s, heed_grid x)
{
    return apply(s, &heed_op_softmax, x, NULL);
}

heed_grid heed_softmax_of_columns(heed_solving *s, heed_grid x)
{
    return heed_grid_turn(s, heed_softmax_of_rows(s, heed_grid_turn(s, x)));
}

heed_grid heed_log_softmax_of_rows(heed_solving *s, heed_grid x)
{
    return apply(s, &heed_op_log_softmax, x, NULL);
}

heed_grid heed_softmax_gradient(heed_solving *s, heed_grid y, heed_grid dy)
{
    return apply(s, &heed_op_softmax_backward, y, &dy);
}

/* --- entropy --- */

static heed_grid grid_of(heed_solving *s, const float *x, int64_t rows, int64_t columns)
{
    heed_grid out = heed_grid_make(s, rows, columns);

    for (int64_t i = 0; i < out.rows * out.columns; i++)
        out.data[i] = (double)x[i];
    return out;
}

/* Attention of queries and keys that are 0: the scores are what is added to them. */
heed_grid heed_entropy_of_rows(heed_solving *s, heed_grid x)
{
    float *bias = heed_op_floats(s, x);
    const heed_grid none = heed_grid_make(s, x.rows > x.columns ? x.rows : x.columns, 1);
    float *zeros = heed_op_floats(s, none), *entropy = heed_op_floats(s, none);
    const heed_attention_inputs in = {.n_query = x.rows,
                                      .n_key = x.columns,
                                      .head_dim = 1,
                                      .q = zeros,
                                      .k = zeros,
                                      .v = zeros,
                                      .bias = bias,
                                      .plain = true,
                                      .threads = 1};
    const heed_attention_results want = {.entropy = entropy};
    heed_error err = {HEED_OK, ""};
    heed_status status;

    if (s->status != HEED_OK)
        return (heed_grid){0, 0, NULL};
    status = heed_attention_run(&in, &want, &err);
    if (status != HEED_OK)
        heed_solve_fail(s, status, "%s", err.message);
    return grid_of(s, entropy, 1, x.rows);
}

/* --- products --- */

heed_grid heed_grid_times(heed_solving *s, heed_grid a, heed_grid b)
{
    heed_grid out = heed_grid_make(s, a.rows, b.columns);

    if (a.columns != b.rows)
        heed_solve_fail(s, HEED_ERR_SHAPE, "expected %lld rows to multiply with, got %lld",
                        (long long)a.columns, (long long)b.rows);
    for (int64_t i = 0; s->status == HEED_OK && i < a.rows; i++) {
        for (int64_t j = 0; j < b.columns; j++) {
            for (int64_t k = 0; k < a.columns; k++)
                out.data[i * b.columns + j] += a.data[i * a.columns + k] * b.data[k * b.columns + j];
        }
    }
    return out;
}
