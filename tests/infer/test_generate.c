/* SPDX-License-Identifier: MIT */
/* Generation: what is written, why it ends, and that company changes nothing. */
#include "cmocka_all.h"

#include <heed/generate.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "infer/held_text.h"
#include "small_model.h"

enum { MOST_TEXTS = 12, MOST_TOKENS = 80 };

/* What the callback was told of a text. */
typedef struct told {
    int32_t ids[MOST_TOKENS], prompt_ids[MOST_TOKENS];
    double log_probability[MOST_TOKENS], prompt_log_probability[MOST_TOKENS];
    heed_likelihood likeliest[MOST_TOKENS][3];
    int n, n_prompt, n_calls, n_text;
    char text[4 * MOST_TOKENS];
    heed_finish finish;
} told;

typedef struct listener {
    int64_t samples; /* of a prompt */
    int most;        /* tokens after which a text is ended; 0: never */
    told texts[MOST_TEXTS];
} listener;

static bool listen_to(void *context, const heed_written *w)
{
    listener *l = context;
    told *t = &l->texts[w->prompt * l->samples + w->sample];

    assert_int_equal(t->finish, HEED_FINISH_NONE); /* nothing comes behind the last call */
    t->n_calls++;
    if (w->in_prompt) {
        t->prompt_log_probability[t->n_prompt] = w->log_probability;
        t->prompt_ids[t->n_prompt++] = w->id;
        return true;
    }
    if (w->id >= 0) {
        for (int64_t i = 0; i < w->n_likeliest && i < 3; i++)
            t->likeliest[t->n][i] = w->likeliest[i];
        t->log_probability[t->n] = w->log_probability;
        t->ids[t->n++] = w->id;
    }
    memcpy(t->text + t->n_text, w->text, w->n_text);
    t->n_text += (int)w->n_text;
    t->finish = w->finish;
    return l->most == 0 || t->n < l->most;
}

static heed_generate_options greedy_options(int64_t max_tokens)
{
    heed_generate_options options = heed_generate_default();

    options.max_tokens = max_tokens;
    options.sampling.temperature = 0.0;
    options.session.threads = 1;
    return options;
}

static listener generate(const heed_model *model, const heed_prompt *prompts, int64_t n,
                         const heed_generate_options *options, heed_generated *results)
{
    listener l = {.samples = options->n};
    heed_error err = {0};

    if (heed_generate(model, prompts, n, options, listen_to, &l, results, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return l;
}

static heed_prompt prompt_of(const char *text)
{
    return (heed_prompt){.text = text, .n_text = strlen(text)};
}

static void expect_ids(const char *what, const told *a, const told *b)
{
    if (a->n != b->n)
        fail_msg("%s: %d tokens, expected %d", what, a->n, b->n);
    for (int i = 0; i < a->n; i++) {
        if (a->ids[i] != b->ids[i])
            fail_msg("%s: token %d is %d, expected %d", what, i, (int)a->ids[i], (int)b->ids[i]);
    }
}

/* --- company --- */

static const char *const several[] = {"a", "bcdefghi", "wvutsrqponmlkjihgfedcba", "cab", "dad", "egg", "fab"};
enum { N_SEVERAL = sizeof several / sizeof several[0] };

/* More texts than rows, so that some wait; the windows of all of them slide. */
static void a_batch_writes_what_each_prompt_gives_alone(void **state)
{
    const char *name;
    heed_config config;

    (void)state;
    for (int v = 0; small_variant(v, &config, &name); v++) {
        heed_model *model = small_model(&config, 31);
        heed_generate_options options = greedy_options(3 * SMALL_CONTEXT);
        heed_prompt prompts[N_SEVERAL];
        for (int i = 0; i < N_SEVERAL; i++)
            prompts[i] = prompt_of(several[i]);
        for (int warm = 0; warm < 2; warm++) {
            heed_generated results[N_SEVERAL];
            options.sampling.temperature = warm;
            options.session.seed = 3;
            options.batch_size = 3;
            const listener together = generate(model, prompts, N_SEVERAL, &options, results);
            for (int i = 0; i < N_SEVERAL; i++) {
                heed_generated result;
                const listener alone = generate(model, &prompts[i], 1, &options, &result);
                expect_ids(name, &together.texts[i], &alone.texts[0]);
                assert_int_equal(together.texts[i].n, 3 * SMALL_CONTEXT);
                assert_int_equal(results[i].finish, HEED_FINISH_LENGTH);
                assert_int_equal(results[i].slides.n, result.slides.n);
                assert_int_equal(results[i].slides.forgotten, result.slides.forgotten);
                assert_int_equal(results[i].n_prompt, strlen(several[i]));
            }
        }
        heed_model_close(model);
    }
}

/* Texts of one prompt share what the cache holds of it. Text i is the one that seed + i gives alone. */
static void the_texts_of_a_prompt_are_those_of_the_seeds_that_follow(void **state)
{
    enum { N = 6 };
    static const char *const words[2] = {"ab", "wvutsrqponmlkjih"};
    static const int batch_sizes[4] = {1, 4, 4, 1},
                     max_tokens[4] = {20, 20, 5, 5}; /* 5: windows do not slide */

    (void)state;
    for (int way = 0; way < 4; way++) {
        const heed_config config = small_config();
        heed_model *model = small_model(&config, 32);
        heed_generate_options options = greedy_options(max_tokens[way]);
        const heed_prompt prompts[2] = {prompt_of(words[0]), prompt_of(words[1])};
        int n_different = 0;
        options.sampling.temperature = 1.0;
        options.session.seed = 100;
        options.batch_size = batch_sizes[way];
        options.n = N;
        const listener together = generate(model, prompts, 2, &options, NULL);
        options.n = 1;
        for (int i = 0; i < 2 * N; i++) {
            options.session.seed = 100 + (uint64_t)(i % N);
            const listener alone = generate(model, &prompts[i / N], 1, &options, NULL);
            expect_ids("a sample", &together.texts[i], &alone.texts[0]);
            n_different += memcmp(together.texts[i].ids, together.texts[0].ids, sizeof alone.texts[0].ids) != 0;
        }
        assert_true(n_different > N);
        heed_model_close(model);
    }
}

/* Texts that end at different times, so that rows move. */
static void rows_that_finish_drop_out(void **state)
{
    static const char *const stop[] = {"g", "h"};
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 33);
    heed_generate_options options = greedy_options(60);
    heed_prompt prompts[N_SEVERAL];
    heed_generated results[N_SEVERAL];
    int n_stopped = 0;

    (void)state;
    for (int i = 0; i < N_SEVERAL; i++)
        prompts[i] = prompt_of(several[i]);
    options.sampling.temperature = 1.5;
    options.stop = stop;
    options.n_stop = 2;
    const listener together = generate(model, prompts, N_SEVERAL, &options, results);
    for (int i = 0; i < N_SEVERAL; i++) {
        const listener alone = generate(model, &prompts[i], 1, &options, NULL);
        expect_ids("a row", &together.texts[i], &alone.texts[0]);
        n_stopped += results[i].finish == HEED_FINISH_STOP;
    }
    assert_true(n_stopped >= 4);
    heed_model_close(model);
}

static void a_session_writes_what_generate_writes_and_goes_on(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 34);
    heed_generate_options options = greedy_options(30);
    const heed_session_options session_options = {.threads = 1, .seed = 9};
    const heed_prompt prompt = prompt_of("badge");
    heed_session *session = NULL;
    heed_generated result;
    heed_error err = {0};
    int32_t *ids = NULL;
    size_t n = 0;
    listener parts = {.samples = 1};

    (void)state;
    options.sampling.temperature = 0.9;
    options.sampling.repetition_penalty = 1.3;
    options.session = session_options;
    const listener whole = generate(model, &prompt, 1, &options, NULL);
    assert_int_equal(heed_session_open(model, &session_options, &session, &err), HEED_OK);
    assert_int_equal(heed_session_generate(session, &options, NULL, NULL, NULL, &err), HEED_ERR_USAGE);
    assert_int_equal(heed_model_encode_prompt(model, &prompt, false, &ids, &n, &err), HEED_OK);
    assert_int_equal(heed_session_feed(session, ids, n, &err), HEED_OK);
    options.max_tokens = 10;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(heed_session_generate(session, &options, listen_to, &parts, &result, &err), HEED_OK);
        assert_int_equal(parts.texts[0].finish, HEED_FINISH_LENGTH);
        assert_int_equal(result.n_written, 10);
        parts.texts[0].finish = HEED_FINISH_NONE;
    }
    expect_ids("a session", &parts.texts[0], &whole.texts[0]);
    free(ids);
    heed_session_close(session);
    heed_model_close(model);
}

/* --- why a text ends --- */

static void max_tokens_end_a_text_and_none_are_none(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 35);
    const heed_prompt prompt = prompt_of("abc");

    (void)state;
    for (int max_tokens = 0; max_tokens < 3; max_tokens++) {
        const heed_generate_options options = greedy_options(max_tokens);
        heed_generated result;
        const listener l = generate(model, &prompt, 1, &options, &result);
        assert_int_equal(l.texts[0].n, max_tokens);
        assert_int_equal(l.texts[0].n_calls, max_tokens == 0 ? 1 : max_tokens);
        assert_int_equal(l.texts[0].finish, HEED_FINISH_LENGTH);
        assert_int_equal(result.finish, HEED_FINISH_LENGTH);
        assert_int_equal(result.n_written, max_tokens);
    }
    heed_model_close(model);
}

/* Stop strings taken from what is written without them: in whatever place they are, the text ends before them. */
static void a_stop_string_ends_a_text_and_is_not_handed_on(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 36);
    const heed_prompt prompt = prompt_of("abc");
    heed_generate_options options = greedy_options(40);

    (void)state;
    options.sampling.temperature = 1.0;
    const listener whole = generate(model, &prompt, 1, &options, NULL);
    assert_int_equal(whole.texts[0].n_text, 40);
    for (int at = 0; at < 30; at += 7) {
        char word[6];
        const char *const stop[] = {"zzz", word};
        heed_generated result;
        snprintf(word, sizeof word, "%.5s", whole.texts[0].text + at);
        options.stop = stop;
        options.n_stop = 2;
        const listener l = generate(model, &prompt, 1, &options, &result);
        assert_int_equal(l.texts[0].finish, HEED_FINISH_STOP);
        assert_int_equal(l.texts[0].n_text, at);
        assert_memory_equal(l.texts[0].text, whole.texts[0].text, (size_t)at);
        assert_int_equal(result.n_written, at + 5);
    }
    heed_model_close(model);
}

static void the_end_of_text_token_ends_a_text_unless_it_is_ignored(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 37);
    const heed_prompt prompt = prompt_of("abc");
    heed_generate_options options = greedy_options(40);
    heed_generated result;
    int first = 0;

    (void)state;
    options.sampling.temperature = 1.0;
    const listener whole = generate(model, &prompt, 1, &options, NULL);
    model->end_of_text = whole.texts[0].ids[17];
    while (whole.texts[0].ids[first] != model->end_of_text)
        first++;
    const listener ended = generate(model, &prompt, 1, &options, &result);
    assert_int_equal(result.finish, HEED_FINISH_END_OF_TEXT);
    assert_int_equal(ended.texts[0].n, first + 1);
    assert_int_equal(ended.texts[0].n_text, first); /* the token itself is no text */
    options.ignore_end_of_text = true;
    const listener ignored = generate(model, &prompt, 1, &options, &result);
    expect_ids("ignored", &ignored.texts[0], &whole.texts[0]);
    heed_model_close(model);
}

static void the_callback_ends_its_own_text_alone(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 38);
    const heed_prompt prompts[2] = {prompt_of("abc"), prompt_of("cab")};
    const heed_generate_options options = greedy_options(20);
    listener l = {.samples = 1, .most = 5};
    heed_generated results[2];

    (void)state;
    assert_int_equal(heed_generate(model, prompts, 2, &options, listen_to, &l, results, NULL), HEED_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(l.texts[i].n, 5);
        assert_int_equal(results[i].finish, HEED_FINISH_CALLER);
        assert_int_equal(results[i].n_written, 5);
    }
    assert_int_equal(heed_generate(model, prompts, 2, &options, NULL, NULL, results, NULL), HEED_OK);
    assert_int_equal(results[1].n_written, 20); /* nobody listens, nobody ends it */
    heed_model_close(model);
}

/* slide: it goes on; stop: prompt and text fill the context and no more; error: it must fit beforehand. */
static void a_full_context_slides_stops_or_is_refused(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 39);
    heed_prompt prompt = prompt_of("abc");
    heed_generate_options options = greedy_options(50);
    heed_generated result;
    heed_error err = {0};

    (void)state;
    generate(model, &prompt, 1, &options, &result);
    assert_int_equal(result.n_written, 50);
    assert_true(result.slides.n > 8);
    assert_int_equal(result.slides.forgotten, result.slides.n * (SMALL_CONTEXT / 2));
    options.session.overflow = HEED_OVERFLOW_STOP;
    generate(model, &prompt, 1, &options, &result);
    assert_int_equal(result.finish, HEED_FINISH_CONTEXT);
    assert_int_equal(result.n_written, SMALL_CONTEXT - 3);
    assert_int_equal(result.slides.n, 0);
    prompt = prompt_of("abcdefgh");
    generate(model, &prompt, 1, &options, &result);
    assert_int_equal(result.finish, HEED_FINISH_CONTEXT);
    assert_int_equal(result.n_written, 0);
    prompt = prompt_of("abcdefghi");
    assert_int_equal(heed_generate(model, &prompt, 1, &options, NULL, NULL, NULL, &err), HEED_ERR_USAGE);
    assert_non_null(strstr(err.message, "the prompt has 9 tokens, the context holds 8"));
    options.session.overflow = HEED_OVERFLOW_ERROR;
    prompt = prompt_of("abc");
    assert_int_equal(heed_generate(model, &prompt, 1, &options, NULL, NULL, NULL, &err), HEED_ERR_USAGE);
    assert_non_null(strstr(err.message, "3 tokens and 50 more"));
    options.max_tokens = 5;
    generate(model, &prompt, 1, &options, &result);
    assert_int_equal(result.finish, HEED_FINISH_LENGTH);
    heed_model_close(model);
}

/* --- tokens that are parts of characters --- */

/* Byte-level, as GPT-2 writes them: the bytes of "é", "€" and "🙂" one by one, and whatever comes from drawing them. */
static const char byte_tokens[] = "{\"model\": {\"type\": \"BPE\", \"merges\": [], \"vocab\": {\"a\": 0, "
                                  "\"b\": 1, \"\u00c3\": 2, \"\u00a9\": 3, "
                                  "\"\u00e2\": 4, \"\u0124\": 5, \"\u00ac\": 6, \"\u00f0\": 7, \"\u0141\": 8, "
                                  "\"\u013b\": 9, \"c\": 10, \"d\": 11, "
                                  "\"e\": 12, \"f\": 13, \"g\": 14, \"h\": 15, \"i\": 16, \"j\": 17, \"k\": "
                                  "18, \"l\": 19, \"m\": 20, \"n\": 21, "
                                  "\"o\": 22}}, \"pre_tokenizer\": {\"type\": \"ByteLevel\", "
                                  "\"add_prefix_space\": false, \"use_regex\": true}, "
                                  "\"decoder\": {\"type\": \"ByteLevel\"}}";

typedef struct part_listener {
    char text[1000], pieces[1000];
    size_t n_text, n_pieces, n_held;
    bool whole; /* no stop strings */
    heed_finish finish;
} part_listener;

/* All but the beginning of a character at the end has been handed on, and at the end that too. */
static bool listen_to_parts(void *context, const heed_written *w)
{
    part_listener *l = context;

    memcpy(l->pieces + l->n_pieces, w->piece, w->n_piece);
    memcpy(l->text + l->n_text, w->text, w->n_text);
    l->n_pieces += w->n_piece;
    l->n_text += w->n_text;
    l->n_held += l->n_pieces > l->n_text;
    l->finish = w->finish;
    if (w->finish == HEED_FINISH_NONE && l->whole)
        assert_int_equal(l->n_text, l->n_pieces - heed_utf8_unfinished(l->pieces, l->n_pieces));
    return true;
}

/* Where the text is in the first n bytes; n: it is not. */
static size_t find(const char *all, size_t n, const char *text)
{
    const size_t size = strlen(text);

    for (size_t i = 0; i + size <= n; i++) {
        if (memcmp(all + i, text, size) == 0)
            return i;
    }
    return n;
}

static void a_character_of_several_tokens_comes_as_one(void **state)
{
    static const char *const stop[] = {"\xc3\xa9"};
    heed_config config = small_config();
    heed_model *model = small_model(&config, 47);
    heed_tokenizer *letters = model->tokenizer, *bytes = NULL;
    const heed_prompt prompt = prompt_of("ab\xc3\xa9");
    heed_generate_options options = greedy_options(300);
    heed_error err = {0};
    int n_stopped = 0;

    (void)state;
    if (heed_tokenizer_parse(byte_tokens, strlen(byte_tokens), "bytes", &bytes, &err) != HEED_OK)
        fail_msg("%s", err.message);
    model->tokenizer = bytes;
    options.sampling.temperature = 30.0; /* all tokens are about as likely */
    for (uint64_t seed = 0; seed < 20; seed++) {
        part_listener l = {.whole = true}, s = {0};
        heed_generated result;
        options.session.seed = seed;
        options.n_stop = 0;
        assert_int_equal(heed_generate(model, &prompt, 1, &options, listen_to_parts, &l, &result, &err),
                         HEED_OK);
        assert_int_equal(result.n_prompt, 4);
        assert_int_equal(l.n_text, 300); /* bytes that are no UTF-8 are there too */
        assert_memory_equal(l.text, l.pieces, 300);
        assert_true(l.n_held > 10);
        const size_t first = find(l.text, 300, stop[0]);
        options.stop = stop;
        options.n_stop = 1;
        assert_int_equal(heed_generate(model, &prompt, 1, &options, listen_to_parts, &s, &result, &err),
                         HEED_OK);
        assert_int_equal(s.finish, first < 300 ? HEED_FINISH_STOP : HEED_FINISH_LENGTH);
        assert_int_equal(s.n_text, first);
        assert_memory_equal(s.text, l.text, s.n_text);
        n_stopped += first < 300;
    }
    assert_true(n_stopped > 0);
    model->tokenizer = letters;
    heed_tokenizer_destroy(bytes);
    heed_model_close(model);
}

/* --- likelihoods --- */

/* Against the logits of a session that is fed the same tokens; temperature and penalties change none of them. */
static void log_probabilities_are_those_of_the_model(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 40);
    const heed_prompt prompt = prompt_of("abcdefghijk"); /* longer than the context */
    heed_generate_options options = greedy_options(20);
    heed_session *session = NULL;
    heed_generated result;
    double sum = 0.0;

    (void)state;
    options.sampling = (heed_sampling){.temperature = 1.7, .top_p = 0.9, .presence_penalty = 0.5};
    options.log_probabilities = options.prompt_log_probabilities = true;
    options.likeliest = 3;
    const listener l = generate(model, &prompt, 1, &options, &result);
    const told *t = &l.texts[0];
    assert_int_equal(t->n_prompt, 11);
    assert_true(isnan(t->prompt_log_probability[0]));
    assert_int_equal(heed_session_open(model, &options.session, &session, NULL), HEED_OK);
    for (int i = 0; i < 11 + 20; i++) {
        const float *logits = heed_session_logits(session);
        const int32_t id = i < 11 ? t->prompt_ids[i] : t->ids[i - 11];
        const double got = i < 11 ? t->prompt_log_probability[i] : t->log_probability[i - 11];
        double total = 0.0;
        for (int k = 0; i > 0 && k < SMALL_VOCAB; k++)
            total += exp((double)logits[k]);
        /* logits of some units, right to 1e-5 by another order of sums */
        if (i > 0 && !(fabs(got - ((double)logits[id] - log(total))) < 1e-4))
            fail_msg("token %d: log-probability %g, expected %g", i, got, (double)logits[id] - log(total));
        for (int k = 0; i >= 11 && k < 3; k++) {
            const heed_likelihood *of = &t->likeliest[i - 11][k];
            int n_larger = 0;
            for (int j = 0; j < SMALL_VOCAB; j++)
                n_larger += logits[j] > logits[of->id];
            assert_int_equal(n_larger, k);
            assert_true(fabs(of->log_probability - ((double)logits[of->id] - log(total))) < 1e-4);
        }
        sum += i >= 11 ? got : 0.0;
        assert_int_equal(heed_session_feed(session, &id, 1, NULL), HEED_OK);
    }
    assert_true(fabs(result.log_probability - sum) < 1e-9);
    heed_session_close(session);
    heed_model_close(model);
}

/* --- beams --- */

static void one_beam_is_greedy(void **state)
{
    const char *name;
    heed_config config;

    (void)state;
    for (int v = 0; small_variant(v, &config, &name); v++) {
        heed_model *model = small_model(&config, 41);
        heed_generate_options options = greedy_options(3 * SMALL_CONTEXT);
        const heed_prompt prompt = prompt_of("fade");
        const listener greedy = generate(model, &prompt, 1, &options, NULL);
        options.beams = 1;
        const listener beam = generate(model, &prompt, 1, &options, NULL);
        expect_ids(name, &beam.texts[0], &greedy.texts[0]);
        heed_model_close(model);
    }
}

/* log P of tokens behind "ab", by a session of its own. */
static double log_probability_of(const heed_model *model, const int32_t *ids, int n)
{
    const heed_session_options options = {.threads = 1};
    const int32_t prompt[2] = {0, 1};
    heed_session *session = NULL;
    double sum = 0.0;

    assert_int_equal(heed_session_open(model, &options, &session, NULL), HEED_OK);
    assert_int_equal(heed_session_feed(session, prompt, 2, NULL), HEED_OK);
    for (int i = 0; i < n; i++) {
        sum += heed_logits_log_probability(heed_session_logits(session), SMALL_VOCAB, ids[i]);
        assert_int_equal(heed_session_feed(session, &ids[i], 1, NULL), HEED_OK);
    }
    heed_session_close(session);
    return sum;
}

/*
 * As many beams as there are texts of two tokens, and one: nothing is left out, so what is found is the best of all texts
 * of up to three tokens, by trying them all.
 */
static void enough_beams_find_the_best_text_of_all(void **state)
{
    enum { V = SMALL_VOCAB, LONGEST = 3 };
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 42);
    const heed_prompt prompt = prompt_of("ab");
    const double penalties[] = {0.0, 0.6, 3.0};

    (void)state;
    model->end_of_text = 4;
    for (int p = 0; p < 3; p++) {
        heed_generate_options options = greedy_options(2);
        heed_generated result;
        double best = -INFINITY;
        int32_t best_ids[2] = {0};
        int best_n = 0;
        options.beams = V;
        options.length_penalty = penalties[p];
        const listener l = generate(model, &prompt, 1, &options, &result);
        for (int32_t a = 0; a < V; a++) {
            for (int32_t b = 0; b < V; b++) {
                const int32_t ids[2] = {a, b};
                const int n = a == 4 ? 1 : 2;
                const double score = log_probability_of(model, ids, n) / pow((5.0 + n) / 6.0, penalties[p]);
                if (score > best) {
                    best = score;
                    memcpy(best_ids, ids, sizeof ids);
                    best_n = n;
                }
            }
        }
        assert_int_equal(l.texts[0].n, best_n);
        assert_memory_equal(l.texts[0].ids, best_ids, (size_t)best_n * sizeof *best_ids);
        assert_true(fabs(result.score - best) < 1e-4);
    }
    heed_model_close(model);
}

/* The n best are in order, differ, and have the log-probabilities that a session finds; stop strings end some. */
static void check_beams(uint64_t seed)
{
    enum { N = 5 };
    static const char *const stop[] = {"d", "ea"};
    const heed_config config = small_config();
    heed_model *model = small_model(&config, seed);
    const heed_prompt prompt = prompt_of("ab");
    heed_generate_options options = greedy_options(12); /* the window slides */
    heed_generated results[N];

    options.beams = 6;
    options.n = N;
    options.length_penalty = 1.0;
    options.stop = stop;
    options.n_stop = 2;
    options.log_probabilities = true;
    const listener l = generate(model, &prompt, 1, &options, results);
    for (int i = 0; i < N; i++) {
        const told *t = &l.texts[i];
        const double sum = log_probability_of(model, t->ids, t->n);
        double told_sum = 0.0;
        for (int k = 0; k < t->n; k++)
            told_sum += t->log_probability[k];
        assert_true(results[i].finish == HEED_FINISH_STOP || results[i].finish == HEED_FINISH_LENGTH);
        assert_int_equal(results[i].n_written, t->n);
        assert_true(fabs(results[i].log_probability - sum) < 1e-4 * t->n);
        assert_true(fabs(told_sum - results[i].log_probability) < 1e-9);
        assert_true(fabs(results[i].score - results[i].log_probability / ((5.0 + t->n) / 6.0)) < 1e-9);
        if (i > 0) {
            assert_true(results[i].score <= results[i - 1].score);
            assert_true(t->n != l.texts[i - 1].n || memcmp(t->ids, l.texts[i - 1].ids, (size_t)t->n * 4) != 0);
        }
        for (int k = 0; k < t->n_text; k++)
            assert_true(t->text[k] != 'd');
    }
    heed_model_close(model);
}

static void the_best_beams_come_in_order_with_their_scores(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 12; seed++) /* so that beams go on from every row */
        check_beams(seed);
}

/* --- threads --- */

enum { N_THREADS = 16 };

typedef struct worker {
    const heed_model *model;
    uint64_t seed;
    listener heard;
} worker;

static void *work(void *context)
{
    worker *w = context;
    const heed_session_options session_options = {.threads = 1, .seed = w->seed};
    heed_generate_options options = greedy_options(30);
    const int32_t prompt[3] = {(int32_t)(w->seed % SMALL_VOCAB), 3, 1};
    heed_session *session = NULL;

    options.sampling = (heed_sampling){.temperature = 0.9, .top_p = 0.9, .frequency_penalty = 0.1};
    w->heard.samples = 1;
    if (heed_session_open(w->model, &session_options, &session, NULL) == HEED_OK &&
        heed_session_feed(session, prompt, 3, NULL) == HEED_OK)
        heed_session_generate(session, &options, listen_to, &w->heard, NULL, NULL);
    heed_session_close(session);
    return NULL;
}

static void sixteen_sessions_in_sixteen_threads_write_what_they_write_alone(void **state)
{
    static worker alone[N_THREADS], together[N_THREADS];
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 44);
    pthread_t threads[N_THREADS];

    (void)state;
    for (int i = 0; i < N_THREADS; i++) {
        alone[i] = together[i] = (worker){.model = model, .seed = (uint64_t)i};
        work(&alone[i]);
        assert_int_equal(alone[i].heard.texts[0].n, 30);
    }
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &together[i]), 0);
    for (int i = 0; i < N_THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        expect_ids("a thread", &together[i].heard.texts[0], &alone[i].heard.texts[0]);
    }
    heed_model_close(model);
}

/* --- prompts and options that cannot be --- */

static void expect_refused(const heed_model *model, const heed_prompt *prompts, int64_t n,
                           const heed_generate_options *options, const char *words)
{
    listener l = {.samples = options->n};
    heed_error err = {0};

    assert_int_equal(heed_generate(model, prompts, n, options, listen_to, &l, NULL, &err), HEED_ERR_USAGE);
    if (strstr(err.message, words) == NULL)
        fail_msg("expected \"%s\" in \"%s\"", words, err.message);
    for (int i = 0; i < MOST_TEXTS; i++)
        assert_int_equal(l.texts[i].n, 0);
}

static void wrong_use_is_refused_before_anything_is_written(void **state)
{
    static const char *const empty[] = {"ab", ""};
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 45);
    heed_tokenizer *tokenizer = model->tokenizer;
    const int32_t wrong[1] = {SMALL_VOCAB};
    const heed_prompt good = prompt_of("ab"), foreign[2] = {prompt_of("ab"), prompt_of("aZ")};
    const heed_prompt ids = {.ids = wrong, .n_ids = 1}, none = {.ids = wrong, .n_ids = 0};
    heed_generate_options o = greedy_options(5);

    (void)state;
    expect_refused(model, &good, 0, &o, "expected 1 prompt or more");
    expect_refused(model, foreign, 2, &o, "prompt 2: ");
    expect_refused(model, &ids, 1, &o, "token 0: expected an id from 0 to 22, got 23");
    expect_refused(model, &none, 1, &o, "expected at least one token in a prompt");
    o.n = 0;
    expect_refused(model, &good, 1, &o, "n: expected");
    o.n = 3;
    o.beams = 2;
    expect_refused(model, &good, 1, &o, "got n 3 of 2");
    o.n = 1;
    o.likeliest = 2;
    expect_refused(model, &good, 1, &o, "beams and likeliest");
    o.beams = 0;
    o.likeliest = SMALL_VOCAB + 1;
    expect_refused(model, &good, 1, &o, "likeliest: expected at most");
    o.likeliest = 0;
    o.sampling.min_p = 1.5;
    expect_refused(model, &good, 1, &o, "min_p: expected");
    o.sampling.min_p = 0.0;
    o.stop = empty;
    o.n_stop = 2;
    expect_refused(model, &good, 1, &o, "stop string 2: expected 1 to");
    o.n_stop = 1;
    model->tokenizer = NULL;
    expect_refused(model, &good, 1, &o, "no tokenizer.json");
    o.n_stop = 0;
    expect_refused(model, &good, 1, &o, "no tokenizer.json");
    model->tokenizer = tokenizer;
    heed_model_close(model);
}

/* One token's row of the table, which is the head too, becomes so large that its logit overflows; or all do, downwards. */
static void logits_that_give_no_probabilities_are_refused(void **state)
{
    static const int32_t ids[] = {1, 2};
    const heed_prompt prompt = {.ids = ids, .n_ids = 2};
    heed_config config = small_config();

    (void)state;
    config.tied_head = false;
    for (int i = 0; i < 4; i++) {
        const float value = i % 2 == 0 ? 1e30f : -1e30f;
        const int64_t first = i < 2 ? 7 : 0, last = i < 2 ? 8 : SMALL_VOCAB;
        heed_generate_options options = greedy_options(3);
        heed_model *model = small_model(&config, 5);
        const heed_weights *weights = model->weights;
        float *head = (float *)(uintptr_t)heed_weights_find(weights, "lm_head.weight")->data;
        float *shift = (float *)(uintptr_t)heed_weights_find(weights, "ln_f.bias")->data;
        heed_error err = {0};

        for (int64_t k = 0; k < config.d_model; k++)
            shift[k] = 1e9f;
        for (int64_t k = first * config.d_model; k < last * config.d_model; k++)
            head[k] = value;
        for (options.beams = 0; options.beams < 3; options.beams++)
            assert_int_equal(heed_generate(model, &prompt, 1, &options, NULL, NULL, NULL, &err),
                             i == 1 ? HEED_OK : HEED_ERR_CHECK); /* -inf is a token that never comes */
        heed_model_close(model);
    }
}

/* A vocabulary that is larger than the tokenizer's: what has no text stands between two halves of a stop string. */
static void beams_and_their_texts_end_at_the_same_token_without_text_too(void **state)
{
    enum { BEAMS = 256 };
    static const int32_t ids[] = {1, 2};
    const char *stop[] = {"ab", "ba", "bb", "aa"};
    const heed_prompt prompt = {.ids = ids, .n_ids = 2};
    const heed_config config = small_config();
    heed_generate_options options = heed_generate_default();
    heed_generated results[BEAMS];
    heed_error err = {0};
    int n_late = 0;

    (void)state;
    options.max_tokens = 4;
    options.beams = options.n = BEAMS;
    options.length_penalty = 1.0;
    options.stop = stop;
    options.n_stop = 4;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        heed_model *model = small_model(&config, seed);

        heed_tokenizer_destroy(model->tokenizer);
        model->tokenizer = NULL;
        assert_int_equal(heed_tokenizer_characters("ab", 2, &model->tokenizer, &err), HEED_OK);
        assert_int_equal(heed_generate(model, &prompt, 1, &options, NULL, NULL, results, &err), HEED_OK);
        for (int i = 0; i < BEAMS; i++) {
            const heed_generated *r = &results[i];

            assert_true(fabs(r->score - r->log_probability / ((5.0 + (double)r->n_written) / 6.0)) < 1e-9);
            n_late += r->finish == HEED_FINISH_STOP && r->n_written > 2;
        }
        heed_model_close(model);
    }
    assert_true(n_late > 0);
}

static void an_empty_prompt_begins_with_the_token_that_ends_texts(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 46);
    const heed_prompt prompt = prompt_of("");
    heed_error err = {0};
    int32_t *ids = NULL;
    size_t n = 0;

    (void)state;
    assert_int_equal(heed_model_encode_prompt(model, &prompt, false, &ids, &n, &err), HEED_OK);
    assert_true(n == 1 && ids[0] == 0); /* no newline among the letters */
    free(ids);
    model->end_of_text = 7;
    assert_int_equal(heed_model_encode_prompt(model, &prompt, false, &ids, &n, &err), HEED_OK);
    assert_true(n == 1 && ids[0] == 7);
    free(ids);
    heed_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_writes_what_each_prompt_gives_alone),
        cmocka_unit_test(the_texts_of_a_prompt_are_those_of_the_seeds_that_follow),
        cmocka_unit_test(rows_that_finish_drop_out),
        cmocka_unit_test(a_session_writes_what_generate_writes_and_goes_on),
        cmocka_unit_test(max_tokens_end_a_text_and_none_are_none),
        cmocka_unit_test(a_stop_string_ends_a_text_and_is_not_handed_on),
        cmocka_unit_test(the_end_of_text_token_ends_a_text_unless_it_is_ignored),
        cmocka_unit_test(the_callback_ends_its_own_text_alone),
        cmocka_unit_test(a_full_context_slides_stops_or_is_refused),
        cmocka_unit_test(a_character_of_several_tokens_comes_as_one),
        cmocka_unit_test(log_probabilities_are_those_of_the_model),
        cmocka_unit_test(one_beam_is_greedy),
        cmocka_unit_test(enough_beams_find_the_best_text_of_all),
        cmocka_unit_test(the_best_beams_come_in_order_with_their_scores),
        cmocka_unit_test(sixteen_sessions_in_sixteen_threads_write_what_they_write_alone),
        cmocka_unit_test(wrong_use_is_refused_before_anything_is_written),
        cmocka_unit_test(logits_that_give_no_probabilities_are_refused),
        cmocka_unit_test(beams_and_their_texts_end_at_the_same_token_without_text_too),
        cmocka_unit_test(an_empty_prompt_begins_with_the_token_that_ends_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
