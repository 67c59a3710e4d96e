/* SPDX-License-Identifier: MIT */
/*
 * Attention, forward: out_i = sum_j p_ij v_j,  p_ij = exp(s_ij - lse_i),  s_ij = scale q_i . k_j
 *
 * Keys come in chunks; the largest score so far and the sum of the weights relative to it are kept for each
 * query, and what was summed is rescaled when a larger score appears (Milakov and Gimelshein 2018,
 * arXiv:1805.02867; Dao et al. 2022, arXiv:2205.14135). So memory depends on the tile alone.
 *
 * Needs vector_attention_pack.inc.h.
 */

/*
 * 2^t for t <= 0, exactly 0 below -100, NaN for NaN.
 *
 * t + (1.5 * 2^23 + 127) rounds to the integer n and leaves n + 127, the exponent of 2^n, in the low bits.
 * 2^(t - n) is the polynomial of degree 5 with the smallest relative error on [-1/2, 1/2] that is 1 at 0: 1.4 *
 * 2^-23.
 */
INLINE vf vf_exp2_not_positive(vf t)
{
    const vf round = vf_splat(12583039.0f);
    const vf shifted = t + round;
    const vf f = t - (shifted - round);
    vf p = vf_splat(0.001326472667f);

    p = p * f + vf_splat(0.009671512677f);
    p = p * f + vf_splat(0.05550733745f);
    p = p * f + vf_splat(0.2402224208f);
    p = p * f + vf_splat(0.6931469776f);
    p = p * f + vf_splat(1.0f);
    p = p * (vf)((vi)shifted << 23);
    return (vf)((vi)p & ~(t < vf_splat(-100.0f)));
}

/*
 * ln x for finite x >= 2^-126, -inf for 0, NaN for NaN: x = 2^e m with sqrt(1/2) <= m < sqrt(2),
 * ln m = 2 (s + s^3/3 + s^5/5 + …), s = (m - 1) / (m + 1), |s| < 0.172.
 */
INLINE vf vf_log(vf x)
{
    const vi root_half = vi_splat(0x3f3504f3);
    const vi e = ((vi)x - root_half) >> 23;
    const vf m = (vf)((vi)x - (e << 23));
    const vf s = (m - 1.0f) / (m + 1.0f), z = s * s;
    vf series = vf_splat(2.0f / 9.0f);
    vf exponent;

    series = series * z + 2.0f / 7.0f;
    series = series * z + 2.0f / 5.0f;
    series = series * z + 2.0f / 3.0f;
    UNROLL
    for (int l = 0; l < LANES; l++)
        exponent[l] = (float)e[l];
    vf y = exponent * ln_2 + (s * 2.0f + s * z * series);
    y = vf_select(x == 0.0f, vf_splat(-INFINITY), y);
    return vf_select(x == x, y, x);
}

/* ---- softmax of a tile ---- */

/* max_i = the larger of max_i and every score that query i sees: vector v sees the rows before edge[v + 1]. */
static void tile_max(query_values *max, const float *tile, const tile_shape *t)
{
    for (int v = 0; v < t->vectors; v++) {
        const float *x = tile + v * LANES;
        const int64_t n = t->edge[v + 1];
        vf m = max->v[v];
        int64_t j = 0;

        for (; j + 4 <= n;
             j += 4, x += 4 * QUERIES) { /* in pairs: a maximum waits for another once in 4 rows */
            const vf a = vf_max(vf_load(x), vf_load(x + QUERIES));
            const vf b = vf_max(vf_load(x + 2 * QUERIES), vf_load(x + 3 * QUERIES));

            m = vf_max(m, vf_max(a, b));
        }
        for (; j < n; j++, x += QUERIES)
            m = vf_max(m, vf_load(x));
        max->v[v] = m;
    }
}

/*
 * Scores become weights 2^(scale (score - max)); sum_i gets their sum added. max is finite, 0 where nothing is
 * seen.
 */
static void tile_exp(query_values *sum, float *tile, const query_values *max, float scale, const tile_shape *t)
{
    for (int v = 0; v < t->vectors; v++) {
        float *x = tile + v * LANES;
        const vf m = max->v[v];
        vf s = sum->v[v];

        for (int64_t j = 0; j < t->edge[v + 1]; j++, x += QUERIES) {
            const vf p = vf_exp2_not_positive((vf_load(x) - m) * scale);

            s += p;
            vf_store(x, p);
        }
        sum->v[v] = s;
    }
}

/* -inf, of a query that has seen nothing yet, becomes 0: there is no -inf - -inf then. */
INLINE vf finite_max(vf max)
{
    return vf_select(max == -INFINITY, vf_splat(0.0f), max);
}

/* One chunk's scores become weights; max and sum move on. factor: what earlier sums are to be multiplied by. */
INLINE void tile_softmax(query_values *max, query_values *sum, query_values *factor, float *tile, float scale,
                         const tile_shape *t)
{
    const query_values before = *max;
    query_values top;

    tile_mask(tile, t);
    tile_max(max, tile, t);
    for (int v = 0; v < t->vectors; v++) {
        top.v[v] = finite_max(max->v[v]);
        factor->v[v] = vf_exp2_not_positive((before.v[v] - top.v[v]) * scale);
        sum->v[v] *= factor->v[v];
    }
    tile_exp(sum, tile, &top, scale, t);
}

INLINE void statistics_start(query_values *max, query_values *sum)
{
    for (int v = 0; v < TILE_VECTORS; v++) {
        max->v[v] = vf_splat(-INFINITY);
        sum->v[v] = vf_splat(0.0f);
    }
}

/* 1 / sum, and 0 where nothing was seen. */
INLINE void invert_sums(query_values *inverse, const query_values *sum)
{
    for (int v = 0; v < TILE_VECTORS; v++)
        inverse->v[v] = vf_select(sum->v[v] == 0.0f, vf_splat(0.0f), 1.0f / sum->v[v]);
}

/* ---- one tile of queries ---- */

/* Where the parts of the scratch lie, in floats. */
typedef struct forward_layout {
    int64_t packed_q, tile, out, packed_v, total;
} forward_layout;

INLINE forward_layout forward_layout_of(const heed_attention_head *head)
{
    const int64_t width = whole_vectors(head->v_dim);
    forward_layout at;

    at.packed_q = 0;
    at.tile = at.packed_q + head->head_dim * QUERIES;
    at.out = at.tile + (int64_t)CHUNK_MAX * QUERIES;
    at.packed_v = at.out + QUERIES * width;
    at.total = at.packed_v + (width != head->v_dim ? CHUNK_MAX * width : 0);
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

static void attention_tile(const heed_attention_head *head, tile_shape *t, float *scratch)
{
    const forward_layout at = forward_layout_of(head);
    const int64_t visible = tile_visible_keys(head, t), width = whole_vectors(head->v_dim);
    const bool whole = width == head->v_dim;
    float *tile = scratch + at.tile, *sums = scratch + at.out;
    float *out = head->out + t->query * head->out_stride;
    query_values max, sum, factor, inverse;

    pack_transposed(scratch + at.packed_q, head->q + t->query * head->q_stride, head->q_stride, t->n_queries,
                    head->head_dim, 1.0f);
    statistics_start(&max, &sum);
    for (int64_t key = 0; key == 0 || key < visible; key += t->n_keys) {
        tile_take_keys(t, head, key, visible);
        tile_scores(tile, t, head->k, head->k_stride, scratch + at.packed_q, head->head_dim);
        tile_softmax(&max, &sum, &factor, tile, head->scale * log2_e, t);
        tile_clear_below_edges(tile, t);

        const bool last = key + t->n_keys >= visible;
        const float *v = head->v + key * head->v_stride;
        block_target to = {.out = sums, .out_stride = width, .factor = (const float *)&factor};

        if (key > 0) {
            to.previous = sums;
            to.previous_stride = width;
        }
        if (last) {
            invert_sums(&inverse, &sum);
            to.post = (const float *)&inverse;
            if (whole) {
                to.out = out;
                to.out_stride = head->out_stride;
            }
        }
        const whole_rows rows = rows_of(v, head->v_stride, t->n_keys, head->v_dim, scratch + at.packed_v);
        tile_by_query(&to, tile, t, rows.from, rows.stride, width);
        if (last)
            break;
    }
    for (int64_t i = 0; !whole && i < t->n_queries; i++)
        memcpy(out + i * head->out_stride, sums + i * width, (size_t)head->v_dim * sizeof *out);
    save_statistics(head, t, &max, &sum);
}
