/* SPDX-License-Identifier: MIT */
#include "workbook/op_graph.h"

#include <float.h>
#include <math.h>

#include "graph/plan.h"
#include "kernels/device.h"

heed_graph *heed_op_graph(heed_solving *s)
{
    heed_graph *g = s->status == HEED_OK ? heed_graph_create() : NULL;

    if (g == NULL)
        heed_solve_fail(s, HEED_ERR_MEMORY, "not enough memory for a graph");
    return g;
}

/* --- numbers --- */

float *heed_op_floats(heed_solving *s, heed_grid x)
{
    const int64_t n = x.rows * x.columns;
    float *out = s->status == HEED_OK ? heed_arena_alloc(s->arena, ((size_t)n + 1) * sizeof *out) : NULL;

    if (out == NULL)
        heed_solve_fail(s, HEED_ERR_MEMORY, "not enough memory for %lld numbers", (long long)n);
    for (int64_t i = 0; s->status == HEED_OK && i < n; i++) {
        if (isfinite(x.data[i]) && fabs(x.data[i]) > (double)FLT_MAX)
            heed_solve_fail(s, HEED_ERR_USAGE, "expected numbers that a float holds, got %g", x.data[i]);
        else
            out[i] = (float)x.data[i];
    }
    return s->status == HEED_OK ? out : NULL;
}

static int32_t *ids_of(heed_solving *s, heed_grid x)
{
    const int64_t n = x.rows * x.columns;
    int32_t *out = s->status == HEED_OK ? heed_arena_alloc(s->arena, ((size_t)n + 1) * sizeof *out) : NULL;

    if (out == NULL)
        heed_solve_fail(s, HEED_ERR_MEMORY, "not enough memory for %lld numbers", (long long)n);
    for (int64_t i = 0; s->status == HEED_OK && i < n; i++) {
        if (x.data[i] != floor(x.data[i]) || fabs(x.data[i]) > (double)INT32_MAX)
            heed_solve_fail(s, HEED_ERR_USAGE, "expected whole numbers, got %g", x.data[i]);
        else
            out[i] = (int32_t)x.data[i];
    }
    return s->status == HEED_OK ? out : NULL;
}

static heed_node *input(heed_solving *s, heed_graph *g, const char *name, heed_dtype type, heed_shape shape,
                        heed_grid x, void *data)
{
    if (g == NULL || data == NULL)
        return NULL;
    if (heed_shape_count(&shape) != x.rows * x.columns) {
        heed_solve_fail(s, HEED_ERR_USAGE, "%s: expected %lld numbers, got %lld", name,
                        (long long)heed_shape_count(&shape), (long long)(x.rows * x.columns));
        return NULL;
    }
    return heed_graph_bound_input(g, name, type, shape, data);
}

heed_node *heed_op_input(heed_solving *s, heed_graph *g, const char *name, heed_shape shape, heed_grid x)
{
    return input(s, g, name, HEED_F32, shape, x, heed_op_floats(s, x));
}

heed_node *heed_op_input_ids(heed_solving *s, heed_graph *g, const char *name, heed_shape shape, heed_grid x)
{
    return input(s, g, name, HEED_I32, shape, x, ids_of(s, x));
}

/* --- running --- */

static heed_grid copy_of(heed_solving *s, const heed_tensor *value)
{
    const int64_t n = heed_tensor_count(value);
    const int64_t columns = value->shape.rank > 0 ? value->shape.size[value->shape.rank - 1] : 1;
    heed_grid out = heed_grid_make(s, n / columns, columns);

    for (int64_t i = 0; s->status == HEED_OK && i < n; i++)
        out.data[i] = (double)heed_tensor_get(value, i);
    return out;
}

heed_grid heed_op_run(heed_solving *s, heed_graph *g, heed_node *y)
{
    heed_device device = {0};
    heed_plan *plan = NULL;
    const heed_plan_options options = {.device = &device, .reference = true, .targets = &y, .n_targets = 1};
    heed_error err = {HEED_OK, ""};
    heed_grid out = {0, 0, NULL};
    heed_status status = s->status == HEED_OK ? heed_graph_status(g, &err) : s->status;

    if (status == HEED_OK)
        status = heed_device_open(&device, "plain", 1, &err);
    if (status == HEED_OK)
        status = heed_plan_create(g, &options, &plan, &err);
    if (status == HEED_OK)
        status = heed_plan_place(plan, NULL, &err);
    if (status == HEED_OK) {
        heed_plan_run(plan);
        out = copy_of(s, heed_plan_value(plan, y));
    } else
        heed_solve_fail(s, status == HEED_ERR_SHAPE ? HEED_ERR_USAGE : status, "%s", err.message);
    heed_plan_destroy(plan);
    heed_device_close(&device);
    heed_graph_destroy(g);
    return out;
}
