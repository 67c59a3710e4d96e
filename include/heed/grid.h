/* SPDX-License-Identifier: MIT */
/**
 * A small table of numbers that is read at a glance: a value for every layer and head, each on its colour, as text for a
 * terminal or as a picture.
 *
 *     heed_grid grid = {.title = "Loss without this head", .values = change, .n_rows = n_layers, .n_columns = n_heads,
 *                       .row_name = "layer", .column_name = "head", .diverging = true};
 *     char *text = NULL;
 *     if (heed_grid_text(&grid, 80, HEED_PALETTE_NONE, &text, &err) == HEED_OK)
 *         fputs(text, stdout);
 *     free(text);
 *     status = heed_grid_picture(&grid, "change.svg", &err);
 */
#ifndef HEED_GRID_H
#define HEED_GRID_H

#include <heed/inspect.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct heed_grid {
    const char *title, *caption; /* NULL: none. The caption stands below */
    const double
        *values; /* [n_rows, n_columns]; a number that is not finite is shown as such, without a colour */
    int n_rows, n_columns;
    const char *row_name, *column_name;                   /* "layer", "head"; NULL: none */
    const char *const *row_labels, *const *column_labels; /* NULL: 0, 1, 2, ... */
    /*
     * The scale of the colours. Both 0: from the smallest to the largest value, or, diverging, as far below 0 as above.
     * What lies outside has the colour of the end.
     */
    double low, high;
    bool
        diverging; /* 0 is pale, what is below gets bluer, what is above redder; with a scale, around its middle */
    bool percent; /* values are shares, and 0.25 is shown as 25, with a note */
} heed_grid;

/**
 * The grid in at most so many columns (40 and more). Numbers have up to three digits that count, by the largest of them; a
 * unit such as 0.001 is said above. Columns that do not fit beside the others come below them. *out is allocated, free() it.
 * HEED_ERR_USAGE: no cell, or a scale that does not rise; HEED_ERR_MEMORY.
 */
HEED_API heed_status heed_grid_text(const heed_grid *grid, int columns, heed_palette palette, char **out,
                                    heed_error *err);
/** The same as a PNG, SVG or PDF by the ending of path; numbers stand in the cells where there is room. HEED_ERR_FILE. */
HEED_API heed_status heed_grid_picture(const heed_grid *grid, const char *path, heed_error *err);

#ifdef __cplusplus
}
#endif
#endif
