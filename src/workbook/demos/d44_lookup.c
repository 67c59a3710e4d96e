/* SPDX-License-Identifier: MIT */
/* D44: looking up one value, hard and soft, under a small change of the query. */
#include <heed/attention.h>
#include <math.h>

#include "workbook/demos/demos.h"

enum { WIDTH = 2, MOST_SHARP = 4 };

typedef struct table {
    float *k, *v; /* [keys, WIDTH], [keys] */
    int64_t keys;
} table;

/* Queries that turn once around: what they find. sharpness 0: the value of the best key alone. */
static heed_grid look_up(heed_demoing *d, const table *t, int64_t n, double sharpness)
{
    float *q = heed_demo_floats(d, n * WIDTH), *out = heed_demo_floats(d, n);
    heed_grid y = heed_grid_make(&d->s, 1, n);
    const heed_attention_inputs in = {.n_query = n,
                                      .n_key = t->keys,
                                      .head_dim = WIDTH,
                                      .v_dim = 1,
                                      .q = q,
                                      .k = t->k,
                                      .v = t->v,
                                      .scale = sharpness > 0.0 ? sharpness : 1.0,
                                      .lookup = sharpness == 0.0 && !d->sabotage,
                                      .plain = true};
    const heed_attention_results want = {.out = out};
    heed_error err = {HEED_OK, ""};

    for (int64_t i = 0; d->s.status == HEED_OK && i < n; i++) {
        const double angle = 6.283185307179586 * ((double)i + 0.5) / (double)n;
        q[WIDTH * i] = (float)cos(angle);
        q[WIDTH * i + 1] = (float)sin(angle);
    }
    if (d->s.status != HEED_OK || !heed_demo_ok(d, heed_attention_run(&in, &want, &err), &err))
        return y;
    for (int64_t i = 0; i < n; i++)
        y.data[i] = (double)out[i];
    return y;
}

/* Steps from one query to the next. */
typedef struct steps {
    double largest;
    int64_t n_moved; /* that are not 0 */
} steps;

static steps steps_of(heed_grid y)
{
    steps s = {0.0, 0};

    for (int64_t i = 1; i < y.columns; i++) {
        const double step = fabs(y.data[i] - y.data[i - 1]);
        s.largest = fmax(s.largest, step);
        s.n_moved += step != 0.0;
    }
    return s;
}

static double mean_apart(heed_grid a, heed_grid b)
{
    double sum = 0.0;

    for (int64_t i = 0; i < a.columns; i++)
        sum += fabs(a.data[i] - b.data[i]) / (double)a.columns;
    return sum;
}

static table make_table(heed_demoing *d, int64_t keys)
{
    table t = {heed_demo_floats(d, keys * WIDTH), heed_demo_floats(d, keys), keys};

    /* Keys all around, values that alternate: no two neighbours hold the same. */
    for (int64_t i = 0; d->s.status == HEED_OK && i < keys; i++) {
        const double angle = 6.283185307179586 * ((double)i + 0.4 * heed_rng_double(&d->rng)) / (double)keys;
        t.k[WIDTH * i] = (float)cos(angle);
        t.k[WIDTH * i + 1] = (float)sin(angle);
        t.v[i] = (float)(i % 2) + 0.5f * heed_rng_float(&d->rng);
    }
    return t;
}

static void judge(heed_demoing *d, const table *t, heed_grid hard, heed_grid soft, int64_t n)
{
    const heed_grid finer_hard = look_up(d, t, 2 * n, 0.0),
                    finer_soft = look_up(d, t, 2 * n, heed_take_number(&d->s, "sharpness"));
    steps h, h2, s, s2;

    if (d->s.status != HEED_OK)
        return;
    h = steps_of(hard);
    h2 = steps_of(finer_hard);
    s = steps_of(soft);
    s2 = steps_of(finer_soft);
    heed_show_figure(d, "hard_jumps", (double)h.n_moved,
                     "of all steps of the query, those that move the value");
    heed_show_figure(d, "hard_moved", (double)h.n_moved / (double)(n - 1), "share of them, hard");
    heed_show_figure(d, "soft_moved", (double)s.n_moved / (double)(n - 1), "the same, soft");
    heed_show_figure(d, "hard_largest", h.largest, "the largest step of the hard value");
    heed_show_figure(d, "soft_largest", s.largest, "the largest step of the soft one");
    heed_show_figure(d, "hard_ratio", h2.largest / h.largest, "of it, with steps of the query half as long");
    heed_show_figure(d, "soft_ratio", s2.largest / s.largest, "the same, soft");
    heed_show_check(d, h.n_moved >= 1 && h.n_moved <= t->keys,
                    "hard: the value moves at %lld of %lld steps, at most once a key; its derivative is 0 "
                    "elsewhere",
                    (long long)h.n_moved, (long long)n - 1);
    heed_show_check(d, h2.largest >= 0.9 * h.largest,
                    "hard: jumps stay as large with steps half as long (%.2f)", h2.largest / h.largest);
    heed_show_check(d, s2.largest >= 0.4 * s.largest && s2.largest <= 0.6 * s.largest,
                    "soft: with steps half as long the value moves half as far (%.2f): it has a derivative",
                    s2.largest / s.largest);
    heed_show_check(d, s.n_moved >= (n - 1) * 9 / 10, "soft: it moves at %lld of %lld steps",
                    (long long)s.n_moved, (long long)n - 1);
}

static void run(heed_demoing *d)
{
    const int64_t keys = heed_take_int(&d->s, "keys", 2, 64), n = heed_take_int(&d->s, "queries", 100, 100000);
    const double sharpness = heed_take_number(&d->s, "sharpness");
    const table t = make_table(d, keys);
    heed_grid x = heed_grid_make(&d->s, 1, n), apart = heed_grid_make(&d->s, MOST_SHARP, 2), hard,
              soft[MOST_SHARP];
    bool closer = true;

    if (d->s.status == HEED_OK && !(sharpness > 0.0 && sharpness <= 100.0))
        heed_solve_fail(&d->s, HEED_ERR_USAGE, "sharpness: expected a number above 0 and up to 100, got %g",
                        sharpness);
    hard = look_up(d, &t, n, 0.0);
    for (int64_t i = 0; i < x.columns; i++)
        x.data[i] = 360.0 * ((double)i + 0.5) / (double)n;
    for (int i = 0; d->s.status == HEED_OK && i < MOST_SHARP; i++) {
        const double s = sharpness * pow(8.0, (double)i);

        soft[i] = look_up(d, &t, n, s);
        apart.data[2 * i] = s;
        apart.data[2 * i + 1] = mean_apart(soft[i], hard);
        closer = closer && (i == 0 || apart.data[2 * i + 1] < apart.data[2 * i - 1]);
    }
    if (d->s.status != HEED_OK)
        return;
    heed_show_table(d, apart, "Mean distance of the soft value from the hard one", NULL, "sharpness|distance",
                    false);
    heed_show_axes(d, "What a turning query finds", "angle of the query", "value", "");
    heed_show_curve(d, "hard", x, hard);
    heed_show_curve(d, "soft", x, soft[0]);
    heed_show_curve(d, "soft, 8 times as sharp", x, soft[1]);
    judge(d, &t, hard, soft[0], n);
    heed_show_check(d, closer && apart.data[2 * MOST_SHARP - 1] < 0.25 * apart.data[1],
                    "the sharper, the nearer to hard: %.3g, %.3g, %.3g, %.3g", apart.data[1], apart.data[3],
                    apart.data[5], apart.data[7]);
}

const heed_demo heed_demo_44 = {
    .info =
        {.id = "D44",
         .title = "Hard and soft lookup",
         .shows =
             "Turns a query past a ring of keys and reads what it finds: the value of the best key, or the "
             "mean "
             "of all values by softmax. The hard value stands still and then jumps, so its derivative is 0 "
             "wherever there is one, and nothing can be learned from it. The soft one moves with the query, "
             "and becomes the hard one as scores get sharper.",
         .rule =
             "Hard: the value moves at most once a key, in jumps that do not shrink with the steps. Soft: it "
             "moves nearly everywhere, half as far in steps half as long, and its distance from hard falls "
             "with "
             "each sharper one.",
         .sabotage = "The hard lookup is a soft one too.",
         .params = "{\"keys\": 5, \"queries\": 720, \"sharpness\": 2}"},
    .full = "{\"keys\": 16, \"queries\": 20000, \"sharpness\": 8}",
    .run = run,
};
