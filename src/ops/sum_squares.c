/* SPDX-License-Identifier: MIT */
/*
 * Sum of squares of all elements.       x [...], before [] or none, marks i32 [rows] or none  ->  y []
 *
 *   y = before + sum_i x_i^2
 *
 * A chain of these over all gradients, then sqrt, is their common norm. The sum is taken in double,
 * where the square of a float is exact. marks is 0 for rows of x [rows, d] that hold zeros: they need not be read.
 * Part of the update: it has no gradient.
 */
#include "ops/common.h"
#include "ops/list.h"
#include "ops/ops.h"
#include "ops/total.h"

static bool sum_squares_shape(heed_graph *g, heed_node *y)
{
    heed_node_set_shape(y, 0, HEED_F32, heed_shape0());
    return heed_expect_dtype(g, y, 0, "x", HEED_F32) && heed_expect_scalar(g, y, 1, "before", HEED_F32) &&
           heed_expect_shape(g, y, 2, "marks", HEED_I32, heed_shape1(heed_rows(&y->in[0]->tensor)));
}

static double before_of(const heed_op_args *a)
{
    return a->in[1] != NULL ? (double)heed_scalar(a->in[1]) : 0.0;
}

static void sum_squares_forward(const heed_op_args *a)
{
    const int64_t rows = heed_rows(a->in[0]), n = heed_cols(a->in[0]);
    double sum = 0.0;

    for (int64_t r = 0; r < rows; r++) {
        const float *x = heed_row(a->in[0], r);

        for (int64_t i = 0; i < n; i++)
            sum += (double)x[i] * (double)x[i];
    }
    *heed_row(a->out, 0) = (float)(before_of(a) + sum);
}

static void sum_squares_fast(const heed_op_args *a)
{
    const int32_t *marks = a->in[2] != NULL ? a->in[2]->data : NULL;
    const double sum = heed_total_of_marked(a->device, a->device->kernels->sum_squares, a->in[0], marks,
                                            a->workspace);

    *heed_row(a->out, 0) = (float)(before_of(a) + sum);
}

static size_t sum_squares_workspace(const heed_node *y, struct heed_device *device)
{
    (void)device;
    return heed_total_workspace(&y->in[0]->tensor);
}

static void sum_squares_cost(const heed_node *y, heed_cost *cost)
{
    heed_cost_elementwise(y, 2, cost);
}

static void sum_squares_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const int64_t n = heed_tensor_count(a->in[0]);
    const heed_figures x = heed_explain_operand(e, a, 0, "x", 0, 1, n);
    const heed_figure sum = heed_explain_sum_from(e, HEED_IN_DOUBLE, "sum", heed_constant(0.0), n,
                                                  "x[i] * x[i]", x);

    (void)output;
    (void)element;
    heed_explain_formula(e, "y = %ssum_i x[i]^2", a->in[1] != NULL ? "before + " : "");
    if (a->in[1] != NULL)
        heed_explain_step_in(e, HEED_IN_DOUBLE, "y", "f32(before + sum)",
                             heed_explain_figure(e, a, 1, "before", 0), sum);
    else
        heed_explain_step(e, "y", "sum", sum);
}

const heed_op heed_op_sum_squares = {
    .name = "sum_squares",
    .n_inputs = 3,
    .required_inputs = 1,
    .shape = sum_squares_shape,
    .forward = sum_squares_forward,
    .fast = sum_squares_fast,
    .cost = sum_squares_cost,
    .explain = sum_squares_explain,
    .workspace = sum_squares_workspace,
};

heed_node *heed_sum_squares(heed_graph *g, heed_node *x, heed_node *before)
{
    return heed_node_append(g, &heed_op_sum_squares, x, before, (heed_node *)NULL);
}

heed_node *heed_sum_squares_of_marked(heed_graph *g, heed_node *x, heed_node *marks, heed_node *before)
{
    return heed_node_append(g, &heed_op_sum_squares, x, before, marks);
}
