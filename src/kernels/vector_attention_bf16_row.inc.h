/* SPDX-License-Identifier: MIT */
/*
 * Attention of a few queries over bfloat16, as a token is generated: keys and values are read as they lie, once, and become
 * floats in registers, so that reading them is what it costs.
 *
 * A vector's worth of words holds two vectors of numbers: shifted up, its even numbers, and with the lower halves cut off, its
 * odd ones. That is cheaper than spreading them in order. So rows of q and of sums lie in that order too, as pairs of
 * vectors: the even numbers of 2 LANES neighbours, then the odd ones; filled up with zeros.
 *
 * Blocks of keys lie on a grid, and each is met by all queries while it is near. Where a query's blocks begin does not
 * depend on the queries beside it. Scores, weights and sums are floats. Needs vector_attention_row.inc.h.
 */

enum {
    PAIR = 2 * LANES,     /* numbers of a pair of vectors */
    HALF_ROW_QUERIES = 8, /* at most: tiles of AMX take as long as 8 rows, whatever they hold */
};

INLINE int64_t whole_pairs(int64_t n)
{
    return (n + PAIR - 1) / PAIR * PAIR;
}

typedef uint32_t vu_memory __attribute__((vector_size(LANES * 4), aligned(2), may_alias));

/* PAIR numbers; or the first n < PAIR, with 0 behind them, and nothing past x[n - 1] is touched. */
INLINE vu load_words(const uint16_t *x, const bool whole, int64_t n)
{
    if (whole)
        return *(const vu_memory *)x;
#if VECTOR_LANES == 16
    return (vu)_mm512_maskz_loadu_epi16((__mmask32)((1u << n) - 1u), x);
#else
    uint16_t some[PAIR] = {0};
    vu words;

    memcpy(some, x, (size_t)n * sizeof *x);
    memcpy(&words, some, sizeof words);
    return words;
#endif
}

INLINE vf even_numbers(vu words)
{
    return (vf)(words << 16);
}

INLINE vf odd_numbers(vu words)
{
    return (vf)(words & 0xffff0000u);
}

/* ---- q . k ---- */

/* sum + the products of PAIR numbers, some to each lane; q as prepare_query() left it. */
INLINE vf add_products(vf sum, vu words, const float *q)
{
#if defined(__AVX512BF16__)
    return (vf)_mm512_dpbf16_ps((__m512)sum, (__m512bh)words, (__m512bh)vf_load(q));
#else
    return vf_fma(odd_numbers(words), vf_load(q + LANES), vf_fma(even_numbers(words), vf_load(q), sum));
#endif
}

static void prepare_query(float *y, const uint16_t *x, int64_t n)
{
    for (int64_t d = 0; d < n; d += PAIR, y += PAIR) {
        const vu words = n - d < PAIR ? load_words(x + d, false, n - d) : load_words(x + d, true, PAIR);

#if defined(__AVX512BF16__)
        vf_store(y, (vf)words);
#else
        vf_store(y, even_numbers(words));
        vf_store(y + LANES, odd_numbers(words));
#endif
    }
}

/*
 * Asks for the lines of `rows` rows that lie 2 KB of numbers further on, as far as n_there rows reach. One query over 8192
 * keys then runs at 70 to 85 % of the speed of reading on one Sapphire Rapids core that others share.
 */
INLINE void ask_for_rows(const uint16_t *x, int64_t stride, int64_t n_there, int64_t n, const int rows)
{
    const int64_t ahead = 1024 / n, end = ahead + rows < n_there ? ahead + rows : n_there;

    for (int64_t r = ahead; r < end; r++)
        for (int64_t d = 0; d < n; d += 32)
            __builtin_prefetch(x + r * stride + d);
}

/* Neighbours of a and b alternate, one of each added up: two sums in a vector, of half as many terms. */
INLINE vf add_neighbours(vf a, vf b)
{
#if LANES == 16
    return __builtin_shufflevector(a, b, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30) +
           __builtin_shufflevector(a, b, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
#elif LANES == 8
    return __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14) +
           __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15);
#else
    return __builtin_shufflevector(a, b, 0, 4, 2, 6) + __builtin_shufflevector(a, b, 1, 5, 3, 7);
#endif
}

/* The same of pairs of neighbours: four sums. */
INLINE vf add_neighbour_pairs(vf a, vf b)
{
#if LANES == 16
    return __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29) +
           __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
#elif LANES == 8
    return __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13) +
           __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
#else
    return __builtin_shufflevector(a, b, 0, 1, 4, 5) + __builtin_shufflevector(a, b, 2, 3, 6, 7);
#endif
}

/* y_r = the sum of the lanes of x_r, for four vectors in fewer steps than one by one. */
INLINE void four_sums(float y[4], const vf x[4])
{
    vf sum = add_neighbour_pairs(add_neighbours(x[0], x[1]), add_neighbours(x[2], x[3]));

#if LANES > 8
    sum += VF_SWAP_HALVES(sum);
#endif
#if LANES > 4
    sum += VF_SWAP_4(sum);
#endif
    memcpy(y, &sum, 4 * sizeof *y);
}

/* sum_r += k_r . q over `pairs` PAIRs, or one that is cut off at n, of four rows. */
INLINE void dot_pairs(vf sum[4], const uint16_t *const k[4], const float *q, int64_t d, const int pairs,
                      const bool whole, int64_t n)
{
    UNROLL
    for (int r = 0; r < 4; r++) {
        UNROLL
        for (int p = 0; p < pairs; p++)
            sum[r] = add_products(sum[r], load_words(k[r] + d + p * PAIR, whole, n), q + d + p * PAIR);
    }
}

/* y_r = k_r . q for four rows of n numbers */
INLINE void dot_half_rows(float y[4], const uint16_t *const k[4], const float *q, int64_t n)
{
    vf sum[4] = {{0}};
    int64_t d = 0;

    for (; d + 4 * PAIR <= n; d += 4 * PAIR)
        dot_pairs(sum, k, q, d, 4, true, PAIR);
    for (; d + 2 * PAIR <= n; d += 2 * PAIR)
        dot_pairs(sum, k, q, d, 2, true, PAIR);
    for (; d + PAIR <= n; d += PAIR)
        dot_pairs(sum, k, q, d, 1, true, PAIR);
    if (d < n)
        dot_pairs(sum, k, q, d, 1, false, n - d);
    four_sums(y, sum);
}

/* y_j = k_j . q for n_rows rows of n_there that lie there. */
static void half_rows_dot(float *y, const uint16_t *k, int64_t stride, const float *q, int64_t n_rows,
                          int64_t n, int64_t n_there)
{
    int64_t j = 0;

    for (; j + 4 <= n_rows; j += 4, k += 4 * stride) {
        const uint16_t *const rows[4] = {k, k + stride, k + 2 * stride, k + 3 * stride};

        ask_for_rows(k, stride, n_there - j, n, 4);
        dot_half_rows(y + j, rows, q, n);
    }
    for (; j < n_rows; j++, k += stride) {
        const uint16_t *const rows[4] = {k, k, k, k};
        float same[4];

        dot_half_rows(same, rows, q, n);
        y[j] = same[0];
    }
}

/* ---- weights times v ---- */

/* y += sum_r w_r v_r over `pairs` PAIRs, or one that is cut off at n, of `rows` rows. */
INLINE void combine_pairs(float *y, const uint16_t *v, int64_t stride, const float *w, const int rows,
                          const int pairs, const bool whole, int64_t n)
{
    vf sum[2 * 4];

    UNROLL
    for (int p = 0; p < 2 * pairs; p++)
        sum[p] = vf_load(y + p * LANES);
    UNROLL
    for (int r = 0; r < rows; r++) {
        const vf factor = vf_splat(w[r]);

        UNROLL
        for (int p = 0; p < pairs; p++) {
            const vu words = load_words(v + r * stride + p * PAIR, whole, n);

            sum[2 * p] = vf_fma(even_numbers(words), factor, sum[2 * p]);
            sum[2 * p + 1] = vf_fma(odd_numbers(words), factor, sum[2 * p + 1]);
        }
    }
    UNROLL
    for (int p = 0; p < 2 * pairs; p++)
        vf_store(y + p * LANES, sum[p]);
}

INLINE void combine_half_rows(float *y, const uint16_t *v, int64_t stride, const float *w, int64_t n,
                              const int rows)
{
    int64_t d = 0;

    for (; d + 4 * PAIR <= n; d += 4 * PAIR)
        combine_pairs(y + d, v + d, stride, w, rows, 4, true, PAIR);
    for (; d + 2 * PAIR <= n; d += 2 * PAIR)
        combine_pairs(y + d, v + d, stride, w, rows, 2, true, PAIR);
    for (; d + PAIR <= n; d += PAIR)
        combine_pairs(y + d, v + d, stride, w, rows, 1, true, PAIR);
    if (d < n)
        combine_pairs(y + d, v + d, stride, w, rows, 1, false, n - d);
}

/* y += sum_j w_j v_j for n_rows rows of n_there that lie there; y: pairs */
static void half_rows_combine(float *y, const uint16_t *v, int64_t stride, const float *w, int64_t n_rows,
                              int64_t n, int64_t n_there)
{
    int64_t j = 0;

    for (; j + 8 <= n_rows; j += 8) {
        ask_for_rows(v + j * stride, stride, n_there - j, n, 8);
        combine_half_rows(y, v + j * stride, stride, w + j, n, 8);
    }
    for (; j < n_rows; j++)
        combine_half_rows(y, v + j * stride, stride, w + j, n, 1);
}

/* A row of pairs in order, times a factor. */
static void row_of_pairs(float *y, const float *x, int64_t n, float factor)
{
    for (int64_t d = 0; d < n; d++)
        y[d] = factor * x[d / PAIR * PAIR + d % 2 * LANES + d % PAIR / 2];
}

/* ---- a head ---- */

/* Where the parts of the scratch lie, in floats. */
typedef struct half_rows_layout {
    int64_t q, sums, scores, row, total;
} half_rows_layout;

INLINE half_rows_layout half_rows_layout_of(const heed_attention_head *head)
{
    half_rows_layout at;

    at.q = 0;
    at.sums = at.q + head->n_query * whole_pairs(head->head_dim);
    at.scores = at.sums + head->n_query * whole_pairs(head->v_dim);
    at.row = at.scores + 2 * ROW_KEYS;
    at.total = at.row + head->v_dim;
    return at;
}

/* Which way is taken depends on the number of queries alone, so that looking at more changes no bit of out. */
INLINE bool half_rows_serve(const heed_attention_head *head)
{
    return head->n_query <= HALF_ROW_QUERIES;
}

/* Keys begin .. end - 1 of one block, for one query. */
static void half_row_block(const heed_attention_bf16 *a, int64_t query, heed_key_range keys, row_sums *s,
                           const half_rows_layout *at, float *scratch)
{
    const heed_attention_head *head = &a->head;
    const int64_t width = whole_pairs(head->v_dim), n = keys.end - keys.begin;
    float *scores = scratch + at->scores, *sums = scratch + at->sums + query * width;

    half_rows_dot(scores, a->k + keys.begin * head->k_stride, head->k_stride,
                  scratch + at->q + query * whole_pairs(head->head_dim), n, head->head_dim,
                  head->n_key - keys.begin);
    weigh_row(head, query, keys.begin, scores, n, s, sums, width);
    half_rows_combine(sums, a->v + keys.begin * head->v_stride, head->v_stride, scores, n, head->v_dim,
                      head->n_key - keys.begin);
}

static void half_row_finish(const heed_attention_bf16 *a, int64_t query, const row_sums *s,
                            const half_rows_layout *at, float *scratch)
{
    const heed_attention_head *head = &a->head;
    const float *sums = scratch + at->sums + query * whole_pairs(head->v_dim);
    const float inverse = s->sum == 0.0f ? 0.0f : 1.0f / s->sum;

    if (a->out) {
        row_of_pairs(scratch + at->row, sums, head->v_dim, inverse);
        to_bf16(a->out + query * head->out_stride, scratch + at->row, head->v_dim);
    } else {
        row_of_pairs(head->out + query * head->out_stride, sums, head->v_dim, inverse);
    }
    save_row(head, query, s);
}

static void half_rows(const heed_attention_bf16 *a, int64_t query_begin, int64_t query_end, float *scratch)
{
    const heed_attention_head *head = &a->head;
    const half_rows_layout at = half_rows_layout_of(head);
    const int64_t width = whole_pairs(head->head_dim), v_width = whole_pairs(head->v_dim);
    heed_key_range ranges[HALF_ROW_QUERIES], all = {.begin = head->n_key};
    row_sums sums[HALF_ROW_QUERIES];

    for (int64_t i = query_begin; i < query_end; i++) {
        const heed_key_range range = heed_mask_range(&head->mask, i, i + 1, head->n_key);

        ranges[i] = range;
        sums[i] = (row_sums){.max = -INFINITY};
        all.begin = range.begin < range.end && range.begin < all.begin ? range.begin : all.begin;
        all.end = range.begin < range.end && range.end > all.end ? range.end : all.end;
        prepare_query(scratch + at.q + i * width, a->q + i * head->q_stride, head->head_dim);
        memset(scratch + at.sums + i * v_width, 0, (size_t)v_width * sizeof *scratch);
        start_row(head, i);
    }
    for (int64_t key = all.begin / ROW_KEYS * ROW_KEYS; key < all.end; key += ROW_KEYS)
        for (int64_t i = query_begin; i < query_end; i++) {
            const heed_key_range keys = {.begin = clamp(key, ranges[i].begin, ranges[i].end),
                                         .end = clamp(key + ROW_KEYS, ranges[i].begin, ranges[i].end)};

            if (keys.begin < keys.end &&
                heed_mask_tile(&head->mask, i, i + 1, keys.begin, keys.end) != HEED_SEEN_NONE)
                half_row_block(a, i, keys, &sums[i], &at, scratch);
        }
    for (int64_t i = query_begin; i < query_end; i++)
        half_row_finish(a, i, &sums[i], &at, scratch);
}
