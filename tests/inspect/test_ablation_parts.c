/* SPDX-License-Identifier: MIT */
/* Lists of parts of a model, and means with their intervals. */
#include "../cmocka_all.h"

#include <heed/ablation.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../infer/small_model.h"
#include "base/rng.h"

enum { CAPACITY = 16 };

/* --- lists --- */

/* The list that `list` stands for, written out with commas; "" after an error, which is in message. */
static const char *read_list(const heed_config *config, const char *list, char message[512])
{
    static char out[1024];
    heed_model *model = small_model(config, 3);
    heed_component parts[CAPACITY];
    heed_error err = {0};
    int n = -1;
    const heed_status status = heed_components_read(model, list, parts, CAPACITY, &n, &err);

    out[0] = '\0';
    assert_true(status == HEED_OK || (status == HEED_ERR_USAGE && n == 0));
    for (int i = 0; i < n; i++) {
        char text[128];
        snprintf(out + strlen(out), sizeof out - strlen(out), "%s%s", i > 0 ? "," : "",
                 heed_component_text(text, &parts[i]));
    }
    memcpy(message, err.message, sizeof err.message);
    heed_model_close(model);
    return out;
}

static void a_list_of_parts_is_read_as_it_is_written(void **state)
{
    static const char *const lists[][2] = {
        {"1.0", "1.0"},
        {"1.0,0.mlp,1.attn,0", "1.0,0.mlp,1.attn,0"},
        {" 1.0 , 0.mlp ", "1.0,0.mlp"},
        {"0.*", "0.0,0.1"},
        {"*.mlp", "0.mlp,1.mlp"},
        {"*.*", "0.0,0.1,1.0,1.1"},
        {"0-1.1", "0.1,1.1"},
        {"0.0-1", "0.0,0.1"},
        {"*", "0,1"},
        {"1.0,1.*,1.0", "1.0,1.1"},
        {"blocks.1.mlp.post,0.1", "blocks.1.mlp.post,0.1"},
        {"blocks.1.attn.hook_z", "blocks.1.attn.hook_z"},
    };
    const heed_config config = small_config();
    char message[512];

    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        const char *got = read_list(&config, lists[i][0], message);
        if (strcmp(got, lists[i][1]) != 0)
            fail_msg("\"%s\": expected %s, got %s (%s)", lists[i][0], lists[i][1], got, message);
    }
}

static void what_is_no_part_is_refused_with_what_there_is(void **state)
{
    static const char *const lists[][2] = {
        {"1.2", "there is no head 2: heads are 0 to 1"},
        {"2.0", "there is no layer 2: layers are 0 to 1"},
        {"0-7.1", "there is no layer 7"},
        {"99999999999999999999.0", "there is no layer"},
        {"1.mpl", "did you mean \"mlp\""},
        {"1.atn", "did you mean \"attn\""},
        {"1.banana", "expected a head, attn or mlp"},
        {"1.1-0", "a range such as 2-5"},
        {"1.1-", "a range such as 2-5"},
        {"-1.0", "expected a layer"},
        {"1.", "expected a head, attn or mlp"},
        {"mlp", "3.mlp is that of layer 3"},
        {"blocks.0.attn.pattern", "take the head's output, blocks.0.attn.z"},
        {"blocks.0.attn.hook_attn_scores", "read by nothing"},
        {"blocks.1.attn.zz", "did you mean \"blocks.1.attn.z\""},
        {"1.0,banana", "no part \"banana\""},
        {"", "got nothing"},
        {"1.0,", "got nothing"},
        {",1.0", "got nothing"},
        {"1.\x1b[31m", "\\x1B"},
    };
    const heed_config config = small_config();
    char message[512];

    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        const char *got = read_list(&config, lists[i][0], message);
        if (got[0] != '\0' || strstr(message, lists[i][1]) == NULL)
            fail_msg("\"%s\": expected \"%s\", got \"%s\" with parts %s", lists[i][0], lists[i][1], message,
                     got);
    }
}

static void parts_that_a_model_lacks_are_refused(void **state)
{
    heed_config config = small_config();
    char message[512];

    (void)state;
    config.attention = false;
    assert_string_equal(read_list(&config, "0.mlp", message), "0.mlp");
    assert_string_equal(read_list(&config, "0.attn", message), "");
    assert_non_null(strstr(message, "no attention"));
    assert_string_equal(read_list(&config, "0.0", message), "");
    assert_non_null(strstr(message, "no heads"));
    config = small_config();
    config.mlp = false;
    assert_string_equal(read_list(&config, "1.mlp", message), "");
    assert_non_null(strstr(message, "no feed-forwards"));
    config.kind = HEED_KIND_BIGRAM;
    assert_string_equal(read_list(&config, "0.0", message), "");
    assert_non_null(strstr(message, "no layers"));
    config = small_config();
    config.n_layers = 20;
    assert_string_equal(read_list(&config, "*.mlp", message), "");
    assert_non_null(strstr(message, "at most 16 parts"));
}

/* --- effects --- */

enum { N = 4000 };

static heed_effect effect_of(const double *numbers, size_t n, uint64_t seed)
{
    heed_effect effect;

    assert_int_equal(heed_effect_of(numbers, n, seed, &effect, NULL), HEED_OK);
    return effect;
}

/* Normal numbers, each `memory` times the one before and new noise of deviation 1. */
static void fill(double *numbers, double memory, uint64_t seed)
{
    heed_rng rng = heed_rng_make(seed, 99);
    double x = 0.0;

    for (int i = 0; i < N; i++)
        numbers[i] = x = memory * x + (double)heed_rng_normal(&rng);
}

/*
 * Of independent numbers of deviation 1 the mean's interval is 2 * 1.96 / sqrt(N) wide. The width has a spread of some 5 %:
 * N / b = 250 blocks tell a deviation to 1 / sqrt(2 * 250), 2000 resamples its percentiles to 3 %. 15 % are three of those.
 */
static void the_interval_of_independent_numbers_is_that_of_their_mean(void **state)
{
    static double numbers[N];
    const double expected = 2.0 * 1.96 / sqrt((double)N);

    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        fill(numbers, 0.0, seed);
        const heed_effect e = effect_of(numbers, N, seed);
        assert_true(e.low < e.mean && e.mean < e.high);
        if (fabs((e.high - e.low) / expected - 1.0) > 0.15)
            fail_msg("seed %d: the interval is %g wide, expected %g", (int)seed, e.high - e.low, expected);
    }
}

/*
 * With memory 0.5 the variance of the mean is 1 / (1 - 0.5)^2 = 4 times 1 / N. Blocks of 16 see nearly all of it: they miss
 * some 2 * 0.5 / (0.75 * 16) = 8 % of it. The width is 2 +- 0.3 times that of independent noise, not its deviation's 1.15.
 */
static void neighbours_that_depend_on_each_other_widen_the_interval(void **state)
{
    static double numbers[N];
    const double independent = 2.0 * 1.96 / sqrt((double)N);

    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        fill(numbers, 0.5, seed);
        const heed_effect e = effect_of(numbers, N, seed);
        if (fabs((e.high - e.low) / independent - 2.0) > 0.35)
            fail_msg("seed %d: the interval is %g times that of noise", (int)seed,
                     (e.high - e.low) / independent);
    }
}

static void few_or_equal_or_broken_numbers_have_the_interval_they_should(void **state)
{
    const double same[5] = {0.25, 0.25, 0.25, 0.25, 0.25}, broken[3] = {1.0, NAN, 2.0};
    heed_effect e = effect_of(same, 5, 1);

    (void)state;
    assert_true(e.mean == 0.25 && e.low == 0.25 && e.high == 0.25);
    e = effect_of(same, 1, 1);
    assert_true(e.mean == 0.25 && e.low == 0.25 && e.high == 0.25);
    e = effect_of(broken, 3, 1);
    assert_true(isnan(e.mean) && isnan(e.low) && isnan(e.high));
    e = effect_of(NULL, 0, 1);
    assert_true(isnan(e.mean) && isnan(e.low) && isnan(e.high));
}

static void the_same_seed_gives_the_same_interval(void **state)
{
    static double numbers[N];

    (void)state;
    fill(numbers, 0.3, 8);
    const heed_effect a = effect_of(numbers, N, 5), b = effect_of(numbers, N, 5), c = effect_of(numbers, N, 6);
    assert_memory_equal(&a, &b, sizeof a);
    assert_true(a.mean == c.mean && (a.low != c.low || a.high != c.high));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_of_parts_is_read_as_it_is_written),
        cmocka_unit_test(what_is_no_part_is_refused_with_what_there_is),
        cmocka_unit_test(parts_that_a_model_lacks_are_refused),
        cmocka_unit_test(the_interval_of_independent_numbers_is_that_of_their_mean),
        cmocka_unit_test(neighbours_that_depend_on_each_other_widen_the_interval),
        cmocka_unit_test(few_or_equal_or_broken_numbers_have_the_interval_they_should),
        cmocka_unit_test(the_same_seed_gives_the_same_interval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
