/* SPDX-License-Identifier: MIT */
/* RMS normalization and its gradient on every table this processor runs, against double precision. */
#include "cmocka_all.h"

#include "kernels/arrays.h"

enum { ROWS = 7 }; /* more than are taken at a time, and some left over */

static double rstd_of(const float *x, int64_t n, double eps)
{
    double squares = 0.0;

    for (int64_t i = 0; i < n; i++)
        squares += (double)x[i] * x[i];
    return 1.0 / sqrt(squares / (double)n + eps);
}

/* range 1e25 and 1e-25: squares that no float holds. */
static void check_rmsnorm(const heed_kernels *k, int64_t n, float range)
{
    const float eps = range < 1.0f ? 0.0f : 1e-5f;
    float *x = array_random(ROWS * n, 1, range), *gamma = array_random(n, 2, 2.0f), *y = array_new(ROWS * n);

    k->rmsnorm(y, x, gamma, eps, ROWS, n);
    for (int64_t r = 0; r < ROWS; r++) {
        for (int64_t i = 0; i < n; i++) {
            const double want = x[r * n + i] * rstd_of(x + r * n, n, eps) * gamma[i];

            check_near(k, "rmsnorm", n, r * n + i, y[r * n + i], want,
                       2.4e-7 * fabs(want)); /* three roundings */
        }
    }
    for (int64_t r = 0; r < ROWS; r++)
        k->rmsnorm(x + r * n, x + r * n, gamma, eps, 1, n);
    check_same_bits(k, "rmsnorm row by row, in place", x, y, ROWS * n);
    array_free(x, ROWS * n);
    array_free(gamma, n);
    array_free(y, ROWS * n);
}

static void rmsnorm_matches_double_for_numbers_of_any_size(void **state)
{
    (void)state;
    for (int t = 0; heed_kernels_at(t); t++) {
        for (int s = 0; s < N_SIZES; s++) {
            check_rmsnorm(heed_kernels_at(t), odd_sizes[s], 2.0f);
            check_rmsnorm(heed_kernels_at(t), odd_sizes[s], 1e25f);
            check_rmsnorm(heed_kernels_at(t), odd_sizes[s], 1e-25f);
        }
    }
}

static void rmsnorm_of_zeros_is_zero_and_nan_stays_in_its_row(void **state)
{
    (void)state;
    for (int t = 0; heed_kernels_at(t); t++) {
        for (int s = 0; s < N_SIZES; s++) {
            const int64_t n = odd_sizes[s];
            float *x = array_random(ROWS * n, 3, 1.0f), *gamma = array_random(n, 4, 1.0f),
                  *y = array_new(ROWS * n);

            memset(x + n, 0, (size_t)n * sizeof *x);
            x[3 * n - 1] = NAN;
            heed_kernels_at(t)->rmsnorm(y, x, gamma, 1e-6f, ROWS, n);
            for (int64_t i = 0; i < n; i++)
                assert_true(isfinite(y[i]) && y[n + i] == 0.0f && isnan(y[2 * n + i]) &&
                            isfinite(y[3 * n + i]));
            array_free(x, ROWS * n);
            array_free(gamma, n);
            array_free(y, ROWS * n);
        }
    }
}

/* Every row's dx, and the sums added to dgamma, in double. */
static void backward_oracle(double *dx, double *dgamma, const float *x, const float *gamma, const float *dy,
                            double eps, int64_t n)
{
    for (int64_t r = 0; r < ROWS; r++, x += n, dy += n, dx += n) {
        const double rstd = rstd_of(x, n, eps);
        double mean = 0.0;

        for (int64_t i = 0; i < n; i++) {
            mean += (double)dy[i] * gamma[i] * x[i] * rstd / (double)n;
            dgamma[i] += dy[i] * x[i] * rstd;
        }
        for (int64_t i = 0; i < n; i++)
            dx[i] = rstd * ((double)dy[i] * gamma[i] - x[i] * rstd * mean);
    }
}

static void check_backward(const heed_kernels *k, int64_t n)
{
    const float eps = 1e-2f; /* large: else rstd of a short row is too, and with it every rounding */
    float *x = array_random(ROWS * n, 5, 2.0f), *dy = array_random(ROWS * n, 6, 1.0f);
    float *gamma = array_random(n, 7, 2.0f), *dx = array_new(ROWS * n);
    float *dgamma = array_random(n, 8, 1.0f), *dgamma_alone = array_copy(dgamma, n);
    double *want = calloc((size_t)(ROWS * n + n), sizeof *want), *want_dgamma = want + ROWS * n;

    assert_non_null(want);
    for (int64_t i = 0; i < n; i++)
        want_dgamma[i] = dgamma[i];
    backward_oracle(want, want_dgamma, x, gamma, dy, eps, n);
    k->rmsnorm_backward(dx, dgamma, x, gamma, dy, eps, ROWS, n);
    for (int64_t i = 0; i < ROWS * n; i++)
        check_near(k, "rmsnorm_backward dx", n, i, dx[i], want[i],
                   1e-5); /* rstd <= 10, terms <= 10, 2^-24 each */
    for (int64_t i = 0; i < n; i++)
        check_near(k, "dgamma", n, i, dgamma[i], want_dgamma[i], 5e-6);
    for (int64_t r = 0; r < ROWS; r++)
        k->rmsnorm_backward(NULL, dgamma_alone, x + r * n, gamma, dy + r * n, eps, 1, n);
    check_same_bits(k, "dgamma alone, row by row", dgamma_alone, dgamma, n);
    k->rmsnorm_backward(dy, dgamma_alone, x, gamma, dy, eps, ROWS, n);
    check_same_bits(k, "dx in place of dy", dy, dx, ROWS * n);
    array_free(x, ROWS * n);
    array_free(dy, ROWS * n);
    array_free(gamma, n);
    array_free(dx, ROWS * n);
    array_free(dgamma, n);
    array_free(dgamma_alone, n);
    free(want);
}

static void rmsnorm_backward_matches_double(void **state)
{
    (void)state;
    for (int t = 0; heed_kernels_at(t); t++) {
        for (int s = 0; s < N_SIZES; s++)
            check_backward(heed_kernels_at(t), odd_sizes[s]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rmsnorm_matches_double_for_numbers_of_any_size),
        cmocka_unit_test(rmsnorm_of_zeros_is_zero_and_nan_stays_in_its_row),
        cmocka_unit_test(rmsnorm_backward_matches_double),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
