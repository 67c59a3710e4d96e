/* SPDX-License-Identifier: MIT */
/*
 * How unevenly a router spreads tokens over experts.      p [..., E], load [E]  ->  y []
 *
 *   balance_loss            P_e = mean_t p[t, e]      y = E sum_e load_e P_e
 *   balance_loss_backward   dp[t, e] = dy E load_e / N      for N tokens
 *
 * load_e is the share of the assignments that are for expert e. It is piecewise constant, so the gradient goes through P
 * alone: it lowers the probability of an expert in proportion to what the expert gets. The loss is 1 when either is even
 * and E when one expert gets everything. The sum is taken in double.
 * Source: Fedus et al. 2021 (arXiv:2101.03961) 2.2, equations 4 to 6, with k assignments a token instead of one.
 */
#include "base/parallel.h"
#include "ops/common.h"
#include "ops/experts.h"
#include "ops/list.h"

static bool balance_shape(heed_graph *g, heed_node *y)
{
    const heed_tensor *p = &y->in[0]->tensor;

    if (!heed_expect_dtype(g, y, 0, "p", HEED_F32))
        return false;
    if (p->shape.rank < 1)
        return heed_graph_fail(g, y, HEED_ERR_SHAPE, "expected probabilities of experts, got a scalar");
    heed_node_set_shape(y, 0, HEED_F32, heed_shape0());
    return heed_expect_shape(g, y, 1, "load", HEED_F32, heed_shape1(heed_cols(p)));
}

/* sum_e load_e p_e of one token. */
static double weigh_token(const float *p, const float *load, int64_t n_experts)
{
    double sum = 0.0;

    for (int64_t e = 0; e < n_experts; e++)
        sum += (double)load[e] * (double)p[e];
    return sum;
}

static float balance_of(double sum, int64_t n_tokens, int64_t n_experts)
{
    return (float)((double)n_experts * sum / (double)n_tokens);
}

static void balance_forward(const heed_op_args *a)
{
    const int64_t n_tokens = heed_rows(a->in[0]), n_experts = heed_cols(a->in[0]);
    double sum = 0.0;

    for (int64_t t = 0; t < n_tokens; t++)
        sum += weigh_token(heed_row(a->in[0], t), a->in[1]->data, n_experts);
    *heed_row(a->out, 0) = balance_of(sum, n_tokens, n_experts);
}

static void balance_grad(heed_graph *g, heed_node *y, heed_node *const *dy, heed_node **dx)
{
    const heed_shape shape = y->in[0]->tensor.shape;

    if (heed_node_wants_grad(y->in[0]))
        dx[0] = heed_node_append_with(g, &heed_op_balance_loss_backward, &shape, sizeof shape, y->in[1], dy[0]);
}

static void balance_cost(const heed_node *y, heed_cost *cost)
{
    heed_cost_elementwise(y, 2, cost);
}

static void balance_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const int64_t n_tokens = heed_rows(a->in[0]), n_experts = heed_cols(a->in[0]);
    const heed_figures p = heed_explain_operand(e, a, 0, "p", 0, 1, n_tokens * n_experts);
    const heed_figures load = heed_explain_operand(e, a, 1, "load", 0, 1, n_experts);
    const heed_figure zero = heed_constant(0.0);
    heed_figure *weighed = heed_explain_room(e, n_tokens);

    (void)output;
    (void)element;
    heed_explain_enter(e);
    for (int64_t t = 0; t < n_tokens; t++)
        weighed[t] = heed_explain_sum_from(
            e, HEED_IN_DOUBLE, heed_explain_label(e, "weighed[%lld]", (long long)t), zero, n_experts,
            "load[e] * p[t, e]", load, heed_figures_part(p, t * n_experts, 1));
    heed_explain_leave(e);
    heed_explain_formula(e, "y = %lld sum_e load[e] mean_t p[t, e]", (long long)n_experts);
    const heed_figure sum = heed_explain_sum_from(e, HEED_IN_DOUBLE, "sum", zero, n_tokens, "weighed[t]",
                                                  heed_figures_of(weighed));

    heed_explain_step_in(e, HEED_IN_DOUBLE, "y", "f32(experts * sum / tokens)",
                         heed_constant((double)n_experts), sum, heed_constant((double)n_tokens));
}

const heed_op heed_op_balance_loss = {
    .name = "balance_loss",
    .n_inputs = 2,
    .shape = balance_shape,
    .forward = balance_forward,
    .grad = balance_grad,
    .cost = balance_cost,
    .explain = balance_explain,
};

heed_node *heed_balance_loss(heed_graph *g, heed_node *p, heed_node *load)
{
    return heed_node_append(g, &heed_op_balance_loss, p, load);
}

/* --- backward: load, dy --- */

static bool backward_shape(heed_graph *g, heed_node *dp)
{
    heed_node_set_shape(dp, 0, HEED_F32, *(const heed_shape *)dp->attrs);
    return heed_expect_scalar(g, dp, 1, "dy", HEED_F32);
}

static float slope_of(float dy, float load, int64_t n_tokens, int64_t n_experts)
{
    return dy * (float)n_experts * load / (float)n_tokens;
}

static void backward_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const heed_op_args *a = context;
    const float *load = a->in[0]->data, dy = heed_scalar(a->in[1]);
    const int64_t n_tokens = heed_rows(a->out), n_experts = heed_cols(a->out);

    (void)thread;
    for (int64_t t = begin; t < end; t++) {
        for (int64_t e = 0; e < n_experts; e++)
            heed_row(a->out, t)[e] = slope_of(dy, load[e], n_tokens, n_experts);
    }
}

static void backward_forward(const heed_op_args *a)
{
    backward_rows((void *)a, 0, heed_rows(a->out), 0);
}

static void backward_fast(const heed_op_args *a)
{
    heed_parallel(a->device->n_threads, heed_rows(a->out), 1 + HEED_PIECE / heed_cols(a->out), backward_rows,
                  (void *)a);
}

static void backward_cost(const heed_node *dp, heed_cost *cost)
{
    cost->flops += 3.0 * (double)heed_tensor_count(&dp->tensor);
    heed_cost_add_traffic(dp, cost);
}

static void backward_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const int64_t n_tokens = heed_rows(a->out), n_experts = heed_cols(a->out);
    const heed_figure load = heed_explain_figure(e, a, 0, "load", element % n_experts);
    const heed_figure dy = heed_explain_figure(e, a, 1, "dy", 0);

    (void)output;
    heed_explain_formula(e, "dp[t, e] = dy * %lld * load[e] / %lld", (long long)n_experts, (long long)n_tokens);
    heed_explain_step(e, "dp", "dy * experts * load / tokens", dy, heed_constant((double)n_experts), load,
                      heed_constant((double)n_tokens));
}

const heed_op heed_op_balance_loss_backward = {
    .name = "balance_loss_backward",
    .n_inputs = 2,
    .shape = backward_shape,
    .forward = backward_forward,
    .fast = backward_fast,
    .cost = backward_cost,
    .explain = backward_explain,
};
