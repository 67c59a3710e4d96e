/* SPDX-License-Identifier: MIT */
/* What distill_loss.c (the mathematics and the plain loops) and distill_loss_fast.c (tiles) share. */
#ifndef HEED_OPS_DISTILL_LOSS_H
#define HEED_OPS_DISTILL_LOSS_H

#include "ops/common.h"
#include "ops/ops.h"

/* Inputs; dloss is the gradient's alone. */
enum {
    HEED_DISTILL_X,
    HEED_DISTILL_W,
    HEED_DISTILL_TARGETS,
    HEED_DISTILL_TEACHER_X,
    HEED_DISTILL_TEACHER_W,
    HEED_DISTILL_DLOSS
};

/* Outputs; the gradients are the gradient's alone. */
enum { HEED_DISTILL_LOSS, HEED_DISTILL_CE, HEED_DISTILL_KL, HEED_DISTILL_DX, HEED_DISTILL_DW };

/** loss, CE and KL (those that are asked for) from the sums of the rows' two terms; n rows count. */
void heed_distill_put(const heed_op_args *a, double ce, double kl, int64_t n);

/** Both ops by kernels, chunk of rows by chunk of rows; backward: dx and dW too. */
void heed_distill_run(const heed_op_args *a, bool backward);
size_t heed_distill_workspace(const heed_node *node, struct heed_device *device, bool backward);

/** How both are explained: distill_loss_explain.c. */
void heed_distill_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e);
void heed_distill_backward_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e);

#endif
