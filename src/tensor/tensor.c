/* SPDX-License-Identifier: MIT */
#include "tensor/tensor.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* ---- shapes ---- */

heed_shape heed_shape0(void)
{
    return (heed_shape){.rank = 0};
}

heed_shape heed_shape1(int64_t a)
{
    return (heed_shape){.rank = 1, .size = {a}};
}

heed_shape heed_shape2(int64_t a, int64_t b)
{
    return (heed_shape){.rank = 2, .size = {a, b}};
}

heed_shape heed_shape3(int64_t a, int64_t b, int64_t c)
{
    return (heed_shape){.rank = 3, .size = {a, b, c}};
}

heed_shape heed_shape4(int64_t a, int64_t b, int64_t c, int64_t d)
{
    return (heed_shape){.rank = 4, .size = {a, b, c, d}};
}

heed_shape heed_shape5(int64_t a, int64_t b, int64_t c, int64_t d, int64_t e)
{
    return (heed_shape){.rank = 5, .size = {a, b, c, d, e}};
}

bool heed_shape_equal(const heed_shape *a, const heed_shape *b)
{
    if (a->rank != b->rank)
        return false;
    for (int axis = 0; axis < a->rank; axis++) {
        if (a->size[axis] != b->size[axis])
            return false;
    }
    return true;
}

/* A product too large for 64 bits becomes INT64_MAX, which no memory holds. */
int64_t heed_shape_count(const heed_shape *shape)
{
    int64_t count = 1;

    for (int axis = 0; axis < shape->rank; axis++) {
        if (shape->size[axis] == 0)
            return 0;
    }
    for (int axis = 0; axis < shape->rank; axis++) {
        if (__builtin_mul_overflow(count, shape->size[axis], &count))
            return INT64_MAX;
    }
    return count;
}

int64_t heed_shape_size(const heed_shape *shape, int axis)
{
    if (axis < 0)
        axis += shape->rank;
    assert(axis >= 0 && axis < shape->rank);
    return shape->size[axis];
}

const char *heed_shape_format(char *out, size_t size, const heed_shape *shape)
{
    char text[128] = "[";
    size_t n = 1;

    for (int axis = 0; axis < shape->rank; axis++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%lld", axis ? ", " : "",
                              (long long)shape->size[axis]);
    snprintf(out, size, "%s]", text);
    return out;
}

/* ---- types ---- */

size_t heed_dtype_bytes(heed_dtype dtype)
{
    static const size_t bytes[] = {
        [HEED_F32] = 4, [HEED_I32] = 4, [HEED_BF16] = 2, [HEED_U8] = 1, [HEED_F16] = 2, [HEED_Q8] = 1};

    return bytes[dtype];
}

const char *heed_dtype_name(heed_dtype dtype)
{
    static const char *const names[] = {[HEED_F32] = "f32", [HEED_I32] = "i32", [HEED_BF16] = "bf16",
                                        [HEED_U8] = "u8",   [HEED_F16] = "f16", [HEED_Q8] = "8-bit"};

    return names[dtype];
}

/* ---- strides ---- */

heed_tensor heed_tensor_make(heed_dtype dtype, heed_shape shape, void *data)
{
    heed_tensor tensor = {.dtype = dtype, .shape = shape, .data = data};

    heed_tensor_set_dense(&tensor);
    return tensor;
}

/* Strides too large for 64 bits stay at INT64_MAX, as the count does. */
void heed_tensor_set_dense(heed_tensor *tensor)
{
    int64_t stride = 1;

    for (int axis = tensor->shape.rank - 1; axis >= 0; axis--) {
        tensor->stride[axis] = stride;
        if (__builtin_mul_overflow(stride, tensor->shape.size[axis], &stride))
            stride = INT64_MAX;
    }
}

bool heed_tensor_is_dense(const heed_tensor *tensor)
{
    int64_t stride = 1;

    for (int axis = tensor->shape.rank - 1; axis >= 0; axis--) {
        const int64_t size = tensor->shape.size[axis];

        if (size == 1)
            continue;
        if (tensor->stride[axis] != stride)
            return false;
        stride *= size;
    }
    return true;
}

bool heed_tensor_rows_fold(const heed_tensor *tensor, int64_t *row_stride)
{
    const int last = tensor->shape.rank - 1;
    const int64_t n = heed_cols(tensor);
    int64_t next = 0; /* stride that the next axis outwards must have; 0: no axis yet */

    *row_stride = n;
    if (last >= 0 && n != 1 && tensor->stride[last] != 1)
        return false;
    for (int axis = last - 1; axis >= 0; axis--) {
        const int64_t size = tensor->shape.size[axis];

        if (size == 1)
            continue;
        if (next == 0)
            *row_stride = tensor->stride[axis];
        else if (tensor->stride[axis] != next)
            return false;
        next = tensor->stride[axis] * size;
    }
    return true;
}

int64_t heed_tensor_count(const heed_tensor *tensor)
{
    return heed_shape_count(&tensor->shape);
}

/* (1 + sum over axes of (size - 1) stride) elements; SIZE_MAX when that passes 64 bits. */
size_t heed_tensor_span_bytes(const heed_tensor *tensor)
{
    int64_t span = 1, bytes;

    if (heed_tensor_count(tensor) == 0)
        return 0;
    for (int axis = 0; axis < tensor->shape.rank; axis++) {
        int64_t reach;

        if (__builtin_mul_overflow(tensor->shape.size[axis] - 1, tensor->stride[axis], &reach) ||
            __builtin_add_overflow(span, reach, &span))
            return SIZE_MAX;
    }
    if (__builtin_mul_overflow(span, (int64_t)heed_dtype_bytes(tensor->dtype), &bytes))
        return SIZE_MAX;
    return (size_t)bytes;
}

/* Offset of index i counted over the first n_axes axes in row-major order. */
static int64_t leading_offset(const heed_tensor *tensor, int64_t i, int n_axes)
{
    int64_t offset = 0;

    for (int axis = n_axes - 1; axis >= 0; axis--) {
        const int64_t size = tensor->shape.size[axis];

        offset += i % size * tensor->stride[axis];
        i /= size;
    }
    return offset;
}

int64_t heed_tensor_offset(const heed_tensor *tensor, int64_t i)
{
    return leading_offset(tensor, i, tensor->shape.rank);
}

/* ---- elements ---- */

/* Scale of element (row, column) of an 8-bit matrix. */
static float scale_of(const heed_tensor *matrix, int64_t row, int64_t column)
{
    const heed_scales *s = matrix->scales;
    const int64_t n_columns = heed_cols(matrix);

    if (s->axis == 0)
        return s->data[row / s->group * n_columns + column];
    return s->data[row * ((n_columns + s->group - 1) / s->group) + column / s->group];
}

float heed_matrix_get(const heed_tensor *matrix, int64_t row, int64_t column)
{
    const int64_t at = row * matrix->stride[0] + column;

    switch (matrix->dtype) {
    case HEED_BF16:
        return heed_float_of_bf16(((const uint16_t *)matrix->data)[at]);
    case HEED_F16:
        return heed_float_of_f16(((const uint16_t *)matrix->data)[at]);
    case HEED_Q8:
        return (float)((const int8_t *)matrix->data)[at] * scale_of(matrix, row, column);
    default:
        return ((const float *)matrix->data)[at];
    }
}

float heed_tensor_get(const heed_tensor *tensor, int64_t i)
{
    const int64_t at = heed_tensor_offset(tensor, i);

    switch (tensor->dtype) {
    case HEED_I32:
        return (float)((const int32_t *)tensor->data)[at];
    case HEED_BF16:
        return heed_float_of_bf16(((const uint16_t *)tensor->data)[at]);
    case HEED_U8:
        return (float)((const uint8_t *)tensor->data)[at];
    case HEED_F16:
        return heed_float_of_f16(((const uint16_t *)tensor->data)[at]);
    case HEED_Q8:
        return heed_matrix_get(tensor, i / heed_cols(tensor), i % heed_cols(tensor));
    case HEED_F32:
        break;
    }
    return ((const float *)tensor->data)[at];
}

void heed_tensor_set(const heed_tensor *tensor, int64_t i, float value)
{
    const int64_t at = heed_tensor_offset(tensor, i);

    switch (tensor->dtype) {
    case HEED_I32:
        ((int32_t *)tensor->data)[at] = (int32_t)value;
        break;
    case HEED_BF16:
        ((uint16_t *)tensor->data)[at] = heed_bf16_of_float(value);
        break;
    case HEED_U8:
        ((uint8_t *)tensor->data)[at] = (uint8_t)value;
        break;
    case HEED_F16:
        ((uint16_t *)tensor->data)[at] = heed_f16_of_float(value);
        break;
    case HEED_Q8: /* a number by itself has no group: kernels write them by the row */
        assert(!"an 8-bit tensor is only read");
        break;
    case HEED_F32:
        ((float *)tensor->data)[at] = value;
        break;
    }
}

float heed_float_of_bf16(uint16_t x)
{
    const uint32_t bits = (uint32_t)x << 16;
    float y;

    memcpy(&y, &bits, sizeof y);
    return y;
}

/* Adding 0x7fff, and 1 more when the lowest kept bit is set, rounds to nearest with ties to even. */
uint16_t heed_bf16_of_float(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    if ((bits & 0x7fffffffu) > 0x7f800000u) /* a NaN would be carried into another number: cut it, quiet */
        return (uint16_t)(bits >> 16 | 0x40u);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

/* 1 sign, 5 bits of exponent with bias 15, 10 of significand; exponent 0 counts in steps of 2^-24. */
float heed_float_of_f16(uint16_t x)
{
    const uint32_t sign = (uint32_t)(x & 0x8000u) << 16, exponent = x >> 10 & 31u, significand = x & 1023u;
    uint32_t bits;
    float y;

    if (exponent == 0)
        return sign != 0 ? -((float)significand * 0x1p-24f) : (float)significand * 0x1p-24f;
    bits = sign | (exponent == 31 ? 255u : exponent + 112u) << 23 | significand << 13;
    memcpy(&y, &bits, sizeof y);
    return y;
}

/*
 * Adding a float whose last place is the step that counts rounds to that step, with ties to even: 1.5 * 2^-1 for steps of
 * 2^-24; for normal numbers the integer addition of bf16, 13 bits lower.
 */
uint16_t heed_f16_of_float(float x)
{
    uint32_t bits, sign, size;
    float small;

    memcpy(&bits, &x, sizeof bits);
    sign = bits >> 16 & 0x8000u;
    size = bits & 0x7fffffffu;
    if (size > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00u);
    if (size >= 0x477ff000u) /* 65520: half way to the number that would follow the largest */
        return (uint16_t)(sign | 0x7c00u);
    if (size < 0x38800000u) { /* 2^-14 */
        memcpy(&small, &size, sizeof small);
        small += 0.75f;
        memcpy(&size, &small, sizeof size);
        return (uint16_t)(sign | (size - 0x3f400000u));
    }
    size += 0xfffu + (size >> 13 & 1u);
    return (uint16_t)(sign | ((size >> 13) - (112u << 10)));
}

/* True when each row's elements lie one after the other. */
static bool rows_are_contiguous(const heed_tensor *tensor)
{
    const int last = tensor->shape.rank - 1;

    return last < 0 || tensor->shape.size[last] == 1 || tensor->stride[last] == 1;
}

/* Address of element number `at` of the storage. */
static char *element_at(const heed_tensor *tensor, int64_t at)
{
    return (char *)tensor->data + (size_t)at * heed_dtype_bytes(tensor->dtype);
}

void heed_tensor_copy(const heed_tensor *to, const heed_tensor *from)
{
    const int64_t count = heed_tensor_count(from), n = heed_cols(from);
    const size_t word = heed_dtype_bytes(from->dtype);

    assert(to->dtype == from->dtype && heed_shape_equal(&to->shape, &from->shape));
    if (count == 0)
        return;
    if (heed_tensor_is_dense(to) && heed_tensor_is_dense(from)) {
        memmove(to->data, from->data, (size_t)count * word);
    } else if (rows_are_contiguous(to) && rows_are_contiguous(from)) {
        for (int64_t r = 0; r < heed_rows(from); r++)
            memmove(element_at(to, leading_offset(to, r, to->shape.rank - 1)),
                    element_at(from, leading_offset(from, r, from->shape.rank - 1)), (size_t)n * word);
    } else {
        for (int64_t i = 0; i < count; i++)
            memcpy(element_at(to, heed_tensor_offset(to, i)), element_at(from, heed_tensor_offset(from, i)),
                   word);
    }
}

/* ---- rows ---- */

int64_t heed_rows(const heed_tensor *tensor)
{
    heed_shape leading = tensor->shape;

    if (leading.rank > 0)
        leading.rank--;
    return heed_shape_count(&leading);
}

int64_t heed_cols(const heed_tensor *tensor)
{
    return tensor->shape.rank == 0 ? 1 : tensor->shape.size[tensor->shape.rank - 1];
}

float *heed_row(const heed_tensor *tensor, int64_t r)
{
    assert(rows_are_contiguous(tensor));
    return (float *)tensor->data + leading_offset(tensor, r, tensor->shape.rank - 1);
}

int32_t *heed_row_i32(const heed_tensor *tensor, int64_t r)
{
    assert(rows_are_contiguous(tensor));
    return (int32_t *)tensor->data + leading_offset(tensor, r, tensor->shape.rank - 1);
}

char *heed_row_bytes(const heed_tensor *tensor, int64_t r)
{
    assert(rows_are_contiguous(tensor));
    return element_at(tensor, leading_offset(tensor, r, tensor->shape.rank - 1));
}

heed_numbers heed_row_numbers(const heed_tensor *tensor, int64_t r)
{
    assert(tensor->dtype == HEED_F32 || tensor->dtype == HEED_BF16);
    return (heed_numbers){tensor->dtype, heed_row_bytes(tensor, r)};
}

float heed_number_get(const heed_numbers *row, int64_t i)
{
    return row->dtype == HEED_BF16 ? heed_float_of_bf16(((const uint16_t *)row->data)[i])
                                   : ((const float *)row->data)[i];
}

void heed_number_set(const heed_numbers *row, int64_t i, float value)
{
    if (row->dtype == HEED_BF16)
        ((uint16_t *)row->data)[i] = heed_bf16_of_float(value);
    else
        ((float *)row->data)[i] = value;
}
