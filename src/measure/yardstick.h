/* SPDX-License-Identifier: MIT */
/*
 * A matrix product to run in turns with something else: the rate that it shows a moment before or after is the peak
 * that the other is a share of, however the clock of the processor wanders.
 */
#ifndef HEED_MEASURE_YARDSTICK_H
#define HEED_MEASURE_YARDSTICK_H

#include "kernels/device.h"

typedef struct heed_yardstick {
    heed_device device; /* its own, so that the other's keeps no plan of this */
    const heed_product *product;
    char *block; /* a | b | c | workspace */
    size_t matrix_bytes, bytes;
} heed_yardstick;

#define HEED_YARDSTICK_SIZE  2048 /* rows and columns, as in heed_limits_measure() */
#define HEED_YARDSTICK_FLOPS (2.0 * HEED_YARDSTICK_SIZE * HEED_YARDSTICK_SIZE * HEED_YARDSTICK_SIZE)

/** A product of square matrices, of floats or bfloat16. HEED_ERR_USAGE: this machine multiplies no bfloat16. */
heed_status heed_yardstick_open(heed_yardstick *y, int threads, bool bf16, heed_error *err);
/** Runs it once; seconds. */
double heed_yardstick_run(heed_yardstick *y);
/** Allowed for one that did not open. */
void heed_yardstick_close(heed_yardstick *y);

#endif
