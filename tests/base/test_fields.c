/* SPDX-License-Identifier: MIT */
#include "cmocka_all.h"

#include <heed/fields.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

typedef struct thing {
    int64_t n_layers;
    double rate;
    bool tied;
    int norm;
    char name[8];
} thing;

static const char *const norms[] = {"pre", "post_norm", NULL};

static const heed_field fields[] = {
    {"n_layers", "", HEED_FIELD_INTEGER, offsetof(thing, n_layers), 0, 1e12, NULL},
    {"rate", "", HEED_FIELD_NUMBER, offsetof(thing, rate), -1, 0.5, NULL},
    {"tied", "", HEED_FIELD_BOOLEAN, offsetof(thing, tied), 0, 0, NULL},
    {"norm", "", HEED_FIELD_CHOICE, offsetof(thing, norm), 0, 0, norms},
    {"name", "", HEED_FIELD_TEXT, offsetof(thing, name), 0, sizeof((thing){0}).name, NULL},
};

static const thing before = {.n_layers = 3, .rate = 0.25, .tied = true, .norm = 1};

static heed_status set(thing *t, const char *name, const char *text, heed_error *err)
{
    return heed_field_set(fields, 5, t, name, text, err);
}

static void every_type_is_set_from_text(void **state)
{
    thing t = before;

    (void)state;
    assert_int_equal(set(&t, "n_layers", "1000000000000", NULL), HEED_OK);
    assert_true(t.n_layers == 1000000000000);
    assert_int_equal(set(&t, "rate", "-1e-3", NULL), HEED_OK);
    assert_true(t.rate == -1e-3);
    assert_int_equal(set(&t, "tied", "off", NULL), HEED_OK);
    assert_false(t.tied);
    assert_int_equal(set(&t, "tied", "yes", NULL), HEED_OK);
    assert_true(t.tied);
    assert_int_equal(set(&t, "norm", "pre", NULL), HEED_OK);
    assert_int_equal(t.norm, 0);
}

static void a_text_fits_and_is_utf8(void **state)
{
    thing t = before;
    heed_error err = {0};

    (void)state;
    assert_int_equal(set(&t, "name", "ünder", NULL), HEED_OK);
    assert_string_equal(t.name, "ünder");
    assert_int_equal(set(&t, "name", "sevenby", NULL), HEED_OK);
    assert_int_equal(set(&t, "name", "is_eight", &err), HEED_ERR_USAGE);
    assert_non_null(strstr(err.message, "at most 7 bytes, got 8"));
    assert_int_equal(set(&t, "name", "\xff", &err), HEED_ERR_USAGE);
    assert_string_equal(t.name, "sevenby");
    assert_int_equal(set(&t, "name", "", NULL), HEED_OK);
    assert_string_equal(t.name, "");
}

static void dashes_are_underscores(void **state)
{
    thing t = before;

    (void)state;
    assert_int_equal(set(&t, "n-layers", "7", NULL), HEED_OK);
    assert_int_equal(t.n_layers, 7);
    assert_int_equal(set(&t, "norm", "post-norm", NULL), HEED_OK);
    assert_int_equal(t.norm, 1);
    assert_ptr_equal(heed_field_find(fields, 4, "n-layers"), &fields[0]);
    assert_null(heed_field_find(fields, 4, "n-layer"));
    assert_null(heed_field_find(fields, 4, ""));
}

static void a_wrong_value_changes_nothing_and_says_what_was_expected(void **state)
{
    static const char *const wrong[][3] = {
        {"n_layers", "-1", "from 0 to 1000000000000"},
        {"n_layers", "4x", "a whole number"},
        {"n_layers", "", "a whole number"},
        {"n_layers", "1.5", "a whole number"},
        {"n_layers", "99999999999999999999999", "a whole number"},
        {"rate", "0.51", "from -1 to 0.5"},
        {"rate", "nan", "a number"},
        {"rate", "inf", "a number"},
        {"rate", "0.1 ", "a number"},
        {"tied", "maybe", "true or false"},
        {"norm", "middle", "pre, post_norm"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        thing t = before;
        heed_error err = {0};
        assert_int_equal(set(&t, wrong[i][0], wrong[i][1], &err), HEED_ERR_USAGE);
        assert_int_equal(err.status, HEED_ERR_USAGE);
        assert_non_null(strstr(err.message, wrong[i][0]));
        if (strstr(err.message, wrong[i][2]) == NULL)
            fail_msg("\"%s\" lacks \"%s\"", err.message, wrong[i][2]);
        assert_true(t.n_layers == before.n_layers && t.rate == before.rate);
        assert_true(t.tied == before.tied && t.norm == before.norm);
    }
}

static void an_unknown_name_shows_the_near_one(void **state)
{
    thing t = before;
    heed_error err = {0};

    (void)state;
    assert_int_equal(set(&t, "n_layres", "1", &err), HEED_ERR_USAGE);
    assert_non_null(strstr(err.message, "did you mean \"n_layers\"?"));
    assert_int_equal(set(&t, "completely_else", "1", &err), HEED_ERR_USAGE);
    assert_null(strstr(err.message, "did you mean"));
    assert_string_equal(heed_field_nearest(fields, 4, "tide"), "tied");
    assert_null(heed_field_nearest(fields, 4, "completely_else"));
}

static void foreign_text_in_a_message_is_harmless(void **state)
{
    thing t = before;
    heed_error err = {0};

    (void)state;
    assert_int_equal(set(&t, "rate", "\x1b[31m\xff", &err), HEED_ERR_USAGE);
    assert_null(strchr(err.message, '\x1b'));
    assert_null(strchr(err.message, '\xff'));
}

/* What get writes, set reads back to the same bits. */
static void text_and_back_keeps_the_value(void **state)
{
    static const double rates[] = {0.1, 1.0 / 3.0, -1.0, 2e-3, 5e-324, 0.5, 0.0};
    char text[32];

    (void)state;
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        thing t = {.n_layers = 123456789012, .rate = rates[i], .tied = i % 2, .norm = (int)(i % 2)},
              copy = before;
        memcpy(t.name, "a name", 7);
        for (int f = 0; f < 5; f++)
            assert_int_equal(
                set(&copy, fields[f].name, heed_field_get(&fields[f], &t, text, sizeof text), NULL), HEED_OK);
        assert_true(copy.n_layers == t.n_layers && copy.rate == t.rate);
        assert_true(copy.tied == t.tied && copy.norm == t.norm);
        assert_string_equal(copy.name, t.name);
    }
    const thing t = {.rate = 0.1};
    assert_string_equal(heed_field_get(&fields[1], &t, text, sizeof text), "0.1");
}

static void a_check_finds_what_was_set_by_hand(void **state)
{
    thing t = before;
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_fields_check(fields, 4, &t, &err), HEED_OK);
    t.n_layers = -1;
    assert_int_equal(heed_fields_check(fields, 4, &t, &err), HEED_ERR_USAGE);
    assert_non_null(strstr(err.message, "n_layers"));
    t = before;
    t.rate = NAN;
    assert_int_equal(heed_fields_check(fields, 4, &t, &err), HEED_ERR_USAGE);
    assert_non_null(strstr(err.message, "rate"));
    t = before;
    t.norm = 2;
    assert_int_equal(heed_fields_check(fields, 4, &t, &err), HEED_ERR_USAGE);
    assert_non_null(strstr(err.message, "norm"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_set_from_text),
        cmocka_unit_test(a_text_fits_and_is_utf8),
        cmocka_unit_test(dashes_are_underscores),
        cmocka_unit_test(a_wrong_value_changes_nothing_and_says_what_was_expected),
        cmocka_unit_test(an_unknown_name_shows_the_near_one),
        cmocka_unit_test(foreign_text_in_a_message_is_harmless),
        cmocka_unit_test(text_and_back_keeps_the_value),
        cmocka_unit_test(a_check_finds_what_was_set_by_hand),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
