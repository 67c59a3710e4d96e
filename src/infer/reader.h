/* SPDX-License-Identifier: MIT */
/*
 * A graph that reads tokens: n of each of `batch` texts, behind what the cache holds of them.
 *
 *     heed_reader reader = {0};
 *     const heed_reader_options options = {.model = model, .batch = 1, .n = 512, .cache_length = C, .ids = ids, .past = past};
 *     status = heed_reader_prepare(&reader, &options, err);       made anew only when something differs
 *     status = heed_reader_bind(&reader, &cache, row, err);       keys and values of rows row .. row+batch-1
 *     logits = heed_reader_run(&reader);
 *     heed_reader_close(&reader);
 */
#ifndef HEED_INFER_READER_H
#define HEED_INFER_READER_H

#include "graph/plan.h"
#include "infer/cache.h"
#include "kernels/device.h"
#include "nn/model.h"

typedef struct heed_reader_options {
    const heed_model *model;
    int threads;          /* 0: one a processor */
    int64_t batch, n;     /* texts, tokens of each */
    int64_t cache_length; /* tokens that the cache holds of a text; 0: none, all is read from its beginning */
    bool all;             /* logits of every position, not of the last alone */
    int32_t *ids;         /* [batch, n], read by each run */
    int32_t *past;        /* [batch], the same: tokens in the cache */
} heed_reader_options;

typedef struct heed_reader {
    heed_reader_options options;
    heed_device device;
    heed_graph *g;
    heed_plan *plan; /* NULL: nothing is prepared */
    heed_node *logits;
    int64_t row; /* of the cache that it is bound to; -1: none yet */
} heed_reader;

/** HEED_ERR_MEMORY; the reader is empty then. */
heed_status heed_reader_prepare(heed_reader *reader, const heed_reader_options *options, heed_error *err);
heed_status heed_reader_bind(heed_reader *reader, const heed_cache *cache, int64_t row, heed_error *err);
/** Logits [batch, V], or [batch, n, V]; lent until the next run. */
const float *heed_reader_run(heed_reader *reader);
void heed_reader_close(heed_reader *reader);

#endif
