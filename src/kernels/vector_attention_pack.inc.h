/* SPDX-License-Identifier: MIT */
/*
 * Rows of queries turned into columns, and rows filled up to whole vectors, for the products of attention.
 *
 * Needs vector_attention.inc.h.
 */

/*
 * Four floats of each of LANES rows: quarter r of lane group g is row 4 g + r. The loads go straight into their
 * part of a vector; what is left of the transposition are two rounds inside groups of four lanes.
 */
INLINE vf load_fours(const float *x, int64_t stride)
{
#if VECTOR_LANES == 16
    __m512 y = _mm512_castps128_ps512(_mm_loadu_ps(x));

    y = _mm512_insertf32x4(y, _mm_loadu_ps(x + 4 * stride), 1);
    y = _mm512_insertf32x4(y, _mm_loadu_ps(x + 8 * stride), 2);
    return (vf)_mm512_insertf32x4(y, _mm_loadu_ps(x + 12 * stride), 3);
#elif VECTOR_LANES == 8
    return (vf)_mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(x)), _mm_loadu_ps(x + 4 * stride), 1);
#else
    (void)stride;
    return vf_load(x);
#endif
}

/* In each group of four lanes, of a and b: a0 b0 a1 b1 and a2 b2 a3 b3; a0 a1 b0 b1 and a2 a3 b2 b3. */
#if LANES == 16
#define INTERLEAVE(a, b, i)                                                                              \
    __builtin_shufflevector(a, b, i, 16 + i, 1 + i, 17 + i, 4 + i, 20 + i, 5 + i, 21 + i, 8 + i, 24 + i, \
                            9 + i, 25 + i, 12 + i, 28 + i, 13 + i, 29 + i)
#define PAIRS(a, b, i)                                                                                  \
    __builtin_shufflevector(a, b, i, 1 + i, 16 + i, 17 + i, 4 + i, 5 + i, 20 + i, 21 + i, 8 + i, 9 + i, \
                            24 + i, 25 + i, 12 + i, 13 + i, 28 + i, 29 + i)
#elif LANES == 8
#define INTERLEAVE(a, b, i) __builtin_shufflevector(a, b, i, 8 + i, 1 + i, 9 + i, 4 + i, 12 + i, 5 + i, 13 + i)
#define PAIRS(a, b, i)      __builtin_shufflevector(a, b, i, 1 + i, 8 + i, 9 + i, 4 + i, 5 + i, 12 + i, 13 + i)
#else
#define INTERLEAVE(a, b, i) __builtin_shufflevector(a, b, i, 4 + i, 1 + i, 5 + i)
#define PAIRS(a, b, i)      __builtin_shufflevector(a, b, i, 1 + i, 4 + i, 5 + i)
#endif

/* column[c] = factor x[0 .. LANES - 1][c] for c < 4 */
INLINE void load_columns(vf column[4], const float *x, int64_t stride, float factor)
{
    const vf a = load_fours(x, stride) * factor, b = load_fours(x + stride, stride) * factor;
    const vf c = load_fours(x + 2 * stride, stride) * factor, d = load_fours(x + 3 * stride, stride) * factor;
    const vf ab_low = INTERLEAVE(a, b, 0), ab_high = INTERLEAVE(a, b, 2);
    const vf cd_low = INTERLEAVE(c, d, 0), cd_high = INTERLEAVE(c, d, 2);

    column[0] = PAIRS(ab_low, cd_low, 0);
    column[1] = PAIRS(ab_low, cd_low, 2);
    column[2] = PAIRS(ab_high, cd_high, 0);
    column[3] = PAIRS(ab_high, cd_high, 2);
}

/* The same where only some of LANES rows and of four columns exist; the others read as 0. */
INLINE void load_columns_of(vf column[4], const float *x, int64_t stride, int64_t rows, int64_t columns,
                            float factor)
{
    float corner[LANES * 4] = {0};

    if (rows == LANES && columns == 4) {
        load_columns(column, x, stride, factor);
        return;
    }
    for (int64_t r = 0; r < rows; r++)
        memcpy(corner + 4 * r, x + r * stride, (size_t)columns * sizeof *x);
    load_columns(column, corner, 4, factor);
}

static void pack_corner(float *packed, const float *x, int64_t stride, int64_t rows, int64_t columns,
                        float factor)
{
    vf column[4];

    load_columns_of(column, x, stride, rows, columns, factor);
    for (int64_t c = 0; c < columns; c++)
        vf_store(packed + c * QUERIES, column[c]);
}

/* packed[d][i] = factor x[i][d] for i < n <= QUERIES, d < dim; queries that fill the last vector up are 0. */
static void pack_transposed(float *packed, const float *x, int64_t stride, int64_t n, int64_t dim, float factor)
{
    for (int64_t i = 0; i < n; i += LANES) {
        const int64_t rows = n - i < LANES ? n - i : LANES;
        int64_t d = 0;

        for (; rows == LANES && d + 4 <= dim; d += 4) {
            vf column[4];

            load_columns(column, x + i * stride + d, stride, factor);
            UNROLL
            for (int c = 0; c < 4; c++)
                vf_store(packed + (d + c) * QUERIES + i, column[c]);
        }
        for (; d < dim; d += 4)
            pack_corner(packed + d * QUERIES + i, x + i * stride + d, stride, rows, dim - d < 4 ? dim - d : 4,
                        factor);
    }
}

/* Rows one after the other, each filled up with zeros to whole vectors. */
static void pack_rows(float *packed, const float *x, int64_t stride, int64_t n, int64_t dim)
{
    const int64_t width = whole_vectors(dim);

    for (int64_t i = 0; i < n; i++, packed += width, x += stride) {
        int64_t d = 0;

        for (; d + LANES <= dim; d += LANES)
            vf_store(packed + d, vf_load(x + d));
        if (d < dim)
            vf_store(packed + d, vf_load_first(x + d, dim - d, 0.0f));
    }
}

/* Rows of whole vectors: the caller's own, or a copy in the scratch. */
typedef struct whole_rows {
    const float *from;
    int64_t stride;
} whole_rows;

/* n rows of x as they lie, or copied to `copy` and filled up. */
INLINE whole_rows rows_of(const float *x, int64_t stride, int64_t n, int64_t dim, float *copy)
{
    const int64_t width = whole_vectors(dim);

    if (width == dim)
        return (whole_rows){x, stride};
    pack_rows(copy, x, stride, n, dim);
    return (whole_rows){copy, width};
}
