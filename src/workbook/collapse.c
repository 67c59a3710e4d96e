/* SPDX-License-Identifier: MIT */
/* J. Does a head look at one key alone? Entropies of given weights. */
#include <heed/heads.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "workbook/groups.h"

#define MOST_T     64
#define MOST_HEADS 256  /* of all batch elements together */
#define MOST_OFF   0.02 /* of the sum of a row, which people round */

/* weights [B, H, T, T] */
typedef struct patterns {
    int64_t B, H, T;
    const double *weights;
    bool causal; /* nothing stands above the diagonals */
} patterns;

static const double *row_of(const patterns *p, int64_t head, int64_t i)
{
    return p->weights + (head * p->T + i) * p->T;
}

/* Of one row; false after a failure. */
static bool check_row(heed_solving *s, patterns *p, int64_t head, int64_t i)
{
    const double *w = row_of(p, head, i);
    double sum = 0.0;

    for (int64_t j = 0; j < p->T; j++) {
        if (!(w[j] >= 0.0 && w[j] <= 1.0 + MOST_OFF))
            return heed_solve_fail(s, HEED_ERR_USAGE, "weights: expected numbers from 0 to 1, got %g", w[j]);
        p->causal = p->causal && (j <= i || w[j] == 0.0);
        sum += w[j];
    }
    return fabs(sum - 1.0) <= MOST_OFF ||
           heed_solve_fail(s, HEED_ERR_USAGE, "weights: expected rows that add up to 1, row %lld adds up to %g",
                           (long long)i + 1, sum);
}

static patterns take_patterns(heed_solving *s)
{
    int64_t size[4];
    patterns p = {.weights = heed_take_tensor(s, "weights", 4, size), .causal = true};

    if (s->status != HEED_OK)
        return (patterns){0};
    if (size[2] != size[3] || size[3] > MOST_T || size[0] > MOST_HEADS / size[1]) {
        heed_solve_fail(s, HEED_ERR_USAGE,
                        "weights: expected [B, H, T, T] with T up to %d and B * H up to %d, got %lld x %lld x "
                        "%lld x %lld",
                        MOST_T, MOST_HEADS, (long long)size[0], (long long)size[1], (long long)size[2],
                        (long long)size[3]);
        return (patterns){0};
    }
    p.B = size[0];
    p.H = size[1];
    p.T = size[3];
    for (int64_t head = 0; head < p.B * p.H; head++) {
        for (int64_t i = 0; i < p.T; i++) {
            if (!check_row(s, &p, head, i))
                return (patterns){0};
        }
    }
    return p;
}

/* --- measuring --- */

/* A number for each row of each head, [B * H, T]. */
typedef struct figures {
    heed_grid entropy, share;
} figures;

/* One row of a pattern that is 0 elsewhere: rows of zeros are left out. A row that sees one key has no choice: 0 of 0. */
static bool measure_row(heed_solving *s, const patterns *p, const float *square, double *entropy, double *share)
{
    const heed_mask mask = {.causal = p->causal};
    const heed_head_pattern pattern = {.weights = square, .n = p->T, .mask = &mask};
    heed_head_scores scores;
    heed_error err = {HEED_OK, ""};
    const heed_status status = heed_head_measure(&pattern, &scores, &err);

    if (status != HEED_OK)
        return heed_solve_fail(s, status, "%s", err.message);
    *entropy = scores.rows > 0 ? scores.entropy : 0.0;
    *share = scores.rows > 0 ? scores.entropy_share : NAN;
    return true;
}

static figures measure(heed_solving *s, const patterns *p)
{
    const figures f = {heed_grid_make(s, p->B * p->H, p->T), heed_grid_make(s, p->B * p->H, p->T)};
    const size_t n = (size_t)(p->T * p->T) + 1;
    float *square = s->status == HEED_OK ? heed_arena_alloc(s->arena, n * sizeof *square) : NULL;

    if (square == NULL) {
        heed_solve_fail(s, HEED_ERR_MEMORY, "not enough memory for a pattern");
        return (figures){{0, 0, NULL}, {0, 0, NULL}};
    }
    for (int64_t head = 0; head < p->B * p->H; head++) {
        for (int64_t i = 0; i < p->T; i++) {
            memset(square, 0, n * sizeof *square);
            for (int64_t j = 0; j < p->T; j++)
                square[i * p->T + j] = (float)row_of(p, head, i)[j];
            measure_row(s, p, square, &f.entropy.data[head * p->T + i], &f.share.data[head * p->T + i]);
        }
    }
    return f;
}

/* --- hard.h2.5a --- */

/* The slips: logarithms of base 2, the sign, ln T in each row whatever it sees. */
static void go_wrong(heed_solving *s, const patterns *p, figures *f)
{
    for (int64_t k = 0; k < f->entropy.rows * p->T; k++) {
        double *h = &f->entropy.data[k];
        if (s->slip == HEED_SLIP_NO_MASK && !isnan(f->share.data[k]))
            f->share.data[k] = *h / log((double)p->T);
        *h *= s->slip == HEED_SLIP_LOG_BASE ? 1.0 / log(2.0) : s->slip == HEED_SLIP_SIGN ? -1.0 : 1.0;
    }
}

/* Over the numbers of a row; NaN ones are left out, NaN where there is no other. */
static double mean_of(heed_grid x, int64_t row)
{
    double sum = 0.0;
    int64_t n = 0;

    for (int64_t i = 0; i < x.columns; i++) {
        const double value = x.data[row * x.columns + i];
        sum += isnan(value) ? 0.0 : value;
        n += !isnan(value);
    }
    return n > 0 ? sum / (double)n : NAN;
}

/* "0.5 ln 0.5 + 0.5 ln 0.5", without what is 0; of the arena. */
static const char *terms_of(heed_solving *s, const double *w, int64_t n)
{
    const char *text = "";

    for (int64_t j = 0; text != NULL && j < n && strlen(text) < 400; j++) {
        if (w[j] > 0.0)
            text = heed_arena_format(s->arena, "%s%s%.4g ln %.4g", text, text[0] != '\0' ? " + " : "", w[j],
                                     w[j]);
    }
    return text != NULL ? text : "";
}

static void explain(heed_solving *s, const patterns *p, const figures *f, heed_grid mean, heed_grid share)
{
    for (int64_t head = 0; head < p->B * p->H && head < 4; head++) {
        const double *h = f->entropy.data + head * p->T, *part = f->share.data + head * p->T;

        heed_step(s, "batch element %lld, head %lld, counted from 1:", (long long)(head / p->H) + 1,
                  (long long)(head % p->H) + 1);
        for (int64_t i = 0; i < p->T && i < 8; i++) {
            const int64_t keys = p->causal ? i + 1 : p->T;
            if (keys == 1)
                heed_step(s, "  row %lld: one key, nothing to choose: 0", (long long)i + 1);
            else
                heed_step(s, "  row %lld: -(%s) = %.4f, of ln %lld = %.4f possible: %.4f", (long long)i + 1,
                          terms_of(s, row_of(p, head, i), p->T), h[i], (long long)keys, log((double)keys),
                          part[i]);
        }
        heed_step(s, "  mean of all %lld rows: %.4f; mean share of the rows that can choose: %.4f",
                  (long long)p->T, mean.data[head], share.data[head]);
    }
    if (p->B * p->H > 4)
        heed_step(s, "and so on for the other heads");
}

static void entropies(heed_solving *s)
{
    const patterns p = take_patterns(s);
    const heed_grid mean = heed_grid_make(s, p.B, p.H), share = heed_grid_make(s, p.B, p.H);
    figures f = measure(s, &p);

    if (s->status != HEED_OK)
        return;
    go_wrong(s, &p, &f);
    for (int64_t head = 0; head < p.B * p.H; head++) {
        mean.data[head] = mean_of(f.entropy, head);
        share.data[head] = mean_of(f.share, head);
    }
    explain(s, &p, &f, mean, share);
    heed_put_tensor(s, "entropy_per_row", 3, (int64_t[]){p.B, p.H, p.T}, f.entropy.data);
    heed_put_grid(s, "entropy_per_head_and_batch", mean);
    heed_put_grid(s, "share_of_maximum", share);
}

/* --- other numbers --- */

/* n weights, multiples of 0.05 that add up to 1, and zeros up to T. */
static json_t *draw_row(heed_varying *v, int64_t n, int64_t T)
{
    json_t *row = json_array();
    int64_t left = 20;

    for (int64_t j = 0; j < T; j++) {
        const int64_t part = j >= n ? 0 : j == n - 1 ? left : heed_draw_int(v, 0, left);
        json_array_append_new(row, heed_json_of_double((double)part / 20.0));
        left -= part;
    }
    return row;
}

static void vary_entropies(heed_varying *v)
{
    const int64_t H = heed_draw_int(v, 2, 3), T = heed_draw_int(v, 3, 4);
    json_t *all = json_array();

    for (int64_t b = 0; b < 2; b++) {
        json_t *heads = json_array();
        for (int64_t h = 0; h < H; h++) {
            json_t *rows = json_array();
            for (int64_t i = 0; i < T; i++)
                json_array_append_new(rows, draw_row(v, i + 1, T));
            json_array_append_new(heads, rows);
        }
        json_array_append_new(all, heads);
    }
    heed_vary_set_json(v, "weights", all);
}

const heed_exercise heed_exercises_collapse[] = {
    {.id = "hard.h2.5a",
     .seed = "001 H2.5",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{\"weights\": [[[[1, 0, 0], [0.5, 0.5, 0], [0.4, 0.3, 0.3]], [[1, 0, 0], [0, 1, 0], [0, 0.05, "
               "0.95]]],"
               " [[[1, 0, 0], [0.25, 0.75, 0], [0.1, 0.1, 0.8]], [[1, 0, 0], [0.9, 0.1, 0], [1, 0, 0]]]]}",
     .vary = vary_entropies,
     .solve = entropies,
     .slips = HEED_SLIP(HEED_SLIP_LOG_BASE) | HEED_SLIP(HEED_SLIP_SIGN) | HEED_SLIP(HEED_SLIP_NO_MASK),
     .fields = {{"entropy_per_row", HEED_ANSWER_TENSOR, HEED_T2, 0},
                {"entropy_per_head_and_batch", HEED_ANSWER_MATRIX, HEED_T2, 0},
                {"share_of_maximum", HEED_ANSWER_MATRIX, HEED_T2, 0}},
     .demo = "D07"},
    {.id = NULL},
};
