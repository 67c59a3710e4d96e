/* SPDX-License-Identifier: MIT */
/* Texts side by side: each is what it is alone, whatever its length and its neighbours. */
#include "cmocka_all.h"

#include <math.h>

#include "base/rng.h"
#include "infer/texts.h"
#include "small_model.h"

enum { N_TEXTS = 5, STEPS = 3 * SMALL_CONTEXT };

static const int prompts[N_TEXTS] = {1, SMALL_CONTEXT, 4, 2 * SMALL_CONTEXT + 3, SMALL_CONTEXT - 1};

static heed_texts *open_texts(const heed_model *model, int64_t n, bool no_cache, int64_t context)
{
    const heed_session_options options = {.threads = 1, .no_cache = no_cache, .context_length = context};
    heed_texts *texts = NULL;
    heed_error err = {0};

    if (heed_texts_open(model, &options, n, &texts, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return texts;
}

static void ask(heed_status status, const heed_error *err)
{
    if (status != HEED_OK)
        fail_msg("%s", err->message);
}

static void make_prompt(int32_t *ids, int n, uint64_t seed)
{
    heed_rng rng = heed_rng_make(seed, 42);

    for (int i = 0; i < n; i++)
        ids[i] = (int32_t)heed_rng_below(&rng, SMALL_VOCAB);
}

static void feed_prompt(heed_texts *texts, int64_t r, int number)
{
    int32_t ids[4 * SMALL_CONTEXT];
    heed_error err = {0};

    make_prompt(ids, prompts[number], (uint64_t)number);
    ask(heed_texts_feed(texts, r, ids, (size_t)prompts[number], NULL, &err), &err);
}

static int32_t likeliest(const float *logits)
{
    int32_t best = 0;

    for (int32_t i = 1; i < SMALL_VOCAB; i++)
        best = logits[i] > logits[best] ? i : best;
    return best;
}

/* Sums of sixteen products in another order, through two layers: some 1e-5 of logits of a few units. */
static void expect_near(const char *what, int64_t r, const float *a, const float *b)
{
    for (int i = 0; i < SMALL_VOCAB; i++) {
        if (!(fabsf(a[i] - b[i]) <= 2e-5f * (1.0f + fabsf(b[i]))))
            fail_msg("%s, row %lld: logit %d is %.8g, alone it is %.8g", what, (long long)r, i, (double)a[i],
                     (double)b[i]);
    }
}

/* Prompts shorter and longer than the window; windows slide at different times, and all of them more than once. */
static void a_row_of_a_batch_is_the_text_alone(void **state)
{
    const char *name;
    heed_config config;

    (void)state;
    for (int v = 0; small_variant(v, &config, &name); v++) {
        heed_model *model = small_model(&config, 21);
        heed_texts *batch = open_texts(model, N_TEXTS, false, 0), *alone[N_TEXTS];
        heed_error err = {0};
        for (int r = 0; r < N_TEXTS; r++) {
            alone[r] = open_texts(model, 1, r == 2, 0); /* one of them without a cache */
            feed_prompt(batch, r, r);
            feed_prompt(alone[r], 0, r);
        }
        for (int step = 0; step < STEPS; step++) {
            int32_t ids[N_TEXTS];
            for (int r = 0; r < N_TEXTS; r++) {
                expect_near(name, r, heed_texts_logits(batch, r), heed_texts_logits(alone[r], 0));
                ids[r] = likeliest(heed_texts_logits(batch, r));
                assert_int_equal(ids[r], likeliest(heed_texts_logits(alone[r], 0)));
                ask(heed_texts_step(alone[r], 1, &ids[r], &err), &err);
            }
            ask(heed_texts_step(batch, N_TEXTS, ids, &err), &err);
        }
        for (int r = 0; r < N_TEXTS; r++) {
            assert_true(batch->window[r].slides.n >= 3);
            assert_int_equal(batch->window[r].slides.n, alone[r]->window[0].slides.n);
            assert_int_equal(batch->window[r].slides.forgotten + batch->window[r].length, prompts[r] + STEPS);
            heed_texts_close(alone[r]);
        }
        heed_texts_close(batch);
        heed_model_close(model);
    }
}

/* Rows whose caches hold more keys than one segment of a split attention has, and fewer, under one head. */
static void long_rows_beside_short_ones_are_what_they_are_alone(void **state)
{
    enum { LONG = 2500 };
    static const int lengths[3] = {2300, 7, 1024};
    heed_config config = small_config();
    heed_error err = {0};
    int32_t ids[LONG];

    (void)state;
    config.n_heads = 2;
    config.positions = HEED_POSITIONS_ALIBI;
    config.context_length = LONG;
    heed_model *model = small_model(&config, 22);
    heed_texts *batch = open_texts(model, 3, false, 0);
    make_prompt(ids, LONG, 5);
    for (int r = 0; r < 3; r++)
        ask(heed_texts_feed(batch, r, ids, (size_t)lengths[r], NULL, &err), &err);
    ask(heed_texts_step(batch, 3, ids, &err), &err);
    for (int r = 0; r < 3; r++) {
        heed_texts *alone = open_texts(model, 1, false, 0);
        ask(heed_texts_feed(alone, 0, ids, (size_t)lengths[r], NULL, &err), &err);
        ask(heed_texts_step(alone, 1, &ids[r], &err), &err);
        expect_near("long", r, heed_texts_logits(batch, r), heed_texts_logits(alone, 0));
        heed_texts_close(alone);
    }
    heed_texts_close(batch);
    heed_model_close(model);
}

/* A row that becomes a copy of another continues as that one does; what both have read alike is not copied. */
static void a_copied_row_continues_as_its_source(void **state)
{
    const char *name;
    heed_config config;

    (void)state;
    for (int v = 0; small_variant(v, &config, &name); v++) {
        heed_model *model = small_model(&config, 23);
        heed_texts *texts = open_texts(model, 3, false, 0);
        heed_error err = {0};
        int32_t ids[3] = {5, 6, 7};
        size_t first, second;
        feed_prompt(texts, 0, 2);
        heed_texts_copy(texts, 1, 0, texts->window[0].length);
        heed_texts_copy(texts, 2, 0, texts->window[0].length);
        first = texts->copied_bytes;
        ask(heed_texts_step(texts, 3, ids, &err), &err);
        heed_texts_copy(texts, 2, 1, texts->window[1].length); /* it differs in its last token alone */
        second = texts->copied_bytes - first;
        assert_int_equal(first, second * 2 * 4); /* 4 tokens twice, 1 token once */
        expect_near(name, 2, heed_texts_logits(texts, 2), heed_texts_logits(texts, 1));
        ids[1] = ids[2] = 9;
        for (int step = 0; step < STEPS; step++) {
            ask(heed_texts_step(texts, 3, ids, &err), &err);
            expect_near(name, 2, heed_texts_logits(texts, 2), heed_texts_logits(texts, 1));
            ids[1] = ids[2] = likeliest(heed_texts_logits(texts, 1));
        }
        heed_texts_close(texts);
        heed_model_close(model);
    }
}

/* --- every token seen --- */

typedef struct sightings {
    heed_texts *alone;
    const int32_t *ids;
    size_t n;
} sightings;

static void see(void *context, size_t i, const float *logits)
{
    sightings *s = context;
    heed_error err = {0};

    assert_int_equal(i, s->n++);
    ask(heed_texts_step(s->alone, 1, &s->ids[i], &err), &err);
    expect_near("seen", (int64_t)i, logits, heed_texts_logits(s->alone, 0));
}

/* Logits behind each token of a prompt, longer than the context too, are those of the tokens fed one by one. */
static void each_token_of_a_prompt_can_be_seen(void **state)
{
    (void)state;
    for (int no_cache = 0; no_cache < 2; no_cache++) {
        const heed_config config = small_config();
        heed_model *model = small_model(&config, 24);
        heed_texts *texts = open_texts(model, 2, no_cache, 0);
        int32_t ids[3 * SMALL_CONTEXT];
        sightings s = {.alone = open_texts(model, 1, false, 0), .ids = ids};
        const heed_texts_seen seen = {see, &s};
        heed_error err = {0};
        make_prompt(ids, 3 * SMALL_CONTEXT, 8);
        ask(heed_texts_feed(texts, 1, ids, 3 * SMALL_CONTEXT, &seen, &err), &err);
        assert_int_equal(s.n, 3 * SMALL_CONTEXT);
        expect_near("last", 1, heed_texts_logits(texts, 1), heed_texts_logits(s.alone, 0));
        heed_texts_close(texts);
        heed_texts_close(s.alone);
        heed_model_close(model);
    }
}

/* A prompt is read in chunks: more of it changes nothing of what came before. */
static void a_prompt_of_several_chunks_is_its_tokens_one_by_one(void **state)
{
    enum { N = 2 * HEED_TEXTS_CHUNK + 3 };
    heed_config config = small_config();
    heed_error err = {0};
    static int32_t ids[N];

    (void)state;
    config.positions = HEED_POSITIONS_ROTARY;
    config.context_length = N + 5;
    heed_model *model = small_model(&config, 25);
    heed_texts *chunks = open_texts(model, 1, false, 0), *one = open_texts(model, 1, false, 0);
    make_prompt(ids, N, 9);
    ask(heed_texts_feed(chunks, 0, ids, N, NULL, &err), &err);
    assert_int_equal(chunks->many.options.n, 3);
    for (int i = 0; i < N; i++)
        ask(heed_texts_step(one, 1, &ids[i], &err), &err);
    expect_near("chunks", 0, heed_texts_logits(chunks, 0), heed_texts_logits(one, 0));
    heed_texts_close(chunks);
    heed_texts_close(one);
    heed_model_close(model);
}

/* --- the end of the window --- */

static void what_does_not_fit_is_refused_where_nothing_may_slide(void **state)
{
    const heed_session_options options = {.threads = 1, .overflow = HEED_OVERFLOW_STOP};
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 26);
    heed_texts *texts = NULL;
    heed_error err = {0};
    int32_t ids[SMALL_CONTEXT + 1];

    (void)state;
    make_prompt(ids, SMALL_CONTEXT + 1, 3);
    ask(heed_texts_open(model, &options, 2, &texts, &err), &err);
    assert_int_equal(heed_texts_feed(texts, 0, ids, SMALL_CONTEXT + 1, NULL, &err), HEED_ERR_USAGE);
    assert_non_null(strstr(err.message, "holds 8 tokens: 0 are there, and 9 more do not fit"));
    ask(heed_texts_feed(texts, 0, ids, SMALL_CONTEXT, NULL, &err), &err);
    assert_int_equal(heed_texts_room(texts, 0), 0);
    assert_int_equal(heed_texts_room(texts, 1), SMALL_CONTEXT);
    assert_int_equal(heed_texts_step(texts, 1, ids, &err), HEED_ERR_USAGE);
    assert_int_equal(texts->window[0].length, SMALL_CONTEXT);
    assert_int_equal(texts->window[0].slides.n, 0);
    heed_texts_clear(texts, 0);
    ask(heed_texts_step(texts, 2, ids, &err), &err);
    heed_texts_close(texts);
    heed_texts_close(NULL);
    heed_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_of_a_batch_is_the_text_alone),
        cmocka_unit_test(long_rows_beside_short_ones_are_what_they_are_alone),
        cmocka_unit_test(a_copied_row_continues_as_its_source),
        cmocka_unit_test(each_token_of_a_prompt_can_be_seen),
        cmocka_unit_test(a_prompt_of_several_chunks_is_its_tokens_one_by_one),
        cmocka_unit_test(what_does_not_fit_is_refused_where_nothing_may_slide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
