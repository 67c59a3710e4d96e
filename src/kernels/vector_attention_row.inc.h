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

/* What a block of one query's scores gets added, and -inf for keys that it does not see; `more` is scratch. */
static void adjust_row(float *scores, const heed_attention_head *head, int64_t query, int64_t key, int64_t n,
                       float *more)
{
    const int64_t position = head->mask.position + query;
    const bool some = heed_mask_tile(&head->mask, query, query + 1, key, key + n) == HEED_SEEN_SOME;
    int64_t first = 0, end = n;

    if (head->relative) {
        while (some && first < end && !heed_mask_sees(&head->mask, query, key + first))
            first++;
        while (some && first < end && !heed_mask_sees(&head->mask, query, key + end - 1))
            end--;
        rows_dot(more, head->relative + (key + first - position) * head->relative_stride, head->relative_stride,
                 head->q_relative + query * head->q_relative_stride, NULL, end - first, head->head_dim);
        for (int64_t j = first; j < end; j++)
            scores[j] += more[j - first];
    }
    for (int64_t j = 0; head->bias && j < n; j++)
        scores[j] += head->bias[query * head->bias_stride + key + j] / head->scale;
    for (int64_t j = 0; head->slope != 0.0f && j < n; j++)
        scores[j] += (float)(key + j - position) * (head->slope / head->scale);
    for (int64_t j = 0; some && j < n; j++)
        if (!heed_mask_sees(&head->mask, query, key + j))
            scores[j] = -INFINITY;
}

/* Shows a block of scores; returns the sum of w log2 w, with w relative to `max`. */
static float show_row(const heed_attention_head *head, int64_t query, int64_t key, const float *scores,
                      int64_t n, float max)
{
    vf sum = vf_splat(0.0f);

    if (head->pattern)
        memcpy(head->pattern + query * head->pattern_stride + key, scores, (size_t)n * sizeof *scores);
    for (int64_t j = 0; head->scores && j < n; j++)
        head->scores[query * head->scores_stride + key + j] = head->scale * scores[j];
    for (int64_t j = 0; head->entropy && j < n; j += LANES) {
        const vf x = vf_load_up_to(scores + j, n - j < LANES ? n - j : LANES, -INFINITY);
        const vf log_w = (x - max) * (head->scale * log2_e), w = vf_exp2_not_positive(log_w);

        sum += vf_select(w == 0.0f, vf_splat(0.0f), w * log_w);
    }
    return vf_sum(sum);
}

/* What has been found of a query's scores so far. */
typedef struct row_sums {
    float max, sum, w_log_w;
} row_sums;

static void save_row(const heed_attention_head *head, int64_t query, const row_sums *s)
{
    const float max = s->max == -INFINITY ? 0.0f : s->max;

    if (head->max)
        head->max[query] = s->max;
    if (head->sum)
        head->sum[query] = s->sum;
    if (head->lse)
        head->lse[query] = max * head->scale + vf_log(vf_splat(s->sum))[0];
    if (head->entropy)
        head->entropy[query] = entropy_of(vf_splat(s->sum), vf_splat(s->w_log_w))[0];
    if (head->pattern)
        finish_pattern(head->pattern + query * head->pattern_stride, head->n_key, max,
                       s->sum == 0.0f ? 0.0f : 1.0f / s->sum, head->scale * log2_e);
}

/* Of what is shown, what nobody sees. */
INLINE void start_row(const heed_attention_head *head, int64_t query)
{
    if (head->scores)
        hide_rows(head->scores + query * head->scores_stride, 0, 1, head->n_key);
    if (head->pattern)
        hide_rows(head->pattern + query * head->pattern_stride, 0, 1, head->n_key);
}

/*
 * n scores, from `key` on, become weights relative to the largest score so far; the `width` sums at `out` move along with
 * it. scores holds 2 ROW_KEYS numbers.
 */
static void weigh_row(const heed_attention_head *head, int64_t query, int64_t key, float *scores, int64_t n,
                      row_sums *s, float *out, int64_t width)
{
    const float scale = head->scale * log2_e;

    adjust_row(scores, head, query, key, n, scores + ROW_KEYS);
    const float top = largest_score(scores, n);
    if (top > s->max) {
        const float shift = (s->max - top) * scale, factor = vf_exp2_not_positive(vf_splat(shift))[0];

        scale_row(out, width, factor);
        s->w_log_w = s->sum == 0.0f ? 0.0f : factor * (s->w_log_w + s->sum * shift);
        s->sum *= factor;
        s->max = top;
    }
    const float max = s->max == -INFINITY ? 0.0f : s->max;
    if (head_is_shown(head))
        s->w_log_w += show_row(head, query, key, scores, n, max);
    s->sum += exp_scores(scores, n, max, scale);
}

static void attention_row(const heed_attention_head *head, int64_t query, float *scores)
{
    const float *q = head->q + query * head->q_stride;
    const heed_key_range range = heed_mask_range(&head->mask, query, query + 1, head->n_key);
    float *out = head->out + query * head->out_stride;
    row_sums s = {.max = -INFINITY};

    memset(out, 0, (size_t)head->v_dim * sizeof *out);
    start_row(head, query);
    for (int64_t key = range.begin; key < range.end; key += ROW_KEYS) {
        const int64_t n = range.end - key < ROW_KEYS ? range.end - key : ROW_KEYS;

        if (heed_mask_tile(&head->mask, query, query + 1, key, key + n) == HEED_SEEN_NONE)
            continue;
        rows_dot(scores, head->k + key * head->k_stride, head->k_stride, q, NULL, n, head->head_dim);
        weigh_row(head, query, key, scores, n, &s, out, head->v_dim);
        rows_combine(out, head->v + key * head->v_stride, head->v_stride, scores, out, head->v_dim, n);
    }
    scale_row(out, head->v_dim, s.sum == 0.0f ? 0.0f : 1.0f / s.sum);
    save_row(head, query, &s);
}

/* Which way is taken depends on the number of queries alone, so that looking at more changes no bit of out. */
static void attention(const heed_attention_head *head, int64_t query_begin, int64_t query_end, float *scratch)
{
    const bool by_row = head->n_query <= ROW_QUERIES;

    for (int64_t query = query_begin; by_row && query < query_end; query++)
        attention_row(head, query, scratch);
    for (int64_t query = query_begin; !by_row && query < query_end; query += GROUP_TILES * QUERIES)
        forward_of_group(head, query, query_end, scratch);
}
