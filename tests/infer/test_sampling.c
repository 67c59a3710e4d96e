/* SPDX-License-Identifier: MIT */
/* From logits to tokens: what is filtered away, what the rest weighs, and that draws come as often as they should. */
#include "cmocka_all.h"

#include <heed/session.h>
#include <math.h>
#include <stdlib.h>

#include "infer/sampling.h"
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

/* After top_k and top_p, by the share of the likeliest. */
static void min_p_keeps_what_is_not_much_less_likely(void **state)
{
    (void)state;
    for (int t = 1; t < 20; t++) {
        const heed_sampling open = {.temperature = 1.5, .top_k = t % 2 ? 20 : 0, .top_p = t % 3 ? 1.0 : 0.9};
        heed_sampling sampling = open;
        float logits[N];
        double p[N], all[N], most = 0.0;
        sampling.min_p = 0.01 * t * t / 4.0;
        random_logits(logits, N, (uint64_t)t);
        probabilities_of(&sampling, logits, N, p);
        probabilities_of(&open, logits, N, all);
        for (int i = 0; i < N; i++)
            most = fmax(most, all[i]);
        for (int i = 0; i < N; i++) {
            if (fabs(all[i] - sampling.min_p * most) > 1e-9)
                assert_int_equal(p[i] > 0.0, all[i] > 0.0 && all[i] >= sampling.min_p * most);
        }
    }
}

/* --- drawing: the fast way, of a large vocabulary, against the probabilities --- */

/* What draws give with filters lies within what the filters leave, and each way is drawn from as often as it should. */
static void draws_of_a_large_vocabulary_follow_the_probabilities(void **state)
{
    enum { V = 5003, DRAWS = 4000 };
    const heed_sampling ways[] = {{.temperature = 0.3, .top_p = 1.0},
                                  {.temperature = 0.7, .top_k = 50, .top_p = 1.0},
                                  {.temperature = 0.5, .top_p = 0.7},
                                  {.temperature = 0.5, .top_p = 1.0, .min_p = 0.02},
                                  {.temperature = 0.6, .top_k = 30, .top_p = 0.8, .min_p = 0.01}};
    static float logits[V];
    static double p[V];
    static int drawn[V];
    heed_sampler sampler;

    (void)state;
    random_logits(logits, V, 3);
    assert_int_equal(heed_sampler_open(&sampler, V, NULL), HEED_OK);
    for (size_t w = 0; w < sizeof ways / sizeof ways[0]; w++) {
        heed_rng rng = heed_rng_make(9, w);
        double mean = 0.0, variance = 0.0, sum = 0.0;
        memset(drawn, 0, sizeof drawn);
        probabilities_of(&ways[w], logits, V, p);
        for (int i = 0; i < DRAWS; i++)
            drawn[heed_sampler_draw(&sampler, &ways[w], logits, NULL, &rng)]++;
        for (int i = 0; i < V; i++) {
            if (p[i] == 0.0)
                assert_int_equal(drawn[i], 0);
            mean += p[i] * (double)logits[i];
            sum += (double)drawn[i] * (double)logits[i];
        }
        for (int i = 0; i < V; i++)
            variance += p[i] * ((double)logits[i] - mean) * ((double)logits[i] - mean);
        /* the mean logit of the draws: five deviations */
        if (fabs(sum / DRAWS - mean) > 5.0 * sqrt(variance / DRAWS))
            fail_msg("way %zu: the mean logit of draws is %g, expected %g", w, sum / DRAWS, mean);
    }
    heed_sampler_close(&sampler);
}

/* --- penalties --- */

static int32_t drawn_with(const heed_sampling *s, const float *logits, const int32_t *ids, size_t n,
                          size_t n_prompt)
{
    heed_sampler sampler;
    heed_history history = {.n_prompt = n_prompt};
    heed_rng rng = heed_rng_make(1, 1);
    int32_t id;

    assert_int_equal(heed_sampler_open(&sampler, N, NULL), HEED_OK);
    assert_int_equal(heed_history_append(&history, ids, n, NULL), HEED_OK);
    id = heed_sampler_draw(&sampler, s, logits, &history, &rng);
    for (int i = 0; i < N; i++)
        assert_int_equal(sampler.counts[i], 0); /* ready for the next draw */
    heed_history_free(&history);
    heed_sampler_close(&sampler);
    return id;
}

/* Greedy over logits that are changed here, by the definition. */
static void penalties_are_what_they_are_said_to_be(void **state)
{
    heed_rng rng = heed_rng_make(4, 52);

    (void)state;
    for (int round = 0; round < 400; round++) {
        const heed_sampling s = {.top_p = 1.0,
                                 .repetition_penalty = round % 2 ? 1.0 + heed_rng_double(&rng) : 1.0,
                                 .presence_penalty = round % 3 ? 2.0 * heed_rng_double(&rng) - 0.5 : 0.0,
                                 .frequency_penalty = round % 5 ? heed_rng_double(&rng) : 0.0,
                                 .penalty_span = round % 4 * 7,
                                 .spare_prompt = round % 7 == 0};
        const size_t n = 30, n_prompt = 17, first = s.spare_prompt ? n_prompt : 0;
        const size_t span = s.penalty_span > 0 ? (size_t)s.penalty_span : n;
        float logits[N], changed[N];
        int32_t ids[30];
        random_logits(logits, N, (uint64_t)round);
        for (size_t i = 0; i < n; i++) /* the likely ones, so that it matters */
            ids[i] = (int32_t)(heed_rng_below(&rng, 3) && (i < n_prompt || !s.spare_prompt)
                                   ? largest(logits, N)
                                   : heed_rng_below(&rng, N));
        for (int i = 0; i < N; i++) {
            int count = 0;
            for (size_t k = first; k < n; k++)
                count += k + span >= n && ids[k] == i;
            double z = (double)logits[i];
            if (count > 0) {
                z = z > 0.0 ? z / s.repetition_penalty : z * s.repetition_penalty;
                z -= s.presence_penalty + s.frequency_penalty * count;
            }
            changed[i] = (float)z;
        }
        assert_int_equal(drawn_with(&s, logits, ids, n, n_prompt), largest(changed, N));
    }
}

static void penalties_of_one_and_zero_change_nothing(void **state)
{
    const heed_sampling none = {.temperature = 1.0, .top_p = 1.0},
                        neutral = {
                            .temperature = 1.0, .top_p = 1.0, .repetition_penalty = 1.0, .penalty_span = 5};

    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        float logits[N];
        int32_t ids[8] = {1, 2, 3, 3, 3, 4, 5, 49};
        random_logits(logits, N, seed);
        assert_int_equal(drawn_with(&none, logits, ids, 8, 0), drawn_with(&neutral, logits, ids, 8, 0));
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
        cmocka_unit_test(min_p_keeps_what_is_not_much_less_likely),
        cmocka_unit_test(draws_of_a_large_vocabulary_follow_the_probabilities),
        cmocka_unit_test(penalties_are_what_they_are_said_to_be),
        cmocka_unit_test(penalties_of_one_and_zero_change_nothing),
        cmocka_unit_test(equal_logits_go_by_their_ids),
        cmocka_unit_test(what_is_no_number_is_never_drawn),
        cmocka_unit_test(tokens_come_as_often_as_they_should),
        cmocka_unit_test(a_seed_gives_the_same_tokens_and_another_gives_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
