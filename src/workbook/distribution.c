/* SPDX-License-Identifier: MIT */
#include "workbook/distribution.h"

#include <float.h>
#include <heed/attention.h>
#include <math.h>

#include "graph/plan.h"
#include "kernels/device.h"
#include "ops/list.h"
#include "ops/ops.h"

/* --- floats --- */

/* The numbers as the engine's; NULL after a failure. */
static float *floats_of(heed_solving *s, heed_grid x)
{
    const int64_t n = x.rows * x.columns;
    float *out = s->status == HEED_OK ? heed_arena_alloc(s->arena, ((size_t)n + 1) * sizeof *out) : NULL;

    if (out == NULL)
        heed_solve_fail(s, HEED_ERR_MEMORY, "not enough memory for %lld numbers", (long long)n);
    for (int64_t i = 0; s->status == HEED_OK && i < n; i++) {
        if (isfinite(x.data[i]) && fabs(x.data[i]) > (double)FLT_MAX)
            heed_solve_fail(s, HEED_ERR_USAGE, "expected numbers that a float holds, got %g", x.data[i]);
        out[i] = (float)x.data[i];
    }
    return s->status == HEED_OK ? out : NULL;
}

static heed_grid grid_of(heed_solving *s, const float *x, int64_t rows, int64_t columns)
{
    heed_grid out = heed_grid_make(s, rows, columns);

    for (int64_t i = 0; i < out.rows * out.columns; i++)
        out.data[i] = (double)x[i];
    return out;
}

/* --- ops --- */

static heed_status run(heed_graph *g, heed_node *y, float *out, heed_error *err)
{
    heed_device device = {0};
    heed_plan *plan = NULL;
    const heed_plan_options options = {.device = &device, .reference = true, .targets = &y, .n_targets = 1};
    heed_status status = heed_graph_status(g, err);

    if (status == HEED_OK)
        status = heed_device_open(&device, "plain", 1, err);
    if (status == HEED_OK)
        status = heed_plan_create(g, &options, &plan, err);
    if (status == HEED_OK)
        status = heed_plan_place(plan, NULL, err);
    if (status == HEED_OK) {
        const heed_tensor *value;
        heed_plan_run(plan);
        value = heed_plan_value(plan, y);
        for (int64_t i = 0; i < heed_tensor_count(value); i++)
            out[i] = heed_tensor_get(value, i);
    }
    heed_plan_destroy(plan);
    heed_device_close(&device);
    return status;
}

/* The op over x, and over second where it has two inputs; the result is as large as x. */
static heed_grid apply(heed_solving *s, const heed_op *op, heed_grid x, const heed_grid *second)
{
    const heed_shape shape = heed_shape2(x.rows, x.columns);
    float *a = floats_of(s, x), *b = second != NULL ? floats_of(s, *second) : NULL, *out = floats_of(s, x);
    heed_graph *g = s->status == HEED_OK ? heed_graph_create() : NULL;
    heed_node *in[2] = {NULL, NULL};
    heed_error err = {HEED_OK, ""};
    heed_status status;

    if (g == NULL) {
        heed_solve_fail(s, HEED_ERR_MEMORY, "not enough memory for a graph");
        return (heed_grid){0, 0, NULL};
    }
    in[0] = heed_graph_bound_input(g, "x", HEED_F32, shape, a);
    if (second != NULL)
        in[1] = heed_graph_bound_input(g, "dy", HEED_F32, heed_shape2(second->rows, second->columns), b);
    status = run(g, heed_node_append_list(g, op, NULL, 0, in, second != NULL ? 2 : 1), out, &err);
    heed_graph_destroy(g);
    if (status != HEED_OK)
        heed_solve_fail(s, status, "%s", err.message);
    return grid_of(s, out, x.rows, x.columns);
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

/* Attention of queries and keys that are 0: the scores are what is added to them. */
heed_grid heed_entropy_of_rows(heed_solving *s, heed_grid x)
{
    float *bias = floats_of(s, x);
    const heed_grid none = heed_grid_make(s, x.rows > x.columns ? x.rows : x.columns, 1);
    float *zeros = floats_of(s, none), *entropy = floats_of(s, none);
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
