/* SPDX-License-Identifier: MIT */
#ifndef HEED_OPS_LINEAR_H
#define HEED_OPS_LINEAR_H

#include "ops/ops.h"

/** dx [..., in] = dy [..., out] times the transposed weight. */
heed_node *heed_linear_backward_input(heed_graph *g, heed_node *dy, heed_node *weight,
                                      heed_weight_layout layout);
/** The gradient of the weight; that of the bias [out] is outputs[1] of the node. */
heed_node *heed_linear_backward_weight(heed_graph *g, heed_node *x, heed_node *dy, heed_weight_layout layout);

#endif
