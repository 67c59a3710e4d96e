/* SPDX-License-Identifier: MIT */
/*
 * The vectors that the kernels are written over: LANES floats at a time, by GNU vector extensions.
 *
 * Included by generic.c, avx2.c, avx512.c and avx512bf16.c, each after it has set LANES and the
 * instruction set; everything here is static and so exists once for each set.
 *
 *     for (; i + LANES <= n; i += LANES)
 *         vf_store(y + i, vf_load(x + i) * vf_splat(factor));
 *
 * `a + b`, `a * b`, comparisons (a vi of 0 and -1) come with the types. `c += a * b` written as one
 * expression is contracted to one fused multiply-add where the processor has it.
 */
#include <stdint.h>
#include <string.h>

#ifndef LANES
#error "set LANES before this file is included"
#endif

typedef float vf __attribute__((vector_size(LANES * 4)));
typedef int32_t vi __attribute__((vector_size(LANES * 4)));
/* The same in memory: any alignment of a float, and allowed to overlap an array of floats. */
typedef float vf_memory __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef int32_t vi_memory __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

/* In front of a loop with constant bounds whose body must be laid out in full: else accumulators leave the registers. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 64")
#endif

/* Kernels are made of these, and a kernel with constant sizes is a further instance of such a function. */
#define INLINE static inline __attribute__((always_inline, unused))

INLINE vf vf_load(const float *x)
{
    return *(const vf_memory *)x;
}

INLINE void vf_store(float *y, vf x)
{
    *(vf_memory *)y = x;
}

INLINE vf vf_splat(float x)
{
    return x - (vf){0}; /* subtracting 0, and not adding it, keeps -0 */
}

INLINE vi vi_splat(int32_t x)
{
    return x - (vi){0};
}

/* The first n < LANES floats; the others read as fill. Nothing past x[n - 1] is touched. */
INLINE vf vf_load_first(const float *x, int64_t n, float fill)
{
    vf v = vf_splat(fill);

    memcpy(&v, x, (size_t)n * sizeof *x);
    return v;
}

INLINE void vf_store_first(float *y, vf x, int64_t n)
{
    memcpy(y, &x, (size_t)n * sizeof *y);
}

/* Lane by lane: a where mask is -1, b where it is 0. */
INLINE vf vf_select(vi mask, vf a, vf b)
{
    return (vf)((mask & (vi)a) | (~mask & (vi)b));
}

/* The larger; where either is NaN, b. */
INLINE vf vf_max(vf a, vf b)
{
    return vf_select(a > b, a, b);
}

INLINE vf vf_min(vf a, vf b)
{
    return vf_select(a < b, a, b);
}

INLINE vf vf_abs(vf x)
{
    return (vf)((vi)x & vi_splat(INT32_MAX));
}

/* The sum of all lanes, halves added to halves, so always in the same order. */
INLINE float vf_sum(vf x)
{
    float lane[LANES];

    memcpy(lane, &x, sizeof lane);
    UNROLL
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            lane[i] += lane[i + half];
    return lane[0];
}

/* The largest lane of x, which holds no NaN. */
INLINE float vf_largest(vf x)
{
    float lane[LANES];

    memcpy(lane, &x, sizeof lane);
    UNROLL
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            lane[i] = lane[i] > lane[i + half] ? lane[i] : lane[i + half];
    return lane[0];
}

/*
 * e^x, to about 1 unit in the last place, over all floats: 0 for -inf, inf above the range, NaN for NaN.
 *
 *   n = round(x / ln 2)    r = x - n ln 2, |r| <= ln 2 / 2    e^x = 2^n (1 + r + r^2 q(r))
 *
 * Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits of the sum (needs -fno-fast-math).
 * ln 2 is the sum of two floats, the first short enough that its product with n is exact.
 * 2^n comes as two factors, as n reaches from -150 (the result is 0 or denormal) to 128 (inf or just below).
 * q is the polynomial of degree 4 with the smallest relative error (4e-9) on that interval.
 */
INLINE vf vf_exp(vf x)
{
    const vf round = vf_splat(12582912.0f); /* 1.5 * 2^23 */

    x = vf_select(x > vf_splat(89.0f), vf_splat(89.0f), x);
    x = vf_select(x < vf_splat(-104.0f), vf_splat(-104.0f), x); /* both comparisons let NaN pass */

    const vf shifted = x * vf_splat(1.44269504f) + round;
    const vf n = shifted - round;
    const vi exponent = (vi)shifted - (vi)round;
    const vi half = exponent >> 1;
    vf r = x - n * vf_splat(0.693359375f);
    r = r - n * vf_splat(-2.12194440e-4f);
    vf q = vf_splat(0.00138145394f);
    q = q * r + vf_splat(0.00836874545f);
    q = q * r + vf_splat(0.041668389f);
    q = q * r + vf_splat(0.166665211f);
    q = q * r + vf_splat(0.49999994f);
    const vf y = (r * r) * q + (r + 1.0f);
    const vf scale_1 = (vf)((half + 127) << 23);
    const vf scale_2 = (vf)((exponent - half + 127) << 23);
    return y * scale_1 * scale_2;
}
