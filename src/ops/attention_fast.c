/* SPDX-License-Identifier: MIT */
/*
 * Attention by the kernels: pieces of work over batches, heads and blocks of queries, the longest first.
 */
#include "ops/attention_fast.h"

#include "base/parallel.h"
#include "ops/dense.h"

typedef struct attention_job {
    const heed_op_args *a;
    const heed_attention_run *run;
    int64_t block, n_blocks; /* queries a piece of work has; pieces of one head */
    int64_t scratch;         /* floats a thread */
} attention_job;

bool heed_attention_fast_can(const heed_attention_run *run)
{
    const heed_attention_attrs *attrs = run->attrs;

    for (int i = HEED_ATTENTION_KEYS; i < HEED_ATTENTION_EXTRAS; i++) {
        if (run->extra[i] != NULL)
            return false;
    }
    return run->q->dtype == HEED_F32 && attrs->window == 0 && attrs->stride == 0 && attrs->prefix == 0 &&
           !attrs->at_position && !attrs->fill_1e9 && !attrs->alibi;
}

/* A multiple of 64, so that every cut gives the same bits; longer where there is more to share out. */
static int64_t block_of(int64_t n_query)
{
    return n_query >= 2048 ? 256 : n_query >= 512 ? 128 : 64;
}

/* Where an output of head (b, h) goes, `row` floats a query; NULL when that output is not needed. */
static float *shown(const attention_job *job, int output, int64_t b, int64_t h, int64_t row)
{
    const heed_tensor *to = job->a->outs[output];

    return to != NULL ? (float *)to->data + (b * job->run->n_heads + h) * job->run->n_query * row : NULL;
}

static heed_attention_head head_of(const attention_job *job, int64_t b, int64_t h)
{
    heed_attention_head head = heed_attention_head_of(job->run, b, h);

    head.out = heed_attention_floats(job->a->out, b, h, 0);
    head.out_stride = job->a->out->stride[2];
    head.lse = shown(job, HEED_ATTENTION_LSE, b, h, 1);
    head.max = shown(job, HEED_ATTENTION_MAX, b, h, 1);
    head.sum = shown(job, HEED_ATTENTION_SUM, b, h, 1);
    return head;
}

/* Pieces are counted from the last block of all heads to the first: causal, the last ones are the longest. */
static void attention_pieces(void *context, int64_t begin, int64_t end, int thread)
{
    const attention_job *job = context;
    const int64_t n_heads = job->run->n_heads, all_heads = job->run->batch * n_heads;
    float *scratch = (float *)job->a->workspace + thread * job->scratch;

    for (int64_t piece = begin; piece < end; piece++) {
        const int64_t block = job->n_blocks - 1 - piece / all_heads, bh = piece % all_heads;
        const heed_attention_head head = head_of(job, bh / n_heads, bh % n_heads);
        const int64_t query = block * job->block, left = head.n_query - query;

        job->a->device->kernels->attention(&head, query, query + (left < job->block ? left : job->block),
                                           scratch);
    }
}

void heed_attention_fast(const heed_op_args *a, const heed_attention_run *run)
{
    attention_job job = {.a = a, .run = run, .block = block_of(run->n_query)};

    job.n_blocks = (run->n_query + job.block - 1) / job.block;
    job.scratch = heed_attention_scratch(run, a->device, false);
    heed_parallel(a->device->n_threads, job.n_blocks * run->batch * run->n_heads, 1, attention_pieces, &job);
}

size_t heed_attention_fast_workspace(const heed_attention_run *run, const heed_device *device)
{
    return heed_floats_bytes(heed_attention_scratch(run, device, false) * device->n_threads);
}
