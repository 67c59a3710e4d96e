/* SPDX-License-Identifier: MIT */
/* From what attention is asked for (heed_attention_options) to sizes, positions and the mask of a run. */
#include <math.h>

#include "kernels/mask.h"
#include "ops/attention.h"

/* A number of keys that reaches past all positions is as good as any larger one. */
static int64_t keys_of(int64_t n)
{
    return n < HEED_MASK_ENDLESS ? n : HEED_MASK_ENDLESS;
}

heed_attention_attrs heed_attention_attrs_of(const heed_node *q, const heed_attention_options *options)
{
    heed_attention_attrs attrs = {
        .scale = options->scale,
        .causal = options->causal,
        .at_position = options->at_position,
        .fill_1e9 = options->fill_1e9,
        .alibi = options->alibi,
        .position = options->position,
        .window = keys_of(options->window),
        .stride = keys_of(options->stride),
        .prefix = keys_of(options->prefix),
        .block = options->block,
        .relative_zero = options->relative_zero,
    };

    if (attrs.scale == 0.0f && q != NULL && q->tensor.shape.rank > 0)
        attrs.scale = 1.0f / sqrtf((float)heed_cols(&q->tensor));
    return attrs;
}

void heed_attention_extras_of(const heed_attention_options *options, heed_node **extra)
{
    extra[HEED_ATTENTION_PAST] = options->past;
    extra[HEED_ATTENTION_KEYS] = options->keys;
    extra[HEED_ATTENTION_DOCUMENTS] = options->documents;
    extra[HEED_ATTENTION_BLOCKS] = options->blocks;
    extra[HEED_ATTENTION_PAIRS] = options->pairs;
    extra[HEED_ATTENTION_BIAS] = options->bias;
    extra[HEED_ATTENTION_Q_RELATIVE] = options->q_relative;
    extra[HEED_ATTENTION_RELATIVE] = options->relative;
}

/* --- sizes --------------------------------------------------------------------------------------- */

static heed_attention_run run_of(const heed_tensor *q, const heed_tensor *k, const heed_tensor *v,
                                 const heed_attention_attrs *attrs)
{
    heed_attention_run run = {
        .attrs = attrs,
        .q = q,
        .k = k,
        .v = v,
        .batch = q->shape.size[0],
        .n_heads = q->shape.size[1],
        .n_kv_heads = k->shape.size[1],
        .n_query = q->shape.size[2],
        .n_key = k->shape.size[2],
        .capacity = k->shape.size[2],
        .head_dim = q->shape.size[3],
        .v_dim = v != NULL ? heed_cols(v) : 0,
    };

    run.group = run.n_heads / run.n_kv_heads;
    run.position = attrs->at_position ? attrs->position : run.n_key - run.n_query;
    return run;
}

/* Row b stands behind what its cache holds; no further than the rows that there are. */
static void place(heed_attention_run *run, int64_t b)
{
    const int64_t exist = heed_past_of(run->extra[HEED_ATTENTION_PAST], b) + run->n_query;

    run->n_key = exist < run->n_query ? run->n_query : exist > run->capacity ? run->capacity : exist;
    run->position = run->n_key - run->n_query;
}

heed_attention_run heed_attention_run_in(const heed_attention_run *run, int64_t b)
{
    heed_attention_run own = *run;

    if (heed_past_rows(run->extra[HEED_ATTENTION_PAST]) > 1)
        place(&own, b);
    return own;
}

heed_attention_run heed_attention_run_of(const heed_op_args *a, int extra, bool has_v)
{
    heed_attention_run run = run_of(a->in[0], a->in[1], has_v ? a->in[2] : NULL, a->attrs);

    for (int i = 0; i < HEED_ATTENTION_EXTRAS; i++)
        run.extra[i] = a->in[extra + i];
    for (int i = HEED_ATTENTION_KEYS; i <= HEED_ATTENTION_PAIRS; i++)
        run.has_lists |= run.extra[i] != NULL;
    if (run.extra[HEED_ATTENTION_PAST] != NULL)
        place(&run, 0);
    return run;
}

static const heed_tensor *tensor_of(const heed_node *node)
{
    return node != NULL ? &node->tensor : NULL;
}

heed_attention_run heed_attention_run_of_node(const heed_node *node, int extra, bool has_v)
{
    heed_attention_run run = run_of(&node->in[0]->tensor, &node->in[1]->tensor,
                                    has_v ? &node->in[2]->tensor : NULL, node->attrs);

    for (int i = HEED_ATTENTION_BIAS; i < HEED_ATTENTION_EXTRAS; i++)
        run.extra[i] = tensor_of(node->in[extra + i]);
    for (int i = HEED_ATTENTION_KEYS; i <= HEED_ATTENTION_PAIRS; i++)
        run.has_lists |= node->in[extra + i] != NULL;
    return run;
}

/* --- who sees whom ------------------------------------------------------------------------------- */

heed_mask heed_attention_mask(const heed_attention_run *run, int64_t b)
{
    const heed_attention_attrs *attrs = run->attrs;
    const heed_tensor *keys = run->extra[HEED_ATTENTION_KEYS],
                      *documents = run->extra[HEED_ATTENTION_DOCUMENTS];
    const heed_tensor *blocks = run->extra[HEED_ATTENTION_BLOCKS], *pairs = run->extra[HEED_ATTENTION_PAIRS];
    heed_mask mask = {
        .position = run->position,
        .causal = attrs->causal,
        .window = attrs->window,
        .stride = attrs->stride,
        .prefix = attrs->prefix,
    };

    if (keys != NULL)
        mask.keys = (const uint8_t *)keys->data + b * keys->stride[0];
    if (documents != NULL) {
        mask.key_documents = (const int32_t *)documents->data + b * documents->stride[0];
        mask.query_documents = mask.key_documents + run->position;
    }
    if (blocks != NULL) {
        mask.blocks = blocks->data;
        mask.blocks_stride = blocks->stride[0];
        mask.block = attrs->block;
    }
    if (pairs != NULL) {
        mask.pairs = (const uint8_t *)pairs->data + (pairs->shape.size[0] == 1 ? 0 : b * pairs->stride[0]);
        mask.pairs_stride = pairs->stride[1];
    }
    return mask;
}

double heed_attention_pairs(const heed_attention_run *run)
{
    const heed_mask mask = heed_attention_mask(run, 0);

    return (double)(run->batch * run->n_heads) * heed_mask_pairs(&mask, run->n_query, run->n_key);
}

/* --- where rows lie ------------------------------------------------------------------------------ */

int64_t heed_attention_leading(const heed_tensor *x, int64_t b, int64_t h)
{
    switch (x->shape.rank) {
    case 4:
        return b * x->stride[0] + h * x->stride[1];
    case 3:
        return h * x->stride[0];
    default:
        return 0;
    }
}

float *heed_attention_floats(const heed_tensor *x, int64_t b, int64_t h, int64_t i)
{
    return (float *)x->data + heed_attention_leading(x, b, h) + i * x->stride[x->shape.rank - 2];
}
