/* SPDX-License-Identifier: MIT */
/*
 * What a tile's scores get added beside q . k, and the gradients of it, with dist = position_i - j:
 *
 *   s_ij += (bias_ij - slope dist) / scale + q_relative_i . relative[-dist]
 *   dbias_ij += ds_ij / scale      dq_relative_i = sum_j ds_ij relative[-dist]      drelative[-dist] += ds_ij q_relative_i
 *
 * ds as tile_gradient() leaves it: with respect to s_ij, so scale is in it. ALiBi's slope: Press et al. 2021
 * (arXiv:2108.12409); relative positions: Shaw et al. 2018 (arXiv:1803.02155), Dai et al. 2019 (arXiv:1901.02860).
 *
 * Relative positions. Q queries and C keys lie at most Q + C - 1 distances apart, and each is a row of `relative`. Their
 * products with all queries of the tile are one more tile, skewed: row r = j - i + QUERIES - 1 of it, column i, belongs
 * to the pair (i, j). The backward lays ds out in the same way, and two block products do the rest. Rows are read for
 * distances between visible pairs alone: the table has no others.
 *
 * Needs vector_attention_pack.inc.h.
 */

enum {
    RELATIVE_ROWS = CHUNK_MAX + QUERIES,
};

/* Where the parts of the scratch lie, in floats; without relative positions there is none. */
typedef struct relative_layout {
    int64_t packed_q, skewed, rows, rows_q, rows_dq, rows_drelative, total;
} relative_layout;

INLINE relative_layout relative_layout_of(const heed_attention_head *head, bool backward)
{
    const int64_t width = whole_vectors(head->head_dim);
    const int64_t pad = backward && width != head->head_dim ? width : 0;
    relative_layout at = {0};

    if (head->relative == NULL)
        return at;
    at.skewed = at.packed_q + head->head_dim * QUERIES;
    at.rows = at.skewed + (int64_t)RELATIVE_ROWS * QUERIES;
    at.rows_q = at.rows + RELATIVE_ROWS * pad;
    at.rows_dq = at.rows_q + QUERIES * pad;
    at.rows_drelative = at.rows_dq + QUERIES * pad;
    at.total = at.rows_drelative + RELATIVE_ROWS * pad;
    return at;
}

/* ---- relative positions ---- */

/* Rows begin .. end - 1 of the skewed tile hold every visible pair of the chunk; row 0 is `table`'s row 0. */
typedef struct relative_rows {
    int64_t begin, end;
    int64_t row_0; /* the row of `relative` that row 0 stands for */
    tile_shape shape;
} relative_rows;

/* Where a list hides pairs, the distances that are left are looked for pair by pair. */
static void relative_rows_by_lists(relative_rows *r, const tile_shape *t)
{
    int64_t begin = r->end, end = r->begin;

    for (int64_t i = 0; i < t->n_queries; i++) {
        int64_t j = 0, n = t->n_keys;

        while (j < n && !heed_mask_sees(t->mask, t->query + i, t->key + j))
            j++;
        while (j < n && !heed_mask_sees(t->mask, t->query + i, t->key + n - 1))
            n--;
        if (j == n)
            continue;
        begin = j - i + QUERIES - 1 < begin ? j - i + QUERIES - 1 : begin;
        end = n - i + QUERIES - 1 > end ? n - i + QUERIES - 1 : end;
    }
    r->begin = begin;
    r->end = end;
}

static relative_rows relative_rows_of(const tile_shape *t)
{
    relative_rows r = {
        .begin = QUERIES - t->n_queries, .end = t->n_keys + QUERIES - 1, .row_0 = -(t->diagonal + QUERIES - 1)};

    if (t->causal)
        r.end = r.end < QUERIES + t->diagonal ? r.end : QUERIES + t->diagonal;
    if (t->window > 0 && r.begin < QUERIES + t->diagonal - t->window)
        r.begin = QUERIES + t->diagonal - t->window;
    if (t->lists)
        relative_rows_by_lists(&r, t);
    if (r.begin >= r.end || t->n_keys == 0)
        r.begin = r.end = 0;
    r.shape = (tile_shape){
        .query = t->query, .n_queries = t->n_queries, .vectors = t->vectors, .n_keys = r.end - r.begin};
    for (int v = 0; v < t->vectors; v++)
        r.shape.edge[v + 1] = r.shape.n_keys;
    return r;
}

/* The first of the rows of `relative` that are read. */
INLINE int64_t first_relative(const relative_rows *r)
{
    return r->row_0 + r->begin;
}

/* x[0], x[step], x[2 step], … */
INLINE vf load_steps(const float *x, const int step)
{
#if VECTOR_LANES == 16
    vi at;

    UNROLL
    for (int l = 0; l < LANES; l++)
        at[l] = l * step;
    return (vf)_mm512_i32gather_ps((__m512i)at, x, sizeof *x);
#else
    vf y;

    UNROLL
    for (int l = 0; l < LANES; l++)
        y[l] = x[l * step];
    return y;
#endif
}

static void add_relative(float *tile, const tile_shape *t, const heed_attention_head *head, float *scratch)
{
    const relative_layout at = relative_layout_of(head, false);
    const relative_rows r = relative_rows_of(t);
    float *skewed = scratch + at.skewed;

    tile_scores(skewed + r.begin * QUERIES, &r.shape,
                head->relative + first_relative(&r) * head->relative_stride, head->relative_stride,
                scratch + at.packed_q, head->head_dim);
    for (int v = 0; v < t->vectors; v++)
        for (int64_t j = t->low[v]; j < t->edge[v + 1]; j++) {
            const float *from = skewed + (j + QUERIES - 1) * QUERIES - v * LANES * (QUERIES - 1);
            float *x = tile + j * QUERIES + v * LANES;

            vf_store(x, vf_load(x) + load_steps(from, 1 - QUERIES));
        }
}

/* skewed[r][i] = tile[j][i], r = j - i + QUERIES - 1, and 0 where nothing is computed. */
static void skew(float *skewed, const float *tile, const relative_rows *r, const tile_shape *t)
{
    for (int v = 0; v < t->vectors; v++)
        for (int64_t row = r->begin; row < r->end; row++) {
            const int64_t j = row - (QUERIES - 1) + v * LANES; /* the key of the first lane */
            float *to = skewed + row * QUERIES + v * LANES;

            if (j >= t->low[v] && j + LANES <= t->edge[v + 1]) {
                vf_store(to, load_steps(tile + j * QUERIES + v * LANES, QUERIES + 1));
                continue;
            }
            for (int l = 0; l < LANES; l++)
                to[l] = j + l >= t->low[v] && j + l < t->edge[v + 1] ? tile[(j + l) * QUERIES + v * LANES + l]
                                                                     : 0.0f;
        }
}

/* The chunk's share of dq_relative and drelative. */
static void relative_gradient(const float *dscores, const tile_shape *t, const heed_attention_head *head,
                              float *scratch)
{
    const relative_layout at = relative_layout_of(head, true);
    const relative_rows r = relative_rows_of(t);
    const int64_t dim = head->head_dim, width = whole_vectors(dim), stride = head->drelative_stride;
    const bool whole = width == dim;
    float *skewed = scratch + at.skewed, *dq = head->dq_relative + t->query * head->dq_relative_stride;
    float *drelative = r.end > 0 ? head->drelative + first_relative(&r) * stride : NULL;

    skew(skewed, dscores, &r, t);
    skewed += r.begin * QUERIES;

    const whole_rows rows = rows_of(head->relative + first_relative(&r) * head->relative_stride,
                                    head->relative_stride, r.shape.n_keys, dim, scratch + at.rows);
    const whole_rows q = rows_of(head->q_relative + t->query * head->q_relative_stride, head->q_relative_stride,
                                 t->n_queries, dim, scratch + at.rows_q);
    block_target to = {.out = whole ? dq : scratch + at.rows_dq,
                       .out_stride = whole ? head->dq_relative_stride : width};

    if (!t->first) {
        to.previous = to.out;
        to.previous_stride = to.out_stride;
    }
    tile_by_query(&to, skewed, &r.shape, rows.from, rows.stride, width);
    to = (block_target){.out = scratch + at.rows_drelative, .out_stride = width};
    if (whole)
        to = (block_target){
            .out = drelative, .previous = drelative, .out_stride = stride, .previous_stride = stride};
    tile_by_key(&to, skewed, &r.shape, q.from, q.stride, width, 0, r.shape.n_keys);
    for (int64_t n = 0; !whole && n < r.shape.n_keys; n++)
        for (int64_t d = 0; d < dim; d++)
            drelative[n * stride + d] += scratch[at.rows_drelative + n * width + d];
}

/* ---- bias and slope ---- */

static void add_bias(float *tile, const tile_shape *t, const heed_attention_head *head)
{
    const float factor = 1.0f / head->scale;

    for (int v = 0; v < t->vectors; v++) {
        const int64_t i = v * LANES, rows = t->n_queries - i < LANES ? t->n_queries - i : LANES;
        const float *bias = head->bias + (t->query + i) * head->bias_stride + t->key;

        for (int64_t j = t->low[v]; j < t->edge[v + 1]; j += 4) {
            const int columns = t->edge[v + 1] - j < 4 ? (int)(t->edge[v + 1] - j) : 4;
            vf column[4];

            load_columns_of(column, bias + j, head->bias_stride, rows, columns, factor);
            for (int c = 0; c < columns; c++) {
                float *x = tile + (j + c) * QUERIES + i;

                vf_store(x, vf_load(x) + column[c]);
            }
        }
    }
}

static void add_slope(float *tile, const tile_shape *t, const heed_attention_head *head)
{
    const float slope = head->slope / head->scale;
    vf lane;

    for (int l = 0; l < LANES; l++)
        lane[l] = (float)l;
    for (int v = 0; v < t->vectors; v++)
        for (int64_t j = t->low[v]; j < t->edge[v + 1]; j++) {
            float *x = tile + j * QUERIES + v * LANES;

            vf_store(x, vf_load(x) + (vf_splat((float)(j - t->diagonal - v * LANES)) - lane) * slope);
        }
}

static void bias_gradient(const float *dscores, const tile_shape *t, const heed_attention_head *head)
{
    const float factor = 1.0f / head->scale;

    for (int64_t i = 0; i < t->n_queries; i += 4) {
        const int64_t low = t->low[i / LANES], edge = t->edge[i / LANES + 1];

        for (int64_t j = low; j < edge; j += LANES) {
            const int64_t keys = edge - j < LANES ? edge - j : LANES;
            vf query[4];

            load_columns_of(query, dscores + j * QUERIES + i, QUERIES, keys, 4, factor);
            for (int64_t c = 0; c < 4 && i + c < t->n_queries; c++) {
                float *y = head->dbias + (t->query + i + c) * head->dbias_stride + t->key + j;

                vf_store_up_to(y, vf_load_up_to(y, keys, 0.0f) + query[c], keys);
            }
        }
    }
}

/* ---- a tile's share ---- */

/* Once for a tile, before its first chunk. */
static void adjust_start(const heed_attention_head *head, const tile_shape *t, float *scratch)
{
    if (head->relative)
        pack_transposed(scratch + relative_layout_of(head, false).packed_q,
                        head->q_relative + t->query * head->q_relative_stride, head->q_relative_stride,
                        t->n_queries, head->head_dim, 1.0f);
}

/* After tile_scores(), before what is hidden becomes -inf: it may add anything there. */
static void tile_adjust(float *tile, const tile_shape *t, const heed_attention_head *head, float *scratch)
{
    if (head->relative)
        add_relative(tile, t, head, scratch);
    if (head->bias)
        add_bias(tile, t, head);
    if (head->slope != 0.0f)
        add_slope(tile, t, head);
}

/* After tile_gradient(). */
static void adjust_gradient(const float *dscores, const tile_shape *t, const heed_attention_head *head,
                            float *scratch)
{
    if (head->dbias)
        bias_gradient(dscores, t, head);
    if (head->dq_relative)
        relative_gradient(dscores, t, head, scratch);
}

/* Once for a tile, after its last chunk. */
static void adjust_finish(const heed_attention_head *head, const tile_shape *t, const float *scratch)
{
    const int64_t width = whole_vectors(head->head_dim);

    for (int64_t i = 0; head->dq_relative && width != head->head_dim && i < t->n_queries; i++)
        memcpy(head->dq_relative + (t->query + i) * head->dq_relative_stride,
               scratch + relative_layout_of(head, true).rows_dq + i * width,
               (size_t)head->head_dim * sizeof(float));
}
