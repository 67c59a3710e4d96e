/* SPDX-License-Identifier: MIT */
/* Group I against sums written down from the definitions, in double precision. */
#include "../cmocka_all.h"

#include <math.h>

#include "workbook/oracle.h"

static void put(json_t *answer, const char *name, double x)
{
    json_object_set_new(answer, name, json_real(x));
}

/* --- bytes --- */

static void size_of_scores(const json_t *p, json_t *answer)
{
    const double one = param(p, "batch") * param(p, "seq_len") * param(p, "seq_len");
    const double all = one * param(p, "n_heads");

    put(answer, "numbers_one_head", one);
    put(answer, "bytes_one_head", 4.0 * one);
    put(answer, "GB_one_head", 4.0 * one / 1e9);
    put(answer, "GiB_one_head", 4.0 * one / pow(2.0, 30.0));
    put(answer, "MiB_one_head", 4.0 * one / pow(2.0, 20.0));
    put(answer, "numbers_all_heads", all);
    put(answer, "bytes_all_heads", 4.0 * all);
    put(answer, "MiB_all_heads", 4.0 * all / pow(2.0, 20.0));
}

static void shorter(const json_t *p, json_t *answer)
{
    const double B = param(p, "batch"), H = param(p, "n_heads"), d = param(p, "d_model"),
                 V = param(p, "vocab_size");
    const double T = param(p, "seq_before"), U = param(p, "seq_after");

    put(answer, "scores_bytes_before", 4.0 * B * H * T * T);
    put(answer, "scores_bytes_after", 4.0 * B * H * U * U);
    put(answer, "scores_factor", (T / U) * (T / U));
    put(answer, "stream_bytes_before", 4.0 * B * T * d);
    put(answer, "stream_bytes_after", 4.0 * B * U * d);
    put(answer, "logits_bytes_before", 4.0 * B * T * V);
    put(answer, "logits_bytes_after", 4.0 * B * U * V);
    put(answer, "linear_factor", T / U);
    put(answer, "scores_plus_logits_factor", (H * T * T + T * V) / (H * U * U + U * V));
}

static void what_is_left(const json_t *p, json_t *answer)
{
    const double MB = 4.0 * param(p, "params") / 1e6, left = 1000.0 * param(p, "used_GB") - 4.0 * MB;
    const double logits = 4.0 * param(p, "batch") * param(p, "seq_len") * param(p, "vocab_size") / 1e6;

    put(answer, "weights_MB", MB);
    put(answer, "gradients_MB", MB);
    put(answer, "adam_MB", 2.0 * MB);
    put(answer, "static_MB", 4.0 * MB);
    put(answer, "activations_by_subtraction_MB", left);
    put(answer, "logits_MB", logits);
    json_object_set_new(answer, "fits", json_boolean(logits <= left));
}

static void bytes_are_those_of_the_definition(void **state)
{
    (void)state;
    expect_exercise("hard.h1.1a", size_of_scores);
    expect_exercise("hard.h1.4a", shorter);
    expect_exercise("hard.h10.3a", what_is_left);
    expect_exercise_with("hard.h1.1a", "{\"batch\": 1, \"seq_len\": 1, \"d_model\": 3, \"n_heads\": 3}",
                         size_of_scores);
    expect_exercise_with("hard.h1.1a", "{\"batch\": 512, \"seq_len\": 65536, \"n_heads\": 128}",
                         size_of_scores);
    expect_exercise_with("hard.h1.4a", "{\"vocab_size\": 1, \"seq_before\": 1000, \"seq_after\": 333}",
                         shorter);
    expect_exercise_with("hard.h1.4a", "{\"seq_before\": 128, \"seq_after\": 512}", shorter);
    expect_exercise_with("hard.h10.3a", "{\"params\": 1000000000, \"used_GB\": 16.5}", what_is_left);
    expect_exercise_with("hard.h10.3a", "{\"params\": 7, \"used_GB\": 1, \"vocab_size\": 2}", what_is_left);
}

/* --- growth --- */

static void wider(const json_t *p, json_t *answer)
{
    const double a = param(p, "d_before"), b = param(p, "d_after");
    const double scores = param(p, "batch") * param(p, "n_heads") * param(p, "seq_len") * param(p, "seq_len");

    put(answer, "qkv_before", 3.0 * (a * a + a));
    put(answer, "qkv_after", 3.0 * (b * b + b));
    put(answer, "qkv_factor", (b * b + b) / (a * a + a));
    put(answer, "qkv_factor_no_bias", (b * b) / (a * a));
    put(answer, "scores_before", scores);
    put(answer, "scores_after", scores);
    put(answer, "scores_factor", 1.0);
    put(answer, "softmax_factor", 1.0);
    put(answer, "qk_multiplications_factor", b / a);
    json_object_set_new(answer, "fastest", json_string("projections")); /* b > a */
}

static void longer(const json_t *p, json_t *answer)
{
    const double times = param(p, "t_long") / param(p, "t_short");

    put(answer, "ratio", times * times);
    put(answer, "length_ratio", times);
}

/* The normal equations of y = k x + c, which is another way to the same line. */
static void slope(const json_t *p, json_t *answer)
{
    static table lengths, times;
    double n, x = 0.0, y = 0.0, xx = 0.0, xy = 0.0, k;

    param_table(p, "lengths", &lengths);
    param_table(p, "times", &times);
    n = (double)lengths.columns;
    for (int64_t i = 0; i < lengths.columns; i++) {
        x += log2(lengths.at[i]);
        y += log2(times.at[i]);
        xx += log2(lengths.at[i]) * log2(lengths.at[i]);
        xy += log2(lengths.at[i]) * log2(times.at[i]);
    }
    k = (n * xy - x * y) / (n * xx - x * x);
    put(answer, "slope", k);
    put(answer, "doubling_factor", exp(k * log(2.0)));
}

static void growth_is_that_of_the_definition(void **state)
{
    (void)state;
    expect_exercise("hard.h1.3a", wider);
    expect_exercise("ch12.e09", longer);
    expect_exercise("ch12.e19a", slope);
    expect_exercise_with("hard.h1.3a", "{\"d_before\": 12, \"d_after\": 960, \"n_heads\": 12}", wider);
    expect_exercise_with("ch12.e09", "{\"t_short\": 3, \"t_long\": 1000000}", longer);
    expect_exercise_with("ch12.e09", "{\"t_short\": 900, \"t_long\": 7}", longer);
    expect_exercise_with("ch12.e19a", "{\"lengths\": [10, 20], \"times\": [0.004, 0.001]}", slope);
    expect_exercise_with("ch12.e19a", "{\"lengths\": [1, 3, 7, 7], \"times\": [2, 2.5, 9, 8]}", slope);
}

/* --- windows, experts, tiles --- */

static void cheaper(const json_t *p, json_t *answer)
{
    const double T = param(p, "seq_len"), w = param(p, "window"), E = param(p, "n_experts"),
                 k = param(p, "top_k");
    const double d = param(p, "d_model"), e = param(p, "expand"), expert = 2.0 * e * d * d + e * d + d;
    double some = 0.0;

    for (double i = 1.0; i <= T; i += 1.0)
        some += fmin(i, w);
    put(answer, "full_causal_entries", T * (T + 1.0) / 2.0);
    put(answer, "window_entries", some);
    put(answer, "sparse_share", some / (T * (T + 1.0) / 2.0));
    put(answer, "expert_params", expert);
    put(answer, "all_expert_params", E * expert);
    put(answer, "active_expert_params", k * expert);
    put(answer, "router_params", d * E);
    put(answer, "score_bytes_one_head", 4.0 * T * T);
    put(answer, "flash_extra_bytes_one_head", 8.0 * T);
}

static void savings_are_those_of_the_definition(void **state)
{
    (void)state;
    expect_exercise("hard.h10.6a", cheaper);
    expect_exercise_with("hard.h10.6a", "{\"seq_len\": 65536, \"window\": 1000000}", cheaper);
    expect_exercise_with("hard.h10.6a", "{\"seq_len\": 1, \"window\": 1, \"d_model\": 1, \"expand\": 1}",
                         cheaper);
    expect_exercise_with("hard.h10.6a", "{\"n_experts\": 64, \"top_k\": 8, \"d_model\": 7168, \"expand\": 2}",
                         cheaper);
}

/* --- what is refused, what is named --- */

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    expect_refused("hard.h1.1a", "{\"seq_len\": 0}", "seq_len");
    expect_refused("hard.h1.1a", "{\"batch\": 1e300}", "batch");
    expect_refused("hard.h1.1a", "{\"n_heads\": 7}", "divisor");
    expect_refused("hard.h1.3a", "{\"d_after\": 513}", "divisor");
    expect_refused("hard.h1.4a", "{\"seq_after\": -2}", "seq_after");
    expect_refused("hard.h10.3a", "{\"used_GB\": 0}", "used_GB");
    expect_refused("hard.h10.3a", "{\"params\": 1.5}", "params");
    expect_refused("ch12.e09", "{\"t_short\": 0}", "t_short");
    expect_refused("ch12.e19a", "{\"times\": [1, 2]}", "time for each");
    expect_refused("ch12.e19a", "{\"lengths\": [4, 4], \"times\": [1, 2]}", "differ");
    expect_refused("ch12.e19a", "{\"lengths\": [4, 8], \"times\": [1, -2]}", "entry 2");
    expect_refused("hard.h10.6a", "{\"top_k\": 5}", "top_k");
    expect_refused("hard.h10.6a", "{\"expand\": 0}", "expand");
}

static void slips_of_units_heads_and_masks_are_named(void **state)
{
    (void)state;
    expect_slip("hard.h1.1a", "{}", "{\"MiB_one_head\": 8.388608}", "MiB_one_head", "MiB");
    expect_slip("hard.h1.1a", "{}", "{\"GB_one_head\": 0.0078125}", "GB_one_head", "GiB");
    expect_slip("hard.h1.1a", "{}", "{\"numbers_all_heads\": 2097152}", "numbers_all_heads", "number of heads");
    expect_slip("hard.h1.4a", "{}", "{\"scores_bytes_before\": 8388608}", "scores_bytes_before",
                "number of heads");
    expect_slip("hard.h10.3a", "{}", "{\"weights_MB\": 391.9}", "weights_MB", "MiB");
    expect_slip("hard.h1.3a", "{}", "{\"qkv_before\": 196608}", "qkv_before", "biases");
    expect_slip("ch12.e19a", "{}", "{\"slope\": 0.5}", "slope", "swapped");
    expect_slip("hard.h10.6a", "{}", "{\"full_causal_entries\": 65536}", "full_causal_entries", "mask");
    expect_slip("hard.h10.6a", "{}", "{\"full_causal_entries\": 32640}", "full_causal_entries", "itself");
    expect_slip("hard.h10.6a", "{}", "{\"sparse_share\": 43.677}", "sparse_share", "per cent");
    expect_slip("hard.h10.6a", "{}", "{\"expert_params\": 524288}", "expert_params", "biases");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_those_of_the_definition),
        cmocka_unit_test(growth_is_that_of_the_definition),
        cmocka_unit_test(savings_are_those_of_the_definition),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(slips_of_units_heads_and_masks_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
