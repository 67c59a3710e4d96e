/* SPDX-License-Identifier: MIT */
/* Attention with each option alone, and with all of them at once; rows that see nothing are among them. */
#include "cases_attention.h"

enum { B = 2, H = 4, HKV = 2, D = 6, DV = 5 };

typedef struct heads {
    heed_node *q, *k, *v;
} heads;

/* [B, H, n_query, D] and so on, heads that share keys. */
static heads heads_of(case_graph *c, int64_t n_query, int64_t n_key)
{
    heads x;

    x.q = case_parameter(c, heed_shape4(B, H, n_query, D));
    x.k = case_parameter(c, heed_shape4(B, HKV, n_key, D));
    x.v = case_parameter(c, heed_shape4(B, HKV, n_key, DV));
    return x;
}

static heed_node *attend(case_graph *c, heads x, const heed_attention_options *options)
{
    return heed_attention(c->g, x.q, x.k, x.v, options);
}

/* --- who sees whom ------------------------------------------------------------------------------- */

heed_node *attention_keys(case_graph *c)
{
    const heads x = heads_of(c, 5, 7);
    const heed_attention_options options = {.keys = case_bytes(c, heed_shape2(B, 7), 0, 1)};

    return attend(c, x, &options);
}

heed_node *attention_window(case_graph *c)
{
    const heed_attention_options options = {.causal = true, .window = 3};

    return attend(c, heads_of(c, 9, 9), &options);
}

heed_node *attention_stride(case_graph *c)
{
    const heed_attention_options options = {.causal = true, .stride = 3};

    return attend(c, heads_of(c, 9, 11), &options);
}

heed_node *attention_prefix(case_graph *c)
{
    const heed_attention_options options = {.causal = true, .window = 2, .prefix = 4};

    return attend(c, heads_of(c, 9, 9), &options);
}

heed_node *attention_documents(case_graph *c)
{
    const heads x = heads_of(c, 7, 9);
    const heed_attention_options options = {.causal = true, .documents = case_ints(c, heed_shape2(B, 9), 0, 1)};

    return attend(c, x, &options);
}

heed_node *attention_blocks(case_graph *c)
{
    const heads x = heads_of(c, 7, 11);
    const heed_attention_options options = {.block = 3, .blocks = case_bytes(c, heed_shape2(3, 4), 0, 1)};

    return attend(c, x, &options);
}

heed_node *attention_pairs(case_graph *c)
{
    const heads x = heads_of(c, 3, 4);
    const heed_attention_options options = {.pairs = case_bytes(c, heed_shape3(1, 3, 4), 0, 1)};

    return attend(c, x, &options);
}

heed_node *attention_pairs_of_each(case_graph *c)
{
    const heads x = heads_of(c, 5, 4);
    const heed_attention_options options = {.pairs = case_bytes(c, heed_shape3(B, 5, 4), 0, 1)};

    return attend(c, x, &options);
}

/* The first queries stand before all keys and see nothing. */
heed_node *attention_before(case_graph *c)
{
    const heed_attention_options options = {.causal = true, .at_position = true, .position = -3};

    return attend(c, heads_of(c, 7, 4), &options);
}

heed_node *attention_behind(case_graph *c)
{
    const heed_attention_options options = {.causal = true, .window = 5, .at_position = true, .position = 2};

    return attend(c, heads_of(c, 8, 5), &options);
}

heed_node *attention_filled(case_graph *c)
{
    const heed_attention_options options = {
        .causal = true, .fill_1e9 = true, .at_position = true, .position = -3};

    return attend(c, heads_of(c, 7, 4), &options);
}

/* --- what is added ------------------------------------------------------------------------------- */

heed_node *attention_bias(case_graph *c)
{
    const heads x = heads_of(c, 5, 7);
    const heed_attention_options options = {.bias = case_parameter(c, heed_shape2(5, 7))};

    return attend(c, x, &options);
}

heed_node *attention_bias_of_heads(case_graph *c)
{
    const heads x = heads_of(c, 5, 5);
    const heed_attention_options options = {.causal = true, .bias = case_parameter(c, heed_shape3(H, 5, 5))};

    return attend(c, x, &options);
}

heed_node *attention_bias_of_all(case_graph *c)
{
    const heads x = heads_of(c, 5, 7);
    const heed_attention_options options = {.causal = true, .bias = case_parameter(c, heed_shape4(B, H, 5, 7))};

    return attend(c, x, &options);
}

heed_node *attention_alibi(case_graph *c)
{
    const heed_attention_options options = {.causal = true, .alibi = true};

    return attend(c, heads_of(c, 6, 9), &options);
}

heed_node *attention_relative(case_graph *c)
{
    const heads x = heads_of(c, 5, 7);
    heed_attention_options options = {.causal = true, .relative_zero = 6};

    options.q_relative = case_parameter(c, heed_shape4(B, H, 5, D));
    options.relative = case_parameter(c, heed_shape3(H, 7, D));
    return attend(c, x, &options);
}

heed_node *attention_relative_shared(case_graph *c)
{
    const heads x = heads_of(c, 4, 4);
    heed_attention_options options = {.relative_zero = 3};

    options.q_relative = case_parameter(c, heed_shape4(B, H, 4, D));
    options.relative = case_parameter(c, heed_shape2(7, D));
    return attend(c, x, &options);
}

/* --- all at once --------------------------------------------------------------------------------- */

static heed_attention_options everything(case_graph *c, int64_t batch, int64_t n_heads, int64_t n_query,
                                         int64_t n_key)
{
    heed_attention_options options = {
        .scale = 0.5f,
        .causal = true,
        .window = n_key / 2,
        .stride = 5,
        .prefix = 2,
        .block = 4,
        .alibi = true,
        .relative_zero = n_key - 1,
    };

    options.keys = case_bytes(c, heed_shape2(batch, n_key), 0, 1);
    options.documents = case_ints(c, heed_shape2(batch, n_key), 0, 1);
    options.blocks = case_bytes(c, heed_shape2((n_query + 3) / 4, (n_key + 3) / 4), 0, 1);
    options.pairs = case_bytes(c, heed_shape3(1, n_query, n_key), 0, 3);
    options.bias = case_parameter(c, heed_shape3(n_heads, n_query, n_key));
    options.q_relative = case_parameter(c, heed_shape4(batch, n_heads, n_query, D));
    options.relative = case_parameter(c, heed_shape3(n_heads, n_key, D));
    return options;
}

heed_node *attention_everything(case_graph *c)
{
    const heads x = heads_of(c, 9, 13);
    const heed_attention_options options = everything(c, B, H, 9, 13);

    return heed_merge_heads(c->g, attend(c, x, &options));
}

/* Several tiles, and several blocks of queries. */
heed_node *attention_everything_long(case_graph *c)
{
    heed_node *q = case_parameter(c, heed_shape4(1, 2, 71, D)),
              *k = case_parameter(c, heed_shape4(1, 1, 77, D));
    heed_node *v = case_parameter(c, heed_shape4(1, 1, 77, DV));
    const heed_attention_options options = everything(c, 1, 2, 71, 77);

    return heed_attention(c->g, q, k, v, &options);
}

/* One node is both keys and values: its gradient is the sum of two. */
heed_node *attention_tied(case_graph *c)
{
    heed_node *q = case_parameter(c, heed_shape4(B, H, 5, D)),
              *k = case_parameter(c, heed_shape4(B, HKV, 5, D));
    const heed_attention_options options = {.causal = true, .scale = 1.0f};

    return heed_attention(c->g, q, k, k, &options);
}

heed_node *scores_of_everything(case_graph *c)
{
    heed_node *q = case_parameter(c, heed_shape4(B, H, 5, D)),
              *k = case_parameter(c, heed_shape4(B, HKV, 7, D));
    const heed_attention_options options = everything(c, B, H, 5, 7);

    return heed_attention_scores(c->g, q, k, &options);
}

heed_node *pattern_of_everything(case_graph *c)
{
    return heed_softmax(c->g, scores_of_everything(c));
}

heed_node *pattern_filled(case_graph *c)
{
    heed_node *q = case_parameter(c, heed_shape4(B, H, 7, D)),
              *k = case_parameter(c, heed_shape4(B, HKV, 4, D));
    const heed_attention_options options = {
        .causal = true, .fill_1e9 = true, .at_position = true, .position = -3};

    return heed_softmax(c->g, heed_attention_scores(c->g, q, k, &options));
}

heed_node *bias_scores(case_graph *c)
{
    heed_node *q = case_parameter(c, heed_shape4(B, H, 3, D)),
              *k = case_parameter(c, heed_shape4(B, HKV, 4, D));
    const heed_attention_options options = {.bias = case_parameter(c, heed_shape2(3, 4))};

    return heed_attention_scores(c->g, q, k, &options);
}

/* --- without a softmax ----------------------------------------------------------------------------- */

/* q and k are no parameters: where the largest score lies has no gradient. */
static heed_node *lookup_of(case_graph *c, int64_t n_query, int64_t n_key,
                            const heed_attention_options *options)
{
    heed_node *q = case_state(c, heed_shape4(B, H, n_query, D));
    heed_node *k = case_state(c, heed_shape4(B, HKV, n_key, D));

    return heed_attention_lookup(c->g, q, k, case_parameter(c, heed_shape4(B, HKV, n_key, DV)), options);
}

heed_node *lookup(case_graph *c)
{
    const heed_attention_options options = {.causal = true};

    return heed_merge_heads(c->g, lookup_of(c, 5, 7, &options));
}

heed_node *lookup_masked(case_graph *c)
{
    const heed_attention_options options = {
        .causal = true, .at_position = true, .position = -2, .keys = case_bytes(c, heed_shape2(B, 5), 0, 1)};

    return lookup_of(c, 7, 5, &options);
}

heed_node *running_mean(case_graph *c)
{
    return heed_running_mean(c->g, case_parameter(c, heed_shape3(2, 7, 5)));
}

heed_node *running_mean_of_a_view(case_graph *c)
{
    return heed_running_mean(c->g, heed_narrow(c->g, case_parameter(c, heed_shape3(3, 4, 9)), 2, 5));
}
