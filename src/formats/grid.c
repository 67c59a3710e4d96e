/* SPDX-License-Identifier: MIT */
#include "formats/grid.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "formats/label.h"

static heed_status find_scale(heed_grid_look *look, heed_error *err)
{
    const heed_grid *g = look->grid;
    const int n = g->n_rows * g->n_columns;
    double low = INFINITY, high = -INFINITY;

    look->low = g->low;
    look->high = g->high;
    if (g->low == 0 && g->high == 0) {
        for (int i = 0; i < n; i++) {
            low = isfinite(g->values[i]) ? fmin(low, g->values[i]) : low;
            high = isfinite(g->values[i]) ? fmax(high, g->values[i]) : high;
        }
        if (low > high) /* no number at all */
            low = high = 0;
        if (g->diverging)
            high = fmax(fabs(low), fabs(high));
        look->low = g->diverging ? -high : low;
        look->high = high > look->low ? high : look->low + 1;
    }
    if (!(look->low < look->high) || !isfinite(look->low) || !isfinite(look->high))
        return heed_fail(err, HEED_ERR_USAGE, "expected a colour scale that rises, got %g to %g", g->low,
                         g->high);
    return HEED_OK;
}

/* The power of a thousand that leaves the largest number between 0.1 and 1000, and decimals for three digits. */
static void find_unit(heed_grid_look *look)
{
    const heed_grid *g = look->grid;
    const int n = g->n_rows * g->n_columns;
    double largest = 0;
    bool whole = true;

    for (int i = 0; i < n; i++) {
        if (isfinite(g->values[i])) {
            largest = fmax(largest, fabs(g->values[i]));
            whole = whole && g->values[i] == floor(g->values[i]);
        }
    }
    look->unit = g->percent ? 0.01 : 1;
    if (!g->percent && largest > 0 && (largest < 0.1 || largest >= 9999.5))
        look->unit = pow(1000, floor(log10(largest) / 3 + 1e-12));
    largest /= look->unit;
    look->decimals = largest >= 99.95 || (g->percent && largest >= 9.95) ? 0 : largest >= 9.995 ? 1 : 2;
    if (whole && look->unit == 1)
        look->decimals = 0;
    if (g->percent)
        snprintf(look->note, sizeof look->note, "in %%");
    else if (look->unit != 1)
        snprintf(look->note, sizeof look->note, "in units of %g", look->unit);
}

heed_status heed_grid_look_at(const heed_grid *g, heed_grid_look *look, heed_error *err)
{
    char text[HEED_GRID_NUMBER];
    heed_status status;

    *look = (heed_grid_look){.grid = g};
    if (g->values == NULL || g->n_rows < 1 || g->n_columns < 1 || g->n_rows > 4096 || g->n_columns > 4096)
        return heed_fail(err, HEED_ERR_USAGE, "expected a grid of 1 to 4096 rows and columns, got %d x %d",
                         g->n_rows, g->n_columns);
    status = find_scale(look, err);
    find_unit(look);
    for (int i = 0; i < g->n_rows * g->n_columns; i++) {
        const int width = (int)strlen(heed_grid_number(look, g->values[i], text));
        look->width = width > look->width ? width : look->width;
    }
    return status;
}

double heed_grid_place(const heed_grid_look *look, double value)
{
    if (!isfinite(value))
        return NAN;
    if (!look->grid->diverging)
        return (value - look->low) / (look->high - look->low);
    const double middle = 0.5 * look->low + 0.5 * look->high;
    return (value - middle) / (look->high - middle);
}

heed_colour heed_grid_colour(const heed_grid_look *look, double place)
{
    return look->grid->diverging ? heed_colour_diverging(place) : heed_colour_ramp(place);
}

const char *heed_grid_number(const heed_grid_look *look, double value, char out[HEED_GRID_NUMBER])
{
    if (isnan(value))
        snprintf(out, HEED_GRID_NUMBER, "nan");
    else
        snprintf(out, HEED_GRID_NUMBER, "%.*f", look->decimals, value / look->unit);
    if (out[0] == '-' && strspn(out, "-0.") == strlen(out)) /* a small one that was rounded to -0.00 */
        memmove(out, out + 1, strlen(out));
    return out;
}

const char *heed_grid_label(const char *const *labels, int i, int max_chars, char *out, size_t size)
{
    char number[16];

    snprintf(number, sizeof number, "%d", i);
    return heed_label_cut(out, size, labels != NULL ? labels[i] : number, max_chars);
}
