/* SPDX-License-Identifier: MIT */
/*
 * Sampling without allocating, and without sorting a vocabulary.
 *
 *     heed_sampler sampler = {0};
 *     status = heed_sampler_open(&sampler, vocab_size, err);
 *     id = heed_sampler_draw(&sampler, &sampling, logits, &history, &rng);
 *     heed_sampler_close(&sampler);
 */
#ifndef HEED_INFER_SAMPLING_H
#define HEED_INFER_SAMPLING_H

#include <heed/session.h>

#include "base/rng.h"
#include "kernels/kernels.h"

/* A token and how likely it is: its logit first, exp of it later. */
typedef struct heed_candidate {
    double z;
    int64_t id;
} heed_candidate;

#define HEED_HISTORY_ROOM 4096 /* tokens that texts have room for from the start, beside their prompt */

/* The tokens of a text so far: what penalties look at. */
typedef struct heed_history {
    int32_t *ids; /* [n] */
    size_t n, capacity;
    size_t n_prompt; /* of them, not drawn */
} heed_history;

/** Room for n tokens more, so that appending them allocates nothing. HEED_ERR_MEMORY; the history is as it was then. */
heed_status heed_history_reserve(heed_history *history, size_t n, heed_error *err);
/** Makes room where there is none left. HEED_ERR_MEMORY; the history is as it was then. */
heed_status heed_history_append(heed_history *history, const int32_t *ids, size_t n, heed_error *err);
void heed_history_free(heed_history *history);

/* Scratch memory for drawing; it holds nothing from one draw to the next. */
typedef struct heed_sampler {
    int64_t n;                   /* tokens of the vocabulary */
    const heed_kernels *kernels; /* NULL: plain loops */
    heed_candidate *candidates;  /* [n] */
    double *weights;             /* [n] */
    float *logits;               /* [n] with penalties */
    int32_t *counts;             /* [n], zeros between calls */
} heed_sampler;

heed_status heed_sampler_open(heed_sampler *sampler, int64_t n, heed_error *err);
void heed_sampler_close(heed_sampler *sampler);
/** The next token. history may be NULL: no penalties. One number is taken from rng, none at temperature 0. */
int32_t heed_sampler_draw(heed_sampler *sampler, const heed_sampling *sampling, const float *logits,
                          const heed_history *history, heed_rng *rng);

#endif
