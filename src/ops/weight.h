/* SPDX-License-Identifier: MIT */
/*
 * Weights in the types that checkpoints have: f32, bf16, f16 and 8-bit integers with scales. Ops that take them read
 * every number as a float and add up in floats; a gradient exists for f32 alone.
 *
 *     if (!heed_expect_weight(g, y, 1, "weight")) …                               in shape()
 *     sum += x[k] * heed_matrix_get(w, o, k);                                     in forward(): tensor/tensor.h
 *     const heed_weight_matrix w = heed_weight_of(a->in[1]);                      in fast(): what kernels read
 */
#ifndef HEED_OPS_WEIGHT_H
#define HEED_OPS_WEIGHT_H

#include "kernels/device.h"
#include "ops/common.h"

/** f32, bf16, f16 or 8-bit. */
bool heed_dtype_is_weight(heed_dtype dtype);
bool heed_expect_weight(heed_graph *g, const heed_node *node, int input, const char *role);
/** A matrix [rows, columns] for the kernels, from row `row` on. */
heed_weight_matrix heed_weight_of(const heed_tensor *matrix, int64_t row);
/** y = row `row` of a table as floats, by the kernels; a negative one gives NaN throughout. */
void heed_weight_look_up(const heed_device *device, const heed_tensor *table, int64_t row, float *y);
/**
 * Rows [row, row + n_rows) of the columns [column, column + n_columns) as floats, dense, on the device's threads. The first
 * column is a multiple of 16.
 */
void heed_weight_widen(const heed_device *device, const heed_tensor *matrix, int64_t row, int64_t n_rows,
                       int64_t column, int64_t n_columns, float *y);

#endif
