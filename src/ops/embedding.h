/* SPDX-License-Identifier: MIT */
#ifndef HEED_OPS_EMBEDDING_H
#define HEED_OPS_EMBEDDING_H

#include "graph/op.h"

/** Adds dy [..., d] to the rows `ids` of base [vocab_size, d] (NULL: zeros): the gradient of heed_embedding(). */
heed_node *heed_embedding_backward(heed_graph *g, heed_node *ids, heed_node *dy, heed_node *base,
                                   int64_t vocab_size);
/** True for such a gradient that starts from zeros. */
bool heed_is_lookup_gradient(const heed_node *node);
/** sum + what this one sends to its table, in one node, which may lie where sum lies. */
heed_node *heed_add_lookup_gradient(heed_graph *g, const heed_node *lookup, heed_node *sum);

#endif
