/* SPDX-License-Identifier: MIT */
#include "formats/axis.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

heed_axis heed_axis_empty(bool log)
{
    return (heed_axis){.log = log, .low = INFINITY, .high = -INFINITY};
}

static bool has_place(const heed_axis *axis, double value)
{
    return isfinite(value) && (!axis->log || value > 0);
}

void heed_axis_include(heed_axis *axis, double value)
{
    if (!has_place(axis, value))
        return;
    axis->low = fmin(axis->low, value);
    axis->high = fmax(axis->high, value);
}

bool heed_axis_used(const heed_axis *axis)
{
    return axis->low <= axis->high;
}

void heed_axis_finish(heed_axis *axis, double margin)
{
    if (!heed_axis_used(axis)) {
        axis->low = axis->log ? 1 : 0;
        axis->high = axis->log ? 10 : 1;
    }
    if (axis->log) {
        if (axis->high <= axis->low * (1 + 1e-9)) { /* one number: half a decade to both sides */
            axis->low /= 3;
            axis->high *= 3;
        }
        const double factor = pow(axis->high / axis->low, margin);
        axis->low = fmax(axis->low / factor, DBL_MIN);
        axis->high = fmin(axis->high * factor, DBL_MAX);
        return;
    }
    /* Halves, so that the width of -DBL_MAX .. DBL_MAX is finite too. */
    const double middle = 0.5 * axis->low + 0.5 * axis->high;
    double half = 0.5 * axis->high - 0.5 * axis->low;
    if (half <= 1e-9 * fabs(middle) || half == 0)
        half = middle == 0 ? 1 : 0.1 * fabs(middle);
    half *= 1 + 2 * margin;
    axis->low = fmax(middle - half, -DBL_MAX / 4);
    axis->high = fmin(middle + half, DBL_MAX / 4);
}

double heed_axis_place(const heed_axis *axis, double value)
{
    if (!has_place(axis, value))
        return NAN;
    if (axis->log)
        return log(value / axis->low) / log(axis->high / axis->low);
    return (value - axis->low) / (axis->high - axis->low);
}

static void add_tick(heed_tick *ticks, int *n, double value, double step)
{
    const double size = fabs(value);
    const int decimals = step > 0 && step < 1 ? (int)ceil(-log10(step) - 1e-9) : 0;

    if (*n == HEED_AXIS_MAX_TICKS)
        return;
    ticks[*n].value = value;
    if (value == 0)
        snprintf(ticks[*n].text, sizeof ticks[*n].text, "%.*f", decimals > 2 ? 0 : decimals, value);
    else if (size >= 1e6 || (step < 1e-5 && size < 1e-2) || decimals > 8)
        snprintf(ticks[*n].text, sizeof ticks[*n].text, "%.4g", value);
    else
        snprintf(ticks[*n].text, sizeof ticks[*n].text, "%.*f", decimals, value);
    (*n)++;
}

/* Multiples of 1, 2 or 5 times a power of ten. */
static int linear_ticks(const heed_axis *axis, int wanted, heed_tick *ticks)
{
    const double width = axis->high - axis->low;
    const double power = pow(10, floor(log10(width / wanted)));
    const double ratio = width / wanted / power;
    const double step = power * (ratio > 7 ? 10 : ratio > 3.5 ? 5 : ratio > 1.4 ? 2 : 1);
    const double first = ceil(axis->low / step - 1e-9);
    int n = 0;

    for (int i = 0; i < HEED_AXIS_MAX_TICKS; i++) {
        const double value = (first + i) * step;

        if (value > axis->high + 1e-9 * width || !isfinite(value))
            break;
        add_tick(ticks, &n, value == 0 ? 0 : value, step); /* never -0 */
    }
    return n;
}

/* Powers of ten; with 2 and 5 between them when there are few decades, only some when there are many. */
static int log_ticks(const heed_axis *axis, int wanted, heed_tick *ticks)
{
    const int first = (int)floor(log10(axis->low)), last = (int)ceil(log10(axis->high));
    const int every = (last - first) / (wanted + 1) + 1;
    const bool between = last - first <= 3;
    int n = 0;

    for (int decade = first; decade <= last; decade += every) {
        for (int digit = 1; digit <= (between ? 5 : 1); digit += digit == 1 ? 1 : 3) { /* 1, 2, 5 */
            const double value = digit * pow(10, decade);

            if (value >= axis->low * (1 - 1e-9) && value <= axis->high * (1 + 1e-9))
                add_tick(ticks, &n, value, fmin(1, pow(10, decade)));
        }
    }
    return n;
}

int heed_axis_ticks(const heed_axis *axis, int wanted, heed_tick ticks[HEED_AXIS_MAX_TICKS])
{
    wanted = wanted < 2 ? 2 : wanted > 12 ? 12 : wanted;
    if (axis->log) {
        const int n = log_ticks(axis, wanted, ticks);
        if (n >= 3)
            return n;
    }
    return linear_ticks(axis, wanted, ticks);
}
