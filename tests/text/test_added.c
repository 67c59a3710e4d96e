/* SPDX-License-Identifier: MIT */
/*
 * Added tokens and patterns as Hugging Face's tokenizers 0.23.3 has them (what is expected was recorded from it), and
 * the same wherever a stream is cut. The model has the 256 bytes alone, each with its number as id.
 */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text_buffer.h"
#include "text/letters.h"
#include "text/tokenizer.h"

#define BYTE_LEVEL(prefix) "{\"type\":\"ByteLevel\",\"add_prefix_space\":" prefix ",\"use_regex\":true}"

static heed_tokenizer *make(const char *pre_tokenizer, const char *added)
{
    heed_text_buffer json = {0};
    heed_tokenizer *t = NULL;
    heed_error err = {0};

    heed_text_printf(&json,
                     "{\"pre_tokenizer\":%s,\"added_tokens\":[%s],\"model\":{\"type\":\"BPE\",\"vocab\":{",
                     pre_tokenizer, added);
    for (int byte = 0; byte < 256; byte++) {
        char letter[4];
        const size_t n = heed_letter_write((unsigned char)byte, letter);

        heed_text_printf(&json, "%s\"%s%.*s\":%d", byte > 0 ? "," : "", byte == '"' || byte == '\\' ? "\\" : "",
                         (int)n, letter, byte);
    }
    heed_text_puts(&json, "},\"merges\":[]}}");
    if (heed_tokenizer_parse(json.data, json.size, "test", &t, &err) != HEED_OK)
        fail_msg("%s", err.message);
    heed_text_free(&json);
    return t;
}

/* The ids as text: bytes as they are, "{256}" for others. */
static const char *encoded(const heed_tokenizer *t, const char *text, bool special)
{
    static char out[400];
    const heed_encode_options options = {.special = special};
    int32_t *ids = NULL;
    size_t n = 0, used = 0;

    assert_int_equal(heed_tokenizer_encode(t, text, strlen(text), &options, &ids, &n, NULL), HEED_OK);
    for (size_t i = 0; i < n; i++)
        used += (size_t)(ids[i] < 256 ? snprintf(out + used, sizeof out - used, "%c", (int)ids[i])
                                      : snprintf(out + used, sizeof out - used, "{%d}", (int)ids[i]));
    out[used] = '\0';
    free(ids);
    return out;
}

static void white_space_that_a_token_takes_ends_at_the_next_token(void **state)
{
    heed_tokenizer *t = make(BYTE_LEVEL("false"),
                             "{\"id\":256,\"content\":\"<m>\",\"rstrip\":true,\"special\":true},"
                             "{\"id\":257,\"content\":\"\\n\",\"special\":true}");

    (void)state;
    assert_string_equal(encoded(t, "a<m>\n\nb", true), "a{256}{257}{257}b");
    assert_string_equal(encoded(t, "<m> \n b", true), "{256}{257} b");
    assert_string_equal(encoded(t, "<m>  b<m> ", true), "{256}b{256}");
    heed_tokenizer_destroy(t);
}

static void a_single_word_stands_between_what_is_no_word(void **state)
{
    static const char *const cases[][2] = {
        {"foo\u00b2 foo", "{256}\u00b2 {256}"},
        {"\u2167foo foo", "\u2167foo {256}"}, /* a roman numeral counts as a letter, */
        {"\u24b6foo", "\u24b6foo"},           /* a letter in a circle too, */
        {"foo\u203f", "foo\u203f"},           /* a tie joins words, */
        {"foo\u200d", "foo\u200d"},           /* and so does a joiner; */
        {"foo\u0301", "foo\u0301"},
        {"foo_", "foo_"},
        {"foo\u0663", "foo\u0663"},
        {"\u00bdfoo", "\u00bd{256}"}, /* a fraction is no part of a word */
    };
    heed_tokenizer *t = make(BYTE_LEVEL("false"),
                             "{\"id\":256,\"content\":\"foo\",\"single_word\":true,\"special\":true}");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(encoded(t, cases[i][0], true), cases[i][1]);
    heed_tokenizer_destroy(t);
}

/* Matches are dropped: what is left. Backslashes are those of JSON. */
static void patterns_mean_what_they_mean_to_oniguruma(void **state)
{
    static const char *const cases[][3] = {
        {"^a", "xa\na a\naa", "xa\n a\na"},
        {"a$", "xaa\naa a\naa", "xa\naa \na"},
        {"a(?=$)", "a\na", "\n"},
        {"\\\\w+", "a\u2167b a\u00b2b a\u24b6b a\u203fb a\u200db", "    \u200d"},
        {"\\\\ba\\\\b", "a a\u00b2 \u2167a a\u0301 _a a", " a\u00b2 \u2167a a\u0301 _a "},
        {"a\\\\Ba", "aa a a\u2167a", " a a\u2167a"},
        {"\\\\h+", "fg h \t", "g h \t"},
        {"[\\\\h_]+", "g_A-z", "g-z"},
        {"(?m:a.)", "a\rb a\nc", "b c"},
        {"(?mi)A.", "a\nb", "b"},
        {"(?i)A(?-i)b", "ab aB Ab", " aB "},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char pre[400];
        heed_tokenizer *t = NULL;

        snprintf(
            pre, sizeof pre,
            "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":\"%s\"},"
            "\"behavior\":\"Removed\",\"invert\":false},{\"type\":\"ByteLevel\",\"add_prefix_space\":false,"
            "\"use_regex\":false}]}",
            cases[i][0]);
        t = make(pre, "");
        assert_string_equal(encoded(t, cases[i][1], false), cases[i][2]);
        heed_tokenizer_destroy(t);
    }
}

/* ---- streams ---- */

typedef struct stream {
    const char *text;
    size_t n, at;
    int32_t *ids;
    size_t n_ids;
} stream;

static heed_status read_some(void *context, char *buffer, size_t capacity, size_t *n, heed_error *err)
{
    stream *s = context;

    (void)err;
    *n = s->n - s->at < capacity ? s->n - s->at : capacity;
    memcpy(buffer, s->text + s->at, *n);
    s->at += *n;
    return HEED_OK;
}

static heed_status take(void *context, const int32_t *ids, size_t n, heed_error *err)
{
    stream *s = context;

    (void)err;
    assert_true(s->n_ids + n <= 2 * s->n);
    memcpy(s->ids + s->n_ids, ids, n * sizeof *ids);
    s->n_ids += n;
    return HEED_OK;
}

static stream run(const heed_tokenizer *t, const char *text, size_t n, int threads)
{
    const heed_encode_options options = {.threads = threads};
    stream s = {.text = text, .n = n, .ids = malloc(2 * n * sizeof *s.ids)};

    assert_int_equal(heed_tokenizer_stream(t, &options, read_some, &s, take, &s, NULL), HEED_OK);
    return s;
}

/* A special token that does not act still hides the "|>" in it, wherever a block ends. */
static void a_token_within_one_that_does_not_act_is_text_in_every_block(void **state)
{
    enum { N = 700000, LENGTH = 5 };
    heed_tokenizer *t = make(BYTE_LEVEL("false"),
                             "{\"id\":256,\"content\":\"<|a|>\",\"special\":true},"
                             "{\"id\":257,\"content\":\"|>\",\"special\":false,\"normalized\":false}");
    heed_text_buffer text = {0};

    (void)state;
    for (int i = 0; i < N; i++)
        heed_text_puts(&text, "<|a|>");
    for (int threads = 1; threads <= 3; threads++) {
        stream s = run(t, text.data, text.size, threads);

        assert_int_equal(s.n_ids, (size_t)N * LENGTH);
        for (size_t i = 0; i < s.n_ids; i++)
            assert_int_equal(s.ids[i], "<|a|>"[i % LENGTH]);
        free(s.ids);
    }
    assert_string_equal(encoded(t, "|>", false), "{257}");
    heed_text_free(&text);
    heed_tokenizer_destroy(t);
}

/* At the end of a block a token is found, and what follows may begin another; then the text ends. */
static void nothing_is_lost_where_a_text_ends_with_a_block(void **state)
{
    const size_t mib = (size_t)1 << 20;
    heed_tokenizer *t = make(BYTE_LEVEL("true"), "{\"id\":256,\"content\":\"<x>\",\"normalized\":true}");

    (void)state;
    for (int threads = 1; threads <= 2; threads++) {
        const size_t n = mib * (size_t)threads;
        char *text = malloc(n), *back = NULL;
        size_t n_back = 0;
        stream s = {0};

        memset(text, 'b', n);
        for (size_t i = 0; i < n; i += 2)
            text[i] = ' ';
        memcpy(text + n - 4, "<x><", 4);
        s = run(t, text, n, threads);
        assert_int_equal(heed_tokenizer_decode(t, s.ids, s.n_ids, &back, &n_back, NULL), HEED_OK);
        assert_int_equal(n_back, n + 1); /* a space goes in front of what follows a token */
        assert_memory_equal(back + n - 4, "<x> <", 5);
        free(back);
        free(s.ids);
        free(text);
    }
    heed_tokenizer_destroy(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(white_space_that_a_token_takes_ends_at_the_next_token),
        cmocka_unit_test(a_single_word_stands_between_what_is_no_word),
        cmocka_unit_test(patterns_mean_what_they_mean_to_oniguruma),
        cmocka_unit_test(a_token_within_one_that_does_not_act_is_text_in_every_block),
        cmocka_unit_test(nothing_is_lost_where_a_text_ends_with_a_block),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
