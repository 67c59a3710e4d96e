/* SPDX-License-Identifier: MIT */
/* How well counts of tokens and of pairs predict a corpus: the losses that heed/anchors.h promises. */
#ifndef HEED_TRAIN_COUNTS_H
#define HEED_TRAIN_COUNTS_H

#include <heed/status.h>

#include "data/source.h"

/**
 * Counts the training part and predicts the targets of the validation part, with a vocabulary of vocab_size; nats a token.
 * Both are NaN for a source that has no end (a task), or no training part.
 */
heed_status heed_counts_losses(const heed_source *source, int64_t vocab_size, double *unigram, double *bigram,
                               heed_error *err);

/** Bytes that it takes while it counts, at most. */
double heed_counts_bytes(const heed_source *source, int64_t vocab_size);

#endif
