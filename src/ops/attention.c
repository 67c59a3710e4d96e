/* SPDX-License-Identifier: MIT */
/*
 * Scaled dot-product attention over all heads.      q, k, v  ->  z, lse
 *
 *   s_ij  = scale q_i . k_j            for the keys j that query i sees
 *   lse_i = log sum_j exp(s_ij)
 *   z_i   = sum_j exp(s_ij - lse_i) v_j
 *
 *   q [B, H, n_query, D]     k [B, Hkv, n_key, D]     v [B, Hkv, n_key, Dv]
 *   z [B, H, n_query, Dv]    lse [B, H, n_query]
 *
 * Head h reads key/value head h * Hkv / H. Query i sits at position n_key - n_query + i; causal, it sees the keys up
 * to its own position. With `past` (a cache with room for more) only the first past + n_query keys exist. z lies in
 * memory as [B, n_query, H, Dv], so that merging the heads costs nothing.
 *
 * The scores are never stored: memory is linear in n_key. heed_attention_scores() shows them to those who look.
 * The gradient reads z and lse and forms the scores again (attention_backward.c).
 * Source: Vaswani et al. 2017 (arXiv:1706.03762) 3.2.1; shared heads: Ainslie et al. 2023 (arXiv:2305.13245).
 */
#include <math.h>

#include "base/parallel.h"
#include "ops/attention.h"
#include "ops/common.h"
#include "ops/dense.h"
#include "ops/list.h"

enum { Q, K, V, PAST, Z = 0, LSE };

static bool attention_shape(heed_graph *g, heed_node *z)
{
    const heed_shape *q = &z->in[Q]->tensor.shape, *k = &z->in[K]->tensor.shape, *v = &z->in[V]->tensor.shape;
    char text[96];

    if (!heed_attention_check(g, z, PAST) || !heed_expect_dtype(g, z, V, "v", HEED_F32))
        return false;
    if (v->rank != 4 || v->size[0] != k->size[0] || v->size[1] != k->size[1] || v->size[2] != k->size[2])
        return heed_graph_fail(g, z, HEED_ERR_SHAPE, "expected v [%lld, %lld, %lld, any] as k, got %s",
                               (long long)k->size[0], (long long)k->size[1], (long long)k->size[2],
                               heed_shape_format(text, sizeof text, v));
    const int64_t B = q->size[0], H = q->size[1], T = q->size[2], Dv = v->size[3];

    heed_node_set_shape(z, Z, HEED_F32, heed_shape4(B, H, T, Dv));
    z->tensor.stride[0] = T * H * Dv;
    z->tensor.stride[1] = Dv;
    z->tensor.stride[2] = H * Dv;
    heed_node_set_shape(z, LSE, HEED_F32, heed_shape3(B, H, T));
    return true;
}

/* --- the reference ------------------------------------------------------------------------------- */

/* The largest of n scores of one query, and the sum over exp(score - largest). */
typedef struct score_sums {
    float max, sum;
} score_sums;

static score_sums sum_scores(const float *q, const float *k, int64_t k_stride, int64_t n, int64_t head_dim,
                             float scale)
{
    score_sums of = {.max = -INFINITY, .sum = 0.0f};

    for (int64_t j = 0; j < n; j++) {
        const float s = heed_attention_score(q, k + j * k_stride, head_dim, scale);
        if (s > of.max)
            of.max = s;
    }
    for (int64_t j = 0; j < n; j++)
        of.sum += expf(heed_attention_score(q, k + j * k_stride, head_dim, scale) - of.max);
    return of;
}

/* What key j contributes, the element of the attention pattern. */
static float pattern_of(const score_sums *of, float score)
{
    return expf(score - of->max) / of->sum;
}

/* -inf for a query that sees nothing; its z is zero. */
static float lse_of(const score_sums *of)
{
    return of->max + logf(of->sum);
}

/* One query: z = sum_j pattern_j v_j, and its lse. */
static void attend(const heed_op_args *a, const heed_attention_sizes *s, int64_t b, int64_t h, int64_t i)
{
    const heed_attention_attrs *attrs = a->attrs;
    const int64_t n = heed_attention_visible(s, attrs->causal, i), v_dim = heed_cols(a->out);
    const float *q = heed_attention_row(a->in[Q], b, h, i);
    const float *k = heed_attention_row(a->in[K], b, h / s->group, 0);
    const float *v = heed_attention_row(a->in[V], b, h / s->group, 0);
    const int64_t k_stride = a->in[K]->stride[2], v_stride = a->in[V]->stride[2];
    const score_sums sums = sum_scores(q, k, k_stride, n, s->head_dim, attrs->scale);
    float *z = heed_attention_row(a->out, b, h, i);

    for (int64_t d = 0; d < v_dim; d++)
        z[d] = 0.0f;
    for (int64_t j = 0; j < n; j++) {
        const float p = pattern_of(&sums, heed_attention_score(q, k + j * k_stride, s->head_dim, attrs->scale));

        for (int64_t d = 0; d < v_dim; d++)
            z[d] += p * v[j * v_stride + d];
    }
    if (a->outs[LSE] != NULL)
        ((float *)a->outs[LSE]->data)[(b * s->n_heads + h) * s->n_query + i] = lse_of(&sums);
}

static void attention_forward(const heed_op_args *a)
{
    const heed_attention_sizes s = heed_attention_sizes_of(a->in[Q], a->in[K], a->in[PAST]);

    for (int64_t b = 0; b < s.batch; b++) {
        for (int64_t h = 0; h < s.n_heads; h++) {
            for (int64_t i = 0; i < s.n_query; i++)
                attend(a, &s, b, h, i);
        }
    }
}

/* --- fast ---------------------------------------------------------------------------------------- */

typedef struct attention_job {
    const heed_op_args *a;
    heed_attention_sizes sizes;
    int64_t block, n_blocks; /* queries a piece of work has; pieces of one head */
    int64_t scratch;         /* floats a thread */
} attention_job;

/* A multiple of 64, so that every cut gives the same bits; longer where there is more to share out. */
static int64_t block_of(int64_t n_query)
{
    return n_query >= 2048 ? 256 : n_query >= 512 ? 128 : 64;
}

static heed_attention_head head_of(const attention_job *job, int64_t b, int64_t h)
{
    const heed_op_args *a = job->a;
    const heed_attention_sizes *s = &job->sizes;
    const heed_attention_attrs *attrs = a->attrs;
    const int64_t h_kv = h / s->group;

    return (heed_attention_head){
        .q = heed_attention_row(a->in[Q], b, h, 0),
        .k = heed_attention_row(a->in[K], b, h_kv, 0),
        .v = heed_attention_row(a->in[V], b, h_kv, 0),
        .q_stride = a->in[Q]->stride[2],
        .k_stride = a->in[K]->stride[2],
        .v_stride = a->in[V]->stride[2],
        .n_query = s->n_query,
        .n_key = s->n_key,
        .head_dim = s->head_dim,
        .v_dim = heed_cols(a->out),
        .scale = attrs->scale,
        .causal = attrs->causal,
        .out = heed_attention_row(a->out, b, h, 0),
        .out_stride = a->out->stride[2],
        .lse = a->outs[LSE] != NULL ? (float *)a->outs[LSE]->data + (b * s->n_heads + h) * s->n_query : NULL,
    };
}

/* Pieces are counted from the last block of all heads to the first: causal, the last ones are the longest. */
static void attention_pieces(void *context, int64_t begin, int64_t end, int thread)
{
    const attention_job *job = context;
    const int64_t n_heads = job->sizes.n_heads, all_heads = job->sizes.batch * n_heads;
    float *scratch = (float *)job->a->workspace + thread * job->scratch;

    for (int64_t piece = begin; piece < end; piece++) {
        const int64_t block = job->n_blocks - 1 - piece / all_heads, bh = piece % all_heads;
        const heed_attention_head head = head_of(job, bh / n_heads, bh % n_heads);
        const int64_t query = block * job->block, left = head.n_query - query;

        job->a->device->kernels->attention(&head, query, query + (left < job->block ? left : job->block),
                                           scratch);
    }
}

static void attention_fast(const heed_op_args *a)
{
    attention_job job = {.a = a, .sizes = heed_attention_sizes_of(a->in[Q], a->in[K], a->in[PAST])};

    job.block = block_of(job.sizes.n_query);
    job.n_blocks = (job.sizes.n_query + job.block - 1) / job.block;
    job.scratch = heed_attention_scratch(a->node, a->device, false);
    heed_parallel(a->device->n_threads, job.n_blocks * job.sizes.batch * job.sizes.n_heads, 1, attention_pieces,
                  &job);
}

static size_t attention_workspace(const heed_node *z, heed_device *device)
{
    return heed_floats_bytes(heed_attention_scratch(z, device, false) * device->n_threads);
}

/* --- the rest ------------------------------------------------------------------------------------ */

static void attention_grad(heed_graph *g, heed_node *z, heed_node *const *dy, heed_node **dx)
{
    heed_node *in[] = {z->in[Q], z->in[K], z->in[V], z, z->outputs[LSE], dy[Z], z->in[PAST]};
    heed_node *dq;

    if (dy[Z] == NULL)
        return;
    dq = heed_attention_backward(g, in, z->attrs);
    for (int i = 0; i < 3 && dq != NULL; i++) {
        if (heed_node_wants_grad(z->in[i]))
            dx[i] = dq->outputs[i];
    }
}

/* Two multiply-adds a number of k and v, for the pairs that see each other; a cache is counted as full. */
static void attention_cost(const heed_node *z, heed_cost *cost)
{
    const heed_attention_sizes s = heed_attention_sizes_of(&z->in[Q]->tensor, &z->in[K]->tensor, NULL);
    const heed_attention_attrs *attrs = z->attrs;
    const double numbers = (double)(s.head_dim + heed_cols(&z->tensor));

    cost->flops += 2.0 * numbers * (double)(s.batch * s.n_heads) * heed_attention_pairs(&s, attrs->causal);
    heed_cost_add_traffic(z, cost);
}

static void attention_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const heed_attention_sizes s = heed_attention_sizes_of(a->in[Q], a->in[K], a->in[PAST]);
    const heed_attention_attrs *attrs = a->attrs;
    const int64_t v_dim = heed_cols(a->out), D = s.head_dim;
    const int64_t row = output == LSE ? element : element / v_dim; /* (b, h, i) */
    const int64_t i = row % s.n_query, bh = row / s.n_query;
    const int64_t kv_head = bh / s.n_heads * s.n_kv_heads + bh % s.n_heads / s.group;
    const int64_t n = heed_attention_visible(&s, attrs->causal, i);
    const float *q = heed_explain_read(e, a, Q, "q", row * D, 1, D);
    const float *k = heed_explain_read(e, a, K, "k", kv_head * s.capacity * D, 1, n * D);
    const score_sums sums = sum_scores(q, k, D, n, D, attrs->scale);
    const float *v;
    float z = 0.0f;

    if (a->in[PAST] != NULL)
        heed_explain_read1(e, a, PAST, "past", 0);
    if (output == LSE) {
        heed_explain_formula(e, "lse_i = log sum_j exp(%g q_i . k_j), over the %lld keys that query %lld sees",
                             (double)attrs->scale, (long long)n, (long long)i);
        heed_explain_value(e, lse_of(&sums));
        return;
    }
    v = heed_explain_read(e, a, V, "v", kv_head * s.capacity * v_dim + element % v_dim, v_dim, n);
    for (int64_t j = 0; j < n; j++)
        z += pattern_of(&sums, heed_attention_score(q, k + j * D, D, attrs->scale)) * v[j];
    heed_explain_formula(e, "z_i = sum_j softmax_j(%g q_i . k_j) v_j, over the %lld keys that query %lld sees",
                         (double)attrs->scale, (long long)n, (long long)i);
    heed_explain_value(e, z);
}

const heed_op heed_op_attention = {
    .name = "attention",
    .n_inputs = 4,
    .required_inputs = 3,
    .n_outputs = 2,
    .shape = attention_shape,
    .forward = attention_forward,
    .fast = attention_fast,
    .grad = attention_grad,
    .cost = attention_cost,
    .explain = attention_explain,
    .workspace = attention_workspace,
};

heed_node *heed_attention(heed_graph *g, heed_node *q, heed_node *k, heed_node *v,
                          const heed_attention_options *options)
{
    const heed_attention_attrs attrs = heed_attention_attrs_of(q, options);

    return heed_node_append_with(g, &heed_op_attention, &attrs, sizeof attrs, q, k, v, options->past);
}
