/* SPDX-License-Identifier: MIT */
/* Texts and patterns of heads: made by lot, evenly, or by hand. Include after cmocka_all.h. */
#ifndef HEED_TESTS_INSPECT_HEAD_PATTERNS_H
#define HEED_TESTS_INSPECT_HEAD_PATTERNS_H

#include <heed/heads.h>
#include <math.h>
#include <string.h>

#include "base/rng.h"

enum { MOST = 200 }; /* tokens */

static const char *const names[] = {"previous", "duplicate", "induction", "delimiter", "first"};

/* n tokens of a vocabulary; about every sixth is a delimiter. */
static inline void make_text(heed_rng *rng, int64_t n, int64_t vocab, int32_t *ids, uint8_t *delimiters)
{
    for (int64_t i = 0; i < n; i++) {
        ids[i] = (int32_t)heed_rng_below(rng, vocab);
        delimiters[i] = ids[i] % 6 == 5;
    }
}

/* A causal row of a Dirichlet distribution: gamma variates of shape `alpha` (1 or 1/2), made to add up to 1. */
static inline void random_row(heed_rng *rng, int64_t i, int64_t n, double alpha, float *row)
{
    double sum = 0.0;

    memset(row, 0, (size_t)n * sizeof *row);
    for (int64_t j = 0; j <= i; j++) {
        const double normal = (double)heed_rng_normal(rng);
        row[j] = (float)(alpha < 1.0 ? normal * normal / 2.0 : -log(1.0 - heed_rng_double(rng)));
        sum += (double)row[j];
    }
    for (int64_t j = 0; j <= i; j++)
        row[j] = (float)((double)row[j] / sum);
}

/* Softmax of normal scores times `sharpness`. */
static inline void random_softmax_row(heed_rng *rng, int64_t i, int64_t n, double sharpness, float *row)
{
    double sum = 0.0;

    memset(row, 0, (size_t)n * sizeof *row);
    for (int64_t j = 0; j <= i; j++) {
        row[j] = (float)exp(sharpness * (double)heed_rng_normal(rng));
        sum += (double)row[j];
    }
    for (int64_t j = 0; j <= i; j++)
        row[j] = (float)((double)row[j] / sum);
}

static inline void uniform_rows(int64_t n, float *pattern)
{
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < n; j++)
            pattern[i * n + j] = j <= i ? (float)(1.0 / (double)(i + 1)) : 0.0f;
    }
}

/* Rows that put `sharp` on the latest pair of D, spread the rest, and where D has none look at themselves. */
static inline void by_hand(const float *D, int64_t n, double sharp, float *pattern)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t at = i;
        for (int64_t j = 0; j <= i; j++)
            at = D[i * n + j] > 0.0f ? j : at;
        for (int64_t j = 0; j < n; j++)
            pattern[i * n + j] = j <= i ? (float)((1.0 - sharp) / (double)(i + 1)) : 0.0f;
        pattern[i * n + at] += (float)sharp;
    }
}

static inline heed_head_scores measure(const heed_head_pattern *pattern)
{
    heed_head_scores scores;
    heed_error err = {0};

    if (heed_head_measure(pattern, &scores, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return scores;
}

static inline void expect(const char *what, double got, double wanted, double tolerance, uint64_t seed)
{
    if (!(fabs(got - wanted) <= tolerance))
        fail_msg("%s: got %.12g, expected %.12g within %g (seed %llu)", what, got, wanted, tolerance,
                 (unsigned long long)seed);
}

#endif
