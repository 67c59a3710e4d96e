/* SPDX-License-Identifier: MIT */
/*
 * What the experts of a token weigh.      p [..., E], index i32 [..., k]  ->  gates [..., k]
 *
 *   expert_gates            s = sum_j p[t, index_j]      gates[t, j] = p[t, index_j] / s      k > 1
 *                                                        gates[t, 0] = p[t, index_0]          k = 1
 *   expert_gates_backward   dp[t, index_j] = (dgates_j - sum_l gates_l dgates_l) / s          k > 1
 *                           dp[t, index_0] = dgates_0                                         k = 1
 *                           dp[t, e] = 0 for an expert that was not chosen
 *
 * With p = softmax(logits) the gates of k > 1 are the softmax over the chosen logits alone (Jiang et al. 2024,
 * arXiv:2401.04088, 2.1). For k = 1 that would be 1 whatever the router says, and nothing would train it; so the
 * probability stays as it is (Fedus et al. 2021, arXiv:2101.03961, 2.1). Gates are made before an expert's room is
 * looked at: an assignment that finds none takes its share with it.
 */
#include <math.h>
#include <string.h>

#include "base/parallel.h"
#include "ops/common.h"
#include "ops/experts.h"
#include "ops/list.h"

static bool gates_shape(heed_graph *g, heed_node *gates)
{
    const heed_tensor *p = &gates->in[0]->tensor, *index = &gates->in[1]->tensor;
    char p_text[96], index_text[96];

    if (!heed_expect_dtype(g, gates, 0, "p", HEED_F32) || !heed_expect_dtype(g, gates, 1, "index", HEED_I32))
        return false;
    if (p->shape.rank < 1 || index->shape.rank < 1 || heed_rows(p) != heed_rows(index))
        return heed_graph_fail(g, gates, HEED_ERR_SHAPE,
                               "expected p and index with one row a token, got %s and %s",
                               heed_shape_format(p_text, sizeof p_text, &p->shape),
                               heed_shape_format(index_text, sizeof index_text, &index->shape));
    heed_node_set_shape(gates, 0, HEED_F32, index->shape);
    return true;
}

static float probability(const float *p, int64_t n_experts, int32_t e)
{
    return e >= 0 && e < n_experts ? p[e] : NAN;
}

static float sum_of_chosen(const float *p, int64_t n_experts, const int32_t *index, int64_t k)
{
    float sum = 0.0f;

    for (int64_t j = 0; j < k; j++)
        sum += probability(p, n_experts, index[j]);
    return sum;
}

static void gate_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const heed_op_args *a = context;
    const int64_t n_experts = heed_cols(a->in[0]), k = heed_cols(a->out);

    (void)thread;
    for (int64_t t = begin; t < end; t++) {
        const float *p = heed_row(a->in[0], t);
        const int32_t *index = heed_row_i32(a->in[1], t);
        const float sum = k > 1 ? sum_of_chosen(p, n_experts, index, k) : 1.0f;
        float *gates = heed_row(a->out, t);

        for (int64_t j = 0; j < k; j++)
            gates[j] = probability(p, n_experts, index[j]) / sum;
    }
}

static void gates_forward(const heed_op_args *a)
{
    gate_rows((void *)a, 0, heed_rows(a->out), 0);
}

static void gates_fast(const heed_op_args *a)
{
    heed_parallel(a->device->n_threads, heed_rows(a->out), 1 + HEED_PIECE / heed_cols(a->out), gate_rows,
                  (void *)a);
}

static void gates_grad(heed_graph *g, heed_node *gates, heed_node *const *dy, heed_node **dx)
{
    if (heed_node_wants_grad(gates->in[0]))
        dx[0] = heed_node_append(g, &heed_op_expert_gates_backward, gates->in[0], gates->in[1], gates, dy[0]);
}

/* Only the chosen probabilities are read. */
static void gates_cost(const heed_node *gates, heed_cost *cost)
{
    const double count = (double)heed_tensor_count(&gates->tensor);

    cost->flops += heed_cols(&gates->tensor) > 1 ? 2.0 * count : 0.0;
    cost->bytes_read += 8.0 * count;
    cost->bytes_written += 4.0 * count;
}

/* p[t, index_j] for one of the chosen. */
static heed_figure read_chosen(heed_explanation *e, const heed_op_args *a, int64_t t, float index)
{
    const int64_t n_experts = heed_cols(a->in[0]), i = (int64_t)index;

    return i >= 0 && i < n_experts
               ? heed_explain_figure(e, a, 0, "p", t * n_experts + i)
               : heed_explain_found(e, "p", (double)NAN, "there is no expert %lld", (long long)i);
}

/* p of the k experts of token t. */
static heed_figure *read_all_chosen(heed_explanation *e, const heed_op_args *a, int64_t t, const float *index,
                                    int64_t k)
{
    heed_figure *p = heed_explain_room(e, k);

    for (int64_t j = 0; j < k; j++)
        p[j] = read_chosen(e, a, t, index[j]);
    return p;
}

static void gates_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const int64_t k = heed_cols(a->out), t = element / k;
    const float *index = heed_explain_read(e, a, 1, "index", t * k, 1, k);
    const heed_figure *p = read_all_chosen(e, a, t, index, k);

    (void)output;
    heed_explain_formula(e, k > 1 ? "gates[t, j] = p[t, index[t, j]] / sum_l p[t, index[t, l]]"
                                  : "gates[t, 0] = p[t, index[t, 0]]");
    if (k > 1) {
        const heed_figure sum = heed_explain_sum(e, "sum", k, "p[l]", heed_figures_of(p));
        heed_explain_step(e, "gates", "p / sum", p[element % k], sum);
    } else {
        heed_explain_step(e, "gates", "p", p[0]);
    }
}

const heed_op heed_op_expert_gates = {
    .name = "expert_gates",
    .n_inputs = 2,
    .shape = gates_shape,
    .forward = gates_forward,
    .fast = gates_fast,
    .grad = gates_grad,
    .cost = gates_cost,
    .explain = gates_explain,
};

heed_node *heed_expert_gates(heed_graph *g, heed_node *p, heed_node *index)
{
    return heed_node_append(g, &heed_op_expert_gates, p, index);
}

/* --- backward: p, index, gates, dgates --- */

static bool backward_shape(heed_graph *g, heed_node *dp)
{
    const heed_shape shape = dp->in[1]->tensor.shape;

    if (!heed_expect_shape(g, dp, 2, "gates", HEED_F32, shape) ||
        !heed_expect_shape(g, dp, 3, "dgates", HEED_F32, shape))
        return false;
    heed_node_set_shape(dp, 0, HEED_F32, dp->in[0]->tensor.shape);
    return true;
}

static float dot_of_gates(const float *gates, const float *dgates, int64_t k)
{
    float dot = 0.0f;

    for (int64_t j = 0; j < k; j++)
        dot += gates[j] * dgates[j];
    return dot;
}

static void backward_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const heed_op_args *a = context;
    const int64_t n_experts = heed_cols(a->out), k = heed_cols(a->in[1]);

    (void)thread;
    for (int64_t t = begin; t < end; t++) {
        const int32_t *index = heed_row_i32(a->in[1], t);
        const float *dgates = heed_row(a->in[3], t);
        const float sum = k > 1 ? sum_of_chosen(heed_row(a->in[0], t), n_experts, index, k) : 1.0f;
        const float dot = k > 1 ? dot_of_gates(heed_row(a->in[2], t), dgates, k) : 0.0f;
        float *dp = heed_row(a->out, t);

        memset(dp, 0, (size_t)n_experts * sizeof *dp);
        for (int64_t j = 0; j < k; j++) {
            if (index[j] >= 0 && index[j] < n_experts)
                dp[index[j]] += (dgates[j] - dot) / sum;
        }
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
    const double count = (double)heed_tensor_count(&dp->in[1]->tensor);

    cost->flops += heed_cols(&dp->in[1]->tensor) > 1 ? 5.0 * count : 0.0;
    cost->bytes_read += 16.0 * count;
    cost->bytes_written += 4.0 * (double)heed_tensor_count(&dp->tensor);
}

/* Of a token's k figures those at whose places expert i stands, most often none or one. */
static int64_t places_of(heed_explanation *e, const float *index, int64_t k, int64_t i, heed_figures all,
                         heed_figure *found)
{
    int64_t n = 0;

    for (int64_t j = 0; j < k; j++) {
        if ((int64_t)index[j] == i)
            found[n++] = heed_explain_at(e, all, j);
    }
    return n;
}

/* Reads gates and probabilities only of a token that chose the expert: elsewhere dp is 0, whatever they are. */
static void backward_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const int64_t n_experts = heed_cols(a->out), k = heed_cols(a->in[1]), t = element / n_experts;
    const float *index = heed_explain_read(e, a, 1, "index", t * k, 1, k);
    const heed_figures dgates = heed_explain_operand(e, a, 3, "dgates", t * k, 1, k);
    heed_figure *mine = heed_explain_room(e, k);
    const int64_t n = places_of(e, index, k, element % n_experts, dgates, mine);

    (void)output;
    heed_explain_formula(e, k > 1
                                ? "dp[t, index_j] = (dgates_j - sum_l gates_l dgates_l) / sum_l p[t, index_l], "
                                  "0 elsewhere"
                                : "dp[t, index_0] = dgates_0, 0 elsewhere");
    if (n == 0) {
        heed_explain_found(e, "dp", 0.0, "the token does not go to expert %lld",
                           (long long)(element % n_experts));
    } else if (k == 1) {
        heed_explain_sum(e, "dp", n, "dgates[j]", heed_figures_of(mine));
    } else {
        const heed_figure dot = heed_explain_sum(e, "dot", k, "gates[l] * dgates[l]",
                                                 heed_explain_operand(e, a, 2, "gates", t * k, 1, k), dgates);
        const heed_figure sum = heed_explain_sum(e, "sum", k, "p[l]",
                                                 heed_figures_of(read_all_chosen(e, a, t, index, k)));

        heed_explain_sum(e, "dp", n, "(dgates[j] - dot) / sum", heed_figures_of(mine),
                         heed_explain_same(e, dot), heed_explain_same(e, sum));
    }
}

const heed_op heed_op_expert_gates_backward = {
    .name = "expert_gates_backward",
    .n_inputs = 4,
    .shape = backward_shape,
    .forward = backward_forward,
    .fast = backward_fast,
    .cost = backward_cost,
    .explain = backward_explain,
};
