/* SPDX-License-Identifier: MIT */
/*
 * Layers and models as straight lines of ops.
 *
 * A builder carries what every layer needs: the graph, the configuration, and whether this graph
 * trains (dropout) or decodes (a key/value cache and a position).
 *
 *     heed_nn nn = {.g = g, .config = &config};
 *     heed_node *ids = heed_graph_input(g, "ids", HEED_I32, heed_shape2(batch, T));
 *     heed_gpt gpt = heed_gpt_build(&nn, ids, targets);
 *     heed_graph_differentiate(g, gpt.objective, seed, heed_accumulate);
 *
 * Nodes have TransformerLens' names (blocks.0.attn.q, blocks.0.resid_mid); parameters those of GPT-2's
 * checkpoints (h.0.attn.c_attn.weight). A node that no target needs costs nothing: the scores and
 * patterns of attention are there for whoever looks, further outputs of the fused attention that runs.
 */
#ifndef HEED_NN_NN_H
#define HEED_NN_NN_H

#include <heed/config.h>
#include <heed/model.h>

#include "ops/ops.h"

/* What numbers are for, which tells their type while training in bf16: nn/types.h. */
typedef enum heed_nn_role {
    HEED_NN_STREAM,
    HEED_NN_OPERAND,
    HEED_NN_ACTIVATION,
    HEED_NN_ROUTING,
} heed_nn_role;

typedef struct heed_nn {
    heed_graph *g;
    const heed_config *config;
    const struct heed_weights
        *weights;              /* what the graph will be bound to: parameters get their types; NULL: all f32 */
    const char *const *frozen; /* names, then NULL, of parameters that want no gradient; NULL: all want one */
    /* training with dropout: the number of the first window (i32 scalar) and the seed; NULL: no dropout */
    heed_node *window;
    uint64_t seed;
    int n_dropouts;           /* masks handed out so far */
    heed_precision precision; /* of activations: f32, or bf16 where nn/types.h says so */
    bool training;      /* experts take no more than expert_capacity: what is left out is for training alone */
    heed_node *balance; /* the load-balance losses of the layers so far, weighted and added up; NULL: none */
    /* decoding: tokens already in the cache (i32 scalar, or [B] for each row) and how many it can hold; NULL: no cache */
    heed_node *past;
    int64_t cache_length;
} heed_nn;

typedef struct heed_gpt {
    heed_node *resid_last;  /* [B, T, d_model] what the last block leaves; NULL for the bigram model */
    heed_node *resid_final; /* [B, T, d_model] what the head reads; NULL for the bigram model */
    heed_node *logits;      /* [B, T, V] */
    heed_node *loss;        /* cross-entropy, a scalar; NULL without targets */
    heed_node
        *token_loss; /* [B, T] the same for each target, 0 where it is ignored; costs nothing unless read */
    heed_node *objective; /* what training makes smaller: the loss, and nn->balance where there is one */
} heed_gpt;

/** Any model of the configuration. ids i32 [B, T]; targets i32 [B, T] or NULL. */
heed_gpt heed_gpt_build(heed_nn *nn, heed_node *ids, heed_node *targets);

/** The logits of the last position alone, [B, V]: all that generation needs. */
heed_node *heed_gpt_last_logits(heed_nn *nn, const heed_gpt *gpt);

/* --- its parts, in the order of a token's way through --- */

/** Token embedding plus position embedding: [B, T] -> [B, T, d_model]. */
heed_node *heed_nn_embed(heed_nn *nn, heed_node *ids);
/** One block: attention and feed-forward, each with its norm and its residual. x [B, T, d_model]. */
heed_node *heed_nn_block(heed_nn *nn, heed_node *x, int64_t layer);
/** Multi-head self-attention, causal or not, with its query, key, value and output maps, and positions that act there. */
heed_node *heed_nn_attention(heed_nn *nn, heed_node *x);
/** The norm before the head, where the configuration has one: what the head reads of a residual x [B, T, d_model]. */
heed_node *heed_nn_final_norm(heed_nn *nn, heed_node *x);
/** The head: what x says of the next token, [B, T, V]. */
heed_node *heed_nn_head(heed_nn *nn, heed_node *x);
/** Feed-forward: d_model -> d_mlp -> activation -> d_model. */
heed_node *heed_nn_mlp(heed_nn *nn, heed_node *x);
/** Mixture of experts in its place: each token goes through experts_per_token of n_experts; adds to nn->balance. */
heed_node *heed_nn_moe(heed_nn *nn, heed_node *x);
/** The norm of the configuration with gain NAME.weight and, a LayerNorm with norm biases, shift NAME.bias. */
heed_node *heed_nn_norm(heed_nn *nn, heed_node *x, const char *name);
/** W x + b with W [in, out] under NAME.weight and, when bias is set, b under NAME.bias. role: of the result. */
heed_node *heed_nn_linear(heed_nn *nn, heed_node *x, const char *name, int64_t out, bool bias,
                          heed_nn_role role);
heed_node *heed_nn_dropout(heed_nn *nn, heed_node *x);
/** The activation of the configuration; swiglu, which takes two maps, is not one of them. */
heed_node *heed_nn_activate(heed_nn *nn, heed_node *x);
/** The parameter of that name, in the type that nn->weights have it in; one that the graph has already serves again. */
heed_node *heed_nn_source(heed_nn *nn, const char *name, heed_shape shape);
/**
 * A parameter under its name in a checkpoint: inside blocks.3 the `kind` (weight, bias) of `layer` attn.c_attn is
 * h.3.attn.c_attn.weight; outside of blocks the layer's name stands for itself.
 */
heed_node *heed_nn_parameter(heed_nn *nn, const char *layer, const char *kind, heed_shape shape);

/** d_mlp, or what the factor makes of d_model. */
int64_t heed_config_d_mlp(const heed_config *config);
/** Heads of keys and values: n_kv_heads, or n_heads where that is 0. */
int64_t heed_config_n_kv_heads(const heed_config *config);
/** True when positions act on queries, keys or scores, not on the embedding. */
bool heed_config_positions_in_attention(const heed_config *config);
/** True when what the model says at a position depends on later tokens: it cannot write. */
bool heed_config_looks_ahead(const heed_config *config);
/** The longest context that positions have values for: the rows of their table, INT64_MAX where there is none. */
int64_t heed_config_reach(const heed_config *config);

#endif
