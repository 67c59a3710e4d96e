/* SPDX-License-Identifier: MIT */
/* Documents: what is read of files and lines of JSON, what stands between, which tokens count, what is refused. */
#include "cmocka_all.h"

#include <heed/vocab.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "data/corpus.h"

typedef struct bench {
    char folder[64], *paths[4];
    const char *list[4];
    heed_documents_options options;
} bench;

static void open_bench(bench *b)
{
    *b = (bench){.options = {.text_field = "text"}};
    snprintf(b->folder, sizeof b->folder, "/tmp/heed-documents-XXXXXX");
    assert_non_null(mkdtemp(b->folder));
    b->options.paths = b->list;
}

static void close_bench(bench *b)
{
    for (int i = 0; i < b->options.n_paths; i++) {
        unlink(b->paths[i]);
        free(b->paths[i]);
    }
    rmdir(b->folder);
}

static void add_file(bench *b, const char *name, const char *bytes)
{
    const int i = b->options.n_paths++;
    FILE *file;

    b->paths[i] = malloc(128);
    snprintf(b->paths[i], 128, "%s/%s", b->folder, name);
    b->list[i] = b->paths[i];
    file = fopen(b->paths[i], "wb");
    fwrite(bytes, 1, strlen(bytes), file);
    fclose(file);
}

/* All documents as one text: [part] where it counts, (part) where not, a bar behind each document. */
static char *show(const bench *b, heed_error *err)
{
    static char out[4096];
    heed_documents *texts = NULL;
    heed_document d;
    size_t n = 0;
    heed_status status = heed_documents_open(&b->options, &texts, err);

    while (status == HEED_OK && (status = heed_documents_next(texts, &d, err)) == HEED_OK && d.n_parts > 0) {
        for (int i = 0; i < d.n_parts; i++)
            n += (size_t)sprintf(out + n, d.parts[i].counts ? "[%.*s]" : "(%.*s)", (int)d.parts[i].n,
                                 d.parts[i].text);
        out[n++] = '|';
    }
    out[n] = '\0';
    heed_documents_close(texts);
    return status == HEED_OK ? out : NULL;
}

static void expect_shown(const bench *b, const char *expected)
{
    heed_error err = {0};
    const char *got = show(b, &err);

    if (got == NULL)
        fail_msg("%s", err.message);
    assert_string_equal(got, expected);
}

static void expect_refused(const bench *b, heed_status status, const char *part)
{
    heed_error err = {0};

    if (show(b, &err) != NULL)
        fail_msg("taken, and expected \"%s\"", part);
    if (strstr(err.message, part) == NULL)
        fail_msg("expected \"%s\" in \"%s\"", part, err.message);
    assert_int_equal(err.status, status);
}

static void files_and_lines_are_documents(void **state)
{
    bench b;

    (void)state;
    open_bench(&b);
    add_file(&b, "a.txt", "One.\nTwo.\n");
    add_file(
        &b, "b.jsonl",
        "{\"text\": \"three\", \"id\": 3}\n\n  \r\n{\"text\":\"\"}\r\n{\"id\":[1],\"text\":\"f\\u00f6ur\"}");
    add_file(&b, "c.txt", "{\"text\": \"as it is\"}");
    expect_shown(&b, "[One.\nTwo.\n]|[three]|[f\303\266ur]|[{\"text\": \"as it is\"}]|");
    close_bench(&b);
}

static void fields_are_joined_and_only_the_target_counts(void **state)
{
    bench b;

    (void)state;
    open_bench(&b);
    add_file(&b, "a.jsonl", "{\"q\": \"1+1\", \"a\": \"2\", \"z\": \"!\"}\n");
    b.options.text_field = "q,a";
    expect_shown(&b, "[1+1\n2]|");
    b.options.target_field = "a";
    expect_shown(&b, "(1+1\n)[2]|");
    b.options.text_field = "q";
    expect_shown(&b, "(1+1\n)[2]|");
    b.options.text_field = "q,a,z";
    expect_shown(&b, "(1+1\n)[2\n](!)|");
    b.options.text_field = "a,q,z";
    expect_shown(&b, "[2\n](1+1\n!)|");
    b.options.target_field = "";
    b.options.text_field = "z,q";
    expect_shown(&b, "[!\n1+1]|");
    close_bench(&b);
}

static void what_is_wrong_is_said_with_its_line(void **state)
{
    static const struct {
        const char *bytes, *part;
    } cases[] = {
        {"{\"text\": \"a\"}\n\n{\"txt\": \"b\"}\n", "a.jsonl: line 3: expected a text \"text\", there is none"},
        {"{\"text\": 4}\n", "a.jsonl: line 1: expected a text \"text\", this is another value"},
        {"{\"text\": \"a\"}\n{\"text\": \"b\"\n", "a.jsonl: line 2"},
        {"{\"text\": \"a\"}\n[1]\n", "a.jsonl: line 2"},
        {"{\"text\": \"a\\u0000b\"}\n", "a.jsonl: line 1"},
        {"{\"text\": \"a\"}\nx\377y\n", "a.jsonl: expected UTF-8, got 0xff at byte 15 (line 2)"},
        {"", "empty"},
    };
    bench b;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        open_bench(&b);
        add_file(&b, "a.jsonl", cases[i].bytes);
        b.options.any_bytes = true; /* text may be; JSON may not */
        expect_refused(&b, HEED_ERR_FILE, cases[i].part);
        close_bench(&b);
    }
    open_bench(&b);
    add_file(&b, "a.txt", "text");
    b.options.target_field = "a";
    expect_refused(&b, HEED_ERR_USAGE, ".jsonl");
    add_file(&b, "a.jsonl", "{\"text\": \"a\"}");
    b.options.text_field = "text,,a";
    expect_refused(&b, HEED_ERR_USAGE, "text_field: expected 1 to 15 names");
    b.options.text_field = "";
    expect_refused(&b, HEED_ERR_USAGE, "text_field");
    b.options.text_field = "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16";
    expect_refused(&b, HEED_ERR_USAGE, "text_field");
    b.list[0] = "/nowhere/a.txt";
    b.options.text_field = "text";
    b.options.target_field = NULL;
    expect_refused(&b, HEED_ERR_FILE, "/nowhere/a.txt");
    close_bench(&b);
}

/* The text that the ids of all documents spell, and the targets that count. */
static void expect_tokens(const bench *b, const heed_tokenizer *tokenizer, bool end_of_text, const char *text,
                          const char *marks)
{
    const heed_corpus_options options = {.context_length = 1, .whole = true, .end_of_text = end_of_text};
    heed_documents *texts = NULL;
    heed_corpus *corpus = NULL;
    heed_error err = {0};
    int32_t ids[256], targets[256];
    char *spelled = NULL;
    size_t n = 0;

    if (heed_documents_open(&b->options, &texts, &err) != HEED_OK ||
        heed_corpus_read_documents(tokenizer, texts, &options, &corpus, &err) != HEED_OK)
        fail_msg("%s", err.message);
    corpus->source.fill(&corpus->source, HEED_PART_VALIDATION, 0, corpus->n - 1, ids, targets);
    heed_corpus_read(corpus, 0, corpus->n, ids);
    assert_int_equal(heed_tokenizer_decode(tokenizer, ids, (size_t)corpus->n, &spelled, &n, &err), HEED_OK);
    assert_string_equal(spelled, text);
    assert_int_equal(corpus->n, strlen(marks));
    for (int64_t i = 1; i < corpus->n; i++) {
        const int32_t expected = marks[i] == '+' ? ids[i] : HEED_NO_TARGET;
        if (targets[i - 1] != expected)
            fail_msg("token %d: expected the target %d, got %d", (int)i, (int)expected, (int)targets[i - 1]);
    }
    free(spelled);
    heed_corpus_destroy(corpus);
    heed_documents_close(texts);
}

static void expect_bytes_per_token(const bench *b, const heed_tokenizer *tokenizer, double expected)
{
    const heed_corpus_options options = {.context_length = 1, .whole = true, .end_of_text = true};
    heed_documents *texts = NULL;
    heed_corpus *corpus = NULL;
    heed_error err = {0};

    if (heed_documents_open(&b->options, &texts, &err) != HEED_OK ||
        heed_corpus_read_documents(tokenizer, texts, &options, &corpus, &err) != HEED_OK)
        fail_msg("%s", err.message);
    assert_true(heed_corpus_bytes_per_token(corpus, tokenizer, HEED_PART_VALIDATION) == expected);
    heed_corpus_destroy(corpus);
    heed_documents_close(texts);
}

static void line_breaks_stand_between_documents(void **state)
{
    heed_tokenizer *tokenizer = NULL;
    bench b;

    (void)state;
    assert_int_equal(heed_tokenizer_characters("abcdefg\n", 8, &tokenizer, NULL), HEED_OK);
    open_bench(&b);
    add_file(&b, "a.txt", "ab\n");
    add_file(&b, "b.txt", "cd");
    add_file(&b, "c.jsonl", "{\"text\": \"ef\"}\n{\"text\": \"g\"}\n");
    expect_tokens(&b, tokenizer, true, "ab\ncd\nef\ng", "++++++++++");
    close_bench(&b);
    open_bench(&b);
    add_file(&b, "c.jsonl", "{\"q\": \"ab\", \"a\": \"c\"}\n{\"q\": \"d\", \"a\": \"ef\"}\n");
    b.options.text_field = "q";
    b.options.target_field = "a";
    expect_tokens(&b, tokenizer, true, "ab\nc\nd\nef", "---++--++");
    close_bench(&b);
    heed_tokenizer_destroy(tokenizer);
}

static heed_status read_once(void *context, char *buffer, size_t capacity, size_t *n, heed_error *err)
{
    const char **text = context;

    (void)err;
    (void)capacity;
    *n = strlen(*text);
    memcpy(buffer, *text, *n);
    *text += *n;
    return HEED_OK;
}

/* Where the tokenizer has a token that ends a text, that one stands between, and it is to be learned. */
static void an_end_of_text_token_stands_between_documents(void **state)
{
    static const char *const special[] = {"<|endoftext|>"};
    heed_vocab_options options = heed_vocab_options_default();
    heed_tokenizer *tokenizer = NULL;
    heed_vocab *vocab = NULL;
    const char *text = "a text";
    bench b;

    (void)state;
    options.vocab_size = 257; /* the bytes and the special token */
    options.special = special;
    options.n_special = 1;
    assert_int_equal(heed_vocab_create(&options, &vocab, NULL), HEED_OK);
    assert_int_equal(heed_vocab_add(vocab, read_once, &text, NULL), HEED_OK);
    assert_int_equal(heed_vocab_learn(vocab, &tokenizer, NULL), HEED_OK);
    heed_vocab_destroy(vocab);
    open_bench(&b);
    add_file(&b, "a.jsonl", "{\"q\": \"a\", \"a\": \"bc\"}\n{\"q\": \"d\", \"a\": \"<|endoftext|>\"}\n");
    b.options.text_field = "q";
    b.options.target_field = "a";
    /* what a text spells is no special token: its 13 bytes are 13 tokens */
    expect_tokens(&b, tokenizer, true, "a\nbc<|endoftext|>d\n<|endoftext|>", "--+++--+++++++++++++");
    expect_tokens(&b, tokenizer, false, "a\nbc\nd\n<|endoftext|>", "--+++--+++++++++++++");
    /* of 16 targets the special token has no byte of the text; what does not count is not counted */
    expect_bytes_per_token(&b, tokenizer, 15.0 / 16.0);
    b.options.target_field = NULL;
    b.options.text_field = "q,a";
    expect_bytes_per_token(&b, tokenizer, 19.0 / 20.0);
    close_bench(&b);
    heed_tokenizer_destroy(tokenizer);
}

/* A file that the tokenizer does not cover is named with its line. */
static void text_without_ids_is_named(void **state)
{
    const heed_corpus_options options = {.context_length = 1, .whole = true};
    heed_tokenizer *tokenizer = NULL;
    heed_documents *texts = NULL;
    heed_corpus *corpus = NULL;
    heed_error err = {0};
    bench b;

    (void)state;
    assert_int_equal(heed_tokenizer_characters("ab", 2, &tokenizer, NULL), HEED_OK);
    open_bench(&b);
    add_file(&b, "a.txt", "ab");
    add_file(&b, "b.jsonl", "{\"text\": \"a\"}\n{\"text\": \"x\"}\n");
    assert_int_equal(heed_documents_open(&b.options, &texts, &err), HEED_OK);
    assert_int_equal(heed_corpus_read_documents(tokenizer, texts, &options, &corpus, &err), HEED_ERR_FILE);
    assert_null(corpus);
    /* the line break between the two files is what fails first */
    assert_non_null(strstr(err.message, "b.jsonl: line 1: "));
    heed_documents_close(texts);
    close_bench(&b);
    heed_tokenizer_destroy(tokenizer);
}

static void reading_all_documents_joins_them(void **state)
{
    heed_documents *texts = NULL;
    bench b;
    char all[64];

    (void)state;
    open_bench(&b);
    add_file(&b, "a.txt", "one\n");
    add_file(&b, "b.jsonl", "{\"text\": \"two\"}\n{\"text\": \"three\"}\n");
    for (size_t capacity = 1; capacity < 20; capacity++) {
        size_t used = 0, n = 0;

        assert_int_equal(heed_documents_open(&b.options, &texts, NULL), HEED_OK);
        do {
            assert_int_equal(heed_documents_read(texts, all + used, capacity, &n, NULL), HEED_OK);
            used += n;
        } while (n > 0);
        assert_int_equal(used, 13);
        assert_memory_equal(all, "one\ntwo\nthree", 13);
        heed_documents_close(texts);
    }
    close_bench(&b);
}

/* The file fills its pages, and the one behind them cannot be read: Linux puts a new map below the last one. */
static void a_blank_last_line_ends_with_the_file(void **state)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *bytes = calloc(page + 1, 1);
    bench b;

    (void)state;
    memset(bytes, ' ', page);
    memcpy(bytes, "{\"text\": \"a\"}\n", 14);
    open_bench(&b);
    add_file(&b, "a.jsonl", bytes);
    void *border = mmap(NULL, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(border != MAP_FAILED);
    expect_shown(&b, "[a]|");
    munmap(border, page);
    close_bench(&b);
    free(bytes);
}

/* Targets in lines first .. last - 1 of 40; how the corpus takes that. */
static heed_status read_with_targets(int first, int last, heed_error *err)
{
    const heed_corpus_options options = {.context_length = 4, .threads = 1};
    heed_tokenizer *tokenizer = NULL;
    heed_documents *texts = NULL;
    heed_corpus *corpus = NULL;
    heed_status status;
    char json[2048];
    int n = 0;
    bench b;

    for (int i = 0; i < 40; i++)
        n += sprintf(json + n, "{\"q\": \"abcabcab\", \"a\": \"%s\"}\n", i >= first && i < last ? "ba" : "");
    assert_int_equal(heed_tokenizer_characters("abc\n", 4, &tokenizer, NULL), HEED_OK);
    open_bench(&b);
    b.options.text_field = "q";
    b.options.target_field = "a";
    add_file(&b, "a.jsonl", json);
    assert_int_equal(heed_documents_open(&b.options, &texts, NULL), HEED_OK);
    status = heed_corpus_read_documents(tokenizer, texts, &options, &corpus, err);
    assert_true((corpus != NULL) == (status == HEED_OK));
    heed_corpus_destroy(corpus);
    heed_documents_close(texts);
    close_bench(&b);
    heed_tokenizer_destroy(tokenizer);
    return status;
}

static void a_part_without_targets_is_refused(void **state)
{
    heed_error err = {0};

    (void)state;
    assert_int_equal(read_with_targets(0, 40, &err), HEED_OK);
    assert_int_equal(read_with_targets(20, 40, &err), HEED_OK);
    assert_int_equal(read_with_targets(0, 20, &err), HEED_ERR_FILE);
    assert_non_null(strstr(err.message, "the last tenth, kept for validation"));
    assert_int_equal(read_with_targets(39, 40, &err), HEED_ERR_FILE);
    assert_non_null(strstr(err.message, "the part that is learned"));
    assert_int_equal(read_with_targets(0, 0, &err), HEED_ERR_FILE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_and_lines_are_documents),
        cmocka_unit_test(fields_are_joined_and_only_the_target_counts),
        cmocka_unit_test(what_is_wrong_is_said_with_its_line),
        cmocka_unit_test(line_breaks_stand_between_documents),
        cmocka_unit_test(an_end_of_text_token_stands_between_documents),
        cmocka_unit_test(text_without_ids_is_named),
        cmocka_unit_test(reading_all_documents_joins_them),
        cmocka_unit_test(a_blank_last_line_ends_with_the_file),
        cmocka_unit_test(a_part_without_targets_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
