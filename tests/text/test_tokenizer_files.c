/* SPDX-License-Identifier: MIT */
/* Hostile tokenizer files: each is refused with one sentence that names the file and what is wrong, safe to print. */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text_buffer.h"
#include "folder.h"
#include "text/hash.h"
#include "text/letters.h"
#include "text/tokenizer.h"
#include "text/vocabulary.h"

static void write_file(const char *name, const char *text, size_t n)
{
    assert_int_equal(heed_file_write(inside(name), &(heed_bytes){text, n}, 1, NULL), HEED_OK);
}

static void expect_refused(const char *name, const char *encoding, const char *what, const char *part)
{
    heed_tokenizer *t = NULL;
    heed_error err = {0};
    const heed_status status = heed_tokenizer_open(inside(name), encoding, &t, &err);

    if (status == HEED_OK) {
        heed_tokenizer_destroy(t);
        fail_msg("accepted: %s", what);
    }
    assert_null(t);
    if (status != HEED_ERR_FILE)
        fail_msg("%s: status %d: %s", what, (int)status, err.message);
    if (strstr(err.message, part) == NULL)
        fail_msg("%s: expected \"%s\" in \"%s\"", what, part, err.message);
    if (strchr(err.message, '\x1b') != NULL || strchr(err.message, '\n') != NULL)
        fail_msg("%s: not safe to print", what);
}

/* ---- tokenizer.json ---- */

#define PRE         "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false}"
#define BPE(body)   "{" PRE ",\"model\":{\"type\":\"BPE\"," body "}}"
#define AB          "\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"a b\"]"
#define WITH(part)  "{" part ",\"model\":{\"type\":\"BPE\"," AB "}}"
#define ADDED(body) "{" PRE ",\"added_tokens\":[" body "],\"model\":{\"type\":\"BPE\"," AB "}}"
#define SPLIT(body)                                                                              \
    WITH("\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\"," body \
         "},{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}]}")

static void broken_tokenizer_json_is_refused(void **state)
{
    static const char *const cases[][2] = {
        {"", "expected {"},
        {"[", "not valid JSON"},
        {"{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0", "not valid JSON"},
        {BPE("\"vocab\":{\"a\":0,\"b\":3,\"ab\":1},\"merges\":[]"), "hole: no token has the id 2"},
        {BPE("\"vocab\":{\"a\":0,\"b\":0},\"merges\":[]"), "the id 0 belongs to two tokens"},
        {BPE("\"vocab\":{\"a\":0,\"a\":1},\"merges\":[]"), "\"a\" has two ids, 0 and 1"},
        {BPE("\"vocab\":{\"a\":-1},\"merges\":[]"), "the id -1"},
        {BPE("\"vocab\":{\"a\":2147483647},\"merges\":[]"), "2147483647"},
        {BPE("\"vocab\":{\"a\":100000000},\"merges\":[]"), "100000000"},
        {BPE("\"vocab\":{\"a\":99999999999999999999},\"merges\":[]"), "an integer"},
        {BPE("\"vocab\":{\"a\":1e3},\"merges\":[]"), "an integer"},
        {BPE("\"vocab\":{\"a\":1e999},\"merges\":[]"), "an integer"},
        {BPE("\"vocab\":{\"a\":NaN},\"merges\":[]"), "an integer"},
        {BPE("\"vocab\":{\"a\":\"0\"},\"merges\":[]"), "an integer"},
        {BPE("\"vocab\":{\"\":0},\"merges\":[]"), "an empty token"},
        {BPE("\"vocab\":{},\"merges\":[]"), "an empty one"},
        {BPE("\"vocab\":{\"a\\ud800\":0},\"merges\":[]"), "\\uXXXX"},
        {BPE("\"vocab\":{\"a\\q\":0},\"merges\":[]"), "escape"},
        {BPE("\"vocab\":{\"a\xff\":0},\"merges\":[]"), "UTF-8"},
        {BPE("\"vocab\":{\"a\":0 \"b\":1},\"merges\":[]"), "a comma"},
        {BPE("\"vocab\":{\"a\":0},\"vocab\":{\"b\":0},\"merges\":[]"), "duplicate"},
        {BPE("\"vocab\":{\"a\":0,\"b\":1},\"merges\":[\"a b\"]"), "what they make is no token"},
        {BPE("\"vocab\":{\"a\":0,\"b\":1},\"merges\":[\"a c\"]"), "the second is no token"},
        {BPE("\"vocab\":{\"a\":0,\"b\":1},\"merges\":[\"c a\"]"), "the first is no token"},
        {BPE("\"vocab\":{\"a\":0,\"aa\":1},\"merges\":[\"a aa\",\"aa a\"]"), "what they make"},
        {BPE("\"vocab\":{\"a\":0},\"merges\":[\"a \"]"), "the second is no token"},
        {BPE("\"vocab\":{\"a\":0},\"merges\":[\" a\"]"), "the first is no token"},
        {BPE("\"vocab\":{\"a\":0},\"merges\":[\"a a a\"]"), "two tokens and a space"},
        {BPE("\"vocab\":{\"a\":0},\"merges\":[\"aa\"]"), "two tokens and a space"},
        {BPE("\"vocab\":{\"a\":0},\"merges\":[[\"a\"]]"), "a merge of two"},
        {BPE("\"vocab\":{\"a\":0},\"merges\":[[\"a\",\"a\",\"a\"]]"), "a merge of two"},
        {BPE("\"vocab\":{\"a\":0},\"merges\":[1]"), "a string"},
        {BPE("\"vocab\":{\"a\":0,\"b\":1},\"merges\":[\"a \x1b[31m\"]"), "string"},
        {BPE("\"vocab\":{\"a\":0,\"b\":1},\"merges\":[\"a \\u001b[31m\"]"), "\\x1B[31m"},
        {BPE("\"dropout\":0.1," AB), "\"dropout\""},
        {BPE("\"dropout\":7," AB), "dropout"},
        {BPE("\"continuing_subword_prefix\":\"##\"," AB), "continuing_subword_prefix"},
        {BPE("\"end_of_word_suffix\":\"</w>\"," AB), "end_of_word_suffix"},
        {BPE("\"byte_fallback\":true," AB), "byte_fallback"},
        {BPE("\"unk_token\":\"zzz\"," AB), "unk_token \"zzz\""},
        {WITH("\"truncation\":{\"max_length\":3}," PRE), "\"truncation\""},
        {WITH("\"padding\":{}," PRE), "\"padding\""},
        {WITH("\"pre_tokenizer\":{\"type\":\"Metaspace\"}"), "pre_tokenizer \"Metaspace\""},
        {WITH("\"pre_tokenizer\":{\"type\":\"\\u001b[2J\"}"), "\\x1B[2J"},
        {WITH("\"pre_tokenizer\":{\"type\":7}"), "pre_tokenizer"},
        {WITH("\"normalizer\":{\"type\":\"Precompiled\"}," PRE), "normalizer \"Precompiled\""},
        {WITH("\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"(\"},\"content\":\"\"}," PRE),
         "pattern"},
        {WITH("\"decoder\":{\"type\":\"WordPiece\"}," PRE), "decoder \"WordPiece\""},
        {WITH("\"post_processor\":{\"type\":\"Other\"}," PRE), "post_processor \"Other\""},
        {WITH("\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[]}," PRE),
         "no place for the text"},
        {WITH("\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"x\"}"
              "}]}," PRE),
         "without ids"},
        {WITH("\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"x\"}"
              "}],"
              "\"special_tokens\":{\"x\":{\"ids\":[77]}}}," PRE),
         "no token has"},
        {WITH("\"post_processor\":{\"type\":\"RobertaProcessing\",\"cls\":[\"a\",99],\"sep\":[\"a\",0]}," PRE),
         "no token has"},
        {SPLIT("\"pattern\":{\"Regex\":\"(\"}"), "not a regular expression"},
        {SPLIT("\"pattern\":{\"Regex\":\"a*\"}"), "matches the empty text"},
        {SPLIT("\"pattern\":{\"Regex\":\"\"}"), "matches the empty text"},
        {SPLIT("\"pattern\":{}"), "a String or a Regex"},
        {SPLIT("\"pattern\":{\"String\":\"a\"},\"behavior\":\"Exploded\""), "Exploded"},
        {ADDED("{\"id\":3,\"content\":\"\"}"), "is empty"},
        {ADDED("{\"content\":\"x\"}"), "\"id\""},
        {ADDED("{\"id\":3}"), "\"content\""},
        {ADDED("{\"id\":-3,\"content\":\"x\"}"), "\"id\""},
        {ADDED("{\"id\":4294967296,\"content\":\"x\"}"), "\"id\""},
        {ADDED("{\"id\":1,\"content\":\"x\"}"), "which the vocabulary gives to \"b\""},
        {ADDED("{\"id\":7,\"content\":\"ab\"}"), "in the vocabulary it has 2"},
        {ADDED("{\"id\":3,\"content\":\"x\"},{\"id\":4,\"content\":\"x\"}"), "is there twice"},
        {ADDED("{\"id\":3,\"content\":\"x\"},{\"id\":3,\"content\":\"y\"}"), "two added tokens"},
        {ADDED("7"), "a JSON object"},
        {"{" PRE ",\"added_tokens\":{},\"model\":{\"type\":\"BPE\"," AB "}}", "added_tokens"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_file("t.json", cases[i][0], strlen(cases[i][0]));
        expect_refused("t.json", NULL, cases[i][0], cases[i][1]);
        expect_refused("t.json", NULL, cases[i][0], "t.json: ");
    }
}

/* Depth and length are bounded before anything is allocated for them. */
static void endless_json_is_refused(void **state)
{
    static const char *const parts[][2] = {{"[", "deep"}, {"{\"a\":", "deep"}, {"[0,", "deep"}};
    heed_text_buffer text = {0};

    (void)state;
    for (size_t k = 0; k < sizeof parts / sizeof parts[0]; k++)
        for (int inside_model = 0; inside_model < 2; inside_model++) {
            text.size = 0;
            heed_text_puts(&text, inside_model ? "{\"model\":{\"vocab\":{},\"merges\":" : "{\"x\":");
            for (int i = 0; i < 300000; i++)
                heed_text_puts(&text, parts[k][0]);
            write_file("t.json", text.data, text.size);
            expect_refused("t.json", NULL, parts[k][0], "t.json");
        }
    text.size = 0;
    heed_text_puts(&text, "{" PRE ",\"model\":{\"type\":\"BPE\"," AB "},\"added_tokens\":[");
    for (int i = 0; i < 1000000; i++)
        heed_text_printf(&text, "%s{\"id\":%d,\"content\":\"t%d\",\"special\":true}", i > 0 ? "," : "", i + 3,
                         i);
    heed_text_puts(&text, "]}");
    write_file("t.json", text.data, text.size);
    expect_refused("t.json", NULL, "a million added tokens", "JSON values");
    heed_text_free(&text);
}

/* A thousand times a token of a thousand ids: a small file that would need a million ids. */
static void a_template_that_explodes_is_refused(void **state)
{
    heed_text_buffer text = {0};

    (void)state;
    heed_text_puts(&text, "{" PRE ",\"model\":{\"type\":\"BPE\"," AB "},\"post_processor\":{\"type\":"
                          "\"TemplateProcessing\",\"special_tokens\":{\"x\":{\"ids\":[0");
    for (int i = 1; i < 1000; i++)
        heed_text_puts(&text, ",0");
    heed_text_puts(&text, "]}},\"single\":[{\"Sequence\":{\"id\":\"A\"}}");
    for (int i = 0; i < 1000; i++)
        heed_text_puts(&text, ",{\"SpecialToken\":{\"id\":\"x\"}}");
    heed_text_puts(&text, "]}}");
    write_file("t.json", text.data, text.size);
    expect_refused("t.json", NULL, "a template of a million ids", "at most 4096 tokens of a template");
    heed_text_free(&text);
}

/* What is allowed must also work: the search goes by bisection and does not try each of them. */
static void many_added_tokens_are_found(void **state)
{
    enum { N = 100000 };
    heed_text_buffer json = {0}, text = {0};
    const heed_encode_options special = {.special = true};
    heed_tokenizer *t = NULL;
    heed_error err = {0};
    int32_t *ids = NULL;
    size_t n = 0;

    (void)state;
    heed_text_puts(&json, "{" PRE ",\"model\":{\"type\":\"BPE\"," AB "},\"added_tokens\":[");
    for (int i = 0; i < N; i++) {
        heed_text_printf(&json, "%s{\"id\":%d,\"content\":\"<t%d>\",\"special\":true}", i > 0 ? "," : "", i + 3,
                         i);
        heed_text_printf(&text, "<t%d>a", i);
    }
    heed_text_puts(&json, "]}");
    if (heed_tokenizer_parse(json.data, json.size, "t.json", &t, &err) != HEED_OK)
        fail_msg("%s", err.message);
    assert_int_equal(heed_tokenizer_n_added(t), N);
    assert_int_equal(heed_tokenizer_vocab_size(t), N + 3);
    if (heed_tokenizer_encode(t, text.data, text.size, &special, &ids, &n, &err) != HEED_OK)
        fail_msg("%s", err.message);
    assert_int_equal(n, 2 * N);
    for (int i = 0; i < N; i++) {
        assert_int_equal(ids[2 * i], i + 3);
        assert_int_equal(ids[2 * i + 1], 0);
    }
    free(ids);
    heed_tokenizer_destroy(t);
    heed_text_free(&json);
    heed_text_free(&text);
}

static void a_byte_without_a_token_is_named(void **state)
{
    heed_tokenizer *t = NULL;
    heed_error err = {0};
    int32_t *ids = NULL;
    size_t n = 0;

    (void)state;
    assert_int_equal(heed_tokenizer_parse(BPE(AB), strlen(BPE(AB)), "t.json", &t, &err), HEED_OK);
    assert_int_equal(heed_tokenizer_encode(t, "abz", 3, NULL, &ids, &n, &err), HEED_ERR_USAGE);
    assert_non_null(strstr(err.message, "0x7a"));
    assert_null(ids);
    heed_tokenizer_destroy(t);
}

/* ---- vocab.json and merges.txt ---- */

static void broken_pairs_are_refused(void **state)
{
    static const char *const cases[][3] = {
        {"{\"a\":0,\"b\":1}", "a b\n", "merge 0, \"a\" with \"b\": what they make is no token"},
        {"{\"a\":0,\"b\":1,\"ab\":2}", "a b\nab c\n", "merge 1"},
        {"{\"a\":0,\"b\":1,\"ab\":2}", "#version: 0.2\na  b\n", "two tokens and a space"},
        {"{\"a\":0,\"b\":1,\"ab\":2}", "#version: 0.2\nab\n", "two tokens and a space"},
        {"{\"a\":0,\"b\":1,\"ab\":2}", "a \x1b[31mb\n", "\\x1B[31mb"},
        {"{\"a\":0,\"b\":2}", "", "hole: no token has the id 1"},
        {"{\"a\":0,\"b\":1,\"b\":2}", "", "two ids"},
        {"{\"a\":0,\"b\":1} x", "", "nothing more"},
        {"{\"a\":0,\"b\":", "", "an integer"},
        {"{\"a\":0,\"<|x|>\":70000}", "", "70000"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_file("vocab.json", cases[i][0], strlen(cases[i][0]));
        write_file("merges.txt", cases[i][1], strlen(cases[i][1]));
        expect_refused("vocab.json", NULL, cases[i][0], cases[i][2]);
    }
    remove(inside("merges.txt"));
    expect_refused("vocab.json", NULL, "no merges", "merges.txt");
    remove(inside("vocab.json"));
    expect_refused("", NULL, "an empty folder", "expected a tokenizer.json, or a vocab.json");
}

/* They cannot be special tokens, which are texts; but they have ids, and those have bytes. */
static void tokens_that_no_text_spells_are_kept(void **state)
{
    static const char vocab[] = "{\"a\":0,\"b\":1,\"\u00c3\u00c3\":2,\"\u0100\u0100\":3}";
    heed_tokenizer *t = NULL;
    heed_error err = {0};
    size_t n = 0;

    (void)state;
    write_file("vocab.json", vocab, strlen(vocab));
    write_file("merges.txt", "", 0);
    if (heed_tokenizer_open(inside("vocab.json"), NULL, &t, &err) != HEED_OK)
        fail_msg("%s", err.message);
    assert_int_equal(heed_tokenizer_n_added(t), 0);
    assert_memory_equal(heed_tokenizer_piece(t, 2, &n), "\xc3\xc3", 2);
    assert_int_equal(n, 2);
    assert_memory_equal(heed_tokenizer_piece(t, 3, &n), "\0\0", 2);
    assert_int_equal(n, 2);
    heed_tokenizer_destroy(t);
}

/* ---- .tiktoken ---- */

static void put_rank(heed_text_buffer *out, int byte, int rank)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    heed_text_printf(out, "%c%c== %d\n", digits[byte >> 2], digits[(byte & 3) << 4], rank);
}

static void broken_tables_of_ranks_are_refused(void **state)
{
    static const char *const lines[][2] = {
        {"YWI= 256\n*** 257\n", "line 258: expected base64"},
        {"YWI= 256\n*** 257\n", "got \"*** 257\""},
        {"YWI= 256\nYWM=\n", "got \"YWM=\""},
        {"YWI= 256\nYWI 257\n", "expected base64"},
        {"YWI= 256\nYWJ= 257\n", "expected base64"}, /* a bit of it belongs to no byte */
        {"YWI= 256\nYW=i 257\n", "expected base64"},
        {"YWI= 256\n==== 257\n", "expected base64"},
        {"YWI= 256\n 257\n", "expected base64"},
        {"YWI= 256\nYWM=\n", "expected a rank"},
        {"YWI= 256\nYWM= -1\n", "expected a rank"},
        {"YWI= 256\nYWM= 1e3\n", "expected a rank"},
        {"YWI= 256\nYWM= 99999999999\n", "expected a rank"},
        {"YWI= 256\nYWM= 257 8\n", "expected a rank"},
        {"YWI= 256\nYWM= 256\n", "the id 256 belongs to two tokens, \"ab\" and \"ac\""},
        {"YWI= 256\nYWI= 257\n", "\"ab\" has two ids, 256 and 257"},
        {"YWI= 256\nYWM= 258\n", "hole: no token has the id 257"},
        {"YWI= 256\nYWM= 900000000\n", "900000000"},
        {"G1szMW0= 256\nG1szMW0= 257\n", "\\x1B[31m"},
    };
    heed_text_buffer bytes = {0}, text = {0};

    (void)state;
    for (int i = 0; i < 256; i++)
        put_rank(&bytes, i, i);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        text.size = 0;
        heed_text_append(&text, bytes.data, bytes.size);
        heed_text_puts(&text, lines[i][0]);
        write_file("x.gpt2.tiktoken", text.data, text.size);
        expect_refused("x.gpt2.tiktoken", NULL, lines[i][0], lines[i][1]);
    }
    write_file("x.gpt2.tiktoken", bytes.data, bytes.size - strlen("/w== 255\n"));
    expect_refused("x.gpt2.tiktoken", NULL, "a byte is missing", "0xff has none");
    write_file("x.gpt2.tiktoken", "", 0);
    expect_refused("x.gpt2.tiktoken", NULL, "empty", "an empty one");
    write_file("x.tiktoken", bytes.data, bytes.size);
    expect_refused("x.tiktoken", NULL, "no encoding", "name it, gpt2, p50k_base, cl100k_base or o200k_base");
    heed_text_free(&bytes);
    heed_text_free(&text);
}

/* The inverse of the hash's step (text/hash.h): 16 bytes for any first eight, all of one hash. */
static uint64_t second_half(uint64_t first)
{
    uint64_t inverse = UINT64_C(0x9e3779b97f4a7c15), wanted = UINT64_C(0x1234567812345678);

    for (int i = 0; i < 6; i++)
        inverse *= 2 - UINT64_C(0x9e3779b97f4a7c15) * inverse;
    wanted = (wanted ^ wanted >> 32) * inverse;
    return wanted ^ heed_hash_mix(16, first);
}

static void tokens_whose_hashes_collide_are_refused(void **state)
{
    heed_vocabulary v = {0};
    heed_error err = {0};

    (void)state;
    for (int32_t i = 0; i < 3000; i++) {
        const uint64_t words[2] = {(uint64_t)i, second_half((uint64_t)i)};

        assert_int_equal(heed_hash_bytes((const char *)words, 16), UINT64_C(0x1234567812345678));
        assert_true(heed_vocabulary_add(&v, (const char *)words, 16, i, false));
    }
    assert_int_equal(heed_vocabulary_seal(&v, "t", &err), HEED_ERR_FILE);
    assert_non_null(strstr(err.message, "collides with more than"));
    heed_vocabulary_free(&v);
}

static void an_encoding_is_named_for_a_table_alone(void **state)
{
    heed_text_buffer bytes = {0};
    heed_tokenizer *t = NULL;
    heed_error err = {0};

    (void)state;
    for (int i = 0; i < 256; i++)
        put_rank(&bytes, i, i);
    write_file("x.tiktoken", bytes.data, bytes.size);
    assert_int_equal(heed_tokenizer_open(inside("x.tiktoken"), "gpt3", &t, &err), HEED_ERR_USAGE);
    assert_non_null(strstr(err.message, "got \"gpt3\""));
    assert_int_equal(heed_tokenizer_open(inside("x.tiktoken"), "cl100k_base", &t, &err), HEED_OK);
    assert_int_equal(heed_tokenizer_vocab_size(t), 100277);
    assert_null(heed_tokenizer_piece(t, 300, NULL));
    assert_string_equal(heed_tokenizer_piece(t, 100276, NULL), "<|endofprompt|>");
    heed_tokenizer_destroy(t);
    assert_int_equal(heed_tokenizer_open(inside("t.json"), "gpt2", &t, &err), HEED_ERR_USAGE);
    heed_text_free(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broken_tokenizer_json_is_refused),
        cmocka_unit_test(endless_json_is_refused),
        cmocka_unit_test(a_template_that_explodes_is_refused),
        cmocka_unit_test(many_added_tokens_are_found),
        cmocka_unit_test(a_byte_without_a_token_is_named),
        cmocka_unit_test(broken_pairs_are_refused),
        cmocka_unit_test(tokens_that_no_text_spells_are_kept),
        cmocka_unit_test(broken_tables_of_ranks_are_refused),
        cmocka_unit_test(tokens_whose_hashes_collide_are_refused),
        cmocka_unit_test(an_encoding_is_named_for_a_table_alone),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
