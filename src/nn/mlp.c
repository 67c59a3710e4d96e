/* SPDX-License-Identifier: MIT */
/*
 * The feed-forward of a block, d_mlp wide.
 *
 *   out = f(x W_fc + b_fc) W_proj + b_proj                                      f an activation
 *   out = (silu(x W_gate + b_gate) * (x W_fc + b_fc)) W_proj + b_proj           swiglu: a third map and its gate
 *
 * Source of the gate: Shazeer 2020 (arXiv:2002.05202).
 */
#include "nn/types.h"

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
        return heed_silu(nn->g, x);
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
    heed_node *pre, *up, *post, *out;

    heed_scope_begin(g, "mlp");
    x = heed_nn_held(nn, x, HEED_NN_OPERAND);
    if (c->activation == HEED_ACTIVATION_SWIGLU) {
        pre = heed_name(g, heed_nn_linear(nn, x, "mlp.c_gate", d_mlp, c->mlp_bias, HEED_NN_ACTIVATION), "pre");
        up = heed_name(g, heed_nn_linear(nn, x, "mlp.c_fc", d_mlp, c->mlp_bias, HEED_NN_ACTIVATION),
                       "pre_linear");
        post = heed_name(g, heed_swiglu(g, pre, up), "post");
    } else {
        pre = heed_name(g, heed_nn_linear(nn, x, "mlp.c_fc", d_mlp, c->mlp_bias, HEED_NN_ACTIVATION), "pre");
        post = heed_name(g, heed_nn_activate(nn, pre), "post");
    }
    out = heed_nn_linear(nn, post, "mlp.c_proj", c->d_model, c->mlp_bias, HEED_NN_STREAM);
    heed_scope_end(g);
    return out;
}
