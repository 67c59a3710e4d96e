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

enum {
    Q,
    K,
    V,
    OUT,
    DOUT,
    DQ,
    DK,
    DV,
    LSE, /* from here on one number a query */
    MAX,
    SUM,
    ENTROPY,
    SCORES, /* from here on rows of keys */
    PATTERN,
    BIAS,
    DBIAS,
    Q_RELATIVE,
    RELATIVE,
    DQ_RELATIVE,
    DRELATIVE,
    N_ARRAYS
};

static const char *const array_names[N_ARRAYS] = {
    "q",    "k",     "v",          "out",      "dout",        "dq",       "dk",
    "dv",   "lse",   "max",        "sum",      "entropy",     "scores",   "pattern",
    "bias", "dbias", "q_relative", "relative", "dq_relative", "drelative"};

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
    bool bias, relative;
    int64_t farthest; /* the distance that row 0 of `relative` is for: the largest that a visible pair has */
    void *lists[5];   /* of the mask */
} problem;

/* What a problem has beside its shape. */
typedef struct extras {
    heed_mask mask;
    bool bias, relative;
    float slope;
} extras;

typedef struct shape {
    int64_t n_query, n_key, head_dim, v_dim, gap; /* gap: floats between rows */
    bool causal;
    float range; /* of q and k */
} shape;

static inline rows rows_new(int64_t n, int64_t dim, int64_t gap)
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

static inline void rows_fill(rows *r, uint32_t seed, float range)
{
    float *values = array_random(r->n * r->dim, seed, range);

    for (int64_t i = 0; i < r->n; i++)
        memcpy(r->x + i * r->stride, values + i * r->dim, (size_t)r->dim * sizeof *values);
    array_free(values, r->n * r->dim);
}

static inline void problem_bind(problem *p)
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
    h->entropy = p->r[ENTROPY].x;
    h->scores = p->r[SCORES].x, h->scores_stride = p->r[SCORES].stride;
    h->pattern = p->r[PATTERN].x, h->pattern_stride = p->r[PATTERN].stride;
    if (p->bias) {
        h->bias = p->r[BIAS].x, h->bias_stride = p->r[BIAS].stride;
        h->dbias = p->r[DBIAS].x, h->dbias_stride = p->r[DBIAS].stride;
    }
    if (p->relative) {
        h->q_relative = p->r[Q_RELATIVE].x, h->q_relative_stride = p->r[Q_RELATIVE].stride;
        h->relative_stride = p->r[RELATIVE].stride;
        h->relative = p->r[RELATIVE].x + p->farthest * h->relative_stride;
        h->dq_relative = p->r[DQ_RELATIVE].x, h->dq_relative_stride = p->r[DQ_RELATIVE].stride;
        h->drelative_stride = p->r[DRELATIVE].stride;
        h->drelative = p->r[DRELATIVE].x + p->farthest * h->drelative_stride;
    }
}

/* Rows of the table of relative positions: one a distance between the nearest and the farthest visible pair. */
static inline int64_t count_distances(problem *p)
{
    int64_t nearest = INT64_MAX, farthest = INT64_MIN;

    for (int64_t i = 0; i < p->head.n_query; i++)
        for (int64_t j = 0; j < p->head.n_key; j++)
            if (heed_mask_sees(&p->head.mask, i, j)) {
                const int64_t distance = p->head.mask.position + i - j;

                nearest = distance < nearest ? distance : nearest;
                farthest = distance > farthest ? distance : farthest;
            }
    p->farthest = farthest >= nearest ? farthest : 0;
    return farthest >= nearest ? farthest - nearest + 1 : 1;
}

static inline bool of_keys(int a)
{
    return a == K || a == V || a == DK || a == DV;
}

/* How long array a is and how wide. */
static inline rows rows_of_array(const problem *p, const shape *s, int a, int64_t n_distances)
{
    const bool by_value = a == V || a == OUT || a == DOUT || a == DV;
    const int64_t gap = s->gap * (1 + a % 3);

    if (a == RELATIVE || a == DRELATIVE)
        return rows_new(n_distances, s->head_dim, gap);
    if (a >= SCORES && a <= DBIAS)
        return rows_new(s->n_query, s->n_key, gap);
    return rows_new(of_keys(a) ? p->head.n_key : p->head.n_query,
                    a >= LSE && a < SCORES ? 1
                    : by_value             ? s->v_dim
                                           : s->head_dim,
                    a >= LSE && a < SCORES ? 0 : gap);
}

static inline problem *problem_new_with(const shape *s, const extras *e, uint32_t seed)
{
    problem *p = calloc(1, sizeof *p);

    assert_non_null(p);
    p->head = (heed_attention_head){.n_query = s->n_query,
                                    .n_key = s->n_key,
                                    .head_dim = s->head_dim,
                                    .v_dim = s->v_dim,
                                    .scale = 1.0f / sqrtf((float)s->head_dim),
                                    .mask = e->mask,
                                    .slope = e->slope};
    p->bias = e->bias;
    p->relative = e->relative;
    const int64_t n_distances = e->relative ? count_distances(p) : 1;

    for (int a = 0; a < N_ARRAYS; a++)
        p->r[a] = rows_of_array(p, s, a, n_distances);
    rows_fill(&p->r[Q], seed * 4, s->range);
    rows_fill(&p->r[K], seed * 4 + 1, s->range);
    rows_fill(&p->r[V], seed * 4 + 2, 1.0f);
    rows_fill(&p->r[DOUT], seed * 4 + 3, 1.0f);
    rows_fill(&p->r[BIAS], seed * 4 + 5, 2.0f);
    rows_fill(&p->r[Q_RELATIVE], seed * 4 + 6, s->range);
    rows_fill(&p->r[RELATIVE], seed * 4 + 7, s->range);
    problem_bind(p);
    return p;
}

static inline problem *problem_new(const shape *s, uint32_t seed)
{
    const extras e = {.mask = {.causal = s->causal, .position = s->n_key - s->n_query}};

    return problem_new_with(s, &e, seed);
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
    for (int n = 0; n < 5; n++)
        free(p->lists[n]);
    free(p);
}

static inline double at(const problem *p, int a, int64_t i, int64_t d)
{
    return (double)p->r[a].x[i * p->r[a].stride + d];
}

static inline void add_term(problem *p, int a, int64_t i, int64_t d, double factor, double size, double x)
{
    p->r[a].want[i * p->r[a].dim + d] += factor * x;
    p->r[a].size[i * p->r[a].dim + d] += fabs(size * x);
}

/* What is added to a score beside q . k, scaled; *size gets the sum of the terms' sizes. */
static inline double oracle_adjustment(const problem *p, int64_t i, int64_t j, double *size)
{
    const heed_attention_head *h = &p->head;
    const int64_t distance = h->mask.position + i - j;
    double sum = -(double)h->slope * (double)distance;

    *size = fabs(sum);
    if (p->bias) {
        sum += at(p, BIAS, i, j);
        *size += fabs(at(p, BIAS, i, j));
    }
    for (int64_t d = 0; p->relative && d < h->head_dim; d++) {
        const double term = (double)h->scale * at(p, Q_RELATIVE, i, d) *
                            at(p, RELATIVE, p->farthest - distance, d);

        sum += term;
        *size += fabs(term);
    }
    return sum;
}

/* The scaled scores of query i; -inf where it does not see the key. Returns the largest. */
static inline double oracle_scores(problem *p, int64_t i, double *score)
{
    const heed_attention_head *h = &p->head;
    double max = -INFINITY;

    for (int64_t j = 0; j < h->n_key; j++) {
        double dot = 0.0, size = 0.0;

        score[j] = -INFINITY;
        if (heed_mask_sees(&h->mask, i, j)) {
            for (int64_t d = 0; d < h->head_dim; d++)
                dot += (double)h->scale * at(p, Q, i, d) * at(p, K, j, d);
            score[j] = dot + oracle_adjustment(p, i, j, &size);
            p->largest_score = fmax(p->largest_score, fabs(dot) + size);
            max = fmax(max, score[j]);
        }
        p->r[SCORES].want[i * h->n_key + j] = score[j];
        p->r[SCORES].size[i * h->n_key + j] = 1.0 + fabs(dot) + size;
    }
    return max;
}

/* Weights of query i, 0 where it does not see the key, and what forward gives. */
static inline void oracle_forward(problem *p, int64_t i, double *weight)
{
    const heed_attention_head *h = &p->head;
    const double max = oracle_scores(p, i, weight), scale = (double)h->scale;
    const bool none = max == -INFINITY;
    double sum = 0.0, entropy = 0.0;

    for (int64_t j = 0; j < h->n_key; j++) {
        weight[j] = none ? 0.0 : exp(weight[j] - max);
        sum += weight[j];
    }
    p->r[LSE].want[i] = none ? -INFINITY : max + log(sum);
    p->r[LSE].size[i] = none ? 0.0 : 1.0 + fabs(max);
    p->r[MAX].want[i] = max / scale;
    p->r[MAX].size[i] = none ? 0.0 : (1.0 + fabs(max)) / scale;
    p->r[SUM].want[i] = p->r[SUM].size[i] = sum;
    for (int64_t j = 0; j < h->n_key && !none; j++) {
        weight[j] /= sum;
        entropy -= weight[j] > 0.0 ? weight[j] * log(weight[j]) : 0.0;
        p->r[PATTERN].want[i * h->n_key + j] = p->r[PATTERN].size[i * h->n_key + j] = weight[j];
        for (int64_t d = 0; d < h->v_dim; d++)
            add_term(p, OUT, i, d, weight[j], weight[j], at(p, V, j, d));
    }
    p->r[ENTROPY].want[i] = entropy;
    p->r[ENTROPY].size[i] = 1.0 + entropy;
}

static inline void oracle_backward(problem *p, int64_t i, const double *weight)
{
    const heed_attention_head *h = &p->head;
    double delta = 0.0, delta_size = 0.0;

    for (int64_t d = 0; d < h->v_dim; d++) {
        delta += at(p, DOUT, i, d) * p->r[OUT].want[i * h->v_dim + d];
        delta_size += fabs(at(p, DOUT, i, d)) * p->r[OUT].size[i * h->v_dim + d];
    }
    for (int64_t j = 0; j < h->n_key; j++) {
        const int64_t distance = p->farthest - (h->mask.position + i - j);
        double dp = 0.0, dp_size = 0.0;

        if (!heed_mask_sees(&h->mask, i, j))
            continue;
        for (int64_t d = 0; d < h->v_dim; d++) {
            dp += at(p, DOUT, i, d) * at(p, V, j, d);
            dp_size += fabs(at(p, DOUT, i, d) * at(p, V, j, d));
            add_term(p, DV, j, d, weight[j], weight[j], at(p, DOUT, i, d));
        }
        add_term(p, DBIAS, i, j, weight[j], 0.0, dp - delta);
        p->r[DBIAS].size[i * h->n_key + j] += weight[j] * (dp_size + delta_size);
        const double ds = (double)h->scale * weight[j] * (dp - delta);
        const double ds_size = (double)h->scale * weight[j] * (dp_size + delta_size);
        for (int64_t d = 0; d < h->head_dim; d++) {
            add_term(p, DQ, i, d, ds, ds_size, at(p, K, j, d));
            add_term(p, DK, j, d, ds, ds_size, at(p, Q, i, d));
            if (p->relative) {
                add_term(p, DQ_RELATIVE, i, d, ds, ds_size, at(p, RELATIVE, distance, d));
                add_term(p, DRELATIVE, distance, d, ds, ds_size, at(p, Q_RELATIVE, i, d));
            }
        }
    }
}

static inline bool is_added_to(int a)
{
    return a == DBIAS || a == DRELATIVE;
}

/* What is added to begins as numbers that are not 0. */
static inline void start_sums(problem *p)
{
    for (int a = 0; a < N_ARRAYS; a++) {
        const rows *r = &p->r[a];

        for (int64_t e = 0; is_added_to(a) && e < r->n * r->dim; e++)
            r->x[e / r->dim * r->stride + e % r->dim] = (float)(1 + e % 3);
    }
}

static inline void problem_solve(problem *p)
{
    double *weight = calloc((size_t)p->head.n_key, sizeof *weight);

    assert_non_null(weight);
    for (int a = 0; a < N_ARRAYS; a++)
        for (int64_t e = 0; is_added_to(a) && e < p->r[a].n * p->r[a].dim; e++)
            p->r[a].want[e] = p->r[a].size[e] = (double)(1 + e % 3);
    for (int64_t i = 0; i < p->head.n_query; i++) {
        oracle_forward(p, i, weight);
        oracle_backward(p, i, weight);
    }
    free(weight);
}

/* ---- running a kernel ---- */

/* The scratch is full of NaNs before, so that what is used unwritten shows, and is guarded behind. */
static inline float *scratch_new(int64_t n)
{
    float *scratch = aligned_alloc(64, (size_t)(n + GUARD + 63) / 16 * 64);

    assert_non_null(scratch);
    for (int64_t i = 0; i < n + GUARD; i++)
        memcpy(scratch + i, &guard_bits, sizeof guard_bits);
    return scratch;
}

static inline void scratch_free(float *scratch, int64_t n)
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

static inline void run_backward(const heed_kernels *k, problem *p)
{
    const int64_t n = k->attention_scratch(&p->head, true);
    float *scratch = scratch_new(n);

    start_sums(p);
    k->attention_backward(&p->head, scratch);
    scratch_free(scratch, n);
}

/*
 * In units of 2^-24 of the sum of the terms' sizes. A weight carries the error of its score, which exp() makes
 * relative: some roundings of the largest score (8), those of exp and of the divisions (16), and of sums
 * whose roundings add up like a random walk (4 sqrt of their length). A gradient has a few such factors: twice that.
 * Weights below 2^-100 are 0 in the kernel: hence 1e-28 on top.
 */
static inline double tolerance_of(const problem *p, int a)
{
    const heed_attention_head *h = &p->head;
    const double terms = (double)((p->relative ? 2 : 1) * h->head_dim + h->v_dim + h->n_query + h->n_key);
    const double units = 16.0 + 8.0 * p->largest_score + 4.0 * sqrt(terms);

    return ldexp(a == OUT || (a >= LSE && a <= PATTERN) ? units : 2.0 * units, -24);
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
    if (p->bias)
        check_rows(k, p, DBIAS, what);
    if (p->relative) {
        check_rows(k, p, DQ_RELATIVE, what);
        check_rows(k, p, DRELATIVE, what);
    }
}

/* What forward shows beside out; out has the same bits when nobody looks. */
static inline void check_shown(const heed_kernels *k, problem *p)
{
    const int64_t n = p->r[OUT].length;
    float *shown = array_copy(p->r[OUT].x, n);

    for (int a = LSE; a <= PATTERN; a++)
        check_rows(k, p, a, "forward");
    p->head.lse = p->head.entropy = p->head.scores = p->head.pattern = NULL;
    run_forward(k, p, p->head.n_query);
    check_same_bits(k, "attention when nothing is shown", p->r[OUT].x, shown, n);
    problem_bind(p);
    array_free(shown, n);
}

static inline void check_problem(problem *p)
{
    const int64_t n_query = p->head.n_query;

    problem_solve(p);
    for (int i = 0; heed_kernels_at(i); i++) {
        const heed_kernels *k = heed_kernels_at(i);

        problem_bind(p);
        run_forward(k, p, n_query);
        check_rows(k, p, OUT, "forward");
        check_shown(k, p);
        run_backward(k, p);
        check_gradients(k, p, "backward from max and sum");
        p->head.max = p->head.sum = NULL;
        run_forward(k, p, n_query);
        check_rows(k, p, OUT, "forward without max and sum");
        check_rows(k, p, LSE, "forward without max and sum");
        run_backward(k, p);
        check_gradients(k, p, "backward without them");
    }
    problem_free(p);
}

static inline void check_shape(const shape *s, uint32_t seed)
{
    check_problem(problem_new(s, seed));
}

#endif
