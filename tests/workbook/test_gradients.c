/* SPDX-License-Identifier: MIT */
/*
 * Groups M and N against their definitions in double precision. Gradients are central differences of the loss: what a derivative
 * is, and nothing that a backward pass could share. With h = 1e-5 they are right to about 1e-9 of numbers of order 1, far
 * inside the fields' 1e-5.
 */
#include "workbook/oracle.h"

#include "../cmocka_all.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

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
        cmocka_unit_test(parameters_of_a_block_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
