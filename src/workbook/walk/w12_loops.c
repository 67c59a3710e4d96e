/* SPDX-License-Identifier: MIT */
/* Step 12: each position gets the mean of its past, by loops. */
#include <math.h>

#include "workbook/walk/steps.h"
#include "workbook/walk/toy.h"

enum { T = HEED_TOY_T, C = HEED_TOY_C };

/* The largest difference from sums that are written out. */
static double check(heed_grid x, heed_grid mean)
{
    double most = 0.0;

    for (int64_t row = 0; row < x.rows; row++) {
        for (int64_t c = 0; c < C; c++) {
            double sum = 0.0;
            for (int64_t t = row / T * T; t <= row; t++)
                sum += x.data[t * C + c];
            most = fmax(most, fabs(mean.data[row * C + c] - sum / (double)(row % T + 1)));
        }
    }
    return most;
}

/* What the last position of sequence 0 gathers when the others stand in another order. */
static double in_other_order(heed_walking *w, heed_grid x, heed_grid mean)
{
    heed_grid turned = heed_grid_make(&w->d->s, x.rows, x.columns), other;
    double most = 0.0;

    for (int64_t i = 0; i < turned.rows * C; i++)
        turned.data[i] = i / C < T - 1 ? x.data[(T - 2 - i / C) * C + i % C] : x.data[i];
    other = heed_toy_loop(w, turned);
    for (int64_t c = 0; w->d->s.status == HEED_OK && c < C; c++)
        most = fmax(most, fabs(other.data[(T - 1) * C + c] - mean.data[(T - 1) * C + c]));
    return most;
}

static void run(heed_walking *w)
{
    const heed_grid x = heed_toy_draw(w), mean = heed_toy_loop(w, x);
    double apart, order;

    if (w->d->s.status != HEED_OK)
        return;
    apart = check(x, mean);
    order = in_other_order(w, x, mean);
    heed_walk_line(w, "%s", "  for b in 0 .. B-1:  for t in 0 .. T-1:  out[b,t] = mean of x[b, 0..t]");
    heed_walk_line(w, "%s", "");
    heed_walk_grid(w, heed_toy_sequence(x, 0), 4, "x, sequence 0");
    heed_walk_grid(w, heed_toy_sequence(mean, 0), 4, "the mean of the past, sequence 0");
    heed_walk_say(
        w,
        "The first row is as it was, the second the mean of two, the last the mean of all. The order of the "
        "past is "
        "lost: with rows 0 to %d turned round, the last row moves by %.1e, rounding alone. That is why this "
        "is called a bag of words.",
        (int)T - 2, order);
    heed_show_check(w->d, apart < 1e-6, "the engine's loop and sums written out differ by %.1e at most", apart);
    heed_show_check(w->d, order < 1e-6, "another order of the past moves the last mean by %.1e", order);
}

const heed_walk_step heed_walk_step_12 = {
    .info = {.number = 12,
             .time = "45:12",
             .title = "The mean of the past, by loops",
             .words = "The simplest way for a position to know of its past: the mean of all rows up to itself. "
                      "Not of rows "
                      "behind it, as these are what it is to predict. Two loops do it.",
             .exercises = "a12.n12",
             .demos = "D37"},
    .run = run,
};
