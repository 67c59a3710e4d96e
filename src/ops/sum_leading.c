/* SPDX-License-Identifier: MIT */
/*
 * Sums over leading axes, and its gradient and inverse, repetition along them.       |s|: elements of s
 *
 *   sum_leading    x [..., s]  ->  y [s]         y_j = sum_i x_(i |s| + j)       dx = repeat(dy)
 *   repeat         x [s]  ->  y [..., s]         y_i = x_(i mod |s|)             dx = sum_leading(dy)
 *
 * This is the gradient of broadcasting. The plain sum is taken in double.
 */
#include <string.h>

#include "ops/common.h"
#include "ops/list.h"
#include "ops/ops.h"

/* --- repeat --- */

typedef struct repeat_attrs {
    heed_shape shape; /* of y */
} repeat_attrs;

static bool repeat_shape(heed_graph *g, heed_node *y)
{
    const heed_shape *shape = &((const repeat_attrs *)y->attrs)->shape;
    char x_text[96], y_text[96];

    if (!heed_expect_dtype(g, y, 0, "x", HEED_F32))
        return false;
    if (!heed_shape_ends_with(shape, &y->in[0]->tensor.shape))
        return heed_graph_fail(g, y, HEED_ERR_SHAPE, "cannot repeat %s to %s, whose last axes it is not",
                               heed_shape_format(x_text, sizeof x_text, &y->in[0]->tensor.shape),
                               heed_shape_format(y_text, sizeof y_text, shape));
    heed_node_set_shape(y, 0, HEED_F32, *shape);
    return true;
}

static void repeat_forward(const heed_op_args *a)
{
    const int64_t rows = heed_rows(a->out), n = heed_cols(a->out), count = heed_tensor_count(a->in[0]);

    for (int64_t r = 0; r < rows; r++) {
        float *y = heed_row(a->out, r);

        for (int64_t i = 0; i < n; i++)
            y[i] = heed_tensor_get(a->in[0], (r * n + i) % count);
    }
}

/* Whole runs of x, which lies densely, into elements first .. first+n-1 of y. */
static void repeat_span(const void *context, const heed_span *s)
{
    const heed_op_args *a = context;
    const float *x = a->in[0]->data;
    const int64_t count = heed_tensor_count(a->in[0]);
    int64_t i = 0;

    while (i < s->n && count > 1) {
        const int64_t from = (s->first + i) % count, left = s->n - i;
        const int64_t run = count - from < left ? count - from : left;

        memcpy(s->out[0] + i, x + from, (size_t)run * sizeof *x);
        i += run;
    }
    for (; i < s->n; i++)
        s->out[0][i] = x[0];
}

static void repeat_fast(const heed_op_args *a)
{
    if (heed_tensor_is_dense(a->in[0]))
        heed_map_elements(a, 0, repeat_span, a);
    else
        repeat_forward(a);
}

static void repeat_grad(heed_graph *g, heed_node *y, heed_node *const *dy, heed_node **dx)
{
    if (heed_node_wants_grad(y->in[0]))
        dx[0] = heed_sum_leading(g, dy[0], y->in[0]->tensor.shape.rank);
}

static void repeat_cost(const heed_node *y, heed_cost *cost)
{
    heed_cost_elementwise(y, 0, cost);
}

static void repeat_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const heed_figure x = heed_explain_figure(e, a, 0, "x", element % heed_tensor_count(a->in[0]));

    (void)output;
    heed_explain_formula(e, "y = x");
    heed_explain_step(e, "y", "x", x);
}

const heed_op heed_op_repeat = {
    .name = "repeat",
    .n_inputs = 1,
    .shape = repeat_shape,
    .forward = repeat_forward,
    .fast = repeat_fast,
    .grad = repeat_grad,
    .cost = repeat_cost,
    .explain = repeat_explain,
};

heed_node *heed_repeat(heed_graph *g, heed_node *x, heed_shape shape)
{
    const repeat_attrs attrs = {.shape = shape};

    if (x != NULL && heed_shape_equal(&x->tensor.shape, &shape))
        return x;
    return heed_node_append_with(g, &heed_op_repeat, &attrs, sizeof attrs, x);
}

/* --- sum_leading --- */

typedef struct sum_leading_attrs {
    int rank; /* of y */
} sum_leading_attrs;

static bool sum_leading_shape(heed_graph *g, heed_node *y)
{
    const int rank = ((const sum_leading_attrs *)y->attrs)->rank;
    const heed_shape *x = &y->in[0]->tensor.shape;

    if (!heed_expect_dtype(g, y, 0, "x", HEED_F32))
        return false;
    if (rank < 0 || rank > x->rank)
        return heed_graph_fail(g, y, HEED_ERR_SHAPE, "expected x with at least %d axes, got %d", rank, x->rank);
    heed_node_set_shape(y, 0, HEED_F32, heed_shape_last(x, rank));
    return true;
}

static void sum_leading_forward(const heed_op_args *a)
{
    const int64_t count = heed_tensor_count(a->in[0]), n = heed_tensor_count(a->out);
    float *y = a->out->data;

    for (int64_t j = 0; j < n; j++) {
        double sum = 0.0;

        for (int64_t i = j; i < count; i += n)
            sum += (double)heed_tensor_get(a->in[0], i);
        y[j] = (float)sum;
    }
}

static void sum_leading_fast(const heed_op_args *a)
{
    const int64_t n = heed_tensor_count(a->out), rows = heed_tensor_count(a->in[0]) / n;
    int64_t row_stride = n;

    if (heed_tensor_is_dense(a->in[0]) ||
        (a->out->shape.rank == 1 && heed_tensor_rows_fold(a->in[0], &row_stride)))
        heed_column_sums(a->device, a->out->data, a->in[0]->data, row_stride, rows, n);
    else
        sum_leading_forward(a);
}

static void sum_leading_grad(heed_graph *g, heed_node *y, heed_node *const *dy, heed_node **dx)
{
    if (heed_node_wants_grad(y->in[0]))
        dx[0] = heed_repeat(g, dy[0], y->in[0]->tensor.shape);
}

static void sum_leading_cost(const heed_node *y, heed_cost *cost)
{
    heed_cost_elementwise(y, 1, cost);
}

static void sum_leading_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const int64_t n = heed_tensor_count(a->out), rows = heed_tensor_count(a->in[0]) / n;
    const heed_figures x = heed_explain_operand(e, a, 0, "x", element, n, rows);
    const heed_figure sum = heed_explain_sum_from(e, HEED_IN_DOUBLE, "sum", heed_constant(0.0), rows, "x[r]",
                                                  x);

    (void)output;
    heed_explain_formula(e, "y[%lld] = sum_r x[r, %lld]", (long long)element, (long long)element);
    heed_explain_step(e, "y", "sum", sum);
}

const heed_op heed_op_sum_leading = {
    .name = "sum_leading",
    .n_inputs = 1,
    .shape = sum_leading_shape,
    .forward = sum_leading_forward,
    .fast = sum_leading_fast,
    .grad = sum_leading_grad,
    .cost = sum_leading_cost,
    .explain = sum_leading_explain,
};

heed_node *heed_sum_leading(heed_graph *g, heed_node *x, int rank)
{
    const sum_leading_attrs attrs = {.rank = rank};

    if (x != NULL && rank == x->tensor.shape.rank)
        return x;
    if (rank == 0)
        return heed_sum(g, x);
    return heed_node_append_with(g, &heed_op_sum_leading, &attrs, sizeof attrs, x);
}
