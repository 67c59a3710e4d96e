/* SPDX-License-Identifier: MIT */
/*
 * A seeded order of n things: a permutation that is computed, not stored. What comes as number i is a function of
 * (seed, stream, n, i), so a run goes on anywhere in an epoch, and any worker can take any part of it.
 */
#ifndef HEED_DATA_ORDER_H
#define HEED_DATA_ORDER_H

#include <stdint.h>

/** Which of n things comes as number `index` (0 .. n-1); each comes once. 0 < n < 2^62. `stream` is one of base/rng.h. */
int64_t heed_order_place(uint64_t seed, uint64_t stream, int64_t n, int64_t index);

/** Windows of an epoch over n tokens: each token but the first is a target once; the last window may be short. */
int64_t heed_order_n_windows(int64_t n_tokens, int64_t context_length);

#endif
