/* SPDX-License-Identifier: MIT */
#include "ops/linear_bf16.h"

#include <string.h>

#include "base/parallel.h"
#include "ops/dense.h"

/* Rows of a panel. Few enough that oneDNN never splits the sum over them that the gradient of a weight is. */
#define ROWS 1024

static int64_t rows_of_panel(int64_t n_rows, int64_t begin)
{
    return n_rows - begin < ROWS ? n_rows - begin : ROWS;
}

static int64_t rows_of_last_panel(int64_t n_rows)
{
    return (n_rows - 1) % ROWS + 1;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* --- rows times a matrix ------------------------------------------------------------------------- */

static heed_product_shape rows_product(const heed_node *node, const heed_device *device, bool transpose_b,
                                       int64_t rows)
{
    return (heed_product_shape){.m = rows,
                                .n = heed_cols(&node->tensor),
                                .k = heed_cols(&node->in[0]->tensor),
                                .transpose_b = transpose_b,
                                .has_bias = node->n_in > 2 && node->in[2] != NULL,
                                .bf16 = heed_device_has_bf16(device)};
}

/* Floats of a panel that are rounded to bf16 from number `first` of the output on. */
typedef struct store_job {
    const heed_op_args *a;
    const float *panel;
    int64_t first;
} store_job;

static void store(void *context, int64_t begin, int64_t end, int thread)
{
    const store_job *job = context;

    (void)thread;
    job->a->device->kernels->to_bf16((uint16_t *)job->a->out->data + job->first + begin, job->panel + begin,
                                     end - begin);
}

void heed_linear_bf16_rows(const heed_op_args *a, bool transpose_b)
{
    const heed_device *device = a->device;
    const int64_t n_rows = heed_rows(a->out), n = heed_cols(a->out);
    char *free_space = a->workspace;
    const heed_half_rows weight = {device, a->in[1], 0, heed_rows(a->in[1])};
    const void *w = heed_half_operand(&weight, &free_space);
    float *panel = a->out->dtype == HEED_BF16 ? heed_floats_take(&free_space, rows_of_panel(n_rows, 0) * n)
                                              : NULL;

    for (int64_t begin = 0; begin < n_rows; begin += ROWS) {
        const heed_half_rows rows = {device, a->in[0], begin, rows_of_panel(n_rows, begin)};
        const heed_product_shape shape = rows_product(a->node, device, transpose_b, rows.n_rows);
        char *space = free_space;
        const void *x = heed_half_operand(&rows, &space);
        store_job job = {a, panel, begin * n};

        heed_product_compute(device, &shape, x, w, shape.has_bias ? a->in[2]->data : NULL,
                             panel != NULL ? panel : (float *)a->out->data + begin * n, space);
        if (panel != NULL)
            heed_parallel(device->n_threads, rows.n_rows * n, HEED_PIECE, store, &job);
    }
}

size_t heed_linear_bf16_rows_workspace(const heed_node *node, heed_device *device, bool transpose_b)
{
    const heed_tensor *x = &node->in[0]->tensor, *w = &node->in[1]->tensor;
    const int64_t n_rows = heed_rows(x), rows = rows_of_panel(n_rows, 0);
    const heed_product_shape full = rows_product(node, device, transpose_b, rows);
    const heed_product_shape last = rows_product(node, device, transpose_b, rows_of_last_panel(n_rows));
    size_t bytes = larger(heed_product_bytes(device, &full), heed_product_bytes(device, &last));

    bytes = heed_bytes_add(bytes, heed_half_bytes(w, heed_rows(w)));
    bytes = heed_bytes_add(bytes, heed_half_bytes(x, rows));
    return node->tensor.dtype == HEED_BF16 ? heed_bytes_add(bytes, heed_half_bytes(&node->tensor, rows))
                                           : bytes;
}

/* --- the gradient of a weight -------------------------------------------------------------------- */

static heed_product_shape weight_product(const heed_node *node, const heed_device *device, int64_t rows,
                                         bool accumulate)
{
    return (heed_product_shape){.m = node->tensor.shape.size[0],
                                .n = node->tensor.shape.size[1],
                                .k = rows,
                                .transpose_a = true,
                                .accumulate = accumulate,
                                .bf16 = heed_device_has_bf16(device)};
}

/* sums[j] = sum_r dy[r][j] for columns begin .. end-1, rows in order; dy as it is, f32 or bf16. */
static void sum_columns(void *context, int64_t begin, int64_t end, int thread)
{
    enum { PART = 256 }; /* numbers of a row that are floats at a time */
    const heed_op_args *a = context;
    const heed_kernels *kernels = a->device->kernels;
    const heed_tensor *dy = a->in[1];
    float *sums = a->outs[1]->data;

    (void)thread;
    memset(sums + begin, 0, (size_t)(end - begin) * sizeof *sums);
    for (int64_t r = 0; r < heed_rows(dy); r++) {
        for (int64_t j = begin; j < end; j += PART) {
            const int64_t n = end - j < PART ? end - j : PART;
            float widened[PART];

            if (dy->dtype == HEED_BF16)
                kernels->from_bf16(widened, (const uint16_t *)(const void *)heed_row_bytes(dy, r) + j, n);
            kernels->column_sums(sums + j, dy->dtype == HEED_BF16 ? widened : heed_row(dy, r) + j, n, 1, n);
        }
    }
}

void heed_linear_bf16_weight(const heed_op_args *a, heed_weight_layout layout)
{
    const heed_device *device = a->device;
    const int64_t n_rows = heed_rows(a->in[0]), n_out = heed_cols(a->in[1]);
    const bool in_out = layout == HEED_WEIGHT_IN_OUT;

    for (int64_t begin = 0; begin < n_rows && a->outs[0] != NULL; begin += ROWS) {
        const int64_t rows = rows_of_panel(n_rows, begin);
        const heed_half_rows of_x = {device, a->in[0], begin, rows}, of_dy = {device, a->in[1], begin, rows};
        const heed_product_shape shape = weight_product(a->node, device, rows, begin > 0);
        char *space = a->workspace;
        const void *x = heed_half_operand(&of_x, &space), *dy = heed_half_operand(&of_dy, &space);

        heed_product_compute(device, &shape, in_out ? x : dy, in_out ? dy : x, NULL, a->outs[0]->data, space);
    }
    if (a->outs[1] != NULL)
        heed_parallel(device->n_threads, n_out, n_rows * n_out <= HEED_PIECE ? n_out : 256, sum_columns,
                      (void *)(uintptr_t)a);
}

size_t heed_linear_bf16_weight_workspace(const heed_node *node, heed_device *device)
{
    const heed_tensor *x = &node->in[0]->tensor, *dy = &node->in[1]->tensor;
    const int64_t n_rows = heed_rows(x), rows = rows_of_panel(n_rows, 0), last = rows_of_last_panel(n_rows);
    const heed_product_shape shapes[] = {weight_product(node, device, rows, false),
                                         weight_product(node, device, rows, true),
                                         weight_product(node, device, last, true)};
    size_t bytes = 0;

    for (int i = 0; i < (n_rows > ROWS ? 3 : 1); i++)
        bytes = larger(bytes, heed_product_bytes(device, &shapes[i]));
    return heed_bytes_add(bytes, heed_bytes_add(heed_half_bytes(x, rows), heed_half_bytes(dy, rows)));
}
