/* SPDX-License-Identifier: MIT */
/* JSON: what is refused, what the messages say, and that numbers survive writing. */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "formats/json.h"

static json_t *parse(const char *text)
{
    json_t *root = NULL;
    heed_error err = {0};

    if (heed_json_parse(text, strlen(text), 1000, "c.json", &root, &err) != HEED_OK)
        fail_msg("%s: %s", text, err.message);
    return root;
}

static void assert_refused(const char *text, size_t size, const char *part)
{
    json_t *root = NULL;
    heed_error err = {0};

    if (heed_json_parse(text, size, 1000, "c.json", &root, &err) == HEED_OK) {
        json_decref(root);
        fail_msg("accepted: %.60s", text);
    }
    assert_null(root);
    if (strstr(err.message, part) == NULL || strncmp(err.message, "c.json: ", 8) != 0)
        fail_msg("%.60s: expected \"%s\" in \"%s\"", text, part, err.message);
}

static void what_is_not_strict_json_is_refused(void **state)
{
    static const char *const cases[][2] = {
        {"", "got nothing"},
        {"[1]", "got a list"},
        {"1", "not valid JSON"},
        {"{\"a\":1,\"a\":2}", "duplicate"},
        {"{\"a\":NaN}", "line 1"},
        {"{\"a\":Infinity}", "line 1"},
        {"{\"a\":1e999}", "overflow"},
        {"{\"a\":-1e999}", "overflow"},
        {"{\"a\":9223372036854775808}", "too big"},
        {"{\"a\":01}", "line 1"},
        {"{\"a\":\n1,}", "line 2"},
        {"{\"a\":1} x", "end of file"},
        {"{\"a\":\"\xff\"}", "unable to decode byte 0xff"},
        {"{\"a\":\"\\u0000\"}", "NUL"},
        {"{\"a\":\"\x1b\"}", "control character"},
        {"{\"a\":\"", "line 1"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_refused(cases[i][0], strlen(cases[i][0]), cases[i][1]);
    assert_refused("{}\0", 3, "end of file");
}

static void depth_and_number_of_values_are_bounded(void **state)
{
    char text[8192] = "{\"a\":";
    size_t n = strlen(text);
    json_t *root;

    (void)state;
    memset(text + n, '[', 63);
    memset(text + n + 63, ']', 63);
    memcpy(text + n + 126, "}", 2);
    root = parse(text);
    json_decref(root);
    memset(text + n, '[', 4000);
    assert_refused(text, n + 4000, "64 levels");
    for (size_t i = 0; i < 2000; i++)
        memcpy(text + n + 2 * i, i == 0 ? "[0" : ",0", 2);
    memcpy(text + n + 4000, "]}", 3);
    assert_refused(text, n + 4002, "1000 JSON values");
    json_decref(parse("{\"brackets in a string\":\"[[\\\"[[\"}"));
}

static void a_message_never_carries_an_escape(void **state)
{
    const char text[] = "{\"\x1b[31m\":1}";
    heed_error err = {0};
    json_t *root;

    (void)state;
    assert_int_equal(heed_json_parse(text, sizeof text - 1, 10, "\x1b[0m", &root, &err), HEED_ERR_FILE);
    assert_null(strchr(err.message, '\x1b'));
}

static void getters_give_values_or_fallbacks(void **state)
{
    static const char *const names[] = {"relu", "gelu"};
    json_t *root = parse("{\"i\":12,\"x\":0.5,\"b\":true,\"s\":\"gelu\",\"n\":null,\"o\":{},\"l\":[1]}");
    heed_error err = {0};
    heed_json_reader r = heed_json_read(root, "c.json", &err);

    (void)state;
    assert_int_equal(heed_json_int(&r, "i", 1, 12, 12), 12);
    assert_int_equal(heed_json_int(&r, "none", -7, 1, 12), -7);
    assert_int_equal(heed_json_int(&r, "n", 3, 1, 12), 3);
    assert_true(heed_json_number(&r, "x", 0, 0, 1) == 0.5);
    assert_true(heed_json_number(&r, "i", 0, 0, 100) == 12.0);
    assert_true(heed_json_bool(&r, "b", false));
    assert_string_equal(heed_json_string(&r, "s", ""), "gelu");
    assert_int_equal(heed_json_choice(&r, "s", names, 2, 0), 1);
    assert_int_equal(heed_json_choice(&r, "none", names, 2, 0), 0);
    assert_non_null(heed_json_object(&r, "o"));
    assert_int_equal(json_array_size(heed_json_list(&r, "l")), 1);
    assert_null(heed_json_list(&r, "none"));
    assert_true(heed_json_has(&r, "i"));
    assert_false(heed_json_has(&r, "n"));
    heed_json_require(&r, "i");
    assert_int_equal(r.status, HEED_OK);
    heed_json_require(&r, "n");
    assert_int_equal(r.status, HEED_ERR_FILE);
    assert_string_equal(err.message, "c.json: expected a value for \"n\", got null");
    json_decref(root);
}

static void a_wrong_member_is_named_with_what_came(void **state)
{
    static const char *const names[] = {"relu", "gelu", "silu"};
    json_t *root = parse("{\"s\":\"abc\",\"i\":1025,\"x\":4.0,\"l\":[]}");
    heed_error err = {0};
    heed_json_reader r = heed_json_read(root, "c.json", &err);

    (void)state;
    assert_int_equal(heed_json_int(&r, "s", 5, 1, 1024), 5);
    assert_string_equal(err.message, "c.json: expected an integer \"s\" between 1 and 1024, got \"abc\"");
    assert_int_equal(heed_json_int(&r, "i", 5, 1, 1024), 5); /* the first failure stays */
    assert_int_equal(r.status, HEED_ERR_FILE);
    assert_non_null(strstr(err.message, "\"s\""));

    r = heed_json_read(root, "c.json", &err);
    heed_json_int(&r, "i", 5, 1, 1024);
    assert_string_equal(err.message, "c.json: expected an integer \"i\" between 1 and 1024, got 1025");
    r = heed_json_read(root, "c.json", &err);
    heed_json_int(&r, "x", 5, 1, 1024);
    assert_string_equal(err.message, "c.json: expected an integer \"x\" between 1 and 1024, got 4.0");
    r = heed_json_read(root, "c.json", &err);
    heed_json_number(&r, "x", 0, 0, 1);
    assert_string_equal(err.message, "c.json: expected a number \"x\" between 0 and 1, got 4.0");
    r = heed_json_read(root, "c.json", &err);
    heed_json_choice(&r, "s", names, 3, 0);
    assert_string_equal(err.message,
                        "c.json: expected a value for \"s\" of \"relu\", \"gelu\" or \"silu\", got \"abc\"");
    r = heed_json_read(root, "c.json", &err);
    assert_null(heed_json_object(&r, "l"));
    assert_string_equal(err.message, "c.json: expected an object \"l\", got a list");
    json_decref(root);
}

static void reals_survive_and_stay_short(void **state)
{
    json_t *value = json_pack("{s:f, s:f, s:i}", "rate", 0.0003, "one", 1.0, "n", 7);
    json_t *third = json_pack("{s:f}", "x", 1.0 / 3.0);
    heed_text_buffer text = {0};
    json_t *back;

    (void)state;
    assert_int_equal(heed_json_format(value, 0, &text, NULL), HEED_OK);
    assert_string_equal(text.data, "{\"rate\": 0.0003, \"one\": 1.0, \"n\": 7}");
    heed_text_free(&text);
    text = (heed_text_buffer){0};
    assert_int_equal(heed_json_format(third, 2, &text, NULL), HEED_OK);
    back = parse(text.data);
    assert_true(json_real_value(json_object_get(back, "x")) == 1.0 / 3.0);
    heed_text_free(&text);
    json_decref(back);
    json_decref(third);
    json_decref(value);
}

static void a_written_file_keeps_its_order_and_loads_again(void **state)
{
    char path[] = "/tmp/heed-test-json-XXXXXX";
    const int fd = mkstemp(path);
    json_t *value = json_pack("{s:i, s:[i,i], s:s}", "z", 1, "a", 2, 3, "m", "x");
    json_t *back = NULL;
    heed_error err = {0};
    heed_file file;

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(heed_json_write(path, value, &err), HEED_OK);
    assert_int_equal(heed_file_open(&file, path, &err), HEED_OK);
    const char expected[] = "{\n  \"z\": 1,\n  \"a\": [\n    2,\n    3\n  ],\n  \"m\": \"x\"\n}\n";
    assert_int_equal(file.size, sizeof expected - 1);
    assert_memory_equal(file.data, expected, sizeof expected - 1);
    heed_file_close(&file);
    assert_int_equal(heed_json_load(path, HEED_JSON_CONFIG_BYTES, &back, &err), HEED_OK);
    assert_true(json_equal(value, back));
    json_decref(back);
    assert_int_equal(heed_json_load(path, 10, &back, &err), HEED_ERR_FILE);
    assert_non_null(strstr(err.message, "at most 10 bytes"));
    assert_null(back);
    unlink(path);
    json_decref(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_strict_json_is_refused),
        cmocka_unit_test(depth_and_number_of_values_are_bounded),
        cmocka_unit_test(a_message_never_carries_an_escape),
        cmocka_unit_test(getters_give_values_or_fallbacks),
        cmocka_unit_test(a_wrong_member_is_named_with_what_came),
        cmocka_unit_test(reals_survive_and_stay_short),
        cmocka_unit_test(a_written_file_keeps_its_order_and_loads_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
