/* SPDX-License-Identifier: MIT */
/*
 * Softmax of a tile of attention: chunks of scores become weights while the largest score so far and the sum of the
 * weights relative to it move along.
 *
 * Needs vector_attention.inc.h.
 */

/*
 * 2^t for t <= 0, exactly 0 below -100, NaN for NaN.
 *
 * t + (1.5 * 2^23 + 127) rounds to the integer n and leaves n + 127, the exponent of 2^n, in the low bits.
 * 2^(t - n) is the polynomial of degree 5 with the smallest relative error on [-1/2, 1/2] that is 1 at 0: 1.4 *
 * 2^-23.
 */
INLINE vf vf_exp2_not_positive(vf t)
{
    const vf round = vf_splat(12583039.0f);
    const vf shifted = t + round;
    const vf f = t - (shifted - round);
    vf p = vf_splat(0.001326472667f);

    p = p * f + vf_splat(0.009671512677f);
    p = p * f + vf_splat(0.05550733745f);
    p = p * f + vf_splat(0.2402224208f);
    p = p * f + vf_splat(0.6931469776f);
    p = p * f + vf_splat(1.0f);
    p = p * (vf)((vi)shifted << 23);
    return (vf)((vi)p & ~(t < vf_splat(-100.0f)));
}

/*
 * ln x for finite x >= 2^-126, -inf for 0, NaN for NaN: x = 2^e m with sqrt(1/2) <= m < sqrt(2),
 * ln m = 2 (s + s^3/3 + s^5/5 + …), s = (m - 1) / (m + 1), |s| < 0.172.
 */
INLINE vf vf_log(vf x)
{
    const vi root_half = vi_splat(0x3f3504f3);
    const vi e = ((vi)x - root_half) >> 23;
    const vf m = (vf)((vi)x - (e << 23));
    const vf s = (m - 1.0f) / (m + 1.0f), z = s * s;
    vf series = vf_splat(2.0f / 9.0f);
    vf exponent;

    series = series * z + 2.0f / 7.0f;
    series = series * z + 2.0f / 5.0f;
    series = series * z + 2.0f / 3.0f;
    UNROLL
    for (int l = 0; l < LANES; l++)
        exponent[l] = (float)e[l];
    vf y = exponent * ln_2 + (s * 2.0f + s * z * series);
    y = vf_select(x == 0.0f, vf_splat(-INFINITY), y);
    return vf_select(x == x, y, x);
}

/* ---- softmax of a tile ---- */

/* max_i = the larger of max_i and every score that query i sees. */
static void tile_max(query_values *max, const float *tile, const tile_shape *t)
{
    for (int v = 0; v < t->vectors; v++) {
        const float *x = tile + t->low[v] * QUERIES + v * LANES;
        const int64_t n = t->edge[v + 1];
        vf m = max->v[v];
        int64_t j = t->low[v];

        for (; j + 4 <= n;
             j += 4, x += 4 * QUERIES) { /* in pairs: a maximum waits for another once in 4 rows */
            const vf a = vf_max(vf_load(x), vf_load(x + QUERIES));
            const vf b = vf_max(vf_load(x + 2 * QUERIES), vf_load(x + 3 * QUERIES));

            m = vf_max(m, vf_max(a, b));
        }
        for (; j < n; j++, x += QUERIES)
            m = vf_max(m, vf_load(x));
        max->v[v] = m;
    }
}

/*
 * Scores become weights 2^(scale (score - max)); sum_i gets their sum added. max is finite, 0 where nothing is
 * seen.
 */
static void tile_exp(query_values *sum, float *tile, const query_values *max, float scale, const tile_shape *t)
{
    for (int v = 0; v < t->vectors; v++) {
        float *x = tile + t->low[v] * QUERIES + v * LANES;
        const vf m = max->v[v];
        vf s = sum->v[v];

        for (int64_t j = t->low[v]; j < t->edge[v + 1]; j++, x += QUERIES) {
            const vf p = vf_exp2_not_positive((vf_load(x) - m) * scale);

            s += p;
            vf_store(x, p);
        }
        sum->v[v] = s;
    }
}

/* -inf, of a query that has seen nothing yet, becomes 0: there is no -inf - -inf then. */
INLINE vf finite_max(vf max)
{
    return vf_select(max == -INFINITY, vf_splat(0.0f), max);
}

/*
 * One chunk's scores, masked already, become weights; max and sum move on. factor: what earlier sums are to be
 * multiplied by.
 */
INLINE void tile_weights(query_values *max, query_values *sum, query_values *factor, float *tile, float scale,
                         const tile_shape *t)
{
    const query_values before = *max;
    query_values top;

    tile_max(max, tile, t);
    for (int v = 0; v < t->vectors; v++) {
        top.v[v] = finite_max(max->v[v]);
        factor->v[v] = vf_exp2_not_positive((before.v[v] - top.v[v]) * scale);
        sum->v[v] *= factor->v[v];
    }
    tile_exp(sum, tile, &top, scale, t);
}

/* The same of scores that are not masked yet. */
INLINE void tile_softmax(query_values *max, query_values *sum, query_values *factor, float *tile, float scale,
                         const tile_shape *t)
{
    tile_mask(tile, t);
    tile_weights(max, sum, factor, tile, scale, t);
}

INLINE void statistics_start(query_values *max, query_values *sum)
{
    for (int v = 0; v < TILE_VECTORS; v++) {
        max->v[v] = vf_splat(-INFINITY);
        sum->v[v] = vf_splat(0.0f);
    }
}

/* 1 / sum, and 0 where nothing was seen. */
INLINE void invert_sums(query_values *inverse, const query_values *sum)
{
    for (int v = 0; v < TILE_VECTORS; v++)
        inverse->v[v] = vf_select(sum->v[v] == 0.0f, vf_splat(0.0f), 1.0f / sum->v[v]);
}
