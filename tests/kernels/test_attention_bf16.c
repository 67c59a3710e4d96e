/* SPDX-License-Identifier: MIT */
/*
 * Attention over bfloat16, forward and backward, on every table this processor runs, against loops in double over the
 * same rounded inputs.
 *
 * What is rounded to 8 bits of significand, an error of up to 2^-8 each time: a result; once a weight, or the gradient of
 * a score, on its way into a product; and, through delta = dout . out, the output that backward reads. Everything
 * else is added up in floats.
 */
#include "../cmocka_all.h"

#include "random_attention.h"
#include "tensor/tensor.h"

/* A problem whose inputs are rounded, and its arrays in bfloat16. */
typedef struct half_problem {
    problem *p;
    uint16_t *x[N_ARRAYS];
    heed_attention_bf16 half;
} half_problem;

static const uint16_t guard_half = 0x7fc5u;

static void to_half(const heed_kernels *k, half_problem *h, int a)
{
    k->to_bf16(h->x[a], h->p->r[a].x, h->p->r[a].length);
}

/* Takes the problem over and rounds what goes in. */
static half_problem half_of(problem *p)
{
    half_problem h = {.p = p};
    const heed_kernels *k = heed_kernels_at(0);

    for (int a = Q; a < LSE; a++) {
        h.x[a] = malloc((size_t)(h.p->r[a].length + GUARD) * sizeof(uint16_t));
        assert_non_null(h.x[a]);
        for (int64_t i = 0; i < h.p->r[a].length + GUARD; i++)
            h.x[a][i] = guard_half;
        if (a == Q || a == K || a == V || a == DOUT) {
            to_half(k, &h, a);
            k->from_bf16(h.p->r[a].x, h.x[a], h.p->r[a].length);
            for (int64_t i = 0; i < h.p->r[a].n - 1; i++) /* rounding has changed the guards between rows */
                for (int64_t d = h.p->r[a].dim; d < h.p->r[a].stride; d++)
                    memcpy(h.p->r[a].x + i * h.p->r[a].stride + d, &guard_bits, sizeof guard_bits);
        }
    }
    problem_bind(h.p);
    return h;
}

static half_problem half_new(const shape *s, uint32_t seed)
{
    return half_of(problem_new(s, seed));
}

static void half_bind(half_problem *h)
{
    h->half = (heed_attention_bf16){.head = h->p->head,
                                    .q = h->x[Q],
                                    .k = h->x[K],
                                    .v = h->x[V],
                                    .dout = h->x[DOUT],
                                    .out = h->x[OUT],
                                    .dq = h->x[DQ],
                                    .dk = h->x[DK],
                                    .dv = h->x[DV]};
    h->half.head.q = h->half.head.k = h->half.head.v = h->half.head.dout = NULL;
    h->half.head.out = h->half.head.dq = h->half.head.dk = h->half.head.dv = NULL;
}

static void half_free(half_problem *h)
{
    for (int a = Q; a < LSE; a++) {
        const rows *r = &h->p->r[a];

        for (int64_t i = 0; i < r->length + GUARD; i++)
            if ((i >= r->length || i % r->stride >= r->dim) && h->x[a][i] != guard_half)
                fail_msg("%s was written to outside of its rows, at %lld of %lld", array_names[a], (long long)i,
                         (long long)r->length);
        free(h->x[a]);
    }
    problem_free(h->p);
}

static void half_forward(const heed_kernels *k, const half_problem *h, int64_t cut)
{
    const int64_t n = k->attention_bf16_scratch(&h->half, false), n_query = h->p->head.n_query;
    float *scratch = scratch_new(n);

    for (int64_t i = 0; i < n_query; i += cut)
        k->attention_bf16(&h->half, i, i + cut < n_query ? i + cut : n_query, scratch);
    scratch_free(scratch, n);
}

static void half_backward(const heed_kernels *k, const half_problem *h)
{
    const int64_t n = k->attention_bf16_scratch(&h->half, true);
    float *scratch = scratch_new(n);

    k->attention_bf16_backward(&h->half, scratch);
    scratch_free(scratch, n);
}

static double got_at(const half_problem *h, int a, int64_t i, int64_t d)
{
    return (double)heed_float_of_bf16(h->x[a][i * h->p->r[a].stride + d]);
}

/* What the roundings above make of an element, on top of what floats do (which includes exp() to 1.1e-4 of a weight). */
static double half_tolerance(const problem *p, int a, int64_t e)
{
    const double size = p->r[a].size[e], want = fabs(p->r[a].want[e]);
    const double halves = a == OUT || a == DV ? want + size : want + 2.0 * size;

    return halves / 256.0 + (tolerance_of(p, a) + 1.1e-4) * size + 1e-28;
}

static void check_half(const heed_kernels *k, const half_problem *h, int a, const char *what)
{
    const rows *r = &h->p->r[a];
    const heed_attention_head *head = &h->p->head;

    for (int64_t e = 0; e < r->n * r->dim; e++) {
        const double got = got_at(h, a, e / r->dim, e % r->dim), want = r->want[e];

        if (got == want || fabs(got - want) <= half_tolerance(h->p, a, e))
            continue;
        fail_msg(
            "%s of %s on %s: %lld queries, %lld keys, head_dim %lld, v_dim %lld, causal %d: [%lld, %lld] is "
            "%.9g, expected %.9g within %.2g",
            array_names[a], what, k->name, (long long)head->n_query, (long long)head->n_key,
            (long long)head->head_dim, (long long)head->v_dim, head->mask.causal, (long long)(e / r->dim),
            (long long)(e % r->dim), got, want, half_tolerance(h->p, a, e));
    }
}

/* What stays floats, beside out; all but the scores and their maximum carry the 1.1e-4 of exp(). */
static void check_floats(const heed_kernels *k, const half_problem *h, int a)
{
    const rows *r = &h->p->r[a];
    const bool is_score = a == MAX || a == SCORES, is_gradient = a >= DBIAS;
    /* gradients of what is added to scores read the rounded out, through delta */
    const double tolerance = tolerance_of(h->p, a) + (is_score ? 0.0 : is_gradient ? 2.0 / 256.0 : 1.1e-4);

    for (int64_t e = 0; e < r->n * r->dim; e++)
        check_near(k, array_names[a], r->n, e, at(h->p, a, e / r->dim, e % r->dim), r->want[e],
                   tolerance * r->size[e] + 1e-28);
}

/* out has the same bits when nobody looks. */
static void check_shown_half(const heed_kernels *k, half_problem *h)
{
    const size_t bytes = (size_t)h->p->r[OUT].length * sizeof(uint16_t);
    uint16_t *shown = malloc(bytes);

    assert_non_null(shown);
    memcpy(shown, h->x[OUT], bytes);
    for (int a = LSE; a <= PATTERN; a++)
        check_floats(k, h, a);
    h->half.head.lse = h->half.head.entropy = h->half.head.scores = h->half.head.pattern = NULL;
    half_forward(k, h, h->p->head.n_query);
    assert_memory_equal(h->x[OUT], shown, bytes);
    free(shown);
}

static void check_half_gradients(const heed_kernels *k, half_problem *h, const char *what)
{
    start_sums(h->p);
    half_backward(k, h);
    for (int a = DQ; a <= DV; a++)
        check_half(k, h, a, what);
    if (h->p->bias)
        check_floats(k, h, DBIAS);
    if (h->p->relative) {
        check_floats(k, h, DQ_RELATIVE);
        check_floats(k, h, DRELATIVE);
    }
}

static void check_half_problem(problem *p)
{
    half_problem h = half_of(p);

    problem_solve(p);
    for (int i = 0; heed_kernels_at(i); i++) {
        const heed_kernels *k = heed_kernels_at(i);

        problem_bind(p);
        half_bind(&h);
        half_forward(k, &h, p->head.n_query);
        check_half(k, &h, OUT, "forward");
        check_shown_half(k, &h);
        check_half_gradients(k, &h, "backward from max and sum");
        h.half.head.max = h.half.head.sum = NULL;
        half_forward(k, &h, p->head.n_query);
        check_half(k, &h, OUT, "forward without max and sum");
        check_half_gradients(k, &h, "backward without them");
    }
    half_free(&h);
}

static void check_half_shape(const shape *s, uint32_t seed)
{
    check_half_problem(problem_new(s, seed));
}

static void attention_matches_double_for_any_shape(void **state)
{
    static const shape shapes[] = {
        {1, 1, 1, 1, 0, true, 1.0f},        {1, 1, 257, 3, 1, false, 1.0f},
        {1, 130, 64, 64, 0, true, 1.0f},    {130, 1, 16, 16, 0, false, 1.0f},
        {64, 64, 32, 32, 352, true, 2.0f},  {64, 64, 32, 32, 0, false, 2.0f},
        {65, 65, 48, 80, 3, true, 2.0f},    {100, 100, 33, 31, 1, true, 1.0f},
        {16, 16, 128, 128, 0, true, 1.0f},  {63, 130, 24, 40, 8, true, 1.0f},
        {130, 129, 257, 5, 2, true, 1.0f},  {2, 90, 257, 257, 0, false, 1.0f},
        {3, 300, 64, 64, 0, true, 2.0f},    {17, 33, 96, 112, 0, true, 1.0f},
        {128, 128, 64, 64, 64, true, 1.0f}, {70, 700, 40, 24, 5, true, 2.0f},
        {600, 600, 16, 16, 0, true, 2.0f},  {33, 513, 32, 48, 0, false, 1.0f},
        {130, 30, 32, 24, 1, true, 1.0f},   {80, 80, 32, 32, 0, true, 60.0f},
        {520, 520, 64, 64, 0, true, 1.0f},  {513, 1031, 64, 128, 2, true, 1.0f},
    };

    (void)state;
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        check_half_shape(&shapes[s], (uint32_t)s + 1);
}

static void attention_matches_double_for_random_shapes(void **state)
{
    uint32_t x = 21u;

    (void)state;
    for (uint32_t n = 0; n < 60; n++) {
        int64_t size[5];

        for (int i = 0; i < 5; i++) {
            x = x * 1664525u + 1013904223u;
            size[i] = 1 + (int64_t)(x >> 16) % 130;
        }
        const shape s = {size[0],          size[1], 1 + size[2] % 70, 1 + size[3] % 70, size[4] % 4,
                         size[4] % 3 != 0, 1.0f};
        check_half_shape(&s, n + 100);
    }
}

static void any_mask_matches_double(void **state)
{
    uint32_t x = 5u;

    (void)state;
    for (int rule = 0; rule < N_RULES; rule++)
        for (int n = 0; n < 8; n++)
            check_half_problem(
                random_problem(&x, 1u << rule | (n % 2 ? 1u << CAUSAL : 0), false, false, false));
    for (int n = 0; n < 60; n++)
        check_half_problem(random_problem(&x, (unsigned)next(&x, 0, 1 << N_RULES), false, false, false));
    for (int n = 0; n < 24; n++)
        check_half_problem(random_problem(&x, n % 3 ? 1u << CAUSAL : 0, n & 1, n & 2, n & 4));
}

/* out in floats is what out in bfloat16 is rounded from, to the bit. */
static void check_unrounded(const heed_kernels *k, half_problem *h)
{
    const rows *r = &h->p->r[OUT];

    h->half.out = NULL;
    h->half.head.out = r->x;
    half_forward(k, h, h->p->head.n_query);
    h->half.out = h->x[OUT];
    h->half.head.out = NULL;
    for (int64_t i = 0; i < r->n; i++)
        for (int64_t d = 0; d < r->dim; d++) {
            const uint16_t got = heed_bf16_of_float((float)at(h->p, OUT, i, d));

            if (got != h->x[OUT][i * r->stride + d])
                fail_msg("out in floats on %s: %lld queries, %lld keys: [%lld, %lld] is rounded to %g, out in "
                         "bfloat16 is %g",
                         k->name, (long long)r->n, (long long)h->p->head.n_key, (long long)i, (long long)d,
                         (double)heed_float_of_bf16(got), got_at(h, OUT, i, d));
        }
}

static void out_in_floats_is_rounded_to_out(void **state)
{
    uint32_t x = 9u;

    (void)state;
    for (int n = 0; n < 60; n++) {
        half_problem h = half_of(
            random_problem(&x, (unsigned)next(&x, 0, 1 << N_RULES), n % 8 == 0, false, false));

        half_bind(&h);
        for (int i = 0; heed_kernels_at(i); i++) {
            half_forward(heed_kernels_at(i), &h, h.p->head.n_query);
            check_unrounded(heed_kernels_at(i), &h);
        }
        half_free(&h);
    }
}

/* A few queries: weights are not rounded, so that the error of out is that of floats and one rounding, 2^-8 of it. */
static void check_few(problem *p)
{
    half_problem h = half_of(p);
    const rows *r = &p->r[OUT];

    problem_solve(p);
    for (int i = 0; heed_kernels_at(i); i++) {
        const heed_kernels *k = heed_kernels_at(i);

        problem_bind(p);
        half_bind(&h);
        half_forward(k, &h, p->head.n_query);
        for (int64_t e = 0; e < r->n * r->dim; e++)
            check_near(k, "out of a few queries", r->n, e, got_at(&h, OUT, e / r->dim, e % r->dim), r->want[e],
                       ldexp(fabs(r->want[e]), -8) + 1.01 * tolerance_of(p, OUT) * r->size[e] + 1e-28);
        for (int a = LSE; a <= PATTERN; a++)
            for (int64_t e = 0; e < p->r[a].n * p->r[a].dim; e++)
                check_near(k, array_names[a], p->r[a].n, e, at(p, a, e / p->r[a].dim, e % p->r[a].dim),
                           p->r[a].want[e], tolerance_of(p, a) * p->r[a].size[e] + 1e-28);
        check_unrounded(k, &h);
    }
    half_free(&h);
}

static void few_queries_are_rounded_once(void **state)
{
    static const int64_t dims[] = {1, 7, 24, 33, 64, 80, 100, 128, 257};
    uint32_t x = 77u;

    (void)state;
    for (int n = 0; n < 150; n++) {
        const shape s = {.n_query = next(&x, 1, n % 3 == 0 ? 9 : 5),
                         .n_key = next(&x, 1, n % 2 == 0 ? 900 : 70),
                         .head_dim = dims[next(&x, 0, 9)],
                         .v_dim = dims[next(&x, 0, 9)],
                         .gap = next(&x, 0, 4),
                         .range = 1.0f};
        const unsigned rules = n % 4 == 0 ? 1u << CAUSAL : (unsigned)next(&x, 0, 1 << N_RULES);
        const uint32_t seed = x;
        void *lists[N_LISTS] = {NULL};
        const extras e = {.mask = random_mask(&x, s.n_query, s.n_key, rules, lists),
                          .bias = n % 5 == 1,
                          .relative = n % 5 == 2,
                          .slope = n % 5 == 3 ? 0.125f : 0.0f};
        problem *p = problem_new_with(&s, &e, seed);

        memcpy(p->lists, lists, sizeof lists);
        check_few(p);
    }
}

/* Of all elements together the errors are smaller: roundings fall to both sides. */
static double relative_norm(const half_problem *h, int a)
{
    const rows *r = &h->p->r[a];
    double error = 0.0, norm = 0.0;

    for (int64_t e = 0; e < r->n * r->dim; e++) {
        const double d = got_at(h, a, e / r->dim, e % r->dim) - r->want[e];

        error += d * d;
        norm += r->want[e] * r->want[e];
    }
    return sqrt(error / norm);
}

static void errors_are_those_of_single_roundings(void **state)
{
    static const shape shapes[] = {{300, 300, 64, 64, 0, true, 1.0f}, {128, 400, 128, 128, 0, false, 1.0f}};

    (void)state;
    for (int s = 0; s < 2; s++) {
        half_problem h = half_new(&shapes[s], 300);

        problem_solve(h.p);
        half_bind(&h);
        for (int i = 0; heed_kernels_at(i); i++) {
            half_forward(heed_kernels_at(i), &h, shapes[s].n_query);
            half_backward(heed_kernels_at(i), &h);
            for (int a = OUT; a <= DV; a++)
                if (a != DOUT && !(relative_norm(&h, a) < 4e-3))
                    fail_msg("%s on %s: the norm of the error is %.2g of its own", array_names[a],
                             heed_kernels_at(i)->name, relative_norm(&h, a));
        }
        half_free(&h);
    }
}

static void cuts_at_64_queries_give_the_same_bits(void **state)
{
    const shape s = {300, 421, 48, 20, 0, true, 1.0f};
    half_problem h = half_new(&s, 7);
    const size_t bytes = (size_t)h.p->r[OUT].length * sizeof(uint16_t);
    uint16_t *whole = malloc(bytes);

    (void)state;
    assert_non_null(whole);
    half_bind(&h);
    for (int i = 0; heed_kernels_at(i); i++) {
        half_forward(heed_kernels_at(i), &h, s.n_query);
        memcpy(whole, h.x[OUT], bytes);
        for (int64_t cut = 64; cut <= 256; cut += 64) {
            half_forward(heed_kernels_at(i), &h, cut);
            assert_memory_equal(h.x[OUT], whole, bytes);
        }
    }
    free(whole);
    half_free(&h);
}

/* 300 query heads that share keys and values: their sums are floats, and nothing is rounded on the way. */
static void accumulate_kv_adds_to_sums_in_floats(void **state)
{
    enum { HEADS = 300 };
    static const shape shapes[] = {{90, 130, 32, 32, 0, true, 1.0f}, {70, 300, 20, 9, 2, false, 1.0f}};

    (void)state;
    for (int s = 0; s < 2; s++) {
        half_problem h = half_new(&shapes[s], 13);
        const int64_t n_key = shapes[s].n_key, dim = h.p->r[DV].dim;
        float *dk = malloc((size_t)(n_key * h.p->r[DK].dim) * sizeof *dk);
        float *dv = malloc((size_t)(n_key * dim) * sizeof *dv),
              *once = malloc((size_t)(n_key * dim) * sizeof *once);

        assert_true(dk != NULL && dv != NULL && once != NULL);
        problem_solve(h.p);
        for (int i = 0; heed_kernels_at(i); i++) {
            half_bind(&h);
            h.half.head.dk = dk;
            h.half.head.dv = dv;
            h.half.head.dk_stride = h.p->r[DK].dim;
            h.half.head.dv_stride = dim;
            half_forward(heed_kernels_at(i), &h, shapes[s].n_query);
            for (int head = 0; head < HEADS; head++) {
                h.half.head.accumulate_kv = head > 0;
                half_backward(heed_kernels_at(i), &h);
                if (head == 0)
                    memcpy(once, dv, (size_t)(n_key * dim) * sizeof *once);
            }
            /* each tile of 8 queries or more of a head adds once, and is rounded by 2^-24 of the sum so far */
            for (int64_t e = 0; e < n_key * dim; e++)
                if (!(fabs((double)dv[e] - HEADS * (double)once[e]) <=
                      HEADS * HEADS * (double)(shapes[s].n_query / 8 + 1) * 0x1p-24 * h.p->r[DV].size[e]))
                    fail_msg("dv on %s: element %lld is %.9g, of one head %.9g", heed_kernels_at(i)->name,
                             (long long)e, (double)dv[e], (double)once[e]);
        }
        free(dk);
        free(dv);
        free(once);
        half_free(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attention_matches_double_for_any_shape),
        cmocka_unit_test(attention_matches_double_for_random_shapes),
        cmocka_unit_test(any_mask_matches_double),
        cmocka_unit_test(few_queries_are_rounded_once),
        cmocka_unit_test(out_in_floats_is_rounded_to_out),
        cmocka_unit_test(errors_are_those_of_single_roundings),
        cmocka_unit_test(cuts_at_64_queries_give_the_same_bits),
        cmocka_unit_test(accumulate_kv_adds_to_sums_in_floats),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
