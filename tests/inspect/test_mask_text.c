/* SPDX-License-Identifier: MIT */
/* Masks as text: three forms that say the same, and clear words about a text that says nothing. */
#include "cmocka_all.h"

#include <heed/mask.h>
#include <stdlib.h>
#include <string.h>

static heed_mask_table read_table(const char *text, heed_mask_form form)
{
    heed_mask_table table;
    heed_error err = {0};

    if (heed_mask_read(text, strlen(text), form, &table, &err) != HEED_OK)
        fail_msg("\"%s\": %s", text, err.message);
    return table;
}

static void expect_table(const char *text, heed_mask_form form, int64_t n_query, int64_t n_key,
                         const char *pairs)
{
    heed_mask_table table = read_table(text, form);

    if (table.n_query != n_query || table.n_key != n_key)
        fail_msg("\"%s\" is read as %lld x %lld", text, (long long)table.n_query, (long long)table.n_key);
    for (int64_t i = 0; i < n_query * n_key; i++) {
        if (table.pairs[i] != pairs[i] - '0')
            fail_msg("\"%s\": pair %lld is %d, expected %c", text, (long long)i, table.pairs[i], pairs[i]);
    }
    heed_mask_table_free(&table);
}

static void the_three_forms_say_the_same(void **state)
{
    (void)state;
    expect_table("1 0\n1 1\n", HEED_MASK_SEEN, 2, 2, "1011");
    expect_table("1,0\r\n1,1", HEED_MASK_SEEN, 2, 2, "1011");
    expect_table("True False\nTRUE true", HEED_MASK_SEEN, 2, 2, "1011");
    expect_table("false, true\nFalse, False\n\n", HEED_MASK_BLOCKED, 2, 2, "1011");
    expect_table("0 1\n0 0", HEED_MASK_BLOCKED, 2, 2, "1011");
    expect_table("0 -inf\n0. -0.0", HEED_MASK_ADDED, 2, 2, "1011");
    expect_table("0 -Inf\n0 0", HEED_MASK_ADDED, 2, 2, "1011");
    expect_table("0 -1e9\n0.000e+00 0", HEED_MASK_ADDED, 2, 2, "1011");
    expect_table("0 -3.4028235e+38\n0 0", HEED_MASK_ADDED, 2, 2, "1011");
    expect_table("0 0", HEED_MASK_SEEN, 1, 2, "00");
    expect_table("0 0", HEED_MASK_BLOCKED, 1, 2, "11");
    expect_table("0 0", HEED_MASK_ADDED, 1, 2, "11");
}

static void brackets_hold_rows_however_lines_are_broken(void **state)
{
    (void)state;
    expect_table("[[1, 0], [1, 1]]", HEED_MASK_SEEN, 2, 2, "1011");
    expect_table("[[False,  True],\n [False, False]]\n", HEED_MASK_BLOCKED, 2, 2, "1011");
    expect_table("[[0. -inf\n  0.]\n [0. 0.\n 0.]]", HEED_MASK_ADDED, 2, 3, "101111");
    expect_table("[1 0 1]\n[0 0 0]", HEED_MASK_SEEN, 2, 3, "101000");
    expect_table(" [1]", HEED_MASK_SEEN, 1, 1, "1");
    expect_table("tensor([[0., -inf],\n        [0., 0.]])\n", HEED_MASK_ADDED, 2, 2, "1011");
    expect_table("array([[ True, False],\n       [ True,  True]], dtype=bool)", HEED_MASK_SEEN, 2, 2, "1011");
}

static void what_is_written_is_read_back_in_every_form(void **state)
{
    static const heed_mask_form forms[] = {HEED_MASK_SEEN, HEED_MASK_BLOCKED, HEED_MASK_ADDED};
    const uint8_t keys[] = {1, 1, 0, 1, 1, 1};
    const heed_mask mask = {.causal = true, .window = 3, .prefix = 1, .position = 2, .keys = keys};
    heed_mask_table drawn, again;
    heed_error err = {0};
    char *text;

    (void)state;
    assert_int_equal(heed_mask_draw(&mask, 4, 6, &drawn, &err), HEED_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(heed_mask_write(&drawn, forms[i], &text, &err), HEED_OK);
        again = read_table(text, forms[i]);
        assert_int_equal(again.n_query, 4);
        assert_int_equal(again.n_key, 6);
        assert_memory_equal(again.pairs, drawn.pairs, 24);
        heed_mask_table_free(&again);
        free(text);
    }
    heed_mask_table_free(&drawn);
}

static void a_description_is_drawn_as_it_says(void **state)
{
    const heed_mask mask = {.causal = true, .window = 2};
    heed_mask_table table;
    heed_mask by_pairs;
    heed_error err = {0};
    char *text;

    (void)state;
    assert_int_equal(heed_mask_draw(&mask, 3, 3, &table, &err), HEED_OK);
    assert_int_equal(heed_mask_write(&table, HEED_MASK_SEEN, &text, &err), HEED_OK);
    assert_string_equal(text, "1 0 0\n1 1 0\n0 1 1\n");
    free(text);
    assert_int_equal(heed_mask_write(&table, HEED_MASK_BLOCKED, &text, &err), HEED_OK);
    assert_string_equal(text, "false  true  true\nfalse false  true\n true false false\n");
    free(text);
    assert_int_equal(heed_mask_write(&table, HEED_MASK_ADDED, &text, &err), HEED_OK);
    assert_string_equal(text, "   0 -inf -inf\n   0    0 -inf\n-inf    0    0\n");
    free(text);
    by_pairs = heed_mask_from_table(&table);
    for (int64_t i = 0; i < 3; i++) {
        for (int64_t j = 0; j < 3; j++)
            assert_int_equal(heed_mask_sees(&by_pairs, i, j), heed_mask_sees(&mask, i, j));
    }
    heed_mask_table_free(&table);
}

static void expect_refusal(const char *text, heed_mask_form form, const char *message)
{
    heed_mask_table table;
    heed_error err = {0};

    assert_int_equal(heed_mask_read(text, strlen(text), form, &table, &err), HEED_ERR_USAGE);
    assert_string_equal(err.message, message);
    assert_null(table.pairs);
}

static void what_is_no_mask_is_refused_with_its_place(void **state)
{
    (void)state;
    expect_refusal("1 0\n1 x", HEED_MASK_SEEN,
                   "mask, line 2, column 3: expected 1, 0, true or false, got \"x\"");
    expect_refusal("1 0\n1 2", HEED_MASK_BLOCKED,
                   "mask, line 2, column 3: expected 1, 0, true or false, got \"2\"");
    expect_refusal("0 -inf\n0 -0.5", HEED_MASK_ADDED,
                   "mask, line 2, column 3: expected 0 or -inf, got \"-0.5\"");
    expect_refusal("0 nan", HEED_MASK_ADDED, "mask, line 1, column 3: expected 0 or -inf, got \"nan\"");
    expect_refusal("0 inf", HEED_MASK_ADDED, "mask, line 1, column 3: expected 0 or -inf, got \"inf\"");
    expect_refusal("0 true", HEED_MASK_ADDED, "mask, line 1, column 3: expected 0 or -inf, got \"true\"");
    expect_refusal("1 0 1\n1 0\n", HEED_MASK_SEEN,
                   "mask, line 2, column 1: expected a row of 3 as the first, got 2");
    expect_refusal("[[1, 0],\n [1, 0, 1]]", HEED_MASK_SEEN,
                   "mask, line 2, column 3: expected a row of 2 as the first, got 3");
    expect_refusal("[[1, 0]", HEED_MASK_SEEN, "mask, line 1, column 8: the text ends inside of a bracket");
    expect_refusal("[1, 0]]", HEED_MASK_SEEN,
                   "mask, line 1, column 7: a bracket closes here that was never opened");
    expect_refusal("1 0]", HEED_MASK_SEEN,
                   "mask, line 1, column 4: a bracket closes here that was never opened");
    expect_refusal("[[[1]]]", HEED_MASK_SEEN,
                   "mask, line 1, column 3: a bracket opens here that belongs to no row");
    expect_refusal("1 [0]", HEED_MASK_SEEN,
                   "mask, line 1, column 3: a bracket opens here that belongs to no row");
    expect_refusal("[1] 0", HEED_MASK_SEEN,
                   "mask, line 1, column 5: expected a bracket before the first word of a row");
    expect_refusal("tensor([)", HEED_MASK_SEEN, "mask, line 1, column 9: the text ends inside of a bracket");
    expect_refusal("tensor([[1, 2]])", HEED_MASK_SEEN,
                   "mask, line 1, column 13: expected 1, 0, true or false, got \"2\"");
    expect_refusal("", HEED_MASK_SEEN, "mask: expected rows of 1, 0, true or false, got an empty text");
    expect_refusal("[[]]\n", HEED_MASK_ADDED, "mask: expected rows of 0 or -inf, got an empty text");
    expect_refusal("1 1111111111111111111111111111111111111111111", HEED_MASK_SEEN,
                   "mask, line 1, column 3: expected 1, 0, true or false, got "
                   "\"1111111111111111111111111111111111111111111\"");
}

/* A zero byte ends no text: it is a foreign word, and escapes are not printed. */
static void bytes_that_are_no_text_are_shown_escaped(void **state)
{
    heed_mask_table table;
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_mask_read("1 \0\033", 4, HEED_MASK_SEEN, &table, &err), HEED_ERR_USAGE);
    assert_string_equal(err.message,
                        "mask, line 1, column 3: expected 1, 0, true or false, got \"\\x00\\x1B\"");
}

static void a_description_that_cannot_be_is_refused(void **state)
{
    const int32_t documents[2] = {0, 1};
    const uint8_t ones[4] = {1, 1, 1, 1};
    const heed_mask window = {.window = -1}, documents_of_one = {.query_documents = documents},
                    blocks = {.blocks = ones}, pairs = {.pairs = ones, .pairs_stride = 1};
    heed_mask_table table;
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_mask_draw(&window, 2, 2, &table, &err), HEED_ERR_USAGE);
    assert_string_equal(err.message, "window: expected 0 or more, got -1");
    assert_int_equal(heed_mask_draw(&documents_of_one, 2, 2, &table, &err), HEED_ERR_USAGE);
    assert_int_equal(heed_mask_draw(&blocks, 2, 2, &table, &err), HEED_ERR_USAGE);
    assert_string_equal(err.message, "block: expected 1 or more, got 0");
    assert_int_equal(heed_mask_draw(&pairs, 2, 2, &table, &err), HEED_ERR_USAGE);
    assert_string_equal(err.message, "pairs_stride: expected 2 or more, got 1");
    assert_int_equal(heed_mask_draw(&pairs, 0, 2, &table, &err), HEED_ERR_USAGE);
    assert_null(table.pairs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_three_forms_say_the_same),
        cmocka_unit_test(brackets_hold_rows_however_lines_are_broken),
        cmocka_unit_test(what_is_written_is_read_back_in_every_form),
        cmocka_unit_test(a_description_is_drawn_as_it_says),
        cmocka_unit_test(what_is_no_mask_is_refused_with_its_place),
        cmocka_unit_test(bytes_that_are_no_text_are_shown_escaped),
        cmocka_unit_test(a_description_that_cannot_be_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
