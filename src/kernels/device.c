/* SPDX-License-Identifier: MIT */
#include "kernels/device.h"

#include "base/error.h"
#include "base/parallel.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_THREADS = 1024 };

heed_status heed_device_kernels(const char *cpu, const heed_kernels **kernels, heed_error *err)
{
    *kernels = NULL;
    if (!cpu)
        cpu = getenv("HEED_CPU");
    return cpu && strcmp(cpu, "plain") == 0 ? HEED_OK : heed_kernels_select(cpu, kernels, err);
}

static heed_status open_device(heed_device *device, const char *cpu, int n_threads, bool strict,
                               heed_error *err)
{
    heed_status status;

    *device = (heed_device){.strict = strict};
    if (n_threads < 0 || n_threads > MAX_THREADS)
        return heed_fail(err, HEED_ERR_USAGE, "expected 0 to %d threads, got %d", MAX_THREADS, n_threads);
    device->n_threads = n_threads > 0 ? n_threads : heed_processor_count();
    status = heed_device_kernels(cpu, &device->kernels, err);
    if (status == HEED_OK && device->kernels != NULL)
        status = heed_products_create(device->kernels, device->n_threads, strict, &device->products, err);
    if (status != HEED_OK)
        *device = (heed_device){0};
    return status;
}

heed_status heed_device_open(heed_device *device, const char *cpu, int n_threads, heed_error *err)
{
    return open_device(device, cpu, n_threads, false, err);
}

heed_status heed_device_open_strict(heed_device *device, const char *cpu, int n_threads, heed_error *err)
{
    return open_device(device, cpu, n_threads, true, err);
}

void heed_device_close(heed_device *device)
{
    heed_products_destroy(device->products);
    *device = (heed_device){0};
}

const char *heed_device_name(const heed_device *device)
{
    return device->kernels ? device->kernels->name : "plain";
}
