/* SPDX-License-Identifier: MIT */
/* Sums over a whole tensor, in double: what sum and sum_squares share. */
#ifndef HEED_OPS_TOTAL_H
#define HEED_OPS_TOTAL_H

#include "kernels/device.h"
#include "tensor/tensor.h"

#define HEED_TOTAL_BLOCK 4096

/** sum or sum_squares of a kernel table. */
typedef double heed_total_fn(const float *x, int64_t n);

/**
 * Applies fn to blocks of x on the device's threads and adds the results in order. A block is HEED_TOTAL_BLOCK elements, or a row
 * where x does not lie densely. workspace: heed_total_workspace() bytes.
 */
double heed_total(const heed_device *device, heed_total_fn *fn, const heed_tensor *x, void *workspace);
/** The same of x [n, d] in which rows that are not marked (0 in marks [n]) hold zeros, and fn of zeros is 0: it reads no block of them. */
double heed_total_of_marked(const heed_device *device, heed_total_fn *fn, const heed_tensor *x,
                            const int32_t *marks, void *workspace);
size_t heed_total_workspace(const heed_tensor *x);

#endif
