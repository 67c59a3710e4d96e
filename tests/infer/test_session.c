/* SPDX-License-Identifier: MIT */
/* Sessions: the cache changes no token, nor do pieces, other sessions or other threads. */
#include "cmocka_all.h"

#include <heed/generate.h>
#include <heed/session.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "small_model.h"

enum { LONGEST = 64, N_THREADS = 4 };

static heed_session *open_session(const heed_model *model, bool no_cache, uint64_t seed)
{
    const heed_session_options options = {.no_cache = no_cache, .threads = 1, .seed = seed};
    heed_session *session = NULL;
    heed_error err = {0};

    if (heed_session_open(model, &options, &session, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return session;
}

static void feed(heed_session *session, const int32_t *ids, size_t n)
{
    heed_error err = {0};

    if (heed_session_feed(session, ids, n, &err) != HEED_OK)
        fail_msg("%s", err.message);
}

static void make_prompt(int32_t *ids, int n, uint64_t seed)
{
    heed_rng rng = heed_rng_make(seed, 40);

    for (int i = 0; i < n; i++)
        ids[i] = (int32_t)heed_rng_below(&rng, SMALL_VOCAB);
}

/* A prompt and n tokens that continue it. */
static void generate(const heed_model *model, bool no_cache, int prompt, const heed_sampling *sampling,
                     uint64_t seed, int32_t *out, int n)
{
    heed_session *session = open_session(model, no_cache, seed);
    int32_t ids[LONGEST];

    make_prompt(ids, prompt, seed);
    feed(session, ids, (size_t)prompt);
    for (int i = 0; i < n; i++) {
        out[i] = heed_session_sample(session, sampling);
        feed(session, &out[i], 1);
    }
    heed_session_close(session);
}

/* --- with and without the cache --- */

static void expect_same_tokens(const char *what, const int32_t *a, const int32_t *b, int n)
{
    for (int i = 0; i < n; i++) {
        if (a[i] != b[i])
            fail_msg("%s: token %d is %d with the cache and %d without", what, i, (int)a[i], (int)b[i]);
    }
}

/* Continuations of three contexts, so that the window slides several times; prompts shorter and longer than it. */
static void the_cache_changes_no_token(void **state)
{
    static const int prompts[] = {
        1, 3, SMALL_CONTEXT - 1, SMALL_CONTEXT, SMALL_CONTEXT + 1, 3 * SMALL_CONTEXT + 2};
    const heed_sampling greedy = {.temperature = 0.0, .top_p = 1.0},
                        warm = {.temperature = 1.0, .top_k = 9, .top_p = 0.95};
    const char *name;
    heed_config config;

    (void)state;
    for (int v = 0; small_variant(v, &config, &name); v++) {
        heed_model *model = small_model(&config, 5);
        int n_different = 0;
        for (size_t p = 0; p < sizeof prompts / sizeof prompts[0]; p++) {
            enum { N = 3 * SMALL_CONTEXT };
            int32_t a[N], b[N];
            generate(model, false, prompts[p], &greedy, p, a, N);
            generate(model, true, prompts[p], &greedy, p, b, N);
            expect_same_tokens(name, a, b, N);
            generate(model, false, prompts[p], &warm, p, a, N);
            generate(model, true, prompts[p], &warm, p, b, N);
            expect_same_tokens(name, a, b, N);
            for (int i = 1; i < N; i++)
                n_different += a[i] != a[0];
        }
        assert_true(n_different > 10); /* it does not say one thing for ever */
        heed_model_close(model);
    }
}

/* Sums of sixteen products in another order, through two layers: some 1e-5 of logits of a few units. */
static void expect_near(const char *what, const float *a, const float *b)
{
    for (int i = 0; i < SMALL_VOCAB; i++) {
        if (!(fabsf(a[i] - b[i]) <= 2e-5f * (1.0f + fabsf(b[i]))))
            fail_msg("%s: logit %d is %.8g, expected %.8g", what, i, (double)a[i], (double)b[i]);
    }
}

static void a_text_in_pieces_is_the_text_at_once(void **state)
{
    const char *name;
    heed_config config;

    (void)state;
    for (int v = 0; small_variant(v, &config, &name); v++) {
        heed_model *model = small_model(&config, 6);
        for (int n = 1; n < 4 * SMALL_CONTEXT; n += 3) {
            heed_session *whole = open_session(model, false, 0), *parts = open_session(model, false, 0);
            heed_session *slow = open_session(model, true, 0);
            heed_rng rng = heed_rng_make((uint64_t)n, 41);
            int32_t ids[LONGEST];
            make_prompt(ids, n, (uint64_t)n);
            feed(whole, ids, (size_t)n);
            feed(slow, ids, (size_t)n);
            for (int at = 0; at < n;) {
                const int piece = 1 + (int)heed_rng_below(&rng, n - at);
                feed(parts, ids + at, (size_t)piece);
                at += piece;
            }
            expect_near(name, heed_session_logits(parts), heed_session_logits(whole));
            expect_near(name, heed_session_logits(slow), heed_session_logits(whole));
            assert_int_equal(heed_session_length(parts), heed_session_length(whole));
            assert_true(heed_session_length(whole) <= config.context_length);
            heed_session_close(whole);
            heed_session_close(parts);
            heed_session_close(slow);
        }
        heed_model_close(model);
    }
}

/* The window after a slide is its newer half and what came since: a fresh session that reads only this agrees. */
static void a_full_window_forgets_its_older_half(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 7);
    heed_session *session = open_session(model, false, 0), *fresh = open_session(model, false, 0);
    int32_t ids[SMALL_CONTEXT + 1];

    (void)state;
    make_prompt(ids, SMALL_CONTEXT + 1, 3);
    feed(session, ids, SMALL_CONTEXT);
    assert_int_equal(heed_session_length(session), SMALL_CONTEXT);
    feed(session, ids + SMALL_CONTEXT, 1);
    assert_int_equal(heed_session_length(session), SMALL_CONTEXT / 2 + 1);
    feed(fresh, ids + SMALL_CONTEXT / 2, SMALL_CONTEXT / 2 + 1);
    expect_near("fresh", heed_session_logits(session), heed_session_logits(fresh));
    heed_session_close(session);
    heed_session_close(fresh);
    heed_model_close(model);
}

static void a_context_of_one_token_works(void **state)
{
    heed_config config = small_config();
    const heed_sampling greedy = {.temperature = 0.0, .top_p = 1.0};
    int32_t a[10], b[10];

    (void)state;
    config.context_length = 1;
    heed_model *model = small_model(&config, 8);
    generate(model, false, 3, &greedy, 1, a, 10);
    generate(model, true, 3, &greedy, 1, b, 10);
    expect_same_tokens("context of one", a, b, 10);
    heed_model_close(model);
}

/*
 * Where no parameter knows the length, a model that was made for a short context and is given a longer one says what
 * the same weights say in a model that was made for it, with the cache and without. Tables refuse.
 */
static void a_longer_context_is_that_of_a_model_made_for_it(void **state)
{
    enum { LONG = 3 * SMALL_CONTEXT };
    const char *name;
    heed_config config;

    (void)state;
    for (int v = 0; small_variant(v, &config, &name); v++) {
        const bool table = small_table(&config);
        heed_session_options options = {.threads = 1, .context_length = LONG};
        heed_model *model = small_model(&config, 13), *made_for_it;
        heed_session *longer = NULL, *slow = NULL, *reference;
        heed_error err = {0};
        int32_t ids[LONG];
        const heed_status status = heed_session_open(model, &options, &longer, &err);
        assert_int_equal(status, table ? HEED_ERR_USAGE : HEED_OK);
        if (table) {
            assert_non_null(strstr(err.message, "table has"));
            heed_model_close(model);
            continue;
        }
        config.context_length = LONG;
        made_for_it = small_model(&config, 13);
        reference = open_session(made_for_it, false, 0);
        options.no_cache = true;
        assert_int_equal(heed_session_open(model, &options, &slow, &err), HEED_OK);
        make_prompt(ids, LONG, 14);
        feed(reference, ids, LONG);
        feed(slow, ids, LONG);
        for (int i = 0; i < LONG; i++)
            feed(longer, &ids[i], 1);
        assert_int_equal(heed_session_length(longer), LONG);
        expect_near(name, heed_session_logits(longer), heed_session_logits(reference));
        expect_near(name, heed_session_logits(slow), heed_session_logits(reference));
        heed_session_close(longer);
        heed_session_close(slow);
        heed_session_close(reference);
        heed_model_close(model);
        heed_model_close(made_for_it);
    }
}

/* A cache holds the heads of keys and values that there are: half of them, half the memory. */
static void shared_keys_take_less_memory(void **state)
{
    heed_config config = small_config();
    const heed_session_options options = {.threads = 1};
    heed_session *session = NULL;
    heed_error err = {0};
    double megabytes[3];

    (void)state;
    config.positions = HEED_POSITIONS_NONE;
    config.context_length = 1 << 24;
    config.n_layers = 1000;
    for (int i = 0; i < 3; i++) {
        config.n_kv_heads = i == 1 ? 1 : 0;
        config.tied_kv = i == 2;
        heed_model *model = small_model(&config, 12);
        assert_int_equal(heed_session_open(model, &options, &session, &err), HEED_ERR_MEMORY);
        assert_int_equal(sscanf(strstr(err.message, "needs "), "needs %lf MB", &megabytes[i]), 1);
        heed_model_close(model);
    }
    assert_true(fabs(megabytes[0] - 2.0 * 1000.0 * 16.0 * 4.0 * (1 << 24) / 1e6) < 1.0);
    assert_true(fabs(megabytes[1] - megabytes[0] / 2.0) < 1.0);
    assert_true(fabs(megabytes[2] - megabytes[0] / 2.0) < 1.0);
}

/* --- several sessions --- */

static void sessions_on_one_model_do_not_disturb_each_other(void **state)
{
    enum { N = 20 };
    const heed_config config = small_config();
    const heed_sampling warm = {.temperature = 1.0, .top_p = 1.0};
    heed_model *model = small_model(&config, 9);
    heed_session *a = open_session(model, false, 1), *b = open_session(model, false, 2);
    int32_t alone_a[N], alone_b[N], ids[2] = {3, 4};

    (void)state;
    feed(a, &ids[0], 1);
    for (int i = 0; i < N; i++) {
        alone_a[i] = heed_session_sample(a, &warm);
        feed(a, &alone_a[i], 1);
    }
    feed(b, &ids[1], 1);
    for (int i = 0; i < N; i++) {
        alone_b[i] = heed_session_sample(b, &warm);
        feed(b, &alone_b[i], 1);
    }
    heed_session_close(a);
    heed_session_close(b);
    a = open_session(model, false, 1);
    b = open_session(model, false, 2);
    feed(a, &ids[0], 1);
    feed(b, &ids[1], 1);
    for (int i = 0; i < N; i++) {
        const int32_t x = heed_session_sample(a, &warm), y = heed_session_sample(b, &warm);
        assert_int_equal(x, alone_a[i]);
        assert_int_equal(y, alone_b[i]);
        feed(b, &y, 1);
        feed(a, &x, 1);
    }
    heed_session_close(a);
    heed_session_close(b);
    heed_model_close(model);
}

typedef struct worker {
    const heed_model *model;
    uint64_t seed;
    int32_t tokens[40];
} worker;

static void *work(void *context)
{
    const heed_sampling warm = {.temperature = 0.9, .top_p = 0.9};
    worker *w = context;

    generate(w->model, false, 5, &warm, w->seed, w->tokens, 40);
    return NULL;
}

static void threads_with_sessions_of_their_own_write_what_they_write_alone(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 10);
    worker alone[N_THREADS], together[N_THREADS];
    pthread_t threads[N_THREADS];

    (void)state;
    for (int i = 0; i < N_THREADS; i++) {
        alone[i] = together[i] = (worker){.model = model, .seed = (uint64_t)i};
        work(&alone[i]);
    }
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &together[i]), 0);
    for (int i = 0; i < N_THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        expect_same_tokens("a thread", together[i].tokens, alone[i].tokens, 40);
    }
    heed_model_close(model);
}

/* --- errors --- */

static void wrong_tokens_are_refused_and_change_nothing(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 11);
    heed_session *session = open_session(model, false, 0);
    const heed_sampling greedy = {.temperature = 0.0, .top_p = 1.0};
    const int32_t wrong[3] = {1, 2, SMALL_VOCAB}, negative = -1, good = 1;
    float before[SMALL_VOCAB];
    heed_error err = {0};

    (void)state;
    assert_null(heed_session_logits(session));
    assert_int_equal(heed_session_sample(session, &greedy), -1); /* nothing was read */
    assert_int_equal(heed_session_feed(session, wrong, 0, &err), HEED_ERR_USAGE);
    assert_int_equal(heed_session_feed(session, wrong, 3, &err), HEED_ERR_USAGE);
    assert_non_null(strstr(err.message, "token 2"));
    assert_non_null(strstr(err.message, "22"));
    assert_int_equal(heed_session_feed(session, &negative, 1, &err), HEED_ERR_USAGE);
    assert_int_equal(heed_session_length(session), 0);
    feed(session, &good, 1);
    memcpy(before, heed_session_logits(session), sizeof before);
    assert_int_equal(heed_session_feed(session, wrong, 3, &err), HEED_ERR_USAGE);
    assert_int_equal(heed_session_length(session), 1);
    assert_memory_equal(before, heed_session_logits(session), sizeof before);
    heed_session_close(session);
    heed_session_close(NULL);
    heed_model_close(model);
}

static void a_cache_larger_than_memory_is_refused(void **state)
{
    heed_config config = small_config();
    const heed_session_options options = {.threads = 1};
    heed_session *session = NULL;
    heed_error err = {0};

    (void)state;
    config.positions = HEED_POSITIONS_NONE; /* weights stay small */
    config.context_length = 1 << 24;
    config.n_layers = 1000;
    heed_model *model = small_model(&config, 12);
    assert_int_equal(heed_session_open(model, &options, &session, &err), HEED_ERR_MEMORY);
    assert_non_null(strstr(err.message, "MB"));
    assert_null(session);
    heed_model_close(model);
}

/* A text is written from left to right; a model that reads later tokens too has no next token to give. */
static void a_model_that_is_not_causal_writes_nothing(void **state)
{
    heed_config config = small_config();
    const heed_session_options options = {.threads = 1};
    const heed_prompt prompt = {.text = "abc", .n_text = 3};
    heed_generate_options generate = heed_generate_default();
    heed_session *session = NULL;
    heed_error err = {0};

    (void)state;
    config.causal = false;
    heed_model *model = small_model(&config, 12);
    assert_int_equal(heed_session_open(model, &options, &session, &err), HEED_ERR_USAGE);
    assert_non_null(strstr(err.message, "not causal"));
    assert_null(session);
    generate.session.threads = 1;
    assert_int_equal(heed_generate(model, &prompt, 1, &generate, NULL, NULL, NULL, &err), HEED_ERR_USAGE);
    assert_non_null(strstr(err.message, "not causal"));
    generate.beams = 2;
    generate.sampling.temperature = 0.0;
    assert_int_equal(heed_generate(model, &prompt, 1, &generate, NULL, NULL, NULL, &err), HEED_ERR_USAGE);
    assert_non_null(strstr(err.message, "not causal"));
    heed_model_close(model);
    config.attention = false; /* no token is read but the last: causal or not is the same */
    model = small_model(&config, 12);
    assert_int_equal(heed_session_open(model, &options, &session, &err), HEED_OK);
    heed_session_close(session);
    heed_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cache_changes_no_token),
        cmocka_unit_test(a_text_in_pieces_is_the_text_at_once),
        cmocka_unit_test(a_full_window_forgets_its_older_half),
        cmocka_unit_test(a_context_of_one_token_works),
        cmocka_unit_test(a_longer_context_is_that_of_a_model_made_for_it),
        cmocka_unit_test(shared_keys_take_less_memory),
        cmocka_unit_test(sessions_on_one_model_do_not_disturb_each_other),
        cmocka_unit_test(threads_with_sessions_of_their_own_write_what_they_write_alone),
        cmocka_unit_test(wrong_tokens_are_refused_and_change_nothing),
        cmocka_unit_test(a_cache_larger_than_memory_is_refused),
        cmocka_unit_test(a_model_that_is_not_causal_writes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
