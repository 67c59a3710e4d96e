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
    int64_t packed_q, tile, out, packed_v, adjust, total;
} forward_layout;

INLINE forward_layout forward_layout_of(const heed_attention_head *head)
{
    const int64_t width = whole_vectors(head->v_dim);
    forward_layout at;

    at.packed_q = 0;
    at.tile = at.packed_q + head->head_dim * QUERIES;
    at.out = at.tile + (int64_t)CHUNK_MAX * QUERIES;
    at.packed_v = at.out + QUERIES * width;
    at.adjust = at.packed_v + (width != head->v_dim ? CHUNK_MAX * width : 0);
    at.total = at.adjust + relative_layout_of(head, false).total;
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

/* One chunk's scores become weights; it is shown between, if asked. */
INLINE void forward_weights(const heed_attention_head *head, const tile_shape *t, float *scratch,
                            query_values *max, query_values *sum, query_values *factor, tile_view *view)
{
    const forward_layout at = forward_layout_of(head);
    float *tile = scratch + at.tile;

    tile_scores(tile, t, head->k, head->k_stride, scratch + at.packed_q, head->head_dim);
    tile_adjust(tile, t, head, scratch + at.adjust);
    tile_mask(tile, t);
    if (head_is_shown(head))
        show_chunk(view, head, max, sum, tile, t);
    tile_weights(max, sum, factor, tile, head->scale * log2_e, t);
    tile_clear_below_edges(tile, t);
}

static void attention_tile(const heed_attention_head *head, tile_shape *t, float *scratch)
{
    const forward_layout at = forward_layout_of(head);
    const int64_t width = whole_vectors(head->v_dim);
    const bool whole = width == head->v_dim;
    float *sums = scratch + at.out, *out = head->out + t->query * head->out_stride;
    query_values max, sum, factor, inverse;
    tile_view view;

    pack_transposed(scratch + at.packed_q, head->q + t->query * head->q_stride, head->q_stride, t->n_queries,
                    head->head_dim, 1.0f);
    adjust_start(head, t, scratch + at.adjust);
    statistics_start(&max, &sum);
    show_start(&view, head, t);
    for (tile_first_keys(t, head);; tile_next_keys(t, head)) {
        forward_weights(head, t, scratch, &max, &sum, &factor, &view);

        const float *v = head->v + t->key * head->v_stride;
        block_target to = {.out = sums, .out_stride = width, .factor = (const float *)&factor};

        if (!t->first) {
            to.previous = sums;
            to.previous_stride = width;
        }
        if (t->last) {
            invert_sums(&inverse, &sum);
            to.post = (const float *)&inverse;
            if (whole) {
                to.out = out;
                to.out_stride = head->out_stride;
            }
        }
        const whole_rows rows = rows_of(v, head->v_stride, t->n_keys, head->v_dim, scratch + at.packed_v);
        tile_by_query(&to, scratch + at.tile, t, rows.from, rows.stride, width);
        if (t->last)
            break;
    }
    for (int64_t i = 0; !whole && i < t->n_queries; i++)
        memcpy(out + i * head->out_stride, sums + i * width, (size_t)head->v_dim * sizeof *out);
    save_statistics(head, t, &max, &sum);
    if (head_is_shown(head))
        show_finish(&view, head, &max, &sum, &inverse, t);
}
