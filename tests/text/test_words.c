/* SPDX-License-Identifier: MIT */
/* Words as tokens: how a text falls apart, that it comes back, unknown words, what a file may say. */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <heed/vocab.h>

#include "base/rng.h"
#include "text/tokenizer.h"

typedef struct rest {
    const char *text;
    size_t n;
} rest;

static heed_status read_rest(void *context, char *buffer, size_t capacity, size_t *n, heed_error *err)
{
    rest *r = context;

    (void)err;
    *n = r->n < capacity ? r->n : capacity;
    memcpy(buffer, r->text, *n);
    r->text += *n;
    r->n -= *n;
    return HEED_OK;
}

static heed_status learn(const char *text, size_t n, const heed_vocab_options *options,
                         heed_tokenizer **tokenizer, heed_error *err)
{
    heed_vocab *vocab = NULL;
    rest r = {text, n};
    heed_status status = heed_vocab_create(options, &vocab, err);

    *tokenizer = NULL;
    if (status == HEED_OK)
        status = heed_vocab_add(vocab, read_rest, &r, err);
    if (status == HEED_OK)
        status = heed_vocab_learn(vocab, tokenizer, err);
    heed_vocab_destroy(vocab);
    return status;
}

static heed_vocab_options word_options(void)
{
    heed_vocab_options options = heed_vocab_options_default();

    options.kind = HEED_VOCAB_WORDS;
    options.min_frequency = 1;
    return options;
}

static heed_tokenizer *words_of(const char *text, bool unknown)
{
    heed_vocab_options options = word_options();
    heed_tokenizer *tokenizer = NULL;
    heed_error err = {0};

    options.unknown = unknown;
    if (learn(text, strlen(text), &options, &tokenizer, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return tokenizer;
}

static void assert_contains(const char *message, const char *part)
{
    if (strstr(message, part) == NULL)
        fail_msg("expected \"%s\" in \"%s\"", part, message);
}

/* The text's tokens with a bar between them. */
static const char *apart(const heed_tokenizer *tokenizer, const char *text)
{
    static char out[512];
    int32_t *ids = NULL;
    size_t n = 0;
    heed_error err = {0};

    out[0] = '\0';
    if (heed_tokenizer_encode(tokenizer, text, strlen(text), NULL, &ids, &n, &err) != HEED_OK)
        fail_msg("%s", err.message);
    for (size_t i = 0; i < n; i++)
        snprintf(out + strlen(out), sizeof out - strlen(out), "%s%s", i > 0 ? "|" : "",
                 heed_tokenizer_piece(tokenizer, ids[i], NULL));
    free(ids);
    return out;
}

static void words_numbers_signs_and_spaces_are_tokens(void **state)
{
    static const char text[] =
        "Don't stop,  it\xe2\x80\x99s 42\xc2\xbd\n\te\xcc\x81t\xc3\xa9 ''x'' \xe4\xb8\xad\xe6\x96\x87!?";
    heed_tokenizer *tokenizer = words_of(text, false);

    (void)state;
    assert_string_equal(
        apart(tokenizer, text),
        "Don't| |stop|,| | |it\xe2\x80\x99s| |42\xc2\xbd|\n|\t|e\xcc\x81t\xc3\xa9| |'|'|x|'|'| |"
        "\xe4\xb8\xad\xe6\x96\x87|!|?");
    heed_tokenizer_destroy(tokenizer);
}

static void the_frequent_come_first_and_equal_ones_by_their_bytes(void **state)
{
    heed_tokenizer *tokenizer = words_of("b a c b,c b", false);

    (void)state;
    assert_int_equal(heed_tokenizer_vocab_size(tokenizer), 5);
    assert_string_equal(heed_tokenizer_piece(tokenizer, 0, NULL), " "); /* 4 */
    assert_string_equal(heed_tokenizer_piece(tokenizer, 1, NULL), "b"); /* 3 */
    assert_string_equal(heed_tokenizer_piece(tokenizer, 2, NULL), "c"); /* 2 */
    assert_string_equal(heed_tokenizer_piece(tokenizer, 3, NULL), ","); /* 1, as "a" */
    assert_string_equal(heed_tokenizer_piece(tokenizer, 4, NULL), "a");
    assert_int_equal(heed_tokenizer_find(tokenizer, "c", 1), 2);
    assert_int_equal(heed_tokenizer_find(tokenizer, "d", 1), -1);
    heed_tokenizer_destroy(tokenizer);
}

/* Any text is a text of known words for the vocabulary that was made of it. */
static void every_text_of_known_words_comes_back(void **state)
{
    static const char *const parts[] = {"a",
                                        "B",
                                        " ",
                                        "\n",
                                        "'",
                                        "\xe2\x80\x99",
                                        "1",
                                        "\xc2\xb2",
                                        "\xc3\xa9",
                                        "\xcc\x81",
                                        "-",
                                        "\xe3\x80\x80",
                                        "\xf0\x9f\x90\x9d",
                                        "\r",
                                        "\x01",
                                        "\"",
                                        "\\",
                                        "\xe2\x80\xa8"};

    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        heed_rng rng = heed_rng_make(seed, 1);
        char text[400] = "x";
        char *back = NULL;
        int32_t *ids = NULL;
        size_t n_ids = 0, n = 0;
        heed_tokenizer *tokenizer = NULL, *again = NULL;
        heed_text_buffer json = {0};

        for (int i = 0; i < 60; i++)
            strcat(text, parts[heed_rng_below(&rng, sizeof parts / sizeof parts[0])]);
        tokenizer = words_of(text, seed % 2 == 0);
        assert_int_equal(heed_tokenizer_write(tokenizer, &json, NULL), HEED_OK);
        assert_int_equal(heed_tokenizer_parse(json.data, json.size, "t.json", &again, NULL), HEED_OK);
        assert_int_equal(heed_tokenizer_encode(again, text, strlen(text), NULL, &ids, &n_ids, NULL), HEED_OK);
        assert_int_equal(heed_tokenizer_decode(tokenizer, ids, n_ids, &back, &n, NULL), HEED_OK);
        assert_string_equal(back, text);
        free(ids);
        free(back);
        heed_text_free(&json);
        heed_tokenizer_destroy(tokenizer);
        heed_tokenizer_destroy(again);
    }
}

static void an_unknown_word_is_unk_where_there_is_one(void **state)
{
    heed_tokenizer *tokenizer = words_of("the cat the dog", true);

    (void)state;
    assert_string_equal(heed_tokenizer_piece(tokenizer, 0, NULL), "[UNK]");
    assert_string_equal(apart(tokenizer, "the owl the"), "the| |[UNK]| |the");
    assert_string_equal(apart(tokenizer, "[UNK]"), "[UNK]|[UNK]|[UNK]"); /* a bracket, a word, a bracket */
    heed_tokenizer_destroy(tokenizer);
}

static void an_unknown_word_is_named_with_its_place_otherwise(void **state)
{
    static const char *const cases[][2] = {
        {"the owl", "line 1, column 5: the word \"owl\" is not among the 4 of the vocabulary"},
        {"the\ncat the\x1b", "line 1, column 4: the word \"\\x0A\""},
        {"the \xff", "line 1, column 5: 0xff is not UTF-8"},
    };
    heed_tokenizer *tokenizer = words_of("the cat the dog", false);
    heed_error err = {0};
    int32_t *ids = NULL;
    size_t n = 0;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(
            heed_tokenizer_encode(tokenizer, cases[i][0], strlen(cases[i][0]), NULL, &ids, &n, &err),
            HEED_ERR_USAGE);
        assert_null(ids);
        assert_contains(err.message, cases[i][1]);
    }
    heed_tokenizer_destroy(tokenizer);
}

/* 6 MB: several blocks, on several threads. */
static void ids_of_a_long_text_do_not_depend_on_threads(void **state)
{
    enum { WORDS = 1 << 20 };
    char *text = malloc(8 * WORDS);
    heed_rng rng = heed_rng_make(8, 1);
    size_t n = 0, n_one = 0, n_three = 0;
    int32_t *one = NULL, *three = NULL;
    const heed_encode_options alone = {.threads = 1}, together = {.threads = 3};
    heed_tokenizer *tokenizer = NULL;
    heed_vocab_options options = word_options();
    heed_error err = {0};

    (void)state;
    assert_non_null(text);
    for (int i = 0; i < WORDS; i++)
        n += (size_t)sprintf(text + n, "%c%d%c", (char)('a' + heed_rng_below(&rng, 26)),
                             (int)heed_rng_below(&rng, 999), heed_rng_below(&rng, 9) == 0 ? '\n' : ' ');
    assert_int_equal(learn(text, n, &options, &tokenizer, &err), HEED_OK);
    assert_int_equal(heed_tokenizer_encode(tokenizer, text, n, &alone, &one, &n_one, NULL), HEED_OK);
    assert_int_equal(heed_tokenizer_encode(tokenizer, text, n, &together, &three, &n_three, NULL), HEED_OK);
    assert_int_equal(n_one, 3 * WORDS);
    assert_int_equal(n_three, n_one);
    assert_memory_equal(one, three, n_one * sizeof *one);
    memcpy(text + n - 3, "zzz", 3);
    free(one);
    assert_int_equal(heed_tokenizer_encode(tokenizer, text, n, &together, &one, &n_one, &err), HEED_OK);
    assert_int_equal(one[n_one - 1], 0); /* [UNK] */
    free(one);
    free(three);
    free(text);
    heed_tokenizer_destroy(tokenizer);
}

#define FILE_WITH(pre, decoder, extra, unk, vocab)                                      \
    "{\"added_tokens\": []" extra ", \"pre_tokenizer\": " pre ", \"decoder\": " decoder \
    ", \"model\": {\"type\": "                                                          \
    "\"WordLevel\", \"unk_token\": \"" unk "\", \"vocab\": " vocab "}}"
#define SPLIT "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"\\\\w+|\\\\W\"}, \"behavior\": \"Isolated\"}"
#define FUSE  "{\"type\": \"Fuse\"}"

static void a_file_may_have_another_pattern_and_another_word_for_the_unknown(void **state)
{
    static const char json[] = FILE_WITH(SPLIT, FUSE, "", "?", "{\"b\": 0, \"?\": 2, \"a\": 1}");
    heed_tokenizer *tokenizer = NULL;
    heed_error err = {0};

    (void)state;
    if (heed_tokenizer_parse(json, strlen(json), "t.json", &tokenizer, &err) != HEED_OK)
        fail_msg("%s", err.message);
    assert_string_equal(heed_tokenizer_kind_name(tokenizer), "words");
    assert_string_equal(apart(tokenizer, "a b ab"), "a|?|b|?|?");
    heed_tokenizer_destroy(tokenizer);
}

static void files_that_mean_something_else_are_refused(void **state)
{
    static const char *const cases[][2] = {
        {FILE_WITH("{\"type\": \"Whitespace\"}", FUSE, "", "?", "{\"a\": 0}"),
         "found the pre_tokenizer \"Whitespace\""},
        {FILE_WITH("null", FUSE, "", "?", "{\"a\": 0}"), "found the pre_tokenizer \"\""},
        {FILE_WITH(SPLIT, "null", "", "?", "{\"a\": 0}"), "the decoder \"Fuse\""},
        {FILE_WITH(SPLIT, FUSE, ", \"normalizer\": {\"type\": \"Lowercase\"}", "?", "{\"a\": 0}"),
         "with a \"normalizer\""},
        {FILE_WITH(SPLIT, FUSE, ", \"post_processor\": {\"type\": \"X\"}", "?", "{\"a\": 0}"),
         "with a \"post_processor\""},
        {FILE_WITH(SPLIT, FUSE, "", "?", "{}"), "expected a vocabulary of words"},
        {FILE_WITH(SPLIT, FUSE, "", "?", "[1]"), "expected a vocabulary of words"},
        {FILE_WITH(SPLIT, FUSE, "", "?", "{\"a\": 1}"), "the word \"a\" needs an id of 0 to 0"},
        {FILE_WITH(SPLIT, FUSE, "", "?", "{\"a\": -1}"), "the word \"a\" needs an id"},
        {FILE_WITH(SPLIT, FUSE, "", "?", "{\"a\": \"0\"}"), "the word \"a\" needs an id"},
        {FILE_WITH(SPLIT, FUSE, "", "?", "{\"a\": 0, \"b\": 0}"), "the id 0 belongs to two words"},
        {FILE_WITH(SPLIT, FUSE, "", "?", "{\"\": 0}"), "an empty word"},
        {FILE_WITH(SPLIT, FUSE, "", "?", "{\"\\u001b[2J\": 7}"), "\\x1B[2J"},
        {FILE_WITH("{\"type\": \"Split\", \"pattern\": {\"Regex\": \"(\"}, \"behavior\": \"Isolated\"}", FUSE,
                   "", "?", "{\"a\": 0}"),
         "t.json"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        heed_tokenizer *tokenizer = NULL;
        heed_error err = {0};

        if (heed_tokenizer_parse(cases[i][0], strlen(cases[i][0]), "t.json", &tokenizer, &err) != HEED_ERR_FILE)
            fail_msg("case %zu was taken: %s", i, cases[i][0]);
        assert_null(tokenizer);
        assert_contains(err.message, "t.json: ");
        assert_contains(err.message, cases[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_numbers_signs_and_spaces_are_tokens),
        cmocka_unit_test(the_frequent_come_first_and_equal_ones_by_their_bytes),
        cmocka_unit_test(every_text_of_known_words_comes_back),
        cmocka_unit_test(an_unknown_word_is_unk_where_there_is_one),
        cmocka_unit_test(an_unknown_word_is_named_with_its_place_otherwise),
        cmocka_unit_test(ids_of_a_long_text_do_not_depend_on_threads),
        cmocka_unit_test(a_file_may_have_another_pattern_and_another_word_for_the_unknown),
        cmocka_unit_test(files_that_mean_something_else_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
