/* SPDX-License-Identifier: MIT */
/* Sampling without allocating, for sessions. */
#ifndef HEED_INFER_SAMPLING_H
#define HEED_INFER_SAMPLING_H

#include <heed/session.h>

/* A token and how likely it is: its logit first, exp of it later. */
typedef struct heed_candidate {
    double z;
    int64_t id;
} heed_candidate;

/** heed_sampling_probabilities() with a scratch of n candidates from the caller. */
void heed_sampling_fill(const heed_sampling *sampling, const float *logits, int64_t n, double *probabilities,
                        heed_candidate *scratch);

#endif
