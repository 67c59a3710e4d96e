/* SPDX-License-Identifier: MIT */
/* One head of a run as the kernels take it. */
#include "ops/attention.h"

/* Row 0 of head (b, h); NULL where the tensor has no numbers yet (planning) or is not f32. */
static const float *first_row(const heed_tensor *x, int64_t b, int64_t h)
{
    return x != NULL && x->dtype == HEED_F32 && x->data != NULL ? heed_attention_floats(x, b, h, 0) : NULL;
}

static int64_t row_stride(const heed_tensor *x)
{
    return x != NULL ? x->stride[x->shape.rank - 2] : 0;
}

heed_attention_head heed_attention_head_of(const heed_attention_run *run, int64_t b, int64_t h)
{
    const heed_tensor *bias = run->extra[HEED_ATTENTION_BIAS], *relative = run->extra[HEED_ATTENTION_RELATIVE];
    const heed_tensor *q_relative = run->extra[HEED_ATTENTION_Q_RELATIVE];
    heed_attention_head head = {
        .q = first_row(run->q, b, h),
        .k = first_row(run->k, b, h / run->group),
        .v = first_row(run->v, b, h / run->group),
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

    if (head.relative != NULL)
        head.relative += run->attrs->relative_zero * head.relative_stride;
    return head;
}

int64_t heed_attention_scratch(const heed_attention_run *run, const heed_device *device, bool backward)
{
    const heed_attention_head head = heed_attention_head_of(run, 0, 0);

    return (device->kernels->attention_scratch(&head, backward) + 15) / 16 * 16;
}
