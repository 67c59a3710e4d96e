/* SPDX-License-Identifier: MIT */
/* Small models with random weights, large enough that no two tokens are nearly as likely. Include after cmocka_all.h. */
#ifndef HEED_TESTS_INFER_SMALL_MODEL_H
#define HEED_TESTS_INFER_SMALL_MODEL_H

#include <heed/model.h>
#include <string.h>

#include "nn/model.h"

enum { SMALL_VOCAB = 23, SMALL_CONTEXT = 8 };

static const char small_letters[] = "abcdefghijklmnopqrstuvw"; /* SMALL_VOCAB of them */

static inline heed_config small_config(void)
{
    heed_config config = heed_config_default();

    config.vocab_size = SMALL_VOCAB;
    config.context_length = SMALL_CONTEXT;
    config.n_layers = 2;
    config.n_heads = 2;
    config.d_model = 16;
    return config;
}

/* A model over letters. Weights are 15 times those of a fresh one, so that logits spread over some units. */
static inline heed_model *small_model(const heed_config *config, uint64_t seed)
{
    heed_weights *weights = NULL;
    heed_tokenizer *tokenizer = NULL;
    heed_model *model = NULL;
    heed_error err = {0};

    if (heed_config_check(config, &err) != HEED_OK || heed_weights_create(config, &weights, &err) != HEED_OK ||
        heed_weights_place(weights, NULL, &err) != HEED_OK)
        fail_msg("%s", err.message);
    heed_weights_init(weights, seed);
    for (int i = 0; i < weights->n; i++) {
        float *numbers = (float *)(uintptr_t)weights->list[i].data;
        for (int64_t k = 0; weights->list[i].rank >= 2 && k < weights->list[i].count; k++)
            numbers[k] *= 15.0f;
    }
    assert_int_equal(heed_tokenizer_characters(small_letters, strlen(small_letters), &tokenizer, &err),
                     HEED_OK);
    assert_int_equal(heed_model_wrap(weights, tokenizer, &model, &err), HEED_OK);
    return model;
}

/* Positions that end: a table of them, as long as the context. */
static inline bool small_table(const heed_config *c)
{
    return c->kind == HEED_KIND_GPT && (c->positions == HEED_POSITIONS_LEARNED ||
                                        (c->positions == HEED_POSITIONS_RELATIVE && c->window == 0));
}

/* The models that sessions must serve, by number; returns false behind the last. */
static inline bool small_variant(int i, heed_config *c, const char **name)
{
    static const char *const names[] = {"gpt",
                                        "m0",
                                        "bigram",
                                        "post-norm",
                                        "no positions",
                                        "no residuals",
                                        "untied",
                                        "no attention",
                                        "no layers",
                                        "one head",
                                        "grouped",
                                        "multi-query",
                                        "tied keys and values",
                                        "uniform",
                                        "unscaled",
                                        "window",
                                        "sinusoidal",
                                        "rotary",
                                        "rotary of tied keys",
                                        "alibi",
                                        "relative",
                                        "relative in a window",
                                        "transformer-xl",
                                        "as llama",
                                        "experts"};

    *c = small_config();
    switch (i) {
    case 1:
        c->n_layers = 1;
        c->norm = HEED_NORM_NONE;
        c->mlp = c->residual = c->tied_head = false;
        break;
    case 2:
        c->kind = HEED_KIND_BIGRAM;
        c->n_layers = 0;
        break;
    case 3:
        c->norm = HEED_NORM_POST;
        break;
    case 4:
        c->positions = HEED_POSITIONS_NONE;
        break;
    case 5:
        c->residual = false;
        break;
    case 6:
        c->tied_head = c->attention_bias = false;
        break;
    case 7:
        c->attention = false;
        break;
    case 8:
        c->n_layers = 0;
        break;
    case 9:
        c->n_heads = 1;
        c->context_length = 5;
        break;
    case 10:
        c->n_heads = 4;
        c->n_kv_heads = 2;
        break;
    case 11:
        c->n_heads = 4;
        c->n_kv_heads = 1;
        break;
    case 12:
        c->tied_kv = true;
        break;
    case 13:
        c->uniform_attention = true;
        break;
    case 14:
        c->attention_scale = 0.1;
        break;
    case 15:
        c->window = 3;
        break;
    case 16:
        c->positions = HEED_POSITIONS_SINUSOIDAL;
        break;
    case 17:
        c->positions = HEED_POSITIONS_ROTARY;
        break;
    case 18:
        c->positions = HEED_POSITIONS_ROTARY;
        c->tied_kv = true;
        break;
    case 19:
        c->positions = HEED_POSITIONS_ALIBI;
        break;
    case 20:
        c->positions = HEED_POSITIONS_RELATIVE;
        break;
    case 21:
        c->positions = HEED_POSITIONS_RELATIVE;
        c->window = 4;
        break;
    case 22:
        c->positions = HEED_POSITIONS_TRANSFORMER_XL;
        break;
    case 23:
        c->positions = HEED_POSITIONS_ROTARY;
        c->norm_type = HEED_NORM_RMSNORM;
        c->activation = HEED_ACTIVATION_SWIGLU;
        c->n_heads = 4;
        c->n_kv_heads = 2;
        break;
    case 24:
        c->n_experts = 4;
        break;
    default:
        break;
    }
    *name = i < (int)(sizeof names / sizeof names[0]) ? names[i] : NULL;
    return *name != NULL;
}

#endif
