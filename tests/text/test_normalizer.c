/* SPDX-License-Identifier: MIT */
/* Unicode's normal forms of hostile texts: long runs of combining marks. */
#include "cmocka_all.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/rng.h"
#include "base/utf8.h"
#include "text/normalizer.h"

static const struct {
    const char *name;
    int options;
} forms[] = {
    {"NFC", UTF8PROC_COMPOSE},
    {"NFD", UTF8PROC_DECOMPOSE},
    {"NFKC", UTF8PROC_COMPOSE | UTF8PROC_COMPAT},
    {"NFKD", UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT},
};

static heed_normalizer *make(const char *type)
{
    json_t *value = json_pack("{s:s}", "type", type);
    heed_normalizer *made = NULL;

    assert_int_equal(heed_normalizer_read(value, "test", &made, NULL), HEED_OK);
    json_decref(value);
    return made;
}

/* utf8proc's own function is the definition; its time grows with the square of a run. */
static void forms_of_texts_of_chance_are_those_of_utf8proc(void **state)
{
    static const uint32_t codes[] = {'a',    'e',    0xc9,   0x301,  0x316,  0x327,  0x334, 0x345,
                                     0x1161, 0x1100, 0x11a8, 0xac00, 0xfdfa, 0x1e9b, 0x323, 0x3099,
                                     0xfb01, 0x212b, 0x30ab, 0xf73,  0x958,  0x1d15e};
    heed_rng rng = heed_rng_make(6, 0);

    (void)state;
    for (int round = 0; round < 400; round++) {
        const int form = round % 4;
        heed_normalizer *normalizer = make(forms[form].name);
        heed_text_buffer out = {0};
        utf8proc_uint8_t *expected = NULL;
        char text[2048];
        size_t n = 0;

        while (n < sizeof text - 4 && heed_rng_below(&rng, 200) > 0) {
            const int64_t few = 1 + heed_rng_below(&rng, (int64_t)(sizeof codes / sizeof codes[0]));
            n += heed_utf8_encode(codes[heed_rng_below(&rng, few)], text + n);
        }
        utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)n, &expected,
                     (utf8proc_option_t)(UTF8PROC_STABLE | forms[form].options));
        assert_non_null(expected);
        heed_text_append(&out, "", 0);
        assert_int_equal(heed_normalizer_apply(normalizer, text, n, true, &out, NULL), HEED_OK);
        assert_string_equal(out.data, (const char *)expected);
        free(expected);
        heed_text_free(&out);
        heed_normalizer_destroy(normalizer);
    }
}

/* 200,000 marks above a letter and then as many below it: all of those have to pass all of the others. */
static void a_long_run_of_marks_is_put_in_order(void **state)
{
    enum { N = 200000 };
    heed_normalizer *normalizer = make("NFD");
    heed_text_buffer text = {0}, out = {0};

    (void)state;
    heed_text_puts(&text, "a");
    for (int i = 0; i < 2 * N; i++)
        heed_text_puts(&text, i < N ? "\u0301" : "\u0316");
    assert_int_equal(heed_normalizer_apply(normalizer, text.data, text.size, true, &out, NULL), HEED_OK);
    assert_int_equal(out.size, text.size);
    for (size_t i = 0; i < N; i++) {
        assert_memory_equal(out.data + 1 + 2 * i, "\u0316", 2);
        assert_memory_equal(out.data + 1 + 2 * (N + i), "\u0301", 2);
    }
    heed_text_free(&text);
    heed_text_free(&out);
    heed_normalizer_destroy(normalizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_of_texts_of_chance_are_those_of_utf8proc),
        cmocka_unit_test(a_long_run_of_marks_is_put_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
