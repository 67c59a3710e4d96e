/* SPDX-License-Identifier: MIT */
/*
 * One head's attention as a problem to solve: its arrays with guards between the rows, what double precision says,
 * and running a kernel over it.
 *
 *     problem *p = problem_new(&shape, seed);
 *     problem_solve(p);                                 by loops in double
 *     run_forward(kernels, p, shape.n_query);
 *     check_rows(kernels, p, OUT, "forward");
 *     problem_free(p);                                  fails when a kernel wrote where it must not
 */
#ifndef HEED_TESTS_KERNELS_ATTENTION_PROBLEM_H
#define HEED_TESTS_KERNELS_ATTENTION_PROBLEM_H

#include "arrays.h"

/* ---- a problem: one head, its arrays and what double precision says ---- */

enum { Q, K, V, OUT, DOUT, DQ, DK, DV, LSE, MAX, SUM, N_ARRAYS };

static const char *const array_names[N_ARRAYS] = {"q",  "k",  "v",   "out", "dout", "dq",
                                                  "dk", "dv", "lse", "max", "sum"};

/* Rows of dim numbers, `stride` apart; between them NaNs that nobody may read into a result, or write to. */
typedef struct rows {
    int64_t n, dim, stride, length;
    float *x;
    double *want, *size; /* [n, dim]: the result, and the sum of its terms without their signs */
} rows;

typedef struct problem {
    heed_attention_head head;
    rows r[N_ARRAYS];
    double largest_score;
} problem;

typedef struct shape {
    int64_t n_query, n_key, head_dim, v_dim, gap; /* gap: floats between rows */
    bool causal;
    float range; /* of q and k */
} shape;

static rows rows_new(int64_t n, int64_t dim, int64_t gap)
{
    rows r = {.n = n, .dim = dim, .stride = dim + gap, .length = (n - 1) * (dim + gap) + dim};

    r.x = array_new(r.length);
    for (int64_t i = 0; i < r.length; i++)
        memcpy(r.x + i, &guard_bits, sizeof guard_bits);
    r.want = calloc((size_t)(n * dim), sizeof *r.want);
    r.size = calloc((size_t)(n * dim), sizeof *r.size);
    assert_non_null(r.want);
    assert_non_null(r.size);
    return r;
}

static void rows_fill(rows *r, uint32_t seed, float range)
{
    float *values = array_random(r->n * r->dim, seed, range);

    for (int64_t i = 0; i < r->n; i++)
        memcpy(r->x + i * r->stride, values + i * r->dim, (size_t)r->dim * sizeof *values);
    array_free(values, r->n * r->dim);
}

static void problem_bind(problem *p)
{
    heed_attention_head *h = &p->head;

    h->q = p->r[Q].x, h->q_stride = p->r[Q].stride;
    h->k = p->r[K].x, h->k_stride = p->r[K].stride;
    h->v = p->r[V].x, h->v_stride = p->r[V].stride;
    h->out = p->r[OUT].x, h->out_stride = p->r[OUT].stride;
    h->dout = p->r[DOUT].x, h->dout_stride = p->r[DOUT].stride;
    h->dq = p->r[DQ].x, h->dq_stride = p->r[DQ].stride;
    h->dk = p->r[DK].x, h->dk_stride = p->r[DK].stride;
    h->dv = p->r[DV].x, h->dv_stride = p->r[DV].stride;
    h->lse = p->r[LSE].x;
    h->max = p->r[MAX].x;
    h->sum = p->r[SUM].x;
}

static problem *problem_new(const shape *s, uint32_t seed)
{
    problem *p = calloc(1, sizeof *p);

    assert_non_null(p);
    p->head = (heed_attention_head){.n_query = s->n_query,
                                    .n_key = s->n_key,
                                    .head_dim = s->head_dim,
                                    .v_dim = s->v_dim,
                                    .scale = 1.0f / sqrtf((float)s->head_dim),
                                    .mask = {.causal = s->causal, .position = s->n_key - s->n_query}};
    for (int a = 0; a < N_ARRAYS; a++) {
        const bool of_keys = a == K || a == V || a == DK || a == DV;
        const int64_t dim = a >= LSE ? 1 : a == V || a == OUT || a == DOUT || a == DV ? s->v_dim : s->head_dim;

        p->r[a] = rows_new(of_keys ? s->n_key : s->n_query, dim, a >= LSE ? 0 : s->gap * (1 + a % 3));
    }
    rows_fill(&p->r[Q], seed * 4, s->range);
    rows_fill(&p->r[K], seed * 4 + 1, s->range);
    rows_fill(&p->r[V], seed * 4 + 2, 1.0f);
    rows_fill(&p->r[DOUT], seed * 4 + 3, 1.0f);
    problem_bind(p);
    return p;
}

static inline void problem_free(problem *p)
{
    for (int a = 0; a < N_ARRAYS; a++) {
        const rows *r = &p->r[a];

        for (int64_t i = 0; i + 1 < r->n; i++)
            for (int64_t d = r->dim; d < r->stride; d++)
                if (memcmp(r->x + i * r->stride + d, &guard_bits, sizeof guard_bits))
                    fail_msg("%s was written to between rows %lld and %lld", array_names[a], (long long)i,
                             (long long)i + 1);
        array_free(r->x, r->length);
        free(r->want);
        free(r->size);
    }
    free(p);
}

static double at(const problem *p, int a, int64_t i, int64_t d)
{
    return (double)p->r[a].x[i * p->r[a].stride + d];
}

static void add_term(problem *p, int a, int64_t i, int64_t d, double factor, double size, double x)
{
    p->r[a].want[i * p->r[a].dim + d] += factor * x;
    p->r[a].size[i * p->r[a].dim + d] += fabs(size * x);
}

/* Weights of query i, and out and lse from them. Returns the number of keys that it sees. */
static int64_t oracle_forward(problem *p, int64_t i, double *weight)
{
    const heed_attention_head *h = &p->head;
    const int64_t position = h->n_key - h->n_query + i;
    const int64_t n = !h->mask.causal ? h->n_key : position < 0 ? 0 : position + 1;
    double max = -INFINITY, sum = 0.0;

    for (int64_t j = 0; j < n; j++) {
        weight[j] = 0.0;
        for (int64_t d = 0; d < h->head_dim; d++)
            weight[j] += (double)h->scale * at(p, Q, i, d) * at(p, K, j, d);
        max = fmax(max, weight[j]);
        p->largest_score = fmax(p->largest_score, fabs(weight[j]));
    }
    for (int64_t j = 0; j < n; j++) {
        weight[j] = exp(weight[j] - max);
        sum += weight[j];
    }
    p->r[LSE].want[i] = n ? max + log(sum) : -INFINITY;
    p->r[LSE].size[i] = n ? 1.0 + fabs(max) : 0.0;
    p->r[MAX].want[i] = max / (double)h->scale;
    p->r[MAX].size[i] = n ? 1.0 + fabs(max) / (double)h->scale : 0.0;
    p->r[SUM].want[i] = p->r[SUM].size[i] = sum;
    for (int64_t j = 0; j < n; j++) {
        weight[j] /= sum;
        for (int64_t d = 0; d < h->v_dim; d++)
            add_term(p, OUT, i, d, weight[j], weight[j], at(p, V, j, d));
    }
    return n;
}

static void oracle_backward(problem *p, int64_t i, const double *weight, int64_t n)
{
    const heed_attention_head *h = &p->head;
    double delta = 0.0, delta_size = 0.0;

    for (int64_t d = 0; d < h->v_dim; d++) {
        delta += at(p, DOUT, i, d) * p->r[OUT].want[i * h->v_dim + d];
        delta_size += fabs(at(p, DOUT, i, d)) * p->r[OUT].size[i * h->v_dim + d];
    }
    for (int64_t j = 0; j < n; j++) {
        double dp = 0.0, dp_size = 0.0;

        for (int64_t d = 0; d < h->v_dim; d++) {
            dp += at(p, DOUT, i, d) * at(p, V, j, d);
            dp_size += fabs(at(p, DOUT, i, d) * at(p, V, j, d));
            add_term(p, DV, j, d, weight[j], weight[j], at(p, DOUT, i, d));
        }
        const double ds = (double)h->scale * weight[j] * (dp - delta);
        const double ds_size = (double)h->scale * weight[j] * (dp_size + delta_size);
        for (int64_t d = 0; d < h->head_dim; d++) {
            add_term(p, DQ, i, d, ds, ds_size, at(p, K, j, d));
            add_term(p, DK, j, d, ds, ds_size, at(p, Q, i, d));
        }
    }
}

static void problem_solve(problem *p)
{
    double *weight = calloc((size_t)p->head.n_key, sizeof *weight);

    assert_non_null(weight);
    for (int64_t i = 0; i < p->head.n_query; i++) {
        const int64_t n = oracle_forward(p, i, weight);

        oracle_backward(p, i, weight, n);
    }
    free(weight);
}

/* ---- running a kernel ---- */

/* The scratch is full of NaNs before, so that what is used unwritten shows, and is guarded behind. */
static float *scratch_new(int64_t n)
{
    float *scratch = aligned_alloc(64, (size_t)(n + GUARD + 63) / 16 * 64);

    assert_non_null(scratch);
    for (int64_t i = 0; i < n + GUARD; i++)
        memcpy(scratch + i, &guard_bits, sizeof guard_bits);
    return scratch;
}

static void scratch_free(float *scratch, int64_t n)
{
    for (int64_t i = n; i < n + GUARD; i++)
        if (memcmp(scratch + i, &guard_bits, sizeof guard_bits))
            fail_msg("the scratch of %lld was written %lld past its end", (long long)n, (long long)(i - n));
    free(scratch);
}

static inline void run_forward(const heed_kernels *k, const problem *p, int64_t cut)
{
    const int64_t n = k->attention_scratch(&p->head, false), n_query = p->head.n_query;
    float *scratch = scratch_new(n);

    for (int64_t i = 0; i < n_query; i += cut)
        k->attention(&p->head, i, i + cut < n_query ? i + cut : n_query, scratch);
    scratch_free(scratch, n);
}

static inline void run_backward(const heed_kernels *k, const problem *p)
{
    const int64_t n = k->attention_scratch(&p->head, true);
    float *scratch = scratch_new(n);

    k->attention_backward(&p->head, scratch);
    scratch_free(scratch, n);
}

/*
 * In units of 2^-24 of the sum of the terms' sizes. A weight carries the error of its score, which exp() makes
 * relative: some roundings of the largest score (8), those of exp and of the divisions (16), and of sums
 * whose roundings add up like a random walk (4 sqrt of their length). A gradient has a few such factors: twice that.
 * Weights below 2^-100 are 0 in the kernel: hence 1e-28 on top.
 */
static double tolerance_of(const problem *p, int a)
{
    const heed_attention_head *h = &p->head;
    const double terms = (double)(h->head_dim + h->v_dim + h->n_query + h->n_key);
    const double units = 16.0 + 8.0 * p->largest_score + 4.0 * sqrt(terms);

    return ldexp(a == OUT || a >= LSE ? units : 2.0 * units, -24);
}

static inline void check_rows(const heed_kernels *k, const problem *p, int a, const char *what)
{
    const rows *r = &p->r[a];
    const heed_attention_head *h = &p->head;
    const double tolerance = tolerance_of(p, a);

    for (int64_t e = 0; e < r->n * r->dim; e++) {
        const double got = at(p, a, e / r->dim, e % r->dim), want = r->want[e];

        if (got == want || fabs(got - want) <= tolerance * r->size[e] + 1e-28)
            continue;
        fail_msg(
            "%s of %s on %s: %lld queries, %lld keys, head_dim %lld, v_dim %lld, causal %d: [%lld, %lld] is "
            "%.9g, expected %.9g within %.2g",
            array_names[a], what, k->name, (long long)h->n_query, (long long)h->n_key, (long long)h->head_dim,
            (long long)h->v_dim, h->mask.causal, (long long)(e / r->dim), (long long)(e % r->dim), got, want,
            tolerance * r->size[e]);
    }
}

static inline void check_gradients(const heed_kernels *k, const problem *p, const char *what)
{
    check_rows(k, p, DQ, what);
    check_rows(k, p, DK, what);
    check_rows(k, p, DV, what);
}

static inline void check_shape(const shape *s, uint32_t seed)
{
    problem *p = problem_new(s, seed);

    problem_solve(p);
    for (int i = 0; heed_kernels_at(i); i++) {
        const heed_kernels *k = heed_kernels_at(i);

        problem_bind(p);
        run_forward(k, p, s->n_query);
        check_rows(k, p, OUT, "forward");
        check_rows(k, p, LSE, "forward");
        check_rows(k, p, MAX, "forward");
        check_rows(k, p, SUM, "forward");
        run_backward(k, p);
        check_gradients(k, p, "backward from max and sum");
        p->head.max = p->head.sum = NULL;
        run_forward(k, p, s->n_query);
        check_rows(k, p, OUT, "forward without max and sum");
        check_rows(k, p, LSE, "forward without max and sum");
        run_backward(k, p);
        check_gradients(k, p, "backward without them");
    }
    problem_free(p);
}

#endif
