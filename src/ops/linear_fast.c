/* SPDX-License-Identifier: MIT */
/*
 * linear on a device.      x [n_rows, in], W [in, out] or [out, in], b [out]  ->  y [n_rows, out]
 *
 * A few rows (decoding writes one a sequence) are bound by reading W once, so all threads stream their share of it: rows of
 * W [out, in], which give outputs; slabs of rows of W [in, out], which give parts of all sums, added up at the end.
 * Many rows are a matrix product of floats. Weights of another type are widened for it, a panel of outputs at a time, so
 * that what they take as floats is bounded.
 */
#include "ops/linear_fast.h"

#include <string.h>

#include "base/parallel.h"
#include "ops/dense.h"
#include "ops/weight.h"

#define FEW_ROWS      16        /* up to here W is streamed instead of multiplied */
#define SLABS         4         /* of the rows of W [in, out]: each is summed by itself */
#define BLOCK_WEIGHTS 49152     /* weights that stay in the second-level cache while further rows of x pass */
#define PANEL_FLOATS  (4 << 20) /* of widened weights, 16 MB */
#define LEAST_PANEL   256       /* outputs: fewer would not keep a product busy */

static heed_product_shape product_of(const heed_node *node, heed_weight_layout layout)
{
    const heed_tensor *x = &node->in[0]->tensor;

    return (heed_product_shape){.m = heed_rows(x),
                                .n = heed_cols(&node->tensor),
                                .k = heed_cols(x),
                                .transpose_b = layout == HEED_WEIGHT_OUT_IN,
                                .has_bias = node->in[2] != NULL};
}

/* --- few rows ------------------------------------------------------------------------------------- */

/* Rows of x with one distance from row to row. */
typedef struct stream_job {
    const heed_op_args *a;
    const float *x;
    int64_t x_stride;
    int64_t column_piece; /* combining: a piece of work has a slab of rows and so many columns */
} stream_job;

static size_t folded_bytes(const heed_tensor *x)
{
    int64_t stride;

    return heed_tensor_rows_fold(x, &stride) ? 0 : heed_dense_bytes(x);
}

static stream_job job_of(const heed_op_args *a, char **free_space)
{
    stream_job job = {.a = a, .x = a->in[0]->data};

    if (!heed_tensor_rows_fold(a->in[0], &job.x_stride))
        job.x = heed_dense_operand(a->in[0], free_space);
    return job;
}

/* Outputs begin .. end-1 of every row, by rows of W [out, in]. */
static void dot_outputs(void *context, int64_t begin, int64_t end, int thread)
{
    const stream_job *job = context;
    const heed_op_args *a = job->a;
    const heed_weight_matrix w = heed_weight_of(a->in[1], begin);
    const float *bias = a->in[2] != NULL ? (const float *)a->in[2]->data + begin : NULL;

    (void)thread;
    a->device->kernels->stream_dot((float *)a->out->data + begin, heed_cols(a->out), &w, job->x, job->x_stride,
                                   bias, heed_rows(a->out), end - begin, heed_cols(a->in[0]));
}

/* Handing out would cost more than computing. */
static bool is_small(const heed_op_args *a)
{
    return heed_rows(a->out) * heed_cols(a->in[0]) * heed_cols(a->out) <= 2 * HEED_PIECE;
}

/* Rows of W [out, in] that a piece of work has, a whole number of cache lines of outputs. */
static int64_t outputs_a_piece(const heed_op_args *a)
{
    const int64_t n_in = heed_cols(a->in[0]), n_out = heed_cols(a->out);
    int64_t piece = n_out / (a->device->n_threads * 4) + 1;

    if (is_small(a))
        return n_out;
    if (heed_rows(a->out) > HEED_STREAM_ROWS && piece > BLOCK_WEIGHTS / n_in)
        piece = BLOCK_WEIGHTS / n_in;
    return (piece + 63) / 64 * 64;
}

/* Floats that one slab's sums take, whole cache lines. */
static int64_t slab_floats(const heed_node *node)
{
    return (heed_tensor_count(&node->tensor) + 15) / 16 * 16;
}

/* First row of slab s: slabs have about as many blocks of rows each, a block being what kernels add up by itself. */
static int64_t slab_begin(const heed_op_args *a, int64_t s)
{
    const heed_scales *scales = a->in[1]->scales;
    const int64_t unit = scales != NULL && scales->group > HEED_STREAM_BLOCK ? scales->group
                                                                             : HEED_STREAM_BLOCK;
    const int64_t n_in = heed_cols(a->in[0]), n_units = (n_in + unit - 1) / unit,
                  begin = n_units * s / SLABS * unit;

    return begin < n_in ? begin : n_in;
}

/* Pieces begin .. end-1: what a slab of rows of W [in, out] gives to a part of the outputs. */
static void combine_slabs(void *context, int64_t begin, int64_t end, int thread)
{
    const stream_job *job = context;
    const heed_op_args *a = job->a;
    const int64_t n_out = heed_cols(a->out), rows = heed_rows(a->out);

    (void)thread;
    for (int64_t piece = begin; piece < end; piece++) {
        const int64_t s = piece % SLABS, column = piece / SLABS * job->column_piece;
        const int64_t n = n_out - column < job->column_piece ? n_out - column : job->column_piece;
        float *sums = (float *)a->workspace + s * slab_floats(a->node) + column;
        heed_weight_matrix w = heed_weight_of(a->in[1], 0);

        w.data = (const char *)w.data + (size_t)column * heed_dtype_bytes(a->in[1]->dtype);
        if (w.scales != NULL)
            w.scales += column;
        for (int64_t r = 0; r < rows; r++)
            memset(sums + r * n_out, 0, (size_t)n * sizeof *sums);
        a->device->kernels->stream_combine(sums, n_out, &w, job->x, job->x_stride, rows, n, slab_begin(a, s),
                                           slab_begin(a, s + 1));
    }
}

/* y = b + the slabs in order, for rows begin .. end-1. */
static void add_slabs(void *context, int64_t begin, int64_t end, int thread)
{
    const heed_op_args *a = ((const stream_job *)context)->a;
    const int64_t n_out = heed_cols(a->out);

    (void)thread;
    for (int64_t r = begin; r < end; r++) {
        float *y = heed_row(a->out, r);

        if (a->in[2] != NULL)
            memcpy(y, a->in[2]->data, (size_t)n_out * sizeof *y);
        else
            memset(y, 0, (size_t)n_out * sizeof *y);
        a->device->kernels->column_sums(y, (const float *)a->workspace + r * n_out, slab_floats(a->node), SLABS,
                                        n_out);
    }
}

/*
 * A thread reads whole rows of W one after the other, which is faster than a part of each row. The slabs are always the
 * same, so the bits are too; more threads than slabs share the columns.
 */
static void combine(stream_job *job)
{
    const heed_op_args *a = job->a;
    const int64_t n_out = heed_cols(a->out), rows = heed_rows(a->out), threads = a->device->n_threads;
    const int64_t parts = (threads + SLABS - 1) / SLABS;

    job->column_piece = ((n_out + parts - 1) / parts + 63) / 64 * 64;
    const int64_t pieces = SLABS * ((n_out + job->column_piece - 1) / job->column_piece);

    heed_parallel(a->device->n_threads, pieces, is_small(a) ? pieces : 1, combine_slabs, job);
    heed_parallel(a->device->n_threads, rows, rows * n_out > HEED_PIECE ? 1 : rows, add_slabs, job);
}

static void stream(const heed_op_args *a, heed_weight_layout layout)
{
    const bool by_outputs = layout == HEED_WEIGHT_OUT_IN;
    char *free_space = (char *)a->workspace +
                       (by_outputs ? 0 : heed_floats_bytes(SLABS * slab_floats(a->node)));
    stream_job job = job_of(a, &free_space);

    if (by_outputs)
        heed_parallel(a->device->n_threads, heed_cols(a->out), outputs_a_piece(a), dot_outputs, &job);
    else
        combine(&job);
}

/* --- many rows ------------------------------------------------------------------------------------ */

/* Outputs of a panel: all of them where their weights fit, and a multiple of 64 else. */
static int64_t panel_outputs(const heed_product_shape *shape)
{
    int64_t n = PANEL_FLOATS / (shape->k > shape->m ? shape->k : shape->m) / 64 * 64;

    if (shape->n <= PANEL_FLOATS / shape->k)
        return shape->n;
    return n > LEAST_PANEL ? n : LEAST_PANEL;
}

/* Panels of weights as floats, each with a product whose result is copied to its columns of y. */
static void multiply_panels(const heed_op_args *a, heed_product_shape shape, const float *x, char *free_space)
{
    const int64_t n_out = shape.n, panel = panel_outputs(&shape);
    float *w = heed_floats_take(&free_space, panel * shape.k);
    float *part = panel < n_out ? heed_floats_take(&free_space, shape.m * panel) : NULL;

    for (int64_t o = 0; o < n_out; o += panel) {
        const float *bias = shape.has_bias ? (const float *)a->in[2]->data + o : NULL;
        const int64_t n = n_out - o < panel ? n_out - o : panel;

        shape.n = n;
        if (shape.transpose_b)
            heed_weight_widen(a->device, a->in[1], o, n, 0, shape.k, w);
        else
            heed_weight_widen(a->device, a->in[1], 0, shape.k, o, n, w);
        heed_product_compute(a->device, &shape, x, w, bias, part != NULL ? part : a->out->data, free_space);
        for (int64_t r = 0; r < shape.m && part != NULL; r++)
            memcpy(heed_row(a->out, r) + o, part + r * n, (size_t)n * sizeof *part);
    }
}

void heed_linear_fast(const heed_op_args *a, heed_weight_layout layout)
{
    const heed_product_shape shape = product_of(a->node, layout);
    char *free_space = a->workspace;

    if (shape.m <= FEW_ROWS) {
        stream(a, layout);
        return;
    }
    const float *x = heed_dense_operand(a->in[0], &free_space);

    if (a->in[1]->dtype != HEED_F32) {
        multiply_panels(a, shape, x, free_space);
        return;
    }
    const float *w = heed_dense_operand(a->in[1], &free_space);

    heed_product_compute(a->device, &shape, x, w, shape.has_bias ? a->in[2]->data : NULL, a->out->data,
                         free_space);
}

static size_t panels_bytes(heed_device *device, heed_product_shape shape)
{
    const int64_t n_out = shape.n, panel = panel_outputs(&shape), last = (n_out - 1) % panel + 1;
    size_t bytes, product;

    shape.n = panel;
    bytes = heed_product_bytes(device, &shape);
    shape.n = last;
    product = heed_product_bytes(device, &shape);
    bytes = heed_bytes_add(product > bytes ? product : bytes, heed_floats_bytes(panel * shape.k));
    return panel < n_out ? heed_bytes_add(bytes, heed_floats_bytes(shape.m * panel)) : bytes;
}

size_t heed_linear_workspace(const heed_node *node, heed_device *device, heed_weight_layout layout)
{
    const heed_product_shape shape = product_of(node, layout);
    const heed_tensor *x = &node->in[0]->tensor, *w = &node->in[1]->tensor;

    if (shape.m <= FEW_ROWS)
        return heed_bytes_add(layout == HEED_WEIGHT_IN_OUT ? heed_floats_bytes(SLABS * slab_floats(node)) : 0,
                              folded_bytes(x));
    if (w->dtype != HEED_F32)
        return heed_bytes_add(heed_dense_bytes(x), panels_bytes(device, shape));
    return heed_bytes_add(heed_bytes_add(heed_dense_bytes(x), heed_dense_bytes(w)),
                          heed_product_bytes(device, &shape));
}
