/* SPDX-License-Identifier: MIT */
/*
 * Recorded token ids, from every form that a tokenizer has on disk.
 *
 *     tokens TABLES_DIR CASES.jsonl [TEXT]
 *
 * TABLES_DIR has gpt2.tiktoken, vocab.json, merges.txt and o200k_base.tiktoken; what is missing is left out, and said.
 * A case is a line: {"id": 1, "text": "…", "special": false, "gpt2": [ids], "o200k_base": [ids]}. Each is encoded
 * whole and streamed in odd steps, by one thread and by three, and decoded. All cases one after the other, many times
 * over, make a text that is long enough for threads to divide. TEXT is tinyshakespeare.txt, whose ids have a known sum.
 * Exit status 77: no tables there.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/rng.h"
#include "text/tokenizer.h"
#include "tokens/sha256.h"

enum { SKIPPED = 77, N_RANDOM = 10000000 };

static int n_wrong, n_checked;

static void wrong(const char *form, const char *what, long long id)
{
    n_wrong++;
    if (n_wrong <= 20)
        printf("%s: case %lld: %s\n", form, id, what);
}

static void die(const char *what, const heed_error *err)
{
    printf("%s: %s\n", what, err->message);
    exit(EXIT_FAILURE);
}

/* ---- streaming, in steps whose sizes change ---- */

typedef struct stream {
    const char *text;
    size_t n, at, turn, longest;
    int32_t *ids;
    size_t n_ids, capacity;
} stream;

static heed_status read_some(void *context, char *buffer, size_t capacity, size_t *n, heed_error *err)
{
    stream *s = context;
    const size_t step = 1 + s->turn++ * 7 % s->longest, left = s->n - s->at;

    (void)err;
    *n = step < capacity ? step : capacity;
    *n = *n < left ? *n : left;
    memcpy(buffer, s->text + s->at, *n);
    s->at += *n;
    return HEED_OK;
}

static heed_status take(void *context, const int32_t *ids, size_t n, heed_error *err)
{
    stream *s = context;

    if (s->n_ids + n > s->capacity) {
        s->capacity = 2 * (s->n_ids + n);
        s->ids = realloc(s->ids, s->capacity * sizeof *s->ids);
        if (s->ids == NULL)
            die("tokens", err);
    }
    memcpy(s->ids + s->n_ids, ids, n * sizeof *ids);
    s->n_ids += n;
    return HEED_OK;
}

/* ---- one text ---- */

static bool same(const int32_t *ids, size_t n, const int32_t *expected, size_t n_expected)
{
    return n == n_expected && (n == 0 || memcmp(ids, expected, n * sizeof *ids) == 0);
}

static void check(const heed_tokenizer *t, const char *form, const char *text, size_t n, bool special,
                  const int32_t *expected, size_t n_expected, long long id)
{
    heed_error err = {0};

    n_checked++;
    for (int threads = 1; threads <= 3; threads += 2) {
        const heed_encode_options options = {.special = special, .threads = threads};
        stream s = {.text = text, .n = n, .longest = n > 100000 ? 300007 : 11};
        int32_t *ids = NULL;
        size_t n_ids = 0, n_back = 0;
        char *back = NULL;

        if (heed_tokenizer_encode(t, text, n, &options, &ids, &n_ids, &err) != HEED_OK)
            wrong(form, err.message, id);
        else if (!same(ids, n_ids, expected, n_expected))
            wrong(form, "other ids", id);
        else if (heed_tokenizer_decode(t, ids, n_ids, &back, &n_back, &err) != HEED_OK)
            wrong(form, err.message, id);
        else if (n_back != n || memcmp(back, text, n) != 0)
            wrong(form, "decodes to another text", id);
        if (heed_tokenizer_stream(t, &options, read_some, &s, take, &s, &err) != HEED_OK)
            wrong(form, err.message, id);
        else if (!same(s.ids, s.n_ids, expected, n_expected))
            wrong(form, "other ids when streamed", id);
        free(ids);
        free(back);
        free(s.ids);
    }
}

/* ---- cases ---- */

static size_t read_ids(const json_t *list, int32_t **ids)
{
    const size_t n = json_array_size(list);

    *ids = malloc((n + 1) * sizeof **ids);
    if (*ids == NULL)
        exit(EXIT_FAILURE);
    for (size_t i = 0; i < n; i++)
        (*ids)[i] = (int32_t)json_integer_value(json_array_get(list, i));
    return n;
}

static int check_line(const heed_tokenizer *t, const char *form, const char *encoding, const char *line,
                      size_t n)
{
    json_t *value = json_loadb(line, n, JSON_ALLOW_NUL, NULL);
    const json_t *text = json_object_get(value, "text"), *list = json_object_get(value, encoding);
    int32_t *ids = NULL;

    if (!json_is_string(text) || !json_is_array(list)) {
        json_decref(value);
        return 0;
    }
    const size_t n_ids = read_ids(list, &ids);
    check(t, form, json_string_value(text), json_string_length(text),
          json_is_true(json_object_get(value, "special")), ids, n_ids,
          json_integer_value(json_object_get(value, "id")));
    free(ids);
    json_decref(value);
    return 1;
}

static void check_cases(const heed_tokenizer *t, const char *form, const char *encoding, const heed_file *cases)
{
    int n = 0;

    for (size_t at = 0; at < cases->size;) {
        const char *newline = memchr(cases->data + at, '\n', cases->size - at);
        const size_t end = newline != NULL ? (size_t)(newline - cases->data) : cases->size;

        n += check_line(t, form, encoding, cases->data + at, end - at);
        at = end + 1;
    }
    printf("%-44s %d cases\n", form, n);
    if (n == 0)
        wrong(form, "no case", 0);
}

/* The file of cases itself, repeated: several threads must cut it as one does. */
static void check_threads(const heed_tokenizer *t, const char *form, const heed_file *cases)
{
    const heed_encode_options options = {.threads = 1, .special = true};
    const size_t times = 1000000 / (cases->size + 1) + 2, n = times * cases->size;
    char *text = malloc(n + 1);
    int32_t *ids = NULL;
    size_t n_ids = 0;
    heed_error err = {0};

    for (size_t i = 0; text != NULL && i < times; i++)
        memcpy(text + i * cases->size, cases->data, cases->size);
    if (text == NULL || heed_tokenizer_encode(t, text, n, &options, &ids, &n_ids, &err) != HEED_OK)
        die(form, &err);
    check(t, form, text, n, true, ids, n_ids, -1);
    free(text);
    free(ids);
}

/* ---- the long texts ---- */

static void check_sum(const heed_tokenizer *t, const char *form, const heed_file *text, size_t expected_n,
                      const char *expected)
{
    int32_t *ids = NULL;
    size_t n = 0;
    heed_error err = {0};
    sha256 sum;
    char hex[65];

    if (heed_tokenizer_encode(t, text->data, text->size, NULL, &ids, &n, &err) != HEED_OK)
        die(form, &err);
    sha256_begin(&sum);
    for (size_t i = 0; i < n; i++) {
        const uint8_t bytes[4] = {(uint8_t)ids[i], (uint8_t)(ids[i] >> 8), (uint8_t)(ids[i] >> 16),
                                  (uint8_t)(ids[i] >> 24)};

        sha256_add(&sum, bytes, 4);
    }
    sha256_end(&sum, hex);
    printf("%-44s %zu tokens, %.16s...\n", form, n, hex);
    if (n != expected_n || strcmp(hex, expected) != 0)
        wrong(form, "another sum of the long text", 0);
    free(ids);
}

static void check_random_bytes(const heed_tokenizer *t, const char *form)
{
    const heed_encode_options options = {.threads = 2};
    char *bytes = malloc(N_RANDOM), *back = NULL;
    int32_t *ids = NULL;
    size_t n = 0, n_back = 0;
    heed_error err = {0};
    heed_rng rng = heed_rng_make(7, 0);

    if (bytes == NULL)
        exit(EXIT_FAILURE);
    for (size_t i = 0; i < N_RANDOM; i++)
        bytes[i] = (char)(heed_rng_u32(&rng) >> 24);
    if (heed_tokenizer_encode(t, bytes, N_RANDOM, &options, &ids, &n, &err) != HEED_OK ||
        heed_tokenizer_decode(t, ids, n, &back, &n_back, &err) != HEED_OK)
        die(form, &err);
    if (n_back != N_RANDOM || memcmp(back, bytes, N_RANDOM) != 0)
        wrong(form, "random bytes do not come back", 0);
    printf("%-44s %d random bytes come back from %zu tokens\n", form, (int)N_RANDOM, n);
    free(bytes);
    free(back);
    free(ids);
}

/* ---- the forms ---- */

static heed_tokenizer *written_and_read(const heed_tokenizer *t)
{
    heed_text_buffer json = {0};
    heed_tokenizer *again = NULL;
    heed_error err = {0};

    if (heed_tokenizer_write(t, &json, &err) != HEED_OK ||
        heed_tokenizer_parse(json.data, json.size, "written", &again, &err) != HEED_OK)
        die("tokenizer.json", &err);
    heed_text_free(&json);
    return again;
}

static bool check_form(const char *folder, const char *file, const char *encoding, const heed_file *cases,
                       const heed_file *text)
{
    const bool gpt2 = strcmp(encoding, "gpt2") == 0;
    char path[4096], form[256];
    heed_tokenizer *t[2] = {NULL, NULL};
    heed_error err = {0};

    snprintf(path, sizeof path, "%s/%s", folder, file);
    if (!heed_file_exists(path)) {
        printf("%-44s not there\n", path);
        return false;
    }
    if (heed_tokenizer_open(path, NULL, &t[0], &err) != HEED_OK)
        die(path, &err);
    t[1] = written_and_read(t[0]);
    for (int i = 0; i < 2; i++) {
        snprintf(form, sizeof form, "%s%s", file, i == 0 ? "" : " as tokenizer.json");
        check_cases(t[i], form, encoding, cases);
        check_threads(t[i], form, cases);
        if (text->size > 0)
            check_sum(t[i], form, text, gpt2 ? 338025 : 297606,
                      gpt2 ? "0c00ab83dc7f46665805762aa7688fb7852f03f28c4a5d84061871e85ea7c815"
                           : "5f27fd8a77c3acbc33cef2fafdef7ade3475d910dee9919b341a120014799d4a");
    }
    if (strstr(file, ".tiktoken") != NULL)
        check_random_bytes(t[0], file);
    heed_tokenizer_destroy(t[0]);
    heed_tokenizer_destroy(t[1]);
    return true;
}

int main(int argc, char **argv)
{
    heed_file cases = {0}, text = {0};
    heed_error err = {0};
    bool any = false;

    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: %s TABLES_DIR CASES.jsonl [TEXT]\n", argv[0]);
        return EXIT_FAILURE;
    }
    if (!heed_file_exists(argv[1]) || !heed_file_exists(argv[2])) {
        printf("%s or %s is not there: skipped\n", argv[1], argv[2]);
        return SKIPPED;
    }
    if (heed_file_open(&cases, argv[2], &err) != HEED_OK)
        die(argv[2], &err);
    if (argc == 4 && heed_file_exists(argv[3]) && heed_file_open(&text, argv[3], &err) != HEED_OK)
        die(argv[3], &err);
    any |= check_form(argv[1], "gpt2.tiktoken", "gpt2", &cases, &text);
    any |= check_form(argv[1], "vocab.json", "gpt2", &cases, &text);
    any |= check_form(argv[1], "o200k_base.tiktoken", "o200k_base", &cases, &text);
    heed_file_close(&cases);
    heed_file_close(&text);
    if (!any)
        return SKIPPED;
    printf("%d texts checked, %d wrong\n", n_checked, n_wrong);
    return n_wrong == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
