/* SPDX-License-Identifier: MIT */
/* What attention can be asked for, and what is said when it cannot. */
#include <math.h>
#include <string.h>

#include "kernels/mask.h"
#include "ops/attention.h"

typedef struct check {
    heed_graph *g;
    const heed_node *node;
    const heed_attention_attrs *attrs;
    int extra;
    bool has_v, past_rows;
    heed_shape q, k;
} check;

static const heed_node *extra_of(const check *c, heed_attention_extra which)
{
    return c->node->in[c->extra + (int)which];
}

/* --- q, k, v ------------------------------------------------------------------------------------- */

static bool check_types(const check *c)
{
    const heed_dtype dtype = c->node->in[0]->tensor.dtype;

    if (dtype != HEED_F32 && dtype != HEED_BF16)
        return heed_graph_fail(c->g, c->node, HEED_ERR_SHAPE,
                               "expected q of type f32 or bf16, got %s of type %s", c->node->in[0]->name,
                               heed_dtype_name(dtype));
    return heed_expect_dtype(c->g, c->node, 1, "k", dtype) &&
           (!c->has_v || heed_expect_dtype(c->g, c->node, 2, "v", dtype));
}

static bool check_heads(const check *c)
{
    char q[96], k[96];

    heed_shape_format(q, sizeof q, &c->q);
    heed_shape_format(k, sizeof k, &c->k);
    if (c->q.rank != 4 || c->k.rank != 4 || c->q.size[0] != c->k.size[0] || c->q.size[3] != c->k.size[3])
        return heed_graph_fail(c->g, c->node, HEED_ERR_SHAPE,
                               "q %s and k %s do not fit [batch, heads, T, head_dim]", q, k);
    if (c->q.size[1] % c->k.size[1] != 0)
        return heed_graph_fail(c->g, c->node, HEED_ERR_SHAPE,
                               "%lld query heads cannot share %lld key heads evenly", (long long)c->q.size[1],
                               (long long)c->k.size[1]);
    return true;
}

static bool check_values(const check *c)
{
    const heed_shape *v = c->has_v ? &c->node->in[2]->tensor.shape : NULL, *k = &c->k;
    char text[96];

    if (v == NULL ||
        (v->rank == 4 && v->size[0] == k->size[0] && v->size[1] == k->size[1] && v->size[2] == k->size[2]))
        return true;
    return heed_graph_fail(c->g, c->node, HEED_ERR_SHAPE, "expected v [%lld, %lld, %lld, any] as k, got %s",
                           (long long)k->size[0], (long long)k->size[1], (long long)k->size[2],
                           heed_shape_format(text, sizeof text, v));
}

/* --- numbers ------------------------------------------------------------------------------------- */

static bool expect_not_negative(const check *c, const char *what, int64_t value)
{
    if (value >= 0)
        return true;
    return heed_graph_fail(c->g, c->node, HEED_ERR_SHAPE, "expected a %s of 0 (none) or more keys, got %lld",
                           what, (long long)value);
}

static bool check_numbers(const check *c)
{
    const heed_attention_attrs *attrs = c->attrs;

    if (!(attrs->scale > 0.0f) || !isfinite(attrs->scale))
        return heed_graph_fail(c->g, c->node, HEED_ERR_SHAPE,
                               "the scale of the scores must be positive and finite, got %g",
                               (double)attrs->scale);
    return expect_not_negative(c, "window", attrs->window) && expect_not_negative(c, "stride", attrs->stride) &&
           expect_not_negative(c, "prefix", attrs->prefix);
}

/* --- positions ----------------------------------------------------------------------------------- */

/* Where the first query stands at the latest: a cache that is full. */
static int64_t position_of(const check *c)
{
    return c->attrs->at_position ? c->attrs->position : c->k.size[2] - c->q.size[2];
}

static bool check_position(const check *c)
{
    const bool has_past = extra_of(c, HEED_ATTENTION_PAST) != NULL;
    const int64_t position = position_of(c), n_query = c->q.size[2], n_key = c->k.size[2];

    if (c->past_rows ? !heed_expect_past(c->g, c->node, c->extra + HEED_ATTENTION_PAST, c->q.size[0])
                     : !heed_expect_scalar(c->g, c->node, c->extra + HEED_ATTENTION_PAST, "past", HEED_I32))
        return false;
    if (has_past && c->attrs->at_position)
        return heed_graph_fail(c->g, c->node, HEED_ERR_SHAPE, "`past` and a position exclude each other");
    if ((c->attrs->causal || has_past) && !c->attrs->at_position && n_query > n_key)
        return heed_graph_fail(c->g, c->node, HEED_ERR_SHAPE, "%lld queries but only %lld keys",
                               (long long)n_query, (long long)n_key);
    if (position < -HEED_MASK_MAX_POSITION || position > HEED_MASK_MAX_POSITION - n_query)
        return heed_graph_fail(c->g, c->node, HEED_ERR_SHAPE, "position %lld is out of range",
                               (long long)position);
    if (n_key > HEED_MASK_MAX_POSITION)
        return heed_graph_fail(c->g, c->node, HEED_ERR_SHAPE, "%lld keys are more than %lld", (long long)n_key,
                               (long long)HEED_MASK_MAX_POSITION);
    return true;
}

/* --- masks --------------------------------------------------------------------------------------- */

static bool check_documents(const check *c)
{
    const int64_t position = position_of(c), n_query = c->q.size[2], n_key = c->k.size[2];

    if (extra_of(c, HEED_ATTENTION_DOCUMENTS) == NULL)
        return true;
    if (!heed_expect_shape(c->g, c->node, c->extra + HEED_ATTENTION_DOCUMENTS, "documents", HEED_I32,
                           heed_shape2(c->q.size[0], n_key)))
        return false;
    if (position >= 0 && position + n_query <= n_key)
        return true;
    return heed_graph_fail(
        c->g, c->node, HEED_ERR_SHAPE,
        "with documents every query stands at a key: got queries at %lld .. %lld and keys at 0 .. %lld",
        (long long)position, (long long)(position + n_query - 1), (long long)(n_key - 1));
}

static bool check_blocks(const check *c)
{
    const int64_t block = c->attrs->block;

    if (extra_of(c, HEED_ATTENTION_BLOCKS) == NULL)
        return true;
    if (block < 1)
        return heed_graph_fail(c->g, c->node, HEED_ERR_SHAPE, "expected blocks of 1 key or more, got %lld",
                               (long long)block);
    return heed_expect_shape(c->g, c->node, c->extra + HEED_ATTENTION_BLOCKS, "blocks", HEED_U8,
                             heed_shape2((c->q.size[2] - 1) / block + 1, (c->k.size[2] - 1) / block + 1));
}

static bool check_pairs(const check *c)
{
    const heed_node *pairs = extra_of(c, HEED_ATTENTION_PAIRS);
    const bool one = pairs != NULL && pairs->tensor.shape.rank == 3 && pairs->tensor.shape.size[0] == 1;

    return heed_expect_shape(c->g, c->node, c->extra + HEED_ATTENTION_PAIRS, "pairs", HEED_U8,
                             heed_shape3(one ? 1 : c->q.size[0], c->q.size[2], c->k.size[2]));
}

static bool check_masks(const check *c)
{
    return heed_expect_shape(c->g, c->node, c->extra + HEED_ATTENTION_KEYS, "keys", HEED_U8,
                             heed_shape2(c->k.size[0], c->k.size[2])) &&
           check_documents(c) && check_blocks(c) && check_pairs(c);
}

/* --- what is added to the scores ----------------------------------------------------------------- */

static bool check_bias(const check *c)
{
    const heed_node *bias = extra_of(c, HEED_ATTENTION_BIAS);
    const int64_t B = c->q.size[0], H = c->q.size[1], n_query = c->q.size[2], n_key = c->k.size[2];
    const heed_shape full = heed_shape4(B, H, n_query, n_key);
    char text[96];

    if (!heed_expect_dtype(c->g, c->node, c->extra + HEED_ATTENTION_BIAS, "bias", HEED_F32))
        return false;
    if (bias == NULL || (bias->tensor.shape.rank >= 2 && heed_shape_ends_with(&full, &bias->tensor.shape)))
        return true;
    return heed_graph_fail(
        c->g, c->node, HEED_ERR_SHAPE,
        "expected bias [%lld, %lld], [%lld, ..] or [%lld, %lld, ..] (n_query, n_key; heads; batch), got %s",
        (long long)n_query, (long long)n_key, (long long)H, (long long)B, (long long)H,
        heed_shape_format(text, sizeof text, &bias->tensor.shape));
}

/* The distances of all pairs that the rules of order allow have a row. */
static bool check_distances(const check *c, int64_t rows)
{
    const heed_attention_attrs *attrs = c->attrs;
    const bool has_past = extra_of(c, HEED_ATTENTION_PAST) != NULL;
    const int64_t last = position_of(c) + c->q.size[2] - 1, first = has_past ? 0 : position_of(c);
    int64_t lowest = -last, highest = c->k.size[2] - 1 - first; /* j - position_i */

    if (attrs->window > 0 && attrs->prefix == 0 && lowest < 1 - attrs->window)
        lowest = 1 - attrs->window;
    if (attrs->causal && highest > 0) {
        const int64_t end = attrs->prefix < c->k.size[2] ? attrs->prefix : c->k.size[2];

        highest = end > 0 && end - 1 - first > 0 ? end - 1 - first : 0;
    }
    if (attrs->relative_zero + lowest >= 0 && attrs->relative_zero + highest < rows)
        return true;
    return heed_graph_fail(
        c->g, c->node, HEED_ERR_SHAPE,
        "the relative table is too short: distances %lld .. %lld back need %lld rows with distance 0 "
        "in row %lld or later, got %lld rows with distance 0 in row %lld",
        (long long)-highest, (long long)-lowest, (long long)(highest - lowest + 1), (long long)-lowest,
        (long long)rows, (long long)attrs->relative_zero);
}

static bool check_relative(const check *c)
{
    const heed_node *q_relative = extra_of(c, HEED_ATTENTION_Q_RELATIVE),
                    *relative = extra_of(c, HEED_ATTENTION_RELATIVE);
    const heed_shape *shape = relative != NULL ? &relative->tensor.shape : NULL;
    char text[96];

    if ((q_relative == NULL) != (relative == NULL))
        return heed_graph_fail(c->g, c->node, HEED_ERR_SHAPE,
                               "relative positions need both q_relative and relative");
    if (relative == NULL)
        return true;
    if (c->attrs->relative_zero < -HEED_MASK_MAX_POSITION || c->attrs->relative_zero > HEED_MASK_MAX_POSITION)
        return heed_graph_fail(c->g, c->node, HEED_ERR_SHAPE,
                               "the relative table has no row %lld for distance 0",
                               (long long)c->attrs->relative_zero);
    if (!heed_expect_shape(c->g, c->node, c->extra + HEED_ATTENTION_Q_RELATIVE, "q_relative", HEED_F32, c->q) ||
        !heed_expect_dtype(c->g, c->node, c->extra + HEED_ATTENTION_RELATIVE, "relative", HEED_F32))
        return false;
    if ((shape->rank != 2 && shape->rank != 3) || shape->size[shape->rank - 1] != c->q.size[3] ||
        (shape->rank == 3 && shape->size[0] != c->q.size[1]))
        return heed_graph_fail(c->g, c->node, HEED_ERR_SHAPE,
                               "expected relative [rows, %lld] or [%lld, rows, %lld], got %s",
                               (long long)c->q.size[3], (long long)c->q.size[1], (long long)c->q.size[3],
                               heed_shape_format(text, sizeof text, shape));
    return check_distances(c, shape->size[shape->rank - 2]);
}

bool heed_attention_check(heed_graph *g, const heed_node *node, int extra, bool has_v, bool past_rows)
{
    const check c = {
        .g = g,
        .node = node,
        .attrs = node->attrs,
        .extra = extra,
        .has_v = has_v,
        .past_rows = past_rows,
        .q = node->in[0]->tensor.shape,
        .k = node->in[1]->tensor.shape,
    };

    return check_types(&c) && check_heads(&c) && check_values(&c) && check_numbers(&c) && check_position(&c) &&
           check_masks(&c) && check_bias(&c) && check_relative(&c);
}
