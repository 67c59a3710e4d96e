/* SPDX-License-Identifier: MIT */
/* D28: one token at two places: when is its output the same? */
#include <math.h>

#include "workbook/attend.h"
#include "workbook/demos/demos.h"
#include "workbook/op_graph.h"

#define SAME      1e-5 /* sums in another order, numbers around 1 */
#define DIFFERENT 1e-3

/* The engine's sines and cosines. */
static heed_grid places(heed_demoing *d, int64_t n, int64_t width)
{
    heed_graph *g = heed_op_graph(&d->s);

    return heed_op_run(&d->s, g, heed_sinusoidal(g, NULL, n, width));
}

static heed_grid plus(heed_demoing *d, heed_grid a, heed_grid b)
{
    heed_grid x = heed_grid_make(&d->s, a.rows, a.columns);

    for (int64_t i = 0; d->s.status == HEED_OK && i < x.rows * x.columns; i++)
        x.data[i] = a.data[i] + b.data[i];
    return x;
}

/* Rows of the table for these ids. */
static heed_grid look_up(heed_demoing *d, heed_grid table, heed_grid ids)
{
    heed_graph *g = heed_op_graph(&d->s);
    heed_node *rows = heed_op_input(&d->s, g, "table", heed_shape2(table.rows, table.columns), table),
              *which = heed_op_input_ids(&d->s, g, "ids", heed_shape2(1, ids.columns), ids);

    return heed_op_run(&d->s, g, heed_embedding(g, rows, which));
}

typedef struct maps {
    heed_grid q, k, v;
} maps;

static heed_grid attend(heed_demoing *d, heed_grid x, const maps *w, bool causal)
{
    const heed_attend_inputs in = {
        .x = x, .w_q = w->q, .w_k = w->k, .w_v = w->v, .causal = causal && !d->sabotage};

    return heed_attend(&d->s, &in).output;
}

static double apart(heed_demoing *d, heed_grid a, int64_t i, heed_grid b, int64_t j)
{
    return d->s.status == HEED_OK ? heed_demo_difference(heed_grid_row(a, i), heed_grid_row(b, j)) : NAN;
}

/* Scaled so that what a map gives is as long as what it takes. */
static heed_grid draw_map(heed_demoing *d, int64_t width)
{
    heed_grid w = heed_demo_normal(d, width, width);

    for (int64_t i = 0; i < w.rows * w.columns; i++)
        w.data[i] /= sqrt((double)width);
    return w;
}

/* Two lists of ids with the same token at first; in `one` it stands at second too. */
static void measure(heed_demoing *d, heed_grid one, heed_grid two, int64_t first, int64_t second, int64_t width,
                    double out[4])
{
    const heed_grid table = heed_demo_normal(d, 64, width);
    const maps w = {draw_map(d, width), draw_map(d, width), draw_map(d, width)};
    heed_grid x = look_up(d, table, one), other = look_up(d, table, two), rows = places(d, one.columns, width);

    if (d->s.status != HEED_OK)
        return;
    for (int64_t i = 0; d->sabotage && i < rows.rows * rows.columns; i++)
        rows.data[i] = 0.0;
    {
        const heed_grid plain = attend(d, x, &w, false), masked = attend(d, x, &w, true),
                        placed = attend(d, plus(d, x, rows), &w, false),
                        elsewhere = attend(d, other, &w, false);

        const heed_grid with_places = plus(d, x, rows);

        heed_show_figure(d, "input_plain", apart(d, x, first, x, second),
                         "between the token's two input vectors, no positions");
        heed_show_figure(d, "input_placed", apart(d, with_places, first, with_places, second),
                         "the same, positions added");
        out[0] = apart(d, plain, first, plain, second);
        out[1] = apart(d, masked, first, masked, second);
        out[2] = apart(d, placed, first, placed, second);
        out[3] = apart(d, plain, first, elsewhere, first);
    }
}

/* --- two tokens that trade places, and the four terms of a score --- */

enum { SWAP_TOKENS = 4 };

static heed_grid with_first_two_swapped(heed_demoing *d, heed_grid x)
{
    heed_grid out = heed_grid_make(&d->s, x.rows, x.columns);

    for (int64_t i = 0; d->s.status == HEED_OK && i < x.rows * x.columns; i++) {
        const int64_t row = i / x.columns;
        out.data[i] = x.data[(row < 2 ? 1 - row : row) * x.columns + i % x.columns];
    }
    return out;
}

static heed_grid scores_of(heed_demoing *d, heed_grid queries, heed_grid keys, const maps *w)
{
    const heed_attend_inputs in = {.x = queries, .x_kv = keys, .w_q = w->q, .w_k = w->k, .w_v = w->v};

    return heed_attend(&d->s, &in).scaled;
}

/* (t_i + p_i) W (t_j + p_j): how far the four products are off the score at most; those of one pair into a table. */
static void show_terms(heed_demoing *d, heed_grid tokens, heed_grid rows, const maps *w)
{
    const heed_grid parts[4] = {scores_of(d, tokens, tokens, w), scores_of(d, tokens, rows, w),
                                scores_of(d, rows, tokens, w), scores_of(d, rows, rows, w)};
    const heed_grid sum = plus(d, tokens, rows), whole = scores_of(d, sum, sum, w);
    const heed_grid added = plus(d, plus(d, parts[0], parts[1]), plus(d, parts[2], parts[3]));
    const int64_t last = whole.rows * whole.columns - 2; /* the last query, the key before it */
    heed_grid table = heed_grid_make(&d->s, 1, 5);
    double off;

    if (d->s.status != HEED_OK)
        return;
    off = heed_demo_difference(added, whole);
    for (int i = 0; i < 4; i++)
        table.data[i] = parts[i].data[last];
    table.data[4] = whole.data[last];
    heed_show_table(d, table, "A score by its terms: the last token asks, the one before it is the key",
                    "score", "token.token|token.place|place.token|place.place|all", false);
    heed_show_figure(d, "terms_off", off, "the four terms added up, against the score, at most");
    heed_show_check(d, off <= SAME, "the four terms add up to the score: %.2g apart", off);
}

static void show_swap(heed_demoing *d, int64_t width)
{
    const heed_grid tokens = heed_demo_normal(d, SWAP_TOKENS, width), rows = places(d, SWAP_TOKENS, width);
    const heed_grid swapped = with_first_two_swapped(d, tokens);
    const maps w = {draw_map(d, width), draw_map(d, width), draw_map(d, width)};
    const int64_t last = SWAP_TOKENS - 1;
    double without, with;

    without = apart(d, attend(d, tokens, &w, false), last, attend(d, swapped, &w, false), last);
    with = apart(d, attend(d, plus(d, tokens, rows), &w, false), last,
                 attend(d, plus(d, swapped, rows), &w, false), last);
    heed_show_figure(d, "swap_without", without,
                     "what a swap of two others changes of the last output, no positions");
    heed_show_figure(d, "swap_with", with, "the same with positions");
    heed_show_check(
        d, without <= SAME && with > DIFFERENT,
        "two tokens trade places: without positions the last output changes by %.2g, with them by %.3g",
        without, with);
    show_terms(d, tokens, rows, &w);
}

static heed_grid take_ids(heed_demoing *d, const char *name)
{
    const heed_grid ids = heed_take_list(&d->s, name);

    for (int64_t i = 0; i < ids.columns; i++) {
        if (!(ids.data[i] >= 0.0 && ids.data[i] < 64.0) || ids.columns > 256)
            heed_solve_fail(&d->s, HEED_ERR_USAGE, "%s: expected at most 256 ids from 0 to 63", name);
    }
    return ids;
}

/* The first id that is there twice. */
static bool find_twice(heed_grid ids, int64_t *first, int64_t *second)
{
    for (int64_t i = 0; i < ids.columns; i++) {
        for (int64_t j = i + 1; j < ids.columns; j++) {
            if (ids.data[i] == ids.data[j]) {
                *first = i;
                *second = j;
                return true;
            }
        }
    }
    return false;
}

static void run(heed_demoing *d)
{
    const heed_grid one = take_ids(d, "tokens"), two = take_ids(d, "others");
    const int64_t width = heed_take_int(&d->s, "d_model", 2, 256);
    const char *cases[] = {"one text, no mask, no positions", "one text, causal mask", "one text, positions",
                           "two texts"};
    heed_grid table = heed_grid_make(&d->s, 1, 4);
    int64_t first = 0, second = 0;

    if (d->s.status == HEED_OK &&
        (!find_twice(one, &first, &second) || two.columns <= first || two.data[first] != one.data[first]))
        heed_solve_fail(&d->s, HEED_ERR_USAGE,
                        "expected tokens with one of them twice, and others with it at the first place");
    if (d->s.status != HEED_OK)
        return;
    measure(d, one, two, first, second, width, table.data);
    heed_show_table(d, table, "Largest difference between its two outputs", "difference",
                    "neither|mask|positions|two texts", true);
    heed_show_figure(d, "output_plain", table.data[0], "between its two outputs: no mask, no positions");
    heed_show_figure(d, "output_masked", table.data[1], "with a causal mask");
    heed_show_figure(d, "output_placed", table.data[2], "with positions");
    heed_show_figure(d, "output_elsewhere", table.data[3], "of two texts");
    heed_show_check(d, table.data[0] <= SAME, "%s: %.2g, 0 up to rounding", cases[0], table.data[0]);
    for (int i = 1; i < 4; i++)
        heed_show_check(d, table.data[i] > DIFFERENT, "%s: %.3g, more than %g", cases[i], table.data[i],
                        DIFFERENT);
    show_swap(d, width);
}

const heed_demo heed_demo_28 = {
    .info =
        {.id = "D28",
         .title = "The same token twice",
         .shows =
             "Attends over a text in which a token stands twice, and compares what comes out at its two "
             "places. "
             "Without mask and positions both have the same query and see the same keys: attention knows "
             "nothing of order, so nothing can differ. A causal mask hides other keys from each, positions "
             "make them different vectors, and another text has other keys.",
         .rule =
             "The difference is at most 1e-5 in one text without mask and positions, and above 1e-3 with the "
             "mask, with positions, and between two texts. A swap of two tokens changes the output of another "
             "by at "
             "most 1e-5 without positions, by more than 1e-3 with them, and the four terms of token and place "
             "add up to the score within 1e-5.",
         .sabotage = "The mask is not applied, and positions are zeros.",
         .params = "{\"tokens\": [1, 2, 1, 3], \"others\": [1, 4, 5, 6], \"d_model\": 8}"},
    .full = "{\"d_model\": 128}",
    .run = run,
};
