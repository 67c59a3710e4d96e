/* SPDX-License-Identifier: MIT */
/*
 * How the gradient of attention is cut among threads:
 *
 *   a group   the heads that write to the same rows: query heads that share a key head; all batches where a bias or a
 *             table of distances serves them all; all heads where it serves those too
 *   a part    of the queries, where there are few groups: parts are cut so that each has as many pairs
 *
 * Both depend on sizes and the mask alone, so no bit depends on the number of threads.
 */
#include "kernels/mask.h"
#include "ops/attention_backward.h"

enum {
    FEW_GROUPS = 4,     /* fewer than this are cut into parts */
    MANY_QUERIES = 512, /* that are worth cutting */
    STEP = 64,          /* queries: parts begin at multiples */
};

static int rank_of(const heed_attention_run *run, heed_attention_extra which)
{
    return run->extra[which] != NULL ? run->extra[which]->shape.rank : 4;
}

static bool may_cut(const heed_attention_run *run)
{
    const int64_t block = run->attrs->block;

    return run->q->dtype == HEED_F32 && run->n_query >= MANY_QUERIES && (block == 0 || STEP % block == 0);
}

heed_attention_cut heed_attention_cut_of(const heed_attention_run *run)
{
    heed_attention_cut cut = {0};
    const int bias = rank_of(run, HEED_ATTENTION_BIAS), relative = rank_of(run, HEED_ATTENTION_RELATIVE);
    const bool by_batch = bias == 4 && relative == 4, by_head = bias >= 3 && relative >= 3;

    cut.batches = by_batch ? 1 : run->batch;
    cut.heads = by_head ? 1 : run->n_kv_heads;
    cut.n_groups = run->batch / cut.batches * (run->n_kv_heads / cut.heads);
    cut.n_parts = cut.n_groups < FEW_GROUPS && may_cut(run) ? HEED_BACKWARD_PARTS : 1;
    return cut;
}

/* Keys that query blocks may see, added up, tell where a quarter of the work is done. */
void heed_attention_cut_queries(heed_attention_cut *cut, const heed_attention_run *run)
{
    const heed_mask mask = heed_attention_mask(run, 0);
    int64_t all = 0, done = 0, part = 1;

    for (int64_t i = 0; i < run->n_query; i += STEP) {
        const heed_key_range range = heed_mask_range(
            &mask, i, i + STEP < run->n_query ? i + STEP : run->n_query, run->n_key);
        all += range.end - range.begin;
    }
    for (int64_t i = 0; i < run->n_query; i += STEP) {
        const heed_key_range range = heed_mask_range(
            &mask, i, i + STEP < run->n_query ? i + STEP : run->n_query, run->n_key);
        for (; part < cut->n_parts && done * cut->n_parts >= all * part; part++)
            cut->begin[part] = i;
        done += range.end - range.begin;
    }
    for (; part <= cut->n_parts; part++)
        cut->begin[part] = run->n_query;
}
