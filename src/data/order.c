/* SPDX-License-Identifier: MIT */
/*
 * A number below 2^(2 h) is cut into two halves of h bits, left and right. Round r of a Feistel network is
 *
 *     (left, right)  ->  (right, left ^ F_r(right))          F_r: the low h bits of a block of random numbers
 *
 * which can be undone whatever F is, so all rounds together are a permutation of 0 .. 2^(2 h) - 1. The smallest such
 * range that holds n is less than 4 n. A number that lands outside of 0 .. n-1 goes through again until it is inside: it
 * walks along its cycle, and the next of n numbers on a cycle is a permutation of those n. That takes fewer than four
 * walks on average.
 *
 * Sources: Luby and Rackoff 1988, "How to construct pseudorandom permutations from pseudorandom functions" (the rounds);
 * Black and Rogaway 2002, "Ciphers with arbitrary finite domains" (the walk).
 */
#include "data/order.h"

#include <assert.h>

#include "base/rng.h"

#define N_ROUNDS 8

static uint32_t round_of(uint64_t seed, uint64_t stream, int round, uint32_t half)
{
    uint32_t words[4];

    heed_philox(seed, stream, (uint64_t)round << 32 | half, words);
    return words[0];
}

/* The permutation of 0 .. 2^(2 bits) - 1. */
static uint64_t permute(uint64_t seed, uint64_t stream, int bits, uint64_t x)
{
    const uint32_t mask = (uint32_t)((UINT64_C(1) << bits) - 1);
    uint32_t left = (uint32_t)(x >> bits), right = (uint32_t)x & mask;

    for (int r = 0; r < N_ROUNDS; r++) {
        const uint32_t next = left ^ (round_of(seed, stream, r, right) & mask);

        left = right;
        right = next;
    }
    return (uint64_t)left << bits | right;
}

int64_t heed_order_place(uint64_t seed, uint64_t stream, int64_t n, int64_t index)
{
    uint64_t x = (uint64_t)index;
    int bits = 1;

    assert(n > 0 && n < INT64_C(1) << 62 && index >= 0 && index < n);
    while (UINT64_C(1) << 2 * bits < (uint64_t)n)
        bits++;
    do
        x = permute(seed, stream, bits, x);
    while (x >= (uint64_t)n);
    return (int64_t)x;
}

int64_t heed_order_n_windows(int64_t n_tokens, int64_t context_length)
{
    const int64_t n_targets = n_tokens > 0 ? n_tokens - 1 : 0;

    return n_targets / context_length + (n_targets % context_length != 0);
}
