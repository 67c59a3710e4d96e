/* SPDX-License-Identifier: MIT */
/* The logarithm of softmax and its gradient on every table this processor runs, against double precision. */
#include "cmocka_all.h"

#include "kernels/arrays.h"

enum { ROWS = 3 };

static void oracle(double *y, const float *x, int64_t n)
{
    double max = -INFINITY, sum = 0.0;

    for (int64_t i = 0; i < n; i++)
        max = fmax(max, (double)x[i]);
    for (int64_t i = 0; i < n; i++)
        sum += exp(x[i] - max);
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] - max - log(sum);
}

/* The difference to the maximum and the result round once each; the sum of n terms is off by some 2^-24 of it. */
static void check_log_softmax(const heed_kernels *k, int64_t n, float range)
{
    float *x = array_random(ROWS * n, 1, range), *y = array_new(ROWS * n);
    double *want = calloc((size_t)n, sizeof *want);

    assert_non_null(want);
    x[n / 2] = -INFINITY;
    if (n == 1)
        x[0] = 0.0f;
    k->log_softmax(y, x, ROWS, n);
    for (int64_t r = 0; r < ROWS; r++) {
        oracle(want, x + r * n, n);
        for (int64_t i = 0; i < n; i++)
            check_near(k, "log_softmax", n, r * n + i, y[r * n + i], want[i], 2e-6 + 1.2e-7 * fabs(want[i]));
    }
    k->log_softmax(x, x, ROWS, n);
    check_same_bits(k, "log_softmax in place", x, y, ROWS * n);
    array_free(x, ROWS * n);
    array_free(y, ROWS * n);
    free(want);
}

static void log_softmax_matches_double_in_the_thousands_too(void **state)
{
    (void)state;
    for (int t = 0; heed_kernels_at(t); t++) {
        for (int s = 0; s < N_SIZES; s++) {
            check_log_softmax(heed_kernels_at(t), odd_sizes[s], 15.0f);
            check_log_softmax(heed_kernels_at(t), odd_sizes[s], 5000.0f);
        }
    }
}

static void log_softmax_backward_matches_double(void **state)
{
    (void)state;
    for (int t = 0; heed_kernels_at(t); t++) {
        const heed_kernels *k = heed_kernels_at(t);

        for (int s = 0; s < N_SIZES; s++) {
            const int64_t n = odd_sizes[s];
            float *x = array_random(ROWS * n, 2, 9.0f), *dy = array_random(ROWS * n, 3, 2.0f),
                  *dx = array_new(ROWS * n);

            if (n > 1)
                x[n - 1] = -INFINITY;
            k->log_softmax(x, x, ROWS, n);
            k->log_softmax_backward(dx, x, dy, ROWS, n);
            for (int64_t r = 0; r < ROWS; r++) {
                double sum = 0.0, size = 0.0;

                for (int64_t i = 0; i < n; i++) {
                    sum += dy[r * n + i];
                    size += fabs((double)dy[r * n + i]);
                }
                /* a sum of n terms over its lanes, times a probability; the last product rounds once */
                for (int64_t i = r * n; i < r * n + n; i++)
                    check_near(k, "log_softmax_backward", n, i, dx[i], dy[i] - exp(x[i]) * sum,
                               4e-7 + 4e-7 * size);
            }
            k->log_softmax_backward(dy, x, dy, ROWS, n);
            check_same_bits(k, "log_softmax_backward in place", dy, dx, ROWS * n);
            array_free(x, ROWS * n);
            array_free(dy, ROWS * n);
            array_free(dx, ROWS * n);
        }
    }
}

static void a_row_of_minus_infinity_stays_one_and_passes_no_gradient(void **state)
{
    (void)state;
    for (int t = 0; heed_kernels_at(t); t++) {
        const heed_kernels *k = heed_kernels_at(t);

        for (int s = 0; s < N_SIZES; s++) {
            const int64_t n = odd_sizes[s];
            float *x = array_random(ROWS * n, 4, 1.0f), *y = array_new(ROWS * n), *dx = array_new(ROWS * n);

            for (int64_t i = 0; i < n; i++)
                x[n + i] = -INFINITY;
            x[3 * n - 1] = NAN;
            k->log_softmax(y, x, ROWS, n);
            k->log_softmax_backward(dx, y, x, 1, n);
            k->log_softmax_backward(dx + n, y + n, y, 1, n); /* the first row's numbers as dy */
            k->log_softmax_backward(dx + 2 * n, y + 2 * n, y, 1, n);
            for (int64_t i = 0; i < n; i++) {
                assert_true(isfinite(y[i]) && isfinite(dx[i]));
                assert_true(y[n + i] == -INFINITY && dx[n + i] == 0.0f);
                assert_true(isnan(y[2 * n + i]) && isnan(dx[2 * n + i]));
            }
            array_free(x, ROWS * n);
            array_free(y, ROWS * n);
            array_free(dx, ROWS * n);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_softmax_matches_double_in_the_thousands_too),
        cmocka_unit_test(log_softmax_backward_matches_double),
        cmocka_unit_test(a_row_of_minus_infinity_stays_one_and_passes_no_gradient),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
