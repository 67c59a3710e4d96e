/* SPDX-License-Identifier: MIT */
/*
 * What the ops share: checks for shape(), costs, and running a kernel over pieces of tensors on all threads.
 *
 *     static void relu_span(const void *context, const heed_span *s)
 *     {
 *         const heed_op_args *a = context;
 *         a->device->kernels->relu(s->out[0], s->in[0], s->n);
 *     }
 *     static void relu_fast(const heed_op_args *a)
 *     {
 *         heed_map_elements(a, HEED_INPUT(0), relu_span, a);
 *     }
 */
#ifndef HEED_OPS_COMMON_H
#define HEED_OPS_COMMON_H

#include "graph/explain.h"
#include "graph/op.h"
#include "kernels/device.h"

#define HEED_INPUT(i) (1u << (i))

/* Elements that one piece of work has: long enough to pay for handing it out, short enough to spread. */
#define HEED_PIECE 16384

/* --- checks: false after recording what was expected, what came and at which node. An absent input passes. --- */

bool heed_expect_dtype(heed_graph *g, const heed_node *node, int input, const char *role, heed_dtype dtype);
bool heed_expect_shape(heed_graph *g, const heed_node *node, int input, const char *role, heed_dtype dtype,
                       heed_shape shape);
bool heed_expect_scalar(heed_graph *g, const heed_node *node, int input, const char *role, heed_dtype dtype);
/** `past`, the tokens that stand before: an i32 scalar, or [batch], a number for each row. batch -1: any. */
bool heed_expect_past(heed_graph *g, const heed_node *node, int input, int64_t batch);
/** The shape rule of most elementwise ops: output 0 is like input 0, which is f32. */
bool heed_shape_like_first(heed_graph *g, heed_node *node);
/* Numbers that training may keep in bf16: activations between products, and gradients on their way to one. */
bool heed_expect_float(heed_graph *g, const heed_node *node, int input, const char *role); /* f32 or bf16 */
bool heed_expect_floats(heed_graph *g, const heed_node *node, int input, const char *role,
                        const heed_shape *shape);
/** The shape rule of activations: output 0 is like input 0, f32 or bf16. */
bool heed_shape_of_map(heed_graph *g, heed_node *node);

/** What a number counts in a product over bf16. */
static inline float heed_counted(float number, bool bf16)
{
    return bf16 ? heed_float_of_bf16(heed_bf16_of_float(number)) : number;
}

/* --- shapes --- */

/** The last `rank` axes. */
heed_shape heed_shape_last(const heed_shape *shape, int rank);
/** True when a's last axes are b. */
bool heed_shape_ends_with(const heed_shape *a, const heed_shape *b);

/* --- costs --- */

/** Traffic of all tensors, and so many FLOPs for each element of input 0. exp(), tanh() and the like count as one. */
void heed_cost_elementwise(const heed_node *node, double flops, heed_cost *cost);

/* --- scalars --- */

float heed_scalar(const heed_tensor *tensor);
int32_t heed_scalar_i32(const heed_tensor *tensor);
/** Element b, or the one that there is for all; 0 where past is NULL. */
int64_t heed_past_of(const heed_tensor *past, int64_t b);
/** Rows that `past` tells apart: its length, or 1. */
int64_t heed_past_rows(const heed_tensor *past);

/* --- explanations --- */

/** What a softmax subtracts, once its largest number is known: that, and 0 where all are -inf. */
heed_figure heed_explain_shift(heed_explanation *e, heed_figure max);

/* --- pieces of tensors --- */

/* n contiguous elements, or n rows one after the other, from number `first` on of every tensor. */
typedef struct heed_span {
    int64_t first, n;
    float *out[HEED_MAX_OUTPUTS];     /* NULL where the output is not needed */
    const float *in[HEED_MAX_INPUTS]; /* NULL where the input is not one of those asked for */
} heed_span;

typedef void heed_span_fn(const void *context, const heed_span *span);

/**
 * Calls fn over all elements of the outputs and of the inputs in the mask, which have one shape. An input may also have
 * fewer rows (of the same length): it then repeats. Pieces of contiguous tensors begin at multiples of 64. What is bf16
 * reaches fn as floats, and what fn writes to a bf16 output is rounded.
 */
void heed_map_elements(const heed_op_args *a, unsigned inputs, heed_span_fn *fn, const void *context);
/** The same by whole rows: span->first and span->n count rows. f32 alone. */
void heed_map_rows(const heed_op_args *a, unsigned inputs, heed_span_fn *fn, const void *context);

/** sums[j] = sum over rows of x[row][j] with x by row_stride, on the device's threads, each column in row order. */
void heed_column_sums(const heed_device *device, float *sums, const float *x, int64_t row_stride, int64_t rows,
                      int64_t n);

#endif
