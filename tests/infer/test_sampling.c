/* SPDX-License-Identifier: MIT */
/* From logits to tokens: what is filtered away, what the rest weighs, and that draws come as often as they should. */
#include "cmocka_all.h"

#include <heed/session.h>
#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "small_model.h"

enum { N = 50 };

static void probabilities_of(const heed_sampling *sampling, const float *logits, int n, double *p)
{
    heed_error err = {0};
    double sum = 0.0;

    if (heed_sampling_probabilities(sampling, logits, n, p, &err) != HEED_OK)
        fail_msg("%s", err.message);
    for (int i = 0; i < n; i++) {
        assert_true(p[i] >= 0.0 && p[i] <= 1.0 + 1e-12);
        sum += p[i];
    }
    assert_true(fabs(sum - 1.0) < 1e-12);
}

static void random_logits(float *logits, int n, uint64_t seed)
{
    heed_rng rng = heed_rng_make(seed, 50);

    for (int i = 0; i < n; i++)
        logits[i] = 3.0f * heed_rng_normal(&rng);
}

static int largest(const float *logits, int n)
{
    int best = 0;

    for (int i = 1; i < n; i++)
        best = logits[i] > logits[best] ? i : best;
    return best;
}

static void without_filters_it_is_a_softmax(void **state)
{
    const double temperatures[] = {0.5, 1.0, 3.0};
    float logits[N];
    double p[N];

    (void)state;
    random_logits(logits, N, 1);
    for (int t = 0; t < 3; t++) {
        const heed_sampling sampling = {.temperature = temperatures[t], .top_p = 1.0};
        double sum = 0.0;
        probabilities_of(&sampling, logits, N, p);
        for (int i = 0; i < N; i++)
            sum += exp((double)logits[i] / temperatures[t]);
        for (int i = 0; i < N; i++)
            assert_true(fabs(p[i] - exp((double)logits[i] / temperatures[t]) / sum) < 1e-12);
    }
}

/* Zero, and as small as doubles get: all on the likeliest. So do top_k 1 and top_p 0. */
static void four_ways_to_be_greedy(void **state)
{
    const heed_sampling ways[] = {{.temperature = 0.0, .top_p = 1.0},
                                  {.temperature = 1e-300, .top_p = 1.0},
                                  {.temperature = 5e-324, .top_p = 1.0},
                                  {.temperature = 1.0, .top_k = 1, .top_p = 1.0},
                                  {.temperature = 1.0, .top_p = 0.0}};

    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        float logits[N];
        double p[N];
        random_logits(logits, N, seed);
        if (seed % 2 == 1) { /* all below zero: a division by almost nothing gives -inf everywhere */
            for (int i = 0; i < N; i++)
                logits[i] -= 100.0f;
        }
        for (size_t w = 0; w < sizeof ways / sizeof ways[0]; w++) {
            probabilities_of(&ways[w], logits, N, p);
            if (p[largest(logits, N)] != 1.0)
                fail_msg("way %zu, seed %llu: the likeliest has %g", w, (unsigned long long)seed,
                         p[largest(logits, N)]);
        }
    }
}

static void top_k_keeps_the_k_likeliest(void **state)
{
    (void)state;
    for (int k = 1; k <= N + 3; k += 4) {
        const heed_sampling sampling = {.temperature = 1.0, .top_k = k, .top_p = 1.0};
        float logits[N];
        double p[N];
        random_logits(logits, N, (uint64_t)k);
        probabilities_of(&sampling, logits, N, p);
        for (int i = 0; i < N; i++) {
            int n_larger = 0;
            for (int j = 0; j < N; j++)
                n_larger += logits[j] > logits[i];
            assert_int_equal(p[i] > 0.0, n_larger < k);
        }
    }
}

/* A token stays while the mass before it is below p: against a plain search. */
static void top_p_keeps_the_smallest_set_that_reaches_p(void **state)
{
    (void)state;
    for (int t = 1; t < 20; t++) {
        const double top_p = 0.05 * t;
        const heed_sampling sampling = {.temperature = 1.0, .top_k = t % 2 ? 20 : 0, .top_p = top_p};
        const heed_sampling only_k = {.temperature = 1.0, .top_k = sampling.top_k, .top_p = 1.0};
        float logits[N];
        double p[N], all[N];
        random_logits(logits, N, (uint64_t)t);
        probabilities_of(&sampling, logits, N, p);
        probabilities_of(&only_k, logits, N, all);
        for (int i = 0; i < N; i++) {
            double before = 0.0;
            for (int j = 0; j < N; j++)
                before += all[j] > all[i] ? all[j] : 0.0;
            if (fabs(before - top_p) > 1e-9) /* not on the edge, where rounding decides */
                assert_int_equal(p[i] > 0.0, all[i] > 0.0 && before < top_p);
        }
    }
}

static void equal_logits_go_by_their_ids(void **state)
{
    const heed_sampling two = {.temperature = 1.0, .top_k = 2, .top_p = 1.0},
                        greedy = {.temperature = 0.0, .top_p = 1.0};
    const float logits[6] = {1.0f, 2.0f, 0.0f, 2.0f, 2.0f, 1.0f};
    double p[6];

    (void)state;
    probabilities_of(&two, logits, 6, p);
    assert_true(p[1] == 0.5 && p[3] == 0.5 && p[4] == 0.0);
    probabilities_of(&greedy, logits, 6, p);
    assert_true(p[1] == 1.0);
}

static void what_is_no_number_is_never_drawn(void **state)
{
    const heed_sampling warm = {.temperature = 1.0, .top_p = 1.0}, greedy = {.temperature = 0.0, .top_p = 1.0};
    float logits[5] = {NAN, -INFINITY, 1.0f, 2.0f, NAN};
    double p[5];

    (void)state;
    probabilities_of(&warm, logits, 5, p);
    assert_true(p[0] == 0.0 && p[1] == 0.0 && p[4] == 0.0 && p[2] > 0.0 && p[3] > p[2]);
    probabilities_of(&greedy, logits, 5, p);
    assert_true(p[3] == 1.0);
    logits[2] = INFINITY;
    probabilities_of(&warm, logits, 5, p);
    assert_true(p[2] == 1.0);
    for (int i = 0; i < 5; i++)
        logits[i] = NAN;
    assert_int_equal(heed_sampling_probabilities(&warm, logits, 5, p, NULL), HEED_OK);
    for (int i = 0; i < 5; i++)
        assert_true(p[i] == 0.0); /* nothing can be drawn */
}

/*
 * Pearson's chi-square of 20,000 draws against their probabilities. With k - 1 degrees of freedom it has mean k - 1 and
 * variance 2 (k - 1); the bound lies five deviations up, and the seed is fixed.
 */
static void tokens_come_as_often_as_they_should(void **state)
{
    enum { DRAWS = 20000 };
    const heed_sampling ways[] = {{.temperature = 1.0, .top_p = 1.0},
                                  {.temperature = 0.7, .top_k = 5, .top_p = 1.0},
                                  {.temperature = 1.3, .top_p = 0.8}};
    const heed_config config = small_config();
    const heed_session_options options = {.threads = 1, .seed = 77};
    const int32_t start = 4;
    heed_model *model = small_model(&config, 13);
    heed_session *session = NULL;

    (void)state;
    assert_int_equal(heed_session_open(model, &options, &session, NULL), HEED_OK);
    assert_int_equal(heed_session_feed(session, &start, 1, NULL), HEED_OK);
    for (size_t w = 0; w < sizeof ways / sizeof ways[0]; w++) {
        int drawn[SMALL_VOCAB] = {0}, n_possible = 0;
        double p[SMALL_VOCAB], chi_square = 0.0;
        probabilities_of(&ways[w], heed_session_logits(session), SMALL_VOCAB, p);
        for (int i = 0; i < DRAWS; i++)
            drawn[heed_session_sample(session, &ways[w])]++;
        for (int i = 0; i < SMALL_VOCAB; i++) {
            const double expected = p[i] * DRAWS;
            if (p[i] == 0.0)
                assert_int_equal(drawn[i], 0);
            else
                chi_square += ((double)drawn[i] - expected) * ((double)drawn[i] - expected) / expected;
            n_possible += p[i] > 0.0;
        }
        assert_true(n_possible > 3);
        const double freedom = n_possible - 1.0;
        if (chi_square > freedom + 5.0 * sqrt(2.0 * freedom))
            fail_msg("way %zu: chi-square %g with %g degrees of freedom", w, chi_square, freedom);
    }
    heed_session_close(session);
    heed_model_close(model);
}

static void a_seed_gives_the_same_tokens_and_another_gives_others(void **state)
{
    const heed_sampling warm = {.temperature = 2.0, .top_p = 1.0};
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 14);
    int32_t drawn[3][30];

    (void)state;
    for (int i = 0; i < 3; i++) {
        const heed_session_options options = {.threads = 1, .seed = i == 2 ? 6 : 5};
        heed_session *session = NULL;
        const int32_t start = 4;
        assert_int_equal(heed_session_open(model, &options, &session, NULL), HEED_OK);
        assert_int_equal(heed_session_feed(session, &start, 1, NULL), HEED_OK);
        for (int k = 0; k < 30; k++)
            drawn[i][k] = heed_session_sample(session, &warm);
        heed_session_close(session);
    }
    assert_memory_equal(drawn[0], drawn[1], sizeof drawn[0]);
    assert_memory_not_equal(drawn[0], drawn[2], sizeof drawn[0]);
    heed_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_filters_it_is_a_softmax),
        cmocka_unit_test(four_ways_to_be_greedy),
        cmocka_unit_test(top_k_keeps_the_k_likeliest),
        cmocka_unit_test(top_p_keeps_the_smallest_set_that_reaches_p),
        cmocka_unit_test(equal_logits_go_by_their_ids),
        cmocka_unit_test(what_is_no_number_is_never_drawn),
        cmocka_unit_test(tokens_come_as_often_as_they_should),
        cmocka_unit_test(a_seed_gives_the_same_tokens_and_another_gives_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
