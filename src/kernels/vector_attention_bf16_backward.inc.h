/* SPDX-License-Identifier: MIT */
/*
 * Attention over bfloat16, backward; the formulas are in vector_attention_backward.inc.h. Of a tile of queries and a chunk:
 *
 *   scores[j][i]  = k_j . q_i         p  = 2^(scale log2(e) scores - base_i)      base_i = the log-sum-exp, in base 2
 *   dscores[j][i] = v_j . dout_i      ds = p (dscores - delta_i)                  delta_i = dout_i . out_i
 *
 *   dv[j][d] += sum_i p[j][i] dout[i][d]    dk[j][d] += sum_i ds[j][i] q[i][d]    dq[d][i] += sum_j k[j][d] ds[j][i]
 *
 * p and ds are rounded once, as rows of queries (for dv and dk) and ds as words of two keys too (for dq). dk and dv are
 * floats in the scratch until all queries have added to them; scale comes in when they are rounded.
 *
 * Needs vector_attention_bf16_forward.inc.h.
 */

/* Where the parts of the scratch lie, in floats. */
typedef struct half_backward_layout {
    int64_t k, v, k_columns, work, rows_q, packed_q, pairs_q, rows_dout, packed_dout, pairs_dout;
    int64_t scores, dscores, weights, gradients, gradient_words, dq, dk, dv, total;
} half_backward_layout;

INLINE half_backward_layout half_backward_layout_of(const heed_attention_head *head)
{
    const int64_t width = whole_blocks(head->head_dim), v_width = whole_blocks(head->v_dim);
    const int64_t n_key = whole_chunks(head->n_key), tile = HALF_KEYS * HALF_QUERIES;
    half_backward_layout at;

    at.k = 0;
    at.v = at.k + n_key * width / 2;
    at.k_columns = at.v + n_key * v_width / 2;
    at.work = at.k_columns + n_key * width / 2;
    at.rows_q = at.work + HALF_KEYS * (width > v_width ? width : v_width);
    at.packed_q = at.rows_q + HALF_QUERIES * width / 2;
    at.pairs_q = at.packed_q + HALF_QUERIES * width / 2;
    at.rows_dout = at.pairs_q + HALF_QUERIES * width / 2;
    at.packed_dout = at.rows_dout + HALF_QUERIES * v_width / 2;
    at.pairs_dout = at.packed_dout + HALF_QUERIES * v_width / 2;
    at.scores = at.pairs_dout + HALF_QUERIES * v_width / 2;
    at.dscores = at.scores + HALF_KEYS * HALF_BLOCK;
    at.weights = at.dscores + HALF_KEYS * HALF_BLOCK;
    at.gradients = at.weights + tile / 2;
    at.gradient_words = at.gradients + tile / 2;
    at.dq = at.gradient_words + tile / 2;
    at.dk = at.dq + HALF_QUERIES * width;
    at.dv = at.dk + n_key * width;
    at.total = at.dv + n_key * v_width;
    return at;
}

/* The scratch's parts as what they hold. */
typedef struct half_work {
    uint16_t *k, *v, *k_columns, *rows_q, *rows_dout, *weights, *gradients;
    uint32_t *work, *packed_q, *pairs_q, *packed_dout, *pairs_dout, *gradient_words;
    float *scores, *dscores, *dq, *dk, *dv;
    int64_t width, v_width;
} half_work;

static half_work half_work_of(const heed_attention_head *head, float *scratch)
{
    const half_backward_layout at = half_backward_layout_of(head);

    return (half_work){
        .k = (uint16_t *)(void *)(scratch + at.k),
        .v = (uint16_t *)(void *)(scratch + at.v),
        .k_columns = (uint16_t *)(void *)(scratch + at.k_columns),
        .rows_q = (uint16_t *)(void *)(scratch + at.rows_q),
        .rows_dout = (uint16_t *)(void *)(scratch + at.rows_dout),
        .weights = (uint16_t *)(void *)(scratch + at.weights),
        .gradients = (uint16_t *)(void *)(scratch + at.gradients),
        .work = (uint32_t *)(void *)(scratch + at.work),
        .packed_q = (uint32_t *)(void *)(scratch + at.packed_q),
        .pairs_q = (uint32_t *)(void *)(scratch + at.pairs_q),
        .packed_dout = (uint32_t *)(void *)(scratch + at.packed_dout),
        .pairs_dout = (uint32_t *)(void *)(scratch + at.pairs_dout),
        .gradient_words = (uint32_t *)(void *)(scratch + at.gradient_words),
        .scores = scratch + at.scores,
        .dscores = scratch + at.dscores,
        .dq = scratch + at.dq,
        .dk = scratch + at.dk,
        .dv = scratch + at.dv,
        .width = whole_blocks(head->head_dim),
        .v_width = whole_blocks(head->v_dim),
    };
}

/* K as rows and, chunk by chunk, as columns; V as rows. */
static void pack_keys_backward(const heed_attention_bf16 *a, const half_work *w)
{
    const heed_attention_head *head = &a->head;

    for (int64_t key = 0; key < head->n_key; key += HALF_KEYS) {
        const int64_t n = head->n_key - key < HALF_KEYS ? head->n_key - key : HALF_KEYS;

        fill_rows(w->k + key * w->width, w->width, HALF_KEYS, a->k + key * head->k_stride, head->k_stride, n,
                  head->head_dim);
        fill_rows(w->v + key * w->v_width, w->v_width, HALF_KEYS, a->v + key * head->v_stride, head->v_stride,
                  n, head->v_dim);
        fill_columns(w->k_columns + key * w->width, w->k + key * w->width, HALF_KEYS, w->width, w->work);
    }
}

/* What a tile knows of its queries, 16 a vector. */
typedef struct half_known {
    __m512 base[HALF_VECTORS], delta[HALF_VECTORS];
} half_known;

/* base from what forward saved; inf, so that every weight is 0, where a query sees nothing or is missing. */
static void known_from_saved(half_known *known, const heed_attention_head *head, const half_tile *t)
{
    float max[HALF_QUERIES] = {0}, sum[HALF_QUERIES] = {0}, base[HALF_QUERIES];
    const size_t bytes = (size_t)t->n_queries * sizeof(float);

    memcpy(max, head->max + t->query, bytes);
    memcpy(sum, head->sum + t->query, bytes);
    for (int i = 0; i < HALF_QUERIES; i++)
        base[i] = sum[i] == 0.0f ? INFINITY : max[i] * (head->scale * log2_e) + log2f(sum[i]);
    for (int v = 0; v < HALF_VECTORS; v++)
        known->base[v] = _mm512_loadu_ps(base + v * 16);
}

/* The same by going over all keys once more. */
static void known_from_keys(half_known *known, const heed_attention_head *head, half_tile *t,
                            const half_work *w)
{
    const __m512 exponent = _mm512_set1_ps(head->scale * log2_e);
    half_state s[HALF_VECTORS];
    float sum[HALF_QUERIES], base[HALF_QUERIES];

    half_start(s);
    for (int64_t key = 0; key < head->n_key; key += HALF_KEYS) {
        if (!half_take_keys(t, head, key))
            continue;
        for (int b = 0; b < HALF_BLOCKS; b++)
            if (t->low[b] < t->high[b]) {
                half_block_scores(head, t, b, w->k, w->packed_q, w->scores);
                half_softmax_block(s, w->scores, w->gradient_words, t, b, exponent);
            }
    }
    for (int v = 0; v < HALF_VECTORS; v++) {
        _mm512_storeu_ps(sum + v * 16, s[v].sum);
        _mm512_storeu_ps(base + v * 16, s[v].base);
    }
    for (int i = 0; i < HALF_QUERIES; i++)
        base[i] = i >= t->n_queries || sum[i] == 0.0f ? INFINITY : base[i] + log2f(sum[i]);
    for (int v = 0; v < HALF_VECTORS; v++)
        known->base[v] = _mm512_loadu_ps(base + v * 16);
}

/* delta_i = dout_i . out_i */
static void known_delta(half_known *known, const heed_attention_bf16 *a, const half_tile *t, const half_work *w)
{
    const heed_attention_head *head = &a->head;
    uint16_t *rows = (uint16_t *)w->work;
    float delta[HALF_QUERIES];

    fill_rows(rows, w->v_width, HALF_QUERIES, a->out + t->query * head->out_stride, head->out_stride,
              t->n_queries, head->v_dim);
    for (int i = 0; i < HALF_QUERIES; i++) {
        __m512 sum = _mm512_setzero_ps();

        for (int64_t d = 0; d < w->v_width; d += 32)
            sum = _mm512_dpbf16_ps(sum, (__m512bh)_mm512_loadu_si512(rows + i * w->v_width + d),
                                   (__m512bh)_mm512_loadu_si512(w->rows_dout + i * w->v_width + d));
        delta[i] = vf_sum((vf)sum);
    }
    for (int v = 0; v < HALF_VECTORS; v++)
        known->delta[v] = _mm512_loadu_ps(delta + v * 16);
}

/* Two vectors of weights and gradients of one key, as rounded rows. */
INLINE __m512i gradient_row(uint16_t *weights, uint16_t *gradients, const float *scores, const float *dscores,
                            const half_known *known, int v, __m512 exponent)
{
    const __m512 p0 = half_exp2(_mm512_fmsub_ps(_mm512_loadu_ps(scores), exponent, known->base[v]));
    const __m512 p1 = half_exp2(_mm512_fmsub_ps(_mm512_loadu_ps(scores + 16), exponent, known->base[v + 1]));
    const __m512 d0 = _mm512_mul_ps(p0, _mm512_sub_ps(_mm512_loadu_ps(dscores), known->delta[v]));
    const __m512 d1 = _mm512_mul_ps(p1, _mm512_sub_ps(_mm512_loadu_ps(dscores + 16), known->delta[v + 1]));
    const __m512i ds = round_two(d0, d1);

    _mm512_storeu_si512(weights, round_two(p0, p1));
    _mm512_storeu_si512(gradients, ds);
    return ds;
}

/* p and ds of block b; zeros in the rows that it does not see. */
static void half_gradient_block(const half_work *w, const half_tile *t, const half_known *known, int b,
                                __m512 exponent)
{
    const int64_t begin = t->low[b] / 2 * 2, end = (t->high[b] + 1) / 2 * 2;

    for (int64_t j = block_begin(t, b); j < block_end(t, b); j += 2) {
        const int64_t at = j * HALF_QUERIES + b * HALF_BLOCK, next = at + HALF_QUERIES;
        const float *scores = w->scores + j * HALF_BLOCK, *dscores = w->dscores + j * HALF_BLOCK;
        __m512i words[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};

        if (j >= begin && j < end) {
            const __m512i row = gradient_row(w->weights + at, w->gradients + at, scores, dscores, known, 2 * b,
                                             exponent);
            const __m512i other = gradient_row(w->weights + next, w->gradients + next, scores + HALF_BLOCK,
                                               dscores + HALF_BLOCK, known, 2 * b, exponent);

            interleave(words, row, other);
        } else {
            _mm512_storeu_si512(w->weights + at, words[0]);
            _mm512_storeu_si512(w->weights + next, words[0]);
            _mm512_storeu_si512(w->gradients + at, words[0]);
            _mm512_storeu_si512(w->gradients + next, words[0]);
        }
        _mm512_storeu_si512(w->gradient_words + j / 2 * HALF_QUERIES + b * HALF_BLOCK, words[0]);
        _mm512_storeu_si512(w->gradient_words + j / 2 * HALF_QUERIES + b * HALF_BLOCK + 16, words[1]);
    }
}

/* The five products of one chunk. */
static void half_backward_chunk(const heed_attention_head *head, const half_tile *t, const half_known *known,
                                const half_work *w)
{
    const __m512 exponent = _mm512_set1_ps(head->scale * log2_e);

    for (int b = 0; b < HALF_BLOCKS; b++) {
        half_block_scores(head, t, b, w->k, w->packed_q, w->scores);
        half_scores(w->dscores, t, b, w->v + t->key * w->v_width, w->v_width, w->packed_dout);
        half_gradient_block(w, t, known, b, exponent);
    }
    for (int64_t j = 0; j < HALF_KEYS; j += HALF_BLOCK) {
        int first = HALF_BLOCKS,
            last = 0; /* the blocks that see these keys; those between see some, or hold zeros */

        for (int b = 0; b < HALF_BLOCKS; b++)
            if (j >= block_begin(t, b) && j < block_end(t, b)) {
                first = b < first ? b : first;
                last = b + 1;
            }
        if (first >= last)
            continue;

        const int64_t i = first * HALF_BLOCK, n = (last - first) * HALF_BLOCK;
        half_product(w->dv + (t->key + j) * w->v_width, w->v_width, w->weights + j * HALF_QUERIES + i,
                     HALF_QUERIES, w->pairs_dout + i / 2 * w->v_width, w->v_width, HALF_BLOCK, w->v_width, n,
                     true);
        half_product(w->dk + (t->key + j) * w->width, w->width, w->gradients + j * HALF_QUERIES + i,
                     HALF_QUERIES, w->pairs_q + i / 2 * w->width, w->width, HALF_BLOCK, w->width, n, true);
    }
    for (int b = 0; b < HALF_BLOCKS; b++) {
        const int64_t begin = block_begin(t, b), end = block_end(t, b);

        if (begin < end)
            half_product(w->dq + b * HALF_BLOCK, HALF_QUERIES, w->k_columns + t->key * w->width + begin,
                         HALF_KEYS, w->gradient_words + begin / 2 * HALF_QUERIES + b * HALF_BLOCK, HALF_QUERIES,
                         w->width, HALF_BLOCK, end - begin, true);
    }
}

static void half_backward_tile(const heed_attention_bf16 *a, half_tile *t, const half_work *w)
{
    const heed_attention_head *head = &a->head;
    const heed_key_range range = heed_mask_range(&head->mask, t->query, t->query + t->n_queries, head->n_key);
    half_known known;
    __m512 scale[HALF_VECTORS];

    pack_queries(w->packed_q, w->rows_q, a->q + t->query * head->q_stride, head->q_stride, t->n_queries,
                 head->head_dim);
    pack_queries(w->packed_dout, w->rows_dout, a->dout + t->query * head->dout_stride, head->dout_stride,
                 t->n_queries, head->v_dim);
    interleave_rows(w->pairs_q, w->rows_q, HALF_QUERIES, w->width);
    interleave_rows(w->pairs_dout, w->rows_dout, HALF_QUERIES, w->v_width);
    known_delta(&known, a, t, w);
    if (head->max)
        known_from_saved(&known, head, t);
    else
        known_from_keys(&known, head, t, w);
    memset(w->dq, 0, (size_t)(HALF_QUERIES * w->width) * sizeof *w->dq);
    for (int64_t key = range.begin / HALF_KEYS * HALF_KEYS; key < range.end; key += HALF_KEYS)
        if (half_take_keys(t, head, key))
            half_backward_chunk(head, t, &known, w);
    for (int v = 0; v < HALF_VECTORS; v++)
        scale[v] = _mm512_set1_ps(head->scale);
    deliver_columns(a->dq + t->query * head->dq_stride, head->dq_stride, w->dq, w->width, t->n_queries,
                    head->head_dim, scale, w->work);
}

/* Rows times a factor: rounded to y, or to `sums`, where those are given; with `accumulate` they are added to. */
static void deliver_half_rows(uint16_t *y, float *sums, int64_t stride, float *x, int64_t width, int64_t n,
                              int64_t dim, float factor, bool accumulate)
{
    for (int64_t j = 0; j < n; j++, x += width) {
        for (int64_t d = 0; d < dim; d++) {
            x[d] *= factor;
            if (sums)
                sums[j * stride + d] = x[d] + (accumulate ? sums[j * stride + d] : 0.0f);
        }
        if (!sums)
            to_bf16(y + j * stride, x, dim);
    }
}

static void half_backward(const heed_attention_bf16 *a, float *scratch)
{
    const heed_attention_head *head = &a->head;
    const half_work w = half_work_of(head, scratch);

    product_begin();
    pack_keys_backward(a, &w);
    memset(w.dk, 0, (size_t)(whole_chunks(head->n_key) * w.width) * sizeof *w.dk);
    memset(w.dv, 0, (size_t)(whole_chunks(head->n_key) * w.v_width) * sizeof *w.dv);
    for (int64_t query = 0; query < head->n_query; query += HALF_QUERIES) {
        half_tile t = half_tile_of(query, head->n_query);

        half_backward_tile(a, &t, &w);
    }
    deliver_half_rows(a->dk, head->dk, head->dk_stride, w.dk, w.width, head->n_key, head->head_dim, head->scale,
                      head->accumulate_kv);
    deliver_half_rows(a->dv, head->dv, head->dv_stride, w.dv, w.v_width, head->n_key, head->v_dim, 1.0f,
                      head->accumulate_kv);
    product_end();
}
