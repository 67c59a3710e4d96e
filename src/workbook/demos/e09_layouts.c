/* SPDX-License-Identifier: MIT */
/* E09: weights times values where heads are the outer axis, and where they are the innermost. */
#include <math.h>

#include "base/clock.h"
#include "ops/ops.h"
#include "workbook/demos/demos.h"
#include "workbook/distribution.h"
#include "workbook/op_graph.h"

enum { MOST_REPEATS = 25 };

typedef struct sizes {
    int64_t batch, tokens, heads, head_dim;
} sizes;

/* How far it is from a number to the next along each axis. */
typedef struct strides {
    int64_t batch, head, row, column;
} strides;

static strides outside(int64_t heads, int64_t rows, int64_t columns)
{
    return (strides){heads * rows * columns, rows * columns, columns, 1};
}

static strides innermost(int64_t heads, int64_t rows, int64_t columns)
{
    return (strides){rows * columns * heads, 1, columns * heads, heads};
}

/* One head: out = softmax of each row of scores, times v. The same loops for both layouts; p [tokens] is scratch. */
static void attend(const float *scores, strides s, const float *v, float *out, strides r, const sizes *n,
                   float *p)
{
    for (int64_t i = 0; i < n->tokens; i++) {
        const float *x = scores + i * s.row;
        float largest = x[0], sum = 0.0f;

        for (int64_t j = 1; j < n->tokens; j++)
            largest = fmaxf(largest, x[j * s.column]);
        for (int64_t j = 0; j < n->tokens; j++)
            sum += p[j] = expf(x[j * s.column] - largest);
        for (int64_t c = 0; c < n->head_dim; c++)
            out[i * r.row + c * r.column] = 0.0f;
        for (int64_t j = 0; j < n->tokens; j++) {
            const float w = p[j] / sum;

            for (int64_t c = 0; c < n->head_dim; c++)
                out[i * r.row + c * r.column] += w * v[j * r.row + c * r.column];
        }
    }
}

static void attend_all(const float *scores, strides s, const float *v, float *out, strides r, const sizes *n,
                       float *p)
{
    for (int64_t b = 0; b < n->batch; b++) {
        for (int64_t h = 0; h < n->heads; h++)
            attend(scores + b * s.batch + h * s.head, s, v + b * r.batch + h * r.head,
                   out + b * r.batch + h * r.head, r, n, p);
    }
}

/* x with heads outside as y with them innermost. */
static void move(const float *x, float *y, const sizes *n, int64_t columns, bool back)
{
    const strides from = outside(n->heads, n->tokens, columns), to = innermost(n->heads, n->tokens, columns);

    for (int64_t b = 0; b < n->batch; b++) {
        for (int64_t h = 0; h < n->heads; h++) {
            for (int64_t k = 0; k < n->tokens * columns; k++) {
                const int64_t i = k / columns, j = k % columns;
                const int64_t here = b * from.batch + h * from.head + i * from.row + j * from.column,
                              there = b * to.batch + h * to.head + i * to.row + j * to.column;

                if (back)
                    y[here] = x[there];
                else
                    y[there] = x[here];
            }
        }
    }
}

/* One of the two layouts: where its numbers are. */
typedef struct layout {
    const float *scores, *v;
    float *out;
    strides s, r;
} layout;

/* The fastest of some passes, by turns, so that whatever else runs meanwhile disturbs both. */
static void time_both(heed_demoing *d, const layout both[2], const sizes *n, int64_t repeats, double seconds[2])
{
    float *p = heed_demo_floats(d, n->tokens);

    seconds[0] = seconds[1] = INFINITY;
    for (int64_t k = -1; d->s.status == HEED_OK && k < repeats; k++) { /* the first ones touch the memory */
        for (int i = 0; i < 2; i++) {
            const layout *l = &both[i];
            const double begun = heed_clock_s();

            attend_all(l->scores, l->s, l->v, l->out, l->r, n, p);
            if (k >= 0)
                seconds[i] = fmin(seconds[i], heed_clock_s() - begun);
        }
        heed_demo_progress(d, (double)(k + 1) / (double)repeats, "softmax and weights times values");
    }
}

/* The engine's softmax and product of the first head. */
static heed_grid by_engine(heed_demoing *d, const float *scores, const float *v, const sizes *n)
{
    heed_grid x = heed_grid_make(&d->s, n->tokens, n->tokens),
              values = heed_grid_make(&d->s, n->tokens, n->head_dim), weights;
    heed_graph *g;
    heed_node *a, *b;

    for (int64_t i = 0; d->s.status == HEED_OK && i < n->tokens * n->tokens; i++)
        x.data[i] = (double)scores[i];
    for (int64_t i = 0; d->s.status == HEED_OK && i < n->tokens * n->head_dim; i++)
        values.data[i] = (double)v[i];
    weights = heed_softmax_of_rows(&d->s, x);
    g = heed_op_graph(&d->s);
    a = heed_op_input(&d->s, g, "weights", heed_shape2(n->tokens, n->tokens), weights);
    b = heed_op_input(&d->s, g, "v", heed_shape2(n->tokens, n->head_dim), values);
    return heed_op_run(&d->s, g, a != NULL && b != NULL ? heed_matmul(g, a, b, false, false) : NULL);
}

static double farthest(const float *a, const float *b, int64_t n)
{
    double most = 0.0;

    for (int64_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)a[i] - (double)b[i]));
    return most;
}

static void judge(heed_demoing *d, const double *seconds, double apart, double off_engine)
{
    const double factor = seconds[1] / seconds[0];

    heed_show_figure(d, "factor", factor, "seconds with heads innermost by those with heads outside");
    heed_show_figure(d, "difference", apart, "the largest between the two outputs");
    heed_show_check(d, apart <= 1e-5, "both give the same within 1e-5: %.2g apart", apart);
    heed_show_check(d, off_engine <= 1e-5, "and the engine's softmax and product too: %.2g", off_engine);
    heed_show_check(d, factor >= 1.3, "heads innermost take %.2f times as long, at least 1.3", factor);
}

static void run(heed_demoing *d)
{
    sizes n = {.batch = heed_take_int(&d->s, "batch", 1, 64),
               .tokens = heed_take_int(&d->s, "seq_len", 2, 1024),
               .heads = heed_take_int(&d->s, "n_heads", 2, 64)};
    const int64_t width = heed_take_int(&d->s, "d_model", 2, 1024),
                  repeats = heed_take_int(&d->s, "repeats", 1, MOST_REPEATS);
    int64_t n_scores, n_values;
    float *x, *v, *out, *x_in, *v_in, *out_in, *back;
    strides s, r;
    heed_grid table = heed_grid_make(&d->s, 1, 2), engine;
    double off = 0.0;

    if (d->s.status == HEED_OK &&
        (width % n.heads != 0 || n.batch * n.heads * n.tokens * n.tokens > INT64_C(1) << 24))
        heed_solve_fail(&d->s, HEED_ERR_USAGE, "expected n_heads that divide d_model, and at most 2^24 scores");
    if (d->s.status != HEED_OK)
        return;
    n.head_dim = width / n.heads;
    n_scores = n.batch * n.heads * n.tokens * n.tokens;
    n_values = n.batch * n.tokens * width;
    x = heed_demo_normal_floats(d, n_scores);
    v = heed_demo_normal_floats(d, n_values);
    out = heed_demo_floats(d, n_values);
    x_in = heed_demo_floats(d, n_scores);
    v_in = heed_demo_floats(d, n_values);
    out_in = heed_demo_floats(d, n_values);
    back = heed_demo_floats(d, n_values);
    if (d->s.status != HEED_OK)
        return;
    s = d->sabotage ? outside(n.heads, n.tokens, n.tokens) : innermost(n.heads, n.tokens, n.tokens);
    r = d->sabotage ? outside(n.heads, n.tokens, n.head_dim) : innermost(n.heads, n.tokens, n.head_dim);
    move(x, x_in, &n, n.tokens, false);
    move(v, v_in, &n, n.head_dim, false);
    time_both(
        d,
        (layout[]){{x, v, out, outside(n.heads, n.tokens, n.tokens), outside(n.heads, n.tokens, n.head_dim)},
                   {d->sabotage ? x : x_in, d->sabotage ? v : v_in, out_in, s, r}},
        &n, repeats, table.data);
    engine = by_engine(d, x, v, &n);
    if (d->s.status != HEED_OK)
        return;
    move(out_in, back, &n, n.head_dim, true);
    for (int64_t i = 0; i < n.tokens * n.head_dim; i++)
        off = fmax(off, fabs(engine.data[i] - (double)out[i]));
    heed_show_table(d, table, "Seconds of the fastest pass", "seconds", "heads outside|innermost", false);
    judge(d, table.data, farthest(out, d->sabotage ? out_in : back, n_values), off);
}

const heed_demo heed_demo_e09 = {
    .info =
        {.id = "E09",
         .title = "Heads outside or innermost",
         .shows =
             "Times softmax and weights times values of all heads on one thread, by the same loops over two "
             "layouts of the same numbers: (batch, heads, T, T), where the two axes that a matrix product and "
             "the "
             "softmax of a row run along lie next to each other, and (batch, T, T, heads), where each step "
             "along a "
             "row leaps over the other heads. Other programs that run meanwhile disturb it.",
         .rule = "Both layouts give the same within 1e-5, as the engine's softmax and product do, and heads "
                 "innermost take at least 1.3 times as long.",
         .sabotage = "Heads are outside in both.",
         .params = "{\"batch\": 4, \"seq_len\": 256, \"d_model\": 256, \"n_heads\": 4, \"repeats\": 7}",
         .timed = true},
    .full = "{\"batch\": 16, \"repeats\": 15}",
    .run = run,
};
