/* SPDX-License-Identifier: MIT */
/*
 * Dense operands for matrix products, which take no strides: a tensor that is dense already is used where it
 * lies, another is copied into the workspace of the op.
 *
 *     size_t bytes = heed_dense_bytes(&node->in[0]->tensor);                 in workspace()
 *     …
 *     char *free_space = a->workspace;                                       in fast()
 *     const float *x = heed_dense_operand(a->in[0], &free_space);
 */
#ifndef HEED_OPS_DENSE_H
#define HEED_OPS_DENSE_H

#include <stddef.h>

#include "kernels/device.h"
#include "tensor/tensor.h"

/** Bytes of workspace that heed_dense_operand() will take: 0 for a dense tensor; SIZE_MAX where they overflow. */
size_t heed_dense_bytes(const heed_tensor *tensor);
/** The numbers of the tensor in row-major order. What is copied comes from *free_space, which moves on. */
const float *heed_dense_operand(const heed_tensor *tensor, char **free_space);

/** a + b where SIZE_MAX stands for "too large": it stays SIZE_MAX. */
size_t heed_bytes_add(size_t a, size_t b);
/** Bytes of n floats rounded up to HEED_ALIGNMENT; SIZE_MAX where they overflow or n is negative. */
size_t heed_floats_bytes(int64_t n);
/** n floats of a workspace; *free_space moves on. */
float *heed_floats_take(char **free_space, int64_t n);

/** Plans the product on the device's products and says what workspace it needs; SIZE_MAX after an error. */
size_t heed_product_bytes(const heed_device *device, const heed_product_shape *shape);
/** Runs the product that heed_product_bytes() planned. */
void heed_product_compute(const heed_device *device, const heed_product_shape *shape, const float *a,
                          const float *b, const float *bias, float *c, void *workspace);

#endif
