/* SPDX-License-Identifier: MIT */
#include "measure/yardstick.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"

enum { SIZE = HEED_YARDSTICK_SIZE };

heed_status heed_yardstick_open(heed_yardstick *y, int threads, bool bf16, heed_error *err)
{
    const heed_product_shape shape = {.m = SIZE, .n = SIZE, .k = SIZE, .bf16 = bf16};
    heed_device given = {0};
    heed_status status;

    *y = (heed_yardstick){.matrix_bytes = (size_t)SIZE * SIZE * sizeof(float)};
    status = heed_device_open(&given, NULL, threads, err);
    /* the plain loops have no products: the machine's best kernels are the measure of them too */
    if (status == HEED_OK)
        status = heed_device_open(&y->device, given.kernels != NULL ? given.kernels->name : "", given.n_threads,
                                  err);
    heed_device_close(&given);
    if (status == HEED_OK && bf16 && !heed_products_has_bf16(y->device.products))
        status = heed_fail(err, HEED_ERR_USAGE, "this machine, or the library of its products, has no bf16");
    if (status == HEED_OK)
        status = heed_products_get(y->device.products, &shape, &y->product, err);
    if (status == HEED_OK) {
        y->bytes = 3 * y->matrix_bytes + heed_product_workspace_bytes(y->product);
        y->block = heed_memory_reserve(y->bytes);
        if (y->block == NULL)
            status = heed_fail(err, HEED_ERR_MEMORY, "no memory to measure the speed of matrix products");
    }
    if (status != HEED_OK) {
        heed_yardstick_close(y);
        return status;
    }
    memset(y->block, 0x3f, 2 * y->matrix_bytes); /* 0.747 as a float, and 0.746 as a bfloat16 */
    heed_yardstick_run(y);                       /* touches what it writes */
    return HEED_OK;
}

double heed_yardstick_run(heed_yardstick *y)
{
    char *b = y->block + y->matrix_bytes, *c = b + y->matrix_bytes;
    const double begin = heed_clock_s();

    heed_product_run(y->product, y->block, b, NULL, (float *)(void *)c, c + y->matrix_bytes);
    return heed_clock_s() - begin;
}

void heed_yardstick_close(heed_yardstick *y)
{
    heed_memory_release(y->block, y->bytes);
    heed_device_close(&y->device);
    *y = (heed_yardstick){0};
}
