/* SPDX-License-Identifier: MIT */
/*
 * The feed-forward of a block, d_mlp wide.
 *
 *   out = f(x W_fc + b_fc) W_proj + b_proj                                      f an activation
 */
#include "nn/nn.h"

heed_node *heed_nn_activate(heed_nn *nn, heed_node *x)
{
    switch ((heed_activation)nn->config->activation) {
    case HEED_ACTIVATION_GELU_TANH:
        return heed_gelu_tanh(nn->g, x);
    case HEED_ACTIVATION_GELU_ERF:
        return heed_gelu_erf(nn->g, x);
    case HEED_ACTIVATION_RELU:
        return heed_relu(nn->g, x);
    case HEED_ACTIVATION_SILU:
    case HEED_ACTIVATION_SWIGLU: /* takes two inputs, below */
    case HEED_ACTIVATION_NONE:
        break;
    }
    return x;
}

heed_node *heed_nn_mlp(heed_nn *nn, heed_node *x)
{
    const heed_config *c = nn->config;
    heed_graph *g = nn->g;
    const int64_t d_mlp = heed_config_d_mlp(c);
    heed_node *pre, *post, *out;

    heed_scope_begin(g, "mlp");
    pre = heed_name(g, heed_nn_linear(nn, x, "mlp.c_fc", d_mlp, c->mlp_bias), "pre");
    post = heed_name(g, heed_nn_activate(nn, pre), "post");
    out = heed_nn_linear(nn, post, "mlp.c_proj", c->d_model, c->mlp_bias);
    heed_scope_end(g);
    return out;
}
