/* SPDX-License-Identifier: MIT */
/* What grids as text and as pictures share: the scale of the colours, and numbers of one look. */
#ifndef HEED_FORMATS_GRID_H
#define HEED_FORMATS_GRID_H

#include <heed/grid.h>

#include "formats/colour.h"

#define HEED_GRID_NUMBER 24 /* bytes of a number as text, with its zero */

typedef struct heed_grid_look {
    const heed_grid *grid;
    double low, high; /* of the colours; low < high */
    double unit;      /* a value is shown as so many units */
    int decimals;
    int width;     /* characters of the longest number */
    char note[64]; /* "in units of 0.001", "in %"; empty: numbers are as they are */
} heed_grid_look;

/** HEED_ERR_USAGE: a grid that cannot be drawn. */
heed_status heed_grid_look_at(const heed_grid *grid, heed_grid_look *look, heed_error *err);
/** Where a value stands on the scale: 0 .. 1, or -1 .. 1 when diverging; not clamped; NaN for what is not finite. */
double heed_grid_place(const heed_grid_look *look, double value);
heed_colour heed_grid_colour(const heed_grid_look *look, double place);
/** A value in its unit, as text; returns out. */
const char *heed_grid_number(const heed_grid_look *look, double value, char out[HEED_GRID_NUMBER]);
/** The label of row or column i, its number where labels is NULL; safe, at most max_chars wide. Returns out. */
const char *heed_grid_label(const char *const *labels, int i, int max_chars, char *out, size_t size);

#endif
