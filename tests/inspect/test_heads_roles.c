/* SPDX-License-Identifier: MIT */
/* Roles of heads: patterns made by hand are named rightly, even ones and those made by lot are named nothing. */
#include "cmocka_all.h"

#include "inspect/head_patterns.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_made_by_hand_are_named_rightly),
        cmocka_unit_test(eight_tokens_are_enough_and_seven_may_be_luck),
        cmocka_unit_test(a_head_may_have_two_roles),
        cmocka_unit_test(rows_spread_evenly_or_by_lot_are_named_nothing),
        cmocka_unit_test(in_a_text_of_one_word_nobody_finds_duplicates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
