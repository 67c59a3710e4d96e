/* SPDX-License-Identifier: MIT */
#include "ops/dense.h"

#include <assert.h>
#include <string.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "ops/common.h"

size_t heed_bytes_add(size_t a, size_t b)
{
    size_t sum;

    return heed_size_add(a, b, &sum) ? sum : SIZE_MAX;
}

size_t heed_floats_bytes(int64_t n)
{
    size_t bytes;

    if (n < 0 || !heed_size_mul((size_t)n, sizeof(float), &bytes) || bytes > SIZE_MAX - HEED_ALIGNMENT)
        return SIZE_MAX;
    return heed_size_align(bytes);
}

float *heed_floats_take(char **free_space, int64_t n)
{
    float *taken = (float *)(void *)*free_space;

    *free_space += heed_floats_bytes(n);
    return taken;
}

size_t heed_dense_bytes(const heed_tensor *tensor)
{
    return heed_tensor_is_dense(tensor) ? 0 : heed_floats_bytes(heed_tensor_count(tensor));
}

const float *heed_dense_operand(const heed_tensor *tensor, char **free_space)
{
    heed_tensor copy;

    if (heed_tensor_is_dense(tensor))
        return tensor->data;
    copy = heed_tensor_make(tensor->dtype, tensor->shape,
                            heed_floats_take(free_space, heed_tensor_count(tensor)));
    heed_tensor_copy(&copy, tensor);
    return copy.data;
}

/* --- operands that count as bf16 ----------------------------------------------------------------- */

enum { PIECE = 256 }; /* numbers that are rounded on the stack */

bool heed_device_has_bf16(const heed_device *device)
{
    return heed_products_has_bf16(device->products);
}

size_t heed_half_bytes(const heed_tensor *tensor, int64_t n_rows)
{
    int64_t count;

    return __builtin_mul_overflow(n_rows, heed_cols(tensor), &count) ? SIZE_MAX : heed_floats_bytes(count);
}

size_t heed_half_number_bytes(const heed_device *device)
{
    return heed_device_has_bf16(device) ? sizeof(uint16_t) : sizeof(float);
}

void heed_half_numbers(const heed_device *device, void *y, const float *x, int64_t n)
{
    const heed_kernels *kernels = device->kernels;
    uint16_t half[PIECE];

    if (heed_device_has_bf16(device)) {
        kernels->to_bf16(y, x, n);
        return;
    }
    for (int64_t i = 0; i < n; i += PIECE) {
        const int64_t part = n - i < PIECE ? n - i : PIECE;

        kernels->to_bf16(half, x + i, part);
        kernels->from_bf16((float *)y + i, half, part);
    }
}

typedef struct half_job {
    const heed_half_rows *rows;
    char *to;
} half_job;

static void make_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const half_job *job = context;
    const heed_device *device = job->rows->device;
    const heed_tensor *t = job->rows->tensor;
    const int64_t n = heed_cols(t);
    const size_t row_bytes = (size_t)n * heed_half_number_bytes(device);

    (void)thread;
    for (int64_t r = begin; r < end; r++) {
        const void *x = heed_row_bytes(t, job->rows->row + r);
        void *y = job->to + (size_t)r * row_bytes;

        if (t->dtype == HEED_F32)
            heed_half_numbers(device, y, x, n);
        else if (heed_device_has_bf16(device))
            memcpy(y, x, row_bytes);
        else
            device->kernels->from_bf16(y, x, n);
    }
}

const void *heed_half_operand(const heed_half_rows *rows, char **free_space)
{
    const heed_tensor *t = rows->tensor;
    half_job job = {rows, *free_space};

    *free_space += heed_half_bytes(t, rows->n_rows);
    if (t->dtype == HEED_BF16 && heed_device_has_bf16(rows->device) && heed_tensor_is_dense(t))
        return heed_row_bytes(t, rows->row);
    heed_parallel(rows->device->n_threads, rows->n_rows, 1 + HEED_PIECE / heed_cols(t), make_rows, &job);
    return job.to;
}

/* --- products ------------------------------------------------------------------------------------ */

size_t heed_product_bytes(const heed_device *device, const heed_product_shape *shape)
{
    const heed_product *product = NULL;

    if (heed_products_get(device->products, shape, &product, NULL) != HEED_OK)
        return SIZE_MAX;
    return heed_product_workspace_bytes(product);
}

void heed_product_compute(const heed_device *device, const heed_product_shape *shape, const void *a,
                          const void *b, const float *bias, float *c, void *workspace)
{
    heed_product_compute_by(device, shape, 0, a, b, bias, c, workspace);
}

void heed_product_compute_by(const heed_device *device, const heed_product_shape *shape, int caller,
                             const void *a, const void *b, const float *bias, float *c, void *workspace)
{
    const heed_product *product = NULL;
    const heed_status status = heed_products_get(device->products, shape, &product, NULL);

    assert(status == HEED_OK); /* it was planned by workspace(): this only looks it up */
    (void)status;
    heed_product_run_by(product, caller, a, b, bias, c, workspace);
}
