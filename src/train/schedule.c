/* SPDX-License-Identifier: MIT */
#include "train/schedule.h"

#include <math.h>

#include "base/error.h"

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

/* D of the header, at least 1. */
static int64_t decay_steps(const heed_schedule *schedule)
{
    const int64_t after = schedule->total > schedule->warmup ? schedule->total - schedule->warmup : 1;
    int64_t n = schedule->decay_steps;

    if (n <= 0)
        n = schedule->kind == HEED_SCHEDULE_STEP  ? (after + 2) / 3
            : schedule->kind == HEED_SCHEDULE_WSD ? schedule->total / 10
                                                  : after;
    if (schedule->kind == HEED_SCHEDULE_WSD && n > after)
        n = after;
    return n > 0 ? n : 1;
}

/* The line from max to min over so many steps: exactly these at its ends. */
static double line(const heed_schedule *schedule, int64_t steps, int64_t of)
{
    if (steps <= 0)
        return schedule->max;
    if (steps >= of)
        return schedule->min;
    return schedule->max + (schedule->min - schedule->max) * ((double)steps / (double)of);
}

double heed_schedule_rate(const heed_schedule *schedule, int64_t step)
{
    const double pi = 3.14159265358979323846, max = schedule->max, min = schedule->min;
    const int64_t D = decay_steps(schedule), after = step - schedule->warmup;

    if (step < schedule->warmup)
        return max * warm_up(schedule, (double)step);
    switch (schedule->kind) {
    case HEED_SCHEDULE_CONSTANT:
        return max;
    case HEED_SCHEDULE_COSINE:
        if (after >= D)
            return min;
        return min + (max - min) * (1.0 + cos(pi * ((double)after / (double)D))) / 2.0;
    case HEED_SCHEDULE_LINEAR:
        return line(schedule, after, D);
    case HEED_SCHEDULE_STEP:
        return fmax(min, max * pow(schedule->factor, (double)(after / D)));
    case HEED_SCHEDULE_WSD:
        return line(schedule, step - (schedule->total - D), D);
    }
    return max;
}

heed_status heed_schedule_check(const heed_train_options *o, heed_error *err)
{
    if (o->min_learning_rate > o->learning_rate)
        return heed_fail(err, HEED_ERR_USAGE, "min_learning_rate: expected at most learning_rate = %g, got %g",
                         o->learning_rate, o->min_learning_rate);
    return HEED_OK;
}

heed_schedule heed_schedule_of(const heed_train_options *o)
{
    const double least = o->schedule == HEED_SCHEDULE_STEP ? 0.0 : o->learning_rate / 10.0;

    return (heed_schedule){
        .kind = (heed_train_schedule)o->schedule,
        .max = o->learning_rate,
        .min = o->min_learning_rate < 0.0 ? least : o->min_learning_rate,
        .warmup = o->warmup_steps,
        .total = o->steps,
        .form = HEED_WARMUP_OPEN,
        .decay_steps = o->decay_steps,
        .factor = o->decay_factor,
    };
}
