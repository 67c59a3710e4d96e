/* SPDX-License-Identifier: MIT */
/*
 * Attention of several sequences or heads at once, as programs have it: Q, K and V with axes in front of rows and columns.
 *
 *     const heed_batched b = heed_attend_batched(s, 3, true);            the parameters Q, K, V [batch, T, d]
 *
 *     heed_put_tensor(s, "output", 3, b.output_size, b.output);
 *     heed_put_tensor(s, "weights", 3, b.weights_size, b.weights);
 *
 * Each [T, d] is worked out by heed_attend(), slips and all.
 */
#ifndef HEED_WORKBOOK_BATCHED_H
#define HEED_WORKBOOK_BATCHED_H

#include "workbook/exercise.h"

typedef struct heed_batched {
    int64_t output_size[4];  /* [.., n_query, v_dim] */
    int64_t weights_size[4]; /* [.., n_query, n_key] */
    double *output, *weights;
} heed_batched;

/** rank: 3 or 4 axes of each of Q, K and V. Explains the first of them. */
heed_batched heed_attend_batched(heed_solving *s, int rank, bool causal);

/** Normal numbers with two digits behind the point, in nested lists of those sizes. */
void heed_vary_normal_tensor(heed_varying *v, const char *name, int rank, const int64_t *size);

#endif
