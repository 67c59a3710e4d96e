/* SPDX-License-Identifier: MIT */
/*
 * Precisions of weights: their types in graphs and files, their numbers as floats, and 8-bit integers made from floats.
 *
 * 8-bit weights are symmetric: a group of neighbours along the summed axis of a matrix has one scale s = max |x| / 127, and
 * x becomes the integer q nearest to x / s, so that q s is off by s / 2 at most. A group of zeros has s = 0.
 */
#ifndef HEED_NN_PRECISION_H
#define HEED_NN_PRECISION_H

#include <heed/model.h>

#include "formats/safetensors.h"
#include "tensor/tensor.h"

/* Of an 8-bit group. Files may have 32, 64 or 128; heed writes this. */
#define HEED_INT8_GROUP 64

heed_dtype heed_precision_dtype(heed_precision precision);
/** True for a type of file that weights are used in where they lie: F32, BF16, F16, I8. */
bool heed_precision_of_file(heed_safetensors_dtype dtype, heed_precision *precision);

/** Elements first .. first+n-1 (row-major) of a parameter as floats. */
void heed_parameter_read(const heed_parameter *p, int64_t first, int64_t n, float *out);

/** Scales that a matrix [rows, columns] has in groups along an axis. */
int64_t heed_int8_n_scales(int64_t rows, int64_t columns, int64_t group, int axis);
/** Shape of those scales: [rows, groups] or [groups, columns]. */
heed_shape heed_int8_scales_shape(int64_t rows, int64_t columns, int64_t group, int axis);
/** The integers and scales of x [rows, columns]; false where a number is not finite. */
bool heed_int8_quantize(const float *x, int64_t rows, int64_t columns, int64_t group, int axis, int8_t *q,
                        float *scales);

#endif
