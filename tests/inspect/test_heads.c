/* SPDX-License-Identifier: MIT */
/*
 * Heads measured from patterns: scores against an oracle in double, patterns made by hand for each role, and patterns that
 * have none.
 */
#include "cmocka_all.h"

#include <heed/heads.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "inspect/heads.h"

enum { MOST = 200 };

static const char *const names[] = {"previous", "duplicate", "induction", "delimiter", "first"};

/* --- texts and patterns --- */

/* n tokens of a vocabulary; about every sixth is a delimiter. */
static void make_text(heed_rng *rng, int64_t n, int64_t vocab, int32_t *ids, uint8_t *delimiters)
{
    for (int64_t i = 0; i < n; i++) {
        ids[i] = (int32_t)heed_rng_below(rng, vocab);
        delimiters[i] = ids[i] % 6 == 5;
    }
}

/* A causal row of a Dirichlet distribution: gamma variates of shape `alpha` (1 or 1/2), made to add up to 1. */
static void random_row(heed_rng *rng, int64_t i, int64_t n, double alpha, float *row)
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
static void random_softmax_row(heed_rng *rng, int64_t i, int64_t n, double sharpness, float *row)
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

static void uniform_rows(int64_t n, float *pattern)
{
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < n; j++)
            pattern[i * n + j] = j <= i ? (float)(1.0 / (double)(i + 1)) : 0.0f;
    }
}

/* Rows that put `sharp` on the latest pair of D, spread the rest, and where D has none look at themselves. */
static void by_hand(const float *D, int64_t n, double sharp, float *pattern)
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

static heed_head_scores measure(const heed_head_pattern *pattern)
{
    heed_head_scores scores;
    heed_error err = {0};

    if (heed_head_measure(pattern, &scores, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return scores;
}

/* --- the oracle --- */

/* D as TransformerLens makes it: equal tokens below the diagonal, moved to the right by one for induction. */
static void oracle_detection(heed_head_role role, const heed_head_pattern *p, double *D)
{
    const int64_t n = p->n;

    memset(D, 0, (size_t)(n * n) * sizeof *D);
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < n; j++) {
            const bool equal_before = j < i && p->ids[i] == p->ids[j];
            if (role == HEED_HEAD_PREVIOUS && j + 1 == i)
                D[i * n + j] = 1.0;
            if (role == HEED_HEAD_DUPLICATE && equal_before)
                D[i * n + j] = 1.0;
            if (role == HEED_HEAD_INDUCTION && equal_before)
                D[i * n + j + 1] = 1.0;
            if (role == HEED_HEAD_DELIMITER && j > 0 && j <= i && p->delimiters[j])
                D[i * n + j] = 1.0;
            if (role == HEED_HEAD_FIRST && j == 0)
                D[i * n + j] = 1.0;
        }
    }
}

static double oracle_matches(const heed_head_pattern *p, const double *D, bool absolute, bool no_first,
                             bool no_current)
{
    const int64_t n = p->n;
    double *a = malloc((size_t)(n * n) * sizeof *a);
    double top = 0.0, bottom = 0.0, difference = 0.0;

    for (int64_t k = 0; k < n * n; k++) {
        const bool out = (no_first && k % n == 0) || (no_current && k / n == k % n);
        a[k] = out ? 0.0 : (double)p->weights[k];
        difference += out ? 0.0 : fabs((double)p->weights[k] - D[k]);
    }
    for (int64_t k = 0; k < n * n; k++)
        top += a[k] * D[k];
    for (int64_t k = 0; k < n * n; k++)
        bottom += a[k];
    free(a);
    return absolute ? 1.0 - difference / (double)(n * n) * (double)n : top / bottom;
}

static void expect(const char *what, double got, double wanted, double tolerance, uint64_t seed)
{
    if (!(fabs(got - wanted) <= tolerance))
        fail_msg("%s: got %.12g, expected %.12g within %g (seed %llu)", what, got, wanted, tolerance,
                 (unsigned long long)seed);
}

/* Rows add up to 1 within 200 roundings of 6e-8, and all sums are in double: 1e-6 has room. */
static const double tolerance = 1e-6;

static void compare_role(heed_head_role role, const heed_head_pattern *p, const heed_head_scores *s,
                         uint64_t seed)
{
    const int64_t n = p->n;
    double *D = malloc((size_t)(n * n) * sizeof *D);
    double found = 0.0, chance = 0.0;
    int64_t rows = 0;

    oracle_detection(role, p, D);
    expect(names[role], s->roles[role].mul, oracle_matches(p, D, false, false, false), tolerance, seed);
    expect(names[role], s->roles[role].abs, oracle_matches(p, D, true, false, false), tolerance, seed);
    for (int64_t i = 1; i < n; i++) {
        double hits = 0.0, wanted = 0.0;
        for (int64_t j = 0; j <= i; j++) {
            hits += D[i * n + j] * (double)p->weights[i * n + j];
            wanted += D[i * n + j];
        }
        if (wanted > 0.0) {
            found += hits;
            chance += wanted / (double)(i + 1);
            rows++;
        }
    }
    assert_int_equal(s->roles[role].rows, rows);
    if (rows > 0) {
        found /= (double)rows;
        chance /= (double)rows;
        expect("found", s->roles[role].found, found, tolerance, seed);
        expect("chance", s->roles[role].chance, chance, tolerance, seed);
        expect("gain", s->roles[role].gain, (found - chance) / (1.0 - chance), 10.0 * tolerance, seed);
    }
    free(D);
}

static void compare_figures(const heed_head_pattern *p, const heed_head_scores *s, uint64_t seed)
{
    const int64_t n = p->n;
    double entropy = 0.0, possible = 0.0, largest = 0.0, distance = 0.0, itself = 0.0;

    for (int64_t i = 1; i < n; i++) {
        double most = 0.0;
        for (int64_t j = 0; j < n; j++) {
            const double a = (double)p->weights[i * n + j];
            entropy += a > 0.0 ? -a * log(a) : 0.0;
            distance += a * (double)(i - j);
            most = fmax(most, a);
        }
        possible += log((double)(i + 1));
        largest += most;
        itself += (double)p->weights[i * n + i];
    }
    expect("entropy", s->entropy, entropy / (double)(n - 1), tolerance, seed);
    expect("max_entropy", s->max_entropy, possible / (double)(n - 1), tolerance, seed);
    expect("entropy_share", s->entropy_share, entropy / possible, tolerance, seed);
    expect("largest", s->largest, largest / (double)(n - 1), tolerance, seed);
    expect("distance", s->distance, distance / (double)(n - 1), tolerance * (double)n, seed);
    expect("itself", s->itself, itself / (double)(n - 1), tolerance, seed);
}

static void scores_are_those_of_the_definitions(void **state)
{
    static float weights[MOST * MOST];
    int32_t ids[MOST];
    uint8_t delimiters[MOST];

    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        heed_rng rng = heed_rng_make(seed, 1);
        const int64_t n = 2 + heed_rng_below(&rng, seed % 10 == 0 ? MOST - 1 : 40);
        heed_head_pattern p = {.weights = weights, .ids = ids, .delimiters = delimiters, .n = n};

        make_text(&rng, n, 2 + heed_rng_below(&rng, 30), ids, delimiters);
        for (int64_t i = 0; i < n; i++)
            random_row(&rng, i, n, seed % 2 ? 1.0 : 0.5, weights + i * n);
        const heed_head_scores s = measure(&p);
        compare_figures(&p, &s, seed);
        for (int role = 0; role < HEED_N_HEAD_ROLES; role++)
            compare_role((heed_head_role)role, &p, &s, seed);
    }
}

static void detection_patterns_and_both_measures_are_those_of_transformer_lens(void **state)
{
    enum { N = 31 };
    static float weights[N * N], D[N * N];
    static double oracle[N * N];
    int32_t ids[N];
    uint8_t delimiters[N];
    const heed_head_pattern p = {.weights = weights, .ids = ids, .delimiters = delimiters, .n = N};

    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        heed_rng rng = heed_rng_make(seed, 2);
        make_text(&rng, N, 9, ids, delimiters);
        for (int64_t i = 0; i < N; i++)
            random_row(&rng, i, N, 1.0, weights + i * N);
        for (int role = 0; role < HEED_N_HEAD_ROLES; role++) {
            oracle_detection((heed_head_role)role, &p, oracle);
            assert_int_equal(heed_head_detection((heed_head_role)role, &p, D, NULL), HEED_OK);
            for (int k = 0; k < N * N; k++)
                assert_true((double)D[k] == oracle[k]);
            for (int how = 0; how < 8; how++) {
                const heed_head_match match = {(how & 1) != 0, (how & 2) != 0, (how & 4) != 0};
                expect(names[role], heed_head_matches(weights, D, N, &match),
                       oracle_matches(&p, oracle, match.abs, match.exclude_first, match.exclude_current),
                       tolerance, seed);
            }
        }
    }
}

/* "the cat saw the cat": worked out by hand. */
static void a_text_of_five_tokens_has_the_pairs_that_one_sees(void **state)
{
    const int32_t ids[] = {7, 3, 9, 7, 3};
    const float duplicate[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0};
    const float induction[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0};
    const heed_head_pattern p = {.ids = ids, .n = 5};
    float D[25];
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_head_detection(HEED_HEAD_DUPLICATE, &p, D, NULL), HEED_OK);
    assert_memory_equal(D, duplicate, sizeof D);
    assert_int_equal(heed_head_detection(HEED_HEAD_INDUCTION, &p, D, NULL), HEED_OK);
    assert_memory_equal(D, induction, sizeof D);
    assert_int_equal(heed_head_detection(HEED_HEAD_DELIMITER, &p, D, &err), HEED_ERR_USAGE);
    assert_string_equal(err.message, "the pairs of a delimiter head need delimiters, got none");
}

/* --- naming --- */

/* Half of the text again, so that there are pairs of every kind; every fifth token is a delimiter. */
static void repeated_text(int64_t n, int32_t *ids, uint8_t *delimiters)
{
    for (int64_t i = 0; i < n; i++) {
        ids[i] = (int32_t)(i % (n / 2));
        delimiters[i] = i % 5 == 2;
    }
}

static void heads_made_by_hand_are_named_rightly(void **state)
{
    static const int64_t lengths[] = {20, 33, 64, 200};
    static float weights[MOST * MOST], D[MOST * MOST];
    int32_t ids[MOST];
    uint8_t delimiters[MOST];

    (void)state;
    for (int l = 0; l < 4; l++) {
        const int64_t n = lengths[l];
        const heed_head_pattern p = {.weights = weights, .ids = ids, .delimiters = delimiters, .n = n};

        repeated_text(n, ids, delimiters);
        for (int role = 0; role < HEED_N_HEAD_ROLES; role++) {
            for (int k = 0; k < 3; k++) {
                const double sharp = k == 0 ? 1.0 : k == 1 ? 0.9 : 0.7;
                heed_head_detection((heed_head_role)role, &p, D, NULL);
                by_hand(D, n, sharp, weights);
                const heed_head_scores s = measure(&p);
                for (int other = 0; other < HEED_N_HEAD_ROLES; other++) {
                    if (s.roles[other].named != (other == role))
                        fail_msg("a %s head of %lld tokens, %.1f sharp: %s %s (gain %g, odds %g)", names[role],
                                 (long long)n, sharp, names[other],
                                 s.roles[other].named ? "is named" : "is not named", s.roles[other].gain,
                                 s.roles[other].odds);
                }
            }
        }
    }
}

/* Looking back by one in each of n - 1 rows: the mean chance is 0.245 for n = 8, and 0.245^7 = 5e-5; 0.266^6 = 3e-4 for 7. */
static void eight_tokens_are_enough_and_seven_may_be_luck(void **state)
{
    float weights[64] = {0};
    heed_head_pattern p = {.weights = weights};

    (void)state;
    for (p.n = 4; p.n <= 8; p.n++) {
        memset(weights, 0, sizeof weights);
        for (int64_t i = 0; i < p.n; i++)
            weights[i * p.n + (i > 0 ? i - 1 : 0)] = 1.0f;
        assert_int_equal(measure(&p).roles[HEED_HEAD_PREVIOUS].named, p.n == 8);
    }
}

/* First token and previous token by halves: 0.5 each, which is above 0.4 of what chance leaves. */
static void a_head_may_have_two_roles(void **state)
{
    enum { N = 60 };
    static float weights[N * N];
    const heed_head_pattern p = {.weights = weights, .n = N};
    heed_head_scores s;

    (void)state;
    for (int i = 0; i < N; i++) {
        weights[i * N] += 0.5f;
        weights[i * N + (i > 0 ? i - 1 : 0)] += 0.5f;
    }
    s = measure(&p);
    assert_true(s.roles[HEED_HEAD_PREVIOUS].named && s.roles[HEED_HEAD_FIRST].named);
    assert_false(s.roles[HEED_HEAD_INDUCTION].named);
    assert_true(isnan(s.roles[HEED_HEAD_INDUCTION].mul) && isnan(s.roles[HEED_HEAD_DELIMITER].found));
}

static void expect_nothing_named(const heed_head_pattern *p, const char *what, uint64_t seed)
{
    const heed_head_scores s = measure(p);

    for (int role = 0; role < HEED_N_HEAD_ROLES; role++) {
        if (s.roles[role].named)
            fail_msg("%s of %lld tokens: named %s with found %g, chance %g, odds %g over %lld rows (seed %llu)",
                     what, (long long)p->n, names[role], s.roles[role].found, s.roles[role].chance,
                     s.roles[role].odds, (long long)s.roles[role].rows, (unsigned long long)seed);
    }
}

/* From even to nearly one-hot rows, on texts with few and many kinds of tokens, from 4 tokens to 200. */
static void rows_spread_evenly_or_by_lot_are_named_nothing(void **state)
{
    static const double sharpness[] = {0.5, 1.0, 3.0, 10.0};
    static float weights[MOST * MOST];
    int32_t ids[MOST];
    uint8_t delimiters[MOST];
    heed_head_pattern p = {.weights = weights, .ids = ids, .delimiters = delimiters};

    (void)state;
    for (uint64_t seed = 0; seed < 400; seed++) {
        heed_rng rng = heed_rng_make(seed, 3);
        p.n = seed % 4 != 0 ? 4 + heed_rng_below(&rng, 21) : 4 + heed_rng_below(&rng, MOST - 3);
        make_text(&rng, p.n, 2 + heed_rng_below(&rng, 40), ids, delimiters);
        uniform_rows(p.n, weights);
        expect_nothing_named(&p, "causal uniform", seed);
        for (int k = 0; k < 2; k++) {
            for (int64_t i = 0; i < p.n; i++)
                random_row(&rng, i, p.n, k == 0 ? 1.0 : 0.5, weights + i * p.n);
            expect_nothing_named(&p, "Dirichlet", seed);
        }
        for (int k = 0; k < 4; k++) {
            for (int64_t i = 0; i < p.n; i++)
                random_softmax_row(&rng, i, p.n, sharpness[k], weights + i * p.n);
            expect_nothing_named(&p, "random softmax", seed);
        }
        for (int64_t k = 0; k < p.n * p.n; k++) /* not even causal: what is hidden does not count */
            weights[k] = (float)(1.0 / (double)p.n);
        expect_nothing_named(&p, "uniform", seed);
    }
}

/* One kind of token: every pair is a duplicate and nearly every one induction, so finding them is nothing. */
static void in_a_text_of_one_word_nobody_finds_duplicates(void **state)
{
    enum { N = 80 };
    static float weights[N * N];
    const int32_t ids[N] = {0};
    const uint8_t delimiters[N] = {0};
    const heed_head_pattern p = {.weights = weights, .ids = ids, .delimiters = delimiters, .n = N};
    heed_rng rng = heed_rng_make(5, 4);

    (void)state;
    uniform_rows(N, weights);
    expect_nothing_named(&p, "causal uniform", 5);
    for (int64_t i = 0; i < N; i++)
        random_row(&rng, i, N, 1.0, weights + i * N);
    expect_nothing_named(&p, "Dirichlet", 5);
    assert_true(isnan(measure(&p).roles[HEED_HEAD_DELIMITER].found)); /* there are none */
}

/* --- collapse --- */

static void one_key_a_row_is_collapsed_and_even_rows_are_not(void **state)
{
    enum { N = 24 };
    static float weights[N * N];
    heed_head_pattern p = {.weights = weights, .n = N};
    heed_rng rng = heed_rng_make(6, 5);

    (void)state;
    for (int64_t i = 0; i < N; i++) {
        for (int64_t j = 0; j <= i; j++)
            weights[i * N + j] = i == 0 ? 1.0f : j == i / 2 ? 0.98f : 0.02f / (float)i;
    }
    assert_true(measure(&p).collapsed);
    uniform_rows(N, weights);
    assert_false(measure(&p).collapsed);
    assert_true(fabs(measure(&p).entropy_share - 1.0) < 1e-6);
    for (int64_t i = 0; i < N; i++)
        random_row(&rng, i, N, 0.5, weights + i * N);
    assert_false(measure(&p).collapsed);
    for (p.n = 1; p.n <= 3; p.n++) { /* too few keys to say */
        memset(weights, 0, sizeof weights);
        for (int64_t i = 0; i < p.n; i++)
            weights[i * p.n] = 1.0f;
        assert_false(measure(&p).collapsed);
    }
}

/* --- rows that cannot be used --- */

static void rows_with_nan_are_left_out_and_counted(void **state)
{
    enum { N = 30 };
    static float weights[N * N];
    heed_head_pattern p = {.weights = weights, .n = N};
    heed_head_scores whole, part;

    (void)state;
    for (int i = 0; i < N; i++)
        weights[i * N + (i > 0 ? i - 1 : 0)] = 1.0f;
    whole = measure(&p);
    weights[7 * N + 3] = NAN;
    weights[9 * N + 1] = INFINITY;
    memset(weights + 11 * N, 0, N * sizeof *weights);
    weights[2 * N + 20] = NAN; /* hidden by the mask: nobody reads it */
    part = measure(&p);
    assert_int_equal(part.not_finite, 2);
    assert_int_equal(part.empty, 1);
    assert_int_equal(part.rows, whole.rows - 3);
    assert_true(part.roles[HEED_HEAD_PREVIOUS].named && part.roles[HEED_HEAD_PREVIOUS].found == 1.0);
    assert_true(part.largest == 1.0 && part.distance == 1.0);
    for (int k = 0; k < N * N; k++)
        weights[k] = NAN;
    part = measure(&p);
    assert_int_equal(part.not_finite, N);
    assert_true(isnan(part.entropy) && isnan(part.roles[HEED_HEAD_FIRST].mul) && !part.collapsed);
    assert_false(part.roles[HEED_HEAD_PREVIOUS].named);
}

static void a_text_of_one_token_says_nothing(void **state)
{
    const float one = 1.0f;
    const int32_t id = 4;
    const heed_head_pattern p = {.weights = &one, .ids = &id, .n = 1};
    const heed_head_pattern none = {.weights = &one, .n = 0};
    const heed_head_scores s = measure(&p);
    heed_head_scores unused;
    heed_error err = {0};

    (void)state;
    assert_true(s.rows == 0 && isnan(s.entropy) && isnan(s.entropy_share) && !s.collapsed);
    assert_true(s.roles[HEED_HEAD_FIRST].mul == 1.0 && isnan(s.roles[HEED_HEAD_FIRST].found));
    for (int role = 0; role < HEED_N_HEAD_ROLES; role++)
        assert_false(s.roles[role].named);
    assert_int_equal(heed_head_measure(&none, &unused, &err), HEED_ERR_USAGE);
    assert_string_equal(err.message, "expected a pattern of at least one token, got 0");
}

/* A window of three keys: the possible entropy is that of three, and uniform rows reach it. */
static void what_a_window_hides_does_not_count(void **state)
{
    enum { N = 40 };
    static float weights[N * N];
    const heed_mask mask = {.causal = true, .window = 3};
    const heed_head_pattern p = {.weights = weights, .n = N, .mask = &mask};
    heed_head_scores s;

    (void)state;
    for (int i = 0; i < N; i++) {
        for (int j = i < 2 ? 0 : i - 2; j <= i; j++)
            weights[i * N + j] = (float)(1.0 / (i < 2 ? i + 1 : 3));
    }
    s = measure(&p);
    expect("max_entropy", s.max_entropy, (log(2.0) + 38.0 * log(3.0)) / 39.0, tolerance, 0);
    expect("entropy_share", s.entropy_share, 1.0, tolerance, 0);
    expect("chance", s.roles[HEED_HEAD_PREVIOUS].chance, (0.5 + 38.0 / 3.0) / 39.0, tolerance, 0);
    assert_int_equal(s.roles[HEED_HEAD_FIRST].rows, 2); /* later queries do not see token 0 */
    assert_false(s.roles[HEED_HEAD_PREVIOUS].named);
}

/* --- many heads --- */

enum { B = 2, L = 2, H = 3, T = 26 };

static heed_heads *prepare(const int32_t *ids, const uint8_t *delimiters)
{
    const heed_heads_plan what = {.ids = ids,
                                  .delimiters = delimiters,
                                  .batch = B,
                                  .length = T,
                                  .mask = {.causal = true},
                                  .n_layers = L,
                                  .n_heads = H,
                                  .options = {.n_largest = 4, .similarity = true, .threads = 2}};
    heed_heads *heads = NULL;
    heed_error err = {0};

    if (heed_heads_prepare(&what, &heads, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return heads;
}

/* patterns [L, B, H, T, T]; the head in place h is head order[h]. */
static void take(heed_heads *heads, const float *patterns, const int *order)
{
    static float moved[B * H * T * T];
    const heed_tensor tensor = heed_tensor_make(HEED_F32, heed_shape4(B, H, T, T), moved);

    for (int layer = 0; layer < L; layer++) {
        for (int b = 0; b < B; b++) {
            for (int h = 0; h < H; h++)
                memcpy(moved + (b * H + h) * T * T, patterns + ((layer * B + b) * H + order[h]) * T * T,
                       sizeof(float) * T * T);
        }
        heed_heads_take(heads, layer, 0, &tensor);
    }
}

typedef struct fixture {
    float patterns[L * B * H * T * T];
    int32_t ids[B * T];
    uint8_t delimiters[B * T];
} fixture;

static void fill(fixture *f, uint64_t seed)
{
    heed_rng rng = heed_rng_make(seed, 6);

    make_text(&rng, B * T, 12, f->ids, f->delimiters);
    for (int64_t r = 0; r < L * B * H * T; r++)
        random_row(&rng, r % T, T, 1.0, f->patterns + r * T);
}

/* Element by element and head by head they are what each pattern alone gives, bit for bit; all together, the means. */
static void heads_of_a_batch_are_what_each_is_alone(void **state)
{
    static fixture f;
    const int order[H] = {0, 1, 2};
    heed_heads *heads;

    (void)state;
    fill(&f, 1);
    heads = prepare(f.ids, f.delimiters);
    for (int twice = 0; twice < 2; twice++) { /* what was taken before is forgotten */
        heed_heads_clear(heads);
        take(heads, f.patterns, order);
    }
    for (int layer = 0; layer < L; layer++) {
        for (int h = 0; h < H; h++) {
            double entropy = 0.0, found = 0.0, rows = 0.0;
            heed_head_scores both;
            for (int b = 0; b < B; b++) {
                const heed_head_pattern p = {.weights = f.patterns + ((layer * B + b) * H + h) * T * T,
                                             .ids = f.ids + b * T,
                                             .delimiters = f.delimiters + b * T,
                                             .n = T};
                const heed_head_scores alone = measure(&p);
                heed_head_scores s;
                heed_heads_scores(heads, b, layer, h, &s);
                assert_true(s.entropy == alone.entropy && s.largest == alone.largest &&
                            s.distance == alone.distance && s.rows == alone.rows);
                for (int role = 0; role < HEED_N_HEAD_ROLES; role++)
                    assert_true(s.roles[role].mul == alone.roles[role].mul &&
                                s.roles[role].abs == alone.roles[role].abs &&
                                s.roles[role].odds == alone.roles[role].odds);
                entropy += s.entropy / B;
                found += s.roles[HEED_HEAD_DUPLICATE].found * (double)s.roles[HEED_HEAD_DUPLICATE].rows;
                rows += (double)s.roles[HEED_HEAD_DUPLICATE].rows;
            }
            heed_heads_scores(heads, HEED_HEADS_ALL, layer, h, &both);
            expect("entropy", both.entropy, entropy, 1e-12, 1);
            expect("found", both.roles[HEED_HEAD_DUPLICATE].found, found / rows, 1e-12, 1);
        }
    }
    heed_heads_destroy(heads);
}

static void heads_in_another_order_give_the_same_in_that_order(void **state)
{
    static fixture f;
    static const int order[H] = {0, 1, 2}, other[H] = {2, 0, 1};
    float similarity[2][L * H * L * H];
    heed_heads *heads[2];

    (void)state;
    fill(&f, 2);
    for (int k = 0; k < 2; k++) {
        heads[k] = prepare(f.ids, f.delimiters);
        take(heads[k], f.patterns, k == 0 ? order : other);
        assert_int_equal(heed_heads_similarity(heads[k], similarity[k], NULL), HEED_OK);
    }
    for (int a = 0; a < L * H; a++) {
        const int from = a / H * H + other[a % H];
        heed_head_scores x, y;
        heed_heads_scores(heads[0], 1, from / H, from % H, &x);
        heed_heads_scores(heads[1], 1, a / H, a % H, &y);
        assert_true(x.entropy == y.entropy && x.roles[HEED_HEAD_FIRST].abs == y.roles[HEED_HEAD_FIRST].abs);
        for (int b = 0; b < L * H; b++) {
            const int to = b / H * H + other[b % H];
            assert_true(similarity[1][a * L * H + b] == similarity[0][from * L * H + to]);
        }
    }
    heed_heads_destroy(heads[0]);
    heed_heads_destroy(heads[1]);
}

static void profiles_similarity_and_largest_weights_are_those_of_the_definitions(void **state)
{
    static fixture f;
    const int order[H] = {0, 1, 2};
    float similarity[L * H * L * H];
    double profile[T];
    heed_heads *heads;

    (void)state;
    fill(&f, 3);
    heads = prepare(f.ids, f.delimiters);
    take(heads, f.patterns, order);
    heed_heads_profile(heads, 1, 2, profile);
    for (int d = 0; d < T; d++) {
        double sum = 0.0, n = 0.0;
        for (int b = 0; b < B; b++) {
            for (int i = d > 1 ? d : 1; i < T; i++, n++)
                sum += (double)f.patterns[(((B + b) * H + 2) * T + i) * T + i - d];
        }
        expect("profile", profile[d], sum / n, 1e-12, 3);
    }
    assert_int_equal(heed_heads_similarity(heads, similarity, NULL), HEED_OK);
    for (int a = 0; a < L * H; a++) {
        for (int c = 0; c < L * H; c++) {
            double xy = 0.0, xx = 0.0, yy = 0.0;
            for (int k = 0; k < B * T * T; k++) {
                const int b = k / (T * T), at = k % (T * T);
                if (at / T == 0 || at % T > at / T)
                    continue;
                const double x = (double)f.patterns[((a / H * B + b) * H + a % H) * T * T + at];
                const double y = (double)f.patterns[((c / H * B + b) * H + c % H) * T * T + at];
                xy += x * y;
                xx += x * x;
                yy += y * y;
            }
            expect("similarity", (double)similarity[a * L * H + c], xy / sqrt(xx * yy), tolerance, 3);
        }
    }
    for (int b = 0; b < B; b++) {
        int n = 0;
        const float *pattern = f.patterns + ((B + b) * H + 2) * T * T;
        const heed_head_weight *largest = heed_heads_largest(heads, b, 1, 2, &n);
        assert_int_equal(n, 4);
        for (int k = 0; k < n; k++) {
            int larger = 0;
            assert_true(largest[k].weight == pattern[largest[k].query * T + largest[k].key]);
            for (int at = T; at < T * T; at++)
                larger += pattern[at] > largest[k].weight;
            assert_int_equal(larger, k);
        }
    }
    heed_heads_destroy(heads);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_those_of_the_definitions),
        cmocka_unit_test(detection_patterns_and_both_measures_are_those_of_transformer_lens),
        cmocka_unit_test(a_text_of_five_tokens_has_the_pairs_that_one_sees),
        cmocka_unit_test(heads_made_by_hand_are_named_rightly),
        cmocka_unit_test(eight_tokens_are_enough_and_seven_may_be_luck),
        cmocka_unit_test(a_head_may_have_two_roles),
        cmocka_unit_test(rows_spread_evenly_or_by_lot_are_named_nothing),
        cmocka_unit_test(in_a_text_of_one_word_nobody_finds_duplicates),
        cmocka_unit_test(one_key_a_row_is_collapsed_and_even_rows_are_not),
        cmocka_unit_test(rows_with_nan_are_left_out_and_counted),
        cmocka_unit_test(a_text_of_one_token_says_nothing),
        cmocka_unit_test(what_a_window_hides_does_not_count),
        cmocka_unit_test(heads_of_a_batch_are_what_each_is_alone),
        cmocka_unit_test(heads_in_another_order_give_the_same_in_that_order),
        cmocka_unit_test(profiles_similarity_and_largest_weights_are_those_of_the_definitions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
