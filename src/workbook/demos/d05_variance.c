/* SPDX-License-Identifier: MIT */
/* D05: the spread of dot products over their length. */
#include <heed/attention.h>
#include <math.h>

#include "workbook/demos/demos.h"

#define AT_ONCE     2048 /* pairs: a head each */
#define MOST_LENGTH 2048

enum { D, VARIANCE, STD, ROOT, SCALED, N_COLUMNS };

/* Sums of n scores and of their squares. */
static void add_scores(heed_demoing *d, const float *q, const float *k, int64_t n, int64_t length,
                       float *scores, double *sum, double *squares)
{
    const heed_attention_inputs in = {.n_heads = n,
                                      .n_query = 1,
                                      .head_dim = length,
                                      .v_dim = 1,
                                      .q = q,
                                      .k = k,
                                      .v = k, /* nobody reads the output */
                                      .scale = 1.0,
                                      .plain = true};
    const heed_attention_results want = {.scores = scores};
    heed_error err = {HEED_OK, ""};

    if (!heed_demo_ok(d, heed_attention_run(&in, &want, &err), &err))
        return;
    for (int64_t i = 0; i < n; i++) {
        *sum += (double)scores[i];
        *squares += (double)scores[i] * (double)scores[i];
    }
}

static double variance_of(heed_demoing *d, int64_t pairs, int64_t length)
{
    float *q = heed_demo_floats(d, AT_ONCE * length), *k = heed_demo_floats(d, AT_ONCE * length),
          *scores = heed_demo_floats(d, AT_ONCE);
    double sum = 0.0, squares = 0.0;

    for (int64_t done = 0; d->s.status == HEED_OK && done < pairs; done += AT_ONCE) {
        const int64_t n = pairs - done < AT_ONCE ? pairs - done : AT_ONCE;

        heed_demo_draw_uniform(d, q, n * length);
        heed_demo_draw_uniform(d, k, n * length);
        add_scores(d, q, k, n, length, scores, &sum, &squares);
    }
    sum /= (double)pairs;
    return squares / (double)pairs - sum * sum;
}

static void fill(heed_demoing *d, heed_grid table, int64_t pairs, int64_t least, int64_t factor)
{
    int64_t length = least;

    for (int64_t i = 0; d->s.status == HEED_OK && i < table.rows; i++, length *= factor) {
        const double variance = variance_of(d, pairs, length);
        const double scale = d->sabotage ? 1.0 / (double)length : 1.0 / sqrt((double)length);
        double *row = table.data + i * N_COLUMNS;

        row[D] = (double)length;
        row[VARIANCE] = variance;
        row[STD] = sqrt(variance);
        row[ROOT] = sqrt((double)length);
        row[SCALED] = variance * scale * scale;
    }
}

static void judge(heed_demoing *d, heed_grid table)
{
    heed_grid x = heed_grid_make(&d->s, 1, table.rows), y = heed_grid_make(&d->s, 1, table.rows);
    double slope, farthest = 0.0;

    for (int64_t i = 0; d->s.status == HEED_OK && i < table.rows; i++) {
        x.data[i] = log(table.data[i * N_COLUMNS + D]);
        y.data[i] = log(table.data[i * N_COLUMNS + STD]);
        farthest = fmax(farthest, fabs(table.data[i * N_COLUMNS + SCALED] - 1.0));
    }
    slope = d->s.status == HEED_OK ? heed_demo_slope(x.data, y.data, x.columns) : 0.0;
    heed_show_figure(d, "slope", slope, "of log std over log d");
    heed_show_figure(d, "farthest_scaled_variance", farthest, "from 1, of all d");
    heed_show_check(d, fabs(slope - 0.5) <= 0.02, "the slope is %.4f: 0.5 within 0.02", slope);
    heed_show_check(d, farthest <= 0.05, "scaled variances are 1 within 0.05: the farthest is %.4f off",
                    farthest);
}

static void run(heed_demoing *d)
{
    const int64_t pairs = heed_take_int(&d->s, "pairs", 100, 10000000),
                  least = heed_take_int(&d->s, "least_d", 1, 64), factor = heed_take_int(&d->s, "factor", 2, 8),
                  sizes = heed_take_int(&d->s, "sizes", 2, 12);
    const heed_grid table = heed_grid_make(&d->s, sizes, N_COLUMNS);
    heed_grid x = heed_grid_make(&d->s, 1, sizes), std = heed_grid_make(&d->s, 1, sizes),
              root = heed_grid_make(&d->s, 1, sizes);

    if ((double)least * pow((double)factor, (double)sizes - 1.0) > MOST_LENGTH)
        heed_solve_fail(&d->s, HEED_ERR_USAGE, "expected least_d and factor that lead to a d of at most %d",
                        MOST_LENGTH);
    fill(d, table, pairs, least, factor);
    for (int64_t i = 0; d->s.status == HEED_OK && i < sizes; i++) {
        x.data[i] = table.data[i * N_COLUMNS + D];
        std.data[i] = table.data[i * N_COLUMNS + STD];
        root.data[i] = table.data[i * N_COLUMNS + ROOT];
    }
    heed_show_table(d, table, "Dot products of random pairs", NULL, "d|variance|std|sqrt(d)|scaled var", false);
    heed_show_axes(d, "Standard deviation of q . k", "d", "std", "xy");
    heed_show_curve(d, "measured", x, std);
    heed_show_curve(d, "sqrt(d)", x, root);
    judge(d, table);
}

const heed_demo heed_demo_05 = {
    .info =
        {.id = "D05",
         .title = "Dot products grow with the root of their length",
         .shows =
             "Measures q . k for many random pairs with numbers of mean 0 and variance 1. Each product q_i k_i "
             "has variance 1, and d independent ones add up to variance d: the standard deviation is "
             "sqrt(d), which is why scores are divided by that, and by nothing larger.",
         .rule = "A line through log std over log d rises by 0.5 within 0.02, and the variance of the scaled "
                 "products is 1 within 0.05 for every d.",
         .sabotage = "The products are divided by d.",
         .params = "{\"pairs\": 100000, \"least_d\": 4, \"factor\": 4, \"sizes\": 4}"},
    .full = "{\"factor\": 2, \"sizes\": 9, \"pairs\": 400000}",
    .run = run,
};
