/* SPDX-License-Identifier: MIT */
/* Characters as tokens: order of ids, round trips, what the file says, what is refused and in which words. */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "text/tokenizer.h"

static heed_tokenizer *build(const char *text)
{
    heed_tokenizer *tokenizer = NULL;
    heed_error err = {0};

    if (heed_tokenizer_characters(text, strlen(text), &tokenizer, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return tokenizer;
}

static void assert_contains(const char *message, const char *part)
{
    if (strstr(message, part) == NULL)
        fail_msg("expected \"%s\" in \"%s\"", part, message);
}

/* Encodes and decodes; the text must come back, whatever the ids. */
static void assert_round_trip(const heed_tokenizer *tokenizer, const char *text, size_t n)
{
    int32_t *ids = NULL;
    char *out = NULL;
    size_t n_ids = 0, n_out = 0;

    assert_int_equal(heed_tokenizer_encode(tokenizer, text, n, NULL, &ids, &n_ids, NULL), HEED_OK);
    assert_true(n_ids <= n);
    assert_int_equal(heed_tokenizer_decode(tokenizer, ids, n_ids, &out, &n_out, NULL), HEED_OK);
    assert_int_equal(n_out, n);
    assert_memory_equal(out, text, n);
    free(out);
    free(ids);
}

static void ids_ascend_with_the_code_points(void **state)
{
    heed_tokenizer *tokenizer = build("b\xc3\xa9z\n\xf0\x9f\x90\x9d!a\xe2\x82\xac");
    static const char *const pieces[] = {
        "\n", "!", "a", "b", "z", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x90\x9d"};
    int32_t *ids = NULL;
    size_t n = 0;

    (void)state;
    assert_int_equal(heed_tokenizer_vocab_size(tokenizer), 8);
    for (int i = 0; i < 8; i++) {
        assert_string_equal(heed_tokenizer_piece(tokenizer, i, &n), pieces[i]);
        assert_int_equal(n, strlen(pieces[i]));
    }
    assert_null(heed_tokenizer_piece(tokenizer, 8, &n));
    assert_null(heed_tokenizer_piece(tokenizer, -1, NULL));
    assert_int_equal(heed_tokenizer_encode(tokenizer, "za\xf0\x9f\x90\x9d", 6, NULL, &ids, &n, NULL), HEED_OK);
    assert_int_equal(n, 3);
    assert_int_equal(ids[0], 4);
    assert_int_equal(ids[1], 2);
    assert_int_equal(ids[2], 7);
    free(ids);
    heed_tokenizer_destroy(tokenizer);
}

static void every_code_point_round_trips_through_text_and_file(void **state)
{
    heed_text_buffer all = {0}, json = {0};
    heed_tokenizer *made = NULL, *again = NULL;
    heed_error err = {0};
    char bytes[4];

    (void)state;
    for (uint32_t code = 1; code < 0x110000; code += code < 0x3000 ? 1 : 37) {
        const size_t n = heed_utf8_encode(code, bytes);

        heed_text_append(&all, bytes, n);
    }
    assert_int_equal(heed_tokenizer_characters(all.data, all.size, &made, &err), HEED_OK);
    assert_round_trip(made, all.data, all.size);
    assert_int_equal(heed_tokenizer_write(made, &json, &err), HEED_OK);
    if (heed_tokenizer_parse(json.data, json.size, "t.json", &again, &err) != HEED_OK)
        fail_msg("%s", err.message);
    assert_int_equal(heed_tokenizer_vocab_size(again), heed_tokenizer_vocab_size(made));
    for (int64_t id = 0; id < heed_tokenizer_vocab_size(made); id++)
        assert_string_equal(heed_tokenizer_piece(again, id, NULL), heed_tokenizer_piece(made, id, NULL));
    assert_round_trip(again, all.data, all.size);
    heed_tokenizer_destroy(made);
    heed_tokenizer_destroy(again);
    heed_text_free(&all);
    heed_text_free(&json);
}

static void a_missing_character_is_named_with_its_place_and_the_vocabulary(void **state)
{
    heed_tokenizer *tokenizer = build("abc \n");
    heed_error err = {0};
    int32_t *ids = NULL;
    size_t n = 0;

    (void)state;
    assert_int_equal(heed_tokenizer_encode(tokenizer, "a\ncab\xc3\xa9", 7, NULL, &ids, &n, &err),
                     HEED_ERR_USAGE);
    assert_contains(err.message, "line 2, column 4");
    assert_contains(err.message, "\"\xc3\xa9\" (U+00E9)");
    assert_contains(err.message, "5 of the vocabulary");
    assert_contains(err.message, " abc");
    assert_int_equal(heed_tokenizer_encode(tokenizer, "a\x1b", 2, NULL, &ids, &n, &err), HEED_ERR_USAGE);
    assert_null(strchr(err.message, '\x1b'));
    assert_contains(err.message, "U+001B");
    assert_int_equal(heed_tokenizer_encode(tokenizer, "ab\xff", 3, NULL, &ids, &n, &err), HEED_ERR_USAGE);
    assert_contains(err.message, "line 1, column 3");
    assert_contains(err.message, "0xff");
    heed_tokenizer_destroy(tokenizer);
}

/* Three bytes at a time, so that characters are cut. */
static heed_status drip(void *context, char *buffer, size_t capacity, size_t *n, heed_error *err)
{
    const char **text = context;

    (void)err;
    (void)capacity;
    *n = strlen(*text) < 3 ? strlen(*text) : 3;
    memcpy(buffer, *text, *n);
    *text += *n;
    return HEED_OK;
}

static heed_status drop_ids(void *context, const int32_t *ids, size_t n, heed_error *err)
{
    (void)context;
    (void)ids;
    (void)n;
    (void)err;
    return HEED_OK;
}

static void a_stream_names_places_of_the_whole_text(void **state)
{
    static const char *const cases[][2] = {
        {"abc\nc\xc3\xa9\xc3\xa9\ncab\xc3\xa9Zb", "line 3, column 5: the character \"Z\""},
        {"Zab", "line 1, column 1: the character \"Z\""},
        {"a\n\nab\xc3\xa9\xffz", "line 3, column 4: 0xff is not UTF-8"},
    };
    heed_tokenizer *tokenizer = build("abc\n\xc3\xa9");
    heed_error err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *text = cases[i][0];
        assert_int_equal(heed_tokenizer_stream(tokenizer, NULL, drip, &text, drop_ids, NULL, &err),
                         HEED_ERR_USAGE);
        assert_contains(err.message, cases[i][1]);
    }
    heed_tokenizer_destroy(tokenizer);
}

static void texts_without_usable_characters_make_no_vocabulary(void **state)
{
    heed_tokenizer *tokenizer = NULL;
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_tokenizer_characters("", 0, &tokenizer, &err), HEED_ERR_USAGE);
    assert_int_equal(heed_tokenizer_characters("a\0b", 3, &tokenizer, &err), HEED_ERR_USAGE);
    assert_contains(err.message, "NUL");
    assert_int_equal(heed_tokenizer_characters("ab\xc3", 3, &tokenizer, &err), HEED_ERR_USAGE);
    assert_contains(err.message, "column 3");
    assert_null(tokenizer);
}

static void an_id_outside_the_vocabulary_is_refused(void **state)
{
    heed_tokenizer *tokenizer = build("ab");
    const int32_t ids[] = {0, 2}, negative[] = {-1};
    heed_error err = {0};
    char *out = NULL;
    size_t n = 0;

    (void)state;
    assert_int_equal(heed_tokenizer_decode(tokenizer, ids, 2, &out, &n, &err), HEED_ERR_USAGE);
    assert_contains(err.message, "token 1: expected an id of 0 to 1, got 2");
    assert_int_equal(heed_tokenizer_decode(tokenizer, negative, 1, &out, &n, &err), HEED_ERR_USAGE);
    assert_null(out);
    heed_tokenizer_destroy(tokenizer);
}

#define HEAD \
    "{\"version\":\"1.0\",\"added_tokens\":[],\"decoder\":{\"type\":\"Fuse\"},\"model\":{\"type\":\"BPE\","

static void a_file_may_number_its_characters_in_any_order(void **state)
{
    const char *json = HEAD
        "\"merges\":[],\"vocab\":{\"z\":0,\"\xf0\x9f\x90\x9d\":3,\"\xe2\x82\xac\":1,\"\xc3\xa9\":4,"
        "\"a\":2}}}";
    static const int32_t expected[] = {2, 4, 1, 3, 0};
    heed_tokenizer *tokenizer = NULL;
    heed_error err = {0};
    int32_t *ids = NULL;
    size_t n = 0;

    (void)state;
    if (heed_tokenizer_parse(json, strlen(json), "t.json", &tokenizer, &err) != HEED_OK)
        fail_msg("%s", err.message);
    assert_int_equal(
        heed_tokenizer_encode(tokenizer, "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x9dz", 11, NULL, &ids, &n, NULL),
        HEED_OK);
    assert_int_equal(n, 5);
    assert_memory_equal(ids, expected, sizeof expected);
    free(ids);
    assert_string_equal(heed_tokenizer_piece(tokenizer, 2, NULL), "a");
    heed_tokenizer_destroy(tokenizer);
}

static void other_kinds_and_broken_vocabularies_are_refused_in_words(void **state)
{
    static const char *const cases[][2] = {
        {"{}", "found none"},
        {"[]", "t.json"},
        {"{\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"a\":0}}}", "type \"WordPiece\""},
        {"{\"model\":{\"type\":\"Unigram\",\"vocab\":[]}}", "type \"Unigram\""},
        {"{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"a b\"]}}",
         "over characters is not supported"},
        {"{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\"},{\"type\":"
         "\"ByteLevel\"}]},"
         "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a a\"]}}",
         "Split with a pattern"},
        {"{\"model\":{\"type\":\"BPE\",\"merges\":[],\"vocab\":{\"a\":0}}}", "decoder"},
        {HEAD "\"merges\":[],\"vocab\":{}}}", "1 to"},
        {HEAD "\"merges\":[],\"vocab\":[]}}", "1 to"},
        {HEAD "\"merges\":[],\"vocab\":{\"ab\":0}}}", "single characters, found \"ab\""},
        {HEAD "\"merges\":[],\"vocab\":{\"\":0}}}", "single characters"},
        {HEAD "\"merges\":[],\"vocab\":{\"a\":0,\"b\":2}}}", "\"b\" needs an id of 0 to 1"},
        {HEAD "\"merges\":[],\"vocab\":{\"a\":0,\"b\":-1}}}", "\"b\" needs an id"},
        {HEAD "\"merges\":[],\"vocab\":{\"a\":0,\"b\":1.0}}}", "\"b\" needs an id"},
        {HEAD "\"merges\":[],\"vocab\":{\"a\":1,\"b\":1}}}", "the id 1 belongs to two"},
        {HEAD "\"merges\":[],\"vocab\":{\"a\":0,\"a\":1}}}", "duplicate"},
        {HEAD "\"merges\":[],\"unk_token\":\"a\",\"vocab\":{\"a\":0}}}", "unk_token"},
        {HEAD "\"merges\":[],\"byte_fallback\":true,\"vocab\":{\"a\":0}}}", "byte fallback"},
        {HEAD "\"merges\":[],\"vocab\":{\"a\":0}},\"normalizer\":{\"type\":\"NFC\"}}", "normalizer"},
        {HEAD "\"merges\":[],\"vocab\":{\"a\":0}},\"post_processor\":{\"type\":\"X\"}}", "post_processor"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        heed_tokenizer *tokenizer = NULL;
        heed_error err = {0};

        if (heed_tokenizer_parse(cases[i][0], strlen(cases[i][0]), "t.json", &tokenizer, &err) != HEED_ERR_FILE)
            fail_msg("accepted: %s", cases[i][0]);
        assert_null(tokenizer);
        assert_contains(err.message, "t.json: ");
        if (strstr(err.message, cases[i][1]) == NULL)
            fail_msg("%s: expected \"%s\" in \"%s\"", cases[i][0], cases[i][1], err.message);
    }
}

static void a_missing_file_is_named(void **state)
{
    heed_tokenizer *tokenizer = NULL;
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_tokenizer_load("/nowhere/tokenizer.json", &tokenizer, &err), HEED_ERR_FILE);
    assert_contains(err.message, "/nowhere/tokenizer.json");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_ascend_with_the_code_points),
        cmocka_unit_test(every_code_point_round_trips_through_text_and_file),
        cmocka_unit_test(a_missing_character_is_named_with_its_place_and_the_vocabulary),
        cmocka_unit_test(a_stream_names_places_of_the_whole_text),
        cmocka_unit_test(texts_without_usable_characters_make_no_vocabulary),
        cmocka_unit_test(an_id_outside_the_vocabulary_is_refused),
        cmocka_unit_test(a_file_may_number_its_characters_in_any_order),
        cmocka_unit_test(other_kinds_and_broken_vocabularies_are_refused_in_words),
        cmocka_unit_test(a_missing_file_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
