/* SPDX-License-Identifier: MIT */
/**
 * What a model is: one configuration for the bigram model, the one-layer attention model and the GPT.
 */
#ifndef HEED_CONFIG_H
#define HEED_CONFIG_H

#include <heed/fields.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum heed_kind { HEED_KIND_GPT, HEED_KIND_BIGRAM } heed_kind;
typedef enum heed_norm { HEED_NORM_PRE, HEED_NORM_POST, HEED_NORM_NONE } heed_norm;
typedef enum heed_norm_type { HEED_NORM_LAYERNORM, HEED_NORM_RMSNORM } heed_norm_type;
typedef enum heed_activation {
    HEED_ACTIVATION_GELU_TANH,
    HEED_ACTIVATION_GELU_ERF,
    HEED_ACTIVATION_RELU,
    HEED_ACTIVATION_NONE,
    HEED_ACTIVATION_SILU,
    HEED_ACTIVATION_SWIGLU, /* gated: silu(x W_gate) * (x W_up) */
} heed_activation;
typedef enum heed_positions {
    HEED_POSITIONS_LEARNED,        /* a table that is added to the token embedding */
    HEED_POSITIONS_NONE,           /* the causal mask alone tells order */
    HEED_POSITIONS_SINUSOIDAL,     /* sines and cosines, added */
    HEED_POSITIONS_ROTARY,         /* q and k turn with their position */
    HEED_POSITIONS_ALIBI,          /* scores fall with distance */
    HEED_POSITIONS_RELATIVE,       /* a learned row for each distance, q_i . r_(i-j) added to the scores */
    HEED_POSITIONS_TRANSFORMER_XL, /* the same with sinusoidal rows through a map, and the two biases u and v */
} heed_positions;

typedef struct heed_config {
    int kind;               /* heed_kind */
    int64_t vocab_size;     /* 0: the tokenizer's */
    int64_t context_length; /* rows of a position table, and the window a model trains on */
    int64_t n_layers, n_heads, d_model;
    int64_t d_mlp; /* width of the feed-forward; 0: mlp_factor * d_model */
    double mlp_factor;
    int activation; /* heed_activation */
    int norm;       /* heed_norm: where LayerNorm stands */
    double norm_eps;
    bool attention, mlp, residual; /* parts of a block */
    bool attention_bias, mlp_bias, norm_bias;
    bool tied_head;         /* the head is the token embedding, otherwise a matrix of its own */
    int positions;          /* heed_positions */
    int64_t n_kv_heads;     /* heads of keys and values, shared evenly by the n_heads; 0: n_heads */
    bool tied_kv;           /* the keys are the values too */
    bool uniform_attention; /* every key that is seen weighs the same */
    bool causal; /* a query sees no later key; without it the model fills gaps, but no session writes with it */
    double attention_scale; /* of the scores; 0: 1/sqrt(head_dim) */
    int64_t window;         /* keys a query sees, itself included; 0: all before it */
    double rotary_base;
    int64_t rotary_dim; /* 0: all of head_dim */
    bool rotary_interleaved;
    int rotary_scaling;   /* none, linear, ntk, yarn */
    double rotary_factor; /* by how much the scaling stretches the context */
    int norm_type;        /* heed_norm_type */
    int64_t n_experts;    /* feed-forwards a token is sent to some of; 0: one, for all */
    int64_t experts_per_token;
    double expert_capacity; /* tokens an expert takes, as a multiple of an even share; 0: no limit */
    double balance_weight;  /* of the load-balance loss beside cross-entropy */
    double dropout;         /* after the embeddings and after each part of a block, while training */
} heed_config;

/** A small GPT in the form of GPT-2: 4 layers, 4 heads, d_model 128, context 64, pre-norm, tied head, no dropout. */
HEED_API heed_config heed_config_default(void);
/** "gpt", "gpt2" (124M), "m0" (one attention layer, nothing else), "bigram". HEED_ERR_USAGE: an unknown name. */
HEED_API heed_status heed_config_preset(const char *name, heed_config *config, heed_error *err);
/** The names of the presets, ended by NULL. */
HEED_API const char *const *heed_config_presets(void);
HEED_API const heed_field *heed_config_fields(int *n);
/** That of the model in folder, from its config.json. HEED_ERR_FILE: none there, another architecture, or a broken one. */
HEED_API heed_status heed_config_load(const char *folder, heed_config *config, heed_error *err);
/** Ranges, and what must fit together: n_heads divides d_model, … HEED_ERR_USAGE says what does not. */
HEED_API heed_status heed_config_check(const heed_config *config, heed_error *err);
/**
 * May the model be given a context of so many tokens? Positions with a formula have values everywhere; a table of
 * positions (learned, relative) has context_length rows, and HEED_ERR_USAGE says which row there is not.
 */
HEED_API heed_status heed_config_check_length(const heed_config *config, int64_t length, heed_error *err);

#ifdef __cplusplus
}
#endif
#endif
