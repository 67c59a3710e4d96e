/* SPDX-License-Identifier: MIT */
/*
 * Windows of the text that a model was not trained on, of any length: what models are compared by.
 *
 *     const heed_demo_windows w = heed_demo_windows_of(d, trainer, 32, 128);
 *     loss = heed_demo_windows_loss(d, heed_trainer_model(trainer), &w, 16);
 */
#ifndef HEED_WORKBOOK_DEMOS_WINDOWS_H
#define HEED_WORKBOOK_DEMOS_WINDOWS_H

#include "workbook/demos/training.h"

typedef struct heed_demo_windows {
    int64_t n, length;
    int32_t *ids,
        *targets; /* [n, length], of the arena; targets HEED_NO_TARGET where nothing is asked. NULL after a failure */
} heed_demo_windows;

/** n of them, spread evenly over the validation part of the trainer's text; of a task the first n. */
heed_demo_windows heed_demo_windows_of(heed_demoing *d, const heed_trainer *trainer, int64_t n, int64_t length);
/** Nats a target over the last so many positions of each window; 0: over all. NaN after a failure. */
double heed_demo_windows_loss(heed_demoing *d, const heed_model *model, const heed_demo_windows *w,
                              int64_t last);
/** The logits [n * length, vocab_size]; empty after a failure. */
heed_grid heed_demo_windows_logits(heed_demoing *d, const heed_model *model, const heed_demo_windows *w);

#endif
