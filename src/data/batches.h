/* SPDX-License-Identifier: MIT */
/*
 * Windows of a source, as the rows of a batch.
 *
 *     ids     [batch, T]   of a text: ids[b][t]     = text[at_b + t]
 *     targets [batch, T]              targets[b][t] = text[at_b + t + 1]
 *
 * They come by counting: where window number w lies is a function of (seed, stream, order, w) alone. So the whole state
 * is one number, a resumed run goes on with the same windows, and any worker can take any rows of a batch.
 *
 *     random windows   at any token of the part, each place as likely as the other
 *     epochs           at 0, T, 2 T, …: each once an epoch, in an order of that epoch; a batch may hold the end of one epoch
 *                      and the beginning of the next
 *
 * A task has no end: its windows are made as they come, and an order changes nothing.
 *
 *     heed_batches train = heed_batches_make(source, HEED_PART_TRAIN, 12, 64, seed, HEED_STREAM_BATCHES);
 *     heed_batches_next(&train, ids, targets);
 *     saved = train.position;      later: train.position = saved;
 *
 * An evaluation sets position to 0 first, and so sees the same windows each time. A sweep instead visits a part of a
 * corpus from its first token to its last, in order:
 *
 *     heed_sweep sweep = heed_sweep_make(corpus, HEED_PART_VALIDATION, 12, 64);
 *     while ((n_targets = heed_sweep_next(&sweep, ids, targets)) > 0) …
 */
#ifndef HEED_DATA_BATCHES_H
#define HEED_DATA_BATCHES_H

#include <stdbool.h>
#include <stdint.h>

#include "data/corpus.h"

typedef struct heed_batches {
    const heed_source *source; /* outlives this */
    heed_part part;
    bool epochs; /* set it after heed_batches_make(); false: random windows */
    int64_t batch_size, context_length;
    uint64_t seed, stream;
    uint64_t position; /* windows drawn so far: the whole state */
} heed_batches;

/** The part must hold a window: context_length + 1 tokens or more, as heed_corpus_create() has seen to, or have no end. */
heed_batches heed_batches_make(const heed_source *source, heed_part part, int64_t batch_size,
                               int64_t context_length, uint64_t seed, uint64_t stream);
/** Where window number `window` starts, as a token of the part; of a task, its number. */
int64_t heed_batches_start(const heed_batches *batches, uint64_t window);
/** Fills ids and targets [batch_size, context_length] with the next windows. */
void heed_batches_next(heed_batches *batches, int32_t *ids, int32_t *targets);
/** Targets that count among n. */
int64_t heed_count_targets(const int32_t *targets, int64_t n);
/** Windows of an epoch; 0 where there is no end. */
int64_t heed_batches_epoch(const heed_batches *batches);

typedef struct heed_sweep {
    const heed_corpus *corpus;
    heed_part part;
    int64_t batch_size, context_length;
    int64_t position; /* targets given so far */
} heed_sweep;

/** Predicts every token of the part but its first exactly once, in windows that do not overlap. Of a text without marks. */
heed_sweep heed_sweep_make(const heed_corpus *corpus, heed_part part, int64_t batch_size,
                           int64_t context_length);
/** The number of batches of the sweep, and of targets in all. */
int64_t heed_sweep_n_batches(const heed_sweep *sweep);
int64_t heed_sweep_n_targets(const heed_sweep *sweep);
/**
 * Fills the next batch and returns how many of its targets count, 0 at the end. The last window of a part may be
 * shorter and the last batch may have fewer windows: what is left over has the id 0 and the target HEED_NO_TARGET,
 * always after the tokens that count, so a causal model sees nothing of it.
 */
int64_t heed_sweep_next(heed_sweep *sweep, int32_t *ids, int32_t *targets);

#endif
