/* SPDX-License-Identifier: MIT */
/*
 * Row by row: softmax, layernorm, their gradients, sums over columns, softmax over tiles of columns.
 *
 * Needs vector.inc.h. A sum over a row runs in vectors from left to right and ends in vf_sum(): its order depends on
 * the row's length alone, not on the rows beside it. A row's last elements, too few for a vector, are one more
 * vector filled up with what changes nothing (0 in a sum, -inf in a maximum).
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

/* The sum of exp(x_i - shift), each term also written to y unless that is NULL. An x of -inf gives an exact 0. */
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
        a += vf_load(x + i) * vf_load(y + i);
        b += vf_load(x + i + LANES) * vf_load(y + i + LANES);
    }
    if (i + LANES <= n) {
        a += vf_load(x + i) * vf_load(y + i);
        i += LANES;
    }
    if (i < n)
        b += vf_load_first(x + i, n - i, 0.0f) * vf_load_first(y + i, n - i, 0.0f);
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
 * all of x lies far from 0 compared with its spread. The second pass sums the differences to it, which are small,
 * and so finds what is missing: mean = near + mean(x - near), variance = mean((x - near)^2) - mean(x - near)^2.
 */
typedef struct row_moments {
    float near, rstd, offset;
} row_moments;

INLINE float row_mean(const float *x, int64_t n)
{
    vf a = {0}, b = {0};
    int64_t i = 0;

    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        a += vf_load(x + i);
        b += vf_load(x + i + LANES);
    }
    if (i + LANES <= n) {
        a += vf_load(x + i);
        i += LANES;
    }
    if (i < n)
        b += vf_load_first(x + i, n - i, 0.0f);
    return vf_sum(a + b) / (float)n;
}

INLINE row_moments moments_of(const float *x, float eps, int64_t n)
{
    const float near = row_mean(x, n);
    vf first = {0}, first_2 = {0}, second = {0}, second_2 = {0};
    int64_t i = 0;

    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        const vf d = vf_load(x + i) - near, d_2 = vf_load(x + i + LANES) - near;

        first += d;
        second += d * d;
        first_2 += d_2;
        second_2 += d_2 * d_2;
    }
    for (; i < n; i += LANES) {
        const vf d = (i + LANES <= n ? vf_load(x + i) : vf_load_first(x + i, n - i, near)) - near;

        first += d;
        second += d * d;
    }
    const float rest = vf_sum(first + first_2) / (float)n;
    const float square = vf_sum(second + second_2) / (float)n;
    const float variance = square - rest * rest;
    const float rstd = 1.0f / __builtin_sqrtf((variance < 0.0f ? 0.0f : variance) + eps);
    return (row_moments){near, rstd, -rest * rstd};
}

/*
 * Layernorm takes some rows at a time through each of its steps. A step of one row ends in a chain of additions over
 * lanes, divisions and a root; the processor hides it behind the same step of the next rows, which waits for nothing.
 * The rows stay in the first-level cache meanwhile.
 */
enum { NORM_ROWS = 4 };

/* gamma xhat + beta */
INLINE vf layernorm_vector(vf x, vf gamma, vf beta, row_moments s)
{
    return ((x - s.near) * s.rstd + s.offset) * gamma + beta;
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

/* A row's share of a gradient's sums: what one vector of columns adds to each. */
typedef struct norm_sums {
    vf g, g_xhat;     /* g = dy gamma */
    vf dgamma, dbeta; /* columns, not sums over the row */
} norm_sums;

INLINE void norm_sums_add(norm_sums *s, vf x, vf dy, vf gamma, row_moments at)
{
    const vf xhat = (x - at.near) * at.rstd + at.offset, g = dy * gamma;

    s->g += g;
    s->g_xhat += g * xhat;
    s->dgamma += dy * xhat;
    s->dbeta += dy;
}

typedef struct norm_means {
    float g, g_xhat;
} norm_means;

/* First pass over a row: adds to dgamma and dbeta, and gives mean(g) and mean(g xhat). */
INLINE norm_means layernorm_sums(float *dgamma, float *dbeta, const float *x, const float *gamma,
                                 const float *dy, row_moments at, int64_t n)
{
    norm_sums s = {{0}, {0}, {0}, {0}};
    int64_t i = 0;

    for (; i + LANES <= n; i += LANES) {
        s.dgamma = vf_load(dgamma + i);
        if (dbeta)
            s.dbeta = vf_load(dbeta + i);
        norm_sums_add(&s, vf_load(x + i), vf_load(dy + i), vf_load(gamma + i), at);
        vf_store(dgamma + i, s.dgamma);
        if (dbeta)
            vf_store(dbeta + i, s.dbeta);
    }
    if (i < n) {
        const int64_t rest = n - i;

        s.dgamma = vf_load_first(dgamma + i, rest, 0.0f);
        if (dbeta)
            s.dbeta = vf_load_first(dbeta + i, rest, 0.0f);
        norm_sums_add(&s, vf_load_first(x + i, rest, at.near), vf_load_first(dy + i, rest, 0.0f),
                      vf_load_first(gamma + i, rest, 0.0f), at);
        vf_store_first(dgamma + i, s.dgamma, rest);
        if (dbeta)
            vf_store_first(dbeta + i, s.dbeta, rest);
    }
    return (norm_means){vf_sum(s.g) / (float)n, vf_sum(s.g_xhat) / (float)n};
}

/* rstd (g - mean(g) - xhat mean(g xhat)) */
INLINE vf layernorm_gradient(vf x, vf dy, vf gamma, row_moments at, norm_means mean)
{
    const vf xhat = (x - at.near) * at.rstd + at.offset;
    const vf g = dy * gamma - mean.g;

    return at.rstd * (g - xhat * mean.g_xhat);
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
        for (int64_t b = 0; b < count; b++)
            mean[b] = layernorm_sums(dgamma, dbeta, x + b * n, gamma, dy + b * n, at[b], n);
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

static void tile_probabilities(float *tile, const float *lse, const float *factor, int64_t stride, int64_t rows,
                               int64_t n)
{
    for (int64_t r = 0; r < rows; r++, tile += stride) {
        const float shift = shift_of(lse[r]), scale_by = factor[r];
        int64_t j = 0;

        for (; j + LANES <= n; j += LANES)
            vf_store(tile + j, vf_exp_negative(vf_load(tile + j) - shift) * scale_by);
        if (j < n)
            vf_store_first(tile + j, vf_exp_negative(vf_load_first(tile + j, n - j, 0.0f) - shift) * scale_by,
                           n - j);
    }
}
