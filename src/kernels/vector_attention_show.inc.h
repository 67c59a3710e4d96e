/* SPDX-License-Identifier: MIT */
/*
 * What attention shows of a tile when it is asked: scores, pattern and entropy. Nothing here writes to what `out` is
 * made from, so out keeps its bits.
 *
 *   entropy = -sum_j p_j log p_j = log sum_i - sum_j w_j log w_j / sum_i,  w_j = exp(scale (s_j - max_i))
 *
 * The sum of w log w moves along with the largest score like the sum of w: a score that is x larger multiplies all w by
 * e^-x and takes x from all log w. The pattern's rows hold the scores until max and sum are final.
 *
 * Needs vector_attention_softmax.inc.h.
 */

/* The sum so far of w_j log2 w_j. */
typedef struct tile_view {
    query_values w_log_w;
} tile_view;

INLINE bool head_is_shown(const heed_attention_head *head)
{
    return head->entropy || head->scores || head->pattern;
}

/* n rows of n_key numbers that are -inf: what nobody sees stays so. */
static void hide_rows(float *x, int64_t stride, int64_t n, int64_t n_key)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n_key; j++)
            x[i * stride + j] = -INFINITY;
}

static void show_start(tile_view *view, const heed_attention_head *head, const tile_shape *t)
{
    for (int v = 0; v < TILE_VECTORS; v++)
        view->w_log_w.v[v] = vf_splat(0.0f);
    if (head->scores)
        hide_rows(head->scores + t->query * head->scores_stride, head->scores_stride, t->n_queries,
                  head->n_key);
    if (head->pattern)
        hide_rows(head->pattern + t->query * head->pattern_stride, head->pattern_stride, t->n_queries,
                  head->n_key);
}

/* y[i][j] = factor tile[j][i] for what is computed of the chunk; y is the chunk's first number of the tile's first row */
static void show_tile(float *y, int64_t stride, const float *tile, float factor, const tile_shape *t)
{
    for (int64_t i = 0; i < t->n_queries; i += 4) {
        const int64_t low = t->low[i / LANES], edge = t->edge[i / LANES + 1];

        for (int64_t j = low; j < edge; j += LANES) {
            const int64_t keys = edge - j < LANES ? edge - j : LANES;
            vf query[4];

            load_columns_of(query, tile + j * QUERIES + i, QUERIES, keys, 4, factor);
            for (int64_t c = 0; c < 4 && i + c < t->n_queries; c++)
                vf_store_up_to(y + (i + c) * stride + j, query[c], keys);
        }
    }
}

/* The chunk's w log w; max and sum are those from before the chunk. */
static void show_entropy(tile_view *view, const query_values *max, const query_values *sum, const float *tile,
                         float exponent, const tile_shape *t)
{
    query_values top = *max;

    tile_max(&top, tile, t);
    for (int v = 0; v < t->vectors; v++) {
        const float *x = tile + t->low[v] * QUERIES + v * LANES;
        const vf zero = vf_splat(0.0f), largest = finite_max(top.v[v]);
        const vf shift = (max->v[v] - largest) * exponent;
        vf s = vf_select(sum->v[v] == 0.0f, zero,
                         vf_exp2_not_positive(shift) * (view->w_log_w.v[v] + sum->v[v] * shift));

        for (int64_t j = t->low[v]; j < t->edge[v + 1]; j++, x += QUERIES) {
            const vf log_w = (vf_load(x) - largest) * exponent, w = vf_exp2_not_positive(log_w);

            s += vf_select(w == 0.0f, zero, w * log_w);
        }
        view->w_log_w.v[v] = s;
    }
}

/* One chunk's scores, masked, before they become weights. */
static void show_chunk(tile_view *view, const heed_attention_head *head, const query_values *max,
                       const query_values *sum, const float *tile, const tile_shape *t)
{
    if (head->entropy)
        show_entropy(view, max, sum, tile, head->scale * log2_e, t);
    if (head->scores)
        show_tile(head->scores + t->query * head->scores_stride + t->key, head->scores_stride, tile,
                  head->scale, t);
    if (head->pattern)
        show_tile(head->pattern + t->query * head->pattern_stride + t->key, head->pattern_stride, tile, 1.0f,
                  t);
}

/* Scores become weights. */
static void finish_pattern(float *x, int64_t n, float max, float inverse, float exponent)
{
    for (int64_t j = 0; j < n; j += LANES) {
        const int64_t count = n - j < LANES ? n - j : LANES;
        const vf score = vf_load_up_to(x + j, count, -INFINITY);

        vf_store_up_to(x + j, vf_exp2_not_positive((score - max) * exponent) * inverse, count);
    }
}

/* log sum - sum w log w / sum, which is not negative; 0 where nothing is seen. */
INLINE vf entropy_of(vf sum, vf w_log2_w)
{
    const vf zero = vf_splat(0.0f), entropy = vf_log(sum) - w_log2_w * ln_2 / sum;

    return vf_select((sum == 0.0f) | (entropy < zero), zero, entropy);
}

static void show_finish(const tile_view *view, const heed_attention_head *head, const query_values *max,
                        const query_values *sum, const query_values *inverse, const tile_shape *t)
{
    query_values top, entropy;

    for (int v = 0; v < TILE_VECTORS; v++) {
        top.v[v] = finite_max(max->v[v]);
        entropy.v[v] = entropy_of(sum->v[v], view->w_log_w.v[v]);
    }
    if (head->entropy)
        memcpy(head->entropy + t->query, &entropy, (size_t)t->n_queries * sizeof(float));
    for (int64_t i = 0; head->pattern && i < t->n_queries; i++)
        finish_pattern(head->pattern + (t->query + i) * head->pattern_stride, head->n_key,
                       ((const float *)&top)[i], ((const float *)inverse)[i], head->scale * log2_e);
}
