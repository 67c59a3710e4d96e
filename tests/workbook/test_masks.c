/* SPDX-License-Identifier: MIT */
/* Group C, masks, against the definition in double precision. */
#include "../cmocka_all.h"

#include <math.h>
#include <string.h>

#include "workbook/definition.h"
#include "workbook/oracle.h"

enum { MOST = 4096 };

/* --- drawings --- */

/* 1 on and below the diagonal, and what stands for it elsewhere. */
static json_t *triangle(int64_t n, double seen, double hidden)
{
    double x[MOST];

    for (int64_t i = 0; i < n * n; i++)
        x[i] = i % n <= i / n ? seen : hidden;
    return matrix_of(x, n, n);
}

static void q10(const json_t *params, json_t *answer)
{
    json_object_set_new(answer, "value", triangle((int64_t)param(params, "seq_len"), 1.0, 0.0));
}

static void h4_1(const json_t *params, json_t *answer)
{
    const double n = param(params, "seq_len");

    json_object_set_new(answer, "masked", json_real(n * (n - 1.0) / 2.0));
    json_object_set_new(answer, "allowed", json_real(n * (n + 1.0) / 2.0));
    json_object_set_new(answer, "fraction", json_real((n - 1.0) / (2.0 * n)));
}

static void h4_2a(const json_t *params, json_t *answer)
{
    const double visible = param(params, "t") + 1.0 - param(params, "index_base");

    json_object_set_new(answer, "train_visible", json_real(visible));
    json_object_set_new(answer, "generate_visible", json_real(visible));
    json_object_set_new(answer, "new_rows", json_real(1.0));
}

static void e05(const json_t *params, json_t *answer)
{
    const int64_t n = (int64_t)param(params, "seq_len");
    double weights[MOST];

    for (int64_t i = 0; i < n * n; i++)
        weights[i] = i % n <= i / n ? 1.0 / (double)(i / n + 1) : 0.0;
    json_object_set_new(answer, "additive_mask", triangle(n, 0.0, -INFINITY));
    json_object_set_new(answer, "weights_for_zero_scores", matrix_of(weights, n, n));
    json_object_set_new(answer, "allowed", json_real((double)(n * (n + 1)) / 2.0));
}

static void e5_4ab(const json_t *params, json_t *answer)
{
    const int64_t n = (int64_t)json_array_size(json_object_get(params, "words"));

    json_object_set_new(answer, "can_attend", triangle(n, 1.0, 0.0));
    json_object_set_new(answer, "additive", triangle(n, 0.0, -INFINITY));
    json_object_set_new(answer, "masked_value", json_string("-inf"));
}

static void e5_6a(const json_t *params, json_t *answer)
{
    json_object_set_new(answer, "mask", triangle((int64_t)param(params, "seq_len"), 0.0, -INFINITY));
}

static void masks_are_triangles(void **state)
{
    (void)state;
    expect_exercise("pp.q10", q10);
    expect_exercise_with("pp.q10", "{\"seq_len\": 40}", q10);
    expect_refused("pp.q10", "{\"seq_len\": 1e9}", "seq_len: expected a whole number");
    expect_exercise("hard.h4.1", h4_1);
    expect_exercise_with("hard.h4.1", "{\"seq_len\": 1}", h4_1);
    expect_exercise_with("hard.h4.1", "{\"seq_len\": 1999}", h4_1);
    expect_exercise("hard.h4.2a", h4_2a);
    expect_exercise_with("hard.h4.2a", "{\"t\": 1, \"index_base\": 1}", h4_2a);
    expect_refused("hard.h4.2a", "{\"t\": 0, \"index_base\": 1}", "t: expected a whole number from 1");
    expect_exercise("ch12.e05", e05);
    expect_exercise_with("ch12.e05", "{\"seq_len\": 33}", e05);
    expect_exercise("s5.e5.4ab", e5_4ab);
    expect_exercise_with("s5.e5.4ab", "{\"words\": [\"a\", \"b\", \"c\", \"d\", \"e\", \"f\", \"g\"]}", e5_4ab);
    expect_refused("s5.e5.4ab", "{\"words\": [\"a\", 3]}", "words: expected a list of words");
    expect_refused("s5.e5.4ab", "{\"words\": \"a b\"}", "words: expected a list of 2 to 512 words");
    expect_exercise("s5.e5.6a", e5_6a);
    expect_exercise_with("s5.e5.6a", "{\"seq_len\": 23}", e5_6a);
}

/* --- masked attention --- */

typedef struct worked {
    table Q, K, V;
    int64_t T;
    double masked[MOST], weights[MOST], free[MOST], out[MOST];
} worked;

static worked w; /* large, and each test fills it anew */

static void work(const json_t *params)
{
    definition a;

    param_table(params, "Q", &w.Q);
    param_table(params, "K", &w.K);
    w.T = w.Q.rows;
    a = (definition){.T = w.T,
                     .S = w.T,
                     .d = w.Q.columns,
                     .q = w.Q.at,
                     .k = w.K.at,
                     .scale = 1.0 / sqrt((double)w.Q.columns)};
    define_attention(&a, NULL, NULL, w.free, NULL);
    a.causal = true;
    define_attention(&a, NULL, w.masked, w.weights, NULL);
}

static void q11(const json_t *params, json_t *answer)
{
    work(params);
    json_object_set_new(answer, "value", matrix_of(w.masked, w.T, w.T));
}

static void q12a(const json_t *params, json_t *answer)
{
    work(params);
    json_object_set_new(answer, "masked", list_of(w.weights, w.T));
    json_object_set_new(answer, "unmasked", list_of(w.free, w.T));
}

static void q12b(const json_t *params, json_t *answer)
{
    (void)params;
    json_object_set_new(answer, "choice", json_string("renormalised"));
}

static void q13a(const json_t *params, json_t *answer)
{
    work(params);
    json_object_set_new(answer, "value", list_of(w.weights + ((int64_t)param(params, "row") - 1) * w.T, w.T));
}

static void q13b(const json_t *params, json_t *answer)
{
    const int64_t row = (int64_t)param(params, "row") - 1, col = (int64_t)param(params, "col") - 1;

    work(params);
    json_object_set_new(answer, "value", json_real(100.0 * w.weights[row * w.T + col]));
}

static void e13(const json_t *params, json_t *answer)
{
    double weights[MOST];
    table scores;
    int64_t n;

    param_table(params, "scores", &scores);
    n = scores.rows;
    for (int64_t i = 0; i < n; i++) {
        define_softmax(scores.at + i * n, i + 1, weights + i * n);
        for (int64_t j = i + 1; j < n; j++)
            weights[i * n + j] = 0.0;
    }
    json_object_set_new(answer, "weights", matrix_of(weights, n, n));
    json_object_set_new(answer, "zero_entries", json_integer(n * (n - 1) / 2));
}

static void e5_6b(const json_t *params, json_t *answer)
{
    const json_t *Q = json_object_get(params, "Q");
    const int64_t B = (int64_t)json_array_size(Q), T = (int64_t)json_array_size(json_array_get(Q, 0));
    int64_t d, dv;

    param_table(params, "Q", &w.Q);
    param_table(params, "K", &w.K);
    param_table(params, "V", &w.V);
    d = w.Q.columns;
    dv = w.V.columns;
    for (int64_t b = 0; b < B; b++)
        define_attention(&(definition){.T = T,
                                       .S = T,
                                       .d = d,
                                       .dv = dv,
                                       .q = w.Q.at + b * T * d,
                                       .k = w.K.at + b * T * d,
                                       .v = w.V.at + b * T * dv,
                                       .scale = 1.0 / sqrt((double)d),
                                       .causal = true},
                         NULL, NULL, w.weights + b * T * T, w.out + b * T * dv);
    json_object_set_new(answer, "output", nested_of(w.out, 3, (int64_t[]){B, T, dv}));
    json_object_set_new(answer, "weights", nested_of(w.weights, 3, (int64_t[]){B, T, T}));
}

static void masked_attention(void **state)
{
    static const char others[] =
        "\"Q\": [[0.5, 1], [2, -1.5], [0, 3], [-2, -2]], \"K\": [[1, 1], [0.25, -1], [3, 0], [2, 2]]";
    char params[200];

    (void)state;
    expect_exercise("pp.q11", q11);
    expect_exercise("pp.q12a", q12a);
    expect_exercise("pp.q12b", q12b);
    expect_exercise("pp.q13a", q13a);
    expect_exercise("pp.q13b", q13b);
    expect_exercise("ch12.e13", e13);
    expect_exercise("s5.e5.6b", e5_6b);
    snprintf(params, sizeof params, "{%s}", others);
    expect_exercise_with("pp.q11", params, q11);
    expect_exercise_with("pp.q12a", params, q12a);
    snprintf(params, sizeof params, "{%s, \"row\": 4}", others);
    expect_exercise_with("pp.q13a", params, q13a);
    for (int pair = 0; pair < 16; pair++) {
        snprintf(params, sizeof params, "{%s, \"row\": %d, \"col\": %d}", others, pair / 4 + 1, pair % 4 + 1);
        expect_exercise_with("pp.q13b", params, q13b);
    }
    expect_refused("pp.q13b", "{\"col\": 4}", "col: expected a whole number from 1 to 3");
    expect_exercise_with("ch12.e13", "{\"scores\": [[-40, 3], [88, 0.5]]}", e13);
    expect_refused("ch12.e13", "{\"scores\": [[1, 2, 3]]}", "as many rows as columns");
}

/* --- what hides --- */

static void h2_3a(const json_t *params, json_t *answer)
{
    double even[16], left[16] = {1.0}, kept[16];
    table scores;
    int64_t n;

    param_table(params, "scores", &scores);
    n = scores.columns;
    for (int64_t i = 0; i < n; i++)
        even[i] = 1.0 / (double)n;
    define_softmax(scores.at, n, kept);
    json_object_set_new(answer, "all_minus_inf", json_string("nan"));
    json_object_set_new(answer, "all_set_to_minus_1e9", list_of(even, n));
    json_object_set_new(answer, "scores_plus_minus_1e9_float32",
                        list_of(even, n)); /* scores below 32 are lost */
    json_object_set_new(answer, "scores_plus_minus_1e9_float64", list_of(kept, n));
    json_object_set_new(answer, "float16_of_minus_1e9", json_string("-inf"));
    json_object_set_new(answer, "float16_largest", json_real((2.0 - ldexp(1.0, -10)) * ldexp(1.0, 15)));
    /* eight bits: 1e9 = 1.8626.. 2^29 is rounded to a multiple of 2^22 */
    json_object_set_new(answer, "bfloat16_of_minus_1e9", json_real(-round(ldexp(1e9, -22)) * ldexp(1.0, 22)));
    json_object_set_new(answer, "one_key_left_minus_inf", list_of(left, n));
    json_object_set_new(answer, "one_key_left_minus_1e9", list_of(left, n));
}

static void h2_3b(const json_t *params, json_t *answer)
{
    (void)params;
    json_object_set_new(answer, "choice", json_string("float16"));
}

static void minus_infinity_and_minus_a_billion(void **state)
{
    (void)state;
    expect_exercise("hard.h2.3a", h2_3a);
    expect_exercise_with("hard.h2.3a", "{\"n\": 5, \"scores\": [0.5, -2, 7.25, 3, 20]}", h2_3a);
    expect_refused("hard.h2.3a", "{\"n\": 4}", "scores: expected n = 4 numbers, got 3");
    expect_exercise("hard.h2.3b", h2_3b);
}

/* --- what goes wrong --- */

/* Worked out here for Q = [[1, 0], [0, 1], [1, 1]], K the same: the scaled scores of row 2 are 0, 0.7071, 0.7071. */
static void slips_have_names(void **state)
{
    (void)state;
    expect_slip("pp.q10", "{\"seq_len\": 2}", "{\"value\": [[1, 1], [0, 1]]}", "value", "transposed");
    expect_slip("pp.q10", "{\"seq_len\": 2}", "{\"value\": [[0, 1], [0, 0]]}", "value", "another form");
    expect_slip("pp.q10", "{\"seq_len\": 2}", "{\"value\": [[0, 0], [1, 0]]}", "value", "diagonal");
    expect_slip("pp.q10", "{\"seq_len\": 2}", "{\"value\": [[1, 1], [1, 1]]}", "value", "forgotten");
    expect_slip("ch12.e05", "{}", "{\"allowed\": 16}", "allowed", "forgotten");
    expect_slip("ch12.e05", "{\"seq_len\": 2}", "{\"additive_mask\": [[1, 0], [1, 1]]}", "additive_mask",
                "another form");
    expect_slip("ch12.e05", "{\"seq_len\": 2}", "{\"weights_for_zero_scores\": [[0.5, 0], [0.5, 0.5]]}",
                "weights_for_zero_scores", "after the softmax");
    /* e^0.7071 = 2.028: all three share 5.056, of which the third is cut off without a second thought */
    expect_slip("pp.q13a", "{}", "{\"value\": [0.198, 0.401, 0]}", "value", "after the softmax");
    expect_slip("pp.q13a", "{}", "{\"value\": [0.198, 0.401, 0.401]}", "value", "mask seems to be forgotten");
    /* a hidden score of 0 has e^0 = 1 of 4.028 */
    expect_slip("pp.q13a", "{}", "{\"value\": [0.248, 0.5035, 0.248]}", "value", "seem to be 0");
    expect_slip("pp.q13b", "{\"col\": 1}", "{\"value\": 0}", "value", "transposed");
    expect_slip("pp.q11", "{}", "{\"value\": [[1, \"-inf\", \"-inf\"], [0, 1, \"-inf\"], [1, 1, 2]]}", "value",
                "not to be divided");
    expect_slip("hard.h4.1", "{\"seq_len\": 10}", "{\"masked\": 55, \"allowed\": 45, \"fraction\": 0.55}",
                "masked", "diagonal");
    expect_slip("hard.h4.1", "{\"seq_len\": 10}", "{\"masked\": 45, \"allowed\": 55, \"fraction\": 45}",
                "fraction", "per cent");
    expect_slip("hard.h4.2a", "{}", "{\"train_visible\": 50, \"generate_visible\": 51, \"new_rows\": 1}",
                "train_visible", "count from 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_are_triangles),
        cmocka_unit_test(masked_attention),
        cmocka_unit_test(minus_infinity_and_minus_a_billion),
        cmocka_unit_test(slips_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
