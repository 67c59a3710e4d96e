/* SPDX-License-Identifier: MIT */
#ifndef HEED_OPS_LINEAR_H
#define HEED_OPS_LINEAR_H

#include "ops/ops.h"

/* What linear and its gradients are told. */
typedef struct heed_linear_attrs {
    heed_weight_layout layout;
    heed_dtype out; /* of y, f32 or bf16; gradients are f32 */
    bool bf16;      /* x is, so whatever its products read counts rounded to it */
} heed_linear_attrs;

static inline const heed_linear_attrs *heed_linear_attrs_of(const heed_node *node)
{
    return node->attrs;
}

/** dx [..., in] = dy [..., out] times the transposed weight. */
heed_node *heed_linear_backward_input(heed_graph *g, heed_node *dy, heed_node *weight,
                                      const heed_linear_attrs *attrs);
/** The gradient of the weight; that of the bias [out] is outputs[1] of the node. */
heed_node *heed_linear_backward_weight(heed_graph *g, heed_node *x, heed_node *dy,
                                       const heed_linear_attrs *attrs);

#endif
