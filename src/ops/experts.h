/* SPDX-License-Identifier: MIT */
/* The steps of heed_route() and the gradients of the ops between tokens and experts. */
#ifndef HEED_OPS_EXPERTS_H
#define HEED_OPS_EXPERTS_H

#include "ops/ops.h"

/* Outputs of expert_rows. */
enum { HEED_EXPERT_ROW, HEED_EXPERT_SOURCE, HEED_EXPERT_OFFSETS, HEED_EXPERT_LOAD };

/** i32 [..., k]: the numbers of the k largest of each row, the largest first; of equals the first. */
heed_node *heed_top_k(heed_graph *g, heed_node *p, int64_t k);
/** What the chosen experts weigh: p[index] over its sum; p[index] itself where there is one. */
heed_node *heed_expert_gates(heed_graph *g, heed_node *p, heed_node *index);
/** The rows of all experts, one expert after the other; see heed_routes. The other outputs are those of the node. */
heed_node *heed_expert_rows(heed_graph *g, heed_node *index, int64_t n_experts, double capacity);

/** dx [..., d] of heed_expert_dispatch(). */
heed_node *heed_expert_dispatch_backward(heed_graph *g, heed_node *dy, heed_node *row);
/** dx of heed_expert_linear(). */
heed_node *heed_expert_linear_backward_input(heed_graph *g, heed_node *dy, heed_node *weight,
                                             heed_node *offsets);
/** dW [E, in, out]; the gradient of the biases [E, out] is outputs[1] of the node. */
heed_node *heed_expert_linear_backward_weight(heed_graph *g, heed_node *x, heed_node *dy, heed_node *offsets);

/** Shared by expert_linear and its gradients: true when `offsets` is i32 [n_experts + 1]. */
bool heed_expect_offsets(heed_graph *g, const heed_node *node, int input, int64_t n_experts);

#endif
