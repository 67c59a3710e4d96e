/* SPDX-License-Identifier: MIT */
/*
 * Which numbers are kept in which type while training: the one place that says so.
 *
 *                     --precision f32   bf16
 *   HEED_NN_STREAM              f32     f32      the residual stream, what is added to it, what norms and positions read
 *   HEED_NN_OPERAND             f32     bf16     what products with weights and attention read: normalized rows, q, k, v, z
 *   HEED_NN_ACTIVATION          f32     bf16     what an activation reads; what it gives is an operand
 *   HEED_NN_ROUTING             f32     f32      routers and experts, on both sides of their products
 *
 * The rest has one type: weights, their gradients, moments, biases, gains, statistics of norms, scores, softmax, logits, loss
 * and all sums are f32. A weight counts rounded to bf16 where it meets an operand in bf16, and so does the gradient that comes
 * back; each op says what it rounds (ops/linear.c, ops/linear_cross_entropy.c, ops/attention.c).
 */
#ifndef HEED_NN_TYPES_H
#define HEED_NN_TYPES_H

#include "nn/nn.h"

/** The type that numbers of this role have under nn->precision. */
heed_dtype heed_nn_type(const heed_nn *nn, heed_nn_role role);
/** x in that type: itself, or rounded. */
heed_node *heed_nn_held(heed_nn *nn, heed_node *x, heed_nn_role role);

#endif
