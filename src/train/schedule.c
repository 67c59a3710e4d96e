/* SPDX-License-Identifier: MIT */
#include "train/schedule.h"

#include <math.h>

static double warm_up(const heed_schedule *schedule, double step)
{
    const double warmup = (double)schedule->warmup;

    switch (schedule->form) {
    case HEED_WARMUP_OPEN:
        return (step + 1.0) / (warmup + 1.0);
    case HEED_WARMUP_TO_MAX:
        return (step + 1.0) / warmup;
    case HEED_WARMUP_ZERO:
        return step / warmup;
    }
    return 1.0;
}

double heed_schedule_rate(const heed_schedule *schedule, int64_t step)
{
    const double pi = 3.14159265358979323846;
    double part;

    if (step < schedule->warmup)
        return schedule->max * warm_up(schedule, (double)step);
    if (step >= schedule->total)
        return schedule->min;
    part = (double)(step - schedule->warmup) / (double)(schedule->total - schedule->warmup);
    return schedule->min + (schedule->max - schedule->min) * (1.0 + cos(pi * part)) / 2.0;
}
