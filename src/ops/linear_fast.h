/* SPDX-License-Identifier: MIT */
/* How linear runs on a device: see linear_fast.c. */
#ifndef HEED_OPS_LINEAR_FAST_H
#define HEED_OPS_LINEAR_FAST_H

#include "ops/common.h"
#include "ops/ops.h"

void heed_linear_fast(const heed_op_args *a, heed_weight_layout layout);
size_t heed_linear_workspace(const heed_node *node, heed_device *device, heed_weight_layout layout);

#endif
