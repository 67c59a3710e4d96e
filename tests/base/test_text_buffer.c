/* SPDX-License-Identifier: MIT */
#include "cmocka_all.h"

#include "base/text_buffer.h"

#include <string.h>

static void text_is_the_pieces_one_after_the_other(void **state)
{
    heed_text_buffer text = {0};

    (void)state;
    heed_text_puts(&text, "loss ");
    heed_text_printf(&text, "%.2f at %d", 1.5, 7);
    heed_text_append(&text, "!?xyz", 2);
    assert_false(text.failed);
    assert_string_equal(text.data, "loss 1.50 at 7!?");
    assert_int_equal(text.size, strlen(text.data));
    heed_text_free(&text);
    assert_null(text.data);
    assert_int_equal(text.size, 0);
}

static void text_keeps_zero_bytes_and_empty_pieces(void **state)
{
    heed_text_buffer text = {0};

    (void)state;
    heed_text_append(&text, NULL, 0);
    heed_text_append(&text, "a\0b", 3);
    heed_text_puts(&text, "");
    assert_int_equal(text.size, 3);
    assert_memory_equal(text.data, "a\0b", 4);
    heed_text_free(&text);
}

static void text_grows_across_every_capacity(void **state)
{
    heed_text_buffer text = {0};

    (void)state;
    for (int i = 0; i < 5000; i++) {
        heed_text_printf(&text, "%d", i % 10);
        assert_int_equal(text.size, i + 1);
        assert_true(text.capacity > text.size);
        assert_int_equal(text.data[i], '0' + i % 10);
        assert_int_equal(text.data[i + 1], '\0');
    }
    heed_text_free(&text);
}

static void text_that_failed_takes_no_more(void **state)
{
    heed_text_buffer text = {0};

    (void)state;
    heed_text_puts(&text, "kept");
    heed_text_append(&text, "x", SIZE_MAX);
    assert_true(text.failed);
    heed_text_puts(&text, "lost");
    heed_text_printf(&text, "%d", 1);
    assert_string_equal(text.data, "kept");
    heed_text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_the_pieces_one_after_the_other),
        cmocka_unit_test(text_keeps_zero_bytes_and_empty_pieces),
        cmocka_unit_test(text_grows_across_every_capacity),
        cmocka_unit_test(text_that_failed_takes_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
