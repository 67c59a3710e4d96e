/* SPDX-License-Identifier: MIT */
/*
 * Sum and mean of all elements.       x [...]  ->  y []
 *
 *   y = sum_i x_i      dx_i = dy      mean = sum / count
 *
 * The sum is taken in double. The fast path sums blocks that follow from the shape alone and adds
 * them in order, so threads change no bit.
 */
#include "base/parallel.h"
#include "ops/common.h"
#include "ops/list.h"
#include "ops/ops.h"
#include "ops/total.h"

static bool sum_shape(heed_graph *g, heed_node *y)
{
    if (!heed_expect_dtype(g, y, 0, "x", HEED_F32))
        return false;
    heed_node_set_shape(y, 0, HEED_F32, heed_shape0());
    return true;
}

static void sum_forward(const heed_op_args *a)
{
    const int64_t rows = heed_rows(a->in[0]), n = heed_cols(a->in[0]);
    double sum = 0.0;

    for (int64_t r = 0; r < rows; r++) {
        const float *x = heed_row(a->in[0], r);

        for (int64_t i = 0; i < n; i++)
            sum += (double)x[i];
    }
    *heed_row(a->out, 0) = (float)sum;
}

static void sum_fast(const heed_op_args *a)
{
    *heed_row(a->out, 0) = (float)heed_total(a->device, a->device->kernels->sum, a->in[0], a->workspace);
}

static size_t sum_workspace(const heed_node *y, struct heed_device *device)
{
    (void)device;
    return heed_total_workspace(&y->in[0]->tensor);
}

static void sum_grad(heed_graph *g, heed_node *y, heed_node *const *dy, heed_node **dx)
{
    if (heed_node_wants_grad(y->in[0]))
        dx[0] = heed_repeat(g, dy[0], y->in[0]->tensor.shape);
}

static void sum_cost(const heed_node *y, heed_cost *cost)
{
    heed_cost_elementwise(y, 1, cost);
}

static void sum_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const int64_t n = heed_tensor_count(a->in[0]);
    const heed_figures x = heed_explain_operand(e, a, 0, "x", 0, 1, n);
    const heed_figure sum = heed_explain_sum_from(e, HEED_IN_DOUBLE, "sum", heed_constant(0.0), n, "x[i]", x);

    (void)output;
    (void)element;
    heed_explain_formula(e, "y = sum_i x[i]");
    heed_explain_step(e, "y", "sum", sum);
}

const heed_op heed_op_sum = {
    .name = "sum",
    .n_inputs = 1,
    .shape = sum_shape,
    .forward = sum_forward,
    .fast = sum_fast,
    .grad = sum_grad,
    .cost = sum_cost,
    .explain = sum_explain,
    .workspace = sum_workspace,
};

heed_node *heed_sum(heed_graph *g, heed_node *x)
{
    return heed_node_append(g, &heed_op_sum, x);
}

heed_node *heed_mean(heed_graph *g, heed_node *x)
{
    return x == NULL ? NULL : heed_scale(g, heed_sum(g, x), 1.0f / (float)heed_tensor_count(&x->tensor));
}
