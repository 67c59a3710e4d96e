/* SPDX-License-Identifier: MIT */
/* Circles against a search by hand, figures of each token against the model's own, verdicts and what is tried. */
#include "../cmocka_all.h"

#include <heed/diagnosis.h>
#include <heed/inspect.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../infer/small_model.h"
#include "base/rng.h"

/* --- repetition --- */

/* Every period and every beginning, tried out. */
static heed_repetition search(const int32_t *ids, int64_t n)
{
    heed_repetition best = {.loop_start = -1};

    for (int64_t start = n - 1; start >= 0; start--) {
        for (int64_t period = 1; period <= n - start; period++) {
            const int64_t tokens = n - start, copies = tokens / period;
            bool same = true;

            for (int64_t i = start + period; i < n; i++)
                same = same && ids[i] == ids[i - period];
            if (!same)
                continue;
            if ((copies >= 3 && tokens >= 6) || (copies >= 2 && period >= 8)) {
                best.loop_start = start;
                best.loop_length = period;
                best.loop_copies = copies;
            }
            break; /* the shortest period of this stretch */
        }
    }
    return best;
}

static double count_distinct(const int32_t *ids, int64_t n, int64_t k)
{
    int64_t different = 0;

    for (int64_t i = 0; i + k <= n; i++) {
        bool seen = false;
        for (int64_t j = 0; j < i; j++)
            seen = seen || memcmp(ids + i, ids + j, (size_t)k * sizeof *ids) == 0;
        different += !seen;
    }
    return n - k + 1 > 0 ? (double)different / (double)(n - k + 1) : NAN;
}

static void check_ids(const int32_t *ids, int64_t n)
{
    const heed_repetition expected = search(ids, n);
    heed_repetition got;
    heed_error err = {0};

    assert_int_equal(heed_repetition_find(ids, (size_t)n, &got, &err), HEED_OK);
    assert_int_equal(got.loop_start, expected.loop_start);
    assert_int_equal(got.loop_length, expected.loop_length);
    assert_int_equal(got.loop_copies, expected.loop_copies);
    for (int k = 1; k <= HEED_REPETITION_GRAMS; k++) {
        const double distinct = count_distinct(ids, n, k);
        assert_true(isnan(distinct) ? isnan(got.distinct[k - 1]) : got.distinct[k - 1] == distinct);
    }
}

static void circles_are_those_of_an_exhaustive_search(void **state)
{
    heed_rng rng = heed_rng_make(3, 0);
    int32_t ids[64];

    (void)state;
    check_ids(ids, 0);
    for (int round = 0; round < 3000; round++) {
        const int64_t n = 1 + heed_rng_below(&rng, 60), period = 1 + heed_rng_below(&rng, 20);
        const int64_t V = 1 + heed_rng_below(&rng, 4), start = heed_rng_below(&rng, n + 1);

        for (int64_t i = 0; i < n; i++)
            ids[i] = i >= start + period ? ids[i - period] : (int32_t)heed_rng_below(&rng, V);
        check_ids(ids, n);
    }
}

static void a_circle_is_found_where_it_begins(void **state)
{
    static const int32_t ids[] = {7, 7, 5, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1};
    heed_repetition got;
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_repetition_find(ids, 13, &got, &err), HEED_OK);
    assert_int_equal(got.loop_start, 3);
    assert_int_equal(got.loop_length, 3);
    assert_int_equal(got.loop_copies, 3);
    assert_int_equal(heed_repetition_find(ids, 5, &got, &err), HEED_OK);
    assert_int_equal(got.loop_start, -1);
}

/* --- what went into each token --- */

static heed_diagnosis *diagnose(const heed_model *model, const char *prompt, heed_generate_options options)
{
    const heed_prompt p = {.text = prompt, .n_text = strlen(prompt)};
    heed_diagnosis *d = NULL;
    heed_error err = {0};

    if (heed_diagnose(model, &p, &options, &d, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return d;
}

static heed_generate_options greedy(int64_t n)
{
    heed_generate_options o = heed_generate_default();

    o.max_tokens = n;
    o.sampling.temperature = 0.0;
    return o;
}

/* The text of ids, which a small model spells letter by letter. */
static char *spell(const heed_model *model, const int32_t *ids, size_t n)
{
    char *text = calloc(n + 1, 1);

    for (size_t i = 0; i < n; i++) {
        size_t n_piece = 0;
        text[i] = *heed_model_piece(model, ids[i], &n_piece);
    }
    return text;
}

/* Logits of the whole text at once, in double precision from there on. */
static void figures_are_those_of_the_models_logits(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 3);
    heed_diagnosis *d = diagnose(model, "ab", greedy(SMALL_CONTEXT - 2));
    size_t n_prompt, n;
    const int32_t *ids = heed_diagnosis_ids(d, &n_prompt, &n);
    heed_session *session = NULL;
    heed_error err = {0};

    (void)state;
    assert_int_equal(n_prompt, 2);
    assert_int_equal(n, SMALL_CONTEXT);
    assert_int_equal(heed_session_open(model, NULL, &session, &err), HEED_OK);
    assert_int_equal(heed_session_feed(session, ids, 1, &err), HEED_OK);
    for (size_t i = 1; i < n; i++) {
        const heed_diagnosis_step *step = i >= n_prompt ? &heed_diagnosis_steps(d)[i - n_prompt] : NULL;
        double p[SMALL_VOCAB], sum = 0.0, entropy = 0.0, top = 0.0, second = 0.0;

        if (i > 1)
            assert_int_equal(heed_session_feed(session, &ids[i - 1], 1, &err), HEED_OK);
        for (int v = 0; v < SMALL_VOCAB; v++)
            sum += p[v] = exp((double)heed_session_logits(session)[v]);
        for (int v = 0; v < SMALL_VOCAB; v++) {
            p[v] /= sum;
            entropy -= p[v] * log(p[v]);
            second = p[v] > top ? top : p[v] > second ? p[v] : second;
            top = p[v] > top ? p[v] : top;
        }
        if (step == NULL)
            continue;
        assert_int_equal(step->id, ids[i]);
        assert_int_equal(step->likeliest, ids[i]); /* it is greedy */
        assert_true(fabs(step->probability - p[ids[i]]) < 1e-6);
        assert_true(fabs(step->top - top) < 1e-6);
        assert_true(fabs(step->margin - (top - second)) < 1e-6);
        assert_true(fabs(step->entropy - entropy) < 1e-5);
    }
    heed_session_close(session);
    heed_diagnosis_destroy(d);
    heed_model_close(model);
}

/* Of a whole text and of one whose beginning has slid out. */
static void places_are_those_of_the_patterns(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 4);

    (void)state;
    for (int64_t length = 4; length <= 21; length += 17) {
        heed_diagnosis *d = diagnose(model, "abc", greedy(length));
        size_t n_prompt, n, n_known = 0;
        const int32_t *ids = heed_diagnosis_ids(d, &n_prompt, &n);

        for (size_t i = 0; i < n - n_prompt; i++) {
            const heed_diagnosis_step *step = &heed_diagnosis_steps(d)[i];
            double sum = 0.0;

            if (step->attended[0] < 0) {
                assert_true(isnan(step->previous) && length > SMALL_CONTEXT);
                continue;
            }
            n_known++;
            for (int k = 0; k < HEED_DIAGNOSIS_ATTENDED && step->attended[k] >= 0; k++) {
                assert_true(step->attended[k] < (int64_t)(n_prompt + i));
                assert_true(k == 0 || step->weight[k] <= step->weight[k - 1]);
                sum += step->weight[k];
            }
            assert_true(sum > 0.0 && sum < 1.0 + 1e-5);
        }
        assert_true(n_known > 0);
        if (length < SMALL_CONTEXT) { /* the last row, from the maps of the text without its last token */
            const heed_diagnosis_step *last = &heed_diagnosis_steps(d)[n - n_prompt - 1];
            char *text = spell(model, ids, n - 1);
            heed_attention_maps *maps = NULL;
            heed_error err = {0};
            double mean[SMALL_CONTEXT] = {0};

            assert_int_equal(heed_attention_maps_create(model, text, n - 1, &maps, &err), HEED_OK);
            for (int head = 0; head < 4; head++) {
                for (size_t j = 0; j < n - 1; j++)
                    mean[j] += 0.25 * (double)heed_attention_maps_pattern(maps, head / 2,
                                                                          head % 2)[(n - 2) * (n - 1) + j];
            }
            for (size_t j = 0; j < n - 1; j++)
                assert_true(mean[j] <= last->weight[0] + 1e-6);
            assert_true(fabs(mean[last->attended[0]] - last->weight[0]) < 1e-6);
            assert_true(fabs(mean[n - 3] - last->previous) < 1e-6);
            heed_attention_maps_destroy(maps);
            free(text);
        }
        heed_diagnosis_destroy(d);
    }
    heed_model_close(model);
}

/* --- verdicts --- */

/* A bigram model of given logits: what follows what can be written down. */
static heed_model *bigram(const float *logits)
{
    heed_config config;
    heed_model *model;
    heed_error err = {0};

    assert_int_equal(heed_config_preset("bigram", &config, &err), HEED_OK);
    config.vocab_size = SMALL_VOCAB;
    config.context_length = 64;
    model = small_model(&config, 1);
    memcpy((float *)(uintptr_t)model->weights->list[0].data, logits, sizeof(float) * SMALL_VOCAB * SMALL_VOCAB);
    return model;
}

/* After i comes (i + 1) mod period, by so many nats. */
static void circle_of(float *logits, int period, float nats)
{
    memset(logits, 0, sizeof(float) * SMALL_VOCAB * SMALL_VOCAB);
    for (int i = 0; i < SMALL_VOCAB; i++)
        logits[i * SMALL_VOCAB + (i + 1) % period] = nats;
}

static void expect_verdict(const float *logits, heed_generate_options options, heed_verdict verdict,
                           const char *words, int n_remedies)
{
    heed_model *model = bigram(logits);
    heed_diagnosis *d = diagnose(model, "a", options);

    if (heed_diagnosis_verdict(d) != verdict)
        fail_msg("verdict %s, expected %s", heed_verdict_name(heed_diagnosis_verdict(d)),
                 heed_verdict_name(verdict));
    if (strstr(heed_diagnosis_words(d), words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", heed_diagnosis_words(d), words);
    assert_int_equal(heed_diagnosis_n_remedies(d), n_remedies);
    heed_diagnosis_destroy(d);
    heed_model_close(model);
}

static void each_verdict_has_its_cause(void **state)
{
    float logits[SMALL_VOCAB * SMALL_VOCAB];
    heed_generate_options drawn = greedy(40), hot = greedy(60);

    (void)state;
    drawn.sampling.temperature = 1.0;
    hot.sampling.temperature = 40.0;
    circle_of(logits, 4, 9.0f);
    expect_verdict(logits, greedy(40), HEED_VERDICT_PEAKED, "peaked distribution under greedy decoding", 3);
    expect_verdict(logits, drawn, HEED_VERDICT_PEAKED, "peaked distribution under sampling", 3);
    circle_of(logits, 4, 1.0f);
    expect_verdict(logits, greedy(40), HEED_VERDICT_CIRCLE,
                   "greedy decoding of a distribution that is not sure", 3);
    circle_of(logits, 1, 9.0f);
    expect_verdict(logits, greedy(40), HEED_VERDICT_PEAKED, "the same token comes again and again", 3);
    circle_of(logits, 4, 0.0f);
    expect_verdict(logits, drawn, HEED_VERDICT_UNTRAINED, "train it longer", 0);
    circle_of(logits, SMALL_VOCAB, 4.0f);
    expect_verdict(logits, hot, HEED_VERDICT_SCATTERED, "unlikely tokens", 2);
    expect_verdict(logits, greedy(20), HEED_VERDICT_SOUND, "no circle", 0);
}

static void what_is_tried_breaks_the_circle(void **state)
{
    float logits[SMALL_VOCAB * SMALL_VOCAB];
    heed_model *model;
    heed_diagnosis *d, *again;

    (void)state;
    circle_of(logits, 3, 3.0f);
    model = bigram(logits);
    d = diagnose(model, "a", greedy(60));
    again = diagnose(model, "a", greedy(60));
    assert_int_equal(heed_diagnosis_repetition(d)->loop_length, 3);
    assert_true(heed_diagnosis_n_remedies(d) == 3);
    for (int i = 0; i < 3; i++) {
        const heed_remedy *r = heed_diagnosis_remedy(d, i);
        /* a penalty divides logits, and those of all other tokens are 0 here: it cannot help */
        assert_true(i == 2 || r->repetition.distinct[3] > heed_diagnosis_repetition(d)->distinct[3]);
        assert_memory_equal(r->ids, heed_diagnosis_remedy(again, i)->ids, r->n * sizeof *r->ids);
    }
    heed_diagnosis_destroy(again);
    heed_diagnosis_destroy(d);
    heed_model_close(model);
}

static void what_cannot_be_looked_at_is_refused(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 3);
    const heed_prompt good = {.text = "ab", .n_text = 2}, foreign = {.text = "Z", .n_text = 1};
    heed_generate_options none = greedy(0);
    heed_diagnosis *d = NULL;
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_diagnose(model, &good, &none, &d, &err), HEED_ERR_USAGE);
    assert_non_null(strstr(err.message, "max_tokens"));
    assert_int_equal(heed_diagnose(model, &foreign, NULL, &d, &err), HEED_ERR_USAGE);
    for (int i = 0; i < model->weights->n; i++)
        ((float *)(uintptr_t)model->weights->list[i].data)[0] = NAN;
    assert_int_equal(heed_diagnose(model, &good, NULL, &d, &err), HEED_ERR_CHECK);
    assert_non_null(strstr(err.message, "no numbers"));
    assert_null(d);
    heed_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(circles_are_those_of_an_exhaustive_search),
        cmocka_unit_test(a_circle_is_found_where_it_begins),
        cmocka_unit_test(figures_are_those_of_the_models_logits),
        cmocka_unit_test(places_are_those_of_the_patterns),
        cmocka_unit_test(each_verdict_has_its_cause),
        cmocka_unit_test(what_is_tried_breaks_the_circle),
        cmocka_unit_test(what_cannot_be_looked_at_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
