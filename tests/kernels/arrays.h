/* SPDX-License-Identifier: MIT */
/*
 * Arrays for the tests of kernels: at no good alignment, guarded, filled with numbers that repeat.
 *
 *     float *x = array_random(n, 1, 3.0f), *y = array_new(n);
 *     ...
 *     array_free(x, n);
 *
 * Before and after each array lie NaNs of one pattern. array_free() fails the test when one was written to;
 * one that was read and used shows as a NaN in a result. Include after cmocka_all.h.
 */
#ifndef HEED_TESTS_KERNELS_ARRAYS_H
#define HEED_TESTS_KERNELS_ARRAYS_H

#include "kernels/kernels.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 33 }; /* odd, so that the array starts 4 bytes past a good alignment; longer than any vector */

static const uint32_t guard_bits = 0x7fc5a5a5u;
static const int64_t odd_sizes[] = {1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 33, 64, 65, 100, 128, 257};
enum { N_SIZES = sizeof odd_sizes / sizeof *odd_sizes };

static inline float *array_new(int64_t n)
{
    float *all = malloc((size_t)(n + 2 * GUARD) * sizeof *all);

    assert_non_null(all);
    for (int64_t i = 0; i < n + 2 * GUARD; i++)
        memcpy(all + i, &guard_bits, sizeof guard_bits);
    memset(all + GUARD, 0, (size_t)n * sizeof *all);
    return all + GUARD;
}

static inline void array_free(float *x, int64_t n)
{
    for (int64_t i = 0; i < GUARD; i++) {
        if (memcmp(x - 1 - i, &guard_bits, sizeof guard_bits))
            fail_msg("an array of %lld was written %lld before its begin", (long long)n, (long long)i + 1);
        if (memcmp(x + n + i, &guard_bits, sizeof guard_bits))
            fail_msg("an array of %lld was written %lld past its end", (long long)n, (long long)i);
    }
    free(x - GUARD);
}

/* Uniform in -range .. range, the same for the same seed. */
static inline float *array_random(int64_t n, uint32_t seed, float range)
{
    float *x = array_new(n);
    uint32_t state = seed * 2654435761u + 12345u;

    for (int64_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = range * ((float)(state >> 8) / 8388608.0f - 1.0f);
    }
    return x;
}

static inline float *array_copy(const float *x, int64_t n)
{
    float *y = array_new(n);

    memcpy(y, x, (size_t)n * sizeof *x);
    return y;
}

/* One element against the oracle; both NaN, or the same infinity, is also right. */
static inline void check_near(const heed_kernels *k, const char *what, int64_t n, int64_t i, double got,
                              double want, double tolerance)
{
    if ((isnan(got) && isnan(want)) || got == want)
        return;
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%s on %s, n = %lld: element %lld is %.9g, expected %.9g within %.2g", what, k->name,
                 (long long)n, (long long)i, got, want, tolerance);
}

static inline void check_same_bits(const heed_kernels *k, const char *what, const float *got, const float *want,
                                   int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (memcmp(got + i, want + i, sizeof *got))
            fail_msg("%s on %s, n = %lld: element %lld is %.9g, and %.9g when computed in another way", what,
                     k->name, (long long)n, (long long)i, (double)got[i], (double)want[i]);
}

#endif
