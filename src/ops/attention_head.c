/* SPDX-License-Identifier: MIT */
/* One head of a run as the kernels take it. */
#include "ops/attention.h"

/* Row 0 of head (b, h) of an f32 tensor; NULL where there is none or it has no numbers yet (planning). */
static const float *first_row(const heed_tensor *x, int64_t b, int64_t h)
{
    return x != NULL && x->dtype == HEED_F32 && x->data != NULL ? heed_attention_floats(x, b, h, 0) : NULL;
}

static const uint16_t *first_half_row(const heed_tensor *x, int64_t b, int64_t h)
{
    return x != NULL && x->dtype == HEED_BF16 && x->data != NULL
               ? (const uint16_t *)x->data + heed_attention_leading(x, b, h)
               : NULL;
}

static int64_t row_stride(const heed_tensor *x)
{
    return x != NULL ? x->stride[x->shape.rank - 2] : 0;
}

heed_attention_bf16 heed_attention_head_of(const heed_attention_run *run, int64_t b, int64_t h)
{
    const heed_tensor *bias = run->extra[HEED_ATTENTION_BIAS], *relative = run->extra[HEED_ATTENTION_RELATIVE];
    const heed_tensor *q_relative = run->extra[HEED_ATTENTION_Q_RELATIVE];
    const int64_t h_kv = h / run->group;
    heed_attention_bf16 of = {.q = first_half_row(run->q, b, h),
                              .k = first_half_row(run->k, b, h_kv),
                              .v = first_half_row(run->v, b, h_kv)};

    of.head = (heed_attention_head){
        .q = first_row(run->q, b, h),
        .k = first_row(run->k, b, h_kv),
        .v = first_row(run->v, b, h_kv),
        .q_stride = row_stride(run->q),
        .k_stride = row_stride(run->k),
        .v_stride = row_stride(run->v),
        .n_query = run->n_query,
        .n_key = run->n_key,
        .head_dim = run->head_dim,
        .v_dim = run->v_dim,
        .scale = run->attrs->scale,
        .mask = heed_attention_mask(run, b),
        .bias = first_row(bias, b, h),
        .bias_stride = row_stride(bias),
        .slope = run->attrs->alibi ? heed_alibi_slope(h, run->n_heads) : 0.0f,
        .q_relative = first_row(q_relative, b, h),
        .q_relative_stride = row_stride(q_relative),
        .relative = first_row(relative, b, h),
        .relative_stride = row_stride(relative),
    };
    if (of.head.relative != NULL)
        of.head.relative += run->attrs->relative_zero * of.head.relative_stride;
    return of;
}

int64_t heed_attention_scratch(const heed_attention_run *run, const heed_device *device, bool backward)
{
    static const float there =
        0.0f; /* stands for what has no numbers yet: kernels ask only whether it is there */
    static const uint8_t listed = 1;
    heed_attention_run sizes = *run;
    heed_attention_bf16 of;

    sizes.n_key = sizes.capacity;
    for (int i = HEED_ATTENTION_KEYS; i <= HEED_ATTENTION_PAIRS; i++)
        sizes.extra[i] = NULL;
    of = heed_attention_head_of(&sizes, 0, 0);
    of.head.mask.keys = run->has_lists ? &listed : NULL;
    if (run->extra[HEED_ATTENTION_BIAS] != NULL)
        of.head.bias = &there;
    if (run->extra[HEED_ATTENTION_RELATIVE] != NULL)
        of.head.q_relative = of.head.relative = &there;
    return ((run->q->dtype == HEED_BF16 ? device->kernels->attention_bf16_scratch(&of, backward)
                                        : device->kernels->attention_scratch(&of.head, backward)) +
            15) /
           16 * 16;
}
