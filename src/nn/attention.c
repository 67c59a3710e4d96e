/* SPDX-License-Identifier: MIT */
/*
 * Multi-head self-attention, in all the forms that a configuration can ask for.
 *
 *   q | k | v = x W_attn + b_attn       q: n_heads, k and v: n_kv_heads of head_dim = d_model / n_heads
 *   z_h       = softmax(scale q_h k_h^T + positions + mask) v_h
 *   out       = concat(z_h) W_proj + b_proj
 *
 *   grouped    n_kv_heads < n_heads: neighbouring heads read the same k and v (one for all: multi-query)
 *   tied_kv    v is k, so W_attn makes q | k
 *   uniform    all scores are 0, so z is the mean of the values that are seen, and W_attn makes v alone
 *   window     a query sees its own key and the window - 1 before it
 *   causal     a query sees no later key; switched off, all see all, as in an encoder
 *   positions  those that act here turn q and k or add to the scores: positions.c
 *
 * One product makes q, k and v; the heads are views of it, and merging them is a view too. While decoding, k and v
 * go to a cache and the queries read all that is there; a key is turned before it goes in.
 * Sources: Vaswani et al. 2017 (arXiv:1706.03762) 3.2.2; multi-query: Shazeer 2019 (arXiv:1911.02150); grouped: Ainslie
 * et al. 2023 (arXiv:2305.13245); window: Beltagy et al. 2020 (arXiv:2004.05150).
 */
#include "nn/nn.h"
#include "nn/positions.h"
#include "nn/types.h"

/* Columns of the fused row, from `first` head on, as heads [B, n, T, head_dim]. */
static heed_node *heads_of(heed_nn *nn, heed_node *qkv, int64_t first, int64_t n)
{
    const int64_t head_dim = nn->config->d_model / nn->config->n_heads;

    return heed_split_heads(nn->g, heed_narrow(nn->g, qkv, first * head_dim, n * head_dim), n);
}

/* x written behind the `past` tokens of this layer's cache; the cache. */
static heed_node *cached(heed_nn *nn, heed_node *x, const char *name)
{
    char full[HEED_MAX_NAME];
    heed_node *cache;
    heed_shape shape;

    if (nn->past == NULL || x == NULL)
        return x;
    shape = x->tensor.shape;
    shape.size[2] = nn->cache_length;
    heed_scope_name(nn->g, full, sizeof full, name);
    cache = heed_graph_state(nn->g, full, shape);
    return heed_cache_append(nn->g, cache, x, nn->past);
}

/* What attention is computed from: queries, and keys and values with those of the cache before them. */
typedef struct attention_inputs {
    heed_node *q, *k, *v;
} attention_inputs;

/* Queries of zeros: each score is 0, whatever the key, and the values serve as keys. */
static attention_inputs uniform_inputs(heed_nn *nn, heed_node *x)
{
    const heed_config *c = nn->config;
    heed_graph *g = nn->g;
    const int64_t n_kv = heed_config_n_kv_heads(c);
    attention_inputs in;
    heed_node *v;

    v = heed_nn_linear(nn, x, "attn.c_attn", n_kv * (c->d_model / c->n_heads), c->attention_bias,
                       HEED_NN_OPERAND);
    v = heed_name(g, heed_split_heads(g, v, n_kv), "v");
    in.v = in.k = cached(nn, v, "v_cache");
    in.q = heed_name(g, heed_scale(g, heed_split_heads(g, x, c->n_heads), 0.0f), "q");
    return in;
}

static attention_inputs projected_inputs(heed_nn *nn, heed_node *x, heed_attention_options *options)
{
    const heed_config *c = nn->config;
    heed_graph *g = nn->g;
    const int64_t n = c->n_heads, n_kv = heed_config_n_kv_heads(c);
    const int64_t columns = (n + (c->tied_kv ? 1 : 2) * n_kv) * (c->d_model / n);
    attention_inputs in;
    const heed_nn_role role = heed_config_positions_in_attention(c) ? HEED_NN_STREAM : HEED_NN_OPERAND;
    heed_node *qkv, *k, *v, *turned;

    qkv = heed_name(g, heed_nn_linear(nn, x, "attn.c_attn", columns, c->attention_bias, role), "qkv");
    in.q = heed_name(g, heads_of(nn, qkv, 0, n), "q");
    k = heed_name(g, heads_of(nn, qkv, n, n_kv), "k");
    v = c->tied_kv ? k : heed_name(g, heads_of(nn, qkv, n + n_kv, n_kv), "v");
    turned = heed_nn_turn(nn, k, "rot_k");
    in.k = cached(nn, turned, "k_cache");
    in.v = v == turned ? in.k : cached(nn, v, "v_cache");
    in.q = heed_nn_turn(nn, in.q, "rot_q");
    in.q = heed_nn_relate(nn, in.q, in.k, options);
    return in;
}

/* What attention reads, after positions have turned or been added to it. */
static void hold(heed_nn *nn, attention_inputs *in)
{
    const bool tied = in->v == in->k;

    in->q = heed_nn_held(nn, in->q, HEED_NN_OPERAND);
    in->k = heed_nn_held(nn, in->k, HEED_NN_OPERAND);
    in->v = tied ? in->k : heed_nn_held(nn, in->v, HEED_NN_OPERAND);
}

/* What attention finds on its way to z and writes down only for those who ask. */
static void show(heed_graph *g, const heed_node *z)
{
    if (z == NULL)
        return;
    heed_name(g, z->outputs[HEED_ATTENTION_SCORES], "scores");
    heed_name(g, z->outputs[HEED_ATTENTION_PATTERN], "pattern");
    heed_name(g, z->outputs[HEED_ATTENTION_LSE], "lse");
    heed_name(g, z->outputs[HEED_ATTENTION_ENTROPY], "entropy");
}

heed_node *heed_nn_attention(heed_nn *nn, heed_node *x)
{
    const heed_config *c = nn->config;
    heed_attention_options options = {.causal = c->causal,
                                      .past = nn->past,
                                      .window = c->window,
                                      .scale = (float)c->attention_scale,
                                      .alibi = c->positions == HEED_POSITIONS_ALIBI};
    heed_graph *g = nn->g;
    attention_inputs in;
    heed_node *z, *out;

    heed_scope_begin(g, "attn");
    in = c->uniform_attention ? uniform_inputs(nn, x) : projected_inputs(nn, x, &options);
    hold(nn, &in);
    z = heed_name(g, heed_attention(g, in.q, in.k, in.v, &options), "z");
    show(g, z);
    out = heed_nn_linear(nn, heed_merge_heads(g, z), "attn.c_proj", c->d_model, c->attention_bias,
                         HEED_NN_STREAM);
    heed_scope_end(g);
    return out;
}
