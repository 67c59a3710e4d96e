/* SPDX-License-Identifier: MIT */
/*
 * The learning rate at step s = 0, 1, …: a linear warm-up, then what its kind says, with u = s - warmup:
 *
 *   s < warmup   max * up(s)                                          up(s) by the form of the warm-up
 *   constant     max
 *   cosine       min + (max - min) (1 + cos(pi u / D)) / 2            D = total - warmup unless given
 *   linear       max + (min - max) u / D                              likewise
 *   step         max(min, max * factor^floor(u / D))                  D = ceil((total - warmup) / 3) unless given
 *   wsd          max, and over the last D steps before total          D = total / 10 unless given
 *                max + (min - max) (s - (total - D)) / D
 *
 * All that end stay at min afterwards. Sources: cosine, Loshchilov and Hutter 2017, SGDR (arXiv:1608.03983), eq. 5, without
 * restarts; linear, as BERT was trained (arXiv:1810.04805), A.2; step, as He et al. 2015 (arXiv:1512.03385), 3.4;
 * warm-up, stable, decay: Hu et al. 2024, MiniCPM (arXiv:2404.06395), 4.
 */
#ifndef HEED_TRAIN_SCHEDULE_H
#define HEED_TRAIN_SCHEDULE_H

#include <heed/train.h>

typedef enum heed_warmup {
    HEED_WARMUP_OPEN,   /* (s + 1) / (warmup + 1): neither 0 nor the full rate during the warm-up */
    HEED_WARMUP_TO_MAX, /* (s + 1) / warmup: its last step has the full rate */
    HEED_WARMUP_ZERO,   /* s / warmup: its first step has rate 0 */
} heed_warmup;

typedef struct heed_schedule {
    heed_train_schedule kind;
    double max, min;
    int64_t warmup, total;
    heed_warmup form;
    int64_t decay_steps; /* D; 0: as above */
    double factor;       /* of step */
} heed_schedule;

/** HEED_ERR_USAGE: an end that is above the beginning. */
heed_status heed_schedule_check(const heed_train_options *options, heed_error *err);
/** The one that a run has. */
heed_schedule heed_schedule_of(const heed_train_options *options);
double heed_schedule_rate(const heed_schedule *schedule, int64_t step);

#endif
