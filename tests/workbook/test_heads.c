/* SPDX-License-Identifier: MIT */
/* Exercises about several heads and about cross-attention, against their definitions in double precision. */
#include "../cmocka_all.h"

#include <math.h>
#include <stdbool.h>

#include "workbook/oracle.h"

static void put(json_t *answer, const char *name, double x)
{
    json_object_set_new(answer, name, json_real(x));
}

static void put_sizes(json_t *answer, const char *name, int n, const double *size)
{
    json_object_set_new(answer, name, list_of(size, n));
}

/* --- counts --- */

static void dots(const json_t *params, json_t *answer)
{
    const double d = param(params, "d_model"), H = param(params, "n_heads");

    put(answer, "dots_per_pair", H);
    put(answer, "dot_length", d / H);
    put(answer, "multiplications_per_pair", d);
}

static void out_map(const json_t *params, json_t *answer)
{
    const double B = param(params, "batch"), T = param(params, "seq_len"), d = param(params, "d_model");

    put_sizes(answer, "concat_shape", 3, (double[]){B, T, d});
    put_sizes(answer, "shape", 2, (double[]){d, d});
    put(answer, "params", d * d);
    put(answer, "params_with_bias", d * d + d);
    json_object_set_new(answer, "trainable", json_true());
}

static void more_heads(const json_t *params, json_t *answer)
{
    const double d = param(params, "d_model"), a = param(params, "heads_before"),
                 b = param(params, "heads_after"), B = param(params, "batch"), T = param(params, "seq_len");

    put(answer, "d_head_before", d / a);
    put(answer, "d_head_after", d / b);
    put(answer, "params_before", 4.0 * (d * d + d));
    put(answer, "params_after", 4.0 * (d * d + d));
    put(answer, "score_numbers_before", B * a * T * T);
    put(answer, "score_numbers_after", B * b * T * T);
    put(answer, "qk_multiplications_factor", 1.0);
    put(answer, "softmax_factor", b / a);
}

static void unsplit(const json_t *params, json_t *answer)
{
    const double d = param(params, "d_model"), H = param(params, "n_heads"), B = param(params, "batch"),
                 T = param(params, "seq_len");

    put(answer, "params", 4.0 * (d * d + d));
    put(answer, "score_numbers_heads", B * H * T * T);
    put(answer, "score_numbers_single", B * T * T);
    put(answer, "scale_heads", 1.0 / sqrt(d / H));
    put(answer, "scale_single", 1.0 / sqrt(d));
    put(answer, "patterns_per_position_heads", H);
    put(answer, "patterns_per_position_single", 1.0);
}

static void multiplied(const json_t *params, json_t *answer)
{
    const double T = param(params, "seq_len"), d = param(params, "d"), H = param(params, "n_heads");

    put(answer, "per_head_multiplications", 2.0 * T * T * d / H);
    put(answer, "all_heads_multiplications", 2.0 * T * T * d);
    put(answer, "single_head_multiplications", 2.0 * T * T * d);
    put(answer, "projection_multiplications", 4.0 * T * d * d);
}

static void many_or_one(const json_t *params, json_t *answer)
{
    const double H = param(params, "n_heads"), d = H * param(params, "d_head");

    put(answer, "d_model", d);
    put(answer, "params_many", 4.0 * d * d);
    put(answer, "params_one", 4.0 * d * d);
    put(answer, "params_many_with_bias", 4.0 * (d * d + d));
    json_object_set_new(answer, "same", json_true());
    put(answer, "weight_patterns_many", H);
    put(answer, "weight_patterns_one", 1.0);
}

static void heads_are_counted_as_their_formulas_say(void **state)
{
    (void)state;
    expect_exercise("pp.q17a", dots);
    expect_exercise_with("pp.q17a", "{\"d_model\": 96, \"n_heads\": 3}", dots);
    expect_exercise("hard.h3.2a", out_map);
    expect_exercise_with("hard.h3.2a", "{\"batch\": 3, \"seq_len\": 5, \"d_model\": 21, \"n_heads\": 7}",
                         out_map);
    expect_exercise("hard.h3.4a", more_heads);
    expect_exercise_with(
        "hard.h3.4a", "{\"d_model\": 60, \"heads_before\": 6, \"heads_after\": 4, \"batch\": 2}", more_heads);
    expect_exercise("hard.h3.5a", unsplit);
    expect_exercise_with("hard.h3.5a", "{\"batch\": 1, \"seq_len\": 1, \"d_model\": 6, \"n_heads\": 6}",
                         unsplit);
    expect_exercise("ch12.e07", multiplied);
    expect_exercise_with("ch12.e07", "{\"seq_len\": 1, \"d\": 7, \"n_heads\": 1}", multiplied);
    expect_exercise_with("ch12.e07", "{\"seq_len\": 2048, \"d\": 12288, \"n_heads\": 96}", multiplied);
    expect_exercise("s5.e5.3b", many_or_one);
    expect_exercise_with("s5.e5.3b", "{\"n_heads\": 1, \"d_head\": 3}", many_or_one);
}

/* 001 H10.4, 002 e7: fewer heads make no model smaller. */
static void the_number_of_heads_changes_no_parameter_count(void **state)
{
    (void)state;
    expect_slip(
        "hard.h3.4a", "{}",
        "{\"d_head_before\": 64, \"d_head_after\": 32, \"params_before\": 262144, \"params_after\": 262144}",
        "params_before", "biases");
    expect_exercise_with("hard.h3.4a", "{\"heads_before\": 1, \"heads_after\": 256}", more_heads);
}

/* --- attention --- */

/* softmax(q k^T / sqrt(d)) v of columns first .. first + d - 1, into the same columns of out; w [T, S]. */
static void attend(const table *q, const table *k, const table *v, int64_t first, int64_t d, bool causal,
                   double *w, double *out)
{
    for (int64_t i = 0; i < q->rows; i++) {
        double sum = 0.0;

        for (int64_t j = 0; j < k->rows; j++) {
            double dot = 0.0;
            for (int64_t c = first; c < first + d; c++)
                dot += q->at[i * q->columns + c] * k->at[j * k->columns + c];
            w[i * k->rows + j] = causal && j > i ? 0.0 : exp(dot / sqrt((double)d));
            sum += w[i * k->rows + j];
        }
        for (int64_t j = 0; j < k->rows; j++)
            w[i * k->rows + j] /= sum;
        for (int64_t c = first; c < first + d; c++) {
            out[i * v->columns + c] = 0.0;
            for (int64_t j = 0; j < k->rows; j++)
                out[i * v->columns + c] += w[i * k->rows + j] * v->at[j * v->columns + c];
        }
    }
}

static void times(const table *a, const table *b, table *out)
{
    out->rows = a->rows;
    out->columns = b->columns;
    for (int64_t i = 0; i < a->rows; i++) {
        for (int64_t j = 0; j < b->columns; j++) {
            double sum = 0.0;
            for (int64_t k = 0; k < a->columns; k++)
                sum += a->at[i * a->columns + k] * b->at[k * b->columns + j];
            out->at[i * b->columns + j] = sum;
        }
    }
}

static void multi_head(const json_t *params, json_t *answer)
{
    static table x, wq, wk, wv, wo, q, k, v, joined, y;
    const int64_t H = (int64_t)param(params, "n_heads");
    const bool causal = json_is_true(json_object_get(params, "causal"));
    double w[1024];

    param_table(params, "x", &x);
    param_table(params, "W_q", &wq);
    param_table(params, "W_k", &wk);
    param_table(params, "W_v", &wv);
    param_table(params, "W_o", &wo);
    times(&x, &wq, &q);
    times(&x, &wk, &k);
    times(&x, &wv, &v);
    joined.rows = x.rows;
    joined.columns = x.columns;
    for (int64_t h = 0; h < H; h++)
        attend(&q, &k, &v, h * x.columns / H, x.columns / H, causal, w + h * x.rows * x.rows, joined.at);
    times(&joined, &wo, &y);
    json_object_set_new(answer, "weights", nested_of(w, 3, (int64_t[]){H, x.rows, x.rows}));
    json_object_set_new(answer, "output", matrix_of(y.at, y.rows, y.columns));
}

static void across(const json_t *params, json_t *answer)
{
    static table q, k, v;
    double w[256], all[256];

    param_table(params, "Q", &q);
    param_table(params, "K", &k);
    param_table(params, "V", &v);
    attend(&q, &k, &v, 0, q.columns, false, w, all);
    put_sizes(answer, "shape", 2, (double[]){(double)q.rows, (double)k.rows});
    json_object_set_new(answer, "weights", matrix_of(w, q.rows, k.rows));
    json_object_set_new(answer, "output", matrix_of(all, q.rows, v.columns));
}

static void programs_of_heads_give_what_the_definition_gives(void **state)
{
    (void)state;
    expect_exercise("s5.e5.7", multi_head);
    expect_exercise_with(
        "s5.e5.7",
        "{\"x\": [[1, 2, -1], [0.5, -0.25, 3], [0, 1, 1]], \"n_heads\": 3, \"causal\": false,"
        " \"W_q\": [[1, 0, 2], [0, 1, 0], [0.5, 0, 1]], \"W_k\": [[0, 1, 0], [1, 0, -1], [0, 0.5, 1]],"
        " \"W_v\": [[1, 1, 0], [0, 1, 1], [1, 0, 1]], \"W_o\": [[2, 0, 0], [0, -1, 0], [0, 0, 1]]}",
        multi_head);
    expect_exercise("ch12.e15", across);
    expect_exercise_with(
        "ch12.e15", "{\"Q\": [[1, 2, 3]], \"K\": [[0, 1, 0], [1, 0, 0.5]], \"V\": [[1, 2, 4], [-1, 0, 8]]}",
        across);
}

/* --- what does not fit --- */

static void what_does_not_fit_is_said(void **state)
{
    (void)state;
    expect_refused("pp.q17a", "{\"d_model\": 10, \"n_heads\": 4}", "n_heads");
    expect_refused("hard.h3.4a", "{\"heads_after\": 7}", "n_heads");
    expect_refused("hard.h3.4a", "{\"d_model\": 1e300}", "d_model");
    expect_refused("ch12.e07", "{\"n_heads\": 3}", "n_heads");
    expect_refused("s5.e5.3b", "{\"n_heads\": 0}", "n_heads");
    expect_refused("s5.e5.7", "{\"n_heads\": 3}", "heads");
    expect_refused("s5.e5.7", "{\"W_o\": [[1]]}", "W_o");
    expect_refused("ch12.e15", "{\"K\": [[1, 2, 3]]}", "columns");
}

static void slips_are_those_that_were_made(void **state)
{
    (void)state;
    expect_slip("pp.q17a", "{}",
                "{\"dots_per_pair\": 1, \"dot_length\": 256, \"multiplications_per_pair\": 256}",
                "dots_per_pair", "number of heads");
    expect_slip("hard.h3.2a", "{}", "{\"params_with_bias\": 65536}", "params_with_bias", "biases");
    expect_slip("hard.h3.2a", "{}", "{\"concat_shape\": [32, 256, 64]}", "concat_shape", "number of heads");
    expect_slip("hard.h3.5a", "{}", "{\"scale_heads\": 0.015625}", "scale_heads", "square root");
    expect_slip("ch12.e15", "{}", "{\"shape\": [7, 5]}", "shape", "swapped");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_are_counted_as_their_formulas_say),
        cmocka_unit_test(the_number_of_heads_changes_no_parameter_count),
        cmocka_unit_test(programs_of_heads_give_what_the_definition_gives),
        cmocka_unit_test(what_does_not_fit_is_said),
        cmocka_unit_test(slips_are_those_that_were_made),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
