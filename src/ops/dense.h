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

/*
 * Operands of a product over bf16: every number counts rounded to bf16. Where the device multiplies bf16, they are bf16;
 * elsewhere they are the floats that these numbers are, and the product is one of floats.
 */
typedef struct heed_half_rows {
    const heed_device *device;
    const heed_tensor *tensor; /* f32 or bf16 */
    int64_t row, n_rows;       /* of these rows */
} heed_half_rows;

/** Bytes of workspace that heed_half_operand() takes at most. */
size_t heed_half_bytes(const heed_tensor *tensor, int64_t n_rows);
/** The rows, dense. What is made comes from *free_space, which moves on by heed_half_bytes(). */
const void *heed_half_operand(const heed_half_rows *rows, char **free_space);
/** n floats as such an operand has them, bf16 or rounded; y may be x where they stay floats. */
void heed_half_numbers(const heed_device *device, void *y, const float *x, int64_t n);
/** Bytes of one number of such an operand. */
size_t heed_half_number_bytes(const heed_device *device);
/** True when the device multiplies bf16 itself: what shape.bf16 of a product over such operands is. */
bool heed_device_has_bf16(const heed_device *device);

/** a + b where SIZE_MAX stands for "too large": it stays SIZE_MAX. */
size_t heed_bytes_add(size_t a, size_t b);
/** Bytes of n floats rounded up to HEED_ALIGNMENT; SIZE_MAX where they overflow or n is negative. */
size_t heed_floats_bytes(int64_t n);
/** n floats of a workspace; *free_space moves on. */
float *heed_floats_take(char **free_space, int64_t n);

/** Plans the product on the device's products and says what workspace it needs; SIZE_MAX after an error. */
size_t heed_product_bytes(const heed_device *device, const heed_product_shape *shape);
/** Runs the product that heed_product_bytes() planned. */
void heed_product_compute(const heed_device *device, const heed_product_shape *shape, const void *a,
                          const void *b, const float *bias, float *c, void *workspace);
/** The same for one of shape->n_callers: see heed_product_run_by(). */
void heed_product_compute_by(const heed_device *device, const heed_product_shape *shape, int caller,
                             const void *a, const void *b, const float *bias, float *c, void *workspace);

#endif
