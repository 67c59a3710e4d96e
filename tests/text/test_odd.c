/* SPDX-License-Identifier: MIT */
/* Configurations around a byte-level BPE model, against what Hugging Face's tokenizers made of them (tokens/README.md). */
#include "cmocka_all.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "text/tokenizer.h"

static int n_wrong;

/* ---- encoding and streaming ---- */

typedef struct stream {
    const char *text;
    size_t n, at, step;
    int32_t ids[4096];
    size_t n_ids;
} stream;

static heed_status read_some(void *context, char *buffer, size_t capacity, size_t *n, heed_error *err)
{
    stream *s = context;

    (void)err;
    *n = s->n - s->at < s->step ? s->n - s->at : s->step;
    *n = *n < capacity ? *n : capacity;
    memcpy(buffer, s->text + s->at, *n);
    s->at += *n;
    return HEED_OK;
}

static heed_status take(void *context, const int32_t *ids, size_t n, heed_error *err)
{
    stream *s = context;

    (void)err;
    assert_true(s->n_ids + n <= sizeof s->ids / sizeof s->ids[0]);
    memcpy(s->ids + s->n_ids, ids, n * sizeof *ids);
    s->n_ids += n;
    return HEED_OK;
}

static void show(const char *what, const int32_t *ids, size_t n)
{
    print_error("  %s:", what);
    for (size_t i = 0; i < n; i++)
        print_error(" %d", (int)ids[i]);
    print_error("\n");
}

static void check_case(const heed_tokenizer *t, const char *name, const json_t *value)
{
    const json_t *text = json_array_get(value, 0), *list = json_array_get(value, 3);
    const heed_encode_options options = {.special = json_is_true(json_array_get(value, 1)),
                                         .complete = json_is_true(json_array_get(value, 2)),
                                         .threads = 2};
    const size_t n = json_array_size(list);
    static stream s;
    int32_t expected[4096], *ids = NULL;
    size_t n_ids = 0;
    heed_error err = {0};

    assert_true(n < 4096);
    for (size_t i = 0; i < n; i++)
        expected[i] = (int32_t)json_integer_value(json_array_get(list, i));
    if (heed_tokenizer_encode(t, json_string_value(text), json_string_length(text), &options, &ids, &n_ids,
                              &err) != HEED_OK)
        fail_msg("%s: %s", name, err.message);
    s = (stream){.text = json_string_value(text), .n = json_string_length(text), .step = 1 + n % 5};
    if (heed_tokenizer_stream(t, &options, read_some, &s, take, &s, &err) != HEED_OK)
        fail_msg("%s: %s", name, err.message);
    if (n_ids != n || memcmp(ids, expected, n * sizeof *ids) != 0 || s.n_ids != n ||
        memcmp(s.ids, expected, n * sizeof *ids) != 0) {
        n_wrong++;
        print_error("%s, special %d: \"%s\"\n", name, options.special, json_string_value(text));
        show("expected", expected, n);
        show("got", ids, n_ids);
        show("streamed", s.ids, s.n_ids);
    }
    free(ids);
}

/* ---- the recorded file ---- */

static json_t *line_of(const heed_file *file, size_t *at)
{
    const char *newline = memchr(file->data + *at, '\n', file->size - *at);
    const size_t end = newline != NULL ? (size_t)(newline - file->data) : file->size;
    json_t *value = json_loadb(file->data + *at, end - *at, JSON_ALLOW_NUL, NULL);

    assert_non_null(value);
    *at = end + 1;
    return value;
}

static heed_tokenizer *open_configuration(const json_t *line, const json_t *model)
{
    json_t *root = json_copy(json_object_get(line, "file")), *own = json_copy((json_t *)(uintptr_t)model);
    const char *name = json_string_value(json_object_get(line, "name"));
    heed_tokenizer *t = NULL;
    heed_error err = {0};
    char *text = NULL;

    json_object_update(own, json_object_get(line, "model"));
    json_object_set_new(root, "model", own);
    text = json_dumps(root, 0);
    if (heed_tokenizer_parse(text, strlen(text), name, &t, &err) != HEED_OK)
        fail_msg("%s", err.message);
    free(text);
    json_decref(root);
    return t;
}

static heed_tokenizer *written_and_read(const heed_tokenizer *t)
{
    heed_text_buffer json = {0};
    heed_tokenizer *again = NULL;
    heed_error err = {0};

    assert_int_equal(heed_tokenizer_write(t, &json, &err), HEED_OK);
    if (heed_tokenizer_parse(json.data, json.size, "written", &again, &err) != HEED_OK)
        fail_msg("%s\n%s", err.message, json.data);
    heed_text_free(&json);
    return again;
}

static void every_configuration_gives_the_ids_of_the_reference_whole_streamed_and_written(void **state)
{
    const char *data = getenv("HEED_TEST_DATA");
    char path[4096];
    heed_file file = {0};
    json_t *model = NULL;
    size_t at = 0;
    int n_cases = 0;

    (void)state;
    snprintf(path, sizeof path, "%s/tokens/odd.jsonl", data != NULL ? data : "tests");
    assert_int_equal(heed_file_open(&file, path, NULL), HEED_OK);
    model = line_of(&file, &at);
    while (at < file.size) {
        json_t *line = line_of(&file, &at);
        const char *name = json_string_value(json_object_get(line, "name"));
        const json_t *cases = json_object_get(line, "cases");
        heed_tokenizer *t[2];

        t[0] = open_configuration(line, json_object_get(model, "model"));
        t[1] = written_and_read(t[0]);
        for (size_t i = 0; i < json_array_size(cases); i++, n_cases++)
            for (int k = 0; k < 2; k++)
                check_case(t[k], name, json_array_get(cases, i));
        heed_tokenizer_destroy(t[0]);
        heed_tokenizer_destroy(t[1]);
        json_decref(line);
    }
    json_decref(model);
    heed_file_close(&file);
    print_message("%d cases, %d wrong\n", n_cases, n_wrong);
    assert_true(n_cases > 4000);
    assert_int_equal(n_wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_configuration_gives_the_ids_of_the_reference_whole_streamed_and_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
