/* SPDX-License-Identifier: MIT */
/* Exercises about embeddings and positions, against their definitions in double precision. */
#include "../cmocka_all.h"

#include <heed/workbook.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "workbook/oracle.h"

static void put(json_t *answer, const char *name, double x)
{
    json_object_set_new(answer, name, json_real(x));
}

static void put_sizes(json_t *answer, const char *name, int n, const double *size)
{
    json_object_set_new(answer, name, list_of(size, n));
}

/* --- tables --- */

static void looked_up(const json_t *params, json_t *answer)
{
    static table ids;

    param_table(params, "input_ids", &ids);
    json_object_set_new(answer, "rows", list_of(ids.at, ids.columns));
    put_sizes(answer, "shape", 3, (double[]){1.0, (double)ids.columns, param(params, "d_model")});
}

static void places(const json_t *params, json_t *answer)
{
    static table ids;
    const double d = param(params, "d_model");
    json_t *rows = json_array();

    param_table(params, "input_ids", &ids);
    for (int64_t i = 0; i < ids.columns; i++)
        json_array_append_new(rows, json_integer(i));
    json_object_set_new(answer, "rows", rows);
    put_sizes(answer, "shape", 2, (double[]){(double)ids.columns, d});
    put_sizes(answer, "table", 2, (double[]){param(params, "max_length"), d});
}

static void concatenated(const json_t *params, json_t *answer)
{
    static table ids;
    const double d = param(params, "d_model");

    param_table(params, "input_ids", &ids);
    put(answer, "concat_dim", 2.0 * d);
    put_sizes(answer, "concat_shape", 3, (double[]){1.0, (double)ids.columns, 2.0 * d});
}

static void one_hot(const json_t *params, json_t *answer)
{
    (void)params;
    json_object_set_new(answer, "choice", json_string("one_hot"));
}

static void a_place(const json_t *params, json_t *answer)
{
    (void)params;
    json_object_set_new(answer, "choice", json_string("place"));
}

static void allocations(const json_t *params, json_t *answer)
{
    put(answer, "allocations", ceil(param(params, "samples") / param(params, "batch")));
    put(answer, "bytes_each_int64", 8.0 * param(params, "seq_len"));
}

static void tables(const json_t *params, json_t *answer)
{
    const double V = param(params, "vocab_size"), d = param(params, "d_model"), T = param(params, "max_length");

    put(answer, "token", V * d);
    put(answer, "position", T * d);
    put(answer, "ratio", V / T);
}

static void swap_words(const json_t *params, json_t *answer)
{
    static table tokens, places_, swap;
    double before[256], after[256];

    param_table(params, "tokens", &tokens);
    param_table(params, "positions", &places_);
    param_table(params, "swap", &swap);
    for (int64_t i = 0; i < tokens.rows; i++) {
        const int64_t a = (int64_t)swap.at[0] - 1, b = (int64_t)swap.at[1] - 1,
                      from = i == a   ? b
                             : i == b ? a
                                      : i;
        for (int64_t j = 0; j < tokens.columns; j++) {
            before[i * tokens.columns + j] = tokens.at[i * tokens.columns + j] +
                                             places_.at[i * tokens.columns + j];
            after[i * tokens.columns + j] = tokens.at[from * tokens.columns + j] +
                                            places_.at[i * tokens.columns + j];
        }
    }
    json_object_set_new(answer, "before", matrix_of(before, tokens.rows, tokens.columns));
    json_object_set_new(answer, "after_swap", matrix_of(after, tokens.rows, tokens.columns));
    put(answer, "position_rows_changed", 0.0);
}

static void too_long(const json_t *params, json_t *answer)
{
    const double max = param(params, "max_length"), length = param(params, "length");

    put(answer, "first_bad_position_0based", length > max ? max : -1.0);
    put(answer, "positions_without_row", length > max ? length - max : 0.0);
}

static void tables_hold_what_their_definition_says(void **state)
{
    (void)state;
    expect_exercise("pp.q18a", looked_up);
    expect_exercise_with(
        "pp.q18a",
        "{\"input_ids\": [5, 5, 0, 199999], \"vocab_size\": 200000, \"d_model\": 7, \"max_length\": 9}",
        looked_up);
    expect_exercise("pp.q18b", one_hot);
    expect_exercise("pp.q19a", places);
    expect_exercise_with("pp.q19a", "{\"input_ids\": [9], \"max_length\": 12, \"d_model\": 3}", places);
    expect_exercise("pp.q19b", a_place);
    expect_exercise("pp.q20a", concatenated);
    expect_exercise("hard.h1.5a", allocations);
    expect_exercise_with("hard.h1.5a", "{\"samples\": 1000, \"batch\": 1}", allocations);
    expect_exercise_with("hard.h1.5a", "{\"samples\": 3, \"batch\": 64, \"seq_len\": 1}", allocations);
    expect_exercise("hard.h6.1a", tables);
    expect_exercise_with("hard.h6.1a", "{\"vocab_size\": 50257, \"d_model\": 768, \"max_length\": 1024}",
                         tables);
    expect_exercise("hard.h6.2a", swap_words);
    expect_exercise_with("hard.h6.2a",
                         "{\"tokens\": [[1.5], [-2]], \"positions\": [[0.25], [3]], \"swap\": [2, 1]}",
                         swap_words);
    expect_exercise("hard.h6.3a", too_long);
    expect_exercise_with("hard.h6.3a", "{\"max_length\": 7, \"length\": 7}", too_long);
    expect_exercise_with("hard.h6.3a", "{\"max_length\": 7, \"length\": 8}", too_long);
}

/* --- ALiBi --- */

/* The published rule: slopes of a power of two, and for others every second one of twice the next smaller in between. */
static int64_t slopes_of(int64_t n, double *out)
{
    int64_t power = 1;

    while (2 * power <= n)
        power *= 2;
    for (int64_t i = 0; i < power; i++)
        out[i] = pow(2.0, -8.0 * (double)(i + 1) / (double)power);
    if (power < n) {
        double more[512];
        const int64_t n_more = slopes_of(2 * power, more);
        for (int64_t i = 0; 2 * i < n_more && power + i < n; i++)
            out[power + i] = more[2 * i];
    }
    return n;
}

static void alibi(const json_t *params, json_t *answer)
{
    const int64_t H = (int64_t)param(params, "n_heads"), T = (int64_t)param(params, "seq_len");
    double slopes[512], bias[4096];

    slopes_of(H, slopes);
    for (int64_t i = 0; i < T; i++) {
        for (int64_t j = 0; j < T; j++)
            bias[i * T + j] = j <= i ? -slopes[0] * (double)(i - j) : -INFINITY;
    }
    json_object_set_new(answer, "slopes", list_of(slopes, H));
    json_object_set_new(answer, "bias_head1", matrix_of(bias, T, T));
}

/* --- rotations --- */

static void rotate(const table *x, double position, double *out)
{
    for (int64_t i = 0; i < x->columns; i += 2) {
        const double w = position * pow(10000.0, -(double)i / (double)x->columns);
        out[i] = x->at[i] * cos(w) - x->at[i + 1] * sin(w);
        out[i + 1] = x->at[i] * sin(w) + x->at[i + 1] * cos(w);
    }
}

static double turned_score(const table *q, double m, const table *k, double n)
{
    double a[64], b[64], sum = 0.0;

    rotate(q, m, a);
    rotate(k, n, b);
    for (int64_t i = 0; i < q->columns; i++)
        sum += a[i] * b[i];
    return sum;
}

static void rotary(const json_t *params, json_t *answer)
{
    static table q, k;
    const double m = param(params, "m"), n = param(params, "n"), shift = param(params, "shift");
    double turned[64];

    param_table(params, "q", &q);
    param_table(params, "k", &k);
    rotate(&q, m, turned);
    json_object_set_new(answer, "q_rotated", list_of(turned, q.columns));
    rotate(&k, n, turned);
    json_object_set_new(answer, "k_rotated", list_of(turned, k.columns));
    put(answer, "score", turned_score(&q, m, &k, n));
    put(answer, "score_both_shifted", turned_score(&q, m + shift, &k, n + shift));
}

/* --- sines --- */

static void sines(const json_t *params, json_t *answer)
{
    const int64_t T = (int64_t)param(params, "seq_len"), d = (int64_t)param(params, "d_model");
    double out[4096];

    for (int64_t p = 0; p < T; p++) {
        for (int64_t j = 0; j < d; j++) {
            const double w = (double)p * pow(10000.0, -2.0 * floor((double)j / 2.0) / (double)d);
            out[p * d + j] = j % 2 == 0 ? sin(w) : cos(w);
        }
    }
    json_object_set_new(answer, "encoding", matrix_of(out, T, d));
}

/* --- relative rows --- */

static void relative(const json_t *params, json_t *answer)
{
    static table q, k, v, r, u, w;
    const bool causal = json_is_true(json_object_get(params, "causal"));
    double scores[256], weights[256], out[256] = {0.0};

    param_table(params, "Q", &q);
    param_table(params, "K", &k);
    param_table(params, "V", &v);
    param_table(params, "R", &r);
    param_table(params, "u", &u);
    param_table(params, "v", &w);
    for (int64_t i = 0; i < q.rows; i++) {
        double sum = 0.0;

        for (int64_t j = 0; j < k.rows; j++) {
            double dot = 0.0;
            for (int64_t c = 0; c < q.columns; c++) {
                const double query = q.at[i * q.columns + c];
                dot += (query + u.at[c]) * k.at[j * k.columns + c] +
                       (query + w.at[c]) * r.at[(i - j + q.rows - 1) * r.columns + c];
            }
            scores[i * k.rows + j] = dot / sqrt((double)q.columns);
            weights[i * k.rows + j] = causal && j > i ? 0.0 : exp(scores[i * k.rows + j]);
            sum += weights[i * k.rows + j];
        }
        for (int64_t j = 0; j < k.rows; j++) {
            weights[i * k.rows + j] /= sum;
            for (int64_t c = 0; c < v.columns; c++)
                out[i * v.columns + c] += weights[i * k.rows + j] * v.at[j * v.columns + c];
        }
    }
    json_object_set_new(answer, "scores", matrix_of(scores, q.rows, k.rows));
    json_object_set_new(answer, "weights", matrix_of(weights, q.rows, k.rows));
    json_object_set_new(answer, "output", matrix_of(out, q.rows, v.columns));
}

static void positions_follow_their_formulas(void **state)
{
    (void)state;
    expect_exercise("hard.h8.4a", alibi);
    expect_exercise_with("hard.h8.4a", "{\"n_heads\": 12, \"seq_len\": 7}", alibi);
    expect_exercise_with("hard.h8.4a", "{\"n_heads\": 3, \"seq_len\": 1}", alibi);
    expect_exercise("hard.h8.4b", rotary);
    expect_exercise_with("hard.h8.4b",
                         "{\"q\": [1, -2, 0.5, 3, 1, 1, 2, 0], \"k\": [0, 1, 1, 0, 2, -1, 0.25, 4],"
                         " \"m\": 11, \"n\": 40, \"shift\": -7}",
                         rotary);
    expect_exercise("s5.e5.8", sines);
    expect_exercise_with("s5.e5.8", "{\"seq_len\": 50, \"d_model\": 7}", sines);
    expect_exercise_with("s5.e5.8", "{\"seq_len\": 1, \"d_model\": 1}", sines);
    expect_exercise("s5.e5.11", relative);
    expect_exercise_with("s5.e5.11",
                         "{\"Q\": [[1, 0, 2], [0.5, -1, 0]], \"K\": [[0, 1, 1], [2, 0, -1]], \"V\": [[1], [2]],"
                         " \"R\": [[1, 0, 0], [0, 2, 0], [0, 0, -3]], \"u\": [1, -1, 0.5], \"v\": [0, 2, 1],"
                         " \"causal\": false}",
                         relative);
}

/* --- traps --- */

/* 001 H6.2: the part of the places has no axis of sequences. */
static void places_have_no_axis_of_sequences(void **state)
{
    (void)state;
    expect_slip("pp.q19a", "{}", "{\"shape\": [1, 3, 4]}", "shape", "one row for all of them");
    expect_slip("pp.q19a", "{}", "{\"rows\": [1, 2, 3]}", "rows", "count from 1");
}

static void slips_are_those_that_were_made(void **state)
{
    (void)state;
    expect_slip("pp.q18a", "{}", "{\"rows\": [3, 7, 12]}", "rows", "sorted");
    expect_slip("hard.h1.5a", "{}", "{\"allocations\": 31}", "allocations", "not full");
    expect_slip("hard.h6.2a", "{}", "{\"after_swap\": [[13, 13], [0, 12], [11, 0]]}", "after_swap", "moved");
    expect_slip("hard.h6.3a", "{}", "{\"first_bad_position_0based\": 257}", "first_bad_position_0based",
                "count from 1");
    expect_slip("hard.h8.4a", "{\"seq_len\": 2}", "{\"bias_head1\": [[0, \"-inf\"], [0.25, 0]]}", "bias_head1",
                "sign");
    expect_slip("hard.h8.4a", "{\"seq_len\": 2}", "{\"bias_head1\": [[0, 0.25], [-0.25, 0]]}", "bias_head1",
                "mask");
    expect_slip("hard.h8.4a", "{}", "{\"slopes\": [1, 0.25, 0.0625, 0.015625]}", "slopes", "count from 1");
    expect_slip("hard.h8.4b", "{}", "{\"q_rotated\": [-0.99, -0.1411]}", "q_rotated", "sign");
    /* 1 radian for (1, 1) of numbers 1 and 3, where the pairs are (1, 2) and (3, 4) */
    expect_slip("hard.h8.4b", "{\"q\": [1, 0, 1, 0], \"k\": [1, 0, 0, 0], \"m\": 1}",
                "{\"q_rotated\": [-0.3012, 0, 1.3818, 0]}", "q_rotated", "neighbours");
    expect_slip("s5.e5.8", "{\"seq_len\": 1}", "{\"encoding\": [[0, 0, 1, 1]]}", "encoding", "neighbours");
    expect_slip("s5.e5.8", "{\"seq_len\": 1, \"d_model\": 2}", "{\"encoding\": [[0.8415, 0.5403]]}", "encoding",
                "count from 1");
}

/* Scores before a mask may be given with it. */
static void hidden_scores_may_be_minus_infinity(void **state)
{
    static const char *const lines[] = {"{\"id\": \"s5.e5.11\", \"params\": {\"Q\": [[1], [1]], \"K\": [[1], "
                                        "[2]], \"V\": [[1], [2]], \"R\": [[0], [0], "
                                        "[0]], \"u\": [0], \"v\": [0]}, \"answer\": {\"scores\": [[1, "
                                        "\"-inf\"], [1, 2]], \"weights\": [[1, 0], "
                                        "[0.2689414, 0.7310586]], \"output\": [[1], [1.7310586]]}}",
                                        "{\"id\": \"s5.e5.11\", \"params\": {\"Q\": [[1], [1]], \"K\": [[1], "
                                        "[2]], \"V\": [[1], [2]], \"R\": [[0], [0], "
                                        "[0]], \"u\": [0], \"v\": [0]}, \"answer\": {\"scores\": [[1, 2], "
                                        "[\"-inf\", 2]], \"weights\": [[1, 0], "
                                        "[0.2689414, 0.7310586]], \"output\": [[1], [1.7310586]]}}"};
    heed_workbook *book = NULL;

    (void)state;
    assert_int_equal(heed_workbook_open(&book, NULL), HEED_OK);
    for (int i = 0; i < 2; i++) {
        char *verdict = NULL;
        bool ok = false;

        assert_int_equal(heed_workbook_mark(book, lines[i], strlen(lines[i]), &verdict, &ok, NULL), HEED_OK);
        if (ok != (i == 0))
            fail_msg("%s", verdict);
        free(verdict);
    }
    heed_workbook_close(book);
}

static void what_does_not_fit_is_said(void **state)
{
    (void)state;
    expect_refused("pp.q18a", "{\"input_ids\": [7, 50, 3]}", "0 to 49");
    expect_refused("pp.q18a", "{\"input_ids\": [7, 1, 3, 2]}", "position");
    expect_refused("pp.q18a", "{\"input_ids\": []}", "input_ids");
    expect_refused("pp.q18b", "{\"vocab_size\": 1000000, \"d_model\": 1000000}", "numbers");
    expect_refused("hard.h1.5a", "{\"batch\": 0}", "batch");
    expect_refused("hard.h6.2a", "{\"swap\": [1, 4]}", "from 1 to 3");
    expect_refused("hard.h6.2a", "{\"swap\": [2, 2]}", "different");
    expect_refused("hard.h6.2a", "{\"positions\": [[1, 2]]}", "as many positions");
    expect_refused("hard.h6.3a", "{\"length\": 1e9}", "length");
    expect_refused("hard.h8.4a", "{\"n_heads\": 0}", "n_heads");
    expect_refused("hard.h8.4b", "{\"q\": [1, 2, 3], \"k\": [1, 2, 3]}", "even");
    expect_refused("hard.h8.4b", "{\"m\": 0.5}", "whole");
    expect_refused("s5.e5.8", "{\"d_model\": 100000}", "d_model");
    expect_refused("s5.e5.11", "{\"R\": [[1, 2]]}", "offset");
    expect_refused("s5.e5.11", "{\"u\": [1]}", "columns");
    expect_refused("s5.e5.11", "{\"K\": [[1, 2]]}", "rows");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_hold_what_their_definition_says),
        cmocka_unit_test(positions_follow_their_formulas),
        cmocka_unit_test(places_have_no_axis_of_sequences),
        cmocka_unit_test(slips_are_those_that_were_made),
        cmocka_unit_test(hidden_scores_may_be_minus_infinity),
        cmocka_unit_test(what_does_not_fit_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
