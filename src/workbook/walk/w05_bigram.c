/* SPDX-License-Identifier: MIT */
/* Step 5: a table of logits, and the counted pairs that it is to learn. */
#include <math.h>

#include "base/rng.h"
#include "workbook/distribution.h"
#include "workbook/walk/steps.h"
#include "workbook/walk/walk.h"

enum { SHOWN = 6 };

/* The most frequent characters behind `a`, the first first. */
static void find_followers(heed_grid pairs, int64_t a, int64_t followers[SHOWN])
{
    const double *row = pairs.data + a * pairs.columns;

    for (int k = 0; k < SHOWN; k++) {
        int64_t best = -1;

        for (int64_t j = 0; j < pairs.columns; j++) {
            bool taken = false;
            for (int i = 0; i < k; i++)
                taken = taken || followers[i] == j;
            if (!taken && (best < 0 || row[j] > row[best]))
                best = j;
        }
        followers[k] = best;
    }
}

static double row_sum(heed_grid x, int64_t row)
{
    double sum = 0.0;

    for (int64_t j = 0; j < x.columns; j++)
        sum += x.data[row * x.columns + j];
    return sum;
}

static int64_t most_frequent(heed_grid pairs)
{
    int64_t best = 0;

    for (int64_t i = 1; i < pairs.rows; i++)
        best = row_sum(pairs, i) > row_sum(pairs, best) ? i : best;
    return best;
}

static void show_row(heed_walking *w, heed_grid pairs, heed_grid fresh, int64_t a)
{
    int64_t followers[SHOWN];
    const double all = row_sum(pairs, a);

    if (pairs.columns < SHOWN)
        return;
    find_followers(pairs, a, followers);
    heed_walk_line(w, "  after %s  %10s %12s %14s", heed_walk_pad(w, heed_walk_sign(w, (int32_t)a), 6),
                   "counted", "share", "fresh table");
    for (int k = 0; k < SHOWN; k++) {
        const int64_t j = followers[k];
        heed_walk_line(w, "  comes %s  %10.0f %12.4f %14.4f",
                       heed_walk_pad(w, heed_walk_sign(w, (int32_t)j), 6), pairs.data[a * pairs.columns + j],
                       pairs.data[a * pairs.columns + j] / all, fresh.data[a * fresh.columns + j]);
    }
}

static void run(heed_walking *w)
{
    const heed_grid pairs = heed_walk_pairs(w);
    heed_grid table = heed_grid_make(&w->d->s, w->V, w->V), fresh;
    double sum = 0.0;

    for (int64_t i = 0; i < table.rows * table.columns; i++)
        table.data[i] = 0.02 * (double)heed_rng_normal(&w->d->rng);
    fresh = heed_softmax_of_rows(&w->d->s, table);
    if (w->d->s.status != HEED_OK)
        return;
    for (int64_t i = 0; i < fresh.columns; i++)
        sum += fresh.data[i];
    heed_walk_line(w, "table [%lld, %lld], %lld numbers: row i has the logits behind character i",
                   (long long)w->V, (long long)w->V, (long long)(w->V * w->V));
    heed_walk_line(w, "%s", "");
    show_row(w, pairs, fresh, most_frequent(pairs));
    heed_walk_say(
        w,
        "A fresh table says 1/%lld = %.4f for everything. The shares are what training must find, because a "
        "table can do no better than to know them: counted pairs reach a loss of %.4f nats a character on "
        "the validation part, a table that says nothing ln %lld = %.4f.",
        (long long)w->V, 1.0 / (double)w->V, heed_walk_counted_loss(w), (long long)w->V, log((double)w->V));
    heed_show_figure(w->d, "parameters", (double)(w->V * w->V), "numbers of the table");
    heed_show_figure(w->d, "counted_loss", heed_walk_counted_loss(w), "nats: counted pairs on validation");
    heed_show_figure(w->d, "uniform_loss", log((double)w->V), "nats: ln of the vocabulary");
    heed_show_check(w->d, fabs(sum - 1.0) < 1e-5, "the softmax of a row adds up to 1 (%.7f)", sum);
}

const heed_walk_step heed_walk_step_05 = {
    .info = {.number = 5,
             .time = "22:44",
             .title = "The bigram model",
             .words =
                 "The simplest model of language is one table. It looks at the last character alone, takes its "
                 "row, "
                 "and reads there how likely each next character is: as logits, numbers that a softmax turns "
                 "into probabilities. Everything before the last character is ignored.",
             .exercises = "a12.n05 a12.n05b",
             .demos = "D36 D42"},
    .run = run,
};
