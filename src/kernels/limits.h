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

/*
 * Reading memory in turns with something else that reads as much. The bandwidth of a machine whose memory others use
 * too wanders within seconds; two times taken one right after the other are comparable all the same:
 *
 *     heed_reading reading;
 *     heed_status s = heed_reading_open(&reading, n_threads, bytes, err);
 *     for (int i = 0; i < n; i++) {
 *         own_s[i] = ...;                              // work that must read `bytes`
 *         read_s[i] = heed_reading_pass(&reading);     // nothing but reading them
 *     }
 *     heed_reading_close(&reading);
 *
 * Each pass goes on where the last one ended, round a buffer of 768 MB, or of `bytes` if that is more (96 MB where
 * memory is short). So even a small pass comes from memory and not from a cache.
 */
typedef struct heed_reading {
    uint64_t *x, *sums;  /* the buffer; one sum for each piece of a pass */
    int64_t n_words;     /* of the buffer, whole pieces */
    int64_t n_pass;      /* words of a pass */
    int64_t first_piece; /* of the next pass */
    int n_threads;
} heed_reading;

/** bytes: of one pass, rounded up to 64. HEED_ERR_MEMORY: no such buffer is to be had. */
heed_status heed_reading_open(heed_reading *reading, int n_threads, size_t bytes, heed_error *err);
/** Reads the next `bytes` on all threads; seconds. */
double heed_reading_pass(heed_reading *reading);
/** Allowed for one that did not open, and for one that is all zeros. */
void heed_reading_close(heed_reading *reading);

#endif
