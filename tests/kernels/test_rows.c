/* SPDX-License-Identifier: MIT */
/* Kernels that work row by row, on every table this processor runs, against loops in double. */
#include "cmocka_all.h"

#include "kernels/arrays.h"

enum { ROWS = 5 };

/* One row in double; a row of -inf gives zeros. */
static void softmax_oracle(double *y, const float *x, int64_t n)
{
    double largest = -INFINITY, total = 0.0;

    for (int64_t i = 0; i < n; i++)
        largest = x[i] > largest ? x[i] : largest;
    for (int64_t i = 0; i < n; i++)
        total += y[i] = largest == -INFINITY ? 0.0 : exp(x[i] - largest);
    for (int64_t i = 0; i < n; i++)
        y[i] = total == 0.0 ? 0.0 : y[i] / total;
}

/* Rounding of x - max, up to 30 here, moves exp() by 30 * 2^-24; 2^-22 more for exp, sum and quotient. */
static const double softmax_tolerance = 2.5e-6; /* relative */

static void softmax_matches_double(void **state)
{
    (void)state;
    for (int t = 0; heed_kernels_at(t); t++) {
        const heed_kernels *k = heed_kernels_at(t);

        for (int s = 0; s < N_SIZES; s++) {
            const int64_t n = odd_sizes[s];
            float *x = array_random(ROWS * n, 1, 15.0f), *y = array_new(ROWS * n);
            double *want = calloc((size_t)n, sizeof *want);

            assert_non_null(want);
            x[0] = -INFINITY;
            x[n + n / 2] = 1e30f;
            k->softmax(y, x, 0, n);
            assert_true(y[0] == 0.0f);
            k->softmax(y, x, ROWS, n);
            for (int64_t r = 0; r < ROWS; r++) {
                softmax_oracle(want, x + r * n, n);
                for (int64_t i = 0; i < n; i++)
                    check_near(k, "softmax", n, r * n + i, y[r * n + i], want[i], softmax_tolerance * want[i]);
            }
            k->softmax(x, x, ROWS, n);
            check_same_bits(k, "softmax in place", x, y, ROWS * n);
            array_free(x, ROWS * n);
            array_free(y, ROWS * n);
            free(want);
        }
    }
}

static void softmax_of_a_fully_masked_row_is_zero_and_nan_stays_in_its_row(void **state)
{
    (void)state;
    for (int t = 0; heed_kernels_at(t); t++) {
        const heed_kernels *k = heed_kernels_at(t);

        for (int s = 0; s < N_SIZES; s++) {
            const int64_t n = odd_sizes[s];
            float *x = array_random(ROWS * n, 2, 3.0f), *y = array_new(ROWS * n);

            for (int64_t i = 0; i < n; i++)
                x[n + i] = x[3 * n + i] = -INFINITY;
            x[2 * n + n / 2] = NAN;
            x[3 * n + n - 1] = NAN; /* beside nothing but -inf */
            k->softmax(y, x, ROWS, n);
            for (int64_t i = 0; i < n; i++) {
                assert_true(isfinite(y[i]) && isfinite(y[4 * n + i]));
                assert_true(y[n + i] == 0.0f);
                assert_true(isnan(y[2 * n + i]) && isnan(y[3 * n + i]));
            }
            array_free(x, ROWS * n);
            array_free(y, ROWS * n);
        }
    }
}

static void softmax_backward_matches_double(void **state)
{
    (void)state;
    for (int t = 0; heed_kernels_at(t); t++) {
        const heed_kernels *k = heed_kernels_at(t);

        for (int s = 0; s < N_SIZES; s++) {
            const int64_t n = odd_sizes[s];
            float *y = array_random(ROWS * n, 3, 4.0f), *dy = array_random(ROWS * n, 4, 2.0f);
            float *dx = array_new(ROWS * n);

            k->softmax(y, y, ROWS, n);
            k->softmax_backward(dx, y, dy, ROWS, n);
            for (int64_t r = 0; r < ROWS; r++) {
                double dot = 0.0;

                for (int64_t i = 0; i < n; i++)
                    dot += (double)y[r * n + i] * dy[r * n + i];
                /* dy - dot is at most 4; the dot of numbers that sum to 1 is off by some 2^-24 of 2 */
                for (int64_t i = r * n; i < r * n + n; i++)
                    check_near(k, "softmax_backward", n, i, dx[i], y[i] * (dy[i] - dot), 1e-6 * y[i]);
            }
            k->softmax_backward(dy, y, dy, ROWS, n);
            check_same_bits(k, "softmax_backward in place", dy, dx, ROWS * n);
            array_free(y, ROWS * n);
            array_free(dy, ROWS * n);
            array_free(dx, ROWS * n);
        }
    }
}

static void moments_oracle(const float *x, int64_t n, double eps, double *mean, double *rstd)
{
    double square = 0.0;

    *mean = 0.0;
    for (int64_t i = 0; i < n; i++)
        *mean += x[i] / (double)n;
    for (int64_t i = 0; i < n; i++)
        square += (x[i] - *mean) * (x[i] - *mean) / (double)n;
    *rstd = 1.0 / sqrt(square + eps);
}

static void check_layernorm(const heed_kernels *k, float *x, int64_t n, bool with_beta)
{
    float *gamma = array_random(n, 5, 2.0f), *beta = array_random(n, 6, 1.0f), *y = array_new(ROWS * n);
    const float eps = 1e-5f;

    k->layernorm(y, x, gamma, with_beta ? beta : NULL, eps, ROWS, n);
    for (int64_t r = 0; r < ROWS; r++) {
        double mean, rstd;

        moments_oracle(x + r * n, n, eps, &mean, &rstd);
        for (int64_t i = 0; i < n; i++) {
            const double xhat = (x[r * n + i] - mean) * rstd;

            /* xhat <= sqrt(n) in size, here below 6, times gamma <= 2; a sum of n terms over its lanes */
            check_near(k, "layernorm", n, r * n + i, y[r * n + i],
                       xhat * gamma[i] + (with_beta ? beta[i] : 0.0), 4e-6);
        }
    }
    array_free(gamma, n);
    array_free(beta, n);
    array_free(y, ROWS * n);
}

static void layernorm_matches_double_also_far_from_zero(void **state)
{
    (void)state;
    for (int t = 0; heed_kernels_at(t); t++) {
        for (int s = 0; s < N_SIZES; s++) {
            const int64_t n = odd_sizes[s];
            float *x = array_random(ROWS * n, 7, 2.0f);

            check_layernorm(heed_kernels_at(t), x, n, true);
            check_layernorm(heed_kernels_at(t), x, n, false);
            for (int64_t i = 0; i < ROWS * n; i++)
                x[i] += 1e4f; /* exact in the oracle too: it reads the same floats */
            check_layernorm(heed_kernels_at(t), x, n, true);
            array_free(x, ROWS * n);
        }
    }
}

/* In a long row the first mean is far off; the variance, a difference of roundings, must not fall below 0. */
static void layernorm_of_a_long_large_constant_row_is_finite(void **state)
{
    const int64_t n = 40001;

    (void)state;
    for (int t = 0; heed_kernels_at(t); t++) {
        const heed_kernels *k = heed_kernels_at(t);
        float *x = array_new(n), *gamma = array_random(n, 9, 1.0f), *y = array_new(n);

        for (int step = 0; step < 20; step++) {
            for (int64_t i = 0; i < n; i++)
                x[i] = 3.3e9f * (1.0f + (float)step / 19.0f);
            k->layernorm(y, x, gamma, NULL, 1e-5f, 1, n);
            for (int64_t i = 0; i < n; i++)
                assert_true(isfinite(y[i]));
        }
        array_free(x, n);
        array_free(gamma, n);
        array_free(y, n);
    }
}

static void layernorm_of_a_constant_row_is_beta_and_nan_stays_in_its_row(void **state)
{
    (void)state;
    for (int t = 0; heed_kernels_at(t); t++) {
        const heed_kernels *k = heed_kernels_at(t);

        for (int s = 0; s < N_SIZES; s++) {
            const int64_t n = odd_sizes[s];
            float *x = array_random(ROWS * n, 8, 1.0f), *gamma = array_random(n, 9, 1.0f);
            float *beta = array_random(n, 10, 1.0f), *y = array_new(ROWS * n);

            for (int64_t i = 0; i < n; i++)
                x[n + i] = 1000.1f;
            x[2 * n + n - 1] = NAN;
            k->layernorm(y, x, gamma, beta, 1e-5f, ROWS, n);
            for (int64_t i = 0; i < n; i++) {
                assert_true(isfinite(y[i]) && isfinite(y[3 * n + i]) && isnan(y[2 * n + i]));
                check_near(k, "layernorm of a constant", n, i, y[n + i], beta[i],
                           1e-4); /* 2^-24 * 1e-4 / sqrt(eps) */
            }
            array_free(x, ROWS * n);
            array_free(gamma, n);
            array_free(beta, n);
            array_free(y, ROWS * n);
        }
    }
}

/* dx [ROWS, n] and the sums added to dgamma, dbeta [n], all in double. */
static void layernorm_backward_oracle(double *dx, double *dgamma, double *dbeta, const float *x,
                                      const float *gamma, const float *dy, double eps, int64_t n)
{
    for (int64_t r = 0; r < ROWS; r++, x += n, dy += n, dx += n) {
        double mean, rstd, mean_g = 0.0, mean_g_xhat = 0.0;

        moments_oracle(x, n, eps, &mean, &rstd);
        for (int64_t i = 0; i < n; i++) {
            const double xhat = (x[i] - mean) * rstd, g = (double)dy[i] * gamma[i];

            mean_g += g / (double)n;
            mean_g_xhat += g * xhat / (double)n;
            dgamma[i] += dy[i] * xhat;
            dbeta[i] += dy[i];
        }
        for (int64_t i = 0; i < n; i++)
            dx[i] = rstd * ((double)dy[i] * gamma[i] - mean_g - (x[i] - mean) * rstd * mean_g_xhat);
    }
}

static void check_layernorm_backward(const heed_kernels *k, int64_t n, float offset)
{
    float *x = array_random(ROWS * n, 11, 2.0f), *dy = array_random(ROWS * n, 12, 1.0f);
    float *gamma = array_random(n, 13, 2.0f), *dx = array_new(ROWS * n);
    float *dgamma = array_random(n, 14, 1.0f), *dbeta = array_random(n, 15, 1.0f),
          *dgamma_alone = array_copy(dgamma, n);
    double *want = calloc((size_t)(ROWS * n + 2 * n), sizeof *want), *want_dgamma = want + ROWS * n;
    double *want_dbeta = want_dgamma + n;
    const float eps = 1e-2f; /* large: else rstd of a short row is too, and with it every rounding */

    for (int64_t i = 0; i < ROWS * n; i++)
        x[i] += offset;
    for (int64_t i = 0; i < n; i++) {
        want_dgamma[i] = dgamma[i];
        want_dbeta[i] = dbeta[i];
    }
    layernorm_backward_oracle(want, want_dgamma, want_dbeta, x, gamma, dy, eps, n);
    k->layernorm_backward(dx, dgamma, dbeta, x, gamma, dy, eps, ROWS, n);
    for (int64_t i = 0; i < ROWS * n; i++)
        check_near(k, "layernorm_backward dx", n, i, dx[i], want[i],
                   1e-5); /* rstd <= 10, terms <= 10, 2^-24 each */
    for (int64_t i = 0; i < n; i++) {
        check_near(k, "dgamma", n, i, dgamma[i], want_dgamma[i], 5e-6);
        check_near(k, "dbeta", n, i, dbeta[i], want_dbeta[i], 2e-6);
    }
    k->layernorm_backward(NULL, dgamma_alone, NULL, x, gamma, dy, eps, ROWS, n);
    check_same_bits(k, "dgamma without dx and dbeta", dgamma_alone, dgamma, n);
    k->layernorm_backward(dy, dgamma_alone, NULL, x, gamma, dy, eps, ROWS, n);
    check_same_bits(k, "dx in place of dy", dy, dx, ROWS * n);
    array_free(x, ROWS * n);
    array_free(dy, ROWS * n);
    array_free(gamma, n);
    array_free(dx, ROWS * n);
    array_free(dgamma, n);
    array_free(dbeta, n);
    array_free(dgamma_alone, n);
    free(want);
}

static void layernorm_backward_matches_double_also_far_from_zero(void **state)
{
    (void)state;
    for (int t = 0; heed_kernels_at(t); t++)
        for (int s = 0; s < N_SIZES; s++) {
            check_layernorm_backward(heed_kernels_at(t), odd_sizes[s], 0.0f);
            check_layernorm_backward(heed_kernels_at(t), odd_sizes[s], 1e4f);
        }
}

static void rows_do_not_depend_on_how_they_are_split_over_calls(void **state)
{
    (void)state;
    for (int t = 0; heed_kernels_at(t); t++) {
        const heed_kernels *k = heed_kernels_at(t);

        for (int s = 0; s < N_SIZES; s++) {
            const int64_t n = odd_sizes[s];
            float *x = array_random(ROWS * n, 16, 2.0f), *dy = array_random(ROWS * n, 17, 1.0f);
            float *gamma = array_random(n, 18, 1.0f), *whole = array_new(ROWS * n),
                  *parts = array_new(ROWS * n);
            float *sums = array_new(2 * n), *part_sums = array_new(2 * n);

            k->softmax(whole, x, ROWS, n);
            for (int64_t r = 0; r < ROWS; r++)
                k->softmax(parts + r * n, x + r * n, 1, n);
            check_same_bits(k, "softmax", parts, whole, ROWS * n);
            k->layernorm(whole, x, gamma, gamma, 1e-5f, ROWS, n);
            for (int64_t r = 0; r < ROWS; r++)
                k->layernorm(parts + r * n, x + r * n, gamma, gamma, 1e-5f, 1, n);
            check_same_bits(k, "layernorm", parts, whole, ROWS * n);
            k->layernorm_backward(whole, sums, sums + n, x, gamma, dy, 1e-5f, ROWS, n);
            for (int64_t r = 0; r < ROWS; r++)
                k->layernorm_backward(parts + r * n, part_sums, part_sums + n, x + r * n, gamma, dy + r * n,
                                      1e-5f, 1, n);
            check_same_bits(k, "layernorm_backward", parts, whole, ROWS * n);
            check_same_bits(k, "dgamma and dbeta", part_sums, sums, 2 * n);
            array_free(x, ROWS * n);
            array_free(dy, ROWS * n);
            array_free(gamma, n);
            array_free(whole, ROWS * n);
            array_free(parts, ROWS * n);
            array_free(sums, 2 * n);
            array_free(part_sums, 2 * n);
        }
    }
}

static void column_sums_add_the_rows_in_order(void **state)
{
    (void)state;
    for (int t = 0; heed_kernels_at(t); t++) {
        const heed_kernels *k = heed_kernels_at(t);

        for (int s = 0; s < N_SIZES; s++) {
            const int64_t n = odd_sizes[s], stride = n + 3;

            for (int64_t rows = 0; rows < 10; rows++) {
                float *x = array_random((rows + 1) * stride, 19, 1.0f), *sums = array_random(n, 20, 1.0f);
                float *want = array_copy(sums, n);

                for (int64_t r = 0; r < rows; r++)
                    for (int64_t j = 0; j < n; j++)
                        want[j] += x[r * stride + j];
                k->column_sums(sums, x, stride, rows, n);
                check_same_bits(k, "column_sums", sums, want, n);
                array_free(x, (rows + 1) * stride);
                array_free(sums, n);
                array_free(want, n);
            }
        }
    }
}

/* Reads `x` [ROWS, n] in tiles of `width` columns, each copied out dense as the fused head has them. */
static void tiles_max_sum(const heed_kernels *k, float *max, float *sum, const float *x, int64_t n,
                          int64_t width)
{
    const int64_t stride = width + 1;

    for (int64_t r = 0; r < ROWS; r++) {
        max[r] = -INFINITY;
        sum[r] = 0.0f;
    }
    for (int64_t begin = 0; begin < n; begin += width) {
        const int64_t m = n - begin < width ? n - begin : width;
        float *tile = array_new(ROWS * stride);

        for (int64_t r = 0; r < ROWS; r++)
            memcpy(tile + r * stride, x + r * n + begin, (size_t)m * sizeof *tile);
        k->tile_max_sum(max, sum, tile, stride, ROWS, m);
        array_free(tile, ROWS * stride);
    }
}

static void tiles_give_the_softmax_of_the_whole_row(void **state)
{
    static const int64_t widths[] = {1, 7, 16, 64, 300};

    (void)state;
    for (int t = 0; heed_kernels_at(t); t++) {
        const heed_kernels *k = heed_kernels_at(t);

        for (int s = 0; s < N_SIZES * 5; s++) {
            const int64_t n = odd_sizes[s / 5], stride = n + 2;
            float *x = array_random(ROWS * n, 21, 15.0f), *y = array_new(ROWS * stride);
            float max[ROWS], sum[ROWS], factor[ROWS];
            double *want = calloc((size_t)n, sizeof *want);

            assert_non_null(want);
            x[n / 2] = -INFINITY;
            x[n] = 1e3f; /* the largest comes first: later tiles add next to nothing */
            x[3 * n - 1] = 1e3f;
            tiles_max_sum(k, max, sum, x, n, widths[s % 5]);
            for (int64_t r = 0; r < ROWS; r++) {
                factor[r] = 0.25f * (float)(r + 1);
                memcpy(y + r * stride, x + r * n, (size_t)n * sizeof *y);
                y[r * stride + n] = 7.0f; /* lies between the rows */
            }
            k->tile_probabilities(y, max, sum, factor, stride, ROWS, n);
            for (int64_t r = 0; r < ROWS; r++) {
                softmax_oracle(want, x + r * n, n);
                /* n = 257 terms in up to 257 rescaled sums */
                for (int64_t j = 0; j < n; j++)
                    check_near(k, "tile_probabilities", n, r * n + j, y[r * stride + j], want[j] * factor[r],
                               want[j] * 2e-5);
                assert_true(y[r * stride + n] == 7.0f);
            }
            array_free(x, ROWS * n);
            array_free(y, ROWS * stride);
            free(want);
        }
    }
}

static void tiles_of_masked_rows_are_zero_and_nan_survives(void **state)
{
    (void)state;
    for (int t = 0; heed_kernels_at(t); t++) {
        const heed_kernels *k = heed_kernels_at(t);

        for (int s = 0; s < N_SIZES; s++) {
            const int64_t n = odd_sizes[s];
            float *x = array_random(ROWS * n, 22, 3.0f);
            float max[ROWS], sum[ROWS], factor[ROWS];

            for (int64_t i = 0; i < n; i++)
                x[n + i] = -INFINITY;
            x[2 * n] = NAN;
            x[4 * n - 1] = NAN;
            for (int64_t i = 0; i < n - 1; i++)
                x[4 * n + i] = -INFINITY; /* all but the last */
            x[5 * n - 1] = -200.0f;
            tiles_max_sum(k, max, sum, x, n, 10);
            assert_true(isfinite(sum[0]) && sum[1] == 0.0f && max[1] == -INFINITY);
            assert_true(isnan(sum[2]) && isnan(sum[3]));
            assert_true(sum[4] == 1.0f && max[4] == -200.0f);
            for (int64_t r = 0; r < ROWS; r++) {
                factor[r] = 1.0f;
            }
            k->tile_probabilities(x, max, sum, factor, n, ROWS, n);
            for (int64_t i = 0; i < n; i++) {
                assert_true(x[n + i] == 0.0f && isnan(x[2 * n + i]) && isnan(x[3 * n + i]));
                assert_true(x[4 * n + i] == (i == n - 1 ? 1.0f : 0.0f));
            }
            array_free(x, ROWS * n);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(softmax_matches_double),
        cmocka_unit_test(softmax_of_a_fully_masked_row_is_zero_and_nan_stays_in_its_row),
        cmocka_unit_test(softmax_backward_matches_double),
        cmocka_unit_test(layernorm_matches_double_also_far_from_zero),
        cmocka_unit_test(layernorm_of_a_long_large_constant_row_is_finite),
        cmocka_unit_test(layernorm_of_a_constant_row_is_beta_and_nan_stays_in_its_row),
        cmocka_unit_test(layernorm_backward_matches_double_also_far_from_zero),
        cmocka_unit_test(rows_do_not_depend_on_how_they_are_split_over_calls),
        cmocka_unit_test(column_sums_add_the_rows_in_order),
        cmocka_unit_test(tiles_give_the_softmax_of_the_whole_row),
        cmocka_unit_test(tiles_of_masked_rows_are_zero_and_nan_survives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
