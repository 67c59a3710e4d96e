/* SPDX-License-Identifier: MIT */
/* C. What hides a key: -inf or -1e9, and in which precision. */
#include <math.h>
#include <string.h>

#include "tensor/tensor.h"
#include "workbook/by_hand.h"
#include "workbook/distribution.h"
#include "workbook/groups.h"

#define LARGE     (-1e9)
#define MOST_KEYS 1024

/* --- softmax as its formula says, without heed's rule for a row that is hidden all over --- */

static void by_formula_in_float(const float *x, int64_t n, float *y)
{
    float m = -INFINITY, sum = 0.0f;

    for (int64_t i = 0; i < n; i++)
        m = x[i] > m ? x[i] : m;
    for (int64_t i = 0; i < n; i++)
        sum += y[i] = expf(x[i] - m); /* -inf - -inf is NaN */
    for (int64_t i = 0; i < n; i++)
        y[i] /= sum;
}

static void by_formula_in_double(const double *x, int64_t n, double *y)
{
    double m = -INFINITY, sum = 0.0;

    for (int64_t i = 0; i < n; i++)
        m = x[i] > m ? x[i] : m;
    for (int64_t i = 0; i < n; i++)
        sum += y[i] = exp(x[i] - m);
    for (int64_t i = 0; i < n; i++)
        y[i] /= sum;
}

/* --- rows --- */

/* The number of a row that is -inf throughout: they all are the same. */
static double empty_row(void)
{
    const float x[2] = {-INFINITY, -INFINITY};
    float y[2] = {0.0f, 0.0f};

    by_formula_in_float(x, 2, y);
    return (double)y[0];
}

static heed_grid all_large(heed_solving *s, int64_t n)
{
    heed_grid x = heed_grid_make(s, 1, n);

    for (int64_t i = 0; i < x.columns; i++)
        x.data[i] = LARGE;
    return heed_softmax_of_rows(s, x);
}

/* A float near -1e9 stands for all numbers within 32 of it: what a score adds is lost. */
static heed_grid added_in_float(heed_solving *s, heed_grid scores)
{
    heed_grid x = heed_grid_make(s, 1, scores.columns);

    for (int64_t i = 0; i < x.columns; i++)
        x.data[i] = (double)((float)scores.data[i] + (float)LARGE);
    return heed_softmax_of_rows(s, x);
}

static heed_grid added_in_double(heed_solving *s, heed_grid scores)
{
    heed_grid x = heed_grid_make(s, 1, scores.columns), y = heed_grid_make(s, 1, scores.columns);

    for (int64_t i = 0; s->status == HEED_OK && i < x.columns; i++)
        x.data[i] = scores.data[i] + LARGE;
    if (s->status == HEED_OK)
        by_formula_in_double(x.data, x.columns, y.data);
    return y;
}

/* Only key 1 is left. */
static heed_grid one_left(heed_solving *s, heed_grid scores, double hidden)
{
    heed_grid x = heed_grid_make(s, 1, scores.columns);

    for (int64_t i = 0; i < x.columns; i++)
        x.data[i] = i == 0 ? scores.data[i] : hidden;
    return heed_softmax_of_rows(s, x);
}

/* --- numbers --- */

static double in_f16(double x)
{
    return (double)heed_float_of_f16(heed_f16_of_float((float)x));
}

static double in_bf16(double x)
{
    return (double)heed_float_of_bf16(heed_bf16_of_float((float)x));
}

/* The largest bits below infinity. */
static double largest_f16(void)
{
    return (double)heed_float_of_f16((uint16_t)(heed_f16_of_float(INFINITY) - 1));
}

/* --- hard.h2.3a --- */

static heed_grid take_scores(heed_solving *s)
{
    const int64_t n = heed_take_int(s, "n", 1, MOST_KEYS);
    const heed_grid scores = heed_take_list(s, "scores");

    if (s->status == HEED_OK && scores.columns != n)
        heed_solve_fail(s, HEED_ERR_USAGE, "scores: expected n = %lld numbers, got %lld", (long long)n,
                        (long long)scores.columns);
    for (int64_t i = 0; s->status == HEED_OK && i < n; i++) {
        if (!(fabs(scores.data[i]) <= 1e6))
            heed_solve_fail(s, HEED_ERR_USAGE, "scores: expected numbers from -1e6 to 1e6, got %g",
                            scores.data[i]);
    }
    return scores;
}

static void hidden_rows(heed_solving *s)
{
    const heed_grid scores = take_scores(s);
    const heed_grid large = all_large(s, scores.columns), in_float = added_in_float(s, scores),
                    in_double = added_in_double(s, scores), left_inf = one_left(s, scores, -INFINITY),
                    left_large = one_left(s, scores, LARGE);

    if (s->status != HEED_OK)
        return;
    heed_step(s, "all -inf: the largest is -inf, -inf - -inf is no number, and so is the whole row");
    heed_step_grid(s, large, "all -1e9: equal scores, so equal weights, though nothing may be seen");
    heed_step_grid(s, in_float, "score - 1e9 in float32: neighbours of 1e9 are 64 apart, the scores are lost");
    heed_step_grid(s, in_double, "in float64 they are 1e-7 apart, and the scores stay");
    heed_step(s, "-1e9 in float16, whose largest number is %.0f: %.0f; in bfloat16: %.0f", largest_f16(),
              in_f16(LARGE), in_bf16(LARGE));
    heed_step_grid(s, left_inf, "with key 1 left: the same with -inf");
    heed_step_grid(s, left_large, "and with -1e9, for e^-1e9 is 0");
    heed_put_number(s, "all_minus_inf", empty_row());
    heed_put_list(s, "all_set_to_minus_1e9", large);
    heed_put_list(s, "scores_plus_minus_1e9_float32", in_float);
    heed_put_list(s, "scores_plus_minus_1e9_float64", in_double);
    heed_put_number(s, "float16_of_minus_1e9", in_f16(LARGE));
    heed_put_number(s, "float16_largest", largest_f16());
    heed_put_number(s, "bfloat16_of_minus_1e9", in_bf16(LARGE));
    heed_put_list(s, "one_key_left_minus_inf", left_inf);
    heed_put_list(s, "one_key_left_minus_1e9", left_large);
}

static void vary_hidden_rows(heed_varying *v)
{
    const int64_t n = heed_vary_int(v, "n", 2, 6);
    json_t *scores;

    heed_vary_whole(v, "scores", 0, n, -3, 5);
    scores = json_object_get(v->params, "scores");
    for (size_t i = 1; i < json_array_size(scores); i++) { /* equal ones are uniform in any precision */
        if (!json_equal(json_array_get(scores, i), json_array_get(scores, 0)))
            return;
    }
    v->again = true;
}

/* --- hard.h2.3b --- */

/* The precisions in which -1e9 is not finite, in one word: the key of the right option. */
static void unsafe_precisions(heed_solving *s)
{
    const struct {
        const char *name;
        double value;
    } all[] = {{"float32", (double)(float)LARGE}, {"bfloat16", in_bf16(LARGE)}, {"float16", in_f16(LARGE)}};
    char unsafe[64] = "";

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        heed_step(s, "-1e9 in %s is %.0f", all[i].name, all[i].value);
        if (isinf(all[i].value)) {
            strcat(unsafe, unsafe[0] != '\0' ? "_" : "");
            strcat(unsafe, all[i].name);
        }
    }
    heed_step(
        s, "the softmax of an empty row is %s with -inf, and 1/n with -1e9: the one shouts, the other hides it",
        isnan(empty_row()) ? "nan" : "a number");
    heed_put_text(s, "choice", unsafe);
}

/* --- the list --- */

const heed_exercise heed_exercises_mask_precision[] = {
    {.id = "hard.h2.3a",
     .seed = "001 H2.3",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{\"n\": 3, \"scores\": [1.0, 2.0, 3.0]}",
     .vary = vary_hidden_rows,
     .solve = hidden_rows,
     .fields = {{"all_minus_inf", HEED_ANSWER_NUMBER, HEED_T2, 0},
                {"all_set_to_minus_1e9", HEED_ANSWER_LIST, HEED_T2, 0},
                {"scores_plus_minus_1e9_float32", HEED_ANSWER_LIST, HEED_T2, 0},
                {"scores_plus_minus_1e9_float64", HEED_ANSWER_LIST, HEED_T2, 0},
                {"float16_of_minus_1e9", HEED_ANSWER_NUMBER, HEED_T2, HEED_ASKED_INFINITE},
                {"float16_largest", HEED_ANSWER_NUMBER, HEED_T2, 0},
                {"bfloat16_of_minus_1e9", HEED_ANSWER_NUMBER, HEED_T2, 0},
                {"one_key_left_minus_inf", HEED_ANSWER_LIST, HEED_T2, 0},
                {"one_key_left_minus_1e9", HEED_ANSWER_LIST, HEED_T2, 0}},
     .demo = "D08"},
    {.id = "hard.h2.3b",
     .seed = "001 H2.3",
     .kind = HEED_EXERCISE_CHOICE,
     .params = "{}",
     .solve = unsafe_precisions,
     .fields = {{"choice", HEED_ANSWER_TEXT, HEED_EXACT, 0}},
     .demo = "D08"},
    {.id = NULL},
};
