/* SPDX-License-Identifier: MIT */
/*
 * Groups M and N against their definitions in double precision. Gradients are central differences of the loss: what a derivative
 * is, and nothing that a backward pass could share. With h = 1e-5 they are right to about 1e-9 of numbers of order 1, far
 * inside the fields' 1e-5.
 */
#include "workbook/oracle.h"

#include "../cmocka_all.h"

#include <heed/workbook.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

#define STEP 1e-5

/* --- attention --- */

/* q [n, d], k [m, d], v [m, dv] -> out [n, dv]; weights [n, m] or NULL. */
static void attend(const double *q, const double *k, const double *v, int64_t n, int64_t m, int64_t d,
                   int64_t dv, bool causal, double *weights, double *out)
{
    for (int64_t i = 0; i < n; i++) {
        double w[64] = {0}, sum = 0.0;
        for (int64_t j = 0; j < m; j++) {
            double s = 0.0;
            for (int64_t c = 0; c < d; c++)
                s += q[i * d + c] * k[j * d + c];
            w[j] = causal && j > i ? 0.0 : exp(s / sqrt((double)d));
            sum += w[j];
        }
        for (int64_t c = 0; c < dv; c++) {
            out[i * dv + c] = 0.0;
            for (int64_t j = 0; j < m; j++)
                out[i * dv + c] += w[j] / sum * v[j * dv + c];
        }
        for (int64_t j = 0; weights != NULL && j < m; j++)
            weights[i * m + j] = w[j] / sum;
    }
}

typedef struct example {
    table q, k, v, g;
    bool causal;
} example;

static double attention_loss(const example *x)
{
    double out[4096], loss = 0.0;

    attend(x->q.at, x->k.at, x->v.at, x->q.rows, x->k.rows, x->q.columns, x->v.columns, x->causal, NULL, out);
    for (int64_t i = 0; i < x->g.rows * x->g.columns; i++)
        loss += x->g.at[i] * out[i];
    return loss;
}

static json_t *slopes(example *x, table *t)
{
    double slope[4096];

    for (int64_t i = 0; i < t->rows * t->columns; i++) {
        const double at = t->at[i];
        double up, down;
        t->at[i] = at + STEP;
        up = attention_loss(x);
        t->at[i] = at - STEP;
        down = attention_loss(x);
        t->at[i] = at;
        slope[i] = (up - down) / (2.0 * STEP);
    }
    return matrix_of(slope, t->rows, t->columns);
}

/* dS by the softmax's Jacobian, written out: sum over keys k of dA_k dA_k/dS_j. */
static json_t *slopes_of_scores(const example *x, const double *w)
{
    const int64_t n = x->q.rows, m = x->k.rows, dv = x->v.columns;
    double ds[4096];

    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < m; j++) {
            ds[i * m + j] = 0.0;
            for (int64_t k = 0; k < m; k++) {
                double da = 0.0;
                for (int64_t c = 0; c < dv; c++)
                    da += x->g.at[i * dv + c] * x->v.at[k * dv + c];
                ds[i * m + j] += da * w[i * m + k] * ((k == j) - w[i * m + j]);
            }
        }
    }
    return matrix_of(ds, n, m);
}

static void attention_backward(const json_t *p, json_t *answer)
{
    static example x;
    double out[4096], w[4096];

    param_table(p, "Q", &x.q);
    param_table(p, "K", &x.k);
    param_table(p, "V", &x.v);
    param_table(p, "grad_output", &x.g);
    x.causal = json_is_true(json_object_get(p, "causal"));
    attend(x.q.at, x.k.at, x.v.at, x.q.rows, x.k.rows, x.q.columns, x.v.columns, x.causal, w, out);
    json_object_set_new(answer, "output", matrix_of(out, x.q.rows, x.v.columns));
    json_object_set_new(answer, "weights", matrix_of(w, x.q.rows, x.k.rows));
    json_object_set_new(answer, "grad_scaled_scores", slopes_of_scores(&x, w));
    json_object_set_new(answer, "grad_Q", slopes(&x, &x.q));
    json_object_set_new(answer, "grad_K", slopes(&x, &x.k));
    json_object_set_new(answer, "grad_V", slopes(&x, &x.v));
}

static void gradients_of_attention_are_slopes(void **state)
{
    (void)state;
    expect_exercise("s5.e5.10", attention_backward);
    /* more keys than queries, values of another width */
    expect_exercise_with("s5.e5.10",
                         "{\"Q\": [[1, 2]], \"K\": [[0.5, 1], [-1, 0], [0, 2]], \"V\": [[1], [2], [4]],"
                         " \"grad_output\": [[2]], \"causal\": false}",
                         attention_backward);
    expect_exercise_with("s5.e5.10", "{\"causal\": true}", attention_backward);
    expect_refused("s5.e5.10", "{\"K\": [[1, 2]]}", "column");
    expect_refused("s5.e5.10", "{\"grad_output\": [[1, 2, 3]]}", "");
    expect_refused("s5.e5.10", "{\"causal\": 3}", "true or false");
}

/* --- the block --- */

enum { X, WQ, BQ, WK, BK, WV, BV, WO, BO, LN1_G, LN1_B, LN2_G, LN2_B, W1, B1, W2, B2, N_PARTS };

static const char *const names[N_PARTS] = {"x",     "Wq",    "bq",    "Wk",    "bk", "Wv", "bv", "Wo", "bo",
                                           "ln1_g", "ln1_b", "ln2_g", "ln2_b", "W1", "b1", "W2", "b2"};

typedef struct block {
    table part[N_PARTS], upstream;
    int64_t n_heads;
    bool causal;
} block;

static void map(const double *x, int64_t n, const table *w, const table *b, double *y)
{
    for (int64_t i = 0; i < n; i++) {
        for (int64_t c = 0; c < w->columns; c++) {
            y[i * w->columns + c] = b->at[c];
            for (int64_t k = 0; k < w->rows; k++)
                y[i * w->columns + c] += x[i * w->rows + k] * w->at[k * w->columns + c];
        }
    }
}

static void layernorm(const double *x, int64_t n, int64_t d, const table *gain, const table *shift, double *y)
{
    for (int64_t i = 0; i < n; i++) {
        double mean = 0.0, variance = 0.0;
        for (int64_t c = 0; c < d; c++)
            mean += x[i * d + c] / (double)d;
        for (int64_t c = 0; c < d; c++)
            variance += (x[i * d + c] - mean) * (x[i * d + c] - mean) / (double)d;
        for (int64_t c = 0; c < d; c++)
            y[i * d + c] = (x[i * d + c] - mean) / sqrt(variance + 1e-5) * gain->at[c] + shift->at[c];
    }
}

static void columns_of_head(const double *x, int64_t n, int64_t d, int64_t first, int64_t width, double *y)
{
    for (int64_t i = 0; i < n * width; i++)
        y[i] = x[i / width * d + first + i % width];
}

static void forward(const block *b, double *out)
{
    const int64_t n = b->part[X].rows, d = b->part[X].columns, hidden = b->part[W1].columns, h = d / b->n_heads;
    double normed[1024], q[1024], k[1024], v[1024], joined[1024], y[1024], mid[1024] = {0}, wide[4096];

    layernorm(b->part[X].at, n, d, &b->part[LN1_G], &b->part[LN1_B], normed);
    map(normed, n, &b->part[WQ], &b->part[BQ], q);
    map(normed, n, &b->part[WK], &b->part[BK], k);
    map(normed, n, &b->part[WV], &b->part[BV], v);
    for (int64_t head = 0; head < b->n_heads; head++) {
        double one[3][1024] = {{0}}, z[1024];
        columns_of_head(q, n, d, head * h, h, one[0]);
        columns_of_head(k, n, d, head * h, h, one[1]);
        columns_of_head(v, n, d, head * h, h, one[2]);
        attend(one[0], one[1], one[2], n, n, h, h, b->causal, NULL, z);
        for (int64_t i = 0; i < n * h; i++)
            joined[i / h * d + head * h + i % h] = z[i];
    }
    map(joined, n, &b->part[WO], &b->part[BO], y);
    for (int64_t i = 0; i < n * d; i++)
        mid[i] = b->part[X].at[i] + y[i];
    layernorm(mid, n, d, &b->part[LN2_G], &b->part[LN2_B], normed);
    map(normed, n, &b->part[W1], &b->part[B1], wide);
    for (int64_t i = 0; i < n * hidden; i++)
        wide[i] = wide[i] > 0.0 ? wide[i] : 0.0;
    map(wide, n, &b->part[W2], &b->part[B2], y);
    for (int64_t i = 0; i < n * d; i++)
        out[i] = mid[i] + y[i];
}

static double block_loss(const block *b)
{
    double out[1024], loss = 0.0;

    forward(b, out);
    for (int64_t i = 0; i < b->upstream.rows * b->upstream.columns; i++)
        loss += out[i] * b->upstream.at[i];
    return loss;
}

static json_t *block_slopes(block *b, table *t, bool list)
{
    double slope[4096];

    for (int64_t i = 0; i < t->rows * t->columns; i++) {
        const double at = t->at[i];
        double up;
        t->at[i] = at + STEP;
        up = block_loss(b);
        t->at[i] = at - STEP;
        slope[i] = (up - block_loss(b)) / (2.0 * STEP);
        t->at[i] = at;
    }
    return list ? list_of(slope, t->columns) : matrix_of(slope, t->rows, t->columns);
}

static void whole_block(const json_t *p, json_t *answer)
{
    static block b;
    double out[1024];

    for (int i = 0; i < N_PARTS; i++)
        param_table(p, names[i], &b.part[i]);
    param_table(p, "upstream", &b.upstream);
    b.n_heads = (int64_t)param(p, "n_heads");
    b.causal = json_is_true(json_object_get(p, "causal"));
    forward(&b, out);
    json_object_set_new(answer, "output", matrix_of(out, b.part[X].rows, b.part[X].columns));
    for (int i = 0; i < N_PARTS; i++) {
        char name[16];
        snprintf(name, sizeof name, "grad_%s", names[i]);
        json_object_set_new(
            answer, name,
            block_slopes(&b, &b.part[i], !json_is_array(json_array_get(json_object_get(p, names[i]), 0))));
    }
}

static void gradients_of_a_block_are_slopes(void **state)
{
    (void)state;
    expect_exercise("ch12.e20b", whole_block);
    expect_exercise_with("ch12.e20b", "{\"n_heads\": 1, \"causal\": false}", whole_block);
    expect_exercise_with(
        "ch12.e20b",
        "{\"x\": [[0.5, -1, 0.25, 2], [1, 0.5, -0.5, 0], [0, 1, 1, -1], [2, 0, -1, 0.5]],"
        " \"upstream\": [[1, 0, 0, 1], [0, 1, -1, 0], [0.5, 0.5, 0, 0], [1, 1, 1, -1]], \"n_heads\": 4}",
        whole_block);
    expect_refused("ch12.e20b", "{\"n_heads\": 3}", "n_heads");
    expect_refused("ch12.e20b", "{\"Wq\": [[1, 2], [3, 4]]}", "");
    expect_refused("ch12.e20b", "{\"upstream\": [[1, 2]]}", "gradient");
    expect_refused("ch12.e20b", "{\"b1\": [1]}", "");
}

/* --- the block with numbers of any size ---
 *
 * Differences of a loss of 1e12 say nothing about a slope of 1. So here each slope is carried along with its number: (x, dx),
 * by the rules of sums, products, roots and exponentials. That is exact, and shares nothing with a way back.
 */

typedef struct dual {
    double x, d; /* the number, and its slope along one entry of one part */
} dual;

enum { WILD_T = 4, WILD_D = 4, WILD_HIDDEN = 6, WILD_RUNS = 60 };

static dual plus(dual a, dual b)
{
    return (dual){a.x + b.x, a.d + b.d};
}

static dual times(dual a, dual b)
{
    return (dual){a.x * b.x, a.d * b.x + a.x * b.d};
}

static dual over(dual a, dual b)
{
    return (dual){a.x / b.x, (a.d - a.x / b.x * b.d) / b.x};
}

static dual number(double x)
{
    return (dual){x, 0.0};
}

/* Entry i of a part, which may be the one whose slope is asked for. */
typedef struct entry {
    int part;
    int64_t i;
} entry;

static dual given(const block *b, entry along, int part, int64_t i)
{
    return (dual){b->part[part].at[i], part == along.part && i == along.i ? 1.0 : 0.0};
}

static void dual_map(const block *b, entry along, const dual *x, int64_t n, int weight, dual *y)
{
    const int64_t in = b->part[weight].rows, out = b->part[weight].columns;

    for (int64_t i = 0; i < n * out; i++) {
        y[i] = given(b, along, weight + 1, i % out);
        for (int64_t k = 0; k < in; k++)
            y[i] = plus(y[i], times(x[i / out * in + k], given(b, along, weight, k * out + i % out)));
    }
}

static void dual_norm(const block *b, entry along, const dual *x, int64_t n, int64_t d, int gain, dual *y)
{
    for (int64_t i = 0; i < n; i++) {
        dual mean = {0, 0}, variance = {1e-5, 0}, root;
        for (int64_t c = 0; c < d; c++)
            mean = plus(mean, over(x[i * d + c], number((double)d)));
        for (int64_t c = 0; c < d; c++) {
            const dual away = plus(x[i * d + c], times(number(-1.0), mean));
            variance = plus(variance, over(times(away, away), number((double)d)));
        }
        root = (dual){sqrt(variance.x), variance.d / (2.0 * sqrt(variance.x))};
        for (int64_t c = 0; c < d; c++)
            y[i * d + c] = plus(
                times(over(plus(x[i * d + c], times(number(-1.0), mean)), root), given(b, along, gain, c)),
                given(b, along, gain + 1, c));
    }
}

/* The output of query i in head h, in columns h * width .. of z. */
static void dual_query(const block *b, const dual *q, const dual *k, const dual *v, int64_t n, int64_t d,
                       int64_t i, int64_t h, dual *z)
{
    const int64_t width = d / b->n_heads, seen = b->causal ? i + 1 : n;
    dual w[16] = {{0, 0}}, sum = {0, 0};
    double most = -INFINITY;

    for (int64_t j = 0; j < seen; j++) {
        for (int64_t c = h * width; c < (h + 1) * width; c++)
            w[j] = plus(w[j], over(times(q[i * d + c], k[j * d + c]), number(sqrt((double)width))));
        most = fmax(most, w[j].x);
    }
    for (int64_t j = 0; j < seen; j++) {
        w[j] = (dual){exp(w[j].x - most), exp(w[j].x - most) * w[j].d};
        sum = plus(sum, w[j]);
    }
    for (int64_t c = h * width; c < (h + 1) * width; c++) {
        z[i * d + c] = number(0.0);
        for (int64_t j = 0; j < seen; j++)
            z[i * d + c] = plus(z[i * d + c], times(over(w[j], sum), v[j * d + c]));
    }
}

static void dual_block(const block *b, entry along, dual *out)
{
    const int64_t n = b->part[X].rows, d = b->part[X].columns;
    dual x[64], y[64], q[64], k[64], v[64], z[64], mid[64] = {{0, 0}}, wide[256];

    for (int64_t i = 0; i < n * d; i++)
        x[i] = given(b, along, X, i);
    dual_norm(b, along, x, n, d, LN1_G, y);
    dual_map(b, along, y, n, WQ, q);
    dual_map(b, along, y, n, WK, k);
    dual_map(b, along, y, n, WV, v);
    for (int64_t i = 0; i < n * b->n_heads; i++)
        dual_query(b, q, k, v, n, d, i % n, i / n, z);
    dual_map(b, along, z, n, WO, y);
    for (int64_t i = 0; i < n * d; i++)
        mid[i] = plus(x[i], y[i]);
    dual_norm(b, along, mid, n, d, LN2_G, y);
    dual_map(b, along, y, n, W1, wide);
    for (int64_t i = 0; i < n * b->part[W1].columns; i++)
        wide[i] = wide[i].x > 0.0 ? wide[i] : number(0.0);
    dual_map(b, along, wide, n, W2, y);
    for (int64_t i = 0; i < n * d; i++)
        out[i] = plus(mid[i], y[i]);
}

static double dual_slope(const block *b, entry along)
{
    dual out[64];
    double sum = 0.0;

    dual_block(b, along, out);
    for (int64_t i = 0; i < b->upstream.rows * b->upstream.columns; i++)
        sum += b->upstream.at[i] * out[i].d;
    return sum;
}

/* A table of normal numbers, all of them larger or smaller by a power of ten from 1e-3 to 1e3. */
static void draw(heed_rng *rng, int64_t rows, int64_t columns, table *out)
{
    const double size = pow(10.0, (double)heed_rng_below(rng, 7) - 3.0);

    out->rows = rows;
    out->columns = columns;
    for (int64_t i = 0; i < rows * columns; i++)
        out->at[i] = size * (double)heed_rng_normal(rng);
}

static void draw_block(heed_rng *rng, block *b)
{
    static const char wide[N_PARTS] = {[W1] = 1, [B1] = 1};

    for (int i = 0; i < N_PARTS; i++) {
        const bool vector = i >= LN1_G && i <= LN2_B;
        const bool bias = i == BQ || i == BK || i == BV || i == BO || i == B1 || i == B2;
        const int64_t rows = i == X ? WILD_T : i == W2 ? WILD_HIDDEN : WILD_D;
        draw(rng, vector || bias ? 1 : rows, wide[i] ? WILD_HIDDEN : WILD_D, &b->part[i]);
    }
    draw(rng, WILD_T, WILD_D, &b->upstream);
    b->n_heads = INT64_C(1) << heed_rng_below(rng, 3);
    b->causal = heed_rng_below(rng, 2) == 0;
}

static json_t *of_table(const table *t, const double *at, bool list)
{
    return list ? list_of(at, t->columns) : matrix_of(at, t->rows, t->columns);
}

/* What the oracle answers, and the parameters. */
static json_t *wild_line(const block *b, double factor)
{
    json_t *params = json_object(), *answer = json_object();
    dual out[64];
    double at[64];

    for (int i = 0; i < N_PARTS; i++) {
        const table *t = &b->part[i];
        const bool list = names[i][0] == 'b' || names[i][0] == 'l';
        char name[16];

        for (int64_t k = 0; k < t->rows * t->columns; k++)
            at[k] = dual_slope(b, (entry){i, k});
        snprintf(name, sizeof name, "grad_%s", names[i]);
        json_object_set_new(params, names[i], of_table(t, t->at, list));
        json_object_set_new(answer, name, of_table(t, at, list));
    }
    dual_block(b, (entry){-1, 0}, out);
    for (int64_t i = 0; i < WILD_T * WILD_D; i++)
        at[i] = out[i].x * factor;
    json_object_set_new(answer, "output", matrix_of(at, WILD_T, WILD_D));
    json_object_set_new(params, "upstream", of_table(&b->upstream, b->upstream.at, false));
    json_object_set_new(params, "n_heads", json_integer(b->n_heads));
    json_object_set_new(params, "causal", json_boolean(b->causal));
    return json_pack("{s:s, s:o, s:o}", "id", "ch12.e20b", "params", params, "answer", answer);
}

/* Is the answer right? *verdict: what is said about it, free() it. */
static bool marked(heed_workbook *book, json_t *line, char **verdict)
{
    char *text = json_dumps(line, JSON_REAL_PRECISION(17));
    heed_error err = {0};
    bool ok = true;

    assert_non_null(text);
    if (heed_workbook_mark(book, text, strlen(text), verdict, &ok, &err) != HEED_OK)
        fail_msg("%s", err.message);
    free(text);
    json_decref(line);
    return ok;
}

static void a_block_of_numbers_of_any_size_is_judged_in_double_precision(void **state)
{
    static block b;
    heed_workbook *book = NULL;
    heed_rng rng = heed_rng_make(20, 1);

    (void)state;
    assert_int_equal(heed_workbook_open(&book, NULL), HEED_OK);
    for (int run = 0; run < WILD_RUNS; run++) {
        char *verdict = NULL;

        draw_block(&rng, &b);
        if (!marked(book, wild_line(&b, 1.0), &verdict))
            fail_msg("run %d: a right answer is judged wrong: %s", run, verdict);
        free(verdict);
        /* and not because anything would be right: outputs that are off by 1 in 10000 are not */
        if (marked(book, wild_line(&b, 1.0001), &verdict))
            fail_msg("run %d: a wrong output is judged right", run);
        free(verdict);
    }
    heed_workbook_close(book);
}

static void block_parameters(const json_t *p, json_t *answer)
{
    const double d = param(p, "d_model");

    json_object_set_new(answer, "layernorms", json_real(4 * d));
    json_object_set_new(answer, "attention", json_real(4 * d * d + 4 * d));
    json_object_set_new(answer, "ffn", json_real(8 * d * d + 5 * d));
    json_object_set_new(answer, "block", json_real(12 * d * d + 13 * d));
}

static void parameters_of_a_block_are_counted(void **state)
{
    (void)state;
    expect_exercise("ch12.e20a", block_parameters);
    expect_exercise_with("ch12.e20a", "{\"d_model\": 1}", block_parameters);
    expect_exercise_with("ch12.e20a", "{\"d_model\": 12288}", block_parameters);
    expect_refused("ch12.e20a", "{\"d_model\": 0}", "d_model");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_of_attention_are_slopes),
        cmocka_unit_test(gradients_of_a_block_are_slopes),
        cmocka_unit_test(a_block_of_numbers_of_any_size_is_judged_in_double_precision),
        cmocka_unit_test(parameters_of_a_block_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
