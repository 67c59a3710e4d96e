/* SPDX-License-Identifier: MIT */
/* D29: the gradients of attention against differences of its value. */
#include <math.h>

#include "workbook/attend.h"
#include "workbook/demos/demos.h"

#define STEP 1e-4 /* of a number: the error of a central difference is about its square */

/* What the value depends on; each a row-major array in double precision. */
enum { X, W_Q, W_K, W_V, W_O, N_INPUTS };

static const char *const names[N_INPUTS] = {"x", "W_q", "W_k", "W_v", "W_o"};

typedef struct block {
    int64_t tokens, width, heads;
    heed_grid in[N_INPUTS], upstream;
    heed_grid q, k, v, z; /* scratch */
} block;

/* --- the value, by the definition in double precision: it shares no code with the engine --- */

static void multiply(heed_grid a, heed_grid b, heed_grid out)
{
    for (int64_t i = 0; i < a.rows; i++) {
        for (int64_t j = 0; j < b.columns; j++) {
            double sum = 0.0;

            for (int64_t c = 0; c < a.columns; c++)
                sum += a.data[i * a.columns + c] * b.data[c * b.columns + j];
            out.data[i * out.columns + j] = sum;
        }
    }
}

/* Row i of head h: exp of the scaled scores of keys 0 .. i, summed up with their values. */
static void attend_row(const block *b, int64_t h, int64_t i)
{
    const int64_t head_dim = b->width / b->heads, first = h * head_dim;
    const double *q = b->q.data + i * b->width + first;
    double *z = b->z.data + i * b->width + first, sum = 0.0;

    for (int64_t c = 0; c < head_dim; c++)
        z[c] = 0.0;
    for (int64_t j = 0; j <= i; j++) {
        const double *k = b->k.data + j * b->width + first, *v = b->v.data + j * b->width + first;
        double score = 0.0;

        for (int64_t c = 0; c < head_dim; c++)
            score += q[c] * k[c];
        score = exp(score / sqrt((double)head_dim));
        sum += score;
        for (int64_t c = 0; c < head_dim; c++)
            z[c] += score * v[c];
    }
    for (int64_t c = 0; c < head_dim; c++)
        z[c] /= sum;
}

/* sum (upstream * Y) */
static double value_of(const block *b)
{
    double sum = 0.0;

    multiply(b->in[X], b->in[W_Q], b->q);
    multiply(b->in[X], b->in[W_K], b->k);
    multiply(b->in[X], b->in[W_V], b->v);
    for (int64_t h = 0; h < b->heads; h++) {
        for (int64_t i = 0; i < b->tokens; i++)
            attend_row(b, h, i);
    }
    multiply(b->z, b->in[W_O], b->q);
    for (int64_t i = 0; i < b->tokens * b->width; i++)
        sum += b->upstream.data[i] * b->q.data[i];
    return sum;
}

/* The largest |gradient - difference| / max(1, |difference|) of an input. */
static double farthest(const block *b, int input, heed_grid gradient)
{
    double most = 0.0;

    for (int64_t i = 0; i < gradient.rows * gradient.columns; i++) {
        double *x = b->in[input].data + i;
        const double kept = *x;
        double above, difference;

        *x = kept + STEP;
        above = value_of(b);
        *x = kept - STEP;
        difference = (above - value_of(b)) / (2.0 * STEP);
        *x = kept;
        most = fmax(most, fabs(gradient.data[i] - difference) / fmax(1.0, fabs(difference)));
    }
    return most;
}

/* --- the engine --- */

static heed_attended by_engine(heed_demoing *d, const block *b)
{
    const heed_attend_inputs in = {.x = b->in[X],
                                   .w_q = b->in[W_Q],
                                   .w_k = b->in[W_K],
                                   .w_v = b->in[W_V],
                                   .w_o = b->in[W_O],
                                   .n_heads = b->heads,
                                   .causal = true,
                                   .grad = b->upstream};

    d->s.slip = d->sabotage ? HEED_SLIP_NO_SCALE : HEED_SLIP_NONE;
    return heed_attend(&d->s, &in);
}

/* The largest gradient of a score that the mask hides. */
static double above_diagonal(const heed_attended *a, int64_t tokens)
{
    double most = 0.0;

    for (int64_t i = 0; i < a->dmasked.rows; i++) {
        for (int64_t j = i % tokens + 1; j < tokens; j++)
            most = fmax(most, fabs(a->dmasked.data[i * tokens + j]));
    }
    return most;
}

/* The largest gradient of a score that is seen. */
static double below_diagonal(const heed_attended *a, int64_t tokens)
{
    double most = 0.0;

    for (int64_t i = 0; i < a->dmasked.rows; i++) {
        for (int64_t j = 0; j <= i % tokens; j++)
            most = fmax(most, fabs(a->dmasked.data[i * tokens + j]));
    }
    return most;
}

/* --- a run --- */

/* The engine computes in floats, and so these numbers are floats: both sides start from the same. */
static heed_grid draw(heed_demoing *d, int64_t rows, int64_t columns, double scale)
{
    heed_grid x = heed_demo_normal(d, rows, columns);

    for (int64_t i = 0; i < x.rows * x.columns; i++)
        x.data[i] = (double)(float)(x.data[i] * scale);
    return x;
}

static block make_block(heed_demoing *d, int64_t tokens, int64_t width)
{
    block b = {.tokens = tokens, .width = width, .upstream = draw(d, tokens, width, 1.0)};

    for (int i = 0; i < N_INPUTS; i++)
        b.in[i] = i == X ? draw(d, tokens, width, 1.0) : draw(d, width, width, 1.0 / sqrt((double)width));
    b.q = heed_grid_make(&d->s, tokens, width);
    b.k = heed_grid_make(&d->s, tokens, width);
    b.v = heed_grid_make(&d->s, tokens, width);
    b.z = heed_grid_make(&d->s, tokens, width);
    return b;
}

static void check(heed_demoing *d, block *b, int64_t heads, double *row)
{
    heed_attended a;
    double most = 0.0;

    b->heads = heads;
    a = by_engine(d, b);
    if (d->s.status != HEED_OK)
        return;
    {
        const heed_grid gradients[N_INPUTS] = {a.dx, a.dw_q, a.dw_k, a.dw_v, a.dw_o};

        for (int i = 0; i < N_INPUTS; i++) {
            row[i] = farthest(b, i, gradients[i]);
            most = fmax(most, row[i]);
        }
    }
    heed_show_check(d, most <= 1e-5, "%lld head%s: gradients are the differences within %.2g, at most 1e-5",
                    (long long)heads, heads == 1 ? "" : "s", most);
    heed_show_check(d, above_diagonal(&a, b->tokens) == 0.0,
                    "%lld head%s: the gradient of hidden scores is exactly 0: the largest is %.3g",
                    (long long)heads, heads == 1 ? "" : "s", above_diagonal(&a, b->tokens));
    if (heads > 1) {
        heed_show_figure(d, "hidden", above_diagonal(&a, b->tokens), "the largest gradient of a hidden score");
        heed_show_figure(d, "visible", below_diagonal(&a, b->tokens), "of one that is seen");
        heed_show_table(d, (heed_grid){b->tokens, b->tokens, a.dmasked.data},
                        "Gradient of the scores of the first head", NULL, NULL, true);
    }
}

static void run(heed_demoing *d)
{
    const int64_t tokens = heed_take_int(&d->s, "tokens", 2, 64),
                  heads = heed_take_int(&d->s, "n_heads", 2, 16),
                  head_dim = heed_take_int(&d->s, "head_dim", 1, 16);
    heed_grid table = heed_grid_make(&d->s, 2, N_INPUTS);
    block b = make_block(d, tokens, heads * head_dim);

    if (d->s.status != HEED_OK)
        return;
    check(d, &b, 1, table.data);
    check(d, &b, heads, table.data + N_INPUTS);
    heed_show_table(d, table, "Largest distance from the difference, by max(1, |difference|)",
                    "one head|several heads", "x|W_q|W_k|W_v|W_o", false);
    for (int i = 0; i < N_INPUTS && d->s.status == HEED_OK; i++)
        heed_show_figure(d, names[i], table.data[N_INPUTS + i], "the same, of several heads");
}

const heed_demo heed_demo_29 = {
    .info =
        {.id = "D29",
         .title = "Gradients of attention against differences",
         .shows =
             "Moves each number of x, W_q, W_k, W_v and W_o a little both ways and sees how a sum over the "
             "output moves, in double precision by the definition alone. The engine's backward pass must give "
             "the "
             "same slopes. The gradient of scores that the mask hides is exactly 0: there is nothing to learn "
             "behind it.",
         .rule =
             "Each gradient is the central difference within 1e-5 max(1, |difference|), with one head and with "
             "several, and each hidden score has a gradient of exactly 0.",
         .sabotage = "The engine does not scale its scores.",
         .params = "{\"tokens\": 5, \"n_heads\": 2, \"head_dim\": 4}"},
    .full = "{\"tokens\": 16, \"n_heads\": 4, \"head_dim\": 8}",
    .run = run,
};
