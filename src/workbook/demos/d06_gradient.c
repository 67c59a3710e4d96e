/* SPDX-License-Identifier: MIT */
/* D06: what is left of the gradient behind a sharp softmax. */
#include <math.h>

#include "workbook/attend.h"
#include "workbook/demos/demos.h"
#include "workbook/distribution.h"

enum { TOP, DIAGONAL, CROSS, TO_SCORES, TO_Q, TO_K, N_COLUMNS };

#define SHARP    0.99
#define FROM_TOP 0.8 /* the rule looks at sharper rows than this */

/* --- one sharpness --- */

static double norm(heed_grid x)
{
    double sum = 0.0;

    for (int64_t i = 0; i < x.rows * x.columns; i++)
        sum += x.data[i] * x.data[i];
    return sqrt(sum);
}

static int64_t top_of(heed_grid p)
{
    int64_t top = 0;

    for (int64_t i = 1; i < p.columns; i++)
        top = p.data[i] > p.data[top] ? i : top;
    return top;
}

/* The row of the Jacobian of the top weight: dp_top / dx_j = p_top (1[j = top] - p_j), from the op's gradient. */
static heed_grid jacobian_row(heed_demoing *d, heed_grid p, int64_t top)
{
    heed_grid one = heed_grid_make(&d->s, 1, p.columns);

    if (d->s.status != HEED_OK)
        return one;
    one.data[top] = 1.0;
    return heed_softmax_gradient(&d->s, p, one);
}

static double largest_cross(heed_grid row, int64_t top)
{
    double most = 0.0;

    for (int64_t j = 0; j < row.columns; j++)
        most = j != top ? fmax(most, fabs(row.data[j])) : most;
    return most;
}

/* Without the softmax a gradient reaches the scores as it is, and Q and K by the keys and the query: the norms of that. */
static void pass_by(const heed_attended *a, heed_grid k, heed_grid q, double scale, double *row)
{
    double to_q = 0.0;

    for (int64_t c = 0; c < k.columns; c++) {
        double sum = 0.0;

        for (int64_t j = 0; j < k.rows; j++)
            sum += a->dweights.data[j] * k.data[j * k.columns + c] * scale;
        to_q += sum * sum;
    }
    row[TO_SCORES] = norm(a->dweights);
    row[TO_Q] = sqrt(to_q);
    row[TO_K] = norm(a->dweights) * norm(q) * scale;
}

/* A query that is longer looks along the same line, and more sharply. */
static void measure(heed_demoing *d, const heed_attend_inputs *in, double times, double *row, heed_grid *p)
{
    heed_attend_inputs sharper = *in;
    heed_attended a;
    heed_grid jacobian;
    int64_t top;

    sharper.q = heed_grid_make(&d->s, 1, in->q.columns);
    for (int64_t c = 0; c < sharper.q.columns; c++)
        sharper.q.data[c] = times * in->q.data[c];
    a = heed_attend(&d->s, &sharper);
    if (d->s.status != HEED_OK)
        return;
    *p = a.weights;
    top = top_of(a.weights);
    jacobian = jacobian_row(d, a.weights, top);
    if (d->s.status != HEED_OK)
        return;
    row[TOP] = a.weights.data[top];
    row[DIAGONAL] = jacobian.data[top];
    row[CROSS] = largest_cross(jacobian, top);
    row[TO_SCORES] = norm(a.dmasked);
    row[TO_Q] = norm(a.dq);
    row[TO_K] = norm(a.dk);
    if (d->sabotage)
        pass_by(&a, in->k, sharper.q, 1.0 / sqrt((double)in->q.columns), row);
}

/* --- all of them --- */

static bool falls(heed_grid table, int column)
{
    double before = INFINITY;
    int n = 0;

    for (int64_t i = 0; i < table.rows; i++) {
        const double *row = table.data + i * N_COLUMNS;

        if (row[TOP] < FROM_TOP)
            continue;
        if (row[column] > before || (row[column] == before && before > 0.0))
            return false;
        before = row[column];
        n++;
    }
    return n >= 3;
}

static double largest(heed_grid table, int column)
{
    double most = 0.0;

    for (int64_t i = 0; i < table.rows; i++)
        most = fmax(most, table.data[i * N_COLUMNS + column]);
    return most;
}

/* The largest |dp_top/dx_top - p (1 - p)|. */
static double off_formula(heed_grid table)
{
    double most = 0.0;

    for (int64_t i = 0; i < table.rows; i++) {
        const double *row = table.data + i * N_COLUMNS;
        most = fmax(most, fabs(row[DIAGONAL] - row[TOP] * (1.0 - row[TOP])));
    }
    return most;
}

static void judge(heed_demoing *d, heed_grid table)
{
    static const struct {
        int column;
        const char *name;
    } norms[] = {{TO_SCORES, "the scores"}, {TO_Q, "Q"}, {TO_K, "K"}};
    const double *last = table.data + (table.rows - 1) * N_COLUMNS;
    const double off = off_formula(table);

    heed_show_figure(d, "last_top", last[TOP], "the largest weight of the sharpest row");
    heed_show_figure(d, "last_to_Q", last[TO_Q], "norm of the gradient of Q there");
    heed_show_figure(d, "most_to_Q", largest(table, TO_Q), "the largest such norm");
    for (int64_t i = 0; i < table.rows; i++) {
        const double *row = table.data + i * N_COLUMNS;

        if (row[TOP] >= SHARP || i == table.rows - 1) {
            heed_show_figure(d, "sharp_top", row[TOP], "the first largest weight of 0.99 and more");
            heed_show_figure(d, "to_Q_sharp", row[TO_Q], "norm of the gradient of Q there");
            break;
        }
    }
    heed_show_figure(d, "to_Q_even", table.data[TO_Q], "that of the evenest row");
    heed_show_figure(d, "off_formula", off, "the largest |diagonal - p (1 - p)|");
    heed_show_check(d, last[TOP] > 0.9999, "the sharpest row puts %.6f on one key", last[TOP]);
    heed_show_check(d, off <= 1e-6, "the diagonal is p (1 - p) within 1e-6: %.2g off", off);
    for (size_t i = 0; i < sizeof norms / sizeof norms[0]; i++) {
        const double most = largest(table, norms[i].column);

        heed_show_check(d, falls(table, norms[i].column), "the gradient of %s falls with each sharper row",
                        norms[i].name);
        heed_show_check(d, last[norms[i].column] <= 0.001 * most,
                        "and ends at %.2g, at most a thousandth of %.3g", last[norms[i].column], most);
    }
}

/* --- rows of scores that are given, and two keys --- */

enum { DRAWS = 64 };

/* How large the gradient of each score of a row is over random gradients of its weights. */
typedef struct reach {
    double norm;      /* of all of them */
    int64_t n_within; /* positions that get at least a tenth of the largest one */
} reach;

static reach reach_of(heed_demoing *d, heed_grid scores)
{
    const int64_t n = scores.columns;
    const heed_grid p = heed_softmax_of_rows(&d->s, scores), dy = heed_demo_normal(d, DRAWS, n);
    heed_grid y = heed_grid_make(&d->s, DRAWS, n), dx, squares = heed_grid_make(&d->s, 1, n);
    double largest = 0.0;
    reach r = {0.0, 0};

    for (int64_t i = 0; d->s.status == HEED_OK && i < DRAWS * n; i++)
        y.data[i] = p.data[i % n];
    dx = heed_softmax_gradient(&d->s, y, dy);
    if (d->s.status != HEED_OK)
        return r;
    for (int64_t i = 0; i < DRAWS * n; i++)
        squares.data[i % n] += dx.data[i] * dx.data[i] / DRAWS;
    for (int64_t j = 0; j < n; j++) {
        r.norm += squares.data[j];
        largest = fmax(largest, squares.data[j]);
    }
    for (int64_t j = 0; j < n; j++)
        r.n_within += squares.data[j] >= 0.01 * largest;
    r.norm = sqrt(r.norm);
    return r;
}

/* Equal scores, and scores at even distances. */
static void compare(heed_demoing *d)
{
    const int64_t len_a = heed_take_int(&d->s, "len_a", 2, 4096),
                  len_b = heed_take_int(&d->s, "len_b", 2, 4096);
    const double lo = heed_take_number(&d->s, "lo"), hi = heed_take_number(&d->s, "hi");
    heed_grid even = heed_grid_make(&d->s, 1, len_a), spread = heed_grid_make(&d->s, 1, len_b);
    reach a, b;

    if (d->s.status == HEED_OK && !(lo >= -1e6 && hi <= 1e6 && lo <= hi))
        heed_solve_fail(&d->s, HEED_ERR_USAGE, "expected lo and hi from -1e6 to 1e6, lo being the lower");
    for (int64_t j = 0; d->s.status == HEED_OK && j < len_b; j++)
        spread.data[j] = lo + (hi - lo) * (double)j / (double)(len_b - 1);
    a = reach_of(d, even);
    b = reach_of(d, spread);
    heed_show_figure(d, "even_norm", a.norm, "gradient of len_a equal scores");
    heed_show_figure(d, "spread_norm", b.norm, "of len_b scores from lo to hi");
    heed_show_figure(d, "even_reached", (double)a.n_within / (double)len_a,
                     "share of the equal ones that get a tenth of the largest or more");
    heed_show_figure(d, "spread_reached", (double)b.n_within / (double)len_b, "the same of the others");
}

/* dp/dx of the first of two keys for p = 0.01 .. 0.99: where it is largest, and at the end. */
static void scan(heed_demoing *d)
{
    heed_grid x = heed_grid_make(&d->s, 99, 2), one = heed_grid_make(&d->s, 99, 2), p, dx;
    int64_t best = 0;

    for (int64_t i = 0; d->s.status == HEED_OK && i < x.rows; i++) {
        const double share = (double)(i + 1) / 100.0;

        x.data[2 * i] = log(share / (1.0 - share));
        one.data[2 * i] = 1.0;
    }
    p = heed_softmax_of_rows(&d->s, x);
    dx = heed_softmax_gradient(&d->s, p, one);
    if (d->s.status != HEED_OK)
        return;
    for (int64_t i = 1; i < x.rows; i++)
        best = dx.data[2 * i] > dx.data[2 * best] ? i : best;
    heed_show_figure(d, "best_p", p.data[2 * best], "the weight at which dp/dx is largest, of two keys");
    heed_show_figure(d, "best_slope", dx.data[2 * best], "dp/dx there");
    heed_show_figure(d, "slope_at_99", dx.data[2 * 98], "dp/dx at a weight of 0.99");
}

static heed_grid column_of(heed_demoing *d, heed_grid table, int column)
{
    heed_grid x = heed_grid_make(&d->s, 1, table.rows);

    for (int64_t i = 0; i < x.columns; i++)
        x.data[i] = table.data[i * N_COLUMNS + column];
    return x;
}

static void run(heed_demoing *d)
{
    const int64_t keys = heed_take_int(&d->s, "keys", 2, 512),
                  head_dim = heed_take_int(&d->s, "head_dim", 1, 256),
                  steps = heed_take_int(&d->s, "steps", 4, 100);
    const heed_attend_inputs in = {.q = heed_demo_normal(d, 1, head_dim),
                                   .k = heed_demo_normal(d, keys, head_dim),
                                   .v = heed_demo_normal(d, keys, head_dim),
                                   .grad = heed_demo_normal(d, 1, head_dim)};
    heed_grid table = heed_grid_make(&d->s, steps, N_COLUMNS), p = {0, 0, NULL};

    /* Longer by a steady factor until one key has all but 1e-6. */
    for (int64_t i = 0; d->s.status == HEED_OK && i < steps; i++)
        measure(d, &in, 0.25 * pow(1.3, (double)i), table.data + i * N_COLUMNS, &p);
    for (int64_t i = steps - 1; d->s.status == HEED_OK && i > 2; i--) {
        if (table.data[(i - 1) * N_COLUMNS + TOP] < 1.0 - 1e-6)
            break;
        table.rows = i;
    }
    if (d->s.status != HEED_OK)
        return;
    heed_show_table(d, table, "Sharper and sharper rows", NULL,
                    "top weight|p (1 - p)|largest cross|to scores|to Q|to K", false);
    heed_show_axes(d, "Gradient behind the softmax", "largest weight", "norm", "y");
    heed_show_curve(d, "reaches Q", column_of(d, table, TOP), column_of(d, table, TO_Q));
    heed_show_curve(d, "reaches K", column_of(d, table, TOP), column_of(d, table, TO_K));
    judge(d, table);
    compare(d);
    scan(d);
}

const heed_demo heed_demo_06 = {
    .info =
        {.id = "D06",
         .title = "A sharp softmax lets no gradient through",
         .shows =
             "Sends the same gradient back through rows of weights that get sharper, because their query gets "
             "longer. The softmax multiplies it by p_i (1 - p_i) on its diagonal and by -p_i p_j beside it: "
             "all of them go to 0 as one weight goes to 1. Then Q and K hardly learn, even where the choice is "
             "wrong.",
         .rule = "Behind a top weight of 0.8 the gradients of scores, Q and K fall with each sharper row, to "
                 "at most "
                 "a thousandth of their largest at a top weight above 0.9999; the diagonal is p (1 - p) within "
                 "1e-6.",
         .sabotage = "The gradient passes by the softmax.",
         .params = "{\"keys\": 16, \"head_dim\": 16, \"steps\": 40, \"len_a\": 10, \"len_b\": 256, \"lo\": "
                   "-50, \"hi\": 50}"},
    .full = "{\"keys\": 128, \"head_dim\": 64, \"steps\": 80}",
    .run = run,
};
