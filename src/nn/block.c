/* SPDX-License-Identifier: MIT */
/*
 * One block of a GPT.
 *
 *   pre-norm     mid = x + attention(norm(x))      out = mid + mlp(norm(mid))
 *   post-norm    mid = norm(x + attention(x))      out = norm(mid + mlp(mid))
 *   none         mid = x + attention(x)            out = mid + mlp(mid)
 *
 * Without residuals the additions of x and mid fall away. Either part may be absent, and the
 * feed-forward may be a mixture of experts.
 * Sources: Vaswani et al. 2017 (arXiv:1706.03762) 3.1; pre-norm: Radford et al. 2019, Xiong et al. 2020 (arXiv:2002.04745).
 */
#include <stdio.h>

#include "nn/nn.h"

typedef heed_node *part_fn(heed_nn *nn, heed_node *x);

static heed_node *add_part(heed_nn *nn, heed_node *x, part_fn *part, const char *norm, const char *norm_name,
                           const char *out_name)
{
    const heed_config *c = nn->config;
    heed_graph *g = nn->g;
    heed_node *y = x;

    if (c->norm == HEED_NORM_PRE)
        y = heed_name(g, heed_nn_norm(nn, y, norm), norm_name);
    y = heed_nn_dropout(nn, heed_name(g, part(nn, y), out_name));
    if (c->residual)
        y = heed_add(g, x, y);
    if (c->norm == HEED_NORM_POST)
        y = heed_name(g, heed_nn_norm(nn, y, norm), norm_name);
    return y;
}

heed_node *heed_nn_block(heed_nn *nn, heed_node *x, int64_t layer)
{
    const heed_config *c = nn->config;
    heed_graph *g = nn->g;

    heed_scope_begin(g, "blocks.%lld", (long long)layer);
    heed_name(g, x, "resid_pre");
    if (c->attention)
        x = heed_name(g, add_part(nn, x, heed_nn_attention, "ln_1", "ln1.normalized", "attn_out"), "resid_mid");
    if (c->mlp)
        x = add_part(nn, x, c->n_experts > 0 ? heed_nn_moe : heed_nn_mlp, "ln_2", "ln2.normalized", "mlp_out");
    x = heed_name(g, x, "resid_post");
    heed_scope_end(g);
    return x;
}
