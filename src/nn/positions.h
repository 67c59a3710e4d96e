/* SPDX-License-Identifier: MIT */
/* Positions: how a model knows the order of its tokens. Every function does nothing for the kinds that are not its own. */
#ifndef HEED_NN_POSITIONS_H
#define HEED_NN_POSITIONS_H

#include "nn/nn.h"

/** learned: x [B, T, d_model] plus a row for each position. */
heed_node *heed_nn_add_positions(heed_nn *nn, heed_node *x);

#endif
