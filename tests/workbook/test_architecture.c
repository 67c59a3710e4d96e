/* SPDX-License-Identifier: MIT */
/* Exercises of the parts of a block, each against the definition in double precision. */
#include "../cmocka_all.h"

#include <math.h>
#include <stdio.h>

#include "workbook/oracle.h"

static void put(json_t *answer, const char *name, double x)
{
    json_object_set_new(answer, name, json_real(x));
}

/* --- hard.h8.2a --- */

static void feed_forward(const json_t *params, json_t *answer)
{
    const double d = param(params, "d_model"), h = param(params, "expand") * d;

    put(answer, "hidden", h);
    put(answer, "params", d * h + h + h * d + d);
    put(answer, "params_no_bias", d * h + h * d);
    put(answer, "ratio_to_attention_no_bias", (d * h + h * d) / (4.0 * d * d));
}

static void a_feed_forward_is_two_maps(void **state)
{
    (void)state;
    expect_exercise("hard.h8.2a", feed_forward);
    expect_exercise_with("hard.h8.2a", "{\"d_model\": 7, \"expand\": 5}", feed_forward);
    expect_exercise_with("hard.h8.2a", "{\"d_model\": 1, \"expand\": 1}", feed_forward);
    expect_exercise_with("hard.h8.2a", "{\"d_model\": 12288, \"expand\": 4}", feed_forward);
    expect_refused("hard.h8.2a", "{\"expand\": 1e9}", "expand: expected");
    expect_refused("hard.h8.2a", "{\"d_model\": 0}", "d_model: expected");
    expect_slip("hard.h8.2a", "{}", "{\"params\": 524288}", "params", "biases");
    expect_slip("hard.h8.2a", "{}", "{\"params_no_bias\": 262144}", "params_no_bias", "one of the two maps");
}

/* --- hard.h8.3a --- */

static void layernorm(const json_t *params, json_t *answer)
{
    static table x;
    double mean = 0.0, squares = 0.0, y[4096];
    int64_t n;

    param_table(params, "x", &x);
    n = x.columns;
    for (int64_t i = 0; i < n; i++)
        mean += x.at[i];
    mean /= (double)n;
    for (int64_t i = 0; i < n; i++)
        squares += pow(x.at[i] - mean, 2.0);
    for (int64_t i = 0; i < n; i++)
        y[i] = (x.at[i] - mean) / sqrt(squares / (double)n + 1e-5);
    put(answer, "mean", mean);
    put(answer, "variance", squares / (double)n);
    json_object_set_new(answer, "normalised", list_of(y, n));
    put(answer, "added_params", 2.0 * (double)n);
}

static void layernorm_follows_the_definition(void **state)
{
    (void)state;
    expect_exercise("hard.h8.3a", layernorm);
    expect_exercise_with("hard.h8.3a", "{\"x\": [5]}", layernorm);
    expect_exercise_with("hard.h8.3a", "{\"x\": [4, 4, 4]}", layernorm);
    expect_exercise_with("hard.h8.3a", "{\"x\": [0.001, -0.002, 0.004, 0]}", layernorm);
    expect_exercise_with("hard.h8.3a", "{\"x\": [1000, -2000, 3500, 4001, 12, 13, 14, 15]}", layernorm);
    expect_refused("hard.h8.3a", "{\"x\": []}", "x: expected");
    expect_refused("hard.h8.3a", "{\"x\": [1, \"inf\"]}", "x: expected");
    expect_slip("hard.h8.3a", "{}", "{\"variance\": 1.66667}", "variance", "n - 1");
    expect_slip("hard.h8.3a", "{}", "{\"variance\": 1.118}", "variance", "standard deviation");
    expect_slip("hard.h8.3a", "{}", "{\"normalised\": [-1.2, -0.4, 0.4, 1.2]}", "normalised",
                "standard deviation");
    expect_slip("hard.h8.3a", "{}", "{\"normalised\": [0.8944, 1.7889, 2.6833, 3.5777]}", "normalised", "mean");
    expect_slip("hard.h8.3a", "{}", "{\"added_params\": 4}", "added_params", "biases");
}

/* --- hard.h8.5a --- */

/* By trying one width after the other. */
static void equal_weight(const json_t *params, json_t *answer)
{
    const double d = param(params, "d_model"), attention = 4.0 * d * d + 4.0 * d;
    double h = 0.0;

    while (d * (h + 1.0) + (h + 1.0) + (h + 1.0) * d + d <= attention)
        h += 1.0;
    put(answer, "attention_params", attention);
    put(answer, "hidden_equal_params", h);
}

static void a_feed_forward_as_heavy_as_attention(void **state)
{
    (void)state;
    expect_exercise("hard.h8.5a", equal_weight);
    for (int d = 1; d < 40; d++) {
        char text[32];
        snprintf(text, sizeof text, "{\"d_model\": %d}", d);
        expect_exercise_with("hard.h8.5a", text, equal_weight);
    }
    expect_refused("hard.h8.5a", "{\"d_model\": 1e9}", "d_model: expected");
    expect_slip("hard.h8.5a", "{}", "{\"attention_params\": 262144}", "attention_params", "biases");
    expect_slip("hard.h8.5a", "{}", "{\"hidden_equal_params\": 513}", "hidden_equal_params", "rounded up");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_feed_forward_is_two_maps),
        cmocka_unit_test(layernorm_follows_the_definition),
        cmocka_unit_test(a_feed_forward_as_heavy_as_attention),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
