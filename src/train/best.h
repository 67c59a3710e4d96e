/* SPDX-License-Identifier: MIT */
/*
 * The best evaluation of a run so far, and whether waiting for a better one is over.
 *
 * Only evaluations over the same windows are compared, those of eval_batches batches; the last one of a run takes more,
 * so it is judged by its first part.
 */
#ifndef HEED_TRAIN_BEST_H
#define HEED_TRAIN_BEST_H

#include <heed/train.h>

#include "formats/json.h"

/* All of it is part of a checkpoint. */
typedef struct heed_best {
    double loss; /* NaN before the first evaluation */
    int64_t step;
    int64_t n_waited; /* evaluations since */
    bool stopped;     /* patience is at its end */
} heed_best;

/** HEED_ERR_USAGE: patience where there are no evaluations to wait for. */
heed_status heed_best_check(const heed_train_options *options, heed_error *err);
/** Takes a validation loss in; true when it is the lowest so far. patience 0: forever. */
bool heed_best_judge(heed_best *best, int64_t patience, int64_t step, double loss);

/** As the member "best" of trainer.json. Returns NULL without memory. */
json_t *heed_best_to_json(const heed_best *best);
/** A missing member leaves it as it is. Failures are the reader's. */
void heed_best_from_json(heed_best *best, heed_json_reader *reader);

#endif
