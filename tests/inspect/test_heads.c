/* SPDX-License-Identifier: MIT */
/* Heads measured from patterns: scores against an oracle in double, collapse, and rows that cannot be used. */
#include "cmocka_all.h"

#include <stdlib.h>

#include "inspect/head_patterns.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_those_of_the_definitions),
        cmocka_unit_test(detection_patterns_and_both_measures_are_those_of_transformer_lens),
        cmocka_unit_test(a_text_of_five_tokens_has_the_pairs_that_one_sees),
        cmocka_unit_test(one_key_a_row_is_collapsed_and_even_rows_are_not),
        cmocka_unit_test(rows_with_nan_are_left_out_and_counted),
        cmocka_unit_test(a_text_of_one_token_says_nothing),
        cmocka_unit_test(what_a_window_hides_does_not_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
