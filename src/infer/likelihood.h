/* SPDX-License-Identifier: MIT */
/* What logits weigh, by the kernels; kernels NULL: the plain loop. */
#ifndef HEED_INFER_LIKELIHOOD_H
#define HEED_INFER_LIKELIHOOD_H

#include <heed/session.h>

#include "kernels/kernels.h"

/** The largest of n logits that is a number; -inf where none is. */
float heed_largest_logit(const heed_kernels *kernels, const float *logits, int64_t n);
/** weights [n] or NULL: exp((logit - largest) / temperature), 0 for NaN; returns their sum. */
double heed_token_weights(const heed_kernels *kernels, const float *logits, int64_t n, double largest,
                          double temperature, double *weights);
double heed_log_probability(const heed_kernels *kernels, const float *logits, int64_t n, int32_t id);
/** heed_logits_likeliest() */
void heed_likeliest(const heed_kernels *kernels, const float *logits, int64_t n, heed_likelihood *out,
                    int64_t n_out);

#endif
