/* SPDX-License-Identifier: MIT */
/*
 * Demonstrations that train: small models, by the trainer that heed train has, in memory.
 *
 *     heed_demo_training t = heed_demo_training_of(d, HEED_DEMO_P2S);
 *     heed_trainer *trainer;
 *
 *     t.config.attention_scale = 1.0;                                 whatever the demonstration is about
 *     trainer = heed_demo_train(d, &t, "without the root", 0.0, 0.5); the first half of what it has to do
 *     loss = heed_demo_validation(d, trainer, 8);
 *     heed_show_curve(d, "without the root", heed_demo_counted(d, t.curve.columns), t.curve);
 *     heed_trainer_close(trainer);
 *
 * After a failure trainers are NULL, which all take. A demonstration that uses this has the parameters "steps" and, where the
 * text may be another one, "text": a path, "" for the built-in stories.
 */
#ifndef HEED_WORKBOOK_DEMOS_TRAINING_H
#define HEED_WORKBOOK_DEMOS_TRAINING_H

#include <heed/train.h>

#include "workbook/demo.h"

/* d_model 64, 4 heads, context 64; of characters, where nothing else is said. */
typedef enum heed_demo_preset {
    HEED_DEMO_M0S, /* one attention layer and nothing else */
    HEED_DEMO_P2S, /* two pre-norm blocks with feed-forward, a head of its own */
    HEED_DEMO_A1, /* one attention layer with norm and residual, on random sequences of 32 symbols that repeat */
    HEED_DEMO_A2,     /* two of them */
    HEED_DEMO_BIGRAM, /* a table of logits */
} heed_demo_preset;

typedef struct heed_demo_training {
    heed_config config;
    heed_train_options
        options; /* batches of 16, AdamW at 3e-3 with warm-up and cosine, "steps" of them, seed of the run */
    const char *text; /* NULL: the built-in stories, 200 kB of them */
    heed_grid curve;  /* [1, steps] the loss of each batch, after heed_demo_train() */
} heed_demo_training;

/** Reads the parameters "steps" and, if there is one, "text". Equal presets of a run get equal seeds: equal weights, equal batches. */
heed_demo_training heed_demo_training_of(heed_demoing *d, heed_demo_preset preset);

/** The whole run, while progress goes from `from` to `to`. heed_trainer_close() it. */
heed_trainer *heed_demo_train(heed_demoing *d, heed_demo_training *t, const char *words, double from,
                              double to);

/** The same step by step: begin it, and make a step. No more than options.steps of them. */
heed_trainer *heed_demo_train_begin(heed_demoing *d, const heed_demo_training *t);
bool heed_demo_train_step(heed_demoing *d, heed_trainer *trainer, heed_progress *progress);

/** The mean loss over so many batches of the validation part, always the same ones; NaN after a failure. */
double heed_demo_validation(heed_demoing *d, heed_trainer *trainer, int64_t batches);

/** 1, 2 .. n as one row: the steps of a curve. */
heed_grid heed_demo_counted(heed_demoing *d, int64_t n);
/** Each number of a row becomes the mean of itself and up to width - 1 before it: for losses of batches, which scatter. */
heed_grid heed_demo_smoothed(heed_demoing *d, heed_grid row, int64_t width);

#endif
