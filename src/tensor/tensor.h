/* SPDX-License-Identifier: MIT */
/*
 * A tensor: numbers of one type in up to five dimensions, seen through strides.
 *
 * Shapes are written slowest axis first, strides count elements. A tensor does not own its data. A
 * dense tensor has the strides of C arrays; a view (a head of a fused q|k|v row, a transposed pair
 * of axes) shares the data of another tensor under other sizes and strides.
 *
 *     heed_tensor x = heed_tensor_make(HEED_F32, heed_shape3(batch, T, d_model), data);
 *     float *row = heed_row(&x, b * T + t);          the d_model numbers at (b, t)
 */
#ifndef HEED_TENSOR_TENSOR_H
#define HEED_TENSOR_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEED_MAX_RANK 5

typedef enum heed_dtype { HEED_F32, HEED_I32, HEED_BF16, HEED_U8, HEED_F16, HEED_Q8 } heed_dtype;

/*
 * What the integers of a HEED_Q8 tensor [rows, columns] stand for: element (r, c) is q_rc times the scale of its group.
 * A group is `group` neighbours (fewer at the end) of a row where axis is 1, of a column where it is 0.
 */
typedef struct heed_scales {
    const float *data; /* axis 1: [rows, groups]; axis 0: [groups, columns] */
    int64_t group;
    int axis;
} heed_scales;

typedef struct heed_shape {
    int rank; /* 0: a scalar */
    int64_t size[HEED_MAX_RANK];
} heed_shape;

typedef struct heed_tensor {
    heed_dtype dtype;
    heed_shape shape;
    int64_t stride[HEED_MAX_RANK]; /* in elements */
    void *data;
    const heed_scales *scales; /* of HEED_Q8, which is dense and has two axes */
} heed_tensor;

heed_shape heed_shape0(void);
heed_shape heed_shape1(int64_t a);
heed_shape heed_shape2(int64_t a, int64_t b);
heed_shape heed_shape3(int64_t a, int64_t b, int64_t c);
heed_shape heed_shape4(int64_t a, int64_t b, int64_t c, int64_t d);
heed_shape heed_shape5(int64_t a, int64_t b, int64_t c, int64_t d, int64_t e);

bool heed_shape_equal(const heed_shape *a, const heed_shape *b);
/** Elements in all; a scalar has one. */
int64_t heed_shape_count(const heed_shape *shape);
/** The size of axis `axis`; negative axes count from the end (-1 is the last). */
int64_t heed_shape_size(const heed_shape *shape, int axis);
/** "[2, 3, 4]" in out; returns out. 96 characters always suffice. */
const char *heed_shape_format(char *out, size_t size, const heed_shape *shape);

size_t heed_dtype_bytes(heed_dtype dtype);
const char *heed_dtype_name(heed_dtype dtype); /* "f32", "i32", "bf16", "u8", "f16", "8-bit" */

/* A bfloat16 is the upper half of a float; rounding is to nearest, ties to even, NaN stays NaN. */
float heed_float_of_bf16(uint16_t x);
uint16_t heed_bf16_of_float(float x);
/* IEEE half precision, rounded in the same way: below 2^-14 in steps of 2^-24, from 65520 on to infinity. */
float heed_float_of_f16(uint16_t x);
uint16_t heed_f16_of_float(float x);

/** A dense tensor over data. */
heed_tensor heed_tensor_make(heed_dtype dtype, heed_shape shape, void *data);
/** Sets the strides of a dense tensor. */
void heed_tensor_set_dense(heed_tensor *tensor);
/** True when elements lie one after the other in order; axes of size one do not matter. */
bool heed_tensor_is_dense(const heed_tensor *tensor);
/** True when the last axis is contiguous and all the axes before it fold into one with a single stride. */
bool heed_tensor_rows_fold(const heed_tensor *tensor, int64_t *row_stride);
int64_t heed_tensor_count(const heed_tensor *tensor);
/** Bytes from the first to the last element it can reach: what its storage takes. */
size_t heed_tensor_span_bytes(const heed_tensor *tensor);
/** Where element number i (in row-major order of the shape) lies, in elements from data. */
int64_t heed_tensor_offset(const heed_tensor *tensor, int64_t i);
/** Element i as a float, whatever the type and the strides. */
float heed_tensor_get(const heed_tensor *tensor, int64_t i);
/** Element (row, column) of a matrix in any type that weights have (f32, bf16, f16, 8-bit) as a float. */
float heed_matrix_get(const heed_tensor *matrix, int64_t row, int64_t column);
void heed_tensor_set(const heed_tensor *tensor, int64_t i, float value);
/** Copies between tensors of equal shape and type; strides may differ. */
void heed_tensor_copy(const heed_tensor *to, const heed_tensor *from);

/** Rows = product of all axes but the last; columns = the last axis. A scalar is one row of one. */
int64_t heed_rows(const heed_tensor *tensor);
int64_t heed_cols(const heed_tensor *tensor);
/** Row r of a tensor whose last axis is contiguous. */
float *heed_row(const heed_tensor *tensor, int64_t r);
int32_t *heed_row_i32(const heed_tensor *tensor, int64_t r);
/** The same of any type: where its bytes begin. */
char *heed_row_bytes(const heed_tensor *tensor, int64_t r);

/* A row of a tensor that is f32 or bf16, number by number: what plain loops read and write. */
typedef struct heed_numbers {
    heed_dtype dtype;
    void *data;
} heed_numbers;

heed_numbers heed_row_numbers(const heed_tensor *tensor, int64_t r);
float heed_number_get(const heed_numbers *row, int64_t i);
void heed_number_set(const heed_numbers *row, int64_t i, float value); /* rounded where the row is bf16 */

#endif
