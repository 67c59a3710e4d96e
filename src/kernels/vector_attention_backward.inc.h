/* SPDX-License-Identifier: MIT */
/*
 * Attention, backward. With p_ij the weights and delta_i = dout_i . out_i, for the pairs that i may see:
 *
 *   dp_ij = dout_i . v_j          ds_ij = p_ij (dp_ij - delta_i)
 *   dv_j  = sum_i p_ij dout_i     dk_j  = scale sum_i ds_ij q_i      dq_i = scale sum_j ds_ij k_j
 *
 * Weights are computed again from max and sum. Without them: a tile whose keys fit one chunk finds its own
 * largest score and sum on the way; a longer one goes over its keys once more beforehand (6 products and not
 * 5). scale goes into the packed dout, so dp and delta come out scaled, and with them ds.
 *
 * Where one chunk holds all keys, delta_i is taken as sum_j p_ij dp_ij and out is not read. Else it is
 * dout_i . out_i, added up in the order of dp. Either way, of a query with all its weight on one key dp equals
 * delta to the last bit, and ds is 0 as it should be.
 *
 * Each tile of queries meets its chunks of keys in order, so dq adds up keys ascending; dk and dv are added to by each
 * tile that sees them, queries ascending. Tiles go in groups over blocks of keys that the second-level cache holds, with
 * their values and both gradients: every tile on its own would fetch them all again from farther away. Where head_dim is no multiple of LANES the sums live in the scratch,
 * in rows filled up to whole vectors.
 *
 * Needs vector_attention_forward.inc.h.
 */

/* Where the parts of the scratch lie, in floats; the part that is not needed is empty. */
typedef struct backward_layout {
    int64_t packed_out, weights, dscores, rows_k, rows_dk, rows_dv;
    int64_t tiles, total; /* GROUP_TILES times, from here: */
    int64_t packed_q, packed_dout, rows_q, rows_dout, rows_dq, adjust,
        tile; /* a tile's own parts, and their size */
} backward_layout;

INLINE backward_layout backward_layout_of(const heed_attention_head *head)
{
    const int64_t width = whole_vectors(head->head_dim), v_width = whole_vectors(head->v_dim);
    const int64_t pad = width != head->head_dim ? width : 0, v_pad = v_width != head->v_dim ? v_width : 0;
    backward_layout at;

    at.packed_out = 0;
    at.weights = at.packed_out + head->v_dim * QUERIES;
    at.dscores = at.weights + (int64_t)CHUNK_MAX * QUERIES;
    at.rows_k = at.dscores + (int64_t)CHUNK_MAX * QUERIES;
    at.rows_dk = at.rows_k + CHUNK_MAX * pad;
    at.rows_dv = at.rows_dk + head->n_key * pad;
    at.tiles = at.rows_dv + head->n_key * v_pad;

    at.packed_q = 0;
    at.packed_dout = at.packed_q + head->head_dim * QUERIES;
    at.rows_q = at.packed_dout + head->v_dim * QUERIES;
    at.rows_dout = at.rows_q + QUERIES * pad;
    at.rows_dq = at.rows_dout + QUERIES * v_pad;
    at.adjust = at.rows_dq + QUERIES * pad;
    at.tile = whole_vectors(at.adjust + relative_layout_of(head, true).total);
    at.total = at.tiles + GROUP_TILES * at.tile;
    return at;
}

/* What one tile of queries knows before its keys come. weight = 2^(exponent (score - base)) * inverse. */
typedef struct backward_tile {
    tile_shape t;
    bool done;  /* it has met all its keys */
    float *own; /* its own parts of the scratch */
    query_values base, inverse, delta;
    float exponent; /* log2(e) * scale */
    bool all_keys;  /* one chunk holds every key that the tile sees */
    bool own_base;  /* and nothing was saved: base and inverse are found in that chunk */
    whole_rows q, dout;
} backward_tile;

/* dot_i = sum_d x[d][i] y[d][i] for packed x and y, d ascending as in tile_scores(). */
static void packed_dots(query_values *dot, const float *x, const float *y, int64_t dim, int vectors)
{
    for (int v = 0; v < vectors; v++) {
        vf sum = vf_splat(0.0f);

        for (int64_t d = 0; d < dim; d++)
            sum += vf_load(x + d * QUERIES + v * LANES) * vf_load(y + d * QUERIES + v * LANES);
        dot->v[v] = sum;
    }
}

/* base and inverse from what forward saved. */
static void base_from_saved(backward_tile *b, const heed_attention_head *head, const tile_shape *t)
{
    const size_t bytes = (size_t)t->n_queries * sizeof(float);
    query_values max, sum;

    statistics_start(&max, &sum);
    memcpy(&max, head->max + t->query, bytes);
    memcpy(&sum, head->sum + t->query, bytes);
    for (int v = 0; v < t->vectors; v++)
        b->base.v[v] = finite_max(max.v[v]);
    invert_sums(&b->inverse, &sum);
}

/* base and inverse by going over all keys of the tile. */
static void base_from_keys(backward_tile *b, const heed_attention_head *head, float *scratch)
{
    const backward_layout at = backward_layout_of(head);
    tile_shape t = b->t;
    float *tile = scratch + at.weights;
    query_values max, sum, factor;

    statistics_start(&max, &sum);
    for (;; tile_next_keys(&t, head)) {
        tile_scores(tile, &t, head->k, head->k_stride, b->own + at.packed_q, head->head_dim);
        tile_adjust(tile, &t, head, b->own + at.adjust);
        tile_softmax(&max, &sum, &factor, tile, b->exponent, &t);
        if (t.last)
            break;
    }
    for (int v = 0; v < t.vectors; v++)
        b->base.v[v] = finite_max(max.v[v]);
    invert_sums(&b->inverse, &sum);
}

/*
 * Vector v of the tile. Scores, or with is_exp their exponentials, become weights p; dp in dscores becomes ds.
 * When the tile holds all keys, delta_i = dout_i . out_i = sum_j p_ij dp_ij is found on the way, without a look
 * at out.
 */
INLINE void gradient_column(float *weights, float *dscores, const backward_tile *b, const tile_shape *t, int v,
                            const bool is_exp, const bool all_keys)
{
    const int64_t begin = t->low[v] * QUERIES + v * LANES, end = t->edge[v + 1] * QUERIES;
    const vf base = b->base.v[v], inverse = b->inverse.v[v];
    const float exponent = b->exponent;
    vf delta = all_keys ? vf_splat(0.0f) : b->delta.v[v];

    for (int64_t at = begin; at < end; at += QUERIES) {
        const vf dp = vf_load(dscores + at);
        vf p = vf_load(weights + at);

        if (!is_exp)
            p = vf_exp2_not_positive((p - base) * exponent);
        p *= inverse;
        vf_store(weights + at, p);
        if (all_keys)
            delta += p * dp;
        else
            vf_store(dscores + at, p * (dp - delta));
    }
    for (int64_t at = begin; all_keys && at < end; at += QUERIES)
        vf_store(dscores + at, vf_load(weights + at) * (vf_load(dscores + at) - delta));
}

static void tile_gradient(float *weights, float *dscores, const backward_tile *b, const tile_shape *t)
{
    for (int v = 0; v < t->vectors; v++) {
        if (b->own_base)
            gradient_column(weights, dscores, b, t, v, true, true);
        else if (b->all_keys)
            gradient_column(weights, dscores, b, t, v, false, true);
        else
            gradient_column(weights, dscores, b, t, v, false, false);
    }
    tile_clear_below_edges(weights, t);
    tile_clear_below_edges(dscores, t);
}

/*
 * out (key rows of one chunk) += sum_i tile[j][i] b_i. Where `store`, keys from the diagonal on meet their first
 * queries in this tile, and all keys do in the first tile: those are stored and not added.
 */
static void add_by_key(float *out, int64_t out_stride, const float *tile, const tile_shape *t, whole_rows b,
                       int64_t dim, bool store)
{
    const int64_t fresh = !store          ? t->n_keys
                          : t->query == 0 ? 0
                          : t->causal     ? clamp(t->diagonal, 0, t->n_keys)
                                          : t->n_keys;
    const block_target set = {.out = out, .out_stride = out_stride};
    block_target add = set;

    add.previous = out;
    add.previous_stride = out_stride;
    tile_by_key(&add, tile, t, b.from, b.stride, dim, 0, fresh);
    tile_by_key(&set, tile, t, b.from, b.stride, dim, fresh, t->n_keys);
}

/* The five products of one chunk. */
static void backward_chunk(const heed_attention_head *head, backward_tile *b, float *scratch)
{
    const backward_layout at = backward_layout_of(head);
    const tile_shape *t = &b->t;
    const int64_t width = whole_vectors(head->head_dim), v_width = whole_vectors(head->v_dim);
    const bool whole = width == head->head_dim, v_whole = v_width == head->v_dim;
    float *weights = scratch + at.weights, *dscores = scratch + at.dscores;

    tile_scores(weights, t, head->k, head->k_stride, b->own + at.packed_q, head->head_dim);
    tile_adjust(weights, t, head, b->own + at.adjust);
    tile_scores(dscores, t, head->v, head->v_stride, b->own + at.packed_dout, head->v_dim);
    if (b->own_base) {
        query_values max, sum, factor;

        statistics_start(&max, &sum);
        tile_softmax(&max, &sum, &factor, weights, b->exponent, t);
        invert_sums(&b->inverse, &sum);
    } else {
        tile_mask(weights, t);
    }
    tile_gradient(weights, dscores, b, t);
    adjust_gradient(dscores, t, head, b->own + at.adjust);

    const bool plain = mask_is_plain(&head->mask);
    float *dv = v_whole ? head->dv + t->key * head->dv_stride : scratch + at.rows_dv + t->key * v_width;
    float *dk = whole ? head->dk + t->key * head->dk_stride : scratch + at.rows_dk + t->key * width;
    add_by_key(dv, v_whole ? head->dv_stride : v_width, weights, t, b->dout, v_width,
               plain && !(v_whole && head->accumulate_kv));
    add_by_key(dk, whole ? head->dk_stride : width, dscores, t, b->q, width,
               plain && !(whole && head->accumulate_kv));

    const whole_rows k = rows_of(head->k + t->key * head->k_stride, head->k_stride, t->n_keys, head->head_dim,
                                 scratch + at.rows_k);
    float *dq = whole ? head->dq + t->query * head->dq_stride : b->own + at.rows_dq;
    block_target to = {.out = dq, .out_stride = whole ? head->dq_stride : width};

    if (!t->first) {
        to.previous = to.out;
        to.previous_stride = to.out_stride;
    }
    tile_by_query(&to, dscores, t, k.from, k.stride, width);
}

/* The tile of the queries from `query` on meets its first keys: all that does not depend on them. */
static void backward_begin(const heed_attention_head *head, backward_tile *b, int64_t query, float *own,
                           float *scratch)
{
    const backward_layout at = backward_layout_of(head);
    const float *q = head->q + query * head->q_stride, *dout = head->dout + query * head->dout_stride;
    tile_shape *t = &b->t;

    *b = (backward_tile){
        .t = tile_of_queries(head, query, head->n_query), .own = own, .exponent = head->scale * log2_e};
    tile_first_keys(t, head);
    b->all_keys = t->last;
    adjust_start(head, t, own + at.adjust);
    pack_transposed(own + at.packed_q, q, head->q_stride, t->n_queries, head->head_dim, 1.0f);
    pack_transposed(own + at.packed_dout, dout, head->dout_stride, t->n_queries, head->v_dim, head->scale);
    if (!b->all_keys) {
        pack_transposed(scratch + at.packed_out, head->out + query * head->out_stride, head->out_stride,
                        t->n_queries, head->v_dim, 1.0f);
        packed_dots(&b->delta, own + at.packed_dout, scratch + at.packed_out, head->v_dim, t->vectors);
    }
    b->q = rows_of(q, head->q_stride, t->n_queries, head->head_dim, own + at.rows_q);
    b->dout = rows_of(dout, head->dout_stride, t->n_queries, head->v_dim, own + at.rows_dout);
    /* of few queries forward has the scores as rows round them, not as the tile here does */
    if (head->max && head->n_query > ROW_QUERIES)
        base_from_saved(b, head, t);
    else if (b->all_keys)
        b->own_base = true;
    else
        base_from_keys(b, head, scratch);
}

static void backward_end(const heed_attention_head *head, const backward_tile *b)
{
    const backward_layout at = backward_layout_of(head);
    const int64_t width = whole_vectors(head->head_dim);

    adjust_finish(head, &b->t, b->own + at.adjust);
    for (int64_t i = 0; width != head->head_dim && i < b->t.n_queries; i++)
        memcpy(head->dq + (b->t.query + i) * head->dq_stride, b->own + at.rows_dq + i * width,
               (size_t)head->head_dim * sizeof(float));
}

/* The tiles of a group go over one block of keys after the other, each tile over the whole block. */
static void backward_of_group(const heed_attention_head *head, int64_t query, float *scratch)
{
    const backward_layout at = backward_layout_of(head);
    const int64_t block = group_keys(head);
    backward_tile tiles[GROUP_TILES];
    int n = 0, n_done = 0;

    for (; n < GROUP_TILES && query < head->n_query; n++, query += QUERIES)
        backward_begin(head, &tiles[n], query, scratch + at.tiles + n * at.tile, scratch);
    for (int64_t end = block; n_done < n; end += block) {
        for (int i = 0; i < n; i++) {
            backward_tile *b = &tiles[i];

            while (!b->done && b->t.key < end) {
                backward_chunk(head, b, scratch);
                b->done = b->t.last;
                n_done += b->done;
                if (!b->done)
                    tile_next_keys(&b->t, head);
            }
        }
    }
    for (int i = 0; i < n; i++)
        backward_end(head, &tiles[i]);
}

/* Copies, or adds, rows of the scratch to where they belong. */
static void deliver_rows(float *y, int64_t stride, const float *rows, int64_t n, int64_t dim, bool accumulate)
{
    const int64_t width = whole_vectors(dim);

    for (int64_t j = 0; j < n; j++)
        for (int64_t d = 0; d < dim; d++)
            y[j * stride + d] = rows[j * width + d] + (accumulate ? y[j * stride + d] : 0.0f);
}

/*
 * Rows of dk or dv that no tile stores become 0. A plain mask leaves those behind the last query's position, and all
 * where there is no query; any other may leave any.
 */
static void clear_unseen(float *y, int64_t stride, int64_t dim, const heed_attention_head *head)
{
    const heed_mask *m = &head->mask;
    const int64_t seen = !mask_is_plain(m) || head->n_query == 0 ? 0
                         : m->causal ? clamp(m->position + head->n_query, 0, head->n_key)
                                     : head->n_key;

    for (int64_t j = seen; j < head->n_key; j++)
        memset(y + j * stride, 0, (size_t)dim * sizeof *y);
}

static void attention_backward(const heed_attention_head *head, float *scratch)
{
    const backward_layout at = backward_layout_of(head);
    const int64_t width = whole_vectors(head->head_dim), v_width = whole_vectors(head->v_dim);

    if (width != head->head_dim)
        clear_unseen(scratch + at.rows_dk, width, width, head);
    else if (!head->accumulate_kv)
        clear_unseen(head->dk, head->dk_stride, width, head);
    if (v_width != head->v_dim)
        clear_unseen(scratch + at.rows_dv, v_width, v_width, head);
    else if (!head->accumulate_kv)
        clear_unseen(head->dv, head->dv_stride, v_width, head);
    for (int64_t query = 0; query < head->n_query; query += GROUP_TILES * QUERIES)
        backward_of_group(head, query, scratch);
    if (width != head->head_dim)
        deliver_rows(head->dk, head->dk_stride, scratch + at.rows_dk, head->n_key, head->head_dim,
                     head->accumulate_kv);
    if (v_width != head->v_dim)
        deliver_rows(head->dv, head->dv_stride, scratch + at.rows_dv, head->n_key, head->v_dim,
                     head->accumulate_kv);
}

/* Floats that attention() or attention_backward() works in. */
static int64_t attention_scratch(const heed_attention_head *head, bool backward)
{
    return backward ? backward_layout_of(head).total : forward_layout_of(head).total;
}
