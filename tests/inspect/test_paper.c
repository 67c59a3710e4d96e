/* SPDX-License-Identifier: MIT */
/*
 * Attention with pen and paper. Every step and gradient of random examples equals a slow computation in double precision
 * that shares nothing with the engine, and finite differences of it; what is printed is what one writes by hand; what does
 * not fit is refused in one sentence.
 */
#include "cmocka_all.h"

#include <heed/attention.h>
#include <heed/paper.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- an oracle in double precision --- */

enum { MOST = 64 }; /* numbers of one matrix here */

typedef struct matrix {
    int rows, columns;
    double x[MOST];
} matrix;

static uint64_t random_state;

static double draw(void) /* -1 .. 1, in steps that a float holds */
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (double)(int)((random_state >> 40) % 2001) / 1024.0 - 1000.0 / 1024.0;
}

static matrix random_matrix(int rows, int columns)
{
    matrix m = {rows, columns, {0}};

    for (int i = 0; i < rows * columns; i++)
        m.x[i] = draw();
    return m;
}

static double get(const matrix *m, int i, int j)
{
    return m->x[i * m->columns + j];
}

/* x W + b, or x W^T + b */
static matrix map(const matrix *x, const matrix *w, const matrix *b, bool columns)
{
    matrix y = {x->rows, columns ? w->rows : w->columns, {0}};

    for (int i = 0; i < y.rows; i++)
        for (int j = 0; j < y.columns; j++) {
            double sum = b->rows > 0 ? b->x[j] : 0.0;
            for (int k = 0; k < x->columns; k++)
                sum += get(x, i, k) * (columns ? get(w, j, k) : get(w, k, j));
            y.x[i * y.columns + j] = sum;
        }
    return y;
}

/* One random example: rows of 0 mean that a matrix is not there. */
typedef struct example {
    int n_query, n_key, n_heads, head_dim, v_dim, d, out;
    double scale;
    bool columns, causal, mapped, hides;
    matrix x, x_kv, w[4], b[4], q, k, v, mask, grad; /* w and b: q, k, v, o */
} example;

/* Of the oracle: [n_heads, n_query, n_key], and the output. */
typedef struct answers {
    double scores[MOST * 2], masked[MOST * 2], weights[MOST * 2];
    matrix q, k, v, joined, y;
} answers;

static bool sees(const example *e, int i, int j)
{
    return (!e->causal || j <= i) && !(e->mask.rows > 0 && get(&e->mask, i, j) == -INFINITY);
}

static void attend(const example *e, int h, answers *a)
{
    for (int i = 0; i < e->n_query; i++) {
        double most = -INFINITY, sum = 0.0;
        const int row = (h * e->n_query + i) * e->n_key;

        for (int j = 0; j < e->n_key; j++) {
            double s = 0.0;
            for (int c = h * e->head_dim; c < (h + 1) * e->head_dim; c++)
                s += get(&a->q, i, c) * get(&a->k, j, c);
            a->scores[row + j] = s;
            a->masked[row + j] = sees(e, i, j) ? e->scale * s + (e->mask.rows > 0 ? get(&e->mask, i, j) : 0.0)
                                               : -INFINITY;
            most = fmax(most, a->masked[row + j]);
        }
        for (int j = 0; j < e->n_key; j++)
            sum += sees(e, i, j) ? exp(a->masked[row + j] - most) : 0.0;
        for (int j = 0; j < e->n_key; j++)
            a->weights[row + j] = sees(e, i, j) ? exp(a->masked[row + j] - most) / sum : 0.0;
        for (int c = h * e->v_dim; c < (h + 1) * e->v_dim; c++) {
            a->joined.x[i * a->joined.columns + c] = 0.0;
            for (int j = 0; j < e->n_key; j++)
                a->joined.x[i * a->joined.columns + c] += a->weights[row + j] * get(&a->v, j, c);
        }
    }
}

/* Works all out; returns sum(grad * output). */
static double answer(const example *e, answers *a)
{
    const matrix *x_kv = e->x_kv.rows > 0 ? &e->x_kv : &e->x;
    double loss = 0.0;

    a->q = e->mapped ? map(&e->x, &e->w[0], &e->b[0], e->columns) : e->q;
    a->k = e->mapped ? map(x_kv, &e->w[1], &e->b[1], e->columns) : e->k;
    a->v = e->mapped ? map(x_kv, &e->w[2], &e->b[2], e->columns) : e->v;
    a->joined = (matrix){e->n_query, e->n_heads * e->v_dim, {0}};
    for (int h = 0; h < e->n_heads; h++)
        attend(e, h, a);
    a->y = e->w[3].rows > 0 ? map(&a->joined, &e->w[3], &e->b[3], e->columns) : a->joined;
    for (int i = 0; i < a->y.rows * a->y.columns; i++)
        loss += a->y.x[i] * e->grad.x[i];
    return loss;
}

/* --- examples --- */

static int between(int least, int most)
{
    return least + (int)(fabs(draw()) * 0.999 * (most - least + 1));
}

static matrix random_map(const example *e, int in, int out)
{
    return e->columns ? random_matrix(out, in) : random_matrix(in, out);
}

static example random_example(int seed)
{
    example e = {0};

    random_state = (uint64_t)seed * 7919u + 17u;
    draw();
    e.n_query = between(1, 4);
    e.n_heads = between(1, 3);
    e.head_dim = between(1, 3);
    e.v_dim = between(1, 3);
    e.d = between(1, 4);
    e.columns = seed % 2;
    e.causal = seed % 3 == 0;
    e.mapped = seed % 4 > 1;
    e.n_key = e.mapped && seed % 8 < 4 ? e.n_query : between(1, 4);
    e.scale = seed % 5 == 0 ? 1.0 : seed % 5 == 1 ? -0.75 : 1.0 / sqrt(e.head_dim);
    e.hides = seed % 7 == 0;
    if (e.mapped) {
        e.x = random_matrix(e.n_query, e.d);
        if (seed % 8 >= 4)
            e.x_kv = random_matrix(e.n_key, e.d);
        for (int i = 0; i < 3; i++) {
            const int out = e.n_heads * (i == 2 ? e.v_dim : e.head_dim);
            e.w[i] = random_map(&e, e.d, out);
            if (seed % 3 > 0)
                e.b[i] = i == 1 ? random_matrix(out, 1) : random_matrix(1, out);
        }
    } else {
        e.q = random_matrix(e.n_query, e.n_heads * e.head_dim);
        e.k = random_matrix(e.n_key, e.n_heads * e.head_dim);
        e.v = random_matrix(e.n_key, e.n_heads * e.v_dim);
    }
    e.out = e.n_heads * e.v_dim;
    if (seed % 6 > 2) {
        e.out = between(1, 3);
        e.w[3] = random_map(&e, e.n_heads * e.v_dim, e.out);
        if (seed % 6 > 3)
            e.b[3] = random_matrix(1, e.out);
    }
    if (seed % 5 > 2) {
        e.mask = random_matrix(e.n_query, e.n_key);
        for (int i = 0; i < e.n_query * e.n_key; i++)
            if (draw() > 0.3 || (e.hides && i < e.n_key)) /* sometimes the first query sees nothing */
                e.mask.x[i] = -INFINITY;
    }
    e.grad = random_matrix(e.n_query, e.out);
    return e;
}

/* The same for the engine. */
typedef struct handed {
    float data[16][MOST];
    heed_matrix matrices[16];
    int n;
    heed_paper_inputs in;
} handed;

static const heed_matrix *hand(handed *h, const matrix *m)
{
    heed_matrix *to = &h->matrices[h->n];

    if (m->rows == 0)
        return NULL;
    for (int i = 0; i < m->rows * m->columns; i++)
        h->data[h->n][i] = (float)m->x[i];
    *to = (heed_matrix){m->rows, m->columns, h->data[h->n]};
    h->n++;
    return to;
}

static heed_paper *work_out(const example *e, handed *h)
{
    heed_paper *paper = NULL;
    heed_error err = {0};

    *h = (handed){0};
    h->in = (heed_paper_inputs){.q = hand(h, &e->q),
                                .k = hand(h, &e->k),
                                .v = hand(h, &e->v),
                                .x = hand(h, &e->x),
                                .x_kv = hand(h, &e->x_kv),
                                .w_q = hand(h, &e->w[0]),
                                .w_k = hand(h, &e->w[1]),
                                .w_v = hand(h, &e->w[2]),
                                .w_o = hand(h, &e->w[3]),
                                .b_q = hand(h, &e->b[0]),
                                .b_k = hand(h, &e->b[1]),
                                .b_v = hand(h, &e->b[2]),
                                .b_o = hand(h, &e->b[3]),
                                .columns = e->columns,
                                .n_heads = e->n_heads,
                                .scale = e->scale,
                                .mask.causal = e->causal,
                                .table = hand(h, &e->mask),
                                .form = HEED_MASK_ADDED,
                                .grad = hand(h, &e->grad)};
    if (heed_paper_attention(&h->in, &paper, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return paper;
}

/* --- comparing --- */

/*
 * Entries are up to 1 and sums have up to 4 terms in each of five steps: values stay below 100, and a float's rounding
 * below 20 * 100 * 6e-8 = 1e-4; what is measured is 1e-5.
 */
#define TOLERANCE 1e-4

static void expect_step(int seed, const heed_paper *paper, const char *name, int head, const double *expected,
                        int columns, int first, int stride)
{
    const heed_paper_step *s = heed_paper_find(paper, name, head);

    if (s == NULL)
        fail_msg("seed %d: there is no step %s of head %d", seed, name, head);
    assert_int_equal(s->columns, columns);
    for (int i = 0; i < s->rows; i++)
        for (int j = 0; j < s->columns; j++) {
            const double value = (double)s->values[i * s->columns + j],
                         right = expected[i * stride + first + j];
            if (!(value == right || fabs(value - right) <= TOLERANCE))
                fail_msg("seed %d: %s of head %d at [%d,%d] is %.9g, expected %.9g", seed, name, head, i, j,
                         value, right);
        }
}

static void every_step_forward_equals_the_definition(void **state)
{
    (void)state;
    for (int seed = 0; seed < 200; seed++) {
        const example e = random_example(seed);
        handed h;
        answers a;
        heed_paper *paper = work_out(&e, &h);
        const bool masked = e.causal || e.mask.rows > 0;
        const int pairs = e.n_query * e.n_key;

        answer(&e, &a);
        for (int i = 0; i < e.n_heads; i++) {
            double scaled[MOST * 2];
            for (int p = 0; p < pairs; p++)
                scaled[p] = e.scale * a.scores[i * pairs + p];
            expect_step(seed, paper, "q", i * (e.n_heads > 1) - (e.n_heads == 1), a.q.x, e.head_dim,
                        i * e.head_dim, a.q.columns);
            expect_step(seed, paper, "scores", i, a.scores + i * pairs, e.n_key, 0, e.n_key);
            if (e.scale != 1.0)
                expect_step(seed, paper, "scaled", i, scaled, e.n_key, 0, e.n_key);
            if (masked)
                expect_step(seed, paper, "masked", i, a.masked + i * pairs, e.n_key, 0, e.n_key);
            expect_step(seed, paper, "weights", i, a.weights + i * pairs, e.n_key, 0, e.n_key);
            expect_step(seed, paper, "output", i, a.joined.x, e.v_dim, i * e.v_dim, a.joined.columns);
        }
        if (e.n_heads > 1)
            expect_step(seed, paper, "joined", -1, a.joined.x, a.joined.columns, 0, a.joined.columns);
        if (e.w[3].rows > 0)
            expect_step(seed, paper, "y", -1, a.y.x, e.out, 0, e.out);
        for (int p = 0; p < pairs; p++) {
            const int seen = heed_paper_seen(paper)[p];
            assert_int_equal(seen, sees(&e, p / e.n_key, p % e.n_key));
            for (int i = 0; i < e.n_heads && !seen; i++)
                assert_true(heed_paper_find(paper, "weights", i)->values[p] == 0.0f);
        }
        heed_paper_destroy(paper);
    }
}

/* Central differences in double with step 1e-5: their own error is below 1e-9 here. */
static void expect_differences(int seed, example *e, matrix *m, const heed_paper *paper, const char *name)
{
    const heed_paper_step *s = NULL;
    answers a;

    if (m->rows == 0)
        return;
    for (int i = 0; i < heed_paper_n_steps(paper); i++) /* of all heads together, so the last of that name */
        if (strcmp(heed_paper_step_at(paper, i)->name, name) == 0)
            s = heed_paper_step_at(paper, i);
    if (s == NULL)
        fail_msg("seed %d: there is no step %s", seed, name);
    assert_int_equal(s->rows, m->rows);
    assert_int_equal(s->columns, m->columns);
    for (int i = 0; i < m->rows * m->columns; i++) {
        const double x = m->x[i];
        double loss[2];

        m->x[i] = x + 1e-5;
        loss[0] = answer(e, &a);
        m->x[i] = x - 1e-5;
        loss[1] = answer(e, &a);
        m->x[i] = x;
        if (fabs((double)s->values[i] - (loss[0] - loss[1]) / 2e-5) > TOLERANCE)
            fail_msg("seed %d: number %d of %s is %.9g, differences give %.9g", seed, i, name,
                     (double)s->values[i], (loss[0] - loss[1]) / 2e-5);
    }
}

static void every_gradient_equals_finite_differences(void **state)
{
    static const char *const dw[] = {"dw_q", "dw_k", "dw_v", "dw_o"}, *const db[] = {"db_q", "db_k", "db_v",
                                                                                     "db_o"};

    (void)state;
    for (int seed = 0; seed < 200; seed++) {
        example e = random_example(seed);
        handed h;
        heed_paper *paper = work_out(&e, &h);

        expect_differences(seed, &e, &e.q, paper, "dq");
        expect_differences(seed, &e, &e.k, paper, "dk");
        expect_differences(seed, &e, &e.v, paper, "dv");
        expect_differences(seed, &e, &e.x, paper, "dx");
        expect_differences(seed, &e, &e.x_kv, paper, "dx_kv");
        for (int i = 0; i < 4; i++) {
            expect_differences(seed, &e, &e.w[i], paper, dw[i]);
            expect_differences(seed, &e, &e.b[i], paper, db[i]);
        }
        heed_paper_destroy(paper);
    }
}

/* dA = dO V^T; dS'' = A (dA - rowsum(A dA)), 0 where hidden; dS = scale dS'' */
static void score_gradients_equal_the_definition(void **state)
{
    (void)state;
    for (int seed = 0; seed < 100; seed++) {
        const example e = random_example(seed);
        handed h;
        answers a;
        heed_paper *paper = work_out(&e, &h);

        answer(&e, &a);
        for (int i = 0; i < e.n_heads; i++) {
            const heed_paper_step *dout = heed_paper_find(paper, "doutput", e.n_heads > 1 ? i : -1);
            const bool masked = e.causal || e.mask.rows > 0;
            double da[MOST], before[MOST], ds[MOST];

            for (int q = 0; q < e.n_query; q++) {
                double dot = 0.0;
                for (int k = 0; k < e.n_key; k++) {
                    const int p = q * e.n_key + k;
                    da[p] = 0.0;
                    for (int c = 0; c < e.v_dim; c++)
                        da[p] += (double)dout->values[q * e.v_dim + c] * get(&a.v, k, i * e.v_dim + c);
                    dot += a.weights[i * e.n_query * e.n_key + p] * da[p];
                }
                for (int k = 0; k < e.n_key; k++) {
                    const int p = q * e.n_key + k;
                    before[p] = a.weights[i * e.n_query * e.n_key + p] * (da[p] - dot);
                    ds[p] = e.scale * before[p];
                }
            }
            expect_step(seed, paper, "dweights", i, da, e.n_key, 0, e.n_key);
            if (masked)
                expect_step(seed, paper, "dmasked", i, before, e.n_key, 0, e.n_key);
            if (e.scale != 1.0 || masked)
                expect_step(seed, paper, "dscores", i, ds, e.n_key, 0, e.n_key);
        }
        heed_paper_destroy(paper);
    }
}

/* Works a part of "entry = part = part = value" out with the parser of matrices; NaN where words stand in it. */
static double worth(const char *part, size_t n)
{
    char expression[4096];
    double value = NAN;
    heed_error err = {0};

    assert_true(n + 3 < sizeof expression);
    snprintf(expression, sizeof expression, "(%.*s)", (int)n, part);
    return heed_matrix_read_number("part", expression, &value, &err) == HEED_OK ? value : NAN;
}

/* Returns the parts of a worked line that were compared; with 9 digits each is as exact as the floats it is made of. */
static int expect_equal_parts(int seed, const char *line, size_t n)
{
    const char *part = strstr(line, " = ") + 3, *end = line + n, *next;
    double last = NAN;
    int parts = 0;

    for (; part < end; part = next + 3, parts++) {
        double value;

        next = strstr(part, " = ");
        if (next == NULL || next > end)
            next = end;
        value = worth(part, (size_t)(next - part));
        if (isnan(value))
            fail_msg("seed %d: cannot be worked out: %.*s", seed, (int)n, line);
        if (parts > 0 && fabs(value - last) > 1e-5 * (1.0 + fabs(value)))
            fail_msg("seed %d: its parts differ: %.*s", seed, (int)n, line);
        last = value;
    }
    return parts;
}

/* Whatever is transposed, split or cut: the numbers that are written come to the number that is written. */
static void every_line_of_work_comes_to_its_value(void **state)
{
    int compared = 0;

    (void)state;
    for (int seed = 0; seed < 100; seed++) {
        const example e = random_example(seed);
        handed h;
        heed_paper *paper = work_out(&e, &h);
        heed_error err = {0};
        char *text = NULL;

        assert_int_equal(
            heed_paper_write(paper, &(heed_paper_style){.digits = 9, .work = HEED_PAPER_WORK_ALL}, &text, &err),
            HEED_OK);
        for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
            *end = '\0';
            if (strncmp(line, "  ", 2) == 0 && line[2] != '[' && strstr(line, "] = ") != NULL &&
                strstr(line, "..") == NULL && strstr(line, "inf") == NULL)
                compared += expect_equal_parts(seed, line, (size_t)(end - line));
        }
        free(text);
        heed_paper_destroy(paper);
    }
    assert_true(compared > 10000);
}

/* The fused attention of models, on its own kernels, says the same: sums of 3 terms differ by a few roundings. */
static void paper_agrees_with_attention_over_plain_arrays(void **state)
{
    (void)state;
    for (int seed = 0; seed < 60; seed++) {
        const example e = random_example(seed);
        handed h;
        heed_paper *paper;
        float out[MOST], dq[MOST];
        heed_error err = {0};

        if (e.mapped || e.n_heads > 1 || e.w[3].rows > 0 || e.scale < 0.0)
            continue;
        paper = work_out(&e, &h);
        assert_int_equal(
            heed_attention_run(&(heed_attention_inputs){.n_query = e.n_query,
                                                        .n_key = e.n_key,
                                                        .head_dim = e.head_dim,
                                                        .v_dim = e.v_dim,
                                                        .q = h.in.q->data,
                                                        .k = h.in.k->data,
                                                        .v = h.in.v->data,
                                                        .scale = e.scale,
                                                        .mask = h.in.mask,
                                                        .bias = h.in.table != NULL ? h.in.table->data : NULL,
                                                        .dout = h.in.grad->data},
                               &(heed_attention_results){.out = out, .dq = dq}, &err),
            HEED_OK);
        for (int i = 0; i < e.n_query * e.v_dim; i++)
            assert_true(fabsf(heed_paper_find(paper, "output", 0)->values[i] - out[i]) <= 1e-5f);
        for (int i = 0; i < e.n_query * e.head_dim; i++)
            assert_true(fabsf(heed_paper_find(paper, "dq", -1)->values[i] - dq[i]) <= 1e-5f);
        heed_paper_destroy(paper);
    }
}

/* --- by hand --- */

typedef struct by_hand {
    heed_matrix m[8];
    heed_paper_inputs in;
} by_hand;

static void give(by_hand *h, int i, const char *text, const heed_matrix **to)
{
    heed_error err = {0};

    if (heed_matrix_read("m", text, &h->m[i], &err) != HEED_OK)
        fail_msg("%s", err.message);
    *to = &h->m[i];
}

static char *written(by_hand *h, const heed_paper_style *style)
{
    heed_paper *paper = NULL;
    heed_error err = {0};
    char *text = NULL;

    if (heed_paper_attention(&h->in, &paper, &err) != HEED_OK)
        fail_msg("%s", err.message);
    assert_int_equal(heed_paper_write(paper, style, &text, &err), HEED_OK);
    heed_paper_destroy(paper);
    for (int i = 0; i < 8; i++)
        heed_matrix_free(&h->m[i]);
    return text;
}

static void expect_part(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("expected\n%s\nin\n%s", part, text);
}

/* By hand: e^(1/sqrt 2) = 2.0281, 1/(1 + 2.0281) = 0.3302, 0.3302*1 + 0.6698*3 = 2.3395 */
static void a_small_example_is_written_as_by_hand(void **state)
{
    by_hand h = {.in.mask.causal = true};
    char *text;

    (void)state;
    give(&h, 0, "1 0; 0 1; 1 1", &h.in.q);
    give(&h, 1, "1 0; 0 1; 1 1", &h.in.k);
    give(&h, 2, "1 2; 3 4; 5 6", &h.in.v);
    give(&h, 3, "1 1; 1 1; 1 1", &h.in.grad);
    text = written(&h, &(heed_paper_style){0});
    expect_part(text, "scores: S = Q K^T  [3, 3]\n"
                      "  [  1  0  1  ]\n"
                      "  [  0  1  1  ]\n"
                      "  [  1  1  2  ]\n"
                      "  S[0,0] = 1*1 + 0*0 = 1\n");
    expect_part(text, "scaled scores: S' = S / sqrt(2)  [3, 3]\n"
                      "  [  0.7071  0       0.7071  ]\n"
                      "  [  0       0.7071  0.7071  ]\n"
                      "  [  0.7071  0.7071  1.4142  ]\n"
                      "  S'[0,0] = 1 / 1.4142 = 0.7071\n");
    expect_part(text, "3 of 9 pairs are hidden: query 0 from key 1, 2; query 1 from key 2\n");
    expect_part(text, "  [  0.7071  -inf       -inf       ]\n"
                      "  [  0          0.7071  -inf       ]\n");
    expect_part(text, "  [  1       0       0       ]  sum 1\n"
                      "  [  0.3302  0.6698  0       ]  sum 1\n"
                      "  [  0.2483  0.2483  0.5035  ]  sum 1\n"
                      "  A[1,0] = exp(0) / (exp(0) + exp(0.7071)) = 1 / (1 + 2.0281) = 0.3302\n");
    expect_part(text, "  [  2.3395  3.3395  ]\n");
    expect_part(text, "O[1,0] = 0.3302*1 + 0.6698*3 + 0*5 = 2.3395\n");
    expect_part(text, "dV[0,0] = 1*1 + 0.3302*1 + 0.2483*1 = 1.5785\n");
    free(text);
}

/* A fully masked row gives zeros, and so do its gradients; the text says so. */
static void a_query_that_sees_nothing_gives_zeros(void **state)
{
    by_hand h = {.in.form = HEED_MASK_BLOCKED};
    heed_paper *paper = NULL;
    heed_error err = {0};
    char *text = NULL;

    (void)state;
    give(&h, 0, "1 2; 3 4", &h.in.q);
    give(&h, 1, "1 2; 3 4", &h.in.k);
    give(&h, 2, "1; 3", &h.in.v);
    give(&h, 3, "1 1; 0 1", &h.in.table);
    give(&h, 4, "1; 1", &h.in.grad);
    assert_int_equal(heed_paper_attention(&h.in, &paper, &err), HEED_OK);
    for (int i = 0; i < heed_paper_n_steps(paper); i++) {
        const heed_paper_step *s = heed_paper_step_at(paper, i);
        for (int64_t k = 0; k < s->rows * s->columns; k++)
            assert_true(s->values[k] == s->values[k]); /* no NaN */
    }
    for (int j = 0; j < 2; j++) {
        assert_true(heed_paper_find(paper, "weights", 0)->values[j] == 0.0f);
        assert_true(heed_paper_find(paper, "dq", -1)->values[j] == 0.0f);
    }
    assert_true(heed_paper_find(paper, "output", 0)->values[0] == 0.0f);
    assert_int_equal(heed_paper_write(paper, &(heed_paper_style){0}, &text, &err), HEED_OK);
    expect_part(text, "query 0 sees no key: its weights are zeros by heed's rule, where exp gives 0/0");
    free(text);
    heed_paper_destroy(paper);

    h.in.fill_1e9 = true; /* -1e9 swallows the scores: both keys weigh alike */
    text = written(&h, &(heed_paper_style){0});
    expect_part(text, "  [  0.5000  0.5000  ]  sum 1\n");
    expect_part(text, "with -1e9 everywhere all keys weigh alike");
    free(text);
}

static void a_mask_of_one_row_counts_for_every_query(void **state)
{
    static const float right[] = {1, 0, 0, 1, 0, 0};
    by_hand h = {0};
    heed_paper *paper = NULL;
    heed_error err = {0};

    (void)state;
    give(&h, 0, "1 2; 3 4", &h.in.q);
    give(&h, 1, "1 2; 3 4; 5 6", &h.in.k);
    give(&h, 2, "1; 3; 5", &h.in.v);
    give(&h, 3, "1 0 0", &h.in.table);
    assert_int_equal(heed_paper_attention(&h.in, &paper, &err), HEED_OK);
    assert_memory_equal(heed_paper_find(paper, "weights", 0)->values, right, sizeof right);
    heed_paper_destroy(paper);
    for (int i = 0; i < 8; i++)
        heed_matrix_free(&h.m[i]);
}

/* e^1000 is no number on paper: softmax is the same without the largest score. A rounded zero has no sign. */
static void large_scores_are_written_without_their_largest(void **state)
{
    by_hand h = {0};
    char *text;

    (void)state;
    give(&h, 0, "1000; -1e-6", &h.in.q);
    give(&h, 1, "1; 0.999", &h.in.k);
    give(&h, 2, "1; 3", &h.in.v);
    text = written(&h, &(heed_paper_style){0});
    expect_part(text, "A[0,0] = exp(0) / (exp(0) + exp(-1)) = 1 / (1 + 0.3679) = 0.7311\n");
    expect_part(text, "  [  1000       ]\n  [     0.0000  ]\n");
    free(text);
}

/* The exercise of heads set by hand: embeddings of c b c c e as rows, maps that turn columns, no scale. */
static void maps_that_turn_columns_and_no_scale(void **state)
{
    by_hand h = {.in = {.mask.causal = true, .columns = true, .scale = 1.0}};
    char *text;

    (void)state;
    give(&h, 0, "0 1 1; 0 1 0; 0 1 0; 0 1 0; 1 0 0", &h.in.x);
    give(&h, 1, "1 1 0", &h.in.w_q);
    give(&h, 2, "0 0 5", &h.in.w_k);
    give(&h, 3, "0 1 0; 0 0 0", &h.in.w_v);
    text = written(&h, &(heed_paper_style){0});
    expect_part(text, "queries: Q = X W_q^T  [5, 1]\n  [  1  ]\n  [  1  ]\n  [  1  ]\n  [  1  ]\n  [  1  ]\n");
    expect_part(text, "keys: K = X W_k^T  [5, 1]\n  [  5  ]\n  [  0  ]\n");
    expect_part(text, "masked scores: S' = S where M is 1, -inf where it is 0");
    /* e^-5 = 0.0067: 1/(1 + n e^-5) */
    expect_part(text, "  [  0.9933  0.0067  0       0       0       ]");
    expect_part(text, "  [  0.9738  0.0066  0.0066  0.0066  0.0066  ]");
    free(text);
}

/* --- forms --- */

static char *two_heads(const heed_paper_style *style)
{
    by_hand h = {.in = {.n_heads = 2, .mask.causal = true, .form = HEED_MASK_ADDED}};

    give(&h, 0, "1 0; 0 1; 1 1", &h.in.x);
    give(&h, 1, "1 0 0 1; 0 1 1 0", &h.in.w_q);
    give(&h, 2, "1 0 1 0; 0 1 0 -1", &h.in.w_k);
    give(&h, 3, "1 2 0 1; 0 1 1 1", &h.in.w_v);
    give(&h, 4, "1 0; 0 1; 1 0; 0 1", &h.in.w_o);
    give(&h, 5, "1 0; 1/3 1; 0 1e10", &h.in.grad);
    return written(&h, style);
}

static int count(const char *text, const char *part)
{
    int n = 0;

    for (const char *c = text; (c = strstr(c, part)) != NULL; c += strlen(part))
        n++;
    return n;
}

/* Braces, \begin and \end, \[ and \], \frac's two groups; no underscore or caret outside of mathematics. */
static void latex_is_balanced(void **state)
{
    char *text = two_heads(&(heed_paper_style){.format = HEED_PAPER_LATEX, .work = HEED_PAPER_WORK_ALL});
    bool formula = false;
    int depth = 0;

    (void)state;
    assert_int_equal(count(text, "\\begin{bmatrix}"), count(text, "\\end{bmatrix}"));
    assert_int_equal(count(text, "\\begin{document}"), 1);
    assert_int_equal(count(text, "\\end{document}"), 1);
    assert_int_equal(count(text, "\\["), count(text, "\\]"));
    for (const char *c = text; *c != '\0'; c++) {
        if (strncmp(c, "\\[", 2) == 0 || strncmp(c, "\\]", 2) == 0) {
            assert_true(formula == (c[1] == ']'));
            assert_int_equal(depth, 0);
            formula = !formula;
        }
        depth += (*c == '{') - (*c == '}');
        assert_true(depth >= 0);
        if ((*c == '^' || (*c == '_' && c[-1] != '\\') || *c == '&') && !formula)
            fail_msg("outside of a formula: %.40s", c - 20);
    }
    assert_int_equal(depth, 0);
    expect_part(text, "S'^{(0)} = \\frac{S^{(0)}}{\\sqrt{2}}");
    expect_part(text, "S^{(1)} = Q^{(1)} {K^{(1)}}^{\\top}");
    expect_part(text, "(dW_{q})_{0,0}");
    free(text);
}

static void markdown_has_a_table_for_each_step(void **state)
{
    char *text = two_heads(&(heed_paper_style){.format = HEED_PAPER_MARKDOWN, .digits = 2});

    (void)state;
    assert_int_equal(count(text, "\n### "), count(text, "|---|"));
    expect_part(text, "## forward, head 1 of 2\n");
    expect_part(text, "`Q_1 = columns 2 to 3 of Q`");
    expect_part(text,
                "| | key 0 | key 1 | key 2 | sum |\n|---|---:|---:|---:|---:|\n| query 0 | 1 | 0 | 0 | 1 |\n");
    expect_part(text, "`S_0[0,0] = 1*1 + 0*0 = 1`");
    free(text);
}

static void json_is_one_line_with_every_step(void **state)
{
    char *text = two_heads(&(heed_paper_style){.format = HEED_PAPER_JSON});

    (void)state;
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    expect_part(text, "\"seen\": [[1, 0, 0], [1, 1, 0], [1, 1, 1]]");
    expect_part(text, "{\"name\": \"scores\", \"part\": \"forward\", \"head\": 1, \"title\": \"scores\", "
                      "\"symbol\": \"S_1\", "
                      "\"formula\": \"S_1 = Q_1 K_1^T\", \"note\": \"\", \"shape\": [3, 3], \"values\": [[0, "
                      "-1, -1], [1, 0, 1], "
                      "[1, -1, 0]], \"worked\": [\"S_1[0,0] = 0*1 + 1*0 = 0\"]}");
    assert_int_equal(count(text, "-inf") > 0, 1); /* in the worked lines alone */
    assert_int_equal(count(text, ", -inf"), 0);
    free(text);
}

static void large_matrices_are_cut_and_large_numbers_are_short(void **state)
{
    by_hand h = {0};
    char *text;

    (void)state;
    give(&h, 0, "1e10 -2000; 0 1; 1 2; 3 4; 5 6; 7 8", &h.in.q);
    give(&h, 1, "1 0; 1 1; 2 1; 0 0; 0 0; 0 1e-9", &h.in.k);
    give(&h, 2, "1; 2; 3; 4; 5; 6", &h.in.v);
    text = written(&h, &(heed_paper_style){.most = 4, .digits = 2});
    expect_part(text, "queries: Q  [6, 2]\n  [  1e10  -2000  ]\n  [     0      1  ]\n  [    ..     ..  ]\n  [  "
                      "   7      8  ]\n");
    /* the largest score is taken off before exp, so that nothing overflows on paper either */
    expect_part(text, "A[0,0] = ");
    assert_null(strstr(text, "nan"));
    free(text);
}

/* --- what does not fit --- */

static void expect_refused(by_hand *h, heed_status status, const char *message)
{
    heed_paper *paper = NULL;
    heed_error err = {0};

    assert_int_equal(heed_paper_attention(&h->in, &paper, &err), status);
    assert_null(paper);
    assert_string_equal(err.message, message);
}

static void what_does_not_fit_is_refused_with_both_sizes(void **state)
{
    by_hand h = {0};

    (void)state;
    give(&h, 0, "1 0; 0 1; 1 1", &h.in.q);
    give(&h, 1, "1 0 1; 0 1 1", &h.in.k);
    expect_refused(&h, HEED_ERR_USAGE, "v: expected a matrix, or x to make it from, got neither");
    give(&h, 2, "1 2; 3 4; 5 6", &h.in.v);
    expect_refused(&h, HEED_ERR_SHAPE, "k: expected 2 columns as q has, got 3");
    give(&h, 6, "1 1 1", &h.in.q);
    give(&h, 7, "0 5 5", &h.in.k);
    expect_refused(
        &h, HEED_ERR_SHAPE,
        "v: expected 1 row as k has, one for each token, got 3; k stands in one row, its tokens belong "
        "below each other");
    h.in.q = &h.m[0];
    h.in.k = h.in.q;
    h.in.n_heads = 3;
    expect_refused(&h, HEED_ERR_SHAPE, "n_heads: expected a divisor of the 2 columns of q, got 3");
    h.in.n_heads = 0;
    h.in.grad = h.in.b_o = &h.m[1];
    expect_refused(&h, HEED_ERR_USAGE, "b_o: expected w_o with it, got nothing");
    h.in.b_o = NULL;
    expect_refused(&h, HEED_ERR_SHAPE, "grad: expected [3, 2] as the output, got [2, 3]");
    h.in.grad = NULL;
    give(&h, 3, "1 0; 0 1", &h.in.table);
    expect_refused(&h, HEED_ERR_SHAPE,
                   "mask: expected [3, 3], a row for each query or one for all, got [2, 2]");
    give(&h, 4, "1 0 2", &h.in.table);
    expect_refused(&h, HEED_ERR_USAGE, "mask[0,2]: expected 1 or 0, got 2");
    h.in.table = NULL;
    h.in.w_q = h.in.q;
    expect_refused(&h, HEED_ERR_USAGE, "w_q: expected x to map, got q itself");
    h.in.w_q = NULL;
    h.in.x = h.in.q;
    expect_refused(&h, HEED_ERR_USAGE, "x: expected x or q, k and v, got both");
    h.in.q = h.in.k = h.in.v = NULL;
    h.in.w_q = &h.m[1];
    expect_refused(&h, HEED_ERR_USAGE, "w_k: expected a map as its neighbours have one, got nothing");
    h.in.w_k = h.in.w_v = h.in.w_q;
    h.in.columns = true;
    expect_refused(&h, HEED_ERR_SHAPE,
                   "w_q: expected 2 columns for the 2 columns of x, got 3; is it written the other way round?");
    give(&h, 5, "1 0; -inf 1; 1 1", &h.in.x);
    expect_refused(&h, HEED_ERR_USAGE, "x[1,0]: expected a finite number, got -inf");
    for (int i = 0; i < 8; i++)
        heed_matrix_free(&h.m[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_forward_equals_the_definition),
        cmocka_unit_test(every_gradient_equals_finite_differences),
        cmocka_unit_test(score_gradients_equal_the_definition),
        cmocka_unit_test(every_line_of_work_comes_to_its_value),
        cmocka_unit_test(paper_agrees_with_attention_over_plain_arrays),
        cmocka_unit_test(a_small_example_is_written_as_by_hand),
        cmocka_unit_test(a_query_that_sees_nothing_gives_zeros),
        cmocka_unit_test(a_mask_of_one_row_counts_for_every_query),
        cmocka_unit_test(large_scores_are_written_without_their_largest),
        cmocka_unit_test(maps_that_turn_columns_and_no_scale),
        cmocka_unit_test(latex_is_balanced),
        cmocka_unit_test(markdown_has_a_table_for_each_step),
        cmocka_unit_test(json_is_one_line_with_every_step),
        cmocka_unit_test(large_matrices_are_cut_and_large_numbers_are_short),
        cmocka_unit_test(what_does_not_fit_is_refused_with_both_sizes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
