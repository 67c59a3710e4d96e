/* SPDX-License-Identifier: MIT */
/*
 * Tokens to the rows of their experts.      x [..., d], source i32 [R], row i32 [..., k]  ->  y [R, d]
 *
 *   expert_dispatch            y[r, :] = x[t, :] with source[r] = t k + j; 0 where source[r] is -1
 *   expert_dispatch_backward   dx[t, :] = sum over j with row[t, j] >= 0 of dy[row[t, j], :]      j ascending
 *
 * row and source say the same from both ends (expert_rows): each direction reads the one that lets it write its own
 * rows in order, so threads split rows and need no atomic addition.
 */
#include <string.h>

#include "base/parallel.h"
#include "ops/common.h"
#include "ops/experts.h"
#include "ops/list.h"

static bool dispatch_shape(heed_graph *g, heed_node *y)
{
    const heed_tensor *x = &y->in[0]->tensor, *source = &y->in[1]->tensor, *row = &y->in[2]->tensor;
    char x_text[96], row_text[96];

    if (!heed_expect_dtype(g, y, 0, "x", HEED_F32) || !heed_expect_dtype(g, y, 1, "source", HEED_I32) ||
        !heed_expect_dtype(g, y, 2, "row", HEED_I32))
        return false;
    if (x->shape.rank < 1 || row->shape.rank < 1 || source->shape.rank != 1 || heed_rows(x) != heed_rows(row))
        return heed_graph_fail(g, y, HEED_ERR_SHAPE,
                               "expected one row of experts for each token of x %s, got %s",
                               heed_shape_format(x_text, sizeof x_text, &x->shape),
                               heed_shape_format(row_text, sizeof row_text, &row->shape));
    heed_node_set_shape(y, 0, HEED_F32, heed_shape2(heed_tensor_count(source), heed_cols(x)));
    return true;
}

/* The token that stands in a row, or -1. */
static int64_t token_of(int64_t source, int64_t k, int64_t n_tokens)
{
    return source >= 0 && source / k < n_tokens ? source / k : -1;
}

static void dispatch_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const heed_op_args *a = context;
    const int32_t *source = a->in[1]->data;
    const int64_t k = heed_cols(a->in[2]);
    const size_t row_bytes = (size_t)heed_cols(a->out) * sizeof(float);

    (void)thread;
    for (int64_t r = begin; r < end; r++) {
        const int64_t t = token_of(source[r], k, heed_rows(a->in[0]));

        if (t >= 0)
            memcpy(heed_row(a->out, r), heed_row(a->in[0], t), row_bytes);
        else
            memset(heed_row(a->out, r), 0, row_bytes);
    }
}

static void dispatch_forward(const heed_op_args *a)
{
    dispatch_rows((void *)a, 0, heed_rows(a->out), 0);
}

static void dispatch_fast(const heed_op_args *a)
{
    heed_parallel(a->device->n_threads, heed_rows(a->out), 1 + HEED_PIECE / heed_cols(a->out), dispatch_rows,
                  (void *)a);
}

static void dispatch_grad(heed_graph *g, heed_node *y, heed_node *const *dy, heed_node **dx)
{
    if (heed_node_wants_grad(y->in[0]))
        dx[0] = heed_reshape(g, heed_expert_dispatch_backward(g, dy[0], y->in[2]), y->in[0]->tensor.shape);
}

/* row is there for the gradient; the copy does not read it. */
static void dispatch_cost(const heed_node *y, heed_cost *cost)
{
    const double bytes = 4.0 * (double)heed_tensor_count(&y->tensor);

    cost->bytes_read += bytes + 4.0 * (double)heed_tensor_count(&y->in[1]->tensor);
    cost->bytes_written += bytes;
}

static void dispatch_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const int64_t d = heed_cols(a->out);
    const float source = heed_explain_read1(e, a, 1, "source", element / d);
    const int64_t t = token_of((int64_t)source, heed_cols(a->in[2]), heed_rows(a->in[0]));

    (void)output;
    heed_explain_formula(e, "y[r, i] = x[t, i] with t = source[r] / %lld; 0 where source[r] is -1",
                         (long long)heed_cols(a->in[2]));
    if (t >= 0)
        heed_explain_step(e, "y", "x", heed_explain_figure(e, a, 0, "x", t * d + element % d));
    else
        heed_explain_found(e, "y", 0.0, "no token stands in row %lld", (long long)(element / d));
}

const heed_op heed_op_expert_dispatch = {
    .name = "expert_dispatch",
    .n_inputs = 3,
    .shape = dispatch_shape,
    .forward = dispatch_forward,
    .fast = dispatch_fast,
    .grad = dispatch_grad,
    .cost = dispatch_cost,
    .explain = dispatch_explain,
};

heed_node *heed_expert_dispatch(heed_graph *g, heed_node *x, const heed_routes *routes)
{
    return heed_node_append(g, &heed_op_expert_dispatch, x, routes->source, routes->row);
}

/* --- backward: dy, row --- */

static bool backward_shape(heed_graph *g, heed_node *dx)
{
    heed_shape shape = dx->in[1]->tensor.shape;

    shape.size[shape.rank - 1] = heed_cols(&dx->in[0]->tensor);
    heed_node_set_shape(dx, 0, HEED_F32, shape);
    return heed_expect_dtype(g, dx, 0, "dy", HEED_F32) && heed_expect_dtype(g, dx, 1, "row", HEED_I32);
}

static bool is_row(int64_t row, const heed_tensor *rows)
{
    return row >= 0 && row < heed_rows(rows);
}

static void backward_forward(const heed_op_args *a)
{
    const int64_t d = heed_cols(a->out), k = heed_cols(a->in[1]);

    for (int64_t t = 0; t < heed_rows(a->out); t++) {
        const int32_t *row = heed_row_i32(a->in[1], t);
        float *dx = heed_row(a->out, t);

        memset(dx, 0, (size_t)d * sizeof *dx);
        for (int64_t j = 0; j < k; j++) {
            for (int64_t i = 0; i < d && is_row(row[j], a->in[0]); i++)
                dx[i] += heed_row(a->in[0], row[j])[i];
        }
    }
}

static void add_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const heed_op_args *a = context;
    const int64_t d = heed_cols(a->out), k = heed_cols(a->in[1]);

    (void)thread;
    for (int64_t t = begin; t < end; t++) {
        const int32_t *row = heed_row_i32(a->in[1], t);
        float *dx = heed_row(a->out, t);

        memset(dx, 0, (size_t)d * sizeof *dx);
        for (int64_t j = 0; j < k; j++) {
            if (is_row(row[j], a->in[0]))
                a->device->kernels->add(dx, dx, heed_row(a->in[0], row[j]), d);
        }
    }
}

static void backward_fast(const heed_op_args *a)
{
    heed_parallel(a->device->n_threads, heed_rows(a->out), 1 + HEED_PIECE / heed_cols(a->out), add_rows,
                  (void *)a);
}

static void backward_cost(const heed_node *dx, heed_cost *cost)
{
    cost->flops += (double)heed_tensor_count(&dx->in[0]->tensor);
    heed_cost_add_traffic(dx, cost);
}

static void backward_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const int64_t d = heed_cols(a->out), k = heed_cols(a->in[1]), t = element / d;
    const float *row = heed_explain_read(e, a, 1, "row", t * k, 1, k);
    heed_figure *dy = heed_explain_room(e, k);
    int64_t n = 0;

    (void)output;
    for (int64_t j = 0; j < k; j++) {
        if (is_row((int64_t)row[j], a->in[0]))
            dy[n++] = heed_explain_figure(e, a, 0, "dy", (int64_t)row[j] * d + element % d);
    }
    heed_explain_formula(e, "dx[t, i] = sum over j with row[t, j] >= 0 of dy[row[t, j], i]");
    heed_explain_sum(e, "dx", n, "dy[j]", heed_figures_of(dy));
}

const heed_op heed_op_expert_dispatch_backward = {
    .name = "expert_dispatch_backward",
    .n_inputs = 2,
    .shape = backward_shape,
    .forward = backward_forward,
    .fast = backward_fast,
    .cost = backward_cost,
    .explain = backward_explain,
};

heed_node *heed_expert_dispatch_backward(heed_graph *g, heed_node *dy, heed_node *row)
{
    return heed_node_append(g, &heed_op_expert_dispatch_backward, dy, row);
}
