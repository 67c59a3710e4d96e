/* SPDX-License-Identifier: MIT */
#include "workbook/small_graph.h"

#include <math.h>

#include "workbook/op_graph.h"

#define MOST_INPUTS 64
#define MOST_BYTES  ((size_t)24 << 20) /* of a run */
#define MOST_FLOPS  1e8                /* a second of plain loops */

bool heed_small_begin(heed_solving *s, heed_small *m)
{
    *m = (heed_small){.s = s, .one = 1.0f};
    if (s->status != HEED_OK)
        return false;
    m->g = heed_graph_create();
    if (m->g == NULL)
        return heed_solve_fail(s, HEED_ERR_MEMORY, "not enough memory for a graph");
    return true;
}

void heed_small_end(heed_small *m)
{
    heed_plan_destroy(m->plan);
    if (m->has_run)
        heed_device_close(&m->device);
    heed_graph_destroy(m->g);
}

/* The first error of the graph becomes that of s. Parameters of an exercise that do not fit are the reader's. */
static bool check(heed_small *m)
{
    heed_error err = {HEED_OK, ""};
    const heed_status status = heed_graph_status(m->g, &err);

    if (m->s->status == HEED_OK && status != HEED_OK)
        heed_solve_fail(m->s, status == HEED_ERR_SHAPE ? HEED_ERR_USAGE : status, "%s", err.message);
    return m->s->status == HEED_OK;
}

/* --- what is given --- */

static heed_node *parameter(heed_small *m, const char *name, heed_shape shape, heed_grid x)
{
    float *data = heed_op_floats(m->s, x);
    heed_node *node = data != NULL ? heed_graph_parameter(m->g, name, shape) : NULL;

    if (node != NULL)
        node->tensor.data = data;
    return node;
}

heed_node *heed_small_matrix(heed_small *m, const char *name, heed_grid x)
{
    return parameter(m, name, heed_shape2(x.rows, x.columns), x);
}

heed_node *heed_small_batch(heed_small *m, const char *name, heed_grid x)
{
    return parameter(m, name, heed_shape3(1, x.rows, x.columns), x);
}

heed_node *heed_small_vector(heed_small *m, const char *name, heed_grid x)
{
    return parameter(m, name, heed_shape1(x.rows * x.columns), x);
}

heed_node *heed_small_input(heed_small *m, const char *name, heed_grid x)
{
    float *data = heed_op_floats(m->s, x);

    return data != NULL ? heed_graph_bound_input(m->g, name, HEED_F32, heed_shape2(x.rows, x.columns), data)
                        : NULL;
}

heed_node *heed_small_ids(heed_small *m, const char *name, heed_grid x, int64_t n_ids)
{
    const int64_t n = x.rows * x.columns;
    int32_t *data = heed_arena_alloc(m->s->arena, ((size_t)n + 1) * sizeof *data);

    if (data == NULL)
        heed_solve_fail(m->s, HEED_ERR_MEMORY, "not enough memory for %lld ids", (long long)n);
    for (int64_t i = 0; m->s->status == HEED_OK && i < n; i++) {
        if (!(x.data[i] >= 0.0 && x.data[i] < (double)n_ids && x.data[i] == floor(x.data[i])))
            heed_solve_fail(m->s, HEED_ERR_USAGE, "%s: expected whole numbers from 0 to %lld, got %.10g", name,
                            (long long)n_ids - 1, x.data[i]);
        else
            data[i] = (int32_t)x.data[i];
    }
    return m->s->status == HEED_OK ? heed_graph_bound_input(m->g, name, HEED_I32, heed_shape1(n), data) : NULL;
}

heed_node *heed_small_scalar(heed_small *m, const char *name, double x)
{
    float *data = heed_op_floats(m->s, (heed_grid){1, 1, &x});

    return data != NULL ? heed_graph_bound_input(m->g, name, HEED_F32, heed_shape0(), data) : NULL;
}

/* --- what comes of it --- */

/* sum(upstream * y) as a product of a row and a column. */
static heed_node *weighed(heed_small *m, heed_node *y, heed_grid upstream)
{
    const int64_t n = upstream.rows * upstream.columns;
    heed_node *column = heed_small_input(m, "upstream", (heed_grid){n, 1, upstream.data});

    return heed_sum(m->g, heed_matmul(m->g, heed_reshape(m->g, y, heed_shape2(1, n)), column, false, false));
}

bool heed_small_differentiate(heed_small *m, heed_node *y, heed_grid upstream)
{
    heed_node *loss, *one;

    if (!check(m))
        return false;
    if (upstream.data != NULL && heed_tensor_count(&y->tensor) != upstream.rows * upstream.columns)
        return heed_solve_fail(
            m->s, HEED_ERR_USAGE, "expected a gradient for each of %lld numbers, got %lld x %lld",
            (long long)heed_tensor_count(&y->tensor), (long long)upstream.rows, (long long)upstream.columns);
    loss = upstream.data != NULL ? weighed(m, y, upstream) : y;
    one = heed_graph_bound_input(m->g, "one", HEED_F32, heed_shape0(), &m->one);
    heed_graph_differentiate(m->g, loss, one, heed_accumulate);
    return check(m);
}

/* What would take too long, or too much. */
static bool is_small(heed_small *m)
{
    const heed_cost cost = heed_plan_cost(m->plan);

    if (heed_plan_bytes(m->plan) > MOST_BYTES || !(cost.flops <= MOST_FLOPS))
        return heed_solve_fail(m->s, HEED_ERR_USAGE,
                               "expected an example for pen and paper, got one of %.3g bytes",
                               (double)heed_plan_bytes(m->plan));
    return true;
}

void heed_small_run(heed_small *m, heed_node *const *nodes, int n)
{
    heed_node *targets[MOST_INPUTS];
    heed_plan_options options = {.device = &m->device, .reference = true, .targets = targets};
    heed_error err = {HEED_OK, ""};
    heed_status status;

    if (!check(m))
        return;
    for (int i = 0; i < n && options.n_targets < MOST_INPUTS; i++) {
        if (nodes[i] != NULL)
            targets[options.n_targets++] = nodes[i];
    }
    status = heed_device_open(&m->device, "plain", 1, &err);
    m->has_run = status == HEED_OK;
    if (status == HEED_OK)
        status = heed_plan_create(m->g, &options, &m->plan, &err);
    if (status == HEED_OK && !is_small(m))
        return;
    if (status == HEED_OK)
        status = heed_plan_place(m->plan, NULL, &err);
    if (status == HEED_OK)
        heed_plan_run(m->plan);
    else
        heed_solve_fail(m->s, status, "%s", err.message);
}

heed_grid heed_small_value(heed_small *m, const heed_node *node)
{
    const heed_tensor *value;
    heed_grid out;

    if (m->s->status != HEED_OK || node == NULL)
        return (heed_grid){0, 0, NULL};
    value = heed_plan_value(m->plan, node);
    out = heed_grid_make(m->s, heed_rows(value), heed_cols(value));
    for (int64_t i = 0; i < out.rows * out.columns; i++)
        out.data[i] = (double)heed_tensor_get(value, i);
    return out;
}

/* --- shapes alone --- */

void heed_small_put_shape(heed_small *m, const char *name, const heed_node *node)
{
    json_t *list;

    if (!check(m))
        return;
    list = json_array();
    for (int i = 0; i < node->tensor.shape.rank; i++)
        json_array_append_new(list, json_integer(node->tensor.shape.size[i]));
    heed_put_json(m->s, name, list);
}

const char *heed_small_shape_text(heed_small *m, const heed_node *node)
{
    const char *text = "(";

    if (!check(m))
        return "";
    for (int i = 0; text != NULL && i < node->tensor.shape.rank; i++)
        text = heed_arena_format(m->s->arena, "%s%s%lld", text, i > 0 ? ", " : "",
                                 (long long)node->tensor.shape.size[i]);
    text = text != NULL ? heed_arena_format(m->s->arena, "%s)", text) : NULL;
    return text != NULL ? text : "";
}
