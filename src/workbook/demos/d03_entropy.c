/* SPDX-License-Identifier: MIT */
/* D03: how spread attention is for wider and wider heads, with and without 1/sqrt(head_dim). */
#include <heed/attention.h>
#include <math.h>

#include "workbook/demos/demos.h"

/* Means over all rows. */
typedef struct spread {
    double entropy, largest;
} spread;

#define AT_ONCE 32 /* rows: their keys are drawn together */

/* Adds up attention of n rows, each a head with one query and its own keys. out [n, keys + 1] is scratch. */
static void add_rows(heed_demoing *d, const float *q, const float *k, int64_t n, int64_t keys, int64_t head_dim,
                     double scale, float *out, spread *sum)
{
    heed_attention_inputs in = {.n_heads = n,
                                .n_query = 1,
                                .n_key = keys,
                                .head_dim = head_dim,
                                .v_dim = 1,
                                .q = q,
                                .k = k,
                                .v = k, /* nobody reads the output */
                                .scale = scale,
                                .plain = true};
    const heed_attention_results want = {.entropy = out, .weights = out + n};
    heed_error err = {HEED_OK, ""};

    if (d->s.status != HEED_OK || !heed_demo_ok(d, heed_attention_run(&in, &want, &err), &err))
        return;
    for (int64_t i = 0; i < n; i++) {
        float largest = 0.0f;

        for (int64_t j = 0; j < keys; j++)
            largest = fmaxf(largest, want.weights[i * keys + j]);
        sum->entropy += (double)out[i];
        sum->largest += (double)largest;
    }
}

enum { HEAD_DIM, ENTROPY, LARGEST, PLAIN_ENTROPY, PLAIN_LARGEST, N_COLUMNS };

static void fill_row(heed_demoing *d, int64_t n, int64_t keys, int64_t head_dim, double *row)
{
    float *q = heed_demo_floats(d, AT_ONCE * head_dim), *k = heed_demo_floats(d, AT_ONCE * keys * head_dim),
          *out = heed_demo_floats(d, AT_ONCE * (keys + 1));
    spread scaled = {0.0, 0.0}, plain = {0.0, 0.0};

    for (int64_t done = 0; d->s.status == HEED_OK && done < n; done += AT_ONCE) {
        const int64_t some = n - done < AT_ONCE ? n - done : AT_ONCE;

        heed_demo_draw_uniform(d, q, some * head_dim);
        heed_demo_draw_uniform(d, k, some * keys * head_dim);
        add_rows(d, q, k, some, keys, head_dim, d->sabotage ? 1.0 : 0.0, out, &scaled);
        add_rows(d, q, k, some, keys, head_dim, 1.0, out, &plain);
    }
    row[HEAD_DIM] = (double)head_dim;
    row[ENTROPY] = scaled.entropy / (double)n;
    row[LARGEST] = scaled.largest / (double)n;
    row[PLAIN_ENTROPY] = plain.entropy / (double)n;
    row[PLAIN_LARGEST] = plain.largest / (double)n;
}

static void fill(heed_demoing *d, heed_grid table, int64_t n, int64_t keys, int64_t first)
{
    for (int64_t i = 0; d->s.status == HEED_OK && i < table.rows; i++) {
        heed_demo_progress(d, (double)i / (double)table.rows, "wider and wider heads");
        fill_row(d, n, keys, first << i, table.data + i * N_COLUMNS);
    }
}

/* How far the scaled entropy moves from head_dim 16 on. */
static double range_of(heed_grid table)
{
    double low = INFINITY, high = -INFINITY;

    for (int64_t i = 0; i < table.rows; i++) {
        const double *row = table.data + i * N_COLUMNS;
        if (row[HEAD_DIM] >= 16.0) {
            low = fmin(low, row[ENTROPY]);
            high = fmax(high, row[ENTROPY]);
        }
    }
    return high - low;
}

/* From each width to the one four times as large; neighbours are too near for few rows. */
static bool falls(heed_grid table, int column)
{
    for (int64_t i = 2; i < table.rows; i++) {
        if (table.data[i * N_COLUMNS + column] >= table.data[(i - 2) * N_COLUMNS + column])
            return false;
    }
    return true;
}

/* here: a row of its own. */
static void judge(heed_demoing *d, heed_grid table, const double *here, int64_t keys)
{
    const double ceiling = log((double)keys), range = range_of(table);
    const double *first = table.data, *last = table.data + (table.rows - 1) * N_COLUMNS;

    heed_show_figure(d, "ceiling", ceiling, "nats: ln of the number of keys");
    heed_show_figure(d, "scaled_range", range, "nats between widths from 16 on, scaled");
    heed_show_figure(d, "scaled_entropy", last[ENTROPY], "nats at the widest, scaled");
    heed_show_figure(d, "unscaled_entropy", last[PLAIN_ENTROPY], "nats at the widest, not scaled");
    heed_show_figure(d, "unscaled_largest", last[PLAIN_LARGEST], "mean largest weight there, not scaled");
    heed_show_figure(d, "scaled_largest", last[LARGEST], "the same, scaled");
    heed_show_figure(d, "scaled_first", first[ENTROPY], "nats at the narrowest, scaled");
    heed_show_figure(d, "unscaled_first", first[PLAIN_ENTROPY], "nats at the narrowest, not scaled");
    heed_show_figure(d, "scaled_here", here[ENTROPY], "nats at head_dim, scaled");
    heed_show_figure(d, "unscaled_here", here[PLAIN_ENTROPY], "nats at head_dim, not scaled");
    heed_show_check(d, range <= 0.05 * ceiling,
                    "scaled, entropies from head_dim 16 on lie within %.3f nats, at most 5 %% of %.3f", range,
                    ceiling);
    heed_show_check(d, last[ENTROPY] >= 0.75 * ceiling,
                    "scaled, the widest has %.3f nats, at least 75 %% of it", last[ENTROPY]);
    heed_show_check(d, falls(table, PLAIN_ENTROPY),
                    "without the scale entropy falls whenever heads get four times as wide");
    heed_show_check(d, last[PLAIN_ENTROPY] <= 0.1 * ceiling,
                    "without it the widest has %.3f nats left, at most 10 %% of it", last[PLAIN_ENTROPY]);
}

static heed_grid column_of(heed_demoing *d, heed_grid table, int column)
{
    heed_grid x = heed_grid_make(&d->s, 1, table.rows);

    for (int64_t i = 0; i < x.columns; i++)
        x.data[i] = table.data[i * table.columns + column];
    return x;
}

static void run(heed_demoing *d)
{
    const int64_t keys = heed_take_int(&d->s, "keys", 2, 512), rows = heed_take_int(&d->s, "rows", 1, 4096),
                  first = heed_take_int(&d->s, "least_head_dim", 1, 64),
                  widths = heed_take_int(&d->s, "widths", 3, 12),
                  head_dim = heed_take_int(&d->s, "head_dim", 1, 4096);
    const heed_grid table = heed_grid_make(&d->s, widths, N_COLUMNS);
    double here[N_COLUMNS] = {0.0};

    fill(d, table, rows, keys, first);
    if (d->s.status == HEED_OK)
        fill_row(d, rows, keys, head_dim, here);
    if (d->s.status != HEED_OK)
        return;
    heed_show_table(d, table, "Means over all rows", NULL,
                    "head_dim|entropy, scaled|largest, scaled|entropy, plain|largest, plain", false);
    heed_show_axes(d, "Entropy of attention over random keys", "head_dim", "nats", "x");
    heed_show_curve(d, "scaled by 1/sqrt(head_dim)", column_of(d, table, HEAD_DIM),
                    column_of(d, table, ENTROPY));
    heed_show_curve(d, "not scaled", column_of(d, table, HEAD_DIM), column_of(d, table, PLAIN_ENTROPY));
    judge(d, table, here, keys);
}

const heed_demo heed_demo_03 = {
    .info =
        {.id = "D03",
         .title = "What the scale is for: entropy over head_dim",
         .shows =
             "Draws random queries and keys of unit variance and lets attention weigh the keys. A dot product "
             "has a standard deviation of sqrt(head_dim), so without the scale wide heads have far-flung "
             "scores and put all weight on one key. Divided by sqrt(head_dim), scores and so entropies stay "
             "where they are.",
         .rule =
             "Scaled, mean entropies from head_dim 16 on differ by at most 5 % of ln(keys) and the widest has "
             "at least 75 % of it; not scaled, entropy falls whenever heads get four times as wide, to at most "
             "10 %.",
         .sabotage = "The scale is left out.",
         .params = "{\"keys\": 32, \"rows\": 128, \"least_head_dim\": 4, \"widths\": 9, \"head_dim\": 64}"},
    .full = "{\"rows\": 1024, \"widths\": 9}",
    .run = run,
};
