/* SPDX-License-Identifier: MIT */
/* Vocabularies from texts: what is counted, special tokens, sizes, threads, and what comes back from the tokenizer. */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include <heed/vocab.h>

#include "base/rng.h"
#include "text/bpe_learn.h"
#include "text/tokenizer.h"

/* A source that gives a few bytes at a time, or all. */
typedef struct rest {
    const char *text;
    size_t n, most;
} rest;

static heed_status read_rest(void *context, char *buffer, size_t capacity, size_t *n, heed_error *err)
{
    rest *r = context;

    (void)err;
    *n = r->n < capacity ? r->n : capacity;
    *n = r->most > 0 && *n > r->most ? r->most : *n;
    memcpy(buffer, r->text, *n);
    r->text += *n;
    r->n -= *n;
    return HEED_OK;
}

static heed_status learn(const char *text, size_t n, const heed_vocab_options *options,
                         heed_tokenizer **tokenizer, heed_error *err)
{
    heed_vocab *vocab = NULL;
    rest r = {text, n, 0};
    heed_status status = heed_vocab_create(options, &vocab, err);

    *tokenizer = NULL;
    if (status == HEED_OK)
        status = heed_vocab_add(vocab, read_rest, &r, err);
    if (status == HEED_OK)
        status = heed_vocab_learn(vocab, tokenizer, err);
    heed_vocab_destroy(vocab);
    return status;
}

static heed_tokenizer *learn_well(const char *text, size_t n, const heed_vocab_options *options)
{
    heed_tokenizer *tokenizer = NULL;
    heed_error err = {0};

    if (learn(text, n, options, &tokenizer, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return tokenizer;
}

static void assert_contains(const char *message, const char *part)
{
    if (strstr(message, part) == NULL)
        fail_msg("expected \"%s\" in \"%s\"", part, message);
}

/* Words of a few letters, each with a space before it: what GPT-2's pattern leaves whole. */
static char *make_text(int n_words, size_t *n)
{
    char *text = malloc(8 * (size_t)n_words);
    heed_rng rng = heed_rng_make(21, 1);

    assert_non_null(text);
    *n = 0;
    for (int i = 0; i < n_words; i++) {
        const int64_t letters = 1 + heed_rng_below(&rng, 1 + heed_rng_below(&rng, 7));
        text[(*n)++] = ' ';
        for (int64_t k = 0; k < letters; k++)
            text[(*n)++] = "etaoinshr"[heed_rng_below(&rng, 1 + heed_rng_below(&rng, 9))];
    }
    return text;
}

static void tokens_are_the_merges_of_the_counted_pieces(void **state)
{
    heed_vocab_options options = heed_vocab_options_default();
    heed_piece_table pieces = {0};
    heed_bpe_merges merges;
    heed_tokenizer *tokenizer;
    size_t n;
    char *text = make_text(50000, &n);

    (void)state;
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && text[end] != ' ';)
            end++;
        heed_piece_table_add(&pieces, text + i, end - i, 1);
    }
    assert_int_equal(heed_bpe_learn(&pieces, 700, 2, NULL, NULL, &merges, NULL), HEED_OK);
    options.vocab_size = 700;
    tokenizer = learn_well(text, n, &options);
    assert_int_equal(heed_tokenizer_vocab_size(tokenizer), 700);
    for (int id = 0; id < 700; id++) {
        size_t length;
        const char *piece = heed_tokenizer_piece(tokenizer, id, &length);
        assert_int_equal(length, merges.tokens.pieces[id].length);
        assert_memory_equal(piece, heed_piece_table_bytes(&merges.tokens, (uint32_t)id), length);
    }
    heed_tokenizer_destroy(tokenizer);
    heed_bpe_merges_free(&merges);
    heed_piece_table_free(&pieces);
    free(text);
}

static void assert_round_trip(const heed_tokenizer *tokenizer, const char *text, size_t n)
{
    int32_t *ids = NULL;
    char *back = NULL;
    size_t n_ids = 0, n_back = 0;

    assert_int_equal(heed_tokenizer_encode(tokenizer, text, n, NULL, &ids, &n_ids, NULL), HEED_OK);
    assert_int_equal(heed_tokenizer_decode(tokenizer, ids, n_ids, &back, &n_back, NULL), HEED_OK);
    assert_int_equal(n_back, n);
    assert_memory_equal(back, text, n);
    free(ids);
    free(back);
}

/* Whatever it was learned from: bytes that are no text, NULs, quotes and escapes, long runs. */
static void any_bytes_come_back_from_a_vocabulary_of_any_bytes(void **state)
{
    static const char *const patterns[] = {"gpt2", "cl100k_base", "o200k_base", "[a-z]+|[^a-z]"};

    (void)state;
    for (uint64_t seed = 0; seed < 24; seed++) {
        heed_rng rng = heed_rng_make(seed, 1);
        heed_vocab_options options = heed_vocab_options_default();
        heed_tokenizer *tokenizer = NULL, *again = NULL;
        heed_text_buffer json = {0};
        char text[6000], other[3000];

        for (size_t i = 0; i < sizeof text; i++)
            text[i] = seed % 3 == 0 ? (char)heed_rng_below(&rng, 256)
                                    : "ab \"\\\n\xc3\xa9\0"[heed_rng_below(&rng, 9)];
        for (size_t i = 0; i < sizeof other; i++)
            other[i] = i % 100 < 50 ? (char)heed_rng_below(&rng, 256) : text[i];
        if (seed % 4 == 3)
            memset(text + 100, ' ', 3000);
        options.vocab_size = 256 + (int64_t)heed_rng_below(&rng, 200);
        options.min_frequency = 1;
        options.pattern = patterns[seed % 4];
        tokenizer = learn_well(text, sizeof text, &options);
        assert_int_equal(heed_tokenizer_write(tokenizer, &json, NULL), HEED_OK);
        assert_int_equal(heed_tokenizer_parse(json.data, json.size, "t.json", &again, NULL), HEED_OK);
        assert_round_trip(tokenizer, text, sizeof text);
        assert_round_trip(again, other, sizeof other);
        heed_text_free(&json);
        heed_tokenizer_destroy(tokenizer);
        heed_tokenizer_destroy(again);
    }
}

static void special_tokens_are_not_learned_from_and_come_last(void **state)
{
    static const char *const special[] = {"<|end|>", "\"\\"};
    static const char text[] = " one<|end|> one\"\\ one<|end|> one<|end|> one<|end|>";
    const heed_encode_options act = {.special = true};
    heed_vocab_options options = heed_vocab_options_default();
    heed_tokenizer *tokenizer;
    int32_t *ids = NULL;
    size_t n = 0;

    (void)state;
    options.special = special;
    options.n_special = 2;
    tokenizer = learn_well(text, strlen(text), &options);
    /* " one" takes three merges, and there is nothing else to merge */
    assert_int_equal(heed_tokenizer_vocab_size(tokenizer), 256 + 3 + 2);
    assert_string_equal(heed_tokenizer_piece(tokenizer, 258, NULL), " one");
    assert_string_equal(heed_tokenizer_piece(tokenizer, 259, NULL), "<|end|>");
    assert_string_equal(heed_tokenizer_piece(tokenizer, 260, NULL), "\"\\");
    assert_int_equal(heed_tokenizer_encode(tokenizer, " one<|end|> one\"\\", 17, &act, &ids, &n, NULL),
                     HEED_OK);
    assert_int_equal(n, 4);
    assert_int_equal(ids[0], 258);
    assert_int_equal(ids[1], 259);
    assert_int_equal(ids[3], 260);
    free(ids);
    assert_int_equal(heed_tokenizer_encode(tokenizer, "<|end|>", 7, NULL, &ids, &n, NULL), HEED_OK);
    assert_int_equal(n, 7); /* spelled, it is a text like any other */
    free(ids);
    heed_tokenizer_destroy(tokenizer);
}

static char *json_of(const char *text, size_t n, int64_t threads, size_t most)
{
    heed_vocab_options options = heed_vocab_options_default();
    heed_vocab *vocab = NULL;
    heed_tokenizer *tokenizer = NULL;
    heed_text_buffer json = {0};
    rest r = {text, n, most};

    options.vocab_size = 2000;
    options.threads = threads;
    assert_int_equal(heed_vocab_create(&options, &vocab, NULL), HEED_OK);
    assert_int_equal(heed_vocab_add(vocab, read_rest, &r, NULL), HEED_OK);
    assert_int_equal(heed_vocab_learn(vocab, &tokenizer, NULL), HEED_OK);
    assert_int_equal(heed_tokenizer_write(tokenizer, &json, NULL), HEED_OK);
    heed_vocab_destroy(vocab);
    heed_tokenizer_destroy(tokenizer);
    return json.data;
}

static void neither_threads_nor_the_source_change_the_vocabulary(void **state)
{
    size_t n;
    char *text = make_text(400000, &n);
    char *one = json_of(text, n, 1, 0), *three = json_of(text, n, 3, 0), *drop = json_of(text, n, 2, 777);

    (void)state;
    assert_string_equal(one, three);
    assert_string_equal(one, drop);
    free(one);
    free(three);
    free(drop);
    free(text);
}

static void no_piece_goes_over_the_end_of_a_text(void **state)
{
    heed_vocab_options options = heed_vocab_options_default();
    heed_vocab *vocab = NULL;
    heed_tokenizer *tokenizer = NULL, *again = NULL;

    (void)state;
    assert_int_equal(heed_vocab_create(&options, &vocab, NULL), HEED_OK);
    for (int i = 0; i < 5; i++) {
        rest a = {" ab", 3, 0}, b = {"cd", 2, 0};
        assert_int_equal(heed_vocab_add(vocab, read_rest, &a, NULL), HEED_OK);
        assert_int_equal(heed_vocab_add(vocab, read_rest, &b, NULL), HEED_OK);
    }
    assert_true(heed_vocab_state(vocab).n_bytes == 25.0);
    assert_int_equal(heed_vocab_state(vocab).n_pieces, 2);
    assert_int_equal(heed_vocab_learn(vocab, &tokenizer, NULL), HEED_OK);
    assert_int_equal(heed_tokenizer_vocab_size(tokenizer), 256 + 3); /* ab, " ab", cd */
    assert_int_equal(heed_vocab_learn(vocab, &again, NULL), HEED_ERR_USAGE);
    assert_null(again);
    heed_tokenizer_destroy(tokenizer);
    heed_vocab_destroy(vocab);
}

static void characters_are_those_of_the_whole_text(void **state)
{
    static const char text[] = "\xf0\x9f\x90\x9d zum \xc3\xa4\xe2\x82\xac\n";
    heed_vocab_options options = heed_vocab_options_default();
    heed_vocab *vocab = NULL;
    heed_tokenizer *streamed = NULL, *whole = NULL;
    rest r = {text, strlen(text), 1};

    (void)state;
    options.kind = HEED_VOCAB_CHARACTERS;
    assert_int_equal(heed_vocab_create(&options, &vocab, NULL), HEED_OK);
    assert_int_equal(heed_vocab_add(vocab, read_rest, &r, NULL), HEED_OK);
    assert_int_equal(heed_vocab_learn(vocab, &streamed, NULL), HEED_OK);
    assert_int_equal(heed_tokenizer_characters(text, strlen(text), &whole, NULL), HEED_OK);
    assert_int_equal(heed_tokenizer_vocab_size(streamed), heed_tokenizer_vocab_size(whole));
    for (int64_t id = 0; id < heed_tokenizer_vocab_size(whole); id++)
        assert_string_equal(heed_tokenizer_piece(streamed, id, NULL), heed_tokenizer_piece(whole, id, NULL));
    heed_tokenizer_destroy(streamed);
    heed_tokenizer_destroy(whole);
    heed_vocab_destroy(vocab);
}

static void what_cannot_be_learned_is_refused(void **state)
{
    static const char *const byte[] = {"\u00e9"}, *const learned[] = {"\u0120one"};
    static const char *const twice[] = {"<|a|>", "<|a|>"}, *const empty[] = {""}, *const broken[] = {"\xff"};
    const struct {
        int kind;
        int64_t vocab_size;
        const char *const *special;
        int n_special;
        const char *pattern, *text;
        heed_status status;
        const char *words;
    } cases[] = {
        {HEED_VOCAB_BPE, 255, NULL, 0, "gpt2", "a", HEED_ERR_USAGE, "expected at least 256 for the 256 bytes"},
        {HEED_VOCAB_BPE, 257, twice, 2, "gpt2", "a", HEED_ERR_USAGE, "\"<|a|>\" came twice"},
        {HEED_VOCAB_BPE, 256, twice, 1, "gpt2", "a", HEED_ERR_USAGE, "256 bytes and 1 special token, got 256"},
        {HEED_VOCAB_BPE, 0, empty, 1, "gpt2", "a", HEED_ERR_USAGE, "got an empty one"},
        {HEED_VOCAB_BPE, 0, broken, 1, "gpt2", "a", HEED_ERR_USAGE, "expected UTF-8"},
        {HEED_VOCAB_BPE, 0, byte, 1, "gpt2", "a", HEED_ERR_USAGE, "how the vocabulary writes the byte 0xe9"},
        {HEED_VOCAB_BPE, 0, learned, 1, "gpt2", " one one", HEED_ERR_USAGE, "writes another token"},
        {HEED_VOCAB_BPE, 0, NULL, 0, "gpt2", "", HEED_ERR_USAGE, "got an empty one"},
        {HEED_VOCAB_BPE, 0, NULL, 0, "(", "a", HEED_ERR_FILE, "pattern"},
        {HEED_VOCAB_BPE, -1, NULL, 0, "gpt2", "a", HEED_ERR_USAGE, "vocab_size"},
        {HEED_VOCAB_WORDS, 0, twice, 1, "gpt2", "a", HEED_ERR_USAGE, "a vocabulary of words has none"},
        {HEED_VOCAB_WORDS, 1, NULL, 0, "gpt2", "a", HEED_ERR_USAGE, "expected at least 2"},
        {HEED_VOCAB_WORDS, 0, NULL, 0, "gpt2", "", HEED_ERR_USAGE, "got an empty one"},
        {HEED_VOCAB_WORDS, 0, NULL, 0, "gpt2", "ab\nc\xffz", HEED_ERR_USAGE,
         "line 2, column 2: expected UTF-8, got 0xff"},
        {HEED_VOCAB_CHARACTERS, 2, NULL, 0, "gpt2", "abc", HEED_ERR_USAGE, "has 3 different characters, got 2"},
        {HEED_VOCAB_CHARACTERS, 0, NULL, 0, "gpt2", "a\n\xc3(", HEED_ERR_USAGE,
         "line 2, column 1: expected UTF-8"},
        {HEED_VOCAB_CHARACTERS, 0, NULL, 0, "gpt2", "a\xe2\x82", HEED_ERR_USAGE,
         "line 1, column 2: expected UTF-8"},
        {HEED_VOCAB_CHARACTERS, 0, NULL, 0, "gpt2", "", HEED_ERR_USAGE, "got an empty one"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        heed_vocab_options options = heed_vocab_options_default();
        heed_tokenizer *tokenizer = NULL;
        heed_error err = {0};
        heed_status status;

        options.kind = cases[i].kind;
        options.vocab_size = cases[i].vocab_size;
        options.special = cases[i].special;
        options.n_special = cases[i].n_special;
        options.pattern = cases[i].pattern;
        status = learn(cases[i].text, strlen(cases[i].text), &options, &tokenizer, &err);
        if (status != cases[i].status)
            fail_msg("case %zu: status %d, %s", i, (int)status, err.message);
        assert_null(tokenizer);
        assert_contains(err.message, cases[i].words);
    }
}

static bool stop(void *context, const heed_vocab_progress *progress)
{
    ++*(int *)context;
    return progress->n_tokens == 0;
}

static void learning_stops_when_it_is_asked_to(void **state)
{
    heed_vocab_options options = heed_vocab_options_default();
    heed_tokenizer *tokenizer = NULL;
    heed_error err = {0};
    int n_calls = 0;
    size_t n;
    char *text = make_text(20000, &n);

    (void)state;
    options.progress = stop;
    options.progress_context = &n_calls;
    assert_int_equal(learn(text, n, &options, &tokenizer, &err), HEED_ERR_INTERRUPTED);
    assert_null(tokenizer);
    assert_true(n_calls >= 2);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_the_merges_of_the_counted_pieces),
        cmocka_unit_test(any_bytes_come_back_from_a_vocabulary_of_any_bytes),
        cmocka_unit_test(special_tokens_are_not_learned_from_and_come_last),
        cmocka_unit_test(neither_threads_nor_the_source_change_the_vocabulary),
        cmocka_unit_test(no_piece_goes_over_the_end_of_a_text),
        cmocka_unit_test(characters_are_those_of_the_whole_text),
        cmocka_unit_test(what_cannot_be_learned_is_refused),
        cmocka_unit_test(learning_stops_when_it_is_asked_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
