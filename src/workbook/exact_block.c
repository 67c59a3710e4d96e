/* SPDX-License-Identifier: MIT */
#include "workbook/exact_block.h"

#include <math.h>

typedef struct work {
    heed_solving *s;
    const heed_block *b;
    double share; /* 0: nothing is shaken */
    heed_rng rng;
} work;

static double shaken(work *w, double x)
{
    return w->share == 0.0 ? x : x + w->share * (2.0 * heed_rng_double(&w->rng) - 1.0) * x;
}

/* --- maps --- */

/* y = x W + b */
static heed_grid map(work *w, heed_grid x, heed_grid weight, heed_grid bias)
{
    heed_grid y = heed_grid_make(w->s, x.rows, weight.columns);

    for (int64_t i = 0; i < y.rows; i++) {
        for (int64_t c = 0; c < y.columns; c++) {
            double sum = bias.data != NULL ? bias.data[c] : 0.0;
            for (int64_t k = 0; k < x.columns; k++)
                sum += shaken(w, x.data[i * x.columns + k] * weight.data[k * weight.columns + c]);
            y.data[i * y.columns + c] = sum;
        }
    }
    return y;
}

/* dx = dy W^T */
static heed_grid map_back(work *w, heed_grid dy, heed_grid weight)
{
    return map(w, dy, heed_grid_turn(w->s, weight), (heed_grid){0, 0, NULL});
}

/* dW = x^T dy */
static heed_grid of_weight(work *w, heed_grid x, heed_grid dy)
{
    return map(w, heed_grid_turn(w->s, x), dy, (heed_grid){0, 0, NULL});
}

/* db = the sum of the rows of dy */
static heed_grid of_bias(work *w, heed_grid bias, heed_grid dy)
{
    heed_grid db = {0, 0, NULL};

    if (bias.data != NULL)
        db = heed_grid_make(w->s, 1, dy.columns);
    for (int64_t i = 0; db.data != NULL && i < dy.rows; i++) {
        for (int64_t c = 0; c < dy.columns; c++)
            db.data[c] += shaken(w, dy.data[i * dy.columns + c]);
    }
    return db;
}

static heed_grid sum_of(work *w, heed_grid a, heed_grid b)
{
    heed_grid y = heed_grid_make(w->s, a.rows, a.columns);

    for (int64_t i = 0; i < y.rows * y.columns; i++)
        y.data[i] = shaken(w, a.data[i]) + shaken(w, b.data[i]);
    return y;
}

/* --- LayerNorm: n = (x - mean) / s, s = sqrt(var + eps), y = gain n + shift --- */

typedef struct normed {
    heed_grid n, s, y; /* s: one a row */
} normed;

static void norm_row(work *w, const double *x, int64_t d, double *n, double *s)
{
    double mean = 0.0, variance = 0.0;

    for (int64_t c = 0; c < d; c++)
        mean += shaken(w, x[c]) / (double)d;
    for (int64_t c = 0; c < d; c++)
        variance += shaken(w, (x[c] - mean) * (x[c] - mean)) / (double)d;
    *s = sqrt(variance + HEED_BLOCK_EPS);
    for (int64_t c = 0; c < d; c++)
        n[c] = (shaken(w, x[c]) - mean) / *s;
}

static normed norm(work *w, heed_grid x, heed_grid gain, heed_grid shift)
{
    normed out = {heed_grid_make(w->s, x.rows, x.columns), heed_grid_make(w->s, 1, x.rows),
                  heed_grid_make(w->s, x.rows, x.columns)};

    for (int64_t i = 0; i < out.y.rows; i++) {
        const int64_t at = i * x.columns;
        norm_row(w, x.data + at, x.columns, out.n.data + at, out.s.data + i);
        for (int64_t c = 0; c < x.columns; c++)
            out.y.data[at + c] = shaken(w, gain.data[c] * out.n.data[at + c]) + shift.data[c];
    }
    return out;
}

/* dx = (h - mean(h) - n mean(h n)) / s with h = gain dy; d_gain and d_shift are added to. */
static heed_grid norm_back(work *w, const normed *x, heed_grid gain, heed_grid dy, heed_grid d_gain,
                           heed_grid d_shift)
{
    const int64_t d = dy.columns;
    heed_grid dx = heed_grid_make(w->s, dy.rows, d);

    for (int64_t i = 0; i < dx.rows; i++) {
        const double *n = x->n.data + i * d, *g = dy.data + i * d;
        double mean = 0.0, along = 0.0;

        for (int64_t c = 0; c < d; c++) {
            mean += shaken(w, gain.data[c] * g[c]) / (double)d;
            along += shaken(w, gain.data[c] * g[c] * n[c]) / (double)d;
            d_gain.data[c] += shaken(w, g[c] * n[c]);
            d_shift.data[c] += shaken(w, g[c]);
        }
        for (int64_t c = 0; c < d; c++)
            dx.data[i * d + c] = (shaken(w, gain.data[c] * g[c]) - mean - shaken(w, n[c] * along)) /
                                 x->s.data[i];
    }
    return dx;
}

/* --- attention --- */

typedef struct attended {
    heed_grid q, k, v; /* [T, d], head h in columns h d/H .. */
    heed_grid p;       /* weights [H T, T] */
    heed_grid z;
} attended;

static double scale_of(const heed_block *b)
{
    return b->scale != 0.0 ? b->scale : 1.0 / sqrt((double)(b->part[HEED_BLOCK_X].columns / b->n_heads));
}

/* a_i . b_j in the columns of head h. */
static double met(work *w, heed_grid a, int64_t i, heed_grid b, int64_t j, int64_t h)
{
    const int64_t width = a.columns / w->b->n_heads;
    double sum = 0.0;

    for (int64_t c = h * width; c < (h + 1) * width; c++)
        sum += shaken(w, a.data[i * a.columns + c] * b.data[j * b.columns + c]);
    return sum;
}

/* to_i += factor from_j in the columns of head h. */
static void add_row(work *w, heed_grid to, int64_t i, double factor, heed_grid from, int64_t j, int64_t h)
{
    const int64_t width = to.columns / w->b->n_heads;

    for (int64_t c = h * width; c < (h + 1) * width; c++)
        to.data[i * to.columns + c] += shaken(w, factor * from.data[j * from.columns + c]);
}

static void weigh(work *w, const attended *a, int64_t h, int64_t i, int64_t seen, double *p)
{
    double most = -INFINITY, sum = 0.0;

    for (int64_t j = 0; j < seen; j++) {
        p[j] = scale_of(w->b) * met(w, a->q, i, a->k, j, h);
        most = fmax(most, p[j]);
    }
    for (int64_t j = 0; j < seen; j++)
        sum += p[j] = shaken(w, exp(p[j] - most));
    for (int64_t j = 0; j < seen; j++)
        p[j] /= sum;
}

static attended attend(work *w, heed_grid x)
{
    const heed_grid *part = w->b->part;
    const int64_t T = x.rows, heads = w->b->n_heads;
    attended a = {.q = map(w, x, part[HEED_BLOCK_WQ], part[HEED_BLOCK_BQ]),
                  .k = map(w, x, part[HEED_BLOCK_WK], part[HEED_BLOCK_BK]),
                  .v = map(w, x, part[HEED_BLOCK_WV], part[HEED_BLOCK_BV]),
                  .p = heed_grid_make(w->s, heads * T, T),
                  .z = heed_grid_make(w->s, T, x.columns)};

    for (int64_t row = 0; w->s->status == HEED_OK && row < heads * T; row++) {
        const int64_t h = row / T, i = row % T, seen = w->b->causal ? i + 1 : T;

        weigh(w, &a, h, i, seen, a.p.data + row * T);
        for (int64_t j = 0; j < seen; j++)
            add_row(w, a.z, i, a.p.data[row * T + j], a.v, j, h);
    }
    return a;
}

/* Of q, k and v, from that of z:  dv_j += p_ij dz_i,  ds_ij = p_ij (dz_i . v_j - dz_i . z_i). */
static attended attend_back(work *w, const attended *a, heed_grid dz)
{
    const int64_t T = dz.rows, d = dz.columns;
    attended g = {
        .q = heed_grid_make(w->s, T, d), .k = heed_grid_make(w->s, T, d), .v = heed_grid_make(w->s, T, d)};

    for (int64_t row = 0; w->s->status == HEED_OK && row < a->p.rows; row++) {
        const int64_t h = row / T, i = row % T;
        const double mean = met(w, dz, i, a->z, i, h);

        for (int64_t j = 0; j < T; j++) {
            const double p = a->p.data[row * T + j];
            const double ds = p == 0.0 ? 0.0 : scale_of(w->b) * p * (met(w, dz, i, a->v, j, h) - mean);

            add_row(w, g.v, j, p, dz, i, h);
            add_row(w, g.q, i, ds, a->k, j, h);
            add_row(w, g.k, j, ds, a->q, i, h);
        }
    }
    return g;
}

/* --- the block --- */

/* Of y = x W + b: the gradients of W and b, and dx. */
static heed_grid linear_back(work *w, heed_grid x, heed_block_part weight, heed_grid dy, heed_grid *grad)
{
    grad[weight] = of_weight(w, x, dy);
    grad[weight + 1] = of_bias(w, w->b->part[weight + 1], dy);
    return map_back(w, dy, w->b->part[weight]);
}

static void relu(heed_grid x)
{
    for (int64_t i = 0; i < x.rows * x.columns; i++)
        x.data[i] = x.data[i] > 0.0 ? x.data[i] : 0.0;
}

/* Nothing comes back through what relu closed. */
static void relu_back(heed_grid y, heed_grid dy)
{
    for (int64_t i = 0; i < dy.rows * dy.columns; i++)
        dy.data[i] = y.data[i] > 0.0 ? dy.data[i] : 0.0;
}

static heed_block_values compute(work *w)
{
    const heed_grid *part = w->b->part, x = part[HEED_BLOCK_X], up = w->b->upstream;
    heed_block_values v = {.grad = {{0, 0, NULL}}};
    const normed ln1 = norm(w, x, part[HEED_BLOCK_LN1_G], part[HEED_BLOCK_LN1_B]);
    const attended a = attend(w, ln1.y);
    const heed_grid attended_out = map(w, a.z, part[HEED_BLOCK_WO], part[HEED_BLOCK_BO]);
    normed ln2;
    attended back;
    heed_grid y, dy;

    v.mid = w->b->no_residual ? attended_out : sum_of(w, x, attended_out);
    ln2 = norm(w, v.mid, part[HEED_BLOCK_LN2_G], part[HEED_BLOCK_LN2_B]);
    v.hidden = map(w, ln2.y, part[HEED_BLOCK_W1], part[HEED_BLOCK_B1]);
    relu(v.hidden);
    y = map(w, v.hidden, part[HEED_BLOCK_W2], part[HEED_BLOCK_B2]);
    v.out = w->b->no_residual ? y : sum_of(w, v.mid, y);
    v.ln1 = ln1.y;
    v.ln2 = ln2.y;
    v.z = a.z;
    for (int i = HEED_BLOCK_LN1_G; i <= HEED_BLOCK_LN2_B; i++)
        v.grad[i] = heed_grid_make(w->s, 1, x.columns);
    if (w->s->status != HEED_OK)
        return v;

    dy = linear_back(w, v.hidden, HEED_BLOCK_W2, up, v.grad);
    relu_back(v.hidden, dy);
    dy = linear_back(w, ln2.y, HEED_BLOCK_W1, dy, v.grad);
    dy = norm_back(w, &ln2, part[HEED_BLOCK_LN2_G], dy, v.grad[HEED_BLOCK_LN2_G], v.grad[HEED_BLOCK_LN2_B]);
    v.d_mid = w->b->no_residual ? dy : sum_of(w, up, dy);
    back = attend_back(w, &a, linear_back(w, a.z, HEED_BLOCK_WO, v.d_mid, v.grad));
    dy = sum_of(w,
                sum_of(w, linear_back(w, ln1.y, HEED_BLOCK_WQ, back.q, v.grad),
                       linear_back(w, ln1.y, HEED_BLOCK_WK, back.k, v.grad)),
                linear_back(w, ln1.y, HEED_BLOCK_WV, back.v, v.grad));
    dy = norm_back(w, &ln1, part[HEED_BLOCK_LN1_G], dy, v.grad[HEED_BLOCK_LN1_G], v.grad[HEED_BLOCK_LN1_B]);
    v.grad[HEED_BLOCK_X] = w->b->no_residual ? dy : sum_of(w, v.d_mid, dy);
    return v;
}

heed_block_values heed_exact_block(heed_solving *s, const heed_block *block)
{
    return compute(&(work){.s = s, .b = block});
}

heed_block_values heed_shaken_block(heed_solving *s, const heed_block *block, double share, uint64_t seed)
{
    return compute(&(work){.s = s, .b = block, .share = share, .rng = heed_rng_make(seed, HEED_STREAM_DEMO)});
}
