/* SPDX-License-Identifier: MIT */
/*
 * The mean of all rows so far: attention that looks at every earlier position alike, as a loop.      x [B, T, d]  ->  y
 *
 *   running_mean            y_t  = (x_0 + .. + x_t) / (t + 1)
 *   running_mean_backward   dx_t = sum over s >= t of dy_s / (s + 1)
 *
 * The same comes out of a product with the triangular matrix of 1/(t + 1), and of causal attention whose scores are all
 * 0; the loop takes d additions a row where those take t d. Each sum runs on from the one before it.
 */
#include "ops/common.h"
#include "ops/list.h"
#include "ops/ops.h"

/* --- running_mean_backward: in dy; out dx --- */

static int64_t length_of(const heed_tensor *x)
{
    return x->shape.size[1];
}

static void running_mean_backward_forward(const heed_op_args *a)
{
    const int64_t T = length_of(a->out), n = heed_cols(a->out);

    for (int64_t row = heed_rows(a->out) - 1; row >= 0; row--) {
        const float *dy = heed_row(a->in[0], row);
        float *dx = heed_row(a->out, row);
        const float *after = row % T == T - 1 ? NULL : heed_row(a->out, row + 1);

        for (int64_t i = 0; i < n; i++)
            dx[i] = (after != NULL ? after[i] : 0.0f) + dy[i] / (float)(row % T + 1);
    }
}

static void running_mean_cost(const heed_node *y, heed_cost *cost)
{
    heed_cost_elementwise(y, 2, cost);
}

static void running_mean_backward_explain(const heed_op_args *a, int output, int64_t element,
                                          heed_explanation *e)
{
    const int64_t T = length_of(a->out), n = heed_cols(a->out), t = element / n % T;
    const heed_figures dy = heed_explain_operand(e, a, 0, "dy", element, n, T - t);
    heed_figure *tokens = heed_explain_room(e, T - t); /* that a mean is taken over */

    (void)output;
    for (int64_t s = t; s < T; s++)
        tokens[s - t] = heed_constant((double)(s + 1));
    heed_explain_formula(e, "dx_t = sum of dy_s / (s + 1), s = %lld .. %lld", (long long)t, (long long)(T - 1));
    heed_explain_sum(e, "dx", T - t, "dy[s] / tokens", heed_figures_part(dy, T - 1 - t, -1),
                     heed_figures_part(heed_figures_of(tokens), T - 1 - t, -1));
}

const heed_op heed_op_running_mean_backward = {
    .name = "running_mean_backward",
    .n_inputs = 1,
    .shape = heed_shape_like_first,
    .forward = running_mean_backward_forward,
    .cost = running_mean_cost,
    .explain = running_mean_backward_explain,
};

/* --- running_mean: in x; out y --- */

static bool running_mean_shape(heed_graph *g, heed_node *y)
{
    const heed_shape *x = &y->in[0]->tensor.shape;
    char text[96];

    if (!heed_shape_like_first(g, y))
        return false;
    if (x->rank != 3)
        return heed_graph_fail(g, y, HEED_ERR_SHAPE, "expected x [batch, T, d], got %s",
                               heed_shape_format(text, sizeof text, x));
    return true;
}

/* A column of one batch: the sum runs on, and is divided by how many rows it has. */
static void running_mean_forward(const heed_op_args *a)
{
    const int64_t T = length_of(a->out), n = heed_cols(a->out);

    for (int64_t b = 0; b < a->out->shape.size[0]; b++) {
        for (int64_t i = 0; i < n; i++) {
            float sum = 0.0f;

            for (int64_t t = 0; t < T; t++) {
                sum += heed_row(a->in[0], b * T + t)[i];
                heed_row(a->out, b * T + t)[i] = sum / (float)(t + 1);
            }
        }
    }
}

static void running_mean_grad(heed_graph *g, heed_node *y, heed_node *const *dy, heed_node **dx)
{
    if (heed_node_wants_grad(y->in[0]))
        dx[0] = heed_node_append(g, &heed_op_running_mean_backward, dy[0]);
}

static void running_mean_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const int64_t T = length_of(a->out), n = heed_cols(a->out), t = element / n % T;
    const heed_figures x = heed_explain_operand(e, a, 0, "x", element - t * n, n, t + 1);
    const heed_figure sum = heed_explain_sum(e, "sum", t + 1, "x[s]", x);

    (void)output;
    heed_explain_formula(e, "y_t = (x_0 + .. + x_t) / (t + 1), t = %lld", (long long)t);
    heed_explain_step(e, "y", "sum / tokens", sum, heed_constant((double)(t + 1)));
}

const heed_op heed_op_running_mean = {
    .name = "running_mean",
    .n_inputs = 1,
    .shape = running_mean_shape,
    .forward = running_mean_forward,
    .grad = running_mean_grad,
    .cost = running_mean_cost,
    .explain = running_mean_explain,
};

heed_node *heed_running_mean(heed_graph *g, heed_node *x)
{
    return heed_node_append(g, &heed_op_running_mean, x);
}
