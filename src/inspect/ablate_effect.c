/* SPDX-License-Identifier: MIT */
/*
 * A mean over tokens and its interval, by a circular block bootstrap.
 *
 *   b           n^(1/3), rounded up: the length of a block
 *   resample    ceil(n / b) blocks of b neighbours, each begun anywhere, the last token being followed by the first;
 *               cut to n numbers
 *   interval    the 2.5 and 97.5 percentiles of the means of 2000 resamples
 *
 * The n^(1/3) is the order that minimises the error of the variance (Künsch 1989; Politis and Romano 1992, "A circular
 * block-resampling procedure for stationary data").
 */
#include <heed/ablation.h>
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/rng.h"

#define RESAMPLES 2000

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The share p of n sorted numbers lies below it; between two of them a straight line. */
static double percentile(const double *sorted, size_t n, double p)
{
    const double at = p * (double)(n - 1);
    const size_t below = (size_t)at;

    return below + 1 < n ? sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below])
                         : sorted[n - 1];
}

static size_t block_length(size_t n)
{
    size_t b = 1;

    while (b * b * b < n)
        b++;
    return b;
}

/* Sum of `count` numbers from number `start` on, around the end; before[i] is the sum of the first i. */
static double circular_sum(const double *before, size_t n, size_t start, size_t count)
{
    const size_t end = start + count;

    return end <= n ? before[end] - before[start] : before[n] - before[start] + before[end - n];
}

static double resampled_mean(const double *before, size_t n, size_t b, heed_rng *rng)
{
    double sum = 0.0;

    for (size_t taken = 0; taken < n; taken += b) {
        const size_t start = (size_t)heed_rng_below(rng, (int64_t)n);
        sum += circular_sum(before, n, start, n - taken < b ? n - taken : b);
    }
    return sum / (double)n;
}

heed_status heed_effect_of(const double *numbers, size_t n, uint64_t seed, heed_effect *out, heed_error *err)
{
    heed_rng rng = heed_rng_make(seed, HEED_STREAM_BOOTSTRAP);
    const size_t b = block_length(n);
    double *before, *means;

    *out = (heed_effect){NAN, NAN, NAN};
    if (n == 0)
        return HEED_OK;
    before = calloc(n + 1 + RESAMPLES, sizeof *before);
    if (before == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the interval of %zu numbers", n);
    means = before + n + 1;
    for (size_t i = 0; i < n; i++)
        before[i + 1] = before[i] + numbers[i];
    out->mean = before[n] / (double)n;
    for (int i = 0; isfinite(out->mean) && i < RESAMPLES; i++)
        means[i] = resampled_mean(before, n, b, &rng);
    if (isfinite(out->mean)) {
        qsort(means, RESAMPLES, sizeof *means, by_size);
        out->low = percentile(means, RESAMPLES, 0.025);
        out->high = percentile(means, RESAMPLES, 0.975);
    }
    free(before);
    return HEED_OK;
}
