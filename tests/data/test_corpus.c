/* SPDX-License-Identifier: MIT */
/* Corpora: where the text is cut, how ids are packed, and the one sentence for each bad file. */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/utf8.h"
#include "data/corpus.h"

static void assert_contains(const char *message, const char *part)
{
    if (strstr(message, part) == NULL)
        fail_msg("expected \"%s\" in \"%s\"", part, message);
}

/* Writes the bytes to a fresh file and returns what opening it as a text says. */
static heed_status open_bytes(const char *bytes, size_t n, heed_error *err)
{
    char path[] = "/tmp/heed-test-corpus-XXXXXX";
    const int fd = mkstemp(path);
    heed_file text = {0};
    heed_status status = HEED_OK;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    close(fd);
    status = heed_corpus_open_text(&text, path, false, err);
    if (status == HEED_OK) {
        assert_int_equal(text.size, n);
        assert_memory_equal(text.data, bytes, n);
        heed_file_close(&text);
    } else {
        assert_contains(err->message, path);
        assert_int_equal(text.size, 0);
    }
    unlink(path);
    return status;
}

static void each_bad_file_gets_its_sentence(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *part;
    } cases[] = {
        {"", 0, "empty"},
        {"\x89PNG\r\n\x1a\n\0\0", 10, "binary file (byte 8 is a NUL)"},
        {"\xff\xfeh\0i\0", 6, "UTF-16"},
        {"one\ntw\xe9\n", 8, "0xe9 at byte 6 (line 2)"},
        {"cut \xe2\x82", 6, "0xe2 at byte 4 (line 1)"},
        {"over \xc0\xaf", 7, "0xc0 at byte 5"},
    };
    heed_file text = {0};
    heed_error err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(open_bytes(cases[i].bytes, cases[i].n, &err), HEED_ERR_FILE);
        assert_contains(err.message, cases[i].part);
    }
    assert_int_equal(heed_corpus_open_text(&text, "/nowhere/text.txt", false, &err), HEED_ERR_FILE);
    assert_contains(err.message, "/nowhere/text.txt");
    assert_int_equal(heed_corpus_open_text(&text, "/tmp", false, &err), HEED_ERR_FILE);
    assert_contains(err.message, "/tmp");
    assert_contains(err.message, "folder");
    assert_int_equal(open_bytes("fine \xf0\x9f\x90\x9d\n", 10, &err), HEED_OK);
}

static void a_nul_far_into_a_text_is_found(void **state)
{
    char *text = malloc(20000);
    heed_error err = {0};

    (void)state;
    memset(text, 'a', 20000);
    text[19999] = '\0';
    assert_int_equal(heed_corpus_check_text(text, 20000, false, "t", &err), HEED_ERR_FILE);
    assert_contains(err.message, "byte 19999 is a NUL");
    assert_int_equal(heed_corpus_check_text(text, 19999, false, "t", &err), HEED_OK);
    free(text);
}

/* A corpus of n characters that cycles through `alphabet` code points from U+0100 on. */
static heed_corpus *cycle(size_t n, uint32_t alphabet, const heed_corpus_options *options, heed_error *err)
{
    heed_text_buffer text = {0};
    heed_tokenizer *tokenizer = NULL;
    heed_corpus *corpus = NULL;
    char bytes[4];

    for (size_t i = 0; i < n; i++) {
        const uint32_t k = (uint32_t)(i % alphabet), code = 0x100 + k + (k >= 0xd700 ? 0x800 : 0);

        heed_text_append(&text, bytes, heed_utf8_encode(code, bytes));
    }
    assert_int_equal(heed_tokenizer_characters(text.data, text.size, &tokenizer, err), HEED_OK);
    if (heed_corpus_create(tokenizer, text.data, text.size, "t", options, &corpus, err) == HEED_OK)
        assert_int_equal(corpus->n_bytes, text.size);
    heed_tokenizer_destroy(tokenizer);
    heed_text_free(&text);
    return corpus;
}

static void ids_survive_packing_in_one_two_and_four_bytes(void **state)
{
    static const struct {
        uint32_t alphabet;
        int bytes_per_token;
    } cases[] = {{1, 1}, {256, 1}, {257, 2}, {65536, 2}, {65537, 4}};
    const heed_corpus_options options = {.context_length = 8};
    const int64_t n = 70000;
    int32_t *ids = malloc((size_t)n * sizeof *ids);

    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        heed_corpus *corpus = cycle((size_t)n, cases[c].alphabet, &options, NULL);

        assert_non_null(corpus);
        assert_int_equal(corpus->packing.bytes_per_token, cases[c].bytes_per_token);
        assert_int_equal(corpus->n, n);
        heed_corpus_read(corpus, 0, n, ids);
        for (int64_t i = 0; i < n; i++)
            assert_int_equal(ids[i], i % cases[c].alphabet);
        heed_corpus_read(corpus, n - 3, 3, ids);
        assert_int_equal(ids[2], (n - 1) % cases[c].alphabet);
        heed_corpus_destroy(corpus);
    }
    free(ids);
}

static void nine_tenths_train_and_the_rest_validate(void **state)
{
    static const size_t lengths[] = {21, 29, 30, 111, 1009, 4321};
    const heed_corpus_options options = {.context_length = 2}, whole = {.context_length = 2, .whole = true};

    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        const int64_t n = (int64_t)lengths[i];
        heed_corpus *split = cycle(lengths[i], 7, &options, NULL), *all = cycle(lengths[i], 7, &whole, NULL);
        const heed_span train = heed_corpus_part(split, HEED_PART_TRAIN);
        const heed_span validation = heed_corpus_part(split, HEED_PART_VALIDATION);

        assert_int_equal(train.begin, 0);
        assert_int_equal(train.n, 9 * n / 10);
        assert_int_equal(validation.begin, train.n);
        assert_int_equal(validation.n, n - train.n);
        assert_int_equal(heed_corpus_part(all, HEED_PART_VALIDATION).n, n);
        assert_int_equal(heed_corpus_part(all, HEED_PART_TRAIN).n, 0);
        heed_corpus_destroy(split);
        heed_corpus_destroy(all);
    }
}

static void the_length_asked_for_is_the_shortest_that_works(void **state)
{
    heed_error err = {0};

    (void)state;
    for (int64_t T = 1; T < 30; T++) {
        const heed_corpus_options options = {.context_length = T}, whole = {.context_length = T, .whole = true};
        heed_corpus *corpus = cycle((size_t)(10 * T + 1), 3, &options, NULL);

        assert_non_null(corpus);
        assert_true(heed_corpus_part(corpus, HEED_PART_VALIDATION).n == T + 1);
        heed_corpus_destroy(corpus);
        assert_null(cycle((size_t)(10 * T), 3, &options, &err));
        assert_int_equal(err.status, HEED_ERR_FILE);
        corpus = cycle((size_t)(T + 1), 3, &whole, NULL);
        assert_non_null(corpus);
        heed_corpus_destroy(corpus);
        assert_null(cycle((size_t)T, 3, &whole, NULL));
    }
    assert_contains(err.message, "t: expected at least 291 characters");
    assert_contains(err.message, "context_length 29");
    assert_contains(err.message, "got 290");
}

static void a_character_of_the_text_that_the_vocabulary_lacks_is_named(void **state)
{
    const heed_corpus_options options = {.context_length = 1};
    heed_tokenizer *tokenizer = NULL;
    heed_corpus *corpus = NULL;
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_tokenizer_characters("ab\n", 3, &tokenizer, NULL), HEED_OK);
    assert_int_equal(heed_corpus_create(tokenizer, "ab\nabxab", 8, "story.txt", &options, &corpus, &err),
                     HEED_ERR_FILE);
    assert_contains(err.message, "story.txt: line 2, column 3");
    assert_contains(err.message, "\"x\"");
    assert_null(corpus);
    heed_tokenizer_destroy(tokenizer);
}

static void a_text_too_large_for_the_memory_is_refused_before_it_is_read(void **state)
{
    const heed_corpus_options options = {.context_length = 1};
    heed_tokenizer *tokenizer = NULL;
    heed_corpus *corpus = NULL;
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_tokenizer_characters("ab", 2, &tokenizer, NULL), HEED_OK);
    assert_int_equal(heed_corpus_create(tokenizer, "ab", SIZE_MAX / 2, "t", &options, &corpus, &err),
                     HEED_ERR_MEMORY);
    assert_int_equal(heed_corpus_create(tokenizer, "ab", (size_t)1 << 50, "t", &options, &corpus, &err),
                     HEED_ERR_MEMORY);
    assert_contains(err.message, "t: ");
    assert_contains(err.message, "MB");
    assert_null(corpus);
    heed_tokenizer_destroy(tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_bad_file_gets_its_sentence),
        cmocka_unit_test(a_nul_far_into_a_text_is_found),
        cmocka_unit_test(ids_survive_packing_in_one_two_and_four_bytes),
        cmocka_unit_test(nine_tenths_train_and_the_rest_validate),
        cmocka_unit_test(the_length_asked_for_is_the_shortest_that_works),
        cmocka_unit_test(a_text_too_large_for_the_memory_is_refused_before_it_is_read),
        cmocka_unit_test(a_character_of_the_text_that_the_vocabulary_lacks_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
