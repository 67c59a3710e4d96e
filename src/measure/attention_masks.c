/* SPDX-License-Identifier: MIT */
/* What masks save: the same attention under each, in turns, as a share of the one that sees all. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "measure/attention_bench.h"
#include "measure/measure.h"

#define LONGEST     8192 /* the square of it is the work without a mask */
#define WINDOW      256
#define N_DOCUMENTS 8
#define BLOCK       64

static const char *const names[HEED_BENCH_MASKS] = {
    "none",
    "causal",
    "causal, window of 256",
    "causal, a quarter is prefix",
    "causal, 8 documents",
    "block-sparse, a quarter",
};

/* All that is taken for the measurement. */
typedef struct mask_bench {
    heed_attention_arrays arrays;
    heed_attention_case cases[HEED_BENCH_MASKS];
    heed_attention_turns turns[HEED_BENCH_MASKS];
    int32_t *documents; /* N_DOCUMENTS of equal length */
    uint8_t *blocks;
    void *block;
    size_t block_bytes;
} mask_bench;

static heed_status make_lists(mask_bench *b, int64_t length, heed_error *err)
{
    const int64_t n = (length + BLOCK - 1) / BLOCK;

    b->documents = malloc((size_t)length * sizeof *b->documents);
    b->blocks = malloc((size_t)(n * n));
    if (b->documents == NULL || b->blocks == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for masks of %lld keys", (long long)length);
    for (int64_t j = 0; j < length; j++)
        b->documents[j] = (int32_t)(j * N_DOCUMENTS / length);
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < n; j++)
            b->blocks[i * n + j] = (i + 3 * j) % 4 == 0; /* every fourth of each row and column */
    }
    return HEED_OK;
}

static heed_status prepare(mask_bench *b, heed_attention_shape shape, heed_device *device, heed_error *err)
{
    heed_status status = make_lists(b, shape.n_key, err);
    const heed_mask masks[HEED_BENCH_MASKS] = {
        {0},
        {.causal = true},
        {.causal = true, .window = WINDOW},
        {.causal = true, .prefix = shape.n_key / 4},
        {.causal = true, .query_documents = b->documents, .key_documents = b->documents},
        {.blocks = b->blocks, .block = BLOCK, .blocks_stride = (shape.n_key + BLOCK - 1) / BLOCK},
    };

    if (status == HEED_OK)
        status = heed_attention_arrays_create(&b->arrays, &shape, err);
    for (int i = 0; i < HEED_BENCH_MASKS && status == HEED_OK; i++) {
        shape.mask = masks[i];
        status = heed_attention_case_plan(&b->cases[i], &shape, &b->arrays, device, err);
    }
    if (status == HEED_OK)
        status = heed_attention_place_all(b->cases, HEED_BENCH_MASKS, &b->block, &b->block_bytes, err);
    return status;
}

static void take_turns(mask_bench *b, const heed_bench_attention_options *o)
{
    int n = 0;

    heed_attention_case_run(&b->cases[0], HEED_ATTENTION_BOTH); /* touches the memory */
    for (const double begin = heed_clock_s(); heed_attention_go_on(o, n, begin); n++) {
        for (int i = 0; i < HEED_BENCH_MASKS; i++) {
            for (int pass = 0; pass < HEED_ATTENTION_PASSES; pass++)
                b->turns[i].seconds[pass][n] = heed_attention_pass_turn(&b->cases[i], pass);
            b->turns[i].n = n + 1;
        }
    }
}

static double median_of(mask_bench *b, int mask, int pass)
{
    return heed_measure_of(b->turns[mask].seconds[pass], b->turns[mask].n).median;
}

static void release(mask_bench *b)
{
    for (int i = 0; i < HEED_BENCH_MASKS; i++)
        heed_attention_case_destroy(&b->cases[i]);
    heed_attention_arrays_destroy(&b->arrays);
    heed_memory_release(b->block, b->block_bytes);
    free(b->documents);
    free(b->blocks);
    free(b);
}

/* The longest length up to LONGEST, or the shortest where all are longer. */
static int64_t length_of(const heed_bench_attention_options *o)
{
    int64_t best = 0, least = o->lengths[0];

    for (int i = 0; i < o->n_lengths; i++) {
        least = o->lengths[i] < least ? o->lengths[i] : least;
        best = o->lengths[i] <= LONGEST && o->lengths[i] > best ? o->lengths[i] : best;
    }
    return best > 0 ? best : least;
}

heed_status heed_attention_masks_measure(const heed_bench_attention_options *o, heed_device *device,
                                         heed_bench_attention_result *out, heed_error *err)
{
    const int64_t length = length_of(o);
    const heed_attention_shape shape = {.n_heads = o->n_heads,
                                        .n_query = length,
                                        .n_key = length,
                                        .head_dim = o->head_dim,
                                        .bf16 = o->bf16,
                                        .backward = true};
    mask_bench *b = calloc(1, sizeof *b);
    heed_status status;

    if (b == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the times of %d masks", HEED_BENCH_MASKS);
    heed_attention_report(o, "what masks save", length);
    status = prepare(b, shape, device, err);
    if (status == HEED_OK) {
        take_turns(b, o);
        const double forward = median_of(b, 0, HEED_ATTENTION_FORWARD),
                     both = median_of(b, 0, HEED_ATTENTION_BOTH);
        for (int i = 0; i < HEED_BENCH_MASKS; i++)
            out->masks[i] = (heed_bench_mask){.mask = names[i],
                                              .pairs = b->cases[i].flops[0] / b->cases[0].flops[0],
                                              .forward = median_of(b, i, HEED_ATTENTION_FORWARD) / forward,
                                              .both = median_of(b, i, HEED_ATTENTION_BOTH) / both};
        out->n_masks = HEED_BENCH_MASKS;
        out->mask_length = length;
    }
    release(b);
    return status;
}
