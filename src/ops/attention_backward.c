/* SPDX-License-Identifier: MIT */
/*
 * The gradient of attention (attention.c).      q, k, v, z, max, sum, dz  ->  dq, dk, dv
 *
 *   p_ij    = exp(scale (q_i . k_j - max_i)) / sum_i        formed again
 *   delta_i = dz_i . z_i                   = sum_j p_ij (dz_i . v_j): what softmax subtracts
 *   ds_ij   = scale p_ij (dz_i . v_j - delta_i)
 *
 *   dq_i = sum_j ds_ij k_j                 dk_j = sum_i ds_ij q_i            dv_j = sum_i p_ij dz_i
 *
 * dk_j and dv_j sum over the query heads of their group too, first all queries of one head, then the next. Threads
 * split batch and key/value heads, never these sums. Keys that do not exist yet get zeros.
 *
 * When q, k and v are the columns of one fused row, so are dq, dk and dv: they share one storage in the same places,
 * and heed_accumulate() finds the gradient of the fused row finished. Otherwise each lies as [B, T, heads, head_dim].
 * Source: Dao et al. 2022 (arXiv:2205.14135), appendix B.
 */
#include <math.h>
#include <string.h>

#include "base/parallel.h"
#include "ops/attention.h"
#include "ops/common.h"
#include "ops/dense.h"
#include "ops/list.h"

enum { Q, K, V, Z, MAX, SUM, DZ, PAST };

/* --- shape --------------------------------------------------------------------------------------- */

/* True when x, seen as [B, T, heads * head_dim], is columns x->offset .. of rows of `row` numbers. */
static bool is_columns_of(const heed_node *x, int64_t row)
{
    const heed_tensor *t = &x->tensor;
    const int64_t *size = t->shape.size;

    return (size[1] == 1 || t->stride[1] == size[3]) && (size[2] == 1 || t->stride[2] == row) &&
           (size[0] == 1 || t->stride[0] == size[2] * row) && x->offset + size[1] * size[3] <= row;
}

static int64_t columns_of(const heed_node *x)
{
    return x->tensor.shape.size[1] * x->tensor.shape.size[3];
}

/* True when q, k, v cut the rows of one dense tensor into three pieces, in any order. */
static bool cut_one_row(heed_node *const *in)
{
    const heed_node *owner = in[Q]->owner;
    const int64_t row = columns_of(in[Q]) + columns_of(in[K]) + columns_of(in[V]);
    int64_t covered = 0;

    if (in[K]->owner != owner || in[V]->owner != owner || !heed_tensor_is_dense(&owner->tensor) ||
        in[Q]->tensor.shape.size[2] != in[K]->tensor.shape.size[2] ||
        heed_tensor_count(&owner->tensor) != in[Q]->tensor.shape.size[0] * in[Q]->tensor.shape.size[2] * row)
        return false;
    for (int found = 0; found < 3; found++) {
        int i = Q;

        while (i <= V && in[i]->offset != covered)
            i++;
        if (i > V || !is_columns_of(in[i], row))
            return false;
        covered += columns_of(in[i]);
    }
    return true;
}

static bool attention_backward_shape(heed_graph *g, heed_node *dq)
{
    const bool fused = cut_one_row(dq->in);

    (void)g;
    for (int k = 0; k < 3; k++) {
        const heed_node *x = dq->in[k];
        const int64_t *size = x->tensor.shape.size;
        int64_t *stride = dq->outputs[k]->tensor.stride;

        heed_node_set_shape(dq, k, HEED_F32, x->tensor.shape);
        if (fused) {
            memcpy(stride, x->tensor.stride, sizeof x->tensor.stride);
            heed_node_share_storage(dq, k, dq, x->offset);
        } else {
            stride[0] = size[2] * size[1] * size[3];
            stride[1] = size[3];
            stride[2] = size[1] * size[3];
        }
    }
    return true;
}

/* --- the reference ------------------------------------------------------------------------------- */

/* What one pair of query and key contributes. */
typedef struct pair_gradient {
    float p, ds;
} pair_gradient;

static float dot(const float *x, const float *y, int64_t n)
{
    float sum = 0.0f;

    for (int64_t i = 0; i < n; i++)
        sum += x[i] * y[i];
    return sum;
}

static pair_gradient gradient_of_pair(float p, float dz_v, float delta, float scale)
{
    return (pair_gradient){.p = p, .ds = scale * (p * (dz_v - delta))};
}

static float statistic_at(const heed_tensor *x, const heed_attention_sizes *s, int64_t b, int64_t h, int64_t i)
{
    return ((const float *)x->data)[(b * s->n_heads + h) * s->n_query + i];
}

static void add_multiple(float *y, float factor, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] += factor * x[i];
}

/* One query: its dq, and what it adds to dk and dv (NULL where not needed). */
static void attend_backward(const heed_op_args *a, const heed_attention_sizes *s, int64_t b, int64_t h,
                            int64_t i)
{
    const heed_attention_attrs *attrs = a->attrs;
    const int64_t h_kv = h / s->group, v_dim = heed_cols(a->in[V]);
    const float *q = heed_attention_row(a->in[Q], b, h, i), *dz = heed_attention_row(a->in[DZ], b, h, i);
    const float delta = dot(dz, heed_attention_row(a->in[Z], b, h, i), v_dim);
    const float max = statistic_at(a->in[MAX], s, b, h, i), sum = statistic_at(a->in[SUM], s, b, h, i);
    float *dq = heed_attention_row(a->outs[Q], b, h, i);

    memset(dq, 0, (size_t)s->head_dim * sizeof *dq);
    for (int64_t j = 0; j < heed_attention_visible(s, attrs->causal, i); j++) {
        const float *k = heed_attention_row(a->in[K], b, h_kv, j),
                    *v = heed_attention_row(a->in[V], b, h_kv, j);
        const float p = heed_attention_weight(heed_attention_dot(q, k, s->head_dim), max, sum, attrs->scale);
        const pair_gradient pair = gradient_of_pair(p, dot(dz, v, v_dim), delta, attrs->scale);

        add_multiple(dq, pair.ds, k, s->head_dim);
        if (a->outs[K] != NULL)
            add_multiple(heed_attention_row(a->outs[K], b, h_kv, j), pair.ds, q, s->head_dim);
        if (a->outs[V] != NULL)
            add_multiple(heed_attention_row(a->outs[V], b, h_kv, j), pair.p, dz, v_dim);
    }
}

/* Rows begin .. end-1 of one head. */
static void clear_rows(const heed_tensor *x, int64_t b, int64_t h, int64_t begin, int64_t end)
{
    for (int64_t j = begin; x != NULL && j < end; j++)
        memset(heed_attention_row(x, b, h, j), 0, (size_t)heed_cols(x) * sizeof(float));
}

static void attention_backward_forward(const heed_op_args *a)
{
    const heed_attention_sizes s = heed_attention_sizes_of(a->in[Q], a->in[K], a->in[PAST]);

    for (int64_t b = 0; b < s.batch; b++) {
        for (int64_t h = 0; h < s.n_kv_heads; h++) {
            clear_rows(a->outs[K], b, h, 0, s.capacity);
            clear_rows(a->outs[V], b, h, 0, s.capacity);
        }
        for (int64_t h = 0; h < s.n_heads; h++) {
            for (int64_t i = 0; i < s.n_query; i++)
                attend_backward(a, &s, b, h, i);
        }
    }
}

/* --- fast ---------------------------------------------------------------------------------------- */

typedef struct backward_job {
    const heed_op_args *a;
    heed_attention_sizes sizes;
    int64_t scratch; /* floats a thread for the kernel */
    int64_t dump;    /* floats a thread for a dk or dv that nobody needs */
} backward_job;

/* Floats that the dk and dv of one head take together. */
static int64_t dump_floats(const heed_node *dq)
{
    const int64_t *k = dq->in[K]->tensor.shape.size, *v = dq->in[V]->tensor.shape.size;

    return (k[2] * (k[3] + v[3]) + 15) / 16 * 16;
}

static heed_attention_head head_of(const backward_job *job, int64_t b, int64_t h)
{
    const heed_op_args *a = job->a;
    const heed_attention_sizes *s = &job->sizes;
    const heed_attention_attrs *attrs = a->attrs;
    const int64_t h_kv = h / s->group;

    return (heed_attention_head){
        .q = heed_attention_row(a->in[Q], b, h, 0),
        .k = heed_attention_row(a->in[K], b, h_kv, 0),
        .v = heed_attention_row(a->in[V], b, h_kv, 0),
        .out = heed_attention_row(a->in[Z], b, h, 0),
        .dout = heed_attention_row(a->in[DZ], b, h, 0),
        .dq = heed_attention_row(a->outs[Q], b, h, 0),
        .q_stride = a->in[Q]->stride[2],
        .k_stride = a->in[K]->stride[2],
        .v_stride = a->in[V]->stride[2],
        .out_stride = a->in[Z]->stride[2],
        .dout_stride = a->in[DZ]->stride[2],
        .dq_stride = a->outs[Q]->stride[2],
        .n_query = s->n_query,
        .n_key = s->n_key,
        .head_dim = s->head_dim,
        .v_dim = heed_cols(a->in[V]),
        .scale = attrs->scale,
        .mask = {.causal = attrs->causal, .position = s->n_key - s->n_query},
        .max = (float *)a->in[MAX]->data + (b * s->n_heads + h) * s->n_query,
        .sum = (float *)a->in[SUM]->data + (b * s->n_heads + h) * s->n_query,
    };
}

/* Points dk or dv of the head to its place, or to the dump. */
static void place_key_gradient(const heed_tensor *dx, int64_t b, int64_t h_kv, float *dump, int64_t n,
                               float **to, int64_t *stride)
{
    *to = dx != NULL ? heed_attention_row(dx, b, h_kv, 0) : dump;
    *stride = dx != NULL ? dx->stride[2] : n;
}

/* Key/value heads begin .. end-1 of all batches, each with the query heads that share it. */
static void backward_pieces(void *context, int64_t begin, int64_t end, int thread)
{
    const backward_job *job = context;
    const heed_op_args *a = job->a;
    const heed_attention_sizes *s = &job->sizes;
    float *scratch = (float *)a->workspace + thread * (job->scratch + job->dump),
          *dump = scratch + job->scratch;

    for (int64_t piece = begin; piece < end; piece++) {
        const int64_t b = piece / s->n_kv_heads, h_kv = piece % s->n_kv_heads;

        for (int64_t i = 0; i < s->group; i++) {
            heed_attention_head head = head_of(job, b, h_kv * s->group + i);

            place_key_gradient(a->outs[K], b, h_kv, dump, head.head_dim, &head.dk, &head.dk_stride);
            place_key_gradient(a->outs[V], b, h_kv, dump + s->capacity * head.head_dim, head.v_dim, &head.dv,
                               &head.dv_stride);
            head.accumulate_kv = i > 0;
            a->device->kernels->attention_backward(&head, scratch);
        }
        clear_rows(a->outs[K], b, h_kv, s->n_key, s->capacity);
        clear_rows(a->outs[V], b, h_kv, s->n_key, s->capacity);
    }
}

static void attention_backward_fast(const heed_op_args *a)
{
    backward_job job = {.a = a, .sizes = heed_attention_sizes_of(a->in[Q], a->in[K], a->in[PAST])};

    job.scratch = heed_attention_scratch(a->node, a->device, true);
    job.dump = dump_floats(a->node);
    heed_parallel(a->device->n_threads, job.sizes.batch * job.sizes.n_kv_heads, 1, backward_pieces, &job);
}

static size_t attention_backward_workspace(const heed_node *dq, heed_device *device)
{
    return heed_floats_bytes((heed_attention_scratch(dq, device, true) + dump_floats(dq)) * device->n_threads);
}

/* --- the rest ------------------------------------------------------------------------------------ */

/* Five products of the forward's two: scores again, dz . v, dq, dk, dv. */
static void attention_backward_cost(const heed_node *dq, heed_cost *cost)
{
    const heed_attention_sizes s = heed_attention_sizes_of(&dq->in[Q]->tensor, &dq->in[K]->tensor, NULL);
    const heed_attention_attrs *attrs = dq->attrs;
    const double numbers = (double)(3 * s.head_dim + 2 * heed_cols(&dq->in[V]->tensor));

    cost->flops += 2.0 * numbers * (double)(s.batch * s.n_heads) * heed_attention_pairs(&s, attrs->causal);
    heed_cost_add_traffic(dq, cost);
}

/* dq[b, h, i, d]: one query against all keys it sees. */
static void dq_explain(const heed_op_args *a, const heed_attention_sizes *s, int64_t element,
                       heed_explanation *e)
{
    const heed_attention_attrs *attrs = a->attrs;
    const int64_t D = s->head_dim, Dv = heed_cols(a->in[V]), row = element / D, d = element % D;
    const int64_t i = row % s->n_query, bh = row / s->n_query;
    const int64_t kv_head = bh / s->n_heads * s->n_kv_heads + bh % s->n_heads / s->group;
    const int64_t n = heed_attention_visible(s, attrs->causal, i);
    const float *q = heed_explain_read(e, a, Q, "q", row * D, 1, D);
    const float *k = heed_explain_read(e, a, K, "k", kv_head * s->capacity * D, 1, n * D);
    const float *v = heed_explain_read(e, a, V, "v", kv_head * s->capacity * Dv, 1, n * Dv);
    const float *z = heed_explain_read(e, a, Z, "z", row * Dv, 1, Dv);
    const float *dz = heed_explain_read(e, a, DZ, "dz", row * Dv, 1, Dv);
    const float max = heed_explain_read1(e, a, MAX, "max", row), delta = dot(dz, z, Dv);
    const float weights = heed_explain_read1(e, a, SUM, "sum", row);
    float sum = 0.0f;

    for (int64_t j = 0; j < n; j++) {
        const float p = heed_attention_weight(heed_attention_dot(q, k + j * D, D), max, weights, attrs->scale);
        sum += gradient_of_pair(p, dot(dz, v + j * Dv, Dv), delta, attrs->scale).ds * k[j * D + d];
    }
    heed_explain_formula(e,
                         "dq_i = sum_j ds_ij k_j, ds_ij = %g p_ij (dz_i . v_j - dz_i . z_i), "
                         "p_ij = exp(%g (q_i . k_j - max_i)) / sum_i",
                         (double)attrs->scale, (double)attrs->scale);
    heed_explain_value(e, sum);
}

/* dk or dv[b, h_kv, j, d]: one key against all queries of its heads that see it. */
static void dkv_explain(const heed_op_args *a, const heed_attention_sizes *s, int output, int64_t element,
                        heed_explanation *e)
{
    const heed_attention_attrs *attrs = a->attrs;
    const int64_t D = s->head_dim, Dv = heed_cols(a->in[V]), n = output == K ? D : Dv;
    const int64_t key = element / n, d = element % n, j = key % s->capacity, kv_head = key / s->capacity;
    const float *k = heed_explain_read(e, a, K, "k", key * D, 1, D);
    const float *v = heed_explain_read(e, a, V, "v", key * Dv, 1, Dv);
    float sum = 0.0f;

    for (int64_t row = kv_head * s->group * s->n_query; row < (kv_head + 1) * s->group * s->n_query; row++) {
        if (j >= heed_attention_visible(s, attrs->causal, row % s->n_query))
            continue;
        const float *q = heed_explain_read(e, a, Q, "q", row * D, 1, D);
        const float *z = heed_explain_read(e, a, Z, "z", row * Dv, 1, Dv);
        const float *dz = heed_explain_read(e, a, DZ, "dz", row * Dv, 1, Dv);
        const float max = heed_explain_read1(e, a, MAX, "max", row),
                    weights = heed_explain_read1(e, a, SUM, "sum", row);
        const float p = heed_attention_weight(heed_attention_dot(q, k, D), max, weights, attrs->scale);
        const pair_gradient pair = gradient_of_pair(p, dot(dz, v, Dv), dot(dz, z, Dv), attrs->scale);

        sum += output == K ? pair.ds * q[d] : pair.p * dz[d];
    }
    heed_explain_formula(e,
                         output == K ? "dk_j = sum_i ds_ij q_i, ds_ij = %g p_ij (dz_i . v_j - dz_i . z_i)"
                                     : "dv_j = sum_i p_ij dz_i, p_ij = exp(%g (q_i . k_j - max_i)) / sum_i",
                         (double)attrs->scale);
    heed_explain_value(e, sum);
}

static void attention_backward_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const heed_attention_sizes s = heed_attention_sizes_of(a->in[Q], a->in[K], a->in[PAST]);

    if (a->in[PAST] != NULL)
        heed_explain_read1(e, a, PAST, "past", 0);
    if (output == Q)
        dq_explain(a, &s, element, e);
    else
        dkv_explain(a, &s, output, element, e);
}

const heed_op heed_op_attention_backward = {
    .name = "attention_backward",
    .n_inputs = 8,
    .required_inputs = 7,
    .n_outputs = 3,
    .shape = attention_backward_shape,
    .forward = attention_backward_forward,
    .fast = attention_backward_fast,
    .cost = attention_backward_cost,
    .explain = attention_backward_explain,
    .workspace = attention_backward_workspace,
};

heed_node *heed_attention_backward(heed_graph *g, heed_node *const *in, const heed_attention_attrs *attrs)
{
    return heed_node_append_list(g, &heed_op_attention_backward, attrs, sizeof *attrs, in, 8);
}
