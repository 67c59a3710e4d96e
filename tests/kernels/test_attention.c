/* SPDX-License-Identifier: MIT */
/* Attention of one head, forward and backward, on every table this processor runs, against loops in double. */
#include "../cmocka_all.h"

#include "attention_problem.h"

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
        {449, 449, 20, 12, 1, true, 1.0f},  {1, 1000, 80, 96, 0, true, 1.0f},
        {5, 257, 17, 65, 3, false, 1.0f},
    };

    (void)state;
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        check_shape(&shapes[s], (uint32_t)s + 1);
}

static void attention_matches_double_for_random_shapes(void **state)
{
    uint32_t x = 20u;

    (void)state;
    for (uint32_t n = 0; n < 60; n++) {
        int64_t size[5];

        for (int i = 0; i < 5; i++) {
            x = x * 1664525u + 1013904223u;
            size[i] = 1 + (int64_t)(x >> 16) % 130;
        }
        const shape s = {size[0],          size[1], 1 + size[2] % 70, 1 + size[3] % 70, size[4] % 4,
                         size[4] % 3 != 0, 1.0f};
        check_shape(&s, n + 100);
    }
}

/* Without max and sum to save, a few queries take another way than tiles. */
static void few_queries_match_double_over_many_keys(void **state)
{
    static const shape shapes[] = {
        {4, 600, 64, 64, 3, true, 1.0f},  {3, 1, 20, 12, 0, true, 1.0f},    {4, 2, 33, 70, 1, true, 1.0f},
        {2, 257, 7, 257, 0, false, 1.0f}, {1, 700, 32, 32, 0, true, 80.0f}, {4, 300, 16, 5, 2, false, 60.0f},
    };

    (void)state;
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        check_shape(&shapes[s], (uint32_t)s + 200);
}

static void nan_survives_where_a_query_is_alone(void **state)
{
    const shape s = {1, 300, 24, 20, 0, true, 1.0f};

    (void)state;
    for (int i = 0; heed_kernels_at(i); i++)
        for (int a = Q; a <= V; a++)
            for (int64_t row = 0; row < (a == Q ? 1 : 300); row += 43) {
                problem *p = problem_new(&s, 16);

                p->head.max = p->head.sum = NULL;
                p->r[a].x[row * p->r[a].stride + 17] = NAN;
                run_forward(heed_kernels_at(i), p, 1);
                assert_true(isnan(at(p, OUT, 0, 17)));
                problem_free(p);
            }
}

static void cuts_at_64_queries_give_the_same_bits(void **state)
{
    const shape s = {300, 421, 48, 20, 0, true, 1.0f};
    problem *p = problem_new(&s, 7);
    const int64_t n = p->r[OUT].length;

    (void)state;
    for (int i = 0; heed_kernels_at(i); i++) {
        run_forward(heed_kernels_at(i), p, s.n_query);
        float *whole = array_copy(p->r[OUT].x, n), *whole_lse = array_copy(p->r[LSE].x, s.n_query);
        for (int64_t cut = 64; cut <= 256; cut += 64) {
            memset(p->r[OUT].x, 0, (size_t)n * sizeof(float));
            run_forward(heed_kernels_at(i), p, cut);
            check_same_bits(heed_kernels_at(i), "attention", p->r[OUT].x, whole, n);
            check_same_bits(heed_kernels_at(i), "attention's lse", p->r[LSE].x, whole_lse, s.n_query);
        }
        array_free(whole, n);
        array_free(whole_lse, s.n_query);
    }
    problem_free(p);
}

/* More queries than keys: the first 100 stand before every key. */
static void queries_that_see_nothing_give_zeros_and_no_gradient(void **state)
{
    const shape s = {130, 30, 32, 24, 1, true, 1.0f};
    problem *p = problem_new(&s, 8);

    (void)state;
    problem_solve(p);
    assert_true(isinf(p->r[LSE].want[99]) && !isinf(p->r[LSE].want[100]));
    check_shape(&s, 8);
    for (int i = 0; heed_kernels_at(i); i++) {
        run_forward(heed_kernels_at(i), p, s.n_query);
        run_backward(heed_kernels_at(i), p);
        for (int64_t row = 0; row < 100; row++) {
            assert_true(p->r[LSE].x[row] == -INFINITY);
            assert_true(p->r[MAX].x[row] == -INFINITY && p->r[SUM].x[row] == 0.0f);
            for (int64_t d = 0; d < s.v_dim; d++)
                assert_true(at(p, OUT, row, d) == 0.0);
            for (int64_t d = 0; d < s.head_dim; d++)
                assert_true(at(p, DQ, row, d) == 0.0);
        }
    }
    problem_free(p);
}

/* Scores of thousands: exp() of any would be inf or 0, the weights are nearly all 0 and 1. */
static void scores_in_the_thousands_stay_finite(void **state)
{
    const shape causal = {80, 80, 32, 32, 0, true, 60.0f}, full = {70, 500, 16, 16, 0, false, 80.0f};
    problem *p = problem_new(&causal, 9);

    (void)state;
    problem_solve(p);
    assert_true(p->largest_score > 2000.0);
    problem_free(p);
    check_shape(&causal, 9);
    check_shape(&full, 10);
}

/*
 * Whole numbers: every q . k is exact, and so are the differences to the largest, however large they are. What is left
 * are the roundings of exp, of the sums and of 1/8: 64 units of 2^-24, where rounded scores of 4000 would cost 4000.
 */
static void exact_scores_in_the_thousands_lose_nothing(void **state)
{
    const shape s = {70, 300, 64, 32, 0, false, 1.0f};
    problem *p = problem_new(&s, 14);

    (void)state;
    for (int a = Q; a <= K; a++)
        for (int64_t e = 0; e < p->r[a].length; e++)
            p->r[a].x[e] = roundf(100.0f * p->r[a].x[e]);
    for (int64_t j = 1; j < s.n_key; j++) /* keys differ in one number, so that several weigh about the same */
        memcpy(p->r[K].x + j * s.head_dim + 1, p->r[K].x + 1, (size_t)(s.head_dim - 1) * sizeof(float));
    for (int64_t j = 0; j < s.n_key; j++)
        p->r[K].x[j * s.head_dim] = (float)(j % 5);
    for (int64_t i = 0; i < s.n_query; i++)
        p->r[Q].x[i * s.head_dim] = (float)(i % 3);
    problem_solve(p);
    assert_true(p->largest_score > 500.0);
    p->largest_score = 2.0;
    for (int i = 0; heed_kernels_at(i); i++) {
        run_forward(heed_kernels_at(i), p, s.n_query);
        check_rows(heed_kernels_at(i), p, OUT, "exact scores");
        run_backward(heed_kernels_at(i), p);
        check_gradients(heed_kernels_at(i), p, "exact scores");
    }
    problem_free(p);
}

/* One key has all the weight: no gradient can reach its score, not even a rounding. */
static void a_single_key_gets_no_gradient_through_its_score(void **state)
{
    const shape s = {37, 1, 24, 40, 0, false, 1.0f};
    problem *p = problem_new(&s, 15);

    (void)state;
    for (int i = 0; heed_kernels_at(i); i++) {
        run_forward(heed_kernels_at(i), p, s.n_query);
        run_backward(heed_kernels_at(i), p);
        for (int64_t e = 0; e < s.n_query * s.head_dim; e++)
            assert_true(p->r[DQ].x[e] == 0.0f);
        for (int64_t d = 0; d < s.head_dim; d++)
            assert_true(p->r[DK].x[d] == 0.0f);
    }
    problem_free(p);
}

/* A NaN in key or value 40 reaches every query from 40 on, and none before the lanes of its own vector. */
static void nan_in_the_input_survives(void **state)
{
    const shape s = {100, 100, 32, 32, 0, true, 1.0f};

    (void)state;
    for (int i = 0; heed_kernels_at(i); i++)
        for (int a = Q; a <= V; a++) {
            const heed_kernels *k = heed_kernels_at(i);
            problem *p = problem_new(&s, 11);

            p->r[a].x[40 * p->r[a].stride + 5] = NAN;
            run_forward(k, p, s.n_query);
            for (int64_t row = 0; row < s.n_query; row++) {
                const bool sees = a == Q ? row == 40 : row >= 40, may = a != Q && row > 40 - 16;

                if (sees)
                    assert_true(isnan(at(p, OUT, row, 5)));
                else if (!may)
                    assert_true(!isnan(at(p, OUT, row, 5)));
            }
            run_backward(k, p);
            assert_true(isnan(at(p, DQ, 40, 5)));
            assert_true(isnan(at(p, DK, 0, 5)));
            problem_free(p);
        }
}

/* However large they are, keys and values behind a query's position change no bit of its result. */
static void later_keys_and_values_change_nothing(void **state)
{
    const shape s = {90, 90, 32, 20, 0, true, 1.0f};

    (void)state;
    for (int i = 0; heed_kernels_at(i); i++) {
        const heed_kernels *k = heed_kernels_at(i);
        problem *p = problem_new(&s, 12);

        run_forward(k, p, s.n_query);
        float *before = array_copy(p->r[OUT].x, p->r[OUT].length);
        for (int64_t position = 0; position < 89; position += 11) {
            problem *other = problem_new(&s, 12);

            for (int64_t d = 0; d < s.head_dim; d++)
                other->r[K].x[(position + 1) * other->r[K].stride + d] = 1e6f;
            for (int64_t d = 0; d < s.v_dim; d++)
                other->r[V].x[(position + 1) * other->r[V].stride + d] = -1e6f;
            run_forward(k, other, s.n_query);
            check_same_bits(k, "attention", other->r[OUT].x, before, (position + 1) * s.v_dim);
            problem_free(other);
        }
        array_free(before, p->r[OUT].length);
        problem_free(p);
    }
}

static void accumulate_kv_adds_to_the_gradients_of_keys_and_values(void **state)
{
    static const shape shapes[] = {{90, 130, 32, 32, 0, true, 1.0f}, {70, 300, 20, 9, 2, false, 1.0f}};

    (void)state;
    for (int s = 0; s < 2; s++)
        for (int i = 0; heed_kernels_at(i); i++) {
            const heed_kernels *k = heed_kernels_at(i);
            problem *once = problem_new(&shapes[s], 13), *twice = problem_new(&shapes[s], 13);

            run_forward(k, once, shapes[s].n_query);
            run_forward(k, twice, shapes[s].n_query);
            run_backward(k, once);
            run_backward(k, twice);
            twice->head.accumulate_kv = true;
            run_backward(k, twice);
            /* a tile adds to what lies there, so the second sum is rounded in another order: 1e-5 of numbers near 1 */
            for (int a = DQ; a <= DV; a++)
                for (int64_t e = 0; e < once->r[a].n * once->r[a].dim; e++) {
                    const double x = at(once, a, e / once->r[a].dim, e % once->r[a].dim);
                    const double y = at(twice, a, e / once->r[a].dim, e % once->r[a].dim);

                    check_near(k, array_names[a], once->r[a].n, e, y, a == DQ ? x : 2.0 * x, 1e-5);
                }
            problem_free(once);
            problem_free(twice);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attention_matches_double_for_any_shape),
        cmocka_unit_test(attention_matches_double_for_random_shapes),
        cmocka_unit_test(few_queries_match_double_over_many_keys),
        cmocka_unit_test(nan_survives_where_a_query_is_alone),
        cmocka_unit_test(cuts_at_64_queries_give_the_same_bits),
        cmocka_unit_test(queries_that_see_nothing_give_zeros_and_no_gradient),
        cmocka_unit_test(scores_in_the_thousands_stay_finite),
        cmocka_unit_test(exact_scores_in_the_thousands_lose_nothing),
        cmocka_unit_test(a_single_key_gets_no_gradient_through_its_score),
        cmocka_unit_test(nan_in_the_input_survives),
        cmocka_unit_test(later_keys_and_values_change_nothing),
        cmocka_unit_test(accumulate_kv_adds_to_the_gradients_of_keys_and_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
