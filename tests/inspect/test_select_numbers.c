/* SPDX-License-Identifier: MIT */
/* Lists of layers and heads: what is written is chosen, and what there is not is named. */
#include "cmocka_all.h"

#include <heed/inspect.h>
#include <string.h>

enum { COUNT = 12 };

/* The chosen numbers as x, the others as dots. */
static void expect_chosen(const char *list, const char *expected)
{
    bool chosen[COUNT];
    char shown[COUNT + 1] = "";
    heed_error err = {0};

    if (heed_select_numbers(list, "head", COUNT, chosen, &err) != HEED_OK)
        fail_msg("%s", err.message);
    for (int i = 0; i < COUNT; i++)
        shown[i] = chosen[i] ? 'x' : '.';
    assert_string_equal(shown, expected);
}

static void numbers_and_ranges_are_chosen(void **state)
{
    (void)state;
    expect_chosen(NULL, "xxxxxxxxxxxx");
    expect_chosen("0", "x...........");
    expect_chosen("0,2-3", "x.xx........");
    expect_chosen("11,0-0,5-5,5", "x....x.....x");
    expect_chosen("0-11", "xxxxxxxxxxxx");
}

static void expect_refused(const char *list, int64_t count, const char *words)
{
    bool chosen[COUNT];
    heed_error err = {0};

    assert_int_equal(heed_select_numbers(list, "head", count, chosen, &err), HEED_ERR_USAGE);
    if (strstr(err.message, words) == NULL)
        fail_msg("\"%s\": expected \"%s\" in \"%s\"", list, words, err.message);
}

static void what_there_is_not_is_named(void **state)
{
    static const char *const odd[] = {"",    ",",   "1,",   "a",   "1-",    "-1",
                                      "3-2", "1 2", "1,,2", "0x1", "1-2-3", "+1"};

    (void)state;
    expect_refused("12", COUNT, "there is no head 12: heads are 0 to 11");
    expect_refused("3,10-12", COUNT, "there is no head 12: heads are 0 to 11");
    expect_refused("99999999999999999999", COUNT, "there is no head");
    expect_refused("1", 1, "there is no head 1: the only head is 0");
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
        expect_refused(odd[i], COUNT, "heads: expected numbers and ranges such as 0,2-3, got");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_and_ranges_are_chosen),
        cmocka_unit_test(what_there_is_not_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
