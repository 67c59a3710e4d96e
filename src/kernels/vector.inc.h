/* SPDX-License-Identifier: MIT */
/*
 * The vectors that the kernels are written over: LANES floats at a time, by GNU vector extensions.
 *
 * Included by generic.c, avx2.c, avx512.c and avx512bf16.c, each after it has set LANES, and compiled
 * by the build for its instruction set; everything here is static and so exists once for each set.
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

/*
 * Intrinsics are used where the compilers make several instructions of the plain form: minimum and maximum, and
 * the first few lanes. VECTOR_LANES is LANES where they exist, and 0 elsewhere: the plain form then serves.
 */
#if defined(__x86_64__)
#include <immintrin.h>
#define VECTOR_LANES LANES
#else
#define VECTOR_LANES 0
#endif

typedef float vf __attribute__((vector_size(LANES * 4)));
typedef int32_t vi __attribute__((vector_size(LANES * 4)));
typedef uint32_t vu __attribute__((vector_size(LANES * 4))); /* where bits may run over the top */
/* The same in memory: any alignment of a float, and allowed to overlap an array of floats. */
typedef float vf_memory __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef int32_t vi_memory __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

/* A sanitizer checks each access of each copy of a loop. With all copies made, a table would take a quarter of an hour to
 * compile. So under one neither of the two below asks for them. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FEW_COPIES 1
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FEW_COPIES 1
#endif

/* For a loop with constant bounds that must be laid out in full: else accumulators leave the registers. */
#if defined(FEW_COPIES)
#define UNROLL
#elif defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 64")
#endif

/* Kernels are made of these, and a kernel with constant sizes is a further instance of such a function. */
#if defined(FEW_COPIES)
#define INLINE static inline __attribute__((unused))
#else
#define INLINE static inline __attribute__((always_inline, unused))
#endif

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

/* Lane by lane: a where mask is -1, b where it is 0. */
INLINE vf vf_select(vi mask, vf a, vf b)
{
    return (vf)((mask & (vi)a) | (~mask & (vi)b));
}

/* -1 in the first n lanes, 0 in the others */
INLINE vi vi_first(int64_t n)
{
    vi lane;

    for (int i = 0; i < LANES; i++)
        lane[i] = i;
    return lane < vi_splat((int32_t)n);
}

/* The first n < LANES floats; the others read as fill. Nothing past x[n - 1] is touched. */
INLINE vf vf_load_first(const float *x, int64_t n, float fill)
{
#if VECTOR_LANES == 16
    return (vf)_mm512_mask_loadu_ps((__m512)vf_splat(fill), (__mmask16)((1u << n) - 1u), x);
#elif VECTOR_LANES == 8
    const vi mask = vi_first(n);

    return vf_select(mask, (vf)_mm256_maskload_ps(x, (__m256i)mask), vf_splat(fill));
#else
    vf v = vf_splat(fill);

    for (int i = 0; i < LANES - 1; i++)
        if (i < n)
            v[i] = x[i];
    return v;
#endif
}

INLINE void vf_store_first(float *y, vf x, int64_t n)
{
#if VECTOR_LANES == 16
    _mm512_mask_storeu_ps(y, (__mmask16)((1u << n) - 1u), (__m512)x);
#elif VECTOR_LANES == 8
    _mm256_maskstore_ps(y, (__m256i)vi_first(n), (__m256)x);
#else
    for (int i = 0; i < LANES - 1; i++)
        if (i < n)
            y[i] = x[i];
#endif
}

/* A whole vector where count is LANES, else the first `count` elements. */
INLINE vf vf_load_up_to(const float *x, int64_t count, float fill)
{
    return count == LANES ? vf_load(x) : vf_load_first(x, count, fill);
}

INLINE void vf_store_up_to(float *y, vf x, int64_t count)
{
    if (count == LANES)
        vf_store(y, x);
    else
        vf_store_first(y, x, count);
}

/* The larger; where either is NaN, b. */
INLINE vf vf_max(vf a, vf b)
{
#if VECTOR_LANES == 16
    return (vf)_mm512_max_ps((__m512)a, (__m512)b);
#elif VECTOR_LANES == 8
    return (vf)_mm256_max_ps((__m256)a, (__m256)b);
#elif VECTOR_LANES == 4
    return (vf)_mm_max_ps((__m128)a, (__m128)b);
#else
    return vf_select(a > b, a, b);
#endif
}

/* The smaller; where either is NaN, b. */
INLINE vf vf_min(vf a, vf b)
{
#if VECTOR_LANES == 16
    return (vf)_mm512_min_ps((__m512)a, (__m512)b);
#elif VECTOR_LANES == 8
    return (vf)_mm256_min_ps((__m256)a, (__m256)b);
#elif VECTOR_LANES == 4
    return (vf)_mm_min_ps((__m128)a, (__m128)b);
#else
    return vf_select(a < b, a, b);
#endif
}

/*
 * a b + c, rounded once where the processor can, else twice. A compiler fuses `a * b + c` too, but not when a
 * branch comes between, nor always on the same side of a sum of products. Where two copies of a computation
 * must agree to the bit (a row alone and beside others, a whole vector and a tail), it is written with this.
 */
INLINE vf vf_fma(vf a, vf b, vf c)
{
#if VECTOR_LANES == 16
    return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif VECTOR_LANES == 8
    return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__)
    for (int i = 0; i < LANES; i++)
        c[i] = __builtin_fmaf(a[i], b[i], c[i]);
    return c;
#else
    return a * b + c;
#endif
}

INLINE vf vf_abs(vf x)
{
    return (vf)((vi)x & vi_splat(INT32_MAX));
}

/* Vectors of half as many lanes, down to a single one: how sums and maxima over lanes are made. */
#if LANES == 16
#define VF_SWAP_HALVES(x) __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7)
#define VF_SWAP_4(x)      __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11)
#define VF_SWAP_2(x)      __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13)
#define VF_SWAP_1(x)      __builtin_shufflevector(x, x, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14)
#elif LANES == 8
#define VF_SWAP_4(x) __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3)
#define VF_SWAP_2(x) __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5)
#define VF_SWAP_1(x) __builtin_shufflevector(x, x, 1, 0, 3, 2, 5, 4, 7, 6)
#else
#define VF_SWAP_2(x) __builtin_shufflevector(x, x, 2, 3, 0, 1)
#define VF_SWAP_1(x) __builtin_shufflevector(x, x, 1, 0, 3, 2)
#endif

/* The sum of all lanes, halves added to halves, so always in the same order. */
INLINE float vf_sum(vf x)
{
#if LANES > 8
    x += VF_SWAP_HALVES(x);
#endif
#if LANES > 4
    x += VF_SWAP_4(x);
#endif
    x += VF_SWAP_2(x);
    x += VF_SWAP_1(x);
    return x[0];
}

/* The largest lane of x, which holds no NaN. */
INLINE float vf_largest(vf x)
{
#if LANES > 8
    x = vf_max(x, VF_SWAP_HALVES(x));
#endif
#if LANES > 4
    x = vf_max(x, VF_SWAP_4(x));
#endif
    x = vf_max(x, VF_SWAP_2(x));
    x = vf_max(x, VF_SWAP_1(x));
    return x[0];
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

    x = vf_max(vf_splat(-104.0f), vf_min(vf_splat(89.0f), x)); /* both let NaN pass */

    const vf shifted = vf_fma(x, vf_splat(1.44269504f), round);
    const vf n = shifted - round;
    const vi exponent = (vi)shifted - (vi)round;
    const vi half = exponent >> 1;
    vf r = vf_fma(n, vf_splat(-0.693359375f), x);
    r = vf_fma(n, vf_splat(2.12194440e-4f), r);
    vf q = vf_splat(0.00138145394f);
    q = vf_fma(q, r, vf_splat(0.00836874545f));
    q = vf_fma(q, r, vf_splat(0.041668389f));
    q = vf_fma(q, r, vf_splat(0.166665211f));
    q = vf_fma(q, r, vf_splat(0.49999994f));
    const vf y = vf_fma(r * r, q, r + 1.0f);
    const vf scale_1 = (vf)((half + 127) << 23);
    const vf scale_2 = (vf)((exponent - half + 127) << 23);
    return y * scale_1 * scale_2;
}

/*
 * e^x for x <= 0, to about 1 unit in the last place, in two thirds of the time: softmax and the activations
 * need no more. 0 below -87.3 (where e^x would be denormal) and for -inf, NaN for NaN; right up to 88.
 */
INLINE vf vf_exp_negative(vf x)
{
    const vf round = vf_splat(12582912.0f);
    const vf shifted = vf_fma(x, vf_splat(1.44269504f), round);
    const vf n = shifted - round;
    vf r = vf_fma(n, vf_splat(-0.693359375f), x);
    r = vf_fma(n, vf_splat(2.12194440e-4f), r);
    vf p = vf_splat(0.00138145394f);
    p = vf_fma(p, r, vf_splat(0.00836874545f));
    p = vf_fma(p, r, vf_splat(0.041668389f));
    p = vf_fma(p, r, vf_splat(0.166665211f));
    p = vf_fma(p, r, vf_splat(0.49999994f));
    p = vf_fma(p, r, vf_splat(1.0f));
    p = vf_fma(p, r, vf_splat(1.0f));
    const vf y = p * (vf)(((vu)shifted << 23) + (127u << 23)); /* 2^n: the bits of `round` leave at the top */
    return (vf)(~(x < vf_splat(-87.3f)) & (vi)y);
}
