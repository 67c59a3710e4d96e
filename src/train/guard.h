/* SPDX-License-Identifier: MIT */
/*
 * The guard of a run: looks at the loss and the gradient's norm of a step before its update is made.
 *
 *   not finite   the update is not made; HEED_GUARD_MOST_BROKEN such steps in a row end the run
 *   outlying     log(norm) or the loss is more than k deviations above its running mean: not made either. After
 *                HEED_GUARD_MOST_OUTLIERS in a row the next is: then it is no outlier but how things are now
 *
 * Mean and deviation are exponential averages over about the last HEED_GUARD_MEMORY updates, and nothing is outlying before
 * there have been so many. A deviation counts as at least 0.2 for log(norm), so that k = 6 never skips a norm below 3.3
 * times the usual one, and for the loss as at least 5 % of its mean and 0.01.
 */
#ifndef HEED_TRAIN_GUARD_H
#define HEED_TRAIN_GUARD_H

#include <heed/train.h>

#include "formats/json.h"
#include "nn/weights.h"

#define HEED_GUARD_MOST_BROKEN   10
#define HEED_GUARD_MOST_OUTLIERS 3
#define HEED_GUARD_MEMORY        50

typedef struct heed_guard_average {
    double mean, variance;
    int64_t n;
} heed_guard_average;

/* All of it is part of a checkpoint. */
typedef struct heed_guard {
    heed_guard_average log_norm, loss; /* of updates that were made */
    int64_t n_updates, n_clipped, n_skipped;
    int64_t n_broken, n_outliers; /* in a row, until now */
} heed_guard;

/**
 * Whether the update of this step is to be made, and counts it. k 0: nothing is outlying. *deviations is how far an
 * outlier is above its mean.
 */
heed_skip heed_guard_judge(heed_guard *guard, double k, double clip_norm, double loss, double norm,
                           double *deviations);
/** Counts a step without a target, whose update is not made: nothing of it says what is usual. */
heed_skip heed_guard_pass_over(heed_guard *guard);
/** Clipped updates over all; NaN before the first. */
double heed_guard_clipped_share(const heed_guard *guard);
/** False when a weight is no number: then no batch can be of use any more. */
bool heed_guard_weights_are_finite(const heed_weights *weights);

/** As the member "guard" of trainer.json. Returns NULL without memory. */
json_t *heed_guard_to_json(const heed_guard *guard);
/** A missing member leaves the guard as it is. Failures are the reader's: no more can be counted than the steps so far. */
void heed_guard_from_json(heed_guard *guard, int64_t step, heed_json_reader *reader);

#endif
