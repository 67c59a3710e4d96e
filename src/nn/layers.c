/* SPDX-License-Identifier: MIT */
/* The small layers: a linear map, a norm, dropout, each with its parameters. */
#include <stdio.h>
#include <string.h>

#include "nn/types.h"
#include "nn/weights.h"

static bool is_frozen(const heed_nn *nn, const char *name)
{
    for (int i = 0; nn->frozen != NULL && nn->frozen[i] != NULL; i++) {
        if (strcmp(nn->frozen[i], name) == 0)
            return true;
    }
    return false;
}

heed_node *heed_nn_source(heed_nn *nn, const char *name, heed_shape shape)
{
    heed_node *node = heed_graph_find(nn->g, name);

    if (node != NULL && node->role == HEED_ROLE_PARAMETER)
        return node;
    node = nn->weights == NULL ? heed_graph_parameter(nn->g, name, shape)
                               : heed_graph_weight(nn->g, name, heed_weights_dtype(nn->weights, name), shape);
    if (node != NULL && is_frozen(nn, name))
        node->wants_grad = false; /* nor does what is made of it alone */
    return node;
}

heed_node *heed_nn_parameter(heed_nn *nn, const char *layer, const char *kind, heed_shape shape)
{
    char name[HEED_MAX_NAME], scope[HEED_MAX_NAME];
    int block = 0;

    heed_scope_name(nn->g, scope, sizeof scope, "");
    if (sscanf(scope, "blocks.%d", &block) == 1)
        snprintf(name, sizeof name, "h.%d.%s.%s", block, layer, kind);
    else
        snprintf(name, sizeof name, "%s.%s", layer, kind);
    return heed_nn_source(nn, name, shape);
}

heed_node *heed_nn_linear(heed_nn *nn, heed_node *x, const char *name, int64_t out, bool bias,
                          heed_nn_role role)
{
    heed_node *weight, *b = NULL;

    if (x == NULL)
        return NULL;
    weight = heed_nn_parameter(nn, name, "weight", heed_shape2(heed_shape_size(&x->tensor.shape, -1), out));
    if (bias)
        b = heed_nn_parameter(nn, name, "bias", heed_shape1(out));
    if (role != HEED_NN_ROUTING)
        x = heed_nn_held(nn, x, HEED_NN_OPERAND);
    return heed_linear_as(nn->g, x, weight, b, HEED_WEIGHT_IN_OUT, heed_nn_type(nn, role));
}

heed_node *heed_nn_norm(heed_nn *nn, heed_node *x, const char *name)
{
    const int64_t n = nn->config->d_model;
    heed_node *gamma = heed_nn_parameter(nn, name, "weight", heed_shape1(n));
    heed_node *beta;

    if (nn->config->norm_type == HEED_NORM_RMSNORM)
        return heed_rmsnorm(nn->g, x, gamma, (float)nn->config->norm_eps);
    beta = nn->config->norm_bias ? heed_nn_parameter(nn, name, "bias", heed_shape1(n)) : NULL;
    return heed_layernorm(nn->g, x, gamma, beta, (float)nn->config->norm_eps);
}

heed_node *heed_nn_dropout(heed_nn *nn, heed_node *x)
{
    if (nn->window == NULL || nn->config->dropout <= 0.0)
        return x;
    return heed_dropout(nn->g, x, nn->window, (float)nn->config->dropout, nn->seed, nn->n_dropouts++);
}

int64_t heed_config_d_mlp(const heed_config *config)
{
    return config->d_mlp > 0 ? config->d_mlp : (int64_t)(config->mlp_factor * (double)config->d_model + 0.5);
}

int64_t heed_config_n_kv_heads(const heed_config *config)
{
    return config->n_kv_heads > 0 ? config->n_kv_heads : config->n_heads;
}

bool heed_config_positions_in_attention(const heed_config *config)
{
    return config->positions == HEED_POSITIONS_ROTARY || config->positions == HEED_POSITIONS_ALIBI ||
           config->positions == HEED_POSITIONS_RELATIVE || config->positions == HEED_POSITIONS_TRANSFORMER_XL;
}
