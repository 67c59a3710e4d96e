/* SPDX-License-Identifier: MIT */
/*
 * Attention over bfloat16, forward, in tiles of HALF_QUERIES queries by chunks of HALF_KEYS keys:
 *
 *   scores[j][i] = k_j . q_i      p = 2^(scale log2(e) (scores - max_i))      sums[d][i] += sum_j v[j][d] p[j][i]
 *
 * Queries run along the lanes, so that the largest score, the sum and what rescales earlier sums are vertical, as in
 * vector_attention_forward.inc.h. Scores, statistics and sums are floats; weights are rounded once, as words of two keys.
 *
 * K is copied, and V turned into columns, once a call, chunk by chunk, filled up with zeros. A key or value that is not finite
 * may reach the 63 queries before it (0 * inf). Needs vector_attention_bf16_keys.inc.h.
 */

/* What is known of the 16 queries of a vector. */
typedef struct half_state {
    __m512 max;  /* the largest score */
    __m512 base; /* scale log2(e) max, 0 where nothing was seen: p = 2^(scale log2(e) score - base) */
    __m512 sum, factor;
} half_state;

enum { HALF_VECTORS = HALF_QUERIES / 16 };

/* Where the parts of the scratch lie, in floats. */
typedef struct half_forward_layout {
    int64_t k, v, work, rows_q, packed_q, scores, weights, sums, total;
} half_forward_layout;

/* Keys filled up to whole chunks. */
INLINE int64_t whole_chunks(int64_t n_key)
{
    return (n_key + HALF_KEYS - 1) / HALF_KEYS * HALF_KEYS;
}

INLINE half_forward_layout half_forward_layout_of(const heed_attention_head *head)
{
    const int64_t width = whole_blocks(head->head_dim), v_width = whole_blocks(head->v_dim);
    const int64_t n_key = whole_chunks(head->n_key);
    half_forward_layout at;

    at.k = 0;
    at.v = at.k + n_key * width / 2;
    at.work = at.v + n_key * v_width / 2;
    at.rows_q = at.work + HALF_KEYS * v_width;
    at.packed_q = at.rows_q + HALF_QUERIES * width / 2;
    at.scores = at.packed_q + HALF_QUERIES * width / 2;
    at.weights = at.scores + HALF_KEYS * HALF_BLOCK;
    at.sums = at.weights + HALF_KEYS * HALF_BLOCK / 2;
    at.total = at.sums + HALF_QUERIES * v_width;
    return at;
}

/* Chunk after chunk: K as rows, V as columns [v_width][HALF_KEYS]. */
static void pack_keys(const heed_attention_bf16 *a, heed_key_range range, const half_forward_layout *at,
                      float *scratch)
{
    const heed_attention_head *head = &a->head;
    const int64_t width = whole_blocks(head->head_dim), v_width = whole_blocks(head->v_dim);
    uint16_t *k = (uint16_t *)(void *)(scratch + at->k), *v = (uint16_t *)(void *)(scratch + at->v);
    uint16_t *rows = (uint16_t *)(void *)(scratch + at->work);
    uint32_t *words = (uint32_t *)(void *)(scratch + at->work + HALF_KEYS * v_width / 2);

    for (int64_t key = range.begin / HALF_KEYS * HALF_KEYS; key < range.end; key += HALF_KEYS) {
        const int64_t n = head->n_key - key < HALF_KEYS ? head->n_key - key : HALF_KEYS;

        fill_rows(k + key * width, width, HALF_KEYS, a->k + key * head->k_stride, head->k_stride, n,
                  head->head_dim);
        fill_rows(rows, v_width, HALF_KEYS, a->v + key * head->v_stride, head->v_stride, n, head->v_dim);
        fill_columns(v + key * v_width, rows, HALF_KEYS, v_width, words);
    }
}

/* Q as words [width / 2][HALF_QUERIES]; `rows` keeps its rows. */
static void pack_queries(uint32_t *packed, uint16_t *rows, const uint16_t *q, int64_t stride, int64_t n,
                         int64_t dim)
{
    const int64_t width = whole_blocks(dim);

    fill_rows(rows, width, HALF_QUERIES, q, stride, n, dim);
    transpose_words(packed, HALF_QUERIES, (const uint32_t *)(const void *)rows, width / 2, HALF_QUERIES,
                    width / 2);
}

/* max moves on to the largest of rows begin .. end - 1, an even number of them. */
INLINE __m512 largest_of(__m512 max, const float *scores, int64_t begin, int64_t end)
{
    __m512 other = max;

    for (int64_t j = begin; j < end; j += 2) {
        max = _mm512_max_ps(_mm512_loadu_ps(scores + j * HALF_BLOCK), max);
        other = _mm512_max_ps(_mm512_loadu_ps(scores + (j + 1) * HALF_BLOCK), other);
    }
    return _mm512_max_ps(max, other);
}

/* The largest score is found, and what that does to base and to earlier sums. */
INLINE void half_move_on(half_state *s, const float *scores, int64_t begin, int64_t end, __m512 exponent)
{
    const __m512 max = largest_of(s->max, scores, begin, end);
    const __mmask16 seen = _mm512_cmp_ps_mask(max, _mm512_set1_ps(-INFINITY), _CMP_NEQ_UQ);
    const __mmask16 before = _mm512_cmp_ps_mask(s->max, _mm512_set1_ps(-INFINITY), _CMP_NEQ_UQ);
    const __m512 base = _mm512_maskz_mul_ps(seen, max, exponent);

    /* to the last digit: factors of many chunks multiply */
    s->factor = _mm512_maskz_mov_ps(before, (__m512)vf_exp2_not_positive((vf)_mm512_sub_ps(s->base, base)));
    s->sum = _mm512_mul_ps(s->sum, s->factor);
    s->max = max;
    s->base = base;
}

/* Scores of block b become weights, as words of two keys; rows that the block does not see become zeros. */
static void half_softmax_block(half_state s[HALF_VECTORS], const float *scores, uint32_t *weights,
                               const half_tile *t, int b, __m512 exponent)
{
    const int64_t begin = t->low[b] / 2 * 2, end = (t->high[b] + 1) / 2 * 2;
    half_state *s0 = &s[2 * b], *s1 = &s[2 * b + 1];

    half_move_on(s0, scores, begin, end, exponent);
    half_move_on(s1, scores + 16, begin, end, exponent);

    const __m512 base0 = s0->base, base1 = s1->base;
    __m512 sum0 = s0->sum, sum1 = s1->sum, more0 = _mm512_setzero_ps(), more1 = more0;

    for (int64_t j = begin; j < end; j += 2) {
        const float *x = scores + j * HALF_BLOCK, *y = x + HALF_BLOCK;
        const __m512 p0 = half_exp2(_mm512_fmsub_ps(_mm512_loadu_ps(x), exponent, base0));
        const __m512 p1 = half_exp2(_mm512_fmsub_ps(_mm512_loadu_ps(x + 16), exponent, base1));
        const __m512 r0 = half_exp2(_mm512_fmsub_ps(_mm512_loadu_ps(y), exponent, base0));
        const __m512 r1 = half_exp2(_mm512_fmsub_ps(_mm512_loadu_ps(y + 16), exponent, base1));

        sum0 = _mm512_add_ps(sum0, p0);
        sum1 = _mm512_add_ps(sum1, p1);
        more0 = _mm512_add_ps(more0, r0);
        more1 = _mm512_add_ps(more1, r1);
        _mm512_storeu_si512(weights + j / 2 * HALF_BLOCK, round_words(p0, r0));
        _mm512_storeu_si512(weights + j / 2 * HALF_BLOCK + 16, round_words(p1, r1));
    }
    s0->sum = _mm512_add_ps(sum0, more0);
    s1->sum = _mm512_add_ps(sum1, more1);
    for (int64_t j = block_begin(t, b); j < block_end(t, b); j += 2)
        if (j < begin || j >= end) {
            _mm512_storeu_si512(weights + j / 2 * HALF_BLOCK, _mm512_setzero_si512());
            _mm512_storeu_si512(weights + j / 2 * HALF_BLOCK + 16, _mm512_setzero_si512());
        }
}

/* Sums of block b from earlier chunks, times the factors; nothing to do where those are all 1. */
static void half_rescale(float *sums, int64_t v_width, const half_state s[HALF_VECTORS], int b)
{
    const __m512 f0 = s[2 * b].factor, f1 = s[2 * b + 1].factor, one = _mm512_set1_ps(1.0f);

    if ((_mm512_cmp_ps_mask(f0, one, _CMP_NEQ_UQ) | _mm512_cmp_ps_mask(f1, one, _CMP_NEQ_UQ)) == 0)
        return;
    sums += b * HALF_BLOCK;
    for (int64_t d = 0; d < v_width; d++, sums += HALF_QUERIES) {
        _mm512_storeu_ps(sums, _mm512_mul_ps(_mm512_loadu_ps(sums), f0));
        _mm512_storeu_ps(sums + 16, _mm512_mul_ps(_mm512_loadu_ps(sums + 16), f1));
    }
}

INLINE void half_start(half_state s[HALF_VECTORS])
{
    for (int v = 0; v < HALF_VECTORS; v++) {
        s[v].max = _mm512_set1_ps(-INFINITY);
        s[v].base = s[v].sum = s[v].factor = _mm512_setzero_ps();
    }
}

/*
 * Columns of floats, times a factor a column, rounded and turned back into rows: y[i][d] = factor_i x[d][i]. work holds
 * HALF_QUERIES * width words.
 */
static void deliver_columns(uint16_t *y, int64_t stride, const float *x, int64_t width, int64_t n, int64_t dim,
                            const __m512 factor[HALF_VECTORS], uint32_t *work)
{
    uint32_t *words = work, *rows = work + HALF_QUERIES * width / 2;

    for (int64_t d = 0; d < width; d += 2, x += 2 * HALF_QUERIES)
        for (int v = 0; v < HALF_VECTORS; v++)
            _mm512_storeu_si512(
                words + d / 2 * HALF_QUERIES + v * 16,
                round_words(_mm512_mul_ps(_mm512_loadu_ps(x + v * 16), factor[v]),
                            _mm512_mul_ps(_mm512_loadu_ps(x + HALF_QUERIES + v * 16), factor[v])));
    transpose_words(rows, width / 2, words, HALF_QUERIES, width / 2, HALF_QUERIES);
    for (int64_t i = 0; i < n; i++)
        memcpy(y + i * stride, (const uint16_t *)(const void *)rows + i * width, (size_t)dim * sizeof *y);
}

/* The same, not rounded. */
static void deliver_floats(float *y, int64_t stride, const float *x, int64_t n, int64_t dim,
                           const __m512 factor[HALF_VECTORS])
{
    float factors[HALF_QUERIES];

    memcpy(factors, factor, sizeof factors);
    for (int64_t i = 0; i < n; i++)
        for (int64_t d = 0; d < dim; d++)
            y[i * stride + d] = factors[i] * x[d * HALF_QUERIES + i];
}

/* max, sum and lse of the tile's queries, where they are asked for. */
static void half_save(const heed_attention_head *head, const half_tile *t, const half_state s[HALF_VECTORS])
{
    float max[HALF_QUERIES], sum[HALF_QUERIES], lse[HALF_QUERIES];
    const size_t bytes = (size_t)t->n_queries * sizeof(float);

    for (int v = 0; v < HALF_VECTORS; v++) {
        _mm512_storeu_ps(max + v * 16, s[v].max);
        _mm512_storeu_ps(sum + v * 16, s[v].sum);
        vf_store(lse + v * 16, (vf)s[v].base * ln_2 + vf_log((vf)s[v].sum));
    }
    if (head->max)
        memcpy(head->max + t->query, max, bytes);
    if (head->sum)
        memcpy(head->sum + t->query, sum, bytes);
    if (head->lse)
        memcpy(head->lse + t->query, lse, bytes);
}

/* Scores of block b with the chunk, -inf where hidden. */
static void half_block_scores(const heed_attention_head *head, const half_tile *t, int b, const uint16_t *k,
                              const uint32_t *packed_q, float *scores)
{
    const int64_t width = whole_blocks(head->head_dim);

    half_scores(scores, t, b, k + t->key * width, width, packed_q);
    half_hide(scores, t, b, &head->mask);
}

/* What was asked for beside out, from the largest score and the sum that are known now. */
static void half_show(const heed_attention_head *head, half_tile *t, const half_state s[HALF_VECTORS],
                      const uint16_t *k, const uint32_t *packed_q, float *scores)
{
    float max[HALF_QUERIES], sum[HALF_QUERIES];

    for (int v = 0; v < HALF_VECTORS; v++) {
        _mm512_storeu_ps(max + v * 16, (__m512)finite_max((vf)s[v].max));
        _mm512_storeu_ps(sum + v * 16, s[v].sum);
    }
    for (int64_t i = 0; i < t->n_queries; i++) {
        const int64_t query = t->query + i;

        for (int64_t j = 0; j < head->n_key; j++) {
            if (head->scores)
                head->scores[query * head->scores_stride + j] = -INFINITY;
            if (head->pattern)
                head->pattern[query * head->pattern_stride + j] = 0.0f;
        }
        if (head->entropy)
            head->entropy[query] = 0.0f;
    }
    for (int64_t key = 0; key < head->n_key; key += HALF_KEYS) {
        if (!half_take_keys(t, head, key))
            continue;
        for (int64_t i = 0; i < t->n_queries; i++) {
            const int64_t query = t->query + i;
            const int b = (int)(i / HALF_BLOCK);

            if (i % HALF_BLOCK == 0)
                half_block_scores(head, t, b, k, packed_q, scores);
            for (int64_t j = t->low[b]; j < t->high[b]; j++) {
                const float score = scores[j * HALF_BLOCK + i % HALF_BLOCK];
                const float log_p = (score - max[i]) * head->scale - logf(sum[i]);
                const float p = sum[i] == 0.0f ? 0.0f : expf(log_p); /* NaN, where a score is */

                if (head->scores)
                    head->scores[query * head->scores_stride + key + j] = score * head->scale;
                if (head->pattern)
                    head->pattern[query * head->pattern_stride + key + j] = p;
                if (head->entropy && p != 0.0f)
                    head->entropy[query] -= p * log_p;
            }
        }
    }
}

static void half_forward_tile(const heed_attention_bf16 *a, half_tile *t, float *scratch)
{
    const heed_attention_head *head = &a->head;
    const half_forward_layout at = half_forward_layout_of(head);
    const int64_t v_width = whole_blocks(head->v_dim);
    const uint16_t *k = (const uint16_t *)(const void *)(scratch + at.k);
    const uint16_t *columns = (const uint16_t *)(const void *)(scratch + at.v);
    uint32_t *packed_q = (uint32_t *)(void *)(scratch + at.packed_q);
    uint32_t *weights = (uint32_t *)(void *)(scratch + at.weights);
    float *scores = scratch + at.scores, *sums = scratch + at.sums;
    const __m512 exponent = _mm512_set1_ps(head->scale * log2_e);
    const heed_key_range range = heed_mask_range(&head->mask, t->query, t->query + t->n_queries, head->n_key);
    half_state s[HALF_VECTORS];
    bool started[HALF_BLOCKS] = {false};
    __m512 inverse[HALF_VECTORS];

    pack_queries(packed_q, (uint16_t *)(void *)(scratch + at.rows_q), a->q + t->query * head->q_stride,
                 head->q_stride, t->n_queries, head->head_dim);
    half_start(s);
    for (int64_t key = range.begin / HALF_KEYS * HALF_KEYS; key < range.end; key += HALF_KEYS) {
        if (!half_take_keys(t, head, key))
            continue;
        for (int b = 0; b < HALF_BLOCKS; b++) {
            const int64_t begin = block_begin(t, b), end = block_end(t, b);

            if (begin == end)
                continue;
            half_block_scores(head, t, b, k, packed_q, scores);
            half_softmax_block(s, scores, weights, t, b, exponent);
            if (started[b])
                half_rescale(sums, v_width, s, b);
            half_product(sums + b * HALF_BLOCK, HALF_QUERIES, columns + key * v_width + begin, HALF_KEYS,
                         weights + begin / 2 * HALF_BLOCK, HALF_BLOCK, v_width, HALF_BLOCK, end - begin,
                         started[b]);
            started[b] = true;
        }
    }
    for (int b = 0; b < HALF_BLOCKS; b++)
        for (int64_t d = 0; !started[b] && d < v_width; d++)
            memset(sums + d * HALF_QUERIES + b * HALF_BLOCK, 0, HALF_BLOCK * sizeof *sums);
    for (int v = 0; v < HALF_VECTORS; v++) {
        const __mmask16 seen = _mm512_cmp_ps_mask(s[v].sum, _mm512_setzero_ps(), _CMP_NEQ_UQ);

        inverse[v] = _mm512_maskz_div_ps(seen, _mm512_set1_ps(1.0f), s[v].sum);
    }
    if (a->out)
        deliver_columns(a->out + t->query * head->out_stride, head->out_stride, sums, v_width, t->n_queries,
                        head->v_dim, inverse, (uint32_t *)(void *)(scratch + at.work));
    else
        deliver_floats(head->out + t->query * head->out_stride, head->out_stride, sums, t->n_queries,
                       head->v_dim, inverse);
    half_save(head, t, s);
    if (head->scores || head->pattern || head->entropy)
        half_show(head, t, s, k, packed_q, scores);
}

static void half_forward(const heed_attention_bf16 *a, int64_t query_begin, int64_t query_end, float *scratch)
{
    const half_forward_layout at = half_forward_layout_of(&a->head);

    product_begin();
    pack_keys(a, heed_mask_range(&a->head.mask, query_begin, query_end, a->head.n_key), &at, scratch);
    for (int64_t query = query_begin; query < query_end; query += HALF_QUERIES) {
        half_tile t = half_tile_of(query, query_end);

        half_forward_tile(a, &t, scratch);
    }
    product_end();
}
