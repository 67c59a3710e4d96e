/* SPDX-License-Identifier: MIT */
/* Patterns of names: what they match, how far they are from a name, and that a hostile one takes no time. */
#include "cmocka_all.h"

#include <limits.h>
#include <string.h>

#include "base/nearest.h"
#include "base/pattern.h"
#include "base/rng.h"

static void a_star_stands_for_any_letters_and_a_question_mark_for_one(void **state)
{
    (void)state;
    assert_true(heed_pattern_matches("wte.weight", "wte.weight"));
    assert_true(heed_pattern_matches("*.attn.*", "h.0.attn.c_attn.weight"));
    assert_true(heed_pattern_matches("h.?.mlp.*", "h.3.mlp.c_fc.bias"));
    assert_true(heed_pattern_matches("*", ""));
    assert_true(heed_pattern_matches("**a*", "ba"));
    assert_true(heed_pattern_matches("*ab*ab", "abxab"));
    assert_false(heed_pattern_matches("wte.weight", "wte.weights"));
    assert_false(heed_pattern_matches("wte.weight", "wte.weigh"));
    assert_false(heed_pattern_matches("h.?.mlp.*", "h.10.mlp.c_fc.bias"));
    assert_false(heed_pattern_matches("?", ""));
    assert_false(heed_pattern_matches("", "a"));
}

/* The definition, by trying everything. */
static bool matches_slowly(const char *p, const char *s)
{
    if (*p == '\0')
        return *s == '\0';
    if (*p == '*')
        return matches_slowly(p + 1, s) || (*s != '\0' && matches_slowly(p, s + 1));
    return *s != '\0' && (*p == '?' || *p == *s) && matches_slowly(p + 1, s + 1);
}

static void random_patterns_match_as_the_definition_says(void **state)
{
    heed_rng rng = heed_rng_make(7, 7);
    int n_matches = 0;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        char pattern[8] = "", name[8] = "";
        for (int64_t k = 0, n = heed_rng_below(&rng, 7); k < n; k++)
            pattern[k] = "ab*?"[heed_rng_below(&rng, 4)];
        for (int64_t k = 0, n = heed_rng_below(&rng, 7); k < n; k++)
            name[k] = "ab"[heed_rng_below(&rng, 2)];
        const bool expected = matches_slowly(pattern, name);
        if (heed_pattern_matches(pattern, name) != expected)
            fail_msg("\"%s\" and \"%s\": expected %d", pattern, name, expected);
        if ((heed_pattern_distance(pattern, name) == 0) != expected)
            fail_msg("\"%s\" and \"%s\": distance %d, matches %d", pattern, name,
                     heed_pattern_distance(pattern, name), expected);
        n_matches += expected;
    }
    assert_true(n_matches > 1000);
}

static void a_distance_counts_the_letters_that_are_wrong(void **state)
{
    char name[200];

    (void)state;
    assert_int_equal(heed_pattern_distance("wte.wieght", "wte.weight"),
                     heed_edit_distance("wte.wieght", "wte.weight"));
    assert_int_equal(heed_pattern_distance("*.atn.*", "h.0.attn.c_attn.weight"), 1);
    assert_int_equal(heed_pattern_distance("h.?.mpl.*", "h.0.mlp.c_fc.bias"), 2);
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(heed_pattern_distance("*", name), INT_MAX);
}

/* Tried blindly, this would take longer than the universe has existed. */
static void a_pattern_of_many_stars_takes_no_time(void **state)
{
    char pattern[1024], name[128];

    (void)state;
    for (size_t i = 0; i + 1 < sizeof pattern; i++)
        pattern[i] = i % 2 == 0 ? '*' : 'a';
    pattern[sizeof pattern - 1] = '\0';
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_false(heed_pattern_matches(pattern, name));
    pattern[100] = 'b';
    pattern[101] = '\0';
    assert_false(heed_pattern_matches(pattern, name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_star_stands_for_any_letters_and_a_question_mark_for_one),
        cmocka_unit_test(random_patterns_match_as_the_definition_says),
        cmocka_unit_test(a_distance_counts_the_letters_that_are_wrong),
        cmocka_unit_test(a_pattern_of_many_stars_takes_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
