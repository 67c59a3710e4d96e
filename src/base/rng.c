/* SPDX-License-Identifier: MIT */
/*
 * Philox4x32-10: ten rounds over a counter of four words c0..c3 with a key of two words k0, k1.
 *
 *   (h0, l0) = c0 * 0xD2511F53      (h1, l1) = c2 * 0xCD9E8D57       high and low halves
 *   c        = (h1 ^ c1 ^ k0, l1, h0 ^ c3 ^ k1, l0)
 *   k0      += 0x9E3779B9           k1      += 0xBB67AE85            after each round
 *
 * Here the key is the seed, and the counter is the block number (c0, c1) and the stream (c2, c3),
 * low word first. Source: Salmon et al. 2011 (doi:10.1145/2063384.2063405) 3.3.
 */
#include "base/rng.h"

#include <assert.h>
#include <math.h>

enum { N_ROUNDS = 10 };

void heed_philox(uint64_t seed, uint64_t stream, uint64_t block, uint32_t out[4])
{
    uint32_t c0 = (uint32_t)block, c1 = (uint32_t)(block >> 32);
    uint32_t c2 = (uint32_t)stream, c3 = (uint32_t)(stream >> 32);
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);

    for (int round = 0; round < N_ROUNDS; round++) {
        const uint64_t p0 = (uint64_t)c0 * 0xD2511F53u, p1 = (uint64_t)c2 * 0xCD9E8D57u;

        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

heed_rng heed_rng_make(uint64_t seed, uint64_t stream)
{
    return (heed_rng){.seed = seed, .stream = stream, .position = 0};
}

uint32_t heed_rng_u32(heed_rng *rng)
{
    uint32_t words[4];
    const uint64_t position = rng->position++;

    heed_philox(rng->seed, rng->stream, position / 4, words);
    return words[position % 4];
}

/* Two words, the first one low. */
uint64_t heed_rng_u64(heed_rng *rng)
{
    const uint64_t low = heed_rng_u32(rng);

    return low | (uint64_t)heed_rng_u32(rng) << 32;
}

float heed_rng_float(heed_rng *rng)
{
    return (float)(heed_rng_u32(rng) >> 8) * 0x1p-24f;
}

double heed_rng_double(heed_rng *rng)
{
    return (double)(heed_rng_u64(rng) >> 11) * 0x1p-53;
}

/* 2^64 = q n + excess: the lowest `excess` values are drawn again, so each remainder is equally likely. */
int64_t heed_rng_below(heed_rng *rng, int64_t n)
{
    const uint64_t range = (uint64_t)n;
    uint64_t excess, x;

    assert(n > 0);
    excess = (UINT64_MAX - range + 1) % range;
    do
        x = heed_rng_u64(rng);
    while (x < excess);
    return (int64_t)(x % range);
}

/* sqrt(-2 ln u) cos(2 pi v) with u, v uniform; u is never 0, so the logarithm is finite. */
float heed_rng_normal(heed_rng *rng)
{
    const double two_pi = 6.283185307179586476925;
    const double u = ((double)heed_rng_u32(rng) + 0.5) * 0x1p-32;
    const double v = (double)heed_rng_u32(rng) * 0x1p-32;

    return (float)(sqrt(-2.0 * log(u)) * cos(two_pi * v));
}
