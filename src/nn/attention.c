/* SPDX-License-Identifier: MIT */
/*
 * Causal multi-head self-attention.
 *
 *   q | k | v = x W_attn + b_attn                each split into n_heads of head_dim = d_model / n_heads
 *   z_h       = softmax(q_h k_h^T / sqrt(head_dim) + causal mask) v_h
 *   out       = concat(z_h) W_proj + b_proj
 *
 * One product makes q, k and v; the heads are views of it, and merging them is a view too. While decoding, k and v
 * go to a cache and the queries read all that is there.
 * Source: Vaswani et al. 2017 (arXiv:1706.03762) 3.2.2.
 */
#include "nn/nn.h"

/* Columns part * d .. of the fused q | k | v as heads [B, n_heads, T, head_dim]. */
static heed_node *heads_of(heed_nn *nn, heed_node *qkv, int part, const char *name)
{
    const heed_config *c = nn->config;
    heed_node *columns = heed_narrow(nn->g, qkv, part * c->d_model, c->d_model);

    return heed_name(nn->g, heed_split_heads(nn->g, columns, c->n_heads), name);
}

/* x written behind the `past` tokens of this layer's cache; the cache. */
static heed_node *cached(heed_nn *nn, heed_node *x, const char *name)
{
    const heed_config *c = nn->config;
    char full[HEED_MAX_NAME];
    heed_node *cache;

    if (nn->past == NULL || x == NULL)
        return x;
    heed_scope_name(nn->g, full, sizeof full, name);
    cache = heed_graph_state(
        nn->g, full,
        heed_shape4(x->tensor.shape.size[0], c->n_heads, nn->cache_length, c->d_model / c->n_heads));
    return heed_cache_append(nn->g, cache, x, nn->past);
}

heed_node *heed_nn_attention(heed_nn *nn, heed_node *x)
{
    const heed_config *c = nn->config;
    const heed_attention_options options = {.causal = true, .past = nn->past};
    heed_graph *g = nn->g;
    heed_node *qkv, *q, *k, *v, *z, *out;

    heed_scope_begin(g, "attn");
    qkv = heed_name(g, heed_nn_linear(nn, x, "attn.c_attn", 3 * c->d_model, c->attention_bias), "qkv");
    q = heads_of(nn, qkv, 0, "q");
    k = cached(nn, heads_of(nn, qkv, 1, "k"), "k_cache");
    v = cached(nn, heads_of(nn, qkv, 2, "v"), "v_cache");
    heed_name(g, heed_softmax(g, heed_name(g, heed_attention_scores(g, q, k, &options), "scores")), "pattern");
    z = heed_name(g, heed_attention(g, q, k, v, &options), "z");
    out = heed_nn_linear(nn, heed_merge_heads(g, z), "attn.c_proj", c->d_model, c->attention_bias);
    heed_scope_end(g);
    return out;
}
