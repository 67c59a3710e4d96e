/* SPDX-License-Identifier: MIT */
/*
 * A mixture of experts in the place of the feed-forward: E feed-forwards, of which each token goes through k.
 *
 *   p     = softmax(x W_router)                       what the router gives each expert
 *   gates = the k largest of p, over their sum        (for k = 1 the probability itself)
 *   out_t = sum over the k experts e of token t of gate_te mlp_e(x_t)
 *
 * Every expert is a feed-forward as in nn/mlp.c, with matrices and biases of its own, stored one after the other in
 * [E, in, out] and [E, out]. Tokens are copied next to the others of their expert, so that an expert is one product over
 * its rows: the work is that of k feed-forwards a token, whatever E is.
 *
 * While training an expert takes no more than expert_capacity times an even share of the assignments. Elsewhere
 * there is no limit, so that what becomes of a token depends on no other token of the batch, and reading it from a cache
 * gives what reading all of the text gives.
 *
 * balance_weight times E sum_e load_e mean_t p_te joins the other layers' in nn->balance.
 * Sources: Shazeer et al. 2017 (arXiv:1701.06538); Fedus et al. 2021 (arXiv:2101.03961); Jiang et al. 2024
 * (arXiv:2401.04088) 2.1.
 */
#include <stdio.h>

#include "nn/nn.h"

/* Where this layer's tokens go, each part under its name. */
static heed_routes route(heed_nn *nn, heed_node *x)
{
    const heed_config *c = nn->config;
    heed_graph *g = nn->g;
    heed_node *logits = heed_name(g, heed_nn_linear(nn, x, "mlp.router", c->n_experts, false, HEED_NN_ROUTING),
                                  "router_logits");
    heed_node *p = heed_name(g, heed_softmax(g, logits), "router_probs");
    const heed_routes routes = heed_route(g, p, c->experts_per_token, nn->training ? c->expert_capacity : 0.0);

    heed_name(g, routes.index, "expert_index");
    heed_name(g, routes.gates, "expert_gates");
    heed_name(g, routes.row, "expert_row");
    heed_name(g, routes.load, "expert_load");
    if (c->balance_weight > 0.0) {
        heed_node *loss = heed_name(g, heed_balance_loss(g, p, routes.load), "balance_loss");
        heed_node *weighted = heed_scale(g, loss, (float)c->balance_weight);
        nn->balance = nn->balance != NULL ? heed_add(g, nn->balance, weighted) : weighted;
    }
    return routes;
}

/* One map of all experts: W [E, in, out] under h.N.mlp.experts.NAME. */
static heed_node *map(heed_nn *nn, heed_node *rows, const heed_routes *routes, const char *name, int64_t out)
{
    const heed_config *c = nn->config;
    char layer[64];
    heed_node *weight, *bias = NULL;

    if (rows == NULL)
        return NULL;
    snprintf(layer, sizeof layer, "mlp.experts.%s", name);
    weight = heed_nn_parameter(nn, layer, "weight", heed_shape3(c->n_experts, heed_cols(&rows->tensor), out));
    if (c->mlp_bias)
        bias = heed_nn_parameter(nn, layer, "bias", heed_shape2(c->n_experts, out));
    return heed_expert_linear(nn->g, rows, weight, bias, routes->offsets);
}

heed_node *heed_nn_moe(heed_nn *nn, heed_node *x)
{
    const heed_config *c = nn->config;
    const int64_t d_mlp = heed_config_d_mlp(c);
    heed_graph *g = nn->g;
    heed_node *rows, *pre, *post, *out;
    heed_routes routes;

    heed_scope_begin(g, "mlp");
    routes = route(nn, x);
    rows = heed_expert_dispatch(g, x, &routes);
    if (c->activation == HEED_ACTIVATION_SWIGLU) {
        pre = heed_name(g, map(nn, rows, &routes, "c_gate", d_mlp), "pre");
        post = heed_swiglu(g, pre, heed_name(g, map(nn, rows, &routes, "c_fc", d_mlp), "pre_linear"));
    } else {
        pre = heed_name(g, map(nn, rows, &routes, "c_fc", d_mlp), "pre");
        post = heed_nn_activate(nn, pre);
    }
    out = heed_expert_combine(g, map(nn, heed_name(g, post, "post"), &routes, "c_proj", c->d_model), &routes);
    heed_scope_end(g);
    return out;
}
