/* SPDX-License-Identifier: MIT */
/*
 * What this machine can do at most, measured: the yardstick of every speed that heed reports.
 *
 *     heed_limits limits;
 *     heed_status s = heed_limits_measure(&device, 0.3, &limits, err);
 *     double share = flops_per_s / limits.f32_flops.best;
 *
 * The clock of a processor wanders by several percent, so a share is worth most when both of its
 * figures come from the same minute.
 */
#ifndef HEED_KERNELS_LIMITS_H
#define HEED_KERNELS_LIMITS_H

#include "kernels/device.h"

/* Rates of repetitions, in units a second; zeros where this machine has not got it or nothing could be measured. */
typedef struct heed_rate {
    double best, median;
    int repetitions;
} heed_rate;

typedef struct heed_limits {
    heed_rate f32_flops;  /* of a product of square matrices, float */
    heed_rate bf16_flops; /* the same of bfloat16, summed in float */
    heed_rate read_bytes; /* of a buffer too large for any cache, all threads together */
} heed_limits;

/**
 * Measures on the device's threads for about `seconds` in all; 0.3 suffices to within some percent, 3 is thorough.
 * Takes 100 MB for a moment, 800 MB from 1 s on where there is memory for it. A reference device measures
 * the machine's best kernels. HEED_ERR_MEMORY: not even a small buffer was to be had.
 */
heed_status heed_limits_measure(const heed_device *device, double seconds, heed_limits *limits,
                                heed_error *err);

/** Only the product of float matrices, in about `seconds` and 12 MB. */
heed_status heed_limits_peak(const heed_device *device, double seconds, heed_rate *rate, heed_error *err);

#endif
