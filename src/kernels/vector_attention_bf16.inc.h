/* SPDX-License-Identifier: MIT */
/*
 * Attention of one head over bfloat16: which way is taken, and the way that serves all.
 *
 * A few queries go row by row. What is left goes through the products of bfloat16 where the processor has them, and else
 * by the kernels of floats: rows become floats in the scratch, results are rounded once. A bfloat16 is a float whose lower
 * half is 0, so nothing is lost on the way in, and the error is that of the floats plus one rounding of each result.
 * Memory grows with the length, not with its square.
 *
 * Needs vector_attention_bf16_row.inc.h and vector_product.inc.h (from_bf16, to_bf16).
 */

/* Where the rows lie in the scratch, in floats; what is only of backward is empty in forward. */
typedef struct bf16_layout {
    int64_t q, k, v, out, dout, dq, dk, dv, inner, total;
} bf16_layout;

/* n numbers, filled up so that what follows lies at a multiple of 64 bytes. */
INLINE int64_t aligned_length(int64_t n)
{
    return (n + 15) / 16 * 16;
}

INLINE bf16_layout bf16_layout_of(const heed_attention_head *head, bool backward)
{
    const int64_t q = aligned_length(head->n_query * head->head_dim);
    const int64_t out = aligned_length(head->n_query * head->v_dim);
    const int64_t k = aligned_length(head->n_key * head->head_dim),
                  v = aligned_length(head->n_key * head->v_dim);
    bf16_layout at;

    at.q = 0;
    at.k = at.q + q;
    at.v = at.k + k;
    at.out = at.v + v;
    at.dout = at.out + out;
    at.dq = at.dout + (backward ? out : 0);
    at.dk = at.dq + (backward ? q : 0);
    at.dv = at.dk + (backward ? k : 0);
    at.inner = at.dv + (backward ? v : 0);
    at.total = at.inner + attention_scratch(head, backward);
    return at;
}

/* Rows begin .. end of x, by its stride, to dense rows of floats. */
static void rows_from_bf16(float *y, const uint16_t *x, int64_t stride, int64_t begin, int64_t end, int64_t dim)
{
    for (int64_t i = begin; i < end; i++)
        from_bf16(y + i * dim, x + i * stride, dim);
}

static void rows_to_bf16(uint16_t *y, int64_t stride, const float *x, int64_t begin, int64_t end, int64_t dim)
{
    for (int64_t i = begin; i < end; i++)
        to_bf16(y + i * stride, x + i * dim, dim);
}

/* The head over the rows in the scratch. */
static heed_attention_head float_head_of(const heed_attention_bf16 *a, const bf16_layout *at, float *scratch)
{
    heed_attention_head head = a->head;

    head.q = scratch + at->q;
    head.k = scratch + at->k;
    head.v = scratch + at->v;
    head.out = scratch + at->out;
    head.dout = scratch + at->dout;
    head.dq = scratch + at->dq;
    head.dk = scratch + at->dk;
    head.dv = scratch + at->dv;
    head.q_stride = head.k_stride = head.dq_stride = head.dk_stride = head.head_dim;
    head.v_stride = head.out_stride = head.dout_stride = head.dv_stride = head.v_dim;
    return head;
}

static void float_forward(const heed_attention_bf16 *a, int64_t query_begin, int64_t query_end, float *scratch)
{
    const bf16_layout at = bf16_layout_of(&a->head, false);
    heed_attention_head head = float_head_of(a, &at, scratch);

    if (!a->out) {
        head.out = a->head.out;
        head.out_stride = a->head.out_stride;
    }
    rows_from_bf16(scratch + at.q, a->q, a->head.q_stride, query_begin, query_end, head.head_dim);
    rows_from_bf16(scratch + at.k, a->k, a->head.k_stride, 0, head.n_key, head.head_dim);
    rows_from_bf16(scratch + at.v, a->v, a->head.v_stride, 0, head.n_key, head.v_dim);
    attention(&head, query_begin, query_end, scratch + at.inner);
    if (a->out)
        rows_to_bf16(a->out, a->head.out_stride, scratch + at.out, query_begin, query_end, head.v_dim);
}

static void float_backward(const heed_attention_bf16 *a, float *scratch)
{
    const bf16_layout at = bf16_layout_of(&a->head, true);
    heed_attention_head head = float_head_of(a, &at, scratch);

    if (a->head.dk) {
        head.dk = a->head.dk;
        head.dk_stride = a->head.dk_stride;
    }
    if (a->head.dv) {
        head.dv = a->head.dv;
        head.dv_stride = a->head.dv_stride;
    }
    rows_from_bf16(scratch + at.q, a->q, a->head.q_stride, 0, head.n_query, head.head_dim);
    rows_from_bf16(scratch + at.k, a->k, a->head.k_stride, 0, head.n_key, head.head_dim);
    rows_from_bf16(scratch + at.v, a->v, a->head.v_stride, 0, head.n_key, head.v_dim);
    rows_from_bf16(scratch + at.out, a->out, a->head.out_stride, 0, head.n_query, head.v_dim);
    rows_from_bf16(scratch + at.dout, a->dout, a->head.dout_stride, 0, head.n_query, head.v_dim);
    attention_backward(&head, scratch + at.inner);
    rows_to_bf16(a->dq, a->head.dq_stride, scratch + at.dq, 0, head.n_query, head.head_dim);
    if (!a->head.dk)
        rows_to_bf16(a->dk, a->head.dk_stride, scratch + at.dk, 0, head.n_key, head.head_dim);
    if (!a->head.dv)
        rows_to_bf16(a->dv, a->head.dv_stride, scratch + at.dv, 0, head.n_key, head.v_dim);
}

/* ---- which way ---- */

#if defined(__AVX512BF16__)
/* Each builds on those before it. */
/* clang-format off */
#include "kernels/vector_attention_bf16_pack.inc.h"
#include "kernels/vector_attention_bf16_keys.inc.h"
#include "kernels/vector_attention_bf16_forward.inc.h"
#include "kernels/vector_attention_bf16_backward.inc.h"
/* clang-format on */

/*
 * Not what is added to scores, nor a few queries, of which a tile would be mostly empty. What is only shown does not count:
 * looking at more changes no bit of out.
 */
static bool half_serves(const heed_attention_head *head)
{
    return head->n_query > ROW_QUERIES && !head->bias && head->slope == 0.0f && !head->q_relative;
}

INLINE int64_t tiles_scratch(const heed_attention_bf16 *a, bool backward)
{
    if (!half_serves(&a->head))
        return bf16_layout_of(&a->head, backward).total;
    return backward ? half_backward_layout_of(&a->head).total : half_forward_layout_of(&a->head).total;
}

INLINE void forward_by_tiles(const heed_attention_bf16 *a, int64_t query_begin, int64_t query_end,
                             float *scratch)
{
    if (half_serves(&a->head))
        half_forward(a, query_begin, query_end, scratch);
    else
        float_forward(a, query_begin, query_end, scratch);
}

INLINE void backward_by_tiles(const heed_attention_bf16 *a, float *scratch)
{
    if (half_serves(&a->head))
        half_backward(a, scratch);
    else
        float_backward(a, scratch);
}

#else

INLINE int64_t tiles_scratch(const heed_attention_bf16 *a, bool backward)
{
    return bf16_layout_of(&a->head, backward).total;
}

INLINE void forward_by_tiles(const heed_attention_bf16 *a, int64_t query_begin, int64_t query_end,
                             float *scratch)
{
    float_forward(a, query_begin, query_end, scratch);
}

INLINE void backward_by_tiles(const heed_attention_bf16 *a, float *scratch)
{
    float_backward(a, scratch);
}

#endif

static int64_t attention_bf16_scratch(const heed_attention_bf16 *a, bool backward)
{
    if (!backward && half_rows_serve(&a->head))
        return half_rows_layout_of(&a->head).total;
    return tiles_scratch(a, backward);
}

static void attention_bf16(const heed_attention_bf16 *a, int64_t query_begin, int64_t query_end, float *scratch)
{
    if (half_rows_serve(&a->head))
        half_rows(a, query_begin, query_end, scratch);
    else
        forward_by_tiles(a, query_begin, query_end, scratch);
}

static void attention_bf16_backward(const heed_attention_bf16 *a, float *scratch)
{
    heed_attention_bf16 of = *a;

    /* tiles round their scores in another order than rows do; few queries find max and sum anew */
    if (half_rows_serve(&of.head))
        of.head.max = of.head.sum = NULL;
    backward_by_tiles(&of, scratch);
}
