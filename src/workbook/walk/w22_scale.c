/* SPDX-License-Identifier: MIT */
/* Step 22: scores over the root of head_size. */
#include <math.h>

#include "workbook/distribution.h"
#include "workbook/walk/steps.h"
#include "workbook/walk/walking.h"

enum { PAIRS = 4000, KEYS = 8 };

static double variance_of_scores(heed_walking *w, int64_t h)
{
    const heed_grid q = heed_demo_normal(w->d, PAIRS, h), k = heed_demo_normal(w->d, PAIRS, h);
    double sum = 0.0;

    for (int64_t i = 0; w->d->s.status == HEED_OK && i < PAIRS; i++) {
        double dot = 0.0;
        for (int64_t c = 0; c < h; c++)
            dot += q.data[i * h + c] * k.data[i * h + c];
        sum += dot * dot / PAIRS;
    }
    return sum;
}

static void run(heed_walking *w)
{
    const int64_t sizes[] = {4, 16, 64};
    heed_grid scores = heed_demo_normal(w->d, 1, KEYS), wide = heed_grid_make(&w->d->s, 1, KEYS), a, b;
    double var[3] = {0.0};

    for (int64_t j = 0; w->d->s.status == HEED_OK && j < KEYS; j++)
        wide.data[j] = 4.0 * scores.data[j];
    a = heed_softmax_of_rows(&w->d->s, scores);
    b = heed_softmax_of_rows(&w->d->s, wide);
    heed_walk_line(w, "  %-10s %22s %22s", "head_size", "variance of q k", "of q k / sqrt(h)");
    for (int i = 0; i < 3; i++) {
        var[i] = variance_of_scores(w, sizes[i]);
        heed_walk_line(w, "  %-10lld %22.2f %22.3f", (long long)sizes[i], var[i], var[i] / (double)sizes[i]);
    }
    heed_walk_grid(w, a, 3, "softmax of 8 scores of variance 1");
    heed_walk_grid(w, b, 3, "of the same scores times sqrt(16) = 4, as a head of size 16 would have them");
    heed_walk_say(
        w,
        "Large scores make the softmax choose one key from the start, before anything is learned, and then "
        "hardly any "
        "gradient comes through. Dividing by the root of head_size keeps scores as they were, however wide the "
        "head. From here on all heads are scaled.");
    for (int i = 0; i < 3;
         i++) /* the variance of 4000 squares: 5 standard errors are 0.11 of it, and more for few terms */
        heed_show_check(w->d, fabs(var[i] / (double)sizes[i] - 1.0) < 0.2,
                        "head_size %lld: scaled, the variance is %.3f", (long long)sizes[i],
                        var[i] / (double)sizes[i]);
}

const heed_walk_step heed_walk_step_22 = {
    .info = {.number = 22,
             .title = "The scale",
             .words = "A dot product of two vectors of h random numbers is a sum of h terms, so its variance "
                      "is h: wide heads have "
                      "larger scores, for no reason but their width.",
             .exercises = "pp.q07a s5.e5.2a ch12.e02 a12.n21",
             .demos = "D03 D05 D06"},
    .run = run,
};
