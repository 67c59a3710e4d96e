/* SPDX-License-Identifier: MIT */
/*
 * Attention by the kernels: pieces of work over batches, heads and blocks of queries, the longest first. Few queries
 * over many keys are cut by keys instead (attention_decode.c). Keys and values whose rows lie apart are brought together
 * for each piece (attention_gather.c).
 *
 * What the kernels leave to do: keys that do not exist yet in what is shown, and fill_1e9, where a query that sees
 * nothing takes the mean of all values.
 */
#include "ops/attention_fast.h"

#include <math.h>

#include "base/parallel.h"
#include "ops/attention_gather.h"
#include "ops/dense.h"

enum {
    LSE = HEED_ATTENTION_LSE,
    MAX = HEED_ATTENTION_MAX,
    SUM = HEED_ATTENTION_SUM,
    ENTROPY = HEED_ATTENTION_ENTROPY,
    SCORES = HEED_ATTENTION_SCORES,
    PATTERN = HEED_ATTENTION_PATTERN,
};

typedef struct attention_job {
    const heed_op_args *a;
    const heed_attention_run *run;
    int64_t block, n_blocks; /* queries a piece of work has; pieces of one head */
    int64_t scratch;         /* floats a thread: for the kernel, */
    int64_t gathered;        /* and behind them for copies of k and v */
} attention_job;

/*
 * A multiple of 64, so that every cut gives the same bits; longer where there is more to share out. Over bf16, and where
 * rows lie apart, every piece packs the keys it sees for itself, so pieces are longer.
 */
static int64_t block_of(const heed_attention_run *run)
{
    const int64_t n = run->n_query, longer = run->q->dtype == HEED_BF16 || heed_attention_gathers(run) ? 2 : 1;

    return n >= 2048 ? 256 * longer : n >= 512 ? 128 * longer : 64;
}

/* Where an output of head (b, h) goes, `row` floats a query; NULL when that output is not needed. */
static float *shown(const heed_op_args *a, const heed_attention_run *run, int output, int64_t b, int64_t h,
                    int64_t row)
{
    const heed_tensor *to = a->outs[output];

    return to != NULL ? (float *)to->data + (b * run->n_heads + h) * run->n_query * row : NULL;
}

heed_attention_bf16 heed_attention_shown_head(const heed_op_args *a, const heed_attention_run *run, int64_t b,
                                              int64_t h)
{
    heed_attention_bf16 of = heed_attention_head_of(run, b, h);

    if (a->out->dtype == HEED_BF16)
        of.out = (uint16_t *)a->out->data + heed_attention_leading(a->out, b, h);
    else
        of.head.out = heed_attention_floats(a->out, b, h, 0);
    of.head.out_stride = a->out->stride[2];
    of.head.lse = shown(a, run, LSE, b, h, 1);
    of.head.max = shown(a, run, MAX, b, h, 1);
    of.head.sum = shown(a, run, SUM, b, h, 1);
    of.head.entropy = shown(a, run, ENTROPY, b, h, 1);
    of.head.scores = shown(a, run, SCORES, b, h, run->capacity);
    of.head.pattern = shown(a, run, PATTERN, b, h, run->capacity);
    of.head.scores_stride = of.head.pattern_stride = run->capacity;
    return of;
}

/* --- what the kernels leave ---------------------------------------------------------------------- */

/* z_i is the mean of all values. */
static void fill_mean(const heed_op_args *a, const heed_attention_row *row)
{
    const heed_attention_run *run = row->run;
    const int64_t at = heed_attention_numbers_of(a->out, row->b, row->h, row->i).at;

    for (int64_t d = 0; d < run->v_dim; d++) {
        float sum = 0.0f;

        for (int64_t j = 0; j < run->n_key; j++) {
            const heed_attention_numbers v = heed_attention_numbers_of(run->v, row->b, row->h / run->group, j);

            sum += heed_attention_number(&v, d) / (float)run->n_key;
        }
        heed_attention_put(a->out, at + d, sum);
    }
}

static void fill_row(const heed_op_args *a, const heed_attention_bf16 *of, const heed_attention_run *run,
                     int64_t b, int64_t h, int64_t i)
{
    const heed_attention_row row = heed_attention_row_begin(run, b, h, i);
    const heed_attention_head *head = &of->head;

    for (int64_t j = 0; head->scores != NULL && j < run->n_key; j++) {
        if (!heed_attention_sees(&row, j))
            head->scores[i * head->scores_stride + j] = heed_attention_shown_score(&row, j);
    }
    if (!row.blind)
        return;
    const heed_attention_row alike = heed_attention_row_of(run, b, h, i);

    fill_mean(a, &alike);
    if (head->lse != NULL)
        head->lse[i] = heed_attention_lse(&alike);
    if (head->max != NULL)
        head->max[i] = alike.max;
    if (head->sum != NULL)
        head->sum[i] = alike.sum;
    if (head->entropy != NULL)
        head->entropy[i] = heed_attention_entropy(&alike);
    for (int64_t j = 0; head->pattern != NULL && j < run->n_key; j++)
        head->pattern[i * head->pattern_stride + j] = heed_attention_pattern(&alike, j);
}

/* Queries begin .. end-1 of head (b, h). */
static void finish(const heed_op_args *a, const heed_attention_run *run, int64_t b, int64_t h, int64_t begin,
                   int64_t end)
{
    const heed_attention_bf16 of = heed_attention_shown_head(a, run, b, h);
    const heed_attention_head *head = &of.head;
    const bool shown = head->scores != NULL || head->pattern != NULL;

    for (int64_t i = begin; i < end; i++) {
        if (run->attrs->fill_1e9)
            fill_row(a, &of, run, b, h, i);
        for (int64_t j = run->n_key; shown && j < run->capacity; j++) {
            if (head->scores != NULL)
                head->scores[i * head->scores_stride + j] = -INFINITY;
            if (head->pattern != NULL)
                head->pattern[i * head->pattern_stride + j] = 0.0f;
        }
    }
}

/* --- running ------------------------------------------------------------------------------------- */

/* Pieces are counted from the last block of all heads to the first: causal, the last ones are the longest. */
static void attention_pieces(void *context, int64_t begin, int64_t end, int thread)
{
    const attention_job *job = context;
    const heed_kernels *kernels = job->a->device->kernels;
    const int64_t n_heads = job->run->n_heads, all_heads = job->run->batch * n_heads;
    float *scratch = (float *)job->a->workspace + thread * (job->scratch + job->gathered);

    for (int64_t piece = begin; piece < end; piece++) {
        const int64_t block = job->n_blocks - 1 - piece / all_heads, bh = piece % all_heads;
        const int64_t b = bh / n_heads, h = bh % n_heads;
        const heed_attention_run own = heed_attention_run_in(job->run, b), *run = &own;
        const int64_t query = block * job->block, left = run->n_query - query;
        const int64_t query_end = query + (left < job->block ? left : job->block);
        heed_attention_bf16 of = heed_attention_shown_head(job->a, run, b, h);

        if (job->gathered > 0)
            heed_attention_gather(&of.head, query, query_end, scratch + job->scratch);
        if (run->q->dtype == HEED_BF16)
            kernels->attention_bf16(&of, query, query_end, scratch);
        else
            kernels->attention(&of.head, query, query_end, scratch);
        finish(job->a, run, b, h, query, query_end);
    }
}

void heed_attention_fast(const heed_op_args *a, const heed_attention_run *run)
{
    attention_job job = {.a = a, .run = run, .block = block_of(run)};

    job.n_blocks = (run->n_query + job.block - 1) / job.block;
    job.scratch = heed_attention_scratch(run, a->device, false);
    job.gathered = heed_attention_gathered_floats(run);
    if (heed_attention_splits_keys(run)) {
        float *scratch = a->workspace;

        heed_attention_split(a, run, scratch + job.scratch * a->device->n_threads, scratch, job.scratch);
        for (int64_t bh = 0; bh < run->batch * run->n_heads; bh++) {
            const heed_attention_run own = heed_attention_run_in(run, bh / run->n_heads);

            finish(a, &own, bh / run->n_heads, bh % run->n_heads, 0, run->n_query);
        }
        return;
    }
    heed_parallel(a->device->n_threads, job.n_blocks * run->batch * run->n_heads, 1, attention_pieces, &job);
}

size_t heed_attention_fast_workspace(const heed_attention_run *run, const heed_device *device)
{
    const int64_t a_thread = heed_attention_scratch(run, device, false) + heed_attention_gathered_floats(run);

    return heed_floats_bytes(a_thread * device->n_threads +
                             (heed_attention_splits_keys(run) ? heed_attention_split_floats(run) : 0));
}
