/* SPDX-License-Identifier: MIT */
/*
 * Attention, forward: out_i = sum_j p_ij v_j,  p_ij = exp(s_ij - lse_i),  s_ij = scale q_i . k_j + …
 *
 * Keys come in chunks; the largest score so far and the sum of the weights relative to it are kept for each
 * query, and what was summed is rescaled when a larger score appears (Milakov and Gimelshein 2018,
 * arXiv:1805.02867; Dao et al. 2022, arXiv:2205.14135). So memory depends on the tile alone.
 *
 * Needs vector_attention_adjust.inc.h and vector_attention_show.inc.h.
 */

/* ---- one tile of queries ---- */

/* Where the parts of the scratch lie, in floats. */
typedef struct forward_layout {
    int64_t tile, packed_v, tiles, total;
    int64_t packed_q, out, adjust,
        own; /* a tile's own parts, and their size: GROUP_TILES times from `tiles` on */
} forward_layout;

INLINE forward_layout forward_layout_of(const heed_attention_head *head)
{
    const int64_t width = whole_vectors(head->v_dim);
    forward_layout at;

    at.tile = 0;
    at.packed_v = at.tile + (int64_t)CHUNK_MAX * QUERIES;
    at.tiles = at.packed_v + (width != head->v_dim ? CHUNK_MAX * width : 0);
    at.packed_q = 0;
    at.out = at.packed_q + head->head_dim * QUERIES;
    at.adjust = at.out + QUERIES * width;
    at.own = whole_vectors(at.adjust + relative_layout_of(head, false).total);
    at.total = at.tiles + GROUP_TILES * at.own;
    return at;
}

/* Writes what was found out about the tile's queries to where it is asked for. */
static void save_statistics(const heed_attention_head *head, const tile_shape *t, const query_values *max,
                            const query_values *sum)
{
    const size_t bytes = (size_t)t->n_queries * sizeof(float);

    if (head->max)
        memcpy(head->max + t->query, max, bytes);
    if (head->sum)
        memcpy(head->sum + t->query, sum, bytes);
    if (head->lse) {
        query_values lse;

        for (int v = 0; v < t->vectors; v++)
            lse.v[v] = finite_max(max->v[v]) * head->scale + vf_log(sum->v[v]);
        memcpy(head->lse + t->query, &lse, bytes);
    }
}

/* A tile of queries on its way over the keys. */
typedef struct forward_tile {
    tile_shape t;
    bool done;  /* it has met all its keys */
    float *own; /* its own parts of the scratch */
    query_values max, sum, inverse;
    tile_view view;
} forward_tile;

/* One chunk's scores become weights; it is shown between, if asked. factor: what earlier sums are multiplied by. */
INLINE void forward_weights(const heed_attention_head *head, forward_tile *f, query_values *factor,
                            float *scratch)
{
    const forward_layout at = forward_layout_of(head);
    float *tile = scratch + at.tile;

    tile_scores(tile, &f->t, head->k, head->k_stride, f->own + at.packed_q, head->head_dim);
    tile_adjust(tile, &f->t, head, f->own + at.adjust);
    tile_mask(tile, &f->t);
    if (head_is_shown(head))
        show_chunk(&f->view, head, &f->max, &f->sum, tile, &f->t);
    tile_weights(&f->max, &f->sum, factor, tile, head->scale * log2_e, &f->t);
    tile_clear_below_edges(tile, &f->t);
}

/* The tile of the queries query .. query_end - 1 meets its first keys. */
static void forward_begin(const heed_attention_head *head, forward_tile *f, int64_t query, int64_t query_end,
                          float *own)
{
    const forward_layout at = forward_layout_of(head);

    f->t = tile_of_queries(head, query, query_end);
    f->done = false;
    f->own = own;
    pack_transposed(own + at.packed_q, head->q + query * head->q_stride, head->q_stride, f->t.n_queries,
                    head->head_dim, 1.0f);
    adjust_start(head, &f->t, own + at.adjust);
    statistics_start(&f->max, &f->sum);
    show_start(&f->view, head, &f->t);
    tile_first_keys(&f->t, head);
}

/* One chunk: its weights, and what they take from the values. */
static void forward_chunk(const heed_attention_head *head, forward_tile *f, float *scratch)
{
    const forward_layout at = forward_layout_of(head);
    const int64_t width = whole_vectors(head->v_dim);
    const tile_shape *t = &f->t;
    float *sums = f->own + at.out;
    query_values factor;

    forward_weights(head, f, &factor, scratch);

    block_target to = {.out = sums, .out_stride = width, .factor = (const float *)&factor};
    const whole_rows v = rows_of(head->v + t->key * head->v_stride, head->v_stride, t->n_keys, head->v_dim,
                                 scratch + at.packed_v);

    if (!t->first) {
        to.previous = sums;
        to.previous_stride = width;
    }
    if (t->last) {
        invert_sums(&f->inverse, &f->sum);
        to.post = (const float *)&f->inverse;
        if (width == head->v_dim) {
            to.out = head->out + t->query * head->out_stride;
            to.out_stride = head->out_stride;
        }
    }
    tile_by_query(&to, scratch + at.tile, t, v.from, v.stride, width);
}

static void forward_end(const heed_attention_head *head, const forward_tile *f)
{
    const forward_layout at = forward_layout_of(head);
    const int64_t width = whole_vectors(head->v_dim);

    for (int64_t i = 0; width != head->v_dim && i < f->t.n_queries; i++)
        memcpy(head->out + (f->t.query + i) * head->out_stride, f->own + at.out + i * width,
               (size_t)head->v_dim * sizeof(float));
    save_statistics(head, &f->t, &f->max, &f->sum);
    if (head_is_shown(head))
        show_finish(&f->view, head, &f->max, &f->sum, &f->inverse, &f->t);
}

/* The tiles of a group go over one block of keys after the other, each tile over the whole block. */
static void forward_of_group(const heed_attention_head *head, int64_t query, int64_t query_end, float *scratch)
{
    const forward_layout at = forward_layout_of(head);
    const int64_t block = group_keys(head);
    forward_tile tiles[GROUP_TILES];
    int n = 0, n_done = 0;

    for (; n < GROUP_TILES && query < query_end; n++, query += QUERIES)
        forward_begin(head, &tiles[n], query, query_end, scratch + at.tiles + n * at.own);
    for (int64_t end = block; n_done < n; end += block) {
        for (int i = 0; i < n; i++) {
            forward_tile *f = &tiles[i];

            while (!f->done && f->t.key < end) {
                forward_chunk(head, f, scratch);
                f->done = f->t.last;
                n_done += f->done;
                if (!f->done)
                    tile_next_keys(&f->t, head);
            }
        }
    }
    for (int i = 0; i < n; i++)
        forward_end(head, &tiles[i]);
}
