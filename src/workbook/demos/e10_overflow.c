/* SPDX-License-Identifier: MIT */
/* E10: the softmax as its formula is written, and with the largest score subtracted first. */
#include <float.h>
#include <math.h>

#include "workbook/demos/demos.h"
#include "workbook/distribution.h"

enum { SCORE, NAIVE_SUM, NAIVE_LARGEST, SAFE_LARGEST, N_COLUMNS };

static const double ladder[] = {10.0, 50.0, 80.0, 88.0, 89.0, 100.0, 1000.0};
enum { RUNGS = sizeof ladder / sizeof ladder[0] };

/* score, score - 1, score - 2 ... */
static heed_grid scores_of(heed_demoing *d, double score, int64_t keys)
{
    heed_grid x = heed_grid_make(&d->s, 1, keys);

    for (int64_t j = 0; j < x.columns; j++)
        x.data[j] = score - (double)j;
    return x;
}

/* e^x_i / sum_j e^x_j in floats, as it stands. *sum is its divisor. */
static heed_grid naive(heed_demoing *d, heed_grid x, double *sum)
{
    heed_grid y = heed_grid_make(&d->s, 1, x.columns);
    float all = 0.0f;

    for (int64_t j = 0; j < y.columns; j++)
        all += expf((float)x.data[j]);
    for (int64_t j = 0; j < y.columns; j++)
        y.data[j] = (double)(expf((float)x.data[j]) / all);
    *sum = (double)all;
    return y;
}

static heed_grid safe(heed_demoing *d, heed_grid x)
{
    double sum;

    return d->sabotage ? naive(d, x, &sum) : heed_softmax_of_rows(&d->s, x);
}

/* Weights that add up to 1. */
static bool is_whole(heed_grid y)
{
    double sum = 0.0;

    for (int64_t j = 0; j < y.columns; j++)
        sum += y.data[j];
    return fabs(sum - 1.0) <= 1e-6; /* false for NaN */
}

static double largest(heed_grid y)
{
    double most = y.data[0];

    for (int64_t j = 1; j < y.columns; j++)
        most = isnan(y.data[j]) || y.data[j] > most ? y.data[j] : most;
    return most;
}

/* Up from 0 in steps of 0.01: the first top score of a row that breaks the formula. */
static double first_broken(int64_t keys)
{
    for (int i = 0; i <= 20000; i++) {
        float sum = 0.0f;

        for (int64_t j = 0; j < keys; j++)
            sum += expf((float)(0.01 * i - (double)j));
        if (!isfinite(sum))
            return 0.01 * i;
    }
    return INFINITY;
}

static void climb(heed_demoing *d, heed_grid table, int64_t keys, bool *safe_always, bool *alike)
{
    for (int64_t i = 0; d->s.status == HEED_OK && i < table.rows; i++) {
        const heed_grid x = scores_of(d, ladder[i], keys);
        double *row = table.data + i * N_COLUMNS;
        const heed_grid y = naive(d, x, &row[NAIVE_SUM]), z = safe(d, x);

        if (d->s.status != HEED_OK)
            return;
        row[SCORE] = ladder[i];
        row[NAIVE_LARGEST] = largest(y);
        row[SAFE_LARGEST] = largest(z);
        *safe_always = *safe_always && is_whole(z);
        *alike = *alike && (!is_whole(y) || heed_demo_difference(y, z) <= 1e-6);
    }
}

static void run(heed_demoing *d)
{
    const double score = heed_take_number(&d->s, "score");
    const int64_t keys = heed_take_int(&d->s, "keys", 2, 512),
                  head_dim = heed_take_int(&d->s, "head_dim", 1, 4096);
    heed_grid table = heed_grid_make(&d->s, RUNGS, N_COLUMNS), x, scaled, y, z, divided;
    bool safe_always = true, alike = true;
    double sum, first;

    if (d->s.status == HEED_OK && !(score >= 0.0 && score <= 1e6))
        heed_solve_fail(&d->s, HEED_ERR_USAGE, "score: expected a number from 0 to a million, got %g", score);
    climb(d, table, keys, &safe_always, &alike);
    x = scores_of(d, score, keys);
    scaled = scores_of(d, score, keys);
    for (int64_t j = 0; j < scaled.columns; j++)
        scaled.data[j] /= sqrt((double)head_dim);
    y = naive(d, x, &sum);
    divided = naive(d, scaled, &sum);
    z = safe(d, x);
    if (d->s.status != HEED_OK)
        return;
    first = first_broken(keys);
    heed_show_table(d, table, "Rows of falling scores, the first of them the largest", NULL,
                    "largest score|sum of e^x|largest, formula|largest, safe", false);
    heed_show_figure(d, "naive_whole", is_whole(y), "1: the formula's weights of score add up to 1");
    heed_show_figure(d, "safe_whole", is_whole(z), "1: those with the largest score subtracted do");
    heed_show_figure(d, "scaled_whole", is_whole(divided),
                     "1: the formula's do, scores divided by sqrt(head_dim)");
    heed_show_figure(d, "first_broken", first,
                     "the first largest score, in steps of 0.01, that breaks the formula");
    heed_show_figure(d, "ln_largest", log((double)FLT_MAX), "e to it is the largest float");
    heed_show_check(d, safe_always, "with the largest score subtracted weights add up to 1 for every row");
    heed_show_check(d, alike, "where the formula's weights add up to 1 they are the same within 1e-6");
    heed_show_check(d, first > 80.0 && first <= log((double)FLT_MAX) + 0.01,
                    "the formula breaks at a score of %.2f: e^x is no float behind %.2f, nor is the sum", first,
                    log((double)FLT_MAX));
}

const heed_demo heed_demo_e10 = {
    .info =
        {.id = "E10",
         .title = "Softmax overflows where nothing is subtracted",
         .shows =
             "Takes the softmax of rows of growing scores in floats, as its formula is written, e^x by the sum "
             "of all e^x, and as the engine does it, with the largest score subtracted from all of them first, "
             "which changes nothing in exact arithmetic. e^88.73 is more than the largest float, so the "
             "formula "
             "divides infinities; behind the subtraction the largest exponential is 1. Dividing scores by "
             "sqrt(head_dim) makes them smaller and moves the limit, no more.",
         .rule = "With the subtraction weights add up to 1 within 1e-6 for every score, and are the formula's "
                 "within 1e-6 where that works; the formula breaks between 80 and the logarithm of the largest "
                 "float.",
         .sabotage = "The safe version subtracts nothing either.",
         .params = "{\"score\": 100, \"keys\": 4, \"head_dim\": 64}"},
    .full = "{\"keys\": 512}",
    .run = run,
};
