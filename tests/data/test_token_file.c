/* SPDX-License-Identifier: MIT */
/* Token files: the same tokens as in memory, and one sentence for each file that is not what it should be. */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fnv.h"
#include "base/memory.h"
#include "base/rng.h"
#include "data/token_file.h"

typedef struct bench {
    char folder[64], path[128];
    heed_tokenizer *tokenizer;
    heed_token_file_key key;
    heed_corpus_options options;
    char text[30000];
} bench;

static void open_bench(bench *b)
{
    heed_rng rng = heed_rng_make(3, 77);

    *b = (bench){.key = {.tokenizer_hash = 11, .source_hash = 22}, .options = {.context_length = 16}};
    snprintf(b->folder, sizeof b->folder, "/tmp/heed-token-file-XXXXXX");
    assert_non_null(mkdtemp(b->folder));
    snprintf(b->path, sizeof b->path, "%s/a.tokens", b->folder);
    for (size_t i = 0; i < sizeof b->text; i++)
        b->text[i] = (char)('a' + heed_rng_below(&rng, 20));
    assert_int_equal(heed_tokenizer_characters(b->text, sizeof b->text, &b->tokenizer, NULL), HEED_OK);
}

static void close_bench(bench *b)
{
    heed_tokenizer_destroy(b->tokenizer);
    unlink(b->path);
    rmdir(b->folder);
}

static heed_status write_file(const bench *b, heed_error *err)
{
    heed_documents *texts = NULL;
    heed_status status = heed_documents_wrap(b->text, sizeof b->text, "text", &texts, err);

    if (status == HEED_OK)
        status = heed_token_file_write(b->path, b->tokenizer, texts, &b->key, &b->options, err);
    heed_documents_close(texts);
    return status;
}

static void expect_refused(const bench *b, const heed_token_file_key *key, const heed_corpus_options *options,
                           const char *part)
{
    heed_corpus *corpus = NULL;
    heed_error err = {0};

    if (heed_token_file_open(b->path, b->tokenizer, key, options, &corpus, NULL, &err) == HEED_OK)
        fail_msg("taken, and expected \"%s\"", part);
    assert_null(corpus);
    assert_int_equal(err.status, HEED_ERR_FILE);
    if (strstr(err.message, part) == NULL || strstr(err.message, "a.tokens") == NULL)
        fail_msg("expected \"%s\" in \"%s\"", part, err.message);
}

static size_t read_file(const bench *b, unsigned char **bytes)
{
    FILE *file = fopen(b->path, "rb");
    size_t n;

    *bytes = malloc(200000);
    n = fread(*bytes, 1, 200000, file);
    fclose(file);
    return n;
}

static void put_file(const bench *b, const unsigned char *bytes, size_t n)
{
    FILE *file = fopen(b->path, "wb");

    assert_int_equal(fwrite(bytes, 1, n, file), n);
    fclose(file);
}

static void a_file_gives_the_tokens_that_memory_gives(void **state)
{
    bench b;
    heed_corpus *memory = NULL, *file = NULL;
    uint64_t hash = 0;
    int32_t x[64], y[64];

    (void)state;
    open_bench(&b);
    assert_int_equal(write_file(&b, NULL), HEED_OK);
    assert_true(heed_token_file_is(b.path));
    assert_int_equal(heed_corpus_create(b.tokenizer, b.text, sizeof b.text, "text", &b.options, &memory, NULL),
                     HEED_OK);
    assert_int_equal(heed_token_file_open(b.path, b.tokenizer, &b.key, &b.options, &file, &hash, NULL),
                     HEED_OK);
    assert_true(hash == heed_fnv(HEED_FNV_BEGIN, b.text, sizeof b.text));
    assert_int_equal(file->n, memory->n);
    assert_int_equal(file->n_train, memory->n_train);
    assert_int_equal(file->n_bytes, memory->n_bytes);
    for (int64_t at = 0; at + 64 <= file->n; at += 61) {
        heed_corpus_read(file, at, 64, x);
        heed_corpus_read(memory, at, 64, y);
        assert_memory_equal(x, y, sizeof x);
    }
    for (int part = 0; part < 2; part++)
        for (int64_t at = 0; at < 2000; at += 37) {
            int32_t x_targets[16], y_targets[16];

            file->source.fill(&file->source, (heed_part)part, at, 16, x, x_targets);
            memory->source.fill(&memory->source, (heed_part)part, at, 16, y, y_targets);
            assert_memory_equal(x, y, 16 * sizeof *x);
            assert_memory_equal(x_targets, y_targets, sizeof x_targets);
        }
    heed_corpus_destroy(file);
    heed_corpus_destroy(memory);
    close_bench(&b);
}

static void a_file_of_something_else_is_refused(void **state)
{
    bench b;
    heed_token_file_key other;
    heed_tokenizer *small = NULL, *own;
    const heed_corpus_options longer = {.context_length = 3001};

    (void)state;
    open_bench(&b);
    assert_int_equal(write_file(&b, NULL), HEED_OK);
    other = (heed_token_file_key){.tokenizer_hash = 12, .source_hash = 22};
    expect_refused(&b, &other, &b.options, "another tokenizer");
    other = (heed_token_file_key){.tokenizer_hash = 11, .source_hash = 23};
    expect_refused(&b, &other, &b.options, "other texts");
    expect_refused(&b, &b.key, &longer, "context_length 3001");
    assert_int_equal(heed_tokenizer_characters("abc", 3, &small, NULL), HEED_OK);
    own = b.tokenizer;
    b.tokenizer = small;
    expect_refused(&b, &b.key, &b.options, "a tokenizer of 20 tokens, and this one has 3");
    b.tokenizer = own;
    heed_tokenizer_destroy(small);
    put_file(&b, (const unsigned char *)"text", 4);
    assert_false(heed_token_file_is(b.path));
    expect_refused(&b, &b.key, &b.options, "does not begin like one");
    put_file(&b, (const unsigned char *)"", 0);
    assert_false(heed_token_file_is(b.path));
    expect_refused(&b, &b.key, &b.options, "does not begin like one");
    close_bench(&b);
}

/* Every header that is not as it was written, and every length. */
static void a_damaged_or_cut_file_is_refused(void **state)
{
    bench b;
    unsigned char *bytes = NULL;
    size_t n;

    (void)state;
    open_bench(&b);
    assert_int_equal(write_file(&b, NULL), HEED_OK);
    n = read_file(&b, &bytes);
    assert_int_equal(n, 128 + sizeof b.text);
    for (size_t at = 0; at < 128; at++) {
        bytes[at] ^= 0x41;
        put_file(&b, bytes, n);
        expect_refused(&b, &b.key, &b.options, "expected a token file");
        bytes[at] ^= 0x41;
    }
    for (size_t cut = 0; cut < n; cut += cut < 200 ? 7 : 4321) {
        put_file(&b, bytes, cut);
        expect_refused(&b, &b.key, &b.options, "expected");
    }
    bytes[n] = 0;
    put_file(&b, bytes, n + 1);
    expect_refused(&b, &b.key, &b.options, "expected 30000 tokens of 1 bytes, the file has 30001 bytes");
    bytes[128 + 12345] = 20;
    put_file(&b, bytes, n);
    expect_refused(&b, &b.key, &b.options, "token 12345: expected an id of 0 to 19, got 20");
    free(bytes);
    close_bench(&b);
}

/* Headers with a right checksum and numbers that lie. */
static void a_header_that_makes_no_sense_is_refused(void **state)
{
    static const struct {
        size_t at;
        uint64_t value;
        const char *part;
    } edits[] = {
        {8, 2, "version 2"},
        {16, 3, "makes no sense"},
        {16, 0, "makes no sense"},
        {16, UINT64_MAX, "makes no sense"},
        {16, 4, "expected 30000 tokens of 4 bytes"},
        {24, 2, "makes no sense"},
        {32, UINT64_MAX, "the file has"},
        {32, UINT64_MAX / 4 + 30001, "the file has"},
        {40, 0, "makes no sense"},
        {40, UINT64_MAX, "makes no sense"},
        {40, 21, "a tokenizer of 21 tokens"},
        {48, UINT64_MAX, "makes no sense"},
    };
    bench b;
    unsigned char *bytes = NULL;
    size_t n;

    (void)state;
    open_bench(&b);
    assert_int_equal(write_file(&b, NULL), HEED_OK);
    n = read_file(&b, &bytes);
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        unsigned char edited[128];
        uint64_t hash;

        memcpy(edited, bytes, sizeof edited);
        for (int k = 0; k < 8; k++)
            edited[edits[i].at + (size_t)k] = (unsigned char)(edits[i].value >> 8 * k);
        hash = heed_fnv(HEED_FNV_BEGIN, edited, 120);
        for (int k = 0; k < 8; k++)
            edited[120 + k] = (unsigned char)(hash >> 8 * k);
        unsigned char *whole = malloc(n);
        memcpy(whole, bytes, n);
        memcpy(whole, edited, sizeof edited);
        put_file(&b, whole, n);
        free(whole);
        expect_refused(&b, &b.key, &b.options, edits[i].part);
    }
    free(bytes);
    close_bench(&b);
}

/* A text whose last character the tokenizer lacks: no file appears, and none is half written. */
static void a_text_without_ids_leaves_no_file(void **state)
{
    bench b;
    heed_error err = {0};

    (void)state;
    open_bench(&b);
    b.text[sizeof b.text - 1] = '?';
    assert_int_equal(write_file(&b, &err), HEED_ERR_FILE);
    if (strstr(err.message, "text: ") == NULL || strstr(err.message, "?") == NULL)
        fail_msg("%s", err.message);
    assert_int_equal(access(b.path, F_OK), -1);
    assert_int_equal(rmdir(b.folder), 0); /* nothing beside it either */
    assert_non_null(strcpy(b.folder, "/nowhere"));
    close_bench(&b);
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__linux__)
#define SANITIZED \
    1 /* the sanitizer's own memory is larger than what is measured; elsewhere nothing measures it */
#endif

#ifndef SANITIZED
/* A text of 96 MB is checked, learned from as characters, tokenized, opened and read here and there. */
static void memory_does_not_grow_with_the_text(void **state)
{
    enum { BLOCKS = 96, BLOCK = 1 << 20 };
    bench b;
    char path[160];
    const char *const paths[] = {path};
    const heed_documents_options reading = {.paths = paths, .n_paths = 1};
    heed_documents *texts = NULL;
    heed_corpus *corpus = NULL;
    char *block = malloc(BLOCK);
    size_t before;

    (void)state;
    open_bench(&b);
    snprintf(path, sizeof path, "%s.txt", b.path);
    for (size_t i = 0; i < BLOCK; i++)
        block[i] = b.text[i % sizeof b.text];
    FILE *file = fopen(path, "wb");
    for (int i = 0; i < BLOCKS; i++)
        assert_int_equal(fwrite(block, 1, BLOCK, file), BLOCK);
    fclose(file);
    b.options.threads = 2;
    before = heed_memory_peak();
    assert_int_equal(heed_documents_open(&reading, &texts, NULL), HEED_OK);
    for (size_t n = 1; n > 0;)
        assert_int_equal(heed_documents_read(texts, block, BLOCK, &n, NULL), HEED_OK);
    assert_int_equal(heed_token_file_write(b.path, b.tokenizer, texts, &b.key, &b.options, NULL), HEED_OK);
    heed_documents_close(texts);
    assert_int_equal(heed_token_file_open(b.path, b.tokenizer, &b.key, &b.options, &corpus, NULL, NULL),
                     HEED_OK);
    assert_int_equal(corpus->n, (int64_t)BLOCKS * BLOCK);
    assert_true(heed_corpus_bytes_per_token(corpus, b.tokenizer, HEED_PART_VALIDATION) == 1.0);
    for (int64_t w = 0; w < 3000; w++) {
        int32_t ids[16], targets[16];

        corpus->source.fill(&corpus->source, HEED_PART_TRAIN, w * 30011 % (corpus->n_train - 17), 16, ids,
                            targets);
    }
    /* 16 MB of a file at a time, the buffers of the encoder, and room; the text and its tokens are 192 MB */
    if (heed_memory_peak() - before > (size_t)64 << 20)
        fail_msg("%zu MB more at the peak", (heed_memory_peak() - before) >> 20);
    heed_corpus_destroy(corpus);
    free(block);
    unlink(path);
    close_bench(&b);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_gives_the_tokens_that_memory_gives),
        cmocka_unit_test(a_file_of_something_else_is_refused),
        cmocka_unit_test(a_damaged_or_cut_file_is_refused),
        cmocka_unit_test(a_header_that_makes_no_sense_is_refused),
        cmocka_unit_test(a_text_without_ids_leaves_no_file),
#ifndef SANITIZED
        cmocka_unit_test(memory_does_not_grow_with_the_text),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
