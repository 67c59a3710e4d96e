/* SPDX-License-Identifier: MIT */
/*
 * Products of bfloat16 added up in floats, and the forms that their operands take.
 *
 * The processor multiplies pairs: two neighbours along the summed axis lie in one word of 32 bits. So
 *
 *   c[m][n] (+)= sum_k a[m][k] b[k][n]      a: rows of bfloat16 as they are, k running     c: rows of floats
 *                                           b: words [k / 2][n], each the numbers 2 w and 2 w + 1 of column n
 *
 * and every product of attention has that form. Rows and columns are filled up with zeros to HALF_BLOCK. What turns
 * one form into another are two things: words transposed, 16 by 16, and two rows interleaved.
 *
 * A block of 32 by 32 is multiplied by AMX (tiles of 16 rows of 64 bytes; four of them hold sums) or by VDPBF16PS.
 * Both drop denormal numbers. Needs vector.inc.h.
 */

enum {
    HALF_BLOCK = 32,   /* rows and columns of a product, and numbers along its sum, come in so many */
    HALF_QUERIES = 64, /* of a tile */
    HALF_KEYS = 64,    /* of a chunk */
    HALF_BLOCKS = HALF_QUERIES / HALF_BLOCK,
};

INLINE int64_t whole_blocks(int64_t n)
{
    return (n + HALF_BLOCK - 1) / HALF_BLOCK * HALF_BLOCK;
}

/* ---- products ---- */

#if defined(__AMX_BF16__)

/* Eight tiles of 16 rows of 64 bytes. Tiles are a thread's own; others may use them between calls of a kernel. */
static void product_begin(void)
{
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } config = {.palette = 1};

    for (int i = 0; i < 8; i++) {
        config.row_bytes[i] = 64;
        config.rows[i] = 16;
    }
    _tile_loadconfig(&config);
}

static void product_end(void)
{
    _tile_release();
}

INLINE void product_block_half(float *c, int64_t c_stride, const uint16_t *a, int64_t a_stride,
                               const uint32_t *b, int64_t b_stride, int64_t k, bool add)
{
    const size_t row_c = (size_t)c_stride * sizeof *c, row_a = (size_t)a_stride * sizeof *a;
    const size_t row_b = (size_t)b_stride * sizeof *b;

    if (add) {
        _tile_loadd(0, c, row_c);
        _tile_loadd(1, c + 16, row_c);
        _tile_loadd(2, c + 16 * c_stride, row_c);
        _tile_loadd(3, c + 16 * c_stride + 16, row_c);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    for (int64_t t = 0; t < k; t += 32, a += 32, b += 16 * b_stride) {
        _tile_loadd(6, b, row_b);
        _tile_loadd(4, a, row_a);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, b + 16, row_b);
        _tile_dpbf16ps(1, 4, 7);
        _tile_loadd(5, a + 16 * a_stride, row_a);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, c, row_c);
    _tile_stored(1, c + 16, row_c);
    _tile_stored(2, c + 16 * c_stride, row_c);
    _tile_stored(3, c + 16 * c_stride + 16, row_c);
}

/*
 * The same of any number of rows over a sum of 64: b stays in four tiles, and each 16 rows of a are loaded once. Few
 * products follow each other here, so that loading counts.
 */
INLINE void product_of_64(float *c, int64_t c_stride, const uint16_t *a, int64_t a_stride, const uint32_t *b,
                          int64_t b_stride, int64_t rows)
{
    const size_t row_c = (size_t)c_stride * sizeof *c, row_a = (size_t)a_stride * sizeof *a;
    const size_t row_b = (size_t)b_stride * sizeof *b;

    _tile_loadd(4, b, row_b);
    _tile_loadd(5, b + 16, row_b);
    _tile_loadd(6, b + 16 * b_stride, row_b);
    _tile_loadd(7, b + 16 * b_stride + 16, row_b);
    for (int64_t r = 0; r < rows; r += 16, a += 16 * a_stride, c += 16 * c_stride) {
        _tile_zero(0);
        _tile_zero(1);
        _tile_loadd(2, a, row_a);
        _tile_dpbf16ps(0, 2, 4);
        _tile_dpbf16ps(1, 2, 5);
        _tile_loadd(3, a + 32, row_a);
        _tile_dpbf16ps(0, 3, 6);
        _tile_dpbf16ps(1, 3, 7);
        _tile_stored(0, c, row_c);
        _tile_stored(1, c + 16, row_c);
    }
}

#else

INLINE void product_begin(void)
{
}

INLINE void product_end(void)
{
}

/* 8 rows of 32 columns. */
INLINE void product_rows(float *c, int64_t c_stride, const uint16_t *a, int64_t a_stride, const uint32_t *b,
                         int64_t b_stride, int64_t k, bool add)
{
    __m512 sum[8][2];

    UNROLL
    for (int r = 0; r < 8; r++) {
        sum[r][0] = add ? _mm512_loadu_ps(c + r * c_stride) : _mm512_setzero_ps();
        sum[r][1] = add ? _mm512_loadu_ps(c + r * c_stride + 16) : _mm512_setzero_ps();
    }
    for (int64_t t = 0; t < k; t += 2, a += 2, b += b_stride) {
        const __m512bh b0 = (__m512bh)_mm512_loadu_si512(b), b1 = (__m512bh)_mm512_loadu_si512(b + 16);

        UNROLL
        for (int r = 0; r < 8; r++) {
            int32_t pair;

            memcpy(&pair, a + r * a_stride, sizeof pair);
            const __m512bh x = (__m512bh)_mm512_set1_epi32(pair);
            sum[r][0] = _mm512_dpbf16_ps(sum[r][0], x, b0);
            sum[r][1] = _mm512_dpbf16_ps(sum[r][1], x, b1);
        }
    }
    UNROLL
    for (int r = 0; r < 8; r++) {
        _mm512_storeu_ps(c + r * c_stride, sum[r][0]);
        _mm512_storeu_ps(c + r * c_stride + 16, sum[r][1]);
    }
}

INLINE void product_block_half(float *c, int64_t c_stride, const uint16_t *a, int64_t a_stride,
                               const uint32_t *b, int64_t b_stride, int64_t k, bool add)
{
    for (int r = 0; r < HALF_BLOCK; r += 8)
        product_rows(c + r * c_stride, c_stride, a + r * a_stride, a_stride, b, b_stride, k, add);
}

#endif

/* rows and columns of c, and k: multiples of HALF_BLOCK. */
static void half_product(float *c, int64_t c_stride, const uint16_t *a, int64_t a_stride, const uint32_t *b,
                         int64_t b_stride, int64_t rows, int64_t columns, int64_t k, bool add)
{
#if defined(__AMX_BF16__)
    for (int64_t n = 0; k == 64 && !add && n < columns; n += HALF_BLOCK)
        product_of_64(c + n, c_stride, a, a_stride, b + n, b_stride, rows);
    if (k == 64 && !add)
        return;
#endif
    for (int64_t r = 0; r < rows; r += HALF_BLOCK)
        for (int64_t n = 0; n < columns; n += HALF_BLOCK)
            product_block_half(c + r * c_stride + n, c_stride, a + r * a_stride, a_stride, b + n, b_stride, k,
                               add);
}

/* ---- forms ---- */

/* 16 by 16 words: to[c][r] = from[r][c]. */
INLINE void transpose_block(uint32_t *to, int64_t to_stride, const uint32_t *from, int64_t from_stride)
{
    __m512i r[16], t[16];

    UNROLL
    for (int i = 0; i < 16; i++)
        r[i] = _mm512_loadu_si512(from + i * from_stride);
    UNROLL
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
    UNROLL
    for (int i = 0; i < 16; i += 4) { /* r[4 g + c]: in group l of four lanes column 4 l + c of rows 4 g .. */
        r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    UNROLL
    for (int c = 0; c < 4; c++) {
        const __m512i even_low = _mm512_shuffle_i32x4(r[c], r[4 + c], 0x88);
        const __m512i even_high = _mm512_shuffle_i32x4(r[8 + c], r[12 + c], 0x88);
        const __m512i odd_low = _mm512_shuffle_i32x4(r[c], r[4 + c], 0xdd);
        const __m512i odd_high = _mm512_shuffle_i32x4(r[8 + c], r[12 + c], 0xdd);

        _mm512_storeu_si512(to + c * to_stride, _mm512_shuffle_i32x4(even_low, even_high, 0x88));
        _mm512_storeu_si512(to + (4 + c) * to_stride, _mm512_shuffle_i32x4(odd_low, odd_high, 0x88));
        _mm512_storeu_si512(to + (8 + c) * to_stride, _mm512_shuffle_i32x4(even_low, even_high, 0xdd));
        _mm512_storeu_si512(to + (12 + c) * to_stride, _mm512_shuffle_i32x4(odd_low, odd_high, 0xdd));
    }
}

/* to[c][r] = from[r][c] for words; rows and columns are multiples of 16. */
static void transpose_words(uint32_t *to, int64_t to_stride, const uint32_t *from, int64_t from_stride,
                            int64_t rows, int64_t columns)
{
    for (int64_t r = 0; r < rows; r += 16)
        for (int64_t c = 0; c < columns; c += 16)
            transpose_block(to + c * to_stride + r, to_stride, from + r * from_stride + c, from_stride);
}

/* The words of two rows of 32 numbers: word d has a[d] below and b[d] above. */
INLINE void interleave(__m512i words[2], __m512i a, __m512i b)
{
    const __m512i below = _mm512_unpacklo_epi16(a, b), above = _mm512_unpackhi_epi16(a, b);
    const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
    const __m512i second = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);

    words[0] = _mm512_permutex2var_epi64(below, first, above);
    words[1] = _mm512_permutex2var_epi64(below, second, above);
}

/* words[p][d] = rows 2 p and 2 p + 1, width a multiple of 32; rows lie one after the other. */
static void interleave_rows(uint32_t *words, const uint16_t *rows, int64_t n_rows, int64_t width)
{
    for (int64_t p = 0; p < n_rows / 2; p++, rows += 2 * width, words += width)
        for (int64_t d = 0; d < width; d += 32) {
            __m512i both[2];

            interleave(both, _mm512_loadu_si512(rows + d), _mm512_loadu_si512(rows + width + d));
            _mm512_storeu_si512(words + d, both[0]);
            _mm512_storeu_si512(words + d + 16, both[1]);
        }
}

/* n rows one after the other, filled up with zeros to `width` and `n_whole` rows. */
static void fill_rows(uint16_t *to, int64_t width, int64_t n_whole, const uint16_t *from, int64_t stride,
                      int64_t n, int64_t dim)
{
    for (int64_t i = 0; i < n; i++, to += width, from += stride) {
        int64_t d = 0;

        for (; d + 32 <= dim; d += 32)
            _mm512_storeu_si512(to + d, _mm512_loadu_si512(from + d));
        if (d < dim)
            _mm512_storeu_si512(to + d, _mm512_maskz_loadu_epi16((1u << (dim - d)) - 1u, from + d));
    }
    memset(to, 0, (size_t)((n_whole - n) * width) * sizeof *to);
}

/* to [width][n_whole] = the columns of n rows as rows: rows come in pairs that become words. work: as large as `to`. */
static void fill_columns(uint16_t *to, const uint16_t *rows, int64_t n_whole, int64_t width, uint32_t *work)
{
    interleave_rows(work, rows, n_whole, width);
    transpose_words((uint32_t *)(void *)to, n_whole / 2, work, width, n_whole / 2, width);
}

/* Two vectors of floats rounded: a below, b above. */
INLINE __m512i round_two(__m512 a, __m512 b)
{
    return (__m512i)_mm512_cvtne2ps_pbh(b, a);
}

/* Words of two vectors rounded: lane i has a_i below and b_i above. */
INLINE __m512i round_words(__m512 a, __m512 b)
{
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7,
                                           22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);

    return _mm512_permutexvar_epi16(order, round_two(a, b));
}

/* 2^t for t <= 0 to 1e-4 of itself: less than what rounding to bfloat16 costs. 0 below -126, NaN for NaN. */
INLINE __m512 half_exp2(__m512 t)
{
    const __m512 round = _mm512_set1_ps(12582912.0f); /* 1.5 * 2^23: its last bits hold the nearest integer */
    const __m512 shifted = _mm512_add_ps(t, round);
    const __m512 f = _mm512_sub_ps(t, _mm512_sub_ps(shifted, round));
    const __mmask16 seen = _mm512_cmp_ps_mask(t, _mm512_set1_ps(-126.0f), _CMP_NLT_UQ);
    __m512 p = _mm512_set1_ps(0.0550076634f); /* the least relative error on [-1/2, 1/2] with 2^0 = 1 exactly */

    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(0.242211158f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(0.693283085f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.0f));
    return (__m512)_mm512_maskz_add_epi32(seen, (__m512i)p, _mm512_slli_epi32((__m512i)shifted, 23));
}
