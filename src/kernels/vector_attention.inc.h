/* SPDX-License-Identifier: MIT */
/*
 * Attention of one head, tile by tile: what forward and backward share.
 *
 * A tile is QUERIES queries by up to CHUNK + QUERIES keys. Its scores lie transposed, tile[key][query]: key j
 * is a row, queries run along the lanes. So
 *
 *   - the scores are K[j][d] (broadcast from its row) times Q^T[d] (packed once a tile);
 *   - the largest score and the sum of a query are vertical, lane by lane; nothing is ever summed across lanes;
 *   - out[i] += tile[j][i] V[j] and dK[j] += tile[j][i] Q[i] broadcast one number of the tile and read rows of
 *     V, K, Q, dO as they lie, lanes along head_dim.
 *
 * Every inner loop is thus the same: a number times a vector, added to a register block (multiply() below).
 * Scores are kept as plain q . k, exact where q and k are whole numbers; log2(e) * scale comes in when the
 * largest has been subtracted.
 *
 * Of a chunk only the rows low[v] .. edge[v + 1] are computed for query vector v (vector_attention_keys.inc.h).
 * Products over keys or queries start and stop at the diagonal, and at the window's begin, to within the rows of a
 * register block. A number that is not finite in a key or value that a query may not see can still reach it there
 * (0 * inf); finite ones never do.
 *
 * Needs vector_attention_keys.inc.h.
 */

static const float log2_e = 1.44269504f, ln_2 = 0.693147181f;

/* One number a query of the tile. */
typedef struct query_values {
    vf v[TILE_VECTORS];
} query_values;

/* ---- the register block ---- */

/* sum[r][v] += sum over t < n of a[r * a_row + t * a_step] b[t * b_step + v * LANES ..], t ascending. */
INLINE void multiply(vf sum[BLOCK_ROWS][TILE_VECTORS], const int rows, const int vectors, const float *a,
                     const int64_t a_row, const int64_t a_step, const float *b, const int64_t b_step, int64_t n)
{
    for (int64_t t = 0; t < n; t++) {
        vf row[TILE_VECTORS];

        UNROLL
        for (int v = 0; v < vectors; v++)
            row[v] = vf_load(b + v * LANES);
        UNROLL
        for (int r = 0; r < rows; r++) {
            const vf x = vf_splat(a[r * a_row]);

            UNROLL
            for (int v = 0; v < vectors; v++)
                sum[r][v] += x * row[v];
        }
        a += a_step;
        b += b_step;
    }
}

INLINE void clear(vf sum[BLOCK_ROWS][TILE_VECTORS], const int rows, const int vectors)
{
    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int v = 0; v < vectors; v++)
            sum[r][v] = vf_splat(0.0f);
    }
}

/* How many rows the next block takes of those left: most, 4 or 1; `most` is 6 or 8. */
INLINE int next_block(int64_t left, const int most)
{
    if (left >= most && (most != 6 || left != 8))
        return most;
    return left >= 4 ? 4 : 1;
}

/*
 * Rows of a block of `vectors` vectors: with its sums, a row of b and a broadcast number it fills the
 * registers.
 */
INLINE int block_rows(const int vectors)
{
    return vectors == TILE_VECTORS ? 6 : 8;
}

/* ---- scores ---- */

INLINE void score_block(float *tile, const float *k, int64_t k_stride, const float *packed, int64_t dim,
                        const int rows, const int vectors)
{
    vf sum[BLOCK_ROWS][TILE_VECTORS];

    clear(sum, rows, vectors);
    multiply(sum, rows, vectors, k, k_stride, 1, packed, QUERIES, dim);
    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int v = 0; v < vectors; v++)
            vf_store(tile + r * QUERIES + v * LANES, sum[r][v]);
    }
}

INLINE void score_rows(float *tile, const float *k, int64_t k_stride, const float *packed, int64_t dim,
                       int64_t n, const int vectors)
{
    for (int64_t j = 0; j < n;) {
        const int rows = next_block(n - j, block_rows(vectors));
        float *to = tile + j * QUERIES;
        const float *from = k + j * k_stride;

        if (rows == block_rows(vectors))
            score_block(to, from, k_stride, packed, dim, block_rows(vectors), vectors);
        else if (rows == 4)
            score_block(to, from, k_stride, packed, dim, 4, vectors);
        else
            score_block(to, from, k_stride, packed, dim, 1, vectors);
        j += rows;
    }
}

/*
 * tile[j][i] = sum_d k[j][d] packed[d][i] for the rows of the chunk and the vectors that see them: row for row those
 * are vectors begin .. end - 1, and both only grow.
 */
static void tile_scores(float *tile, const tile_shape *t, const float *k, int64_t k_stride, const float *packed,
                        int64_t dim)
{
    int begin = 0, end = 0;

    for (int64_t j = t->low[0], stop; j < t->n_keys; j = stop) {
        while (begin < t->vectors && t->edge[begin + 1] <= j)
            begin++;
        while (end < t->vectors && t->low[end] <= j)
            end++;
        if (begin == t->vectors)
            return;
        stop = end < t->vectors && t->low[end] < t->edge[begin + 1] ? t->low[end] : t->edge[begin + 1];

        float *to = tile + j * QUERIES + begin * LANES;
        const float *from = k + (t->key + j) * k_stride, *with = packed + begin * LANES;

        if (TILE_VECTORS > 3 && end - begin == 4)
            score_rows(to, from, k_stride, with, dim, stop - j, TILE_VECTORS > 3 ? 4 : 1);
        else if (TILE_VECTORS > 2 && end - begin == 3)
            score_rows(to, from, k_stride, with, dim, stop - j, TILE_VECTORS > 2 ? 3 : 1);
        else if (end - begin == 2)
            score_rows(to, from, k_stride, with, dim, stop - j, 2);
        else if (end - begin == 1)
            score_rows(to, from, k_stride, with, dim, stop - j, 1);
    }
}

/*
 * A register block may reach from the last queries of vector v - 1 into the first of v: with them below the edge of
 * v - 1 and above low[v], where nothing was computed. Those weights are 0.
 */
INLINE void tile_clear_below_edges(float *tile, const tile_shape *t)
{
    for (int v = 1; v < t->vectors; v++) {
        const int64_t end = clamp(t->edge[v] + BLOCK_ROWS, 0, t->n_keys);

        for (int64_t j = t->edge[v]; j < end; j++)
            vf_store(tile + j * QUERIES + (v - 1) * LANES, vf_splat(0.0f));
        for (int64_t j = clamp(t->low[v] - BLOCK_ROWS, 0, t->low[v]); j < t->low[v]; j++)
            vf_store(tile + j * QUERIES + v * LANES, vf_splat(0.0f));
    }
}

/* ---- products with rows as they lie ---- */

/* Where the sums of a block go: out = post * (sum + factor * previous). */
typedef struct block_target {
    float *out;
    const float *previous; /* NULL: 0 */
    int64_t out_stride, previous_stride;
    const float *factor, *post; /* one a row; NULL: 1 */
} block_target;

INLINE void finish_block(vf sum[BLOCK_ROWS][TILE_VECTORS], const int rows, const int vectors,
                         const block_target *to, int64_t row, int64_t column)
{
    UNROLL
    for (int r = 0; r < rows; r++) {
        const vf factor = vf_splat(to->factor ? to->factor[row + r] : 1.0f);
        const vf post = vf_splat(to->post ? to->post[row + r] : 1.0f);

        UNROLL
        for (int v = 0; v < vectors; v++) {
            vf y = sum[r][v];

            if (to->previous)
                y += factor * vf_load(to->previous + (row + r) * to->previous_stride + column + v * LANES);
            vf_store(to->out + (row + r) * to->out_stride + column + v * LANES, y * post);
        }
    }
}

INLINE void by_query_block(const block_target *to, const float *tile, const tile_shape *t, const float *b,
                           int64_t b_stride, int64_t i, int64_t column, const int rows, const int vectors)
{
    vf sum[BLOCK_ROWS][TILE_VECTORS];
    const int64_t begin = t->window > 0 ? clamp(t->diagonal + i - t->window + 1, 0, t->n_keys) : 0;
    const int64_t end = t->causal ? clamp(t->diagonal + i + rows, 0, t->n_keys) : t->n_keys;

    clear(sum, rows, vectors);
    multiply(sum, rows, vectors, tile + begin * QUERIES + i, 1, QUERIES, b + begin * b_stride + column,
             b_stride, end - begin);
    finish_block(sum, rows, vectors, to, i, column);
}

INLINE void by_query_columns(const block_target *to, const float *tile, const tile_shape *t, const float *b,
                             int64_t b_stride, int64_t column, const int vectors)
{
    for (int64_t i = 0; i < t->n_queries;) {
        const int rows = next_block(t->n_queries - i, block_rows(vectors));

        if (rows == block_rows(vectors))
            by_query_block(to, tile, t, b, b_stride, i, column, block_rows(vectors), vectors);
        else if (rows == 4)
            by_query_block(to, tile, t, b, b_stride, i, column, 4, vectors);
        else
            by_query_block(to, tile, t, b, b_stride, i, column, 1, vectors);
        i += rows;
    }
}

/*
 * sum over the chunk's keys j of tile[j][i] b[j], a row for each query i; row 0 of b is the chunk's first key.
 */
static void tile_by_query(const block_target *to, const float *tile, const tile_shape *t, const float *b,
                          int64_t b_stride, int64_t dim)
{
    int64_t column = 0;

    for (; column + TILE_VECTORS * LANES <= dim; column += TILE_VECTORS * LANES)
        by_query_columns(to, tile, t, b, b_stride, column, TILE_VECTORS);
    if (TILE_VECTORS > 3 && column + 3 * LANES <= dim)
        by_query_columns(to, tile, t, b, b_stride, column, TILE_VECTORS > 3 ? 3 : 1);
    else if (TILE_VECTORS > 2 && column + 2 * LANES <= dim)
        by_query_columns(to, tile, t, b, b_stride, column, TILE_VECTORS > 2 ? 2 : 1);
    else if (column + LANES <= dim)
        by_query_columns(to, tile, t, b, b_stride, column, 1);
}

INLINE void by_key_block(const block_target *to, const float *tile, const tile_shape *t, const float *b,
                         int64_t b_stride, int64_t j, int64_t column, const int rows, const int vectors)
{
    vf sum[BLOCK_ROWS][TILE_VECTORS];
    const int64_t begin = t->causal ? clamp(j - t->diagonal, 0, t->n_queries) : 0;
    const int64_t end = t->window > 0 ? clamp(j + rows - 1 - t->diagonal + t->window, 0, t->n_queries)
                                      : t->n_queries;

    clear(sum, rows, vectors);
    multiply(sum, rows, vectors, tile + j * QUERIES + begin, QUERIES, 1, b + begin * b_stride + column,
             b_stride, end - begin);
    finish_block(sum, rows, vectors, to, j, column);
}

INLINE void by_key_columns(const block_target *to, const float *tile, const tile_shape *t, const float *b,
                           int64_t b_stride, int64_t begin, int64_t end, int64_t column, const int vectors)
{
    for (int64_t j = begin; j < end;) {
        const int rows = next_block(end - j, block_rows(vectors));

        if (rows == block_rows(vectors))
            by_key_block(to, tile, t, b, b_stride, j, column, block_rows(vectors), vectors);
        else if (rows == 4)
            by_key_block(to, tile, t, b, b_stride, j, column, 4, vectors);
        else
            by_key_block(to, tile, t, b, b_stride, j, column, 1, vectors);
        j += rows;
    }
}

/* sum over the tile's queries i of tile[j][i] b[i], a row for each key begin <= j < end of the chunk. */
static void tile_by_key(const block_target *to, const float *tile, const tile_shape *t, const float *b,
                        int64_t b_stride, int64_t dim, int64_t begin, int64_t end)
{
    int64_t column = 0;

    for (; column + TILE_VECTORS * LANES <= dim; column += TILE_VECTORS * LANES)
        by_key_columns(to, tile, t, b, b_stride, begin, end, column, TILE_VECTORS);
    if (TILE_VECTORS > 3 && column + 3 * LANES <= dim)
        by_key_columns(to, tile, t, b, b_stride, begin, end, column, TILE_VECTORS > 3 ? 3 : 1);
    else if (TILE_VECTORS > 2 && column + 2 * LANES <= dim)
        by_key_columns(to, tile, t, b, b_stride, begin, end, column, TILE_VECTORS > 2 ? 2 : 1);
    else if (column + LANES <= dim)
        by_key_columns(to, tile, t, b, b_stride, begin, end, column, 1);
}
