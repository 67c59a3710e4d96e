/* SPDX-License-Identifier: MIT */
/* Attention for exercises, right and gone wrong, against the definition in double precision. */
#include "../cmocka_all.h"

#include <math.h>
#include <string.h>

#include "workbook/attend.h"
#include "workbook/distribution.h"

enum { MOST = 64 };

/* A float has 24 bits; the numbers here are below 10 and the sums short. */
#define NEAR 2e-5

static heed_solving begin(heed_slip slip, heed_error *err)
{
    return (heed_solving){.slip = slip, .arena = heed_arena_create(), .status = HEED_OK, .err = err};
}

static heed_grid random_grid(heed_solving *s, heed_rng *rng, int64_t rows, int64_t columns)
{
    heed_grid x = heed_grid_make(s, rows, columns);

    for (int64_t i = 0; i < rows * columns; i++)
        x.data[i] = (double)heed_rng_normal(rng);
    return x;
}

static void expect_near(const char *what, heed_grid x, const double *expected, int64_t n)
{
    if (x.rows * x.columns != n)
        fail_msg("%s: expected %lld numbers, got %lld x %lld", what, (long long)n, (long long)x.rows,
                 (long long)x.columns);
    for (int64_t i = 0; i < n; i++) {
        if (!(x.data[i] == expected[i] || fabs(x.data[i] - expected[i]) < NEAR))
            fail_msg("%s[%lld]: expected %.9g, got %.9g", what, (long long)i, expected[i], x.data[i]);
    }
}

/* --- the definition --- */

typedef struct oracle {
    int64_t T, S, d, dv;
    const double *q, *k, *v;
    double factor;         /* of the scores */
    const double *sees;    /* [T, S] 1 or 0, before the softmax */
    const double *keeps;   /* [T, S] 1 or 0, behind it */
    const double *factors; /* [T, S] of the scores, or NULL */
    bool by_columns;
} oracle;

static void attend_by_definition(const oracle *o, double *weights, double *out)
{
    double e[MOST];

    for (int64_t i = 0; i < o->T; i++) {
        for (int64_t j = 0; j < o->S; j++) {
            double dot = 0.0;
            for (int64_t c = 0; c < o->d; c++)
                dot += o->q[i * o->d + c] * o->k[j * o->d + c];
            dot *= o->factors != NULL ? o->factors[i * o->S + j] : 1.0;
            e[i * o->S + j] = o->sees[i * o->S + j] != 0.0 ? exp(o->factor * dot) : 0.0;
        }
    }
    for (int64_t i = 0; i < o->T; i++) {
        for (int64_t j = 0; j < o->S; j++) {
            double sum = 0.0;
            for (int64_t m = 0; m < (o->by_columns ? o->T : o->S); m++)
                sum += o->by_columns ? e[m * o->S + j] : e[i * o->S + m];
            weights[i * o->S + j] = o->keeps[i * o->S + j] * (sum > 0.0 ? e[i * o->S + j] / sum : 0.0);
        }
        for (int64_t c = 0; c < o->dv; c++) {
            out[i * o->dv + c] = 0.0;
            for (int64_t j = 0; j < o->S; j++)
                out[i * o->dv + c] += weights[i * o->S + j] * o->v[j * o->dv + c];
        }
    }
}

/* --- what is compared --- */

typedef struct pair {
    heed_grid q, k, v;
    double all[MOST], causal[MOST], anticausal[MOST];
} pair;

static pair make_pair(heed_solving *s, heed_rng *rng, int64_t T, int64_t d, int64_t dv)
{
    pair p = {.q = random_grid(s, rng, T, d), .k = random_grid(s, rng, T, d), .v = random_grid(s, rng, T, dv)};

    for (int64_t i = 0; i < T; i++) {
        for (int64_t j = 0; j < T; j++) {
            p.all[i * T + j] = 1.0;
            p.causal[i * T + j] = j <= i;
            p.anticausal[i * T + j] = j >= i;
        }
    }
    return p;
}

static void expect_attention(heed_slip slip, bool causal)
{
    heed_rng rng = heed_rng_make(7, (uint64_t)slip);

    for (int round = 0; round < 20; round++) {
        const int64_t T = 2 + heed_rng_below(&rng, 4), d = 2 + heed_rng_below(&rng, 3), dv = 1 + round % 3;
        heed_error err = {0};
        heed_solving s = begin(slip, &err);
        const pair p = make_pair(&s, &rng, T, d, dv);
        const bool masked = causal && slip != HEED_SLIP_NO_MASK && slip != HEED_SLIP_MASK_LATE &&
                            slip != HEED_SLIP_ZERO_MASK;
        double turned[MOST];
        oracle o = {.T = T,
                    .S = T,
                    .d = d,
                    .dv = dv,
                    .q = slip == HEED_SLIP_TURNED_INPUT ? p.k.data : p.q.data,
                    .k = slip == HEED_SLIP_TURNED_INPUT ? p.q.data : p.k.data,
                    .v = p.v.data,
                    .factor = slip == HEED_SLIP_NO_SCALE   ? 1.0
                              : slip == HEED_SLIP_HEAD_DIM ? 1.0 / (double)d
                                                           : 1.0 / sqrt((double)d),
                    .sees = masked ? slip == HEED_SLIP_MASK_TURNED ? p.anticausal : p.causal : p.all,
                    .keeps = causal && slip == HEED_SLIP_MASK_LATE ? p.causal : p.all,
                    .factors = causal && slip == HEED_SLIP_ZERO_MASK ? p.causal : NULL,
                    .by_columns = slip == HEED_SLIP_COLUMNS};
        const heed_attend_inputs in = {.q = p.q, .k = p.k, .v = p.v, .causal = causal};
        const heed_attended a = heed_attend(&s, &in);
        double weights[MOST], out[MOST];

        assert_int_equal(s.status, HEED_OK);
        for (int64_t i = 0; slip == HEED_SLIP_NOT_TURNED && T == d && i < T * T; i++)
            turned[i] = p.k.data[i % T * T + i / T];
        if (slip == HEED_SLIP_NOT_TURNED && T == d)
            o.k = turned;
        attend_by_definition(&o, weights, out);
        expect_near("weights", a.weights, weights, T * T);
        expect_near("output", a.output, out, T * dv);
        expect_near("y", a.y, out, T * dv);
        heed_arena_destroy(s.arena);
    }
}

static void attention_is_that_of_its_definition(void **state)
{
    (void)state;
    expect_attention(HEED_SLIP_NONE, false);
    expect_attention(HEED_SLIP_NONE, true);
}

static void each_slip_is_the_definition_gone_wrong_in_that_way(void **state)
{
    static const heed_slip slips[] = {HEED_SLIP_NO_SCALE,     HEED_SLIP_HEAD_DIM,   HEED_SLIP_COLUMNS,
                                      HEED_SLIP_TURNED_INPUT, HEED_SLIP_MASK_LATE,  HEED_SLIP_MASK_TURNED,
                                      HEED_SLIP_NO_MASK,      HEED_SLIP_NOT_TURNED, HEED_SLIP_ZERO_MASK};

    (void)state;
    for (size_t i = 0; i < sizeof slips / sizeof slips[0]; i++) {
        expect_attention(slips[i], false);
        expect_attention(slips[i], true);
    }
}

/* Columns h * d .. of x. */
static void columns_of(heed_grid x, int64_t first, int64_t n, double *out)
{
    for (int64_t i = 0; i < x.rows; i++)
        memcpy(out + i * n, x.data + i * x.columns + first, (size_t)n * sizeof *out);
}

/* Two heads of other lengths: each is attention of its own columns, and their weights lie below each other. */
static void heads_are_attention_of_their_own_columns(void **state)
{
    static const heed_slip slips[] = {HEED_SLIP_NONE, HEED_SLIP_HEAD_DIM, HEED_SLIP_COLUMNS,
                                      HEED_SLIP_MASK_LATE};
    const int64_t T = 3, S = 4, d = 2, dv = 3;
    heed_rng rng = heed_rng_make(11, 0);

    (void)state;
    for (size_t n = 0; n < sizeof slips / sizeof slips[0]; n++) {
        heed_error err = {0};
        heed_solving s = begin(slips[n], &err);
        const heed_grid q = random_grid(&s, &rng, T, 2 * d), k = random_grid(&s, &rng, S, 2 * d),
                        v = random_grid(&s, &rng, S, 2 * dv);
        heed_grid mask = heed_grid_make(&s, T, S);
        heed_attended a;
        double all[MOST];

        for (int64_t i = 0; i < T * S; i++) {
            mask.data[i] = i % 5 != 2;
            all[i] = 1.0;
        }
        a = heed_attend(&s, &(heed_attend_inputs){.q = q, .k = k, .v = v, .n_heads = 2, .mask = mask});
        assert_int_equal(s.status, HEED_OK);
        for (int64_t h = 0; h < 2; h++) {
            double hq[MOST], hk[MOST], hv[MOST], weights[MOST], out[MOST], got[MOST];
            const bool late = slips[n] == HEED_SLIP_MASK_LATE;
            const oracle o = {.T = T,
                              .S = S,
                              .d = d,
                              .dv = dv,
                              .q = hq,
                              .k = hk,
                              .v = hv,
                              .factor = slips[n] == HEED_SLIP_HEAD_DIM ? 0.5 : sqrt(0.5),
                              .sees = late ? all : mask.data,
                              .keeps = late ? mask.data : all,
                              .by_columns = slips[n] == HEED_SLIP_COLUMNS};

            columns_of(q, h * d, d, hq);
            columns_of(k, h * d, d, hk);
            columns_of(v, h * dv, dv, hv);
            attend_by_definition(&o, weights, out);
            columns_of(a.output, h * dv, dv, got);
            expect_near("weights", (heed_grid){T, S, a.weights.data + h * T * S}, weights, T * S);
            expect_near("output", (heed_grid){T, dv, got}, out, T * dv);
        }
        heed_arena_destroy(s.arena);
    }
}

static void what_does_not_fit_is_said(void **state)
{
    heed_error err = {0};
    heed_solving s = begin(HEED_SLIP_NONE, &err);
    double three[] = {1.0, 2.0, 3.0}, huge[] = {1e16};

    (void)state;
    heed_attend(&s, &(heed_attend_inputs){.q = {1, 3, three}, .k = {3, 1, three}});
    assert_int_equal(s.status, HEED_ERR_USAGE);
    assert_non_null(strstr(err.message, "columns"));
    s.status = HEED_OK;
    heed_attend(&s, &(heed_attend_inputs){.q = {1, 1, huge}, .k = {1, 1, three}});
    assert_int_equal(s.status, HEED_ERR_USAGE);
    assert_non_null(strstr(err.message, "Q: expected numbers up to"));
    heed_arena_destroy(s.arena);
}

/* --- distributions --- */

static void rows_are_distributions(void **state)
{
    heed_error err = {0};
    heed_solving s = begin(HEED_SLIP_NONE, &err);
    heed_rng rng = heed_rng_make(13, 0);
    const heed_grid x = random_grid(&s, &rng, 3, 5), dy = random_grid(&s, &rng, 3, 5);
    const heed_grid y = heed_softmax_of_rows(&s, x), log_y = heed_log_softmax_of_rows(&s, x);
    const heed_grid entropy = heed_entropy_of_rows(&s, x), dx = heed_softmax_gradient(&s, y, dy);
    double expected[15], logs[15], nats[3] = {0.0}, back[15];

    (void)state;
    for (int i = 0; i < 3; i++) {
        double sum = 0.0, dot = 0.0;
        for (int j = 0; j < 5; j++)
            sum += exp(x.data[i * 5 + j]);
        for (int j = 0; j < 5; j++) {
            logs[i * 5 + j] = x.data[i * 5 + j] - log(sum);
            expected[i * 5 + j] = exp(logs[i * 5 + j]);
            nats[i] -= expected[i * 5 + j] * logs[i * 5 + j];
            dot += expected[i * 5 + j] * dy.data[i * 5 + j];
        }
        for (int j = 0; j < 5; j++)
            back[i * 5 + j] = expected[i * 5 + j] * (dy.data[i * 5 + j] - dot);
    }
    assert_int_equal(s.status, HEED_OK);
    expect_near("softmax", y, expected, 15);
    expect_near("log softmax", log_y, logs, 15);
    expect_near("entropy", entropy, nats, 3);
    expect_near("gradient", dx, back, 15);
    heed_arena_destroy(s.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attention_is_that_of_its_definition),
        cmocka_unit_test(each_slip_is_the_definition_gone_wrong_in_that_way),
        cmocka_unit_test(heads_are_attention_of_their_own_columns),
        cmocka_unit_test(what_does_not_fit_is_said),
        cmocka_unit_test(rows_are_distributions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
