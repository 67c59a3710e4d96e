/* SPDX-License-Identifier: MIT */
/*
 * The scores that attention forms inside, written down.      q [B, H, n_query, D], k [B, Hkv, n_key, D]  ->  s
 *
 *   attention_scores            s_ij = scale q_i . k_j   for the keys j that query i sees, -inf elsewhere
 *   attention_scores_backward   dq_i = sum_j scale ds_ij k_j        dk_j = sum_i scale ds_ij q_i
 *
 *   s [B, H, n_query, n_key]
 *
 * Who sees whom, and which heads share a key, is as in attention.c. Softmax of s is the attention pattern. The
 * gradient skips hidden pairs; dk sums over the query heads of its group, one head after the other.
 */
#include <math.h>
#include <string.h>

#include "base/parallel.h"
#include "ops/attention.h"
#include "ops/common.h"
#include "ops/list.h"

enum { Q, K, PAST };

static bool scores_shape(heed_graph *g, heed_node *s)
{
    const int64_t *q = s->in[Q]->tensor.shape.size, *k = s->in[K]->tensor.shape.size;

    if (!heed_attention_check(g, s, PAST))
        return false;
    heed_node_set_shape(s, 0, HEED_F32, heed_shape4(q[0], q[1], q[2], k[2]));
    return true;
}

static void scores_forward(const heed_op_args *a)
{
    const heed_attention_sizes s = heed_attention_sizes_of(a->in[Q], a->in[K], a->in[PAST]);
    const heed_attention_attrs *attrs = a->attrs;

    for (int64_t row = 0; row < heed_rows(a->out); row++) {
        const int64_t i = row % s.n_query, h = row / s.n_query % s.n_heads, b = row / s.n_query / s.n_heads;
        const int64_t n = heed_attention_visible(&s, attrs->causal, i);
        const float *q = heed_attention_row(a->in[Q], b, h, i);
        float *scores = heed_row(a->out, row);

        for (int64_t j = 0; j < s.capacity; j++)
            scores[j] = j < n
                            ? attrs->scale * heed_attention_dot(
                                                 q, heed_attention_row(a->in[K], b, h / s.group, j), s.head_dim)
                            : -INFINITY;
    }
}

static void scores_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const heed_op_args *a = context;
    const heed_kernels *kernels = a->device->kernels;
    const heed_attention_sizes s = heed_attention_sizes_of(a->in[Q], a->in[K], a->in[PAST]);
    const heed_attention_attrs *attrs = a->attrs;

    (void)thread;
    for (int64_t row = begin; row < end; row++) {
        const int64_t i = row % s.n_query, h = row / s.n_query % s.n_heads, b = row / s.n_query / s.n_heads;
        const int64_t n = heed_attention_visible(&s, attrs->causal, i);
        float *scores = heed_row(a->out, row);

        kernels->rows_dot(scores, heed_attention_row(a->in[K], b, h / s.group, 0), a->in[K]->stride[2],
                          heed_attention_row(a->in[Q], b, h, i), NULL, n, s.head_dim);
        kernels->scale(scores, scores, attrs->scale, n);
        for (int64_t j = n; j < s.capacity; j++)
            scores[j] = -INFINITY;
    }
}

static void scores_fast(const heed_op_args *a)
{
    const int64_t row_work = heed_cols(a->out) * heed_cols(a->in[Q]);

    heed_parallel(a->device->n_threads, heed_rows(a->out), 1 + HEED_PIECE / row_work, scores_rows, (void *)a);
}

static void scores_grad(heed_graph *g, heed_node *s, heed_node *const *dy, heed_node **dx)
{
    heed_node *in[] = {s->in[Q], s->in[K], dy[0], s->in[PAST]};
    heed_node *dq = heed_node_append_list(g, &heed_op_attention_scores_backward, s->attrs,
                                          sizeof(heed_attention_attrs), in, 4);

    for (int i = 0; i < 2 && dq != NULL; i++) {
        if (heed_node_wants_grad(s->in[i]))
            dx[i] = dq->outputs[i];
    }
}

/* A multiply-add a number of k, for the pairs that see each other. */
static void scores_cost(const heed_node *node, heed_cost *cost)
{
    const heed_attention_sizes s = heed_attention_sizes_of(&node->in[Q]->tensor, &node->in[K]->tensor, NULL);
    const heed_attention_attrs *attrs = node->attrs;

    cost->flops += 2.0 * (double)(s.head_dim * s.batch * s.n_heads) * heed_attention_pairs(&s, attrs->causal);
    heed_cost_add_traffic(node, cost);
}

static void scores_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const heed_attention_sizes s = heed_attention_sizes_of(a->in[Q], a->in[K], a->in[PAST]);
    const heed_attention_attrs *attrs = a->attrs;
    const int64_t D = s.head_dim, row = element / s.capacity, j = element % s.capacity;
    const int64_t bh = row / s.n_query, kv_head = bh / s.n_heads * s.n_kv_heads + bh % s.n_heads / s.group;

    (void)output;
    if (a->in[PAST] != NULL)
        heed_explain_read1(e, a, PAST, "past", 0);
    if (j >= heed_attention_visible(&s, attrs->causal, row % s.n_query)) {
        heed_explain_formula(e, "-inf: query %lld does not see key %lld", (long long)(row % s.n_query),
                             (long long)j);
        heed_explain_value(e, -INFINITY);
        return;
    }
    const float *q = heed_explain_read(e, a, Q, "q", row * D, 1, D);
    const float *k = heed_explain_read(e, a, K, "k", (kv_head * s.capacity + j) * D, 1, D);

    heed_explain_formula(e, "s_ij = %g sum_d q_id k_jd", (double)attrs->scale);
    heed_explain_value(e, attrs->scale * heed_attention_dot(q, k, D));
}

const heed_op heed_op_attention_scores = {
    .name = "attention_scores",
    .n_inputs = 3,
    .required_inputs = 2,
    .shape = scores_shape,
    .forward = scores_forward,
    .fast = scores_fast,
    .grad = scores_grad,
    .cost = scores_cost,
    .explain = scores_explain,
};

heed_node *heed_attention_scores(heed_graph *g, heed_node *q, heed_node *k,
                                 const heed_attention_options *options)
{
    const heed_attention_attrs attrs = heed_attention_attrs_of(q, options);

    return heed_node_append_with(g, &heed_op_attention_scores, &attrs, sizeof attrs, q, k, options->past);
}

/* --- backward: q, k, ds, past  ->  dq, dk -------------------------------------------------------- */

enum { B_DS = 2, B_PAST = 3 };

static bool scores_backward_shape(heed_graph *g, heed_node *dq)
{
    (void)g;
    heed_node_set_shape(dq, Q, HEED_F32, dq->in[Q]->tensor.shape);
    heed_node_set_shape(dq, K, HEED_F32, dq->in[K]->tensor.shape);
    return true;
}

static void scores_backward_forward(const heed_op_args *a)
{
    const heed_attention_sizes s = heed_attention_sizes_of(a->in[Q], a->in[K], a->in[B_PAST]);
    const heed_attention_attrs *attrs = a->attrs;

    memset(a->outs[Q]->data, 0, (size_t)heed_tensor_count(a->outs[Q]) * sizeof(float));
    if (a->outs[K] != NULL)
        memset(a->outs[K]->data, 0, (size_t)heed_tensor_count(a->outs[K]) * sizeof(float));
    for (int64_t row = 0; row < heed_rows(a->in[B_DS]); row++) {
        const int64_t i = row % s.n_query, h = row / s.n_query % s.n_heads, b = row / s.n_query / s.n_heads;
        const float *ds = heed_row(a->in[B_DS], row), *q = heed_attention_row(a->in[Q], b, h, i);
        float *dq = heed_attention_row(a->outs[Q], b, h, i);

        for (int64_t j = 0; j < heed_attention_visible(&s, attrs->causal, i); j++) {
            const float *k = heed_attention_row(a->in[K], b, h / s.group, j), scaled = attrs->scale * ds[j];
            float *dk = a->outs[K] != NULL ? heed_attention_row(a->outs[K], b, h / s.group, j) : NULL;

            for (int64_t d = 0; d < s.head_dim; d++)
                dq[d] += scaled * k[d];
            for (int64_t d = 0; dk != NULL && d < s.head_dim; d++)
                dk[d] += scaled * q[d];
        }
    }
}

static void scores_backward_cost(const heed_node *node, heed_cost *cost)
{
    scores_cost(node, cost);
    scores_cost(node, cost);
    cost->bytes_read /= 2.0; /* the tensors are read and written once */
    cost->bytes_written /= 2.0;
}

static void scores_backward_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const heed_attention_sizes s = heed_attention_sizes_of(a->in[Q], a->in[K], a->in[B_PAST]);
    const heed_attention_attrs *attrs = a->attrs;
    const int64_t D = s.head_dim, row = element / D, d = element % D;
    float sum = 0.0f;

    if (a->in[B_PAST] != NULL)
        heed_explain_read1(e, a, B_PAST, "past", 0);
    if (output == Q) {
        const int64_t bh = row / s.n_query, kv_head = bh / s.n_heads * s.n_kv_heads + bh % s.n_heads / s.group;
        const int64_t n = heed_attention_visible(&s, attrs->causal, row % s.n_query);
        const float *ds = heed_explain_read(e, a, B_DS, "ds", row * s.capacity, 1, n);
        const float *k = heed_explain_read(e, a, K, "k", kv_head * s.capacity * D + d, D, n);

        for (int64_t j = 0; j < n; j++)
            sum += attrs->scale * ds[j] * k[j];
        heed_explain_formula(e, "dq_id = sum_j %g ds_ij k_jd", (double)attrs->scale);
    } else {
        const int64_t j = row % s.capacity, first = row / s.capacity * s.group * s.n_query;

        for (int64_t query = first; query < first + s.group * s.n_query; query++) {
            if (j >= heed_attention_visible(&s, attrs->causal, query % s.n_query))
                continue;
            sum += attrs->scale * heed_explain_read1(e, a, B_DS, "ds", query * s.capacity + j) *
                   heed_explain_read1(e, a, Q, "q", query * D + d);
        }
        heed_explain_formula(e, "dk_jd = sum_i %g ds_ij q_id", (double)attrs->scale);
    }
    heed_explain_value(e, sum);
}

const heed_op heed_op_attention_scores_backward = {
    .name = "attention_scores_backward",
    .n_inputs = 4,
    .required_inputs = 3,
    .n_outputs = 2,
    .shape = scores_backward_shape,
    .forward = scores_backward_forward,
    .cost = scores_backward_cost,
    .explain = scores_backward_explain,
};
