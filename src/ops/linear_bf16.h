/* SPDX-License-Identifier: MIT */
/*
 * linear and its gradients over bf16 on a device: operands count rounded to bf16, sums are f32.
 *
 * Rows go through in panels, so that the floats and packed operands that a product works on have a bound. Where the
 * processor multiplies bf16 the products are of bf16, elsewhere of the same numbers as floats: dense.h.
 */
#ifndef HEED_OPS_LINEAR_BF16_H
#define HEED_OPS_LINEAR_BF16_H

#include "kernels/device.h"
#include "ops/common.h"
#include "ops/linear.h"

/** out = in[0] op(in[1]) (+ in[2]), in rows: linear itself, and the gradient of its input. */
void heed_linear_bf16_rows(const heed_op_args *a, bool transpose_b);
size_t heed_linear_bf16_rows_workspace(const heed_node *node, heed_device *device, bool transpose_b);

/** outs[0] = in[0]^T in[1], or its transpose; outs[1] = the sum of the rows of in[1]. Each where it is wanted. */
void heed_linear_bf16_weight(const heed_op_args *a, heed_weight_layout layout);
size_t heed_linear_bf16_weight_workspace(const heed_node *node, heed_device *device);

#endif
