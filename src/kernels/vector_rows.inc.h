/* SPDX-License-Identifier: MIT */
/*
 * Row by row: softmax, layernorm, their gradients, sums over columns, softmax over tiles of columns.
 *
 * Needs vector.inc.h. A sum over a row runs in vectors from left to right and ends in vf_sum(): its order
 * depends on the row's length alone, not on the rows beside it. A row's last elements, too few for a vector,
 * are one more vector filled up with what changes nothing (0 in a sum, -inf in a maximum).
 */

/* The largest element; NaN is passed over, and -inf is the answer where nothing else is there. */
INLINE float row_max(const float *x, int64_t n)
{
    const vf lowest = vf_splat(-__builtin_inff());
    vf a = lowest, b = lowest, c = lowest, d = lowest;
    int64_t i = 0;

    for (; i + 4 * LANES <= n; i += 4 * LANES) {
        a = vf_max(vf_load(x + i), a);
        b = vf_max(vf_load(x + i + LANES), b);
        c = vf_max(vf_load(x + i + 2 * LANES), c);
        d = vf_max(vf_load(x + i + 3 * LANES), d);
    }
    for (; i + LANES <= n; i += LANES)
        a = vf_max(vf_load(x + i), a);
    if (i < n)
        b = vf_max(vf_load_first(x + i, n - i, -__builtin_inff()), b);
    return vf_largest(vf_max(vf_max(a, b), vf_max(c, d)));
}

/* The sum of exp(x_i - shift), each term also written to y unless that is NULL. x = -inf gives an exact 0. */
INLINE float row_exp(float *y, const float *x, float shift, int64_t n)
{
    vf a = {0}, b = {0};
    int64_t i = 0;

    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        const vf e = vf_exp_negative(vf_load(x + i) - shift),
                 f = vf_exp_negative(vf_load(x + i + LANES) - shift);

        a += e;
        b += f;
        if (y) {
            vf_store(y + i, e);
            vf_store(y + i + LANES, f);
        }
    }
    for (; i < n; i += LANES) {
        const bool whole = i + LANES <= n;
        const vf e = vf_exp_negative((whole ? vf_load(x + i) : vf_load_first(x + i, n - i, -__builtin_inff())) -
                                     shift);

        a += e;
        if (y && whole)
            vf_store(y + i, e);
        else if (y)
            vf_store_first(y + i, e, n - i);
    }
    return vf_sum(a + b);
}

/*
 * What to subtract before exp(): the largest element, or 0 where all are -inf, as -inf - -inf would be NaN.
 * A NaN in the row is not in `largest`; it comes through exp() into the sum and from there into the whole row.
 */
INLINE float shift_of(float largest)
{
    return largest == -__builtin_inff() ? 0.0f : largest;
}

static void softmax(float *y, const float *x, int64_t rows, int64_t n)
{
    for (int64_t r = 0; r < rows; r++, x += n, y += n) {
        const float total = row_exp(y, x, shift_of(row_max(x, n)), n);
        const float factor = total == 0.0f ? 0.0f : 1.0f / total; /* 0: every element was -inf */
        int64_t i = 0;

        for (; i + LANES <= n; i += LANES)
            vf_store(y + i, vf_load(y + i) * factor);
        if (i < n)
            vf_store_first(y + i, vf_load_first(y + i, n - i, 0.0f) * factor, n - i);
    }
}

/* sum_i x_i y_i */
INLINE float row_dot(const float *x, const float *y, int64_t n)
{
    vf a = {0}, b = {0};
    int64_t i = 0;

    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        a = vf_fma(vf_load(x + i), vf_load(y + i), a);
        b = vf_fma(vf_load(x + i + LANES), vf_load(y + i + LANES), b);
    }
    if (i + LANES <= n) {
        a = vf_fma(vf_load(x + i), vf_load(y + i), a);
        i += LANES;
    }
    if (i < n)
        b = vf_fma(vf_load_first(x + i, n - i, 0.0f), vf_load_first(y + i, n - i, 0.0f), b);
    return vf_sum(a + b);
}

/* dx_i = y_i (dy_i - sum_j y_j dy_j) */
static void softmax_backward(float *dx, const float *y, const float *dy, int64_t rows, int64_t n)
{
    for (int64_t r = 0; r < rows; r++, y += n, dy += n, dx += n) {
        const float dot = row_dot(y, dy, n);
        int64_t i = 0;

        for (; i + LANES <= n; i += LANES)
            vf_store(dx + i, vf_load(y + i) * (vf_load(dy + i) - dot));
        if (i < n)
            vf_store_first(
                dx + i, vf_load_first(y + i, n - i, 0.0f) * (vf_load_first(dy + i, n - i, 0.0f) - dot), n - i);
    }
}

/*
 * xhat_i = (x_i - mean) / sqrt(variance + eps) = (x_i - near) rstd + offset.
 *
 * `near` is the mean as a float sum gives it, off by some units in the last place of x, which is too much where
 * all of x lies far from 0 compared with its spread. The second pass sums the differences to it, which are
 * small, and so finds what is missing:
 *
 *   mean = near + mean(x - near)        variance = mean((x - near)^2) - mean(x - near)^2
 */
typedef struct row_moments {
    float near, rstd, offset;
} row_moments;

INLINE float row_mean(const float *x, int64_t n)
{
    vf a = {0}, b = {0}, c = {0}, d = {0};
    int64_t i = 0;

    for (; i + 4 * LANES <= n; i += 4 * LANES) {
        a += vf_load(x + i);
        b += vf_load(x + i + LANES);
        c += vf_load(x + i + 2 * LANES);
        d += vf_load(x + i + 3 * LANES);
    }
    for (; i + LANES <= n; i += LANES)
        a += vf_load(x + i);
    if (i < n)
        b += vf_load_first(x + i, n - i, 0.0f);
    return vf_sum((a + b) + (c + d)) / (float)n;
}

INLINE row_moments moments_of(const float *x, float eps, int64_t n)
{
    const float near = row_mean(x, n);
    vf first = {0}, first_2 = {0}, second = {0}, second_2 = {0};
    int64_t i = 0;

    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        const vf d = vf_load(x + i) - near, d_2 = vf_load(x + i + LANES) - near;

        first += d;
        second = vf_fma(d, d, second);
        first_2 += d_2;
        second_2 = vf_fma(d_2, d_2, second_2);
    }
    for (; i < n; i += LANES) {
        const vf d = (i + LANES <= n ? vf_load(x + i) : vf_load_first(x + i, n - i, near)) - near;

        first += d;
        second = vf_fma(d, d, second);
    }
    const float rest = vf_sum(first + first_2) / (float)n;
    const float square = vf_sum(second + second_2) / (float)n;
    const float variance = vf_fma(vf_splat(-rest), vf_splat(rest), vf_splat(square))[0];
    const float rstd = 1.0f / __builtin_sqrtf((variance < 0.0f ? 0.0f : variance) + eps);
    return (row_moments){near, rstd, -rest * rstd};
}

INLINE vf normalized(vf x, row_moments at)
{
    return vf_fma(x - at.near, vf_splat(at.rstd), vf_splat(at.offset));
}

/*
 * Layernorm takes some rows at a time through each of its steps. A step of one row ends in a chain of additions
 * over lanes, divisions and a root; the processor hides it behind the same step of the next rows, which waits
 * for nothing. The rows stay in the first-level cache meanwhile.
 */
enum { NORM_ROWS = 4 };

/* gamma xhat + beta */
INLINE vf layernorm_vector(vf x, vf gamma, vf beta, row_moments s)
{
    return vf_fma(normalized(x, s), gamma, beta);
}

INLINE void layernorm_row(float *y, const float *x, const float *gamma, const float *beta, row_moments s,
                          int64_t n)
{
    const vf none = {0};
    int64_t i = 0;

    for (; i + LANES <= n; i += LANES)
        vf_store(y + i,
                 layernorm_vector(vf_load(x + i), vf_load(gamma + i), beta ? vf_load(beta + i) : none, s));
    if (i < n) {
        const vf last_beta = beta ? vf_load_first(beta + i, n - i, 0.0f) : none;

        vf_store_first(y + i,
                       layernorm_vector(vf_load_first(x + i, n - i, 0.0f),
                                        vf_load_first(gamma + i, n - i, 0.0f), last_beta, s),
                       n - i);
    }
}

static void layernorm(float *y, const float *x, const float *gamma, const float *beta, float eps, int64_t rows,
                      int64_t n)
{
    for (int64_t r = 0; r < rows; r += NORM_ROWS) {
        const int64_t count = rows - r < NORM_ROWS ? rows - r : NORM_ROWS;
        row_moments at[NORM_ROWS];

        for (int64_t b = 0; b < count; b++)
            at[b] = moments_of(x + (r + b) * n, eps, n);
        for (int64_t b = 0; b < count; b++)
            layernorm_row(y + (r + b) * n, x + (r + b) * n, gamma, beta, at[b], n);
    }
}

typedef struct norm_means {
    float g, g_xhat;
} norm_means;

/* What the gradient sums over each row, column by column; g = dy gamma. */
typedef struct norm_sums {
    vf g[NORM_ROWS], g_xhat[NORM_ROWS];
} norm_sums;

/* One vector of columns, or `count` of them: adds the rows to dgamma and dbeta in order. */
INLINE void layernorm_sums_column(norm_sums *s, float *dgamma, float *dbeta, const float *x, const float *gamma,
                                  const float *dy, const row_moments *at, int64_t n, int64_t count,
                                  const int rows)
{
    const vf scaling = vf_load_up_to(gamma, count, 0.0f);
    vf gamma_sum = vf_load_up_to(dgamma, count, 0.0f);
    vf beta_sum = dbeta ? vf_load_up_to(dbeta, count, 0.0f) : vf_splat(0.0f);

    UNROLL
    for (int b = 0; b < rows; b++) {
        const vf dy_b = vf_load_up_to(dy + b * n, count, 0.0f);
        const vf xhat = normalized(vf_load_up_to(x + b * n, count, at[b].near), at[b]);

        s->g[b] = vf_fma(dy_b, scaling, s->g[b]);
        s->g_xhat[b] = vf_fma(dy_b, scaling * xhat, s->g_xhat[b]);
        gamma_sum = vf_fma(dy_b, xhat, gamma_sum);
        beta_sum += dy_b;
    }
    vf_store_up_to(dgamma, gamma_sum, count);
    if (dbeta)
        vf_store_up_to(dbeta, beta_sum, count);
}

/* First pass over `rows` rows: adds to dgamma and dbeta, and gives mean(g) and mean(g xhat) of each. */
INLINE void layernorm_sums(norm_means *mean, float *dgamma, float *dbeta, const float *x, const float *gamma,
                           const float *dy, const row_moments *at, int64_t n, const int rows)
{
    norm_sums s;
    int64_t i = 0;

    UNROLL
    for (int b = 0; b < rows; b++)
        s.g[b] = s.g_xhat[b] = vf_splat(0.0f);
    for (; i + LANES <= n; i += LANES)
        layernorm_sums_column(&s, dgamma + i, dbeta ? dbeta + i : NULL, x + i, gamma + i, dy + i, at, n, LANES,
                              rows);
    if (i < n)
        layernorm_sums_column(&s, dgamma + i, dbeta ? dbeta + i : NULL, x + i, gamma + i, dy + i, at, n, n - i,
                              rows);
    UNROLL
    for (int b = 0; b < rows; b++)
        mean[b] = (norm_means){vf_sum(s.g[b]) / (float)n, vf_sum(s.g_xhat[b]) / (float)n};
}

/* rstd (g - mean(g) - xhat mean(g xhat)) */
INLINE vf layernorm_gradient(vf x, vf dy, vf gamma, row_moments at, norm_means mean)
{
    const vf g = vf_fma(dy, gamma, vf_splat(-mean.g));

    return at.rstd * vf_fma(-normalized(x, at), vf_splat(mean.g_xhat), g);
}

INLINE void layernorm_gradient_row(float *dx, const float *x, const float *gamma, const float *dy,
                                   row_moments at, norm_means mean, int64_t n)
{
    int64_t i = 0;

    for (; i + LANES <= n; i += LANES)
        vf_store(dx + i, layernorm_gradient(vf_load(x + i), vf_load(dy + i), vf_load(gamma + i), at, mean));
    if (i < n) {
        const int64_t rest = n - i;

        vf_store_first(dx + i,
                       layernorm_gradient(vf_load_first(x + i, rest, 0.0f), vf_load_first(dy + i, rest, 0.0f),
                                          vf_load_first(gamma + i, rest, 0.0f), at, mean),
                       rest);
    }
}

static void layernorm_backward(float *dx, float *dgamma, float *dbeta, const float *x, const float *gamma,
                               const float *dy, float eps, int64_t rows, int64_t n)
{
    for (int64_t r = 0; r < rows; r += NORM_ROWS, x += NORM_ROWS * n, dy += NORM_ROWS * n) {
        const int64_t count = rows - r < NORM_ROWS ? rows - r : NORM_ROWS;
        row_moments at[NORM_ROWS];
        norm_means mean[NORM_ROWS];

        for (int64_t b = 0; b < count; b++)
            at[b] = moments_of(x + b * n, eps, n);
        if (count == NORM_ROWS)
            layernorm_sums(mean, dgamma, dbeta, x, gamma, dy, at, n, NORM_ROWS);
        else
            for (int64_t b = 0; b < count; b++)
                layernorm_sums(mean + b, dgamma, dbeta, x + b * n, gamma, dy + b * n, at + b, n, 1);
        for (int64_t b = 0; dx && b < count; b++)
            layernorm_gradient_row(dx + (r + b) * n, x + b * n, gamma, dy + b * n, at[b], mean[b], n);
    }
}

/* Four rows at a time, each added in turn: fewer passes over `sums`, and the same bits as row by row. */
static void column_sums(float *sums, const float *x, int64_t stride, int64_t rows, int64_t n)
{
    int64_t r = 0;

    for (; r + 4 <= rows; r += 4, x += 4 * stride) {
        const float *x1 = x + stride, *x2 = x1 + stride, *x3 = x2 + stride;
        int64_t j = 0;

        for (; j + LANES <= n; j += LANES)
            vf_store(sums + j,
                     vf_load(sums + j) + vf_load(x + j) + vf_load(x1 + j) + vf_load(x2 + j) + vf_load(x3 + j));
        for (; j < n; j++)
            sums[j] = sums[j] + x[j] + x1[j] + x2[j] + x3[j];
    }
    for (; r < rows; r++, x += stride)
        for (int64_t j = 0; j < n; j++)
            sums[j] += x[j];
}

/* The sum so far is brought to the new maximum: sum exp(old - new) + sum_j exp(x_j - new). */
static void tile_max_sum(float *max, float *sum, const float *tile, int64_t stride, int64_t rows, int64_t n)
{
    for (int64_t r = 0; r < rows; r++, tile += stride) {
        const float largest = row_max(tile, n);
        const float top = largest > max[r] ? largest : max[r];
        const float shift = shift_of(top);

        sum[r] = sum[r] * vf_exp_negative(vf_splat(max[r] - shift))[0] + row_exp(NULL, tile, shift, n);
        max[r] = top;
    }
}

/*
 * e^x for x <= 0, and 0 below 2^-80: a gradient that small is lost in any sum, but a row of W that has no other would be
 * summed up from denormal numbers, which take a processor many times as long.
 */
INLINE vf exp_that_counts(vf x)
{
    return (vf)(~(x < vf_splat(-55.45f)) & (vi)vf_exp_negative(x));
}

static void tile_probabilities(float *tile, const float *max, const float *sum, const float *factor,
                               int64_t stride, int64_t rows, int64_t n)
{
    for (int64_t r = 0; r < rows; r++, tile += stride) {
        const float shift = shift_of(max[r]), scale_by = sum[r] == 0.0f ? 0.0f : factor[r] / sum[r];
        int64_t j = 0;

        for (; j + LANES <= n; j += LANES)
            vf_store(tile + j, exp_that_counts(vf_load(tile + j) - shift) * scale_by);
        if (j < n)
            vf_store_first(tile + j, exp_that_counts(vf_load_first(tile + j, n - j, 0.0f) - shift) * scale_by,
                           n - j);
    }
}
