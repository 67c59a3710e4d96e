/* SPDX-License-Identifier: MIT */
/*
 * Few queries over many keys, as when a token is generated: the keys are cut into segments, each gives z, max and sum of
 * its own, and these are joined in order (Dao et al. 2023, "Flash-Decoding"):
 *
 *   max = max_s max_s        f_s = sum_s exp(scale (max_s - max)) / sum        sum = sum_s sum_s exp(scale (max_s - max))
 *   z = sum_s f_s z_s        p_j = f_s p_sj        entropy = sum_s f_s (entropy_s - log f_s)
 *
 * Segments have a fixed length, so their number depends on n_key alone and no bit on the number of threads. Over bfloat16
 * what segments give stays floats, and z is rounded once.
 */
#include <math.h>
#include <string.h>

#include "base/parallel.h"
#include "kernels/mask.h"
#include "ops/attention_fast.h"

enum {
    SEGMENT = 1024,   /* keys */
    FEW_QUERIES = 16, /* at most */
    FEW_HEADS = 16,   /* fewer heads than this leave processors without work */
};

/* What a segment found out about one query. */
typedef struct segment_sums {
    float max, sum, entropy;
} segment_sums;

typedef struct split_job {
    const heed_op_args *a;
    const heed_attention_run *run;
    float *partial, *scratch;
    int64_t scratch_floats, n_segments; /* of the longest row */
} split_job;

/* It must not change between planning and running: the keys are counted as rows of k. */
bool heed_attention_splits_keys(const heed_attention_run *run)
{
    return run->n_query <= FEW_QUERIES && run->batch * run->n_heads < FEW_HEADS && run->capacity > SEGMENT &&
           run->attrs->block == 0;
}

static int64_t segments_of(int64_t n_key)
{
    return (n_key + SEGMENT - 1) / SEGMENT;
}

/* Floats of one segment of one head: rows of z, then max, sum and entropy of each query. */
static int64_t segment_floats(const heed_attention_run *run)
{
    return run->n_query * (run->v_dim + 3);
}

int64_t heed_attention_split_floats(const heed_attention_run *run)
{
    return run->batch * run->n_heads * segments_of(run->capacity) * segment_floats(run);
}

static float *segment_of(const split_job *job, int64_t bh, int64_t s)
{
    return job->partial + (bh * job->n_segments + s) * segment_floats(job->run);
}

/* The part of a head that begins at key `first`: its keys, and what it is to write of them; `to` gets the rest, in floats. */
static void cut_keys(heed_attention_bf16 *of, const heed_attention_run *run, int64_t first, float *to)
{
    heed_attention_head *head = &of->head;
    float *statistics = to + run->n_query * run->v_dim;

    head->mask = heed_mask_from_key(&head->mask, first);
    head->n_key = run->n_key - first < SEGMENT ? run->n_key - first : SEGMENT;
    if (run->q->dtype == HEED_BF16) {
        of->k += first * head->k_stride;
        of->v += first * head->v_stride;
        of->out = NULL;
    } else {
        head->k += first * head->k_stride;
        head->v += first * head->v_stride;
    }
    head->bias = head->bias != NULL ? head->bias + first : NULL;
    head->scores = head->scores != NULL ? head->scores + first : NULL;
    head->pattern = head->pattern != NULL ? head->pattern + first : NULL;
    head->out = to;
    head->out_stride = run->v_dim;
    head->max = statistics;
    head->sum = statistics + run->n_query;
    head->entropy = head->entropy != NULL ? statistics + 2 * run->n_query : NULL;
    head->lse = NULL;
}

static void split_pieces(void *context, int64_t begin, int64_t end, int thread)
{
    const split_job *job = context;
    const heed_kernels *kernels = job->a->device->kernels;
    float *scratch = job->scratch + thread * job->scratch_floats;

    for (int64_t piece = begin; piece < end; piece++) {
        const int64_t bh = piece / job->n_segments, s = piece % job->n_segments;
        const heed_attention_run own = heed_attention_run_in(job->run, bh / job->run->n_heads), *run = &own;

        if (s >= segments_of(run->n_key)) /* a shorter row of the batch */
            continue;
        heed_attention_bf16 of = heed_attention_shown_head(job->a, run, bh / run->n_heads, bh % run->n_heads);

        cut_keys(&of, run, s * SEGMENT, segment_of(job, bh, s));
        if (run->q->dtype == HEED_BF16)
            kernels->attention_bf16(&of, 0, run->n_query, scratch);
        else
            kernels->attention(&of.head, 0, run->n_query, scratch);
    }
}

static segment_sums sums_of(const split_job *job, int64_t bh, int64_t s, int64_t i)
{
    const int64_t n = job->run->n_query;
    const float *at = segment_of(job, bh, s) + n * job->run->v_dim + i;

    return (segment_sums){.max = at[0], .sum = at[n], .entropy = at[2 * n]};
}

/* sum_s exp(scale (max_s - max)); a segment in which nothing is seen has none. */
static float weight_of(const segment_sums *of, float max, float scale)
{
    return of->sum == 0.0f ? 0.0f : of->sum * expf(scale * (of->max - (max == -INFINITY ? 0.0f : max)));
}

/* Query i of head bh: what its segments found becomes one, added up in the rows of the first. */
static void join(const split_job *job, const heed_attention_bf16 *of_head, int64_t bh, int64_t i)
{
    const heed_attention_run own = heed_attention_run_in(job->run, bh / job->run->n_heads), *run = &own;
    const int64_t n_segments = segments_of(run->n_key);
    const heed_attention_head *head = &of_head->head;
    float *z = segment_of(job, bh, 0) + i * run->v_dim, max = -INFINITY, sum = 0.0f, entropy = 0.0f;

    for (int64_t s = 0; s < n_segments; s++) {
        const segment_sums of = sums_of(job, bh, s, i);
        max = of.max > max ? of.max : max;
    }
    for (int64_t s = 0; s < n_segments; s++) {
        const segment_sums of = sums_of(job, bh, s, i);
        sum += weight_of(&of, max, head->scale);
    }
    for (int64_t s = 0; s < n_segments; s++) {
        const segment_sums of = sums_of(job, bh, s, i);
        const float factor = sum == 0.0f ? 0.0f : weight_of(&of, max, head->scale) / sum;
        const float *part = segment_of(job, bh, s) + i * run->v_dim;

        for (int64_t d = 0; d < run->v_dim; d++)
            z[d] = (s > 0 ? z[d] : 0.0f) + factor * part[d];
        for (int64_t j = s * SEGMENT; head->pattern != NULL && j < run->n_key && j < (s + 1) * SEGMENT; j++)
            head->pattern[i * head->pattern_stride + j] *= factor;
        if (factor != 0.0f)
            entropy += factor * (of.entropy - logf(factor));
    }
    if (run->q->dtype == HEED_BF16)
        job->a->device->kernels->to_bf16(of_head->out + i * head->out_stride, z, run->v_dim);
    else
        memcpy(head->out + i * head->out_stride, z, (size_t)run->v_dim * sizeof *z);
    if (head->max != NULL)
        head->max[i] = max;
    if (head->sum != NULL)
        head->sum[i] = sum;
    if (head->lse != NULL)
        head->lse[i] = head->scale * (max == -INFINITY ? 0.0f : max) + logf(sum);
    if (head->entropy != NULL)
        head->entropy[i] = entropy;
}

void heed_attention_split(const heed_op_args *a, const heed_attention_run *run, float *partial, float *scratch,
                          int64_t scratch_floats)
{
    split_job job = {
        .a = a, .run = run, .partial = partial, .scratch = scratch, .scratch_floats = scratch_floats};

    for (int64_t b = 0; b < run->batch; b++) {
        const int64_t n = segments_of(heed_attention_run_in(run, b).n_key);

        job.n_segments = n > job.n_segments ? n : job.n_segments;
    }
    heed_parallel(a->device->n_threads, run->batch * run->n_heads * job.n_segments, 1, split_pieces, &job);
    for (int64_t bh = 0; bh < run->batch * run->n_heads; bh++) {
        const heed_attention_bf16 head = heed_attention_shown_head(a, run, bh / run->n_heads,
                                                                   bh % run->n_heads);

        for (int64_t i = 0; i < run->n_query; i++)
            join(&job, &head, bh, i);
    }
}
