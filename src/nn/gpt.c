/* SPDX-License-Identifier: MIT */
/*
 * The models, from token ids to loss.
 *
 *   GPT       x = W_E[id] + W_P[t];   x = block_l(x) for each layer;   logits = W_U norm(x)
 *   bigram    logits = W[id]
 *
 * With pre-norm, residuals, a tied head (W_U = W_E) and the tanh form of GELU this is GPT-2 (Radford et al. 2019);
 * with one layer, no norm, no residual, no feed-forward and a head of its own it is attention and nothing else.
 */
#include "nn/nn.h"
#include "nn/positions.h"
#include "nn/types.h"

heed_node *heed_nn_embed(heed_nn *nn, heed_node *ids)
{
    const heed_config *c = nn->config;
    heed_graph *g = nn->g;
    heed_node *table = heed_nn_source(nn, "wte.weight", heed_shape2(c->vocab_size, c->d_model));
    heed_node *x = heed_name(g, heed_embedding(g, table, ids), "embed");

    return heed_nn_dropout(nn, heed_nn_add_positions(nn, x));
}

/* The head's matrix [V, d_model]: the token embedding itself when they are tied. */
static heed_node *head_weight(heed_nn *nn)
{
    const heed_config *c = nn->config;

    return heed_nn_source(nn, c->tied_head ? "wte.weight" : "lm_head.weight",
                          heed_shape2(c->vocab_size, c->d_model));
}

heed_node *heed_nn_final_norm(heed_nn *nn, heed_node *x)
{
    return nn->config->norm == HEED_NORM_PRE ? heed_nn_norm(nn, x, "ln_f") : x;
}

heed_node *heed_nn_head(heed_nn *nn, heed_node *x)
{
    return heed_linear(nn->g, heed_nn_held(nn, x, HEED_NN_OPERAND), head_weight(nn), NULL, HEED_WEIGHT_OUT_IN);
}

static heed_gpt build_bigram(heed_nn *nn, heed_node *ids, heed_node *targets)
{
    const int64_t V = nn->config->vocab_size;
    heed_gpt out = {0};
    heed_node *table = heed_nn_source(nn, "table.weight", heed_shape2(V, V));

    out.logits = heed_name(nn->g, heed_embedding(nn->g, table, ids), "logits");
    if (targets != NULL) {
        out.objective = out.loss = heed_name(nn->g, heed_cross_entropy(nn->g, out.logits, targets), "loss");
        out.token_loss = heed_name(nn->g, heed_cross_entropy_rows(nn->g, out.logits, targets), "token_loss");
    }
    return out;
}

heed_gpt heed_gpt_build(heed_nn *nn, heed_node *ids, heed_node *targets)
{
    const heed_config *c = nn->config;
    heed_graph *g = nn->g;
    heed_gpt out = {0};
    heed_node *x, *head;

    if (c->kind == HEED_KIND_BIGRAM)
        return build_bigram(nn, ids, targets);
    x = heed_nn_embed(nn, ids);
    for (int64_t layer = 0; layer < c->n_layers; layer++)
        x = heed_nn_block(nn, x, layer);
    out.resid_last = x;
    x = heed_nn_final_norm(nn, x);
    if (c->norm == HEED_NORM_PRE)
        heed_name(g, x, "ln_final.normalized");
    head = head_weight(nn);
    out.resid_final = x;
    x = heed_nn_held(nn, x, HEED_NN_OPERAND);
    out.logits = heed_name(g, heed_linear(g, x, head, NULL, HEED_WEIGHT_OUT_IN), "logits");
    if (targets != NULL) {
        out.objective = out.loss = heed_name(g, heed_linear_cross_entropy(g, x, head, targets), "loss");
        out.token_loss = heed_name(g, heed_linear_cross_entropy_rows(g, x, head, targets), "token_loss");
    }
    if (targets != NULL && nn->balance != NULL)
        out.objective = heed_name(g, heed_add(g, out.loss, nn->balance), "objective");
    return out;
}

/* The last position of x [B, T, n], as [B, n]. */
static heed_node *last_row(heed_graph *g, heed_node *x)
{
    const int64_t T = x != NULL ? heed_shape_size(&x->tensor.shape, -2) : 0;
    const int64_t n = x != NULL ? heed_shape_size(&x->tensor.shape, -1) : 0;
    const int64_t B = x != NULL ? heed_shape_size(&x->tensor.shape, -3) : 0;

    return heed_narrow(g, heed_reshape(g, x, heed_shape2(B, T * n)), (T - 1) * n, n);
}

heed_node *heed_gpt_last_logits(heed_nn *nn, const heed_gpt *gpt)
{
    if (gpt->resid_final == NULL)
        return last_row(nn->g, gpt->logits);
    return heed_nn_head(nn, last_row(nn->g, gpt->resid_final));
}
