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
 * Causal tiles. Query vector v of a tile sees a row range of the chunk that starts at its first row and ends at
 * edge[v + 1], within LANES rows past its diagonal. Only those rows are computed; inside the last LANES of them
 * a mask writes weights of exactly 0. Products over keys or queries start or stop at the diagonal to within the
 * rows of a register block. A number that is not finite in a key or value that a query may not see can still
 * reach it there (0 * inf); finite ones never do.
 *
 * Needs vector.inc.h and TILE_VECTORS (4 with 32 registers, else 2).
 */
#include <math.h>

enum {
    QUERIES = TILE_VECTORS * LANES,
    BLOCK_ROWS = 8, /* the most rows of a register block */
    CHUNK = 192,    /* keys of a tile, a multiple of QUERIES; the last chunk may hold QUERIES more */
    CHUNK_MAX = CHUNK + QUERIES,
    ROW_QUERIES = LANES / 4, /* at most so many queries are taken one by one: beyond, a tile is faster */
};

static const float log2_e = 1.44269504f, ln_2 = 0.693147181f;

/* One number a query of the tile. */
typedef struct query_values {
    vf v[TILE_VECTORS];
} query_values;

/* Which keys a tile holds, and which of them its queries see. */
typedef struct tile_shape {
    int64_t query, n_queries; /* the tile's first query; how many there are, at most QUERIES */
    int vectors;              /* of queries: n_queries / LANES, rounded up */
    int64_t key, n_keys;      /* the chunk */
    int64_t diagonal;         /* the row of the chunk whose key is the position of the tile's first query */
    int64_t edge[TILE_VECTORS + 1]; /* rows edge[v] .. edge[v + 1] are seen by vectors v and later */
    bool causal;
} tile_shape;

INLINE int64_t clamp(int64_t x, int64_t low, int64_t high)
{
    return x < low ? low : x > high ? high : x;
}

/* A row length, filled up to whole vectors. */
INLINE int64_t whole_vectors(int64_t n)
{
    return (n + LANES - 1) / LANES * LANES;
}

/* The tile of the queries that begin at `query`, without keys yet. */
INLINE tile_shape tile_of_queries(const heed_attention_head *head, int64_t query, int64_t query_end)
{
    const int64_t n = query_end - query < QUERIES ? query_end - query : QUERIES;

    return (tile_shape){
        .query = query, .n_queries = n, .vectors = (int)((n + LANES - 1) / LANES), .causal = head->mask.causal};
}

/* The number of keys that at least one query of the tile sees: 0 .. n_key. */
INLINE int64_t tile_visible_keys(const heed_attention_head *head, const tile_shape *t)
{
    if (!t->causal)
        return head->n_key;
    return clamp(head->mask.position + t->query + t->n_queries, 0, head->n_key);
}

/*
 * Moves the tile to its chunk of keys that begins at `key`; visible is tile_visible_keys(). The diagonal lies
 * in the last chunk alone: that one holds whatever is left once it is at most CHUNK_MAX.
 */
INLINE void tile_take_keys(tile_shape *t, const heed_attention_head *head, int64_t key, int64_t visible)
{
    t->key = key;
    t->n_keys = visible - key <= CHUNK_MAX ? visible - key : CHUNK;
    t->diagonal = head->mask.position + t->query - key;
    t->edge[0] = 0;
    for (int v = 0; v < t->vectors; v++)
        t->edge[v + 1] = t->causal ? clamp(t->diagonal + (v + 1) * LANES, 0, t->n_keys) : t->n_keys;
}

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

/* tile[j][i] = sum_d k[j][d] packed[d][i] for the rows of the chunk and the vectors that see them. */
static void tile_scores(float *tile, const tile_shape *t, const float *k, int64_t k_stride, const float *packed,
                        int64_t dim)
{
    for (int v = 0; v < t->vectors; v++) {
        float *to = tile + t->edge[v] * QUERIES + v * LANES;
        const float *from = k + (t->key + t->edge[v]) * k_stride, *with = packed + v * LANES;
        const int64_t n = t->edge[v + 1] - t->edge[v];
        const int vectors = t->vectors - v;

        if (TILE_VECTORS > 3 && vectors == 4)
            score_rows(to, from, k_stride, with, dim, n, TILE_VECTORS > 3 ? 4 : 1);
        else if (TILE_VECTORS > 2 && vectors == 3)
            score_rows(to, from, k_stride, with, dim, n, TILE_VECTORS > 2 ? 3 : 1);
        else if (vectors == 2)
            score_rows(to, from, k_stride, with, dim, n, 2);
        else
            score_rows(to, from, k_stride, with, dim, n, 1);
    }
}

/* Scores of keys that lie behind a query's position become -inf. */
INLINE void tile_mask(float *tile, const tile_shape *t)
{
    if (!t->causal)
        return;
    for (int v = 0; v < t->vectors; v++) {
        const int64_t diagonal = t->diagonal +
                                 v * LANES; /* the row whose key is the position of the first lane */

        for (int64_t j = clamp(diagonal + 1, t->edge[v], t->edge[v + 1]); j < t->edge[v + 1]; j++)
            vf_store_first(tile + j * QUERIES + v * LANES, vf_splat(-INFINITY), j - diagonal);
    }
}

/*
 * A register block may reach from the last queries of vector v - 1 into the first of v, and with them below the
 * edge of v - 1, where nothing was computed: those weights are 0.
 */
INLINE void tile_clear_below_edges(float *tile, const tile_shape *t)
{
    for (int v = 1; v < t->vectors; v++) {
        const int64_t end = clamp(t->edge[v] + BLOCK_ROWS, 0, t->edge[v + 1]);

        for (int64_t j = t->edge[v]; j < end; j++)
            vf_store(tile + j * QUERIES + (v - 1) * LANES, vf_splat(0.0f));
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
    const int64_t n = t->causal ? clamp(t->diagonal + i + rows, 0, t->n_keys) : t->n_keys;

    clear(sum, rows, vectors);
    multiply(sum, rows, vectors, tile + i, 1, QUERIES, b + column, b_stride, n);
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
    const int64_t i = t->causal ? clamp(j - t->diagonal, 0, t->n_queries) : 0;

    clear(sum, rows, vectors);
    multiply(sum, rows, vectors, tile + j * QUERIES + i, QUERIES, 1, b + i * b_stride + column, b_stride,
             t->n_queries - i);
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
