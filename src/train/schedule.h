/* SPDX-License-Identifier: MIT */
/*
 * The learning rate at step s = 0, 1, …: a linear warm-up, then half a cosine.
 *
 *   s < warmup     max * up(s)                           up(s) by the form of the warm-up
 *   s < total      min + (max - min) (1 + cos(pi (s - warmup) / (total - warmup))) / 2
 *   after          min
 *
 * Source of the cosine: Loshchilov and Hutter 2017, SGDR (arXiv:1608.03983), eq. 5, without restarts.
 */
#ifndef HEED_TRAIN_SCHEDULE_H
#define HEED_TRAIN_SCHEDULE_H

#include <stdint.h>

typedef enum heed_warmup {
    HEED_WARMUP_OPEN,   /* (s + 1) / (warmup + 1): neither 0 nor the full rate during the warm-up */
    HEED_WARMUP_TO_MAX, /* (s + 1) / warmup: its last step has the full rate */
    HEED_WARMUP_ZERO,   /* s / warmup: its first step has rate 0 */
} heed_warmup;

typedef struct heed_schedule {
    double max, min;
    int64_t warmup, total;
    heed_warmup form;
} heed_schedule;

double heed_schedule_rate(const heed_schedule *schedule, int64_t step);

#endif
