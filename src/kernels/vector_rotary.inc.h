/* SPDX-License-Identifier: MIT */
/*
 * Rotary positions: pairs of numbers turned, for all heads of one position; src/ops/rotary.c has the formulas.
 *
 * Needs vector.inc.h. What is read of a head is read before it is written, so y may be x.
 */

/* Pairs (m, m + half): cosine and sine hold one number a pair. */
INLINE void rotary_halves(float *y, const float *x, const float *cosine, const float *sine, int64_t half)
{
    for (int64_t m = 0; m < half; m += LANES) {
        const int64_t count = half - m < LANES ? half - m : LANES;
        const vf a = vf_load_up_to(x + m, count, 0.0f), b = vf_load_up_to(x + half + m, count, 0.0f);
        const vf c = vf_load_up_to(cosine + m, count, 0.0f), s = vf_load_up_to(sine + m, count, 0.0f);

        vf_store_up_to(y + m, vf_fma(-b, s, a * c), count);
        vf_store_up_to(y + half + m, vf_fma(a, s, b * c), count);
    }
}

/* Pairs (2m, 2m + 1): cosine holds each number twice, sine each twice with the first negated. */
INLINE void rotary_interleaved(float *y, const float *x, const float *cosine, const float *sine, int64_t n)
{
    for (int64_t i = 0; i < n; i += LANES) {
        const int64_t count = n - i < LANES ? n - i : LANES;
        const vf a = vf_load_up_to(x + i, count, 0.0f), b = VF_SWAP_1(a);

        vf_store_up_to(
            y + i, vf_fma(b, vf_load_up_to(sine + i, count, 0.0f), a * vf_load_up_to(cosine + i, count, 0.0f)),
            count);
    }
}

static void rotary(float *y, const float *x, const float *cosine, const float *sine, int64_t n_heads,
                   int64_t y_stride, int64_t x_stride, int64_t rotary_dim, int64_t head_dim, bool interleaved)
{
    for (int64_t h = 0; h < n_heads; h++, y += y_stride, x += x_stride) {
        if (interleaved)
            rotary_interleaved(y, x, cosine, sine, rotary_dim);
        else
            rotary_halves(y, x, cosine, sine, rotary_dim / 2);
        if (y != x && rotary_dim < head_dim)
            memcpy(y + rotary_dim, x + rotary_dim, (size_t)(head_dim - rotary_dim) * sizeof *y);
    }
}
