/* SPDX-License-Identifier: MIT */
/* B. Attention by hand: scores, scaling, softmax, values. */
#include <math.h>

#include "workbook/attend.h"
#include "workbook/by_hand.h"
#include "workbook/distribution.h"
#include "workbook/groups.h"

/* --- pp.q06, pp.q07b: scores --- */

/* x, or Q^T K where a slip makes it so; Q K, which exists where there are head_dim tokens, is heed_attend()'s. */
static heed_grid or_turned(heed_solving *s, const heed_attend_inputs *in, heed_grid x, double scale)
{
    heed_grid y;

    if (s->status != HEED_OK || s->slip != HEED_SLIP_NOT_TURNED || in->q.rows == in->q.columns ||
        in->q.rows != in->k.rows)
        return x;
    y = heed_grid_times(s, heed_grid_turn(s, in->q), in->k);
    for (int64_t i = 0; i < y.rows * y.columns; i++)
        y.data[i] *= scale;
    return y;
}

static void scores(heed_solving *s)
{
    const heed_attend_inputs in = {.q = heed_take_grid(s, "Q"), .k = heed_take_grid(s, "K")};
    const heed_attended a = heed_attend(s, &in);

    heed_attend_explain(s, &in, &a, HEED_ATTEND_SCORES);
    heed_put_grid(s, "value", or_turned(s, &in, a.scores, 1.0));
}

static void scaled_scores(heed_solving *s)
{
    const heed_attend_inputs in = {.q = heed_take_grid(s, "Q"), .k = heed_take_grid(s, "K")};
    const heed_attended a = heed_attend(s, &in);

    heed_attend_explain(s, &in, &a, HEED_ATTEND_SCALED);
    heed_put_grid(s, "value", or_turned(s, &in, a.scaled, 1.0 / sqrt((double)in.q.columns)));
}

/* --- pp.q07a: the factor --- */

static void root(heed_solving *s)
{
    const int64_t n = heed_take_int(s, "head_dim", 1, 1000000);
    const double value = s->slip == HEED_SLIP_HEAD_DIM ? (double)n : sqrt((double)n);

    heed_step(s, "sqrt(%lld) = %.5g, because %.5g * %.5g = %lld", (long long)n, value, value, value,
              (long long)n);
    heed_put_number(s, "value", value);
}

static void vary_root(heed_varying *v)
{
    heed_vary_int(v, "head_dim", 2, 128);
}

/* --- pp.q08, pp.q09a: one row --- */

/* The weights that a key gets, in the place of those that a query gives. */
static heed_grid column_for_row(heed_solving *s, heed_grid weights, int64_t row)
{
    heed_grid x = heed_grid_make(s, 1, weights.rows);

    for (int64_t i = 0; s->status == HEED_OK && i < weights.rows; i++)
        x.data[i] = weights.data[i * weights.columns + (row < weights.columns ? row : 0)];
    return x;
}

static void one_row(heed_solving *s)
{
    const heed_attend_inputs in = {.q = heed_take_grid(s, "Q"), .k = heed_take_grid(s, "K")};
    const heed_attended a = heed_attend(s, &in);
    const int64_t row = heed_take_row(s, "row", a.weights.rows);

    heed_attend_explain(s, &in, &a, HEED_ATTEND_SCALED);
    heed_step_softmax(s, a.masked, a.weights, row);
    heed_put_list(s, "value",
                  s->slip == HEED_SLIP_TRANSPOSED ? column_for_row(s, a.weights, row)
                                                  : heed_grid_row(a.weights, row));
}

static void one_output(heed_solving *s)
{
    const heed_attend_inputs in = {
        .q = heed_take_grid(s, "Q"), .k = heed_take_grid(s, "K"), .v = heed_take_grid(s, "V")};
    const heed_attended a = heed_attend(s, &in);
    const int64_t row = heed_take_row(s, "row", a.weights.rows);

    heed_attend_explain(s, &in, &a, HEED_ATTEND_SCALED);
    heed_step_softmax(s, a.masked, a.weights, row);
    heed_step_mean(s, heed_grid_row(a.weights, row), in.v, heed_grid_row(a.output, row));
    heed_put_list(s, "value", heed_grid_row(a.output, row));
    heed_put_list(s, "weights", heed_grid_row(a.weights, row));
}

/* --- ch12.e01a: a dictionary, hard and soft --- */

static void dictionary(heed_solving *s)
{
    const heed_grid q = heed_take_list(s, "q"), K = heed_take_grid(s, "K"), V = heed_take_grid(s, "V");
    const double sharpness = heed_take_number(s, "sharpness");
    heed_attend_inputs in = {.q = q, .k = K, .v = V, .scale = sharpness};
    heed_attended a;
    heed_grid hard;
    int64_t best;

    if (!(sharpness > 0.0 && sharpness <= 1e6))
        heed_solve_fail(s, HEED_ERR_USAGE, "sharpness: expected a number above 0 and up to 1e6, got %g",
                        sharpness);
    a = heed_attend(s, &in);
    hard = heed_look_up(s, q, K, V);
    best = heed_largest(a.scores);
    heed_step_grid(s, a.scores, "scores q k of the %lld keys", (long long)K.rows);
    heed_step(s, "hard: key %lld has the largest one, and its value is the answer", (long long)best + 1);
    heed_step_grid(s, a.scaled, "soft: the scores times %.5g", sharpness);
    heed_step_softmax(s, a.scaled, a.weights, 0);
    heed_step_mean(s, a.weights, V, a.output);
    heed_put_list(s, "scores", a.scores);
    heed_put_number(s, "hard_row_1based", (double)(best + 1));
    heed_put_list(s, "hard_value", hard);
    heed_put_list(s, "soft_weights", a.weights);
    heed_put_list(s, "soft_value", a.output);
}

static void vary_dictionary(heed_varying *v)
{
    const int64_t n = heed_draw_int(v, 3, 4), d = heed_draw_int(v, 2, 3);
    json_t *answer = NULL;

    heed_vary_whole(v, "q", 0, d, -2, 2);
    heed_vary_whole(v, "K", n, d, -2, 2);
    heed_vary_whole(v, "V", n, heed_draw_int(v, 1, 2), -5, 9);
    heed_vary_pick(v, "sharpness", 3, 0.25, 0.5, 1.0);
    answer = heed_vary_solve(v, dictionary);
    v->again = answer == NULL || heed_has_ties(json_object_get(answer, "scores"));
    json_decref(answer);
}

/* --- the list --- */

#define OF_ROW (HEED_SLIPS_ATTENTION | HEED_SLIP(HEED_SLIP_OFF_BY_ONE))

const heed_exercise heed_exercises_attention[] = {
    {.id = "pp.q06",
     .seed = "000 Q6",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{" HEED_SOURCE_QK "}",
     .vary = heed_vary_qk,
     .solve = scores,
     .slips = HEED_SLIP(HEED_SLIP_TURNED_INPUT) | HEED_SLIP(HEED_SLIP_NOT_TURNED),
     .fields = {{"value", HEED_ANSWER_MATRIX, HEED_EXACT, 0}},
     .demo = "D02"},
    {.id = "pp.q07a",
     .seed = "000 Q7",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"head_dim\": 2}",
     .vary = vary_root,
     .solve = root,
     .slips = HEED_SLIP(HEED_SLIP_HEAD_DIM),
     .fields = {{"value", HEED_ANSWER_NUMBER, HEED_T2, 0}},
     .demo = "D02"},
    {.id = "pp.q07b",
     .seed = "000 Q7",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{" HEED_SOURCE_QK "}",
     .vary = heed_vary_qk,
     .solve = scaled_scores,
     .slips = HEED_SLIPS_ATTENTION,
     .fields = {{"value", HEED_ANSWER_MATRIX, HEED_T2, 0}},
     .demo = "D02"},
    {.id = "pp.q08",
     .seed = "000 Q8",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{" HEED_SOURCE_QK ", \"row\": 1}",
     .vary = heed_vary_qk_row,
     .solve = one_row,
     .slips = OF_ROW | HEED_SLIP(HEED_SLIP_TRANSPOSED),
     .fields = {{"value", HEED_ANSWER_LIST, HEED_T2, 0}},
     .demo = "D02"},
    {.id = "pp.q09a",
     .seed = "000 Q9",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{" HEED_SOURCE_QK ", " HEED_SOURCE_V ", \"row\": 1}",
     .vary = heed_vary_qkv_row,
     .solve = one_output,
     .slips = OF_ROW,
     .fields = {{"value", HEED_ANSWER_LIST, HEED_ABS(0.02), 0}, {"weights", HEED_ANSWER_LIST, HEED_T2, 0}},
     .demo = "D02"},
    {.id = "ch12.e01a",
     .seed = "002 e1",
     .kind = HEED_EXERCISE_MATRIX,
     .params =
         "{\"q\": [1, 0], \"K\": [[1, 0], [0, 1], [-1, 0]], \"V\": [[10], [20], [30]], \"sharpness\": 2.0}",
     .vary = vary_dictionary,
     .solve = dictionary,
     .fields = {{"scores", HEED_ANSWER_LIST, HEED_MIXED, 0},
                {"hard_row_1based", HEED_ANSWER_NUMBER, HEED_EXACT, HEED_ASKED_POSITION},
                {"hard_value", HEED_ANSWER_LIST, HEED_EXACT, 0},
                {"soft_weights", HEED_ANSWER_LIST, HEED_T2, 0},
                {"soft_value", HEED_ANSWER_LIST, HEED_ABS(0.02), 0}},
     .demo = "D44"},
    {.id = NULL},
};
