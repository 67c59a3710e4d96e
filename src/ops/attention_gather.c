/* SPDX-License-Identifier: MIT */
/*
 * Keys and values of a head brought together.      k, v [n, D] with any distance between rows  ->  the same, dense
 *
 * Models have q, k and v as columns of one row a token. The rows of one head then begin 3 d_model numbers apart: with a
 * d_model like 768 they share a quarter of the sets of a cache, and each lies on a page of its own. Once k and v
 * outgrow that quarter, every tile of queries fetches them anew, and so the backward does with the rows of dk and dv that
 * it adds to. A copy takes time in the length, attention in its square. No bit changes. Shorter heads are better read
 * where they lie: a copy waits for what is far away, a product fetches it beside its arithmetic.
 *
 * A thread copies what its piece of work sees, to where it copied the piece before: that memory is in its caches, which
 * a copy of all heads, made beforehand, would only pass through.
 */
#include "ops/attention_gather.h"

#include <string.h>

#include "kernels/mask.h"

enum {
    MANY_QUERIES = 512,
    MANY_NUMBERS = 128 * 1024, /* of k and v of a head: a quarter of a cache of 2 MB */
};

bool heed_attention_is_scattered(const heed_tensor *x)
{
    return x->dtype == HEED_F32 && x->stride[2] != x->shape.size[3];
}

bool heed_attention_gathers(const heed_attention_run *run)
{
    return run->n_query >= MANY_QUERIES && run->capacity * (run->head_dim + run->v_dim) >= MANY_NUMBERS &&
           (heed_attention_is_scattered(run->k) || heed_attention_is_scattered(run->v));
}

int64_t heed_attention_gathered_floats(const heed_attention_run *run)
{
    return heed_attention_gathers(run) ? (run->capacity * (run->head_dim + run->v_dim) + 15) / 16 * 16 : 0;
}

static void copy_rows(float *y, int64_t y_stride, const float *x, int64_t x_stride, int64_t n, int64_t dim)
{
    for (int64_t i = 0; i < n; i++)
        memcpy(y + i * y_stride, x + i * x_stride, (size_t)dim * sizeof *y);
}

void heed_attention_gather(heed_attention_head *head, int64_t begin, int64_t end, float *copies)
{
    const heed_mask *m = &head->mask;
    /* order alone: the kernels may read what lists hide, and it must be numbers */
    const heed_mask order = {
        .causal = m->causal, .position = m->position, .window = m->window, .prefix = m->prefix};
    const heed_key_range seen = heed_mask_range(&order, begin, end, head->n_key);
    const int64_t D = head->head_dim, Dv = head->v_dim, n = seen.end - seen.begin;
    float *k = copies, *v = copies + head->n_key * D;

    copy_rows(k + seen.begin * D, D, head->k + seen.begin * head->k_stride, head->k_stride, n, D);
    copy_rows(v + seen.begin * Dv, Dv, head->v + seen.begin * head->v_stride, head->v_stride, n, Dv);
    head->k = k;
    head->v = v;
    head->k_stride = D;
    head->v_stride = Dv;
}
