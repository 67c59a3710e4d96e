/* SPDX-License-Identifier: MIT */
/* Attention of one head under every mask, with bias, ALiBi and relative positions, against loops in double. */
#include "../cmocka_all.h"

#include "random_attention.h"

static void check_random(uint32_t *state, unsigned rules, bool bias, bool relative, bool slope)
{
    check_problem(random_problem(state, rules, bias, relative, slope));
}

static void every_rule_alone_matches_double(void **state)
{
    uint32_t x = 1u;

    (void)state;
    for (int rule = 0; rule < N_RULES; rule++)
        for (int n = 0; n < 12; n++)
            check_random(&x, 1u << rule, false, false, false);
}

static void causal_with_any_rule_matches_double(void **state)
{
    uint32_t x = 2u;

    (void)state;
    for (int rule = 1; rule < N_RULES; rule++)
        for (int n = 0; n < 8; n++)
            check_random(&x, 1u << CAUSAL | 1u << rule, n % 2, n % 4 > 1, n > 5);
}

static void bias_slope_and_relative_positions_match_double(void **state)
{
    uint32_t x = 3u;

    (void)state;
    for (int n = 0; n < 48; n++)
        check_random(&x, n % 3 ? 1u << CAUSAL : 0, n & 1, n & 2, n & 4);
}

static void any_combination_matches_double(void **state)
{
    uint32_t x = 4u;

    (void)state;
    for (int n = 0; n < 150; n++) {
        const unsigned rules = (unsigned)next(&x, 0, 1 << N_RULES);

        check_random(&x, rules, next(&x, 0, 2), next(&x, 0, 2), next(&x, 0, 2));
    }
}

/* ---- beside plain loops in float ---- */

/* What loops over pairs make of the same numbers in floats. */
typedef struct plain {
    float *x[DV + 1];
} plain;

static float plain_score(const problem *p, int64_t i, int64_t j)
{
    const heed_attention_head *h = &p->head;
    const int64_t distance = h->mask.position + i - j;
    float dot = 0.0f, relative = 0.0f;

    for (int64_t d = 0; d < h->head_dim; d++) {
        dot += h->q[i * h->q_stride + d] * h->k[j * h->k_stride + d];
        if (p->relative)
            relative += h->q_relative[i * h->q_relative_stride + d] *
                        h->relative[-distance * h->relative_stride + d];
    }
    return h->scale * (dot + relative) + (p->bias ? h->bias[i * h->bias_stride + j] : 0.0f) -
           h->slope * (float)distance;
}

static void plain_weights(const problem *p, int64_t i, float *weight)
{
    float max = -INFINITY, sum = 0.0f;

    for (int64_t j = 0; j < p->head.n_key; j++) {
        weight[j] = heed_mask_sees(&p->head.mask, i, j) ? plain_score(p, i, j) : -INFINITY;
        max = fmaxf(max, weight[j]);
    }
    for (int64_t j = 0; j < p->head.n_key; j++) {
        weight[j] = max == -INFINITY ? 0.0f : expf(weight[j] - max);
        sum += weight[j];
    }
    for (int64_t j = 0; j < p->head.n_key; j++)
        weight[j] /= sum > 0.0f ? sum : 1.0f;
}

static void plain_query(const problem *p, int64_t i, const float *weight, const plain *y)
{
    const heed_attention_head *h = &p->head;
    const float *dout = h->dout + i * h->dout_stride;
    float *out = y->x[OUT] + i * h->v_dim, delta = 0.0f;

    for (int64_t j = 0; j < h->n_key; j++)
        for (int64_t d = 0; d < h->v_dim; d++)
            out[d] += weight[j] * h->v[j * h->v_stride + d];
    for (int64_t d = 0; d < h->v_dim; d++)
        delta += dout[d] * out[d];
    for (int64_t j = 0; j < h->n_key; j++) {
        float dp = 0.0f;

        for (int64_t d = 0; d < h->v_dim; d++) {
            dp += dout[d] * h->v[j * h->v_stride + d];
            y->x[DV][j * h->v_dim + d] += weight[j] * dout[d];
        }
        const float ds = h->scale * weight[j] * (dp - delta);
        for (int64_t d = 0; d < h->head_dim; d++) {
            y->x[DQ][i * h->head_dim + d] += ds * h->k[j * h->k_stride + d];
            y->x[DK][j * h->head_dim + d] += ds * h->q[i * h->q_stride + d];
        }
    }
}

/* The root of the sum of squared errors of dense rows, or of the problem's own where x is NULL. */
static double error_of(const problem *p, int a, const float *x)
{
    const rows *r = &p->r[a];
    double sum = 0.0;

    for (int64_t e = 0; e < r->n * r->dim; e++) {
        const double got = x != NULL ? (double)x[e] : at(p, a, e / r->dim, e % r->dim);

        sum += (got - r->want[e]) * (got - r->want[e]);
    }
    return sqrt(sum);
}

static void errors_are_at_most_twice_those_of_plain_loops(void **state)
{
    static const int results[] = {OUT, DQ, DK, DV};
    static const unsigned rules[] = {0, 1u << CAUSAL, 1u << WINDOW, 1u << CAUSAL | 1u << DOCUMENTS};

    (void)state;
    for (int n = 0; n < 8; n++) {
        const shape s = {
            .n_query = 130, .n_key = 257 + n, .head_dim = 64, .v_dim = 48, .range = n < 4 ? 1.0f : 4.0f};
        uint32_t x = (uint32_t)n + 7u;
        void *lists[N_LISTS] = {NULL};
        const extras e = {.mask = random_mask(&x, s.n_query, s.n_key, rules[n % 4], lists),
                          .bias = n & 1,
                          .relative = n & 2,
                          .slope = n & 1 ? 0.125f : 0.0f};
        problem *p = problem_new_with(&s, &e, x);
        float *weight = array_new(s.n_key);
        plain y = {{NULL}};

        memcpy(p->lists, lists, sizeof lists);
        problem_solve(p);
        for (int r = 0; r < 4; r++)
            y.x[results[r]] = array_new(p->r[results[r]].n * p->r[results[r]].dim);
        for (int64_t i = 0; i < s.n_query; i++) {
            plain_weights(p, i, weight);
            plain_query(p, i, weight, &y);
        }
        for (int i = 0; heed_kernels_at(i); i++) {
            run_forward(heed_kernels_at(i), p, s.n_query);
            run_backward(heed_kernels_at(i), p);
            for (int r = 0; r < 4; r++) {
                const double got = error_of(p, results[r], NULL),
                             loops = error_of(p, results[r], y.x[results[r]]);

                if (!(got <= 2.0 * loops))
                    fail_msg("%s on %s, problem %d: the error is %.3g, of plain loops %.3g",
                             array_names[results[r]], heed_kernels_at(i)->name, n, got, loops);
            }
        }
        for (int r = 0; r < 4; r++)
            array_free(y.x[results[r]], p->r[results[r]].n * p->r[results[r]].dim);
        array_free(weight, s.n_key);
        problem_free(p);
    }
}

/* ---- what is hidden, and what is large ---- */

/* However large they are, keys and values that no query sees change no bit. */
static void keys_that_nobody_sees_change_nothing(void **state)
{
    const shape s = {.n_query = 90, .n_key = 400, .head_dim = 32, .v_dim = 20, .range = 1.0f};

    (void)state;
    for (int i = 0; heed_kernels_at(i); i++) {
        uint32_t x = 9u;
        void *lists[N_LISTS] = {NULL};
        const extras e = {.mask = {.keys = lists[0] = random_flags(&x, s.n_key, 128)}, .bias = true};
        problem *p = problem_new_with(&s, &e, 9);

        memcpy(p->lists, lists, sizeof lists);
        run_forward(heed_kernels_at(i), p, s.n_query);
        float *before = array_copy(p->r[OUT].x, p->r[OUT].length);
        for (int64_t j = 0; j < s.n_key; j++)
            for (int64_t d = 0; d < s.v_dim && !e.mask.keys[j]; d++) {
                p->r[K].x[j * p->r[K].stride + d] = 1e6f;
                p->r[V].x[j * p->r[V].stride + d] = -1e6f;
            }
        run_forward(heed_kernels_at(i), p, s.n_query);
        check_same_bits(heed_kernels_at(i), "attention", p->r[OUT].x, before, p->r[OUT].length);
        array_free(before, p->r[OUT].length);
        problem_free(p);
    }
}

static void adjusted_scores_in_the_thousands_stay_finite(void **state)
{
    const shape s = {.n_query = 100, .n_key = 300, .head_dim = 32, .v_dim = 32, .range = 50.0f};
    const extras e = {.mask = {.causal = true, .window = 250, .position = 200},
                      .bias = true,
                      .relative = true,
                      .slope = 8.0f};
    problem *p = problem_new_with(&s, &e, 21);

    (void)state;
    problem_solve(p);
    assert_true(p->largest_score > 2000.0);
    problem_free(p);
    check_problem(problem_new_with(&s, &e, 21));
}

/* A bias of -inf hides a pair, and a row of them gives what a query that sees nothing gets. */
static void a_bias_of_minus_infinity_hides(void **state)
{
    const shape s = {.n_query = 70, .n_key = 210, .head_dim = 16, .v_dim = 16, .range = 1.0f};
    const extras e = {.bias = true};

    (void)state;
    for (int i = 0; heed_kernels_at(i); i++) {
        problem *p = problem_new_with(&s, &e, 22);

        for (int64_t j = 0; j < s.n_key; j++)
            p->r[BIAS].x[3 * p->r[BIAS].stride + j] = -INFINITY;
        p->r[BIAS].x[5 * p->r[BIAS].stride + 7] = -INFINITY;
        run_forward(heed_kernels_at(i), p, s.n_query);
        run_backward(heed_kernels_at(i), p);
        assert_true(at(p, LSE, 3, 0) == -INFINITY && at(p, ENTROPY, 3, 0) == 0.0);
        assert_true(at(p, PATTERN, 5, 7) == 0.0 && at(p, PATTERN, 5, 8) > 0.0);
        for (int64_t d = 0; d < s.head_dim; d++)
            assert_true(at(p, OUT, 3, d) == 0.0 && at(p, DQ, 3, d) == 0.0);
        for (int64_t j = 0; j < s.n_key; j++)
            for (int64_t d = 0; d < s.head_dim; d++)
                assert_true(isfinite(at(p, DK, j, d)) && isfinite(at(p, DV, j, d)));
        problem_free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_alone_matches_double),
        cmocka_unit_test(causal_with_any_rule_matches_double),
        cmocka_unit_test(bias_slope_and_relative_positions_match_double),
        cmocka_unit_test(any_combination_matches_double),
        cmocka_unit_test(errors_are_at_most_twice_those_of_plain_loops),
        cmocka_unit_test(keys_that_nobody_sees_change_nothing),
        cmocka_unit_test(adjusted_scores_in_the_thousands_stay_finite),
        cmocka_unit_test(a_bias_of_minus_infinity_hides),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
