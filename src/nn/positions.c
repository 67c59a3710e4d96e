/* SPDX-License-Identifier: MIT */
/*
 * Positions: how a model knows the order of its tokens. i, j are positions of query and key, D is head_dim.
 *
 *   added to the token embedding
 *     learned          x_i + W_P[i]                            a table of context_length rows: no row, no position
 *     sinusoidal       sqrt(d) x_i + (sin, cos)(i / 10000^(2m/d))
 *                                                              Vaswani et al. 2017 (arXiv:1706.03762) 3.4, 3.5
 *   in attention
 *     none             the causal mask alone: a query tells how many keys it sees (Haviv et al. 2022, arXiv:2203.16634)
 *     rotary           q_i and k_j turn by angles that grow with i and j (Su et al. 2021, arXiv:2104.09864)
 *     alibi            scores - slope_h (i - j)                (Press et al. 2022, arXiv:2108.12409)
 *     relative         scores + scale q_i . W_R[i - j]         context_length rows [D], or as many as the window, shared by
 *                                                              the heads of a layer (Shaw et al. 2018, arXiv:1803.02155)
 *     transformer_xl   scores = scale ((q_i + u) . k_j + (q_i + v) . r_(i-j)),   r_b = (sin, cos)(b) W_R
 *                                                              (Dai et al. 2019, arXiv:1901.02860) 3.3
 *
 * Rows of relative positions go from the largest distance to 0, as keys do from the first to the query's own: row p
 * belongs to distance rows - 1 - p. What has a formula has a value for every position, and what is a table has not.
 */
#include "nn/positions.h"

#include <math.h>

/* --- added to the embedding --- */

heed_node *heed_nn_add_positions(heed_nn *nn, heed_node *x)
{
    const heed_config *c = nn->config;
    heed_graph *g = nn->g;
    const int64_t T = x != NULL ? heed_shape_size(&x->tensor.shape, -2) : 0;
    heed_node *table, *rows;

    if (c->positions == HEED_POSITIONS_LEARNED) {
        table = heed_nn_source(nn, "wpe.weight", heed_shape2(c->context_length, c->d_model));
        rows = heed_position_embedding(g, table, nn->past, T);
    } else if (c->positions == HEED_POSITIONS_SINUSOIDAL) {
        rows = heed_sinusoidal(g, nn->past, T, c->d_model);
        x = heed_scale(g, x, sqrtf((float)c->d_model)); /* waves of height 1 would drown a fresh embedding */
    } else
        return x;
    return heed_add(g, x, heed_name(g, rows, "pos_embed"));
}

/* --- queries and keys that turn --- */

heed_node *heed_nn_turn(heed_nn *nn, heed_node *x, const char *name)
{
    const heed_config *c = nn->config;
    const heed_rotary_options options = {.base = c->rotary_base,
                                         .rotary_dim = c->rotary_dim,
                                         .interleaved = c->rotary_interleaved,
                                         .scaling = (heed_rotary_scaling)c->rotary_scaling,
                                         .factor = c->rotary_factor,
                                         .trained_length = c->context_length};

    if (c->positions != HEED_POSITIONS_ROTARY)
        return x;
    return heed_name(nn->g, heed_rotary(nn->g, x, nn->past, &options), name);
}

/* --- rows for distances --- */

/* Distances 0, 1, .. that a query can see among so many keys. */
static int64_t seen(const heed_config *c, int64_t n_keys)
{
    return c->window > 0 && c->window < n_keys ? c->window : n_keys;
}

/* q [B, H, T, D] plus a learned vector for each head, [H, D]. */
static heed_node *plus_bias(heed_nn *nn, heed_node *q, const char *layer)
{
    const heed_config *c = nn->config;
    heed_graph *g = nn->g;
    heed_node *bias = heed_nn_parameter(nn, layer, "bias", heed_shape2(c->n_heads, c->d_model / c->n_heads));

    bias = heed_reshape(g, bias, heed_shape1(c->d_model));
    return heed_split_heads(g, heed_add(g, heed_merge_heads(g, q), bias), c->n_heads);
}

/* Sinusoidal rows of the distances n-1 .. 0 through a map of the layer, as [H, n, D]. */
static heed_node *mapped_rows(heed_nn *nn, int64_t n)
{
    const heed_config *c = nn->config;
    heed_graph *g = nn->g;
    heed_node *rows = heed_nn_linear(nn, heed_sinusoidal_back(g, n, c->d_model), "attn.c_relative", c->d_model,
                                     false, HEED_NN_STREAM);

    rows = heed_split_heads(g, heed_reshape(g, rows, heed_shape3(1, n, c->d_model)), c->n_heads);
    return heed_reshape(g, rows, heed_shape3(c->n_heads, n, c->d_model / c->n_heads));
}

heed_node *heed_nn_relate(heed_nn *nn, heed_node *q, const heed_node *k, heed_attention_options *options)
{
    const heed_config *c = nn->config;
    const int64_t n_keys = k != NULL ? heed_shape_size(&k->tensor.shape, -2) : 0;
    int64_t rows;

    if (c->positions == HEED_POSITIONS_RELATIVE) {
        rows = seen(c, c->context_length);
        options->q_relative = q;
        options->relative = heed_nn_parameter(nn, "attn.relative", "weight",
                                              heed_shape2(rows, c->d_model / c->n_heads));
        options->relative_zero = rows - 1;
    } else if (c->positions == HEED_POSITIONS_TRANSFORMER_XL && q != NULL) {
        rows = seen(c, n_keys);
        options->q_relative = plus_bias(nn, q, "attn.relative_v");
        options->relative = mapped_rows(nn, rows);
        options->relative_zero = rows - 1;
        q = plus_bias(nn, q, "attn.relative_u");
    }
    return q;
}
