/* SPDX-License-Identifier: MIT */
/* Messages: one sentence that any terminal can show, whatever came from outside. */
#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

static void a_message_is_always_printable(void **state)
{
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_fail(&err, HEED_ERR_FILE, "%s: expected %d", "caf\xc3\xa9/\x1b[31mred\n.txt", 7),
                     HEED_ERR_FILE);
    assert_int_equal(err.status, HEED_ERR_FILE);
    assert_string_equal(err.message, "caf\xc3\xa9/?[31mred?.txt: expected 7");
    heed_fail(&err, HEED_ERR_USAGE, "%.4s: cut within a character", "caf\xc3\xa9");
    assert_string_equal(err.message, "caf?: cut within a character");
    heed_fail(&err, HEED_ERR_USAGE, "%s", "latin \xe9 and \xc2\x9b too");
    assert_string_equal(err.message, "latin ? and ?? too");
    assert_int_equal(heed_fail(NULL, HEED_ERR_MEMORY, "nobody listens"), HEED_ERR_MEMORY);
}

static void a_long_message_ends_in_time(void **state)
{
    char path[1000];
    heed_error err = {0};

    (void)state;
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    memcpy(path + sizeof err.message - 2, "\xc3\xa9", 2); /* the end of the buffer falls between these bytes */
    heed_fail(&err, HEED_ERR_FILE, "%s", path);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    assert_int_equal(err.message[sizeof err.message - 2], '?');
}

static void foreign_text_is_quoted(void **state)
{
    char out[24];

    (void)state;
    assert_string_equal(heed_quote(out, sizeof out, "a\tb\xff", 4), "a\\x09b\\xFF");
    assert_string_equal(heed_quote(out, sizeof out, "caf\xc3\xa9", 5), "caf\xc3\xa9");
    assert_string_equal(heed_quote(out, sizeof out, "a very long name indeed, longer than it fits", 44),
                        "a very long name ind...");
    assert_string_equal(heed_quote(out, sizeof out, "", 0), "");
}

static void every_status_has_an_exit_code_and_a_text(void **state)
{
    (void)state;
    for (int i = 0; i < HEED_N_STATUSES; i++) {
        const int code = heed_status_exit_code((heed_status)i);
        assert_true((code >= 0 && code <= 5) || code == 70);
        assert_true(strlen(heed_status_text((heed_status)i)) > 3);
    }
    assert_int_equal(heed_status_exit_code(HEED_N_STATUSES), 70);
    assert_non_null(heed_status_text(HEED_N_STATUSES));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_always_printable),
        cmocka_unit_test(a_long_message_ends_in_time),
        cmocka_unit_test(foreign_text_is_quoted),
        cmocka_unit_test(every_status_has_an_exit_code_and_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
