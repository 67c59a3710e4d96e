/* SPDX-License-Identifier: MIT */
/*
 * Attention of one query, as a token is generated: no tile to fill, the keys and values are read once and that
 * is all. 99 % of the speed of reading them, on one Sapphire Rapids core, where tiles reach 52 %.
 *
 * A block of keys at a time: scores are dot products of rows, the values' rows are combined by the weights. The
 * output's row holds the sum so far, relative to the largest score so far.
 *
 * Needs vector_attention_forward.inc.h and vector_product.inc.h.
 */

enum {
    ROW_KEYS = 256,
};

/* The largest of n numbers. */
INLINE float largest_score(const float *x, int64_t n)
{
    vf max = vf_splat(-INFINITY);
    int64_t j = 0;

    for (; j + LANES <= n; j += LANES)
        max = vf_max(max, vf_load(x + j));
    if (j < n)
        max = vf_max(max, vf_load_first(x + j, n - j, -INFINITY));
    return vf_largest(max);
}

/* x_j = 2^(scale (x_j - max)); returns their sum. */
INLINE float exp_scores(float *x, int64_t n, float max, float scale)
{
    vf sum = vf_splat(0.0f);
    int64_t j = 0;

    for (; j + LANES <= n; j += LANES) {
        const vf p = vf_exp2_not_positive((vf_load(x + j) - max) * scale);

        sum += p;
        vf_store(x + j, p);
    }
    if (j < n) {
        const vf p = vf_exp2_not_positive((vf_load_first(x + j, n - j, -INFINITY) - max) * scale);

        sum += p;
        vf_store_first(x + j, p, n - j);
    }
    return vf_sum(sum);
}

/* x_j *= factor */
INLINE void scale_row(float *x, int64_t n, float factor)
{
    for (int64_t j = 0; j < n; j++)
        x[j] *= factor;
}

static void attention_row(const heed_attention_head *head, int64_t query, float *scores)
{
    const float *q = head->q + query * head->q_stride, scale = head->scale * log2_e;
    const tile_shape t = tile_of_queries(head, query, query + 1);
    const int64_t visible = tile_visible_keys(head, &t);
    float *out = head->out + query * head->out_stride;
    float max = -INFINITY, sum = 0.0f;

    memset(out, 0, (size_t)head->v_dim * sizeof *out);
    for (int64_t key = 0; key < visible; key += ROW_KEYS) {
        const int64_t n = visible - key < ROW_KEYS ? visible - key : ROW_KEYS;

        rows_dot(scores, head->k + key * head->k_stride, head->k_stride, q, NULL, n, head->head_dim);
        const float top = largest_score(scores, n);
        if (top > max) {
            const float factor = vf_exp2_not_positive(vf_splat(max - top) * scale)[0];

            scale_row(out, head->v_dim, factor);
            sum *= factor;
            max = top;
        }
        sum += exp_scores(scores, n, max == -INFINITY ? 0.0f : max, scale);
        rows_combine(out, head->v + key * head->v_stride, head->v_stride, scores, out, head->v_dim, n);
    }
    scale_row(out, head->v_dim, sum == 0.0f ? 0.0f : 1.0f / sum);
    if (head->max)
        head->max[query] = max;
    if (head->sum)
        head->sum[query] = sum;
    if (head->lse)
        head->lse[query] = (max == -INFINITY ? 0.0f : max) * head->scale + vf_log(vf_splat(sum))[0];
}

/* Which way is taken depends on the number of queries alone, so that looking at more changes no bit of out. */
static void attention(const heed_attention_head *head, int64_t query_begin, int64_t query_end, float *scratch)
{
    const bool by_row = head->n_query <= ROW_QUERIES;

    for (int64_t query = query_begin; by_row && query < query_end; query++)
        attention_row(head, query, scratch);
    for (int64_t query = query_begin; !by_row && query < query_end; query += QUERIES) {
        tile_shape t = tile_of_queries(head, query, query_end);

        attention_tile(head, &t, scratch);
    }
}
