/* SPDX-License-Identifier: MIT */
/* C. Attention that may not look at everything. */
#include <math.h>

#include "workbook/attend.h"
#include "workbook/batched.h"
#include "workbook/by_hand.h"
#include "workbook/groups.h"

static heed_attend_inputs take_causal(heed_solving *s)
{
    return (heed_attend_inputs){.q = heed_take_grid(s, "Q"), .k = heed_take_grid(s, "K"), .causal = true};
}

/* --- pp.q11: the masked scores --- */

static void masked_scores(heed_solving *s)
{
    const heed_attend_inputs in = take_causal(s);
    const heed_attended a = heed_attend(s, &in);

    heed_attend_explain(s, &in, &a, HEED_ATTEND_MASKED);
    heed_put_grid(s, "value", a.masked);
}

/* --- pp.q12a, pp.q12b: the first row with the mask and without --- */

static void first_rows(heed_solving *s, heed_grid *masked, heed_grid *unmasked)
{
    const heed_attend_inputs in = take_causal(s), open = {.q = in.q, .k = in.k};
    const heed_attended a = heed_attend(s, &in), b = heed_attend(s, &open);

    heed_attend_explain(s, &in, &a, HEED_ATTEND_MASKED);
    heed_step_softmax(s, a.masked, a.weights, 0);
    heed_step(s, "without the mask:");
    heed_step_softmax(s, b.masked, b.weights, 0);
    *masked = heed_grid_row(a.weights, 0);
    *unmasked = heed_grid_row(b.weights, 0);
}

static void first_row(heed_solving *s)
{
    heed_grid masked, unmasked;

    first_rows(s, &masked, &unmasked);
    heed_put_list(s, "masked", masked);
    heed_put_list(s, "unmasked", unmasked);
}

/* Where the mask took weight away, did what is left grow by one factor, stay, become equal to one another, or did nothing go? */
static const char *what_happened(heed_grid masked, heed_grid unmasked)
{
    double kept = 0.0, gone = 0.0, spread = 0.0, grown = 0.0;

    for (int64_t j = 0; j < masked.columns; j++) {
        kept += masked.data[j] > 0.0 ? unmasked.data[j] : 0.0;
        gone += masked.data[j] > 0.0 ? 0.0 : unmasked.data[j];
        spread = fmax(spread, fabs(masked.data[j] - 1.0 / (double)masked.columns));
    }
    for (int64_t j = 0; j < masked.columns; j++)
        grown = fmax(grown, masked.data[j] > 0.0 ? fabs(masked.data[j] - unmasked.data[j] / kept) : 0.0);
    if (gone < 1e-6)
        return spread < 1e-6 ? "uniform" : "nothing";
    return grown < 1e-5 ? "renormalised" : "cut";
}

static void what_changed(heed_solving *s)
{
    heed_grid masked, unmasked;

    first_rows(s, &masked, &unmasked);
    if (s->status != HEED_OK)
        return;
    heed_step(s, "the weight of the hidden keys, %.4g, went to the first one", 1.0 - unmasked.data[0]);
    heed_put_text(s, "choice", what_happened(masked, unmasked));
}

/* --- pp.q13: a row in the middle --- */

static void middle_row(heed_solving *s)
{
    const heed_attend_inputs in = take_causal(s);
    const heed_attended a = heed_attend(s, &in);
    const int64_t row = heed_take_row(s, "row", a.weights.rows);

    heed_attend_explain(s, &in, &a, HEED_ATTEND_MASKED);
    heed_step_softmax(s, a.masked, a.weights, row);
    heed_put_list(s, "value", heed_grid_row(a.weights, row));
}

static void vary_middle_row(heed_varying *v)
{
    heed_vary_qk(v);
    heed_vary_int(v, "row", 2, heed_vary_rows(v, "Q") - 1);
}

static void one_weight(heed_solving *s)
{
    const heed_attend_inputs in = take_causal(s);
    const heed_attended a = heed_attend(s, &in);
    int64_t row = heed_take_int(s, "row", 1, a.weights.rows) - 1,
            col = heed_take_int(s, "col", 1, a.weights.columns) - 1;
    double weight;

    if (s->status != HEED_OK)
        return;
    if (s->slip == HEED_SLIP_TRANSPOSED) {
        const int64_t other = row;
        row = col;
        col = other;
    }
    weight = a.weights.data[row * a.weights.columns + col];
    heed_attend_explain(s, &in, &a, HEED_ATTEND_MASKED);
    heed_step_softmax(s, a.masked, a.weights, row);
    heed_step(s,
              col > row ? "token %lld comes after token %lld: it is hidden, and its weight is exactly %.0f"
                        : "token %lld has of token %lld the weight %.4g",
              (long long)col + 1, (long long)row + 1, weight);
    heed_step(s, "in per cent: 100 * %.4g = %.4g", weight, 100.0 * weight);
    heed_put_number(s, "value", 100.0 * weight);
}

static void vary_one_weight(heed_varying *v)
{
    heed_vary_qk_row(v);
    heed_vary_int(v, "col", 1, heed_vary_rows(v, "Q"));
}

/* --- ch12.e13: scores that are given --- */

/* Keys along the axes: then the scores of the queries are their own numbers. */
static heed_grid axes(heed_solving *s, int64_t n)
{
    heed_grid x = heed_grid_make(s, n, n);

    for (int64_t i = 0; i < x.rows; i++)
        x.data[i * n + i] = 1.0;
    return x;
}

static void given_scores(heed_solving *s)
{
    const heed_grid scores = heed_take_grid(s, "scores");
    heed_attend_inputs in = {.q = scores, .k = axes(s, scores.columns), .scale = 1.0, .causal = true};
    heed_attended a;
    double zeros = 0.0;

    if (s->status == HEED_OK && scores.rows != scores.columns)
        heed_solve_fail(s, HEED_ERR_USAGE, "scores: expected as many rows as columns, got %lld x %lld",
                        (long long)scores.rows, (long long)scores.columns);
    a = heed_attend(s, &in);
    if (s->status != HEED_OK)
        return;
    for (int64_t i = 0; i < a.weights.rows * a.weights.columns; i++)
        zeros += i % a.weights.columns > i / a.weights.columns && a.weights.data[i] == 0.0;
    heed_step_grid(s, a.masked, "-inf above the diagonal");
    heed_step_softmax(s, a.masked, a.weights, a.masked.rows - 1);
    heed_step_grid(s, a.weights, "softmax of every row");
    heed_step(s, "exact zeros above the diagonal: %lld * %lld / 2 = %.0f", (long long)scores.rows,
              (long long)scores.rows - 1, zeros);
    heed_put_grid(s, "weights", a.weights);
    heed_put_number(s, "zero_entries", zeros);
}

static void vary_given_scores(heed_varying *v)
{
    const int64_t n = heed_draw_int(v, 3, 8);

    heed_vary_normal(v, "scores", n, n, 1.0);
}

/* --- s5.e5.6b: by program --- */

static void program(heed_solving *s)
{
    const heed_batched b = heed_attend_batched(s, 3, true);

    heed_put_tensor(s, "output", 3, b.output_size, b.output);
    heed_put_tensor(s, "weights", 3, b.weights_size, b.weights);
}

static void vary_program(heed_varying *v)
{
    const int64_t size[] = {heed_draw_int(v, 1, 2), heed_draw_int(v, 2, 4), heed_draw_int(v, 2, 4)};

    heed_vary_normal_tensor(v, "Q", 3, size);
    heed_vary_normal_tensor(v, "K", 3, size);
    heed_vary_normal_tensor(v, "V", 3, size);
}

/* --- the list --- */

#define OF_SCORES                                                                                       \
    (HEED_SLIP(HEED_SLIP_NO_MASK) | HEED_SLIP(HEED_SLIP_MASK_LATE) | HEED_SLIP(HEED_SLIP_MASK_TURNED) | \
     HEED_SLIP(HEED_SLIP_ZERO_MASK) | HEED_SLIP(HEED_SLIP_COLUMNS))

const heed_exercise heed_exercises_masked[] = {
    {.id = "pp.q11",
     .seed = "000 Q11",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{" HEED_SOURCE_QK "}",
     .vary = heed_vary_qk,
     .solve = masked_scores,
     .slips = HEED_SLIPS_MASKED & ~(HEED_SLIP(HEED_SLIP_COLUMNS) | HEED_SLIP(HEED_SLIP_MASK_LATE)),
     .fields = {{"value", HEED_ANSWER_MATRIX, HEED_T2, 0}},
     .demo = "D02"},
    {.id = "pp.q12a",
     .seed = "000 Q12",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{" HEED_SOURCE_QK "}",
     .vary = heed_vary_qk,
     .solve = first_row,
     .slips = HEED_SLIPS_MASKED,
     .fields = {{"masked", HEED_ANSWER_LIST, HEED_T2, 0}, {"unmasked", HEED_ANSWER_LIST, HEED_T2, 0}},
     .demo = "D02"},
    {.id = "pp.q12b",
     .seed = "000 Q12",
     .kind = HEED_EXERCISE_CHOICE,
     .params = "{" HEED_SOURCE_QK "}",
     .solve = what_changed,
     .fields = {{"choice", HEED_ANSWER_TEXT, HEED_EXACT, 0}},
     .demo = "D02"},
    {.id = "pp.q13a",
     .seed = "000 Q13",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{" HEED_SOURCE_QK ", \"row\": 2}",
     .vary = vary_middle_row,
     .solve = middle_row,
     .slips = HEED_SLIPS_MASKED | HEED_SLIP(HEED_SLIP_OFF_BY_ONE),
     .fields = {{"value", HEED_ANSWER_LIST, HEED_T2, 0}},
     .demo = "D02"},
    {.id = "pp.q13b",
     .seed = "000 Q13",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{" HEED_SOURCE_QK ", \"row\": 2, \"col\": 3}",
     .vary = vary_one_weight,
     .solve = one_weight,
     .slips = HEED_SLIPS_MASKED | HEED_SLIP(HEED_SLIP_TRANSPOSED),
     .fields = {{"value", HEED_ANSWER_NUMBER, {HEED_TOLERANCE_MIXED, 0.5, 0.0}, HEED_ASKED_PERCENT}},
     .demo = "D02"},
    {.id = "ch12.e13",
     .seed = "002 e13",
     .kind = HEED_EXERCISE_CODE,
     .params = "{\"scores\": ["
               "[0.71, -1.2, 0.33, 1.48, -0.56, 0.92, -0.18, 0.05, 1.1, -0.87],"
               " [-0.4, 1.65, 0.27, -0.93, 0.6, -1.31, 0.84, 0.12, -0.22, 0.49],"
               " [1.02, 0.38, -1.57, 0.14, 0.79, -0.65, 1.23, -0.08, 0.55, -1.04],"
               " [-0.77, 0.9, 0.46, 1.19, -0.31, 0.02, -1.42, 0.68, 0.25, 1.36],"
               " [0.13, -0.59, 1.3, -0.25, 0.81, 1.07, -0.96, 0.41, -1.15, 0.2],"
               " [1.54, 0.06, -0.72, 0.95, -1.08, 0.29, 0.63, -0.47, 0.88, 0.17],"
               " [-0.35, 1.12, 0.57, -0.83, 0.04, -0.19, 1.41, 0.76, -0.62, -1.27],"
               " [0.48, -0.91, 1.25, 0.31, -0.06, 0.86, -0.53, -1.38, 0.69, 1.0],"
               " [-1.13, 0.22, 0.74, -0.45, 1.6, 0.1, -0.28, 0.97, -0.8, 0.35],"
               " [0.61, 1.33, -0.15, 0.52, -0.98, -0.37, 0.83, 1.18, 0.08, -0.7]]}",
     .vary = vary_given_scores,
     .solve = given_scores,
     .slips = OF_SCORES,
     .fields = {{"weights", HEED_ANSWER_MATRIX, HEED_E5, 0},
                {"zero_entries", HEED_ANSWER_NUMBER, HEED_EXACT, 0}}},
    {.id = "s5.e5.6b",
     .seed = "004 5.6",
     .kind = HEED_EXERCISE_CODE,
     .params = "{\"Q\": [[[0.8, -0.5], [1.3, 0.4], [-0.6, 1.1], [0.2, -1.4]]],"
               " \"K\": [[[-0.3, 0.9], [1.0, 0.6], [0.5, -1.2], [-0.7, -0.1]]],"
               " \"V\": [[[1.2, 0.3], [-0.4, 0.8], [0.6, -1.0], [0.1, 1.5]]]}",
     .vary = vary_program,
     .solve = program,
     .slips = HEED_SLIPS_MASKED,
     .fields = {{"output", HEED_ANSWER_TENSOR, HEED_E5, 0}, {"weights", HEED_ANSWER_TENSOR, HEED_MIXED, 0}}},
    {.id = NULL},
};
