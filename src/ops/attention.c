/* SPDX-License-Identifier: MIT */
/*
 * Scaled dot-product attention over all heads.      q, k, v  ->  z, lse, max, sum
 *
 *   max_i = max_j q_i . k_j            over the keys j that query i sees
 *   sum_i = sum_j exp(scale (q_i . k_j - max_i))
 *   p_ij  = exp(scale (q_i . k_j - max_i)) / sum_i
 *   z_i   = sum_j p_ij v_j
 *   lse_i = log sum_j exp(scale q_i . k_j) = scale max_i + log sum_i
 *
 *   q [B, H, n_query, D]     k [B, Hkv, n_key, D]     v [B, Hkv, n_key, Dv]
 *   z [B, H, n_query, Dv]    lse, max, sum [B, H, n_query]
 *
 * Head h reads key/value head h * Hkv / H. Query i sits at position n_key - n_query + i; causal, it sees the keys up
 * to its own position. With `past` (a cache with room for more) only the first past + n_query keys exist. z lies in
 * memory as [B, n_query, H, Dv], so that merging the heads costs nothing.
 *
 * The scores are never stored: memory is linear in n_key. heed_attention_scores() shows them to those who look.
 * The gradient reads z, max and sum and forms the scores again (attention_backward.c); lse is there to be looked at.
 * Source: Vaswani et al. 2017 (arXiv:1706.03762) 3.2.1; shared heads: Ainslie et al. 2023 (arXiv:2305.13245).
 */
#include <math.h>

#include "base/parallel.h"
#include "ops/attention.h"
#include "ops/common.h"
#include "ops/dense.h"
#include "ops/list.h"

enum { Q, K, V, PAST, Z = 0, LSE, MAX, SUM };

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
    if (!(((const heed_attention_attrs *)z->attrs)->scale > 0.0f))
        return heed_graph_fail(g, z, HEED_ERR_SHAPE, "the scale of the scores must be positive");
    const int64_t B = q->size[0], H = q->size[1], T = q->size[2], Dv = v->size[3];

    heed_node_set_shape(z, Z, HEED_F32, heed_shape4(B, H, T, Dv));
    z->tensor.stride[0] = T * H * Dv;
    z->tensor.stride[1] = Dv;
    z->tensor.stride[2] = H * Dv;
    for (int k_out = LSE; k_out <= SUM; k_out++)
        heed_node_set_shape(z, k_out, HEED_F32, heed_shape3(B, H, T));
    return true;
}

/* --- the reference ------------------------------------------------------------------------------- */

typedef struct score_sums {
    float max, sum;
} score_sums;

/* max and sum of one query over n keys. */
static score_sums sum_scores(const float *q, const float *k, int64_t k_stride, int64_t n, int64_t head_dim,
                             float scale)
{
    score_sums of = {.max = -INFINITY, .sum = 0.0f};

    for (int64_t j = 0; j < n; j++) {
        const float dot = heed_attention_dot(q, k + j * k_stride, head_dim);
        if (dot > of.max)
            of.max = dot;
    }
    for (int64_t j = 0; j < n; j++)
        of.sum += heed_attention_weight(heed_attention_dot(q, k + j * k_stride, head_dim), of.max, 1.0f, scale);
    return of;
}

static float lse_of(const score_sums *of, float scale)
{
    return scale * of->max + logf(of->sum);
}

/* Element (b, h, i) of lse, max or sum, when that output is needed. */
static void put_statistic(const heed_tensor *to, const heed_attention_sizes *s, int64_t b, int64_t h, int64_t i,
                          float value)
{
    if (to != NULL)
        ((float *)to->data)[(b * s->n_heads + h) * s->n_query + i] = value;
}

/* One query: z = sum_j p_j v_j, and its statistics. */
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
        const float dot = heed_attention_dot(q, k + j * k_stride, s->head_dim);
        const float p = heed_attention_weight(dot, sums.max, sums.sum, attrs->scale);

        for (int64_t d = 0; d < v_dim; d++)
            z[d] += p * v[j * v_stride + d];
    }
    put_statistic(a->outs[LSE], s, b, h, i, lse_of(&sums, attrs->scale));
    put_statistic(a->outs[MAX], s, b, h, i, sums.max);
    put_statistic(a->outs[SUM], s, b, h, i, sums.sum);
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

/* Where the statistics of head (b, h) go; NULL when that output is not needed. */
static float *statistic_of(const attention_job *job, int output, int64_t b, int64_t h)
{
    const heed_tensor *to = job->a->outs[output];

    return to != NULL ? (float *)to->data + (b * job->sizes.n_heads + h) * job->sizes.n_query : NULL;
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
        .mask = {.causal = attrs->causal, .position = s->n_key - s->n_query},
        .out = heed_attention_row(a->out, b, h, 0),
        .out_stride = a->out->stride[2],
        .lse = statistic_of(job, LSE, b, h),
        .max = statistic_of(job, MAX, b, h),
        .sum = statistic_of(job, SUM, b, h),
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
    heed_node *in[] = {z->in[Q], z->in[K], z->in[V], z, z->outputs[MAX], z->outputs[SUM], dy[Z], z->in[PAST]};
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

static void statistic_explain(const score_sums *sums, int output, float scale, int64_t n, heed_explanation *e)
{
    if (output == LSE)
        heed_explain_formula(e, "lse_i = log sum_j exp(%g q_i . k_j) over the %lld keys that query i sees",
                             (double)scale, (long long)n);
    else if (output == MAX)
        heed_explain_formula(e, "max_i = max_j q_i . k_j over the %lld keys that query i sees", (long long)n);
    else
        heed_explain_formula(e,
                             "sum_i = sum_j exp(%g (q_i . k_j - max_i)) over the %lld keys that query i sees",
                             (double)scale, (long long)n);
    heed_explain_value(e, output == LSE ? lse_of(sums, scale) : output == MAX ? sums->max : sums->sum);
}

static void attention_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const heed_attention_sizes s = heed_attention_sizes_of(a->in[Q], a->in[K], a->in[PAST]);
    const heed_attention_attrs *attrs = a->attrs;
    const int64_t v_dim = heed_cols(a->out), D = s.head_dim;
    const int64_t row = output == Z ? element / v_dim : element; /* (b, h, i) */
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
    if (output != Z) {
        statistic_explain(&sums, output, attrs->scale, n, e);
        return;
    }
    v = heed_explain_read(e, a, V, "v", kv_head * s.capacity * v_dim + element % v_dim, v_dim, n);
    for (int64_t j = 0; j < n; j++)
        z += heed_attention_weight(heed_attention_dot(q, k + j * D, D), sums.max, sums.sum, attrs->scale) *
             v[j];
    heed_explain_formula(e, "z_i = sum_j softmax_j(%g q_i . k_j) v_j, over the %lld keys that query %lld sees",
                         (double)attrs->scale, (long long)n, (long long)i);
    heed_explain_value(e, z);
}

const heed_op heed_op_attention = {
    .name = "attention",
    .n_inputs = 4,
    .required_inputs = 3,
    .n_outputs = 4,
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
