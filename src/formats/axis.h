/* SPDX-License-Identifier: MIT */
/*
 * One axis of a plot: the range of its numbers, where a number lies in it, and where the ticks go.
 *
 *     heed_axis y = heed_axis_empty(false);
 *     for (i = 0; i < n; i++)
 *         heed_axis_include(&y, loss[i]);
 *     heed_axis_finish(&y, 0.05);
 *     n_ticks = heed_axis_ticks(&y, 6, ticks);
 *     height = heed_axis_place(&y, loss[i]) * plot_height;
 */
#ifndef HEED_FORMATS_AXIS_H
#define HEED_FORMATS_AXIS_H

#include <stdbool.h>
#include <stddef.h>

#define HEED_AXIS_MAX_TICKS 24

typedef struct heed_axis {
    bool log;         /* base 10; numbers of 0 or less have no place */
    double low, high; /* low < high once finished */
} heed_axis;

typedef struct heed_tick {
    double value;
    char text[24];
} heed_tick;

heed_axis heed_axis_empty(bool log);
/** Widens the range; what has no place on the axis (NaN, infinities, 0 or less on a log axis) is ignored. */
void heed_axis_include(heed_axis *axis, double value);
/** True when a number has been included. */
bool heed_axis_used(const heed_axis *axis);
/** Makes the range one with a width, and widens it by `margin` of its width on both sides. */
void heed_axis_finish(heed_axis *axis, double margin);
/** 0 at low, 1 at high; NaN for what has no place. */
double heed_axis_place(const heed_axis *axis, double value);
/** Round numbers inside the range, about `wanted` (2 .. 12) of them, rising. Returns how many. */
int heed_axis_ticks(const heed_axis *axis, int wanted, heed_tick ticks[HEED_AXIS_MAX_TICKS]);

#endif
