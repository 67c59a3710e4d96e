/* SPDX-License-Identifier: MIT */
/*
 * Positions: how a model knows the order of its tokens.
 *
 *   learned    x_i + W_P[i], a row of a table for each position
 *   none       the causal mask alone: a query tells how many keys it sees (Haviv et al. 2022, arXiv:2203.16634)
 */
#include "nn/positions.h"

/* --- added to the embedding --- */

heed_node *heed_nn_add_positions(heed_nn *nn, heed_node *x)
{
    const heed_config *c = nn->config;
    heed_graph *g = nn->g;
    const int64_t T = x != NULL ? heed_shape_size(&x->tensor.shape, -2) : 0;
    heed_node *table, *rows;

    if (c->positions == HEED_POSITIONS_LEARNED) {
        table = heed_graph_parameter(g, "wpe.weight", heed_shape2(c->context_length, c->d_model));
        rows = heed_position_embedding(g, table, nn->past, T);
    } else
        return x;
    return heed_add(g, x, heed_name(g, rows, "pos_embed"));
}
