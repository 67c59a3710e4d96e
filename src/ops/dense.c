/* SPDX-License-Identifier: MIT */
#include "ops/dense.h"

#include <assert.h>

#include "base/memory.h"

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

size_t heed_product_bytes(const heed_device *device, const heed_product_shape *shape)
{
    const heed_product *product = NULL;

    if (heed_products_get(device->products, shape, &product, NULL) != HEED_OK)
        return SIZE_MAX;
    return heed_product_workspace_bytes(product);
}

void heed_product_compute(const heed_device *device, const heed_product_shape *shape, const float *a,
                          const float *b, const float *bias, float *c, void *workspace)
{
    const heed_product *product = NULL;
    const heed_status status = heed_products_get(device->products, shape, &product, NULL);

    assert(status == HEED_OK); /* it was planned by workspace(): this only looks it up */
    (void)status;
    heed_product_run(product, a, b, bias, c, workspace);
}
