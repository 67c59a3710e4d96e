/* SPDX-License-Identifier: MIT */
/* O. The mean of all that came before, in three ways. */
#include <heed/mask.h>
#include <math.h>

#include "workbook/attend.h"
#include "workbook/distribution.h"
#include "workbook/groups.h"
#include "workbook/small_graph.h"

#define MOST_TOKENS 256

static heed_grid take_rows(heed_solving *s)
{
    const heed_grid x = heed_take_grid(s, "x");

    if (s->status == HEED_OK && x.rows > MOST_TOKENS)
        heed_solve_fail(s, HEED_ERR_USAGE, "x: expected at most %d rows, got %lld", MOST_TOKENS,
                        (long long)x.rows);
    return x;
}

/* Scores of 0, masked, and their softmax: the third way. */
static heed_attended even(heed_solving *s, int64_t n)
{
    const heed_attend_inputs in = {
        .q = heed_grid_make(s, n, 1), .k = heed_grid_make(s, n, 1), .scale = 1.0, .causal = true};

    return heed_attend(s, &in);
}

/* 1 where row i sees row j. */
static heed_grid triangle(heed_solving *s, int64_t n)
{
    const heed_mask mask = {.causal = s->slip != HEED_SLIP_NO_MASK};
    heed_grid out = heed_grid_make(s, n, n);

    for (int64_t i = 0; i < out.rows; i++) {
        for (int64_t j = 0; j < n; j++)
            out.data[i * n + j] = s->slip == HEED_SLIP_MASK_TURNED ? heed_mask_sees(&mask, j, i)
                                                                   : heed_mask_sees(&mask, i, j);
    }
    return out;
}

static heed_grid product(heed_solving *s, heed_grid a, heed_grid x)
{
    heed_grid out = {0, 0, NULL};
    heed_node *y;
    heed_small m;

    if (!heed_small_begin(s, &m))
        return out;
    y = heed_matmul(m.g, heed_small_input(&m, "a", a), heed_small_input(&m, "x", x), false, false);
    heed_small_run(&m, &y, 1);
    out = heed_small_value(&m, y);
    heed_small_end(&m);
    return out;
}

/* --- a12.n12 --- */

static heed_grid running_mean(heed_solving *s, heed_grid x)
{
    heed_grid out = {0, 0, NULL};
    heed_node *y;
    heed_small m;

    if (!heed_small_begin(s, &m))
        return out;
    y = heed_running_mean(m.g, heed_small_batch(&m, "x", x));
    heed_small_run(&m, &y, 1);
    out = heed_small_value(&m, y);
    heed_small_end(&m);
    return out;
}

/* The last row of x, with the rows before it in the other order. */
static void show_that_order_is_lost(heed_solving *s, heed_grid x, heed_grid means)
{
    heed_grid turned = heed_grid_make(s, x.rows, x.columns), other;

    for (int64_t i = 0; s->status == HEED_OK && i < x.rows * x.columns; i++) {
        const int64_t row = i / x.columns;
        turned.data[i] = x.data[(x.rows - 1 - row) * x.columns + i % x.columns];
    }
    other = running_mean(s, turned);
    if (s->status != HEED_OK || s->steps == NULL)
        return;
    heed_step_grid(s, heed_grid_row(means, x.rows - 1), "the last row is the mean of all rows");
    heed_step_grid(s, heed_grid_row(other, x.rows - 1),
                   "with the rows in the opposite order it is the same: order is lost");
}

static void means_of_past(heed_solving *s)
{
    const heed_grid x = take_rows(s);
    heed_grid means = running_mean(s, x);

    show_that_order_is_lost(s, x, means);
    for (int64_t i = 0; s->status == HEED_OK && i < means.rows * means.columns; i++) {
        const int64_t row = i / means.columns, column = i % means.columns;
        if (s->slip == HEED_SLIP_SUM)
            means.data[i] *= (double)(row + 1);
        if (s->slip == HEED_SLIP_NO_MASK && row < means.rows - 1)
            means.data[i] = means.data[(means.rows - 1) * means.columns + column];
    }
    heed_step_grid(s, means, "row i is the mean of rows 1 to i");
    heed_put_grid(s, "output", means);
}

static void vary_rows(heed_varying *v)
{
    heed_vary_whole(v, "x", heed_draw_int(v, 3, 6), 2, 0, 10);
}

/* --- a12.n13 --- */

static void by_product(heed_solving *s)
{
    const heed_grid x = take_rows(s), ones = triangle(s, x.rows);
    const heed_grid sums = product(s, ones, x), weights = even(s, x.rows).weights,
                    means = product(s, weights, x);

    heed_step_grid(s, ones, "a triangle of ones");
    heed_step_grid(s, sums, "times x: row i adds up rows 1 to i");
    heed_step_grid(s, weights, "each row of the triangle over its sum");
    heed_step_grid(s, means, "times x: means");
    heed_put_grid(s, "weights", weights);
    heed_put_grid(s, "output", means);
    heed_put_grid(s, "running_sum", sums);
}

/* --- a12.n14 --- */

static bool all_close(heed_grid a, heed_grid b, double rtol, double atol)
{
    for (int64_t i = 0; i < a.columns; i++) {
        if (!(fabs(a.data[i] - b.data[i]) <= atol + rtol * fabs(b.data[i])))
            return false;
    }
    return true;
}

static void closeness(heed_solving *s)
{
    const heed_grid a = heed_take_list(s, "a"), b = heed_take_list(s, "b");
    const double rtol = 1e-5;
    double largest = 0.0;

    if (s->status == HEED_OK && a.columns != b.columns)
        heed_solve_fail(s, HEED_ERR_USAGE, "expected lists of equal length, got %lld and %lld numbers",
                        (long long)a.columns, (long long)b.columns);
    for (int64_t i = 0; s->status == HEED_OK && i < a.columns; i++) {
        const double apart = fabs(a.data[i] - b.data[i]);
        largest = apart > largest ? apart : largest;
        if (i < 16)
            heed_step(s,
                      "entry %lld: |a - b| = %.3g; allowed 1e-8 + 1e-5 |b| = %.3g, or 1e-7 + 1e-5 |b| = %.3g",
                      (long long)i + 1, apart, 1e-8 + rtol * fabs(b.data[i]), 1e-7 + rtol * fabs(b.data[i]));
    }
    heed_step(s, "one entry too far apart is enough for a no");
    heed_put_number(s, "max_difference", largest);
    heed_put_bool(s, "allclose_default", s->status == HEED_OK && all_close(a, b, rtol, 1e-8));
    heed_put_bool(s, "allclose_atol_1e-7", s->status == HEED_OK && all_close(a, b, rtol, 1e-7));
}

static void vary_closeness(heed_varying *v)
{
    static const double apart[] = {0.0, 3e-8, 9e-8, 5e-6};
    json_t *a = json_array(), *b = json_array();

    for (int i = 0; i < 4; i++) {
        const double x = (double)heed_draw_int(v, -4, 4) / 4.0;
        json_array_append_new(a, heed_json_of_double(x));
        json_array_append_new(b, heed_json_of_double(x + apart[heed_draw_int(v, 0, 3)]));
    }
    v->again = json_equal(a, b);
    heed_vary_set_json(v, "a", a);
    heed_vary_set_json(v, "b", b);
}

/* --- a12.n15 --- */

static void by_softmax(heed_solving *s)
{
    const int64_t n = heed_take_int(s, "seq_len", 1, MOST_TOKENS);
    const heed_attended a = even(s, n);

    heed_step_grid(s, a.masked, "zeros, and -inf where the column is later than the row");
    heed_step(s, "e^0 = 1 and e^-inf = 0: row i adds up to i");
    heed_step_grid(s, a.weights, "so its softmax is 1/i in columns 1 to i");
    heed_put_grid(s, "masked", a.masked);
    heed_put_grid(s, "weights", a.weights);
}

static void vary_by_softmax(heed_varying *v)
{
    heed_vary_int(v, "seq_len", 2, 8);
}

#define X "{\"x\": [[2, 7], [6, 4], [6, 5]]}"
#define ROWS(name)                            \
    {                                         \
        name, HEED_ANSWER_MATRIX, HEED_T2, 0, \
    }

const heed_exercise heed_exercises_averages[] = {
    {.id = "a12.n12",
     .seed = "003 45:12",
     .kind = HEED_EXERCISE_MATRIX,
     .params = X,
     .vary = vary_rows,
     .solve = means_of_past,
     .slips = HEED_SLIP(HEED_SLIP_NO_MASK) | HEED_SLIP(HEED_SLIP_SUM),
     .fields = {ROWS("output")},
     .demo = "D37"},
    {.id = "a12.n13",
     .seed = "003 47:48",
     .kind = HEED_EXERCISE_MATRIX,
     .params = X,
     .vary = vary_rows,
     .solve = by_product,
     .slips = HEED_SLIP(HEED_SLIP_NO_MASK) | HEED_SLIP(HEED_SLIP_MASK_TURNED),
     .fields = {ROWS("weights"), ROWS("output"), {"running_sum", HEED_ANSWER_MATRIX, HEED_EXACT, 0}},
     .demo = "D37"},
    {.id = "a12.n14",
     .seed = "003 53:35",
     .kind = HEED_EXERCISE_CHOICE,
     .params = "{\"a\": [1.0, 0.0, -0.5], \"b\": [1.000001, 5e-08, -0.5]}",
     .vary = vary_closeness,
     .solve = closeness,
     .fields = {{"max_difference", HEED_ANSWER_NUMBER, HEED_R1, 0},
                {"allclose_default", HEED_ANSWER_TRUTH, HEED_EXACT, 0},
                {"allclose_atol_1e-7", HEED_ANSWER_TRUTH, HEED_EXACT, 0}},
     .demo = "D37"},
    {.id = "a12.n15",
     .seed = "003 55:35",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{\"seq_len\": 4}",
     .vary = vary_by_softmax,
     .solve = by_softmax,
     .slips = HEED_SLIP(HEED_SLIP_COLUMNS) | HEED_SLIP(HEED_SLIP_MASK_LATE) | HEED_SLIP(HEED_SLIP_MASK_TURNED) |
              HEED_SLIP(HEED_SLIP_NO_MASK) | HEED_SLIP(HEED_SLIP_ZERO_MASK),
     .fields = {{"masked", HEED_ANSWER_MATRIX, HEED_EXACT, 0}, ROWS("weights")},
     .demo = "D37"},
    {.id = NULL},
};
