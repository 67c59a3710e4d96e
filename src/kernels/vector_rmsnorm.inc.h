/* SPDX-License-Identifier: MIT */
/*
 * Normalization by the root of the mean square, and its gradient, row by row; src/ops/rmsnorm.c has the formulas.
 *
 * Needs vector_maps.inc.h and vector_rows.inc.h. The squares are summed in double, so no x is too large or too small.
 * As in layernorm some rows at a time go through each step, so that the end of one row hides behind the next.
 */

INLINE float rms_rstd(const float *x, float eps, int64_t n)
{
    return (float)(1.0 / __builtin_sqrt(sum_squares(x, n) / (double)n + (double)eps));
}

INLINE void rmsnorm_row(float *y, const float *x, const float *gamma, float rstd, int64_t n)
{
    int64_t i = 0;

    for (; i + LANES <= n; i += LANES)
        vf_store(y + i, vf_load(x + i) * rstd * vf_load(gamma + i));
    if (i < n)
        vf_store_first(y + i, vf_load_first(x + i, n - i, 0.0f) * rstd * vf_load_first(gamma + i, n - i, 0.0f),
                       n - i);
}

static void rmsnorm(float *y, const float *x, const float *gamma, float eps, int64_t rows, int64_t n)
{
    for (int64_t r = 0; r < rows; r += NORM_ROWS) {
        const int64_t count = rows - r < NORM_ROWS ? rows - r : NORM_ROWS;
        float rstd[NORM_ROWS];

        for (int64_t b = 0; b < count; b++)
            rstd[b] = rms_rstd(x + (r + b) * n, eps, n);
        for (int64_t b = 0; b < count; b++)
            rmsnorm_row(y + (r + b) * n, x + (r + b) * n, gamma, rstd[b], n);
    }
}

/* One vector of columns, or `count` of them: adds the rows to dgamma in order, and g xhat to each row's sum. */
INLINE void rmsnorm_sums_column(vf *sums, float *dgamma, const float *x, const float *gamma, const float *dy,
                                const float *rstd, int64_t n, int64_t count, const int rows)
{
    const vf scaling = vf_load_up_to(gamma, count, 0.0f);
    vf gamma_sum = vf_load_up_to(dgamma, count, 0.0f);

    UNROLL
    for (int b = 0; b < rows; b++) {
        const vf dy_b = vf_load_up_to(dy + b * n, count, 0.0f);
        const vf xhat = vf_load_up_to(x + b * n, count, 0.0f) * rstd[b];

        sums[b] = vf_fma(dy_b * scaling, xhat, sums[b]);
        gamma_sum = vf_fma(dy_b, xhat, gamma_sum);
    }
    vf_store_up_to(dgamma, gamma_sum, count);
}

/* First pass over `rows` rows: adds to dgamma, and gives mean(g xhat) of each. */
INLINE void rmsnorm_sums(float *mean, float *dgamma, const float *x, const float *gamma, const float *dy,
                         const float *rstd, int64_t n, const int rows)
{
    vf sums[NORM_ROWS];
    int64_t i = 0;

    UNROLL
    for (int b = 0; b < rows; b++)
        sums[b] = vf_splat(0.0f);
    for (; i + LANES <= n; i += LANES)
        rmsnorm_sums_column(sums, dgamma + i, x + i, gamma + i, dy + i, rstd, n, LANES, rows);
    if (i < n)
        rmsnorm_sums_column(sums, dgamma + i, x + i, gamma + i, dy + i, rstd, n, n - i, rows);
    UNROLL
    for (int b = 0; b < rows; b++)
        mean[b] = vf_sum(sums[b]) / (float)n;
}

/* rstd (g - xhat mean(g xhat)) */
INLINE vf rmsnorm_gradient(vf x, vf dy, vf gamma, float rstd, float mean)
{
    return rstd * vf_fma(-(x * rstd), vf_splat(mean), dy * gamma);
}

INLINE void rmsnorm_gradient_row(float *dx, const float *x, const float *gamma, const float *dy, float rstd,
                                 float mean, int64_t n)
{
    int64_t i = 0;

    for (; i + LANES <= n; i += LANES)
        vf_store(dx + i, rmsnorm_gradient(vf_load(x + i), vf_load(dy + i), vf_load(gamma + i), rstd, mean));
    if (i < n) {
        const int64_t rest = n - i;

        vf_store_first(dx + i,
                       rmsnorm_gradient(vf_load_first(x + i, rest, 0.0f), vf_load_first(dy + i, rest, 0.0f),
                                        vf_load_first(gamma + i, rest, 0.0f), rstd, mean),
                       rest);
    }
}

static void rmsnorm_backward(float *dx, float *dgamma, const float *x, const float *gamma, const float *dy,
                             float eps, int64_t rows, int64_t n)
{
    for (int64_t r = 0; r < rows; r += NORM_ROWS, x += NORM_ROWS * n, dy += NORM_ROWS * n) {
        const int64_t count = rows - r < NORM_ROWS ? rows - r : NORM_ROWS;
        float rstd[NORM_ROWS], mean[NORM_ROWS];

        for (int64_t b = 0; b < count; b++)
            rstd[b] = rms_rstd(x + b * n, eps, n);
        if (count == NORM_ROWS)
            rmsnorm_sums(mean, dgamma, x, gamma, dy, rstd, n, NORM_ROWS);
        else
            for (int64_t b = 0; b < count; b++)
                rmsnorm_sums(mean + b, dgamma, x + b * n, gamma, dy + b * n, rstd + b, n, 1);
        for (int64_t b = 0; dx && b < count; b++)
            rmsnorm_gradient_row(dx + (r + b) * n, x + b * n, gamma, dy + b * n, rstd[b], mean[b], n);
    }
}
