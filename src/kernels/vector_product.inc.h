/* SPDX-License-Identifier: MIT */
/*
 * Products: the register tile, matrix times vector, bfloat16 to float and back.
 *
 * Needs vector.inc.h, and TILE_ROWS and TILE_VECTORS: the register tile of product_block() has TILE_ROWS rows
 * of TILE_VECTORS vectors, all held in registers.
 */

#define TILE_COLUMNS (TILE_VECTORS * LANES)

/*
 * c[i][j] (=, +=) sum_l a[l][i] b[l][j] for i < TILE_ROWS and j < vectors * LANES, l ascending.
 * a holds TILE_ROWS floats for each l, b TILE_COLUMNS. `vectors` is a constant in every use.
 */
INLINE void product_tile(float *c, int64_t c_stride, const float *a, const float *b, int64_t k, bool accumulate,
                         const int vectors)
{
    vf sum[TILE_ROWS][TILE_VECTORS];

    UNROLL
    for (int i = 0; i < TILE_ROWS; i++) {
        UNROLL
        for (int v = 0; v < vectors; v++)
            sum[i][v] = accumulate ? vf_load(c + i * c_stride + v * LANES) : vf_splat(0.0f);
    }
    for (int64_t l = 0; l < k; l++) {
        vf row[TILE_VECTORS];

        UNROLL
        for (int v = 0; v < vectors; v++)
            row[v] = vf_load(b + l * TILE_COLUMNS + v * LANES);
        UNROLL
        for (int i = 0; i < TILE_ROWS; i++) {
            const vf x = vf_splat(a[l * TILE_ROWS + i]);

            UNROLL
            for (int v = 0; v < vectors; v++)
                sum[i][v] = vf_fma(x, row[v], sum[i][v]);
        }
    }
    UNROLL
    for (int i = 0; i < TILE_ROWS; i++) {
        UNROLL
        for (int v = 0; v < vectors; v++)
            vf_store(c + i * c_stride + v * LANES, sum[i][v]);
    }
}

/* A tile that is cut off at `rows` or `columns`: computed whole beside C, the part that exists copied. */
static void product_tile_cut(float *c, int64_t c_stride, const float *a, const float *b, int64_t rows,
                             int64_t columns, int64_t k, bool accumulate)
{
    float whole[TILE_ROWS * TILE_COLUMNS];
    const int64_t vectors = (columns + LANES - 1) / LANES;

    memset(whole, 0, sizeof whole);
    for (int64_t i = 0; accumulate && i < rows; i++)
        memcpy(whole + i * TILE_COLUMNS, c + i * c_stride, (size_t)columns * sizeof *c);
    if (vectors == 1)
        product_tile(whole, TILE_COLUMNS, a, b, k, true, 1);
    else if (vectors == 2 || TILE_VECTORS == 2)
        product_tile(whole, TILE_COLUMNS, a, b, k, true, 2);
    else
        product_tile(whole, TILE_COLUMNS, a, b, k, true, TILE_VECTORS);
    for (int64_t i = 0; i < rows; i++)
        memcpy(c + i * c_stride, whole + i * TILE_COLUMNS, (size_t)columns * sizeof *c);
}

/* a_packed: panels of TILE_ROWS rows, [panel][k][TILE_ROWS]; b_packed: [panel][k][TILE_COLUMNS]; the last of each filled up. */
static void product_block(float *c, int64_t c_stride, const float *a_packed, const float *b_packed, int64_t m,
                          int64_t n, int64_t k, bool accumulate)
{
    for (int64_t j = 0; j < n; j += TILE_COLUMNS) {
        for (int64_t i = 0; i < m; i += TILE_ROWS) {
            const float *a = a_packed + i * k, *b = b_packed + j * k;
            float *tile = c + i * c_stride + j;

            if (m - i >= TILE_ROWS && n - j >= TILE_COLUMNS)
                product_tile(tile, c_stride, a, b, k, accumulate, TILE_VECTORS);
            else
                product_tile_cut(tile, c_stride, a, b, m - i < TILE_ROWS ? m - i : TILE_ROWS,
                                 n - j < TILE_COLUMNS ? n - j : TILE_COLUMNS, k, accumulate);
        }
    }
}

enum {
    DOT_ROWS = 4,                   /* rows read side by side */
    DOT_SUMS = LANES >= 16 ? 4 : 2, /* accumulators of each: 16 or 8 registers in all */
};

/* y_o = bias_o + sum_k w[o][k] x_k for `rows` rows o. A row is summed in the same order whatever `rows` is. */
INLINE void dot_some_rows(float *y, const float *w, int64_t row_stride, const float *x, const float *bias,
                          int64_t n_in, const int rows)
{
    vf sum[DOT_ROWS][DOT_SUMS] = {{{0}}};
    int64_t k = 0;

    for (; k + DOT_SUMS * LANES <= n_in; k += DOT_SUMS * LANES) {
        UNROLL
        for (int s = 0; s < DOT_SUMS; s++) {
            const vf piece = vf_load(x + k + s * LANES);

            UNROLL
            for (int r = 0; r < rows; r++)
                sum[r][s] = vf_fma(vf_load(w + r * row_stride + k + s * LANES), piece, sum[r][s]);
        }
    }
    for (; k + LANES <= n_in; k += LANES) {
        UNROLL
        for (int r = 0; r < rows; r++)
            sum[r][0] = vf_fma(vf_load(w + r * row_stride + k), vf_load(x + k), sum[r][0]);
    }
    if (k < n_in) {
        const vf piece = vf_load_first(x + k, n_in - k, 0.0f);

        UNROLL
        for (int r = 0; r < rows; r++)
            sum[r][0] = vf_fma(vf_load_first(w + r * row_stride + k, n_in - k, 0.0f), piece, sum[r][0]);
    }
    UNROLL
    for (int r = 0; r < rows; r++) {
        vf all = sum[r][0] + sum[r][1];

        UNROLL
        for (int s = 2; s < DOT_SUMS; s++)
            all += sum[r][s];
        y[r] = vf_sum(all) + (bias ? bias[r] : 0.0f);
    }
}

/*
 * y_o = bias_o + sum_k w[o][k] x_k, at the speed of reading w. Four rows side by side keep more lines of memory under
 * way than one: 16.0 GB/s against 14.3 on one Sapphire Rapids core that reads 17. Software prefetch added nothing.
 */
static void rows_dot(float *y, const float *w, int64_t row_stride, const float *x, const float *bias,
                     int64_t n_out, int64_t n_in)
{
    int64_t o = 0;

    for (; o + DOT_ROWS <= n_out; o += DOT_ROWS)
        dot_some_rows(y + o, w + o * row_stride, row_stride, x, bias ? bias + o : NULL, n_in, DOT_ROWS);
    for (; o < n_out; o++)
        dot_some_rows(y + o, w + o * row_stride, row_stride, x, bias ? bias + o : NULL, n_in, 1);
}

/* y_o += sum of `rows` rows w[k][o] x_k, k ascending, for LANES columns o, or the first n < LANES of them. */
INLINE void combine_rows_at(float *y, const float *w, int64_t row_stride, const float *x, const int rows,
                            const bool whole, int64_t n)
{
    vf sum = whole ? vf_load(y) : vf_load_first(y, n, 0.0f);

    UNROLL
    for (int r = 0; r < rows; r++) {
        const float *row = w + r * row_stride;

        sum = vf_fma(vf_splat(x[r]), whole ? vf_load(row) : vf_load_first(row, n, 0.0f), sum);
    }
    if (whole)
        vf_store(y, sum);
    else
        vf_store_first(y, sum, n);
}

INLINE void combine_rows(float *y, const float *w, int64_t row_stride, const float *x, int64_t n,
                         const int rows)
{
    int64_t o = 0;

    for (; o + LANES <= n; o += LANES)
        combine_rows_at(y + o, w + o, row_stride, x, rows, true, LANES);
    if (o < n)
        combine_rows_at(y + o, w + o, row_stride, x, rows, false, n - o);
}

/*
 * y_o = bias_o + sum_k x_k w[k][o], eight rows a pass (6 % faster than four). Columns come in blocks so that their
 * piece of y stays in the first-level cache while all rows pass over it.
 */
static void rows_combine(float *y, const float *w, int64_t row_stride, const float *x, const float *bias,
                         int64_t n_out, int64_t n_in)
{
    enum { BLOCK = 4096 };

    for (int64_t begin = 0; begin < n_out; begin += BLOCK) {
        const int64_t n = n_out - begin < BLOCK ? n_out - begin : BLOCK;
        const float *block = w + begin;
        int64_t k = 0;

        if (!bias)
            memset(y + begin, 0, (size_t)n * sizeof *y);
        else if (bias != y)
            memcpy(y + begin, bias + begin, (size_t)n * sizeof *y);
        for (; k + 8 <= n_in; k += 8)
            combine_rows(y + begin, block + k * row_stride, row_stride, x + k, n, 8);
        for (; k + 4 <= n_in; k += 4)
            combine_rows(y + begin, block + k * row_stride, row_stride, x + k, n, 4);
        for (; k < n_in; k++)
            combine_rows(y + begin, block + k * row_stride, row_stride, x + k, n, 1);
    }
}

/* A bfloat16 is the upper half of a float. */
static void from_bf16(float *y, const uint16_t *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const uint32_t bits = (uint32_t)x[i] << 16;

        memcpy(y + i, &bits, sizeof bits);
    }
}

/*
 * Adding 0x7fff, and 1 more when the lowest kept bit is set, rounds to nearest with ties to even; the largest floats
 * become inf. A NaN would be carried into another number, so it is cut instead, with its quiet bit set.
 */
static void to_bf16(uint16_t *y, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits;

        memcpy(&bits, x + i, sizeof bits);
        const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
        const uint32_t nan = (bits >> 16) | 0x40u;
        y[i] = (uint16_t)((bits & 0x7fffffffu) > 0x7f800000u ? nan : rounded);
    }
}
