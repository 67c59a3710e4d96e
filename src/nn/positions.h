/* SPDX-License-Identifier: MIT */
/* Positions: how a model knows the order of its tokens. Every function does nothing for the kinds that are not its own. */
#ifndef HEED_NN_POSITIONS_H
#define HEED_NN_POSITIONS_H

#include "nn/nn.h"

/** learned, sinusoidal: x [B, T, d_model] plus a row for each position. */
heed_node *heed_nn_add_positions(heed_nn *nn, heed_node *x);
/** rotary: heads x [B, H, T, head_dim] turned by their position, under `name`. */
heed_node *heed_nn_turn(heed_nn *nn, heed_node *x, const char *name);
/**
 * relative, transformer_xl: gives options the rows that scores add q_i . r_(i-j) from, and the queries to do it with.
 * Returns the queries that meet the keys: q, in the Transformer-XL form q + u. k gives the number of keys.
 */
heed_node *heed_nn_relate(heed_nn *nn, heed_node *q, const heed_node *k, heed_attention_options *options);

#endif
