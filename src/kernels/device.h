/* SPDX-License-Identifier: MIT */
/*
 * What runs the ops: a kernel table, a number of threads, the planned products.
 *
 * A reference device has no table: every op then runs its own plain loop (`forward`), which is the
 * yardstick of all tests. HEED_CPU=plain asks for it.
 */
#ifndef HEED_KERNELS_DEVICE_H
#define HEED_KERNELS_DEVICE_H

#include "kernels/kernels.h"
#include "kernels/product.h"

typedef struct heed_device {
    const heed_kernels *kernels; /* NULL: the reference */
    heed_products *products;     /* NULL: the reference */
    int n_threads;
    bool strict; /* no bit depends on n_threads: products run in fixed pieces */
} heed_device;

/**
 * cpu: "plain", a name of heed_kernels_select(), or NULL to take HEED_CPU from the environment and else the best.
 * n_threads 0: one a processor.
 */
heed_status heed_device_open(heed_device *device, const char *cpu, int n_threads, heed_error *err);
/**
 * A strict device: every op gives the same bits for any n_threads. Only oneDNN's products need other ways for that, which
 * are somewhat slower; heed's own are strict always.
 */
heed_status heed_device_open_strict(heed_device *device, const char *cpu, int n_threads, heed_error *err);
/** The kernels alone that such a device has; NULL: the reference. */
heed_status heed_device_kernels(const char *cpu, const heed_kernels **kernels, heed_error *err);
void heed_device_close(heed_device *device);
/** "plain", "avx512", … */
const char *heed_device_name(const heed_device *device);

#endif
