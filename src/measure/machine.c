/* SPDX-License-Identifier: MIT */
/* This machine: what it is called and what it can do at most. */
#include <stdio.h>
#include <string.h>

#include "kernels/limits.h"
#include "measure/measure.h"

static double larger(double a, double b)
{
    return a > b ? a : b;
}

heed_machine heed_machine_better(const heed_machine *a, const heed_machine *b)
{
    return (heed_machine){
        .f32_flops = larger(a->f32_flops, b->f32_flops),
        .bf16_flops = larger(a->bf16_flops, b->bf16_flops),
        .read_bytes_per_s = larger(a->read_bytes_per_s, b->read_bytes_per_s),
    };
}

heed_status heed_machine_measure(int threads, double seconds, heed_machine *out, heed_error *err)
{
    heed_device device = {0};
    heed_limits limits = {0};
    heed_status status = heed_device_open(&device, NULL, threads, err);

    *out = (heed_machine){0};
    if (status == HEED_OK)
        status = heed_limits_measure(&device, seconds, &limits, err);
    if (status == HEED_OK)
        *out = (heed_machine){limits.f32_flops.best, limits.bf16_flops.best, limits.read_bytes.best};
    heed_device_close(&device);
    return status;
}

/* The processor's name as the system tells it, or its architecture. */
static void read_processor(char *out, size_t size)
{
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[256];

#if defined(__x86_64__)
    snprintf(out, size, "an x86-64 processor");
#elif defined(__aarch64__)
    snprintf(out, size, "an ARM processor");
#else
    snprintf(out, size, "a processor");
#endif
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *value = strstr(line, ": ");
        if (strncmp(line, "model name", 10) == 0 && value != NULL) {
            snprintf(out, size, "%.*s", (int)strcspn(value + 2, "\n"), value + 2);
            break;
        }
    }
    if (file != NULL)
        fclose(file);
}

heed_status heed_machine_describe(int threads, char *out, size_t size, char *processor, heed_error *err)
{
    heed_device device = {0};
    const heed_status status = heed_device_open(&device, NULL, threads, err);

    if (status != HEED_OK)
        return status;
    snprintf(out, size, "%s, %d thread%s%s%s", heed_device_name(&device), device.n_threads,
             device.n_threads == 1 ? "" : "s", device.products != NULL ? ", " : "",
             device.products != NULL ? heed_products_engine(device.products) : "");
    if (processor != NULL)
        read_processor(processor, 128);
    heed_device_close(&device);
    return HEED_OK;
}
