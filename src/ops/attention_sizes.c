/* SPDX-License-Identifier: MIT */
/* Who sees whom in attention, and what its ops check. The mathematics is in attention.c. */
#include <math.h>

#include "ops/attention.h"
#include "ops/common.h"

heed_attention_sizes heed_attention_sizes_of(const heed_tensor *q, const heed_tensor *k,
                                             const heed_tensor *past)
{
    const int64_t *q_size = q->shape.size, *k_size = k->shape.size;
    heed_attention_sizes s = {.batch = q_size[0],
                              .n_heads = q_size[1],
                              .n_kv_heads = k_size[1],
                              .group = q_size[1] / k_size[1],
                              .n_query = q_size[2],
                              .n_key = k_size[2],
                              .capacity = k_size[2],
                              .head_dim = q_size[3]};

    if (past != NULL) { /* a number from outside: it must not lead past the rows that there are */
        const int64_t exist = (int64_t)heed_scalar_i32(past) + s.n_query;
        s.n_key = exist < s.n_query ? s.n_query : exist > s.capacity ? s.capacity : exist;
    }
    return s;
}

int64_t heed_attention_visible(const heed_attention_sizes *s, bool causal, int64_t i)
{
    return causal ? s->n_key - s->n_query + i + 1 : s->n_key;
}

double heed_attention_pairs(const heed_attention_sizes *s, bool causal)
{
    const double queries = (double)s->n_query, keys = (double)s->n_key;

    return causal ? queries * (keys - queries) + queries * (queries + 1.0) / 2.0 : queries * keys;
}

bool heed_attention_check(heed_graph *g, const heed_node *node, int past)
{
    const heed_tensor *q = &node->in[0]->tensor, *k = &node->in[1]->tensor;
    const heed_attention_attrs *attrs = node->attrs;
    char q_text[96], k_text[96];

    if (!heed_expect_dtype(g, node, 0, "q", HEED_F32) || !heed_expect_dtype(g, node, 1, "k", HEED_F32) ||
        !heed_expect_scalar(g, node, past, "past", HEED_I32))
        return false;
    heed_shape_format(q_text, sizeof q_text, &q->shape);
    heed_shape_format(k_text, sizeof k_text, &k->shape);
    if (q->shape.rank != 4 || k->shape.rank != 4 || q->shape.size[0] != k->shape.size[0] ||
        q->shape.size[3] != k->shape.size[3])
        return heed_graph_fail(g, node, HEED_ERR_SHAPE, "q %s and k %s do not fit [batch, heads, T, head_dim]",
                               q_text, k_text);
    if (q->shape.size[1] % k->shape.size[1] != 0)
        return heed_graph_fail(g, node, HEED_ERR_SHAPE, "%lld query heads cannot share %lld key heads evenly",
                               (long long)q->shape.size[1], (long long)k->shape.size[1]);
    if ((attrs->causal || node->in[past] != NULL) && q->shape.size[2] > k->shape.size[2])
        return heed_graph_fail(g, node, HEED_ERR_SHAPE, "%lld queries but only %lld keys",
                               (long long)q->shape.size[2], (long long)k->shape.size[2]);
    return true;
}

heed_attention_attrs heed_attention_attrs_of(const heed_node *q, const heed_attention_options *options)
{
    heed_attention_attrs attrs = {.scale = options->scale, .causal = options->causal};

    if (attrs.scale == 0.0f && q != NULL && q->tensor.shape.rank > 0)
        attrs.scale = 1.0f / sqrtf((float)heed_cols(&q->tensor));
    return attrs;
}

float heed_attention_dot(const float *q, const float *k, int64_t head_dim)
{
    float sum = 0.0f;

    for (int64_t d = 0; d < head_dim; d++)
        sum += q[d] * k[d];
    return sum;
}

float heed_attention_weight(float dot, float max, float sum, float scale)
{
    return expf(scale * (dot - max)) / sum;
}

float *heed_attention_row(const heed_tensor *x, int64_t b, int64_t h, int64_t i)
{
    return (float *)x->data + b * x->stride[0] + h * x->stride[1] + i * x->stride[2];
}

int64_t heed_attention_scratch(const heed_node *node, const heed_device *device, bool backward)
{
    const heed_tensor *q = &node->in[0]->tensor, *k = &node->in[1]->tensor, *v = &node->in[2]->tensor;
    const heed_attention_attrs *attrs = node->attrs;
    const heed_attention_head head = {
        .n_query = q->shape.size[2],
        .n_key = k->shape.size[2],
        .head_dim = q->shape.size[3],
        .v_dim = v->shape.size[3],
        .scale = attrs->scale,
        .mask = {.causal = attrs->causal, .position = k->shape.size[2] - q->shape.size[2]}};

    return (device->kernels->attention_scratch(&head, backward) + 15) / 16 * 16;
}
