/* SPDX-License-Identifier: MIT */
/*
 * Pictures of numbers, as PNG, SVG or PDF by the ending of the file's name. Equal input gives equal bytes.
 *
 *     heed_series curve = {.label = "train loss", .x = steps, .y = losses, .n = n};
 *     heed_reference floor = {.y = 1.21, .label = "entropy of the corpus"};
 *     heed_line_plot plot = {.title = "Loss", .x_title = "step", .y_title = "nats per token",
 *                            .series = &curve, .n_series = 1, .references = &floor, .n_references = 1};
 *     status = heed_line_plot_write("loss.png", &plot, err);
 *
 * Texts may hold anything: control characters and broken UTF-8 are shown as \xNN. NULL is no text.
 * HEED_ERR_USAGE for another ending or sizes that cannot be drawn, HEED_ERR_FILE when writing fails.
 */
#ifndef HEED_FORMATS_PICTURE_H
#define HEED_FORMATS_PICTURE_H

#include <heed/status.h>
#include <stdbool.h>
#include <stdint.h>

/* One line. A NaN or infinite number, or one of 0 or less on a log axis, is a gap. */
typedef struct heed_series {
    const char *label; /* in the legend; NULL: not there */
    const double *x;   /* rising; NULL: 0, 1, 2, ... */
    const double *y;
    int64_t n;
    bool faint;  /* drawn pale and thin, below the others: raw numbers under their average */
    bool dashed; /* the other curve of a pair that shares its look */
    int look;    /* colour and sign, from 1 on; 0: those of its place in the list */
} heed_series;

/* A dashed horizontal line. */
typedef struct heed_reference {
    double y;
    const char *label;
} heed_reference;

typedef struct heed_line_plot {
    const char *title, *x_title, *y_title;
    const heed_series *series;
    int n_series;
    const heed_reference *references;
    int n_references;
    bool log_x, log_y;
    int width, height; /* pixels; 0: 960 and 600 */
} heed_line_plot;

heed_status heed_line_plot_write(const char *path, const heed_line_plot *plot, heed_error *err);

/* One matrix, such as the attention pattern of a head: row i is a query, column j a key. */
typedef struct heed_heat_map {
    const char *title;   /* "L0 H1" */
    const float *values; /* [n_rows, n_cols]; one that is not finite has a colour of its own */
    int64_t row_stride;  /* floats from row to row; 0: n_cols */
    const float *before; /* [n_rows] what lies left of a window's first column, for a terminal; NULL: nothing */
} heed_heat_map;

/* A grid of matrices of one size on one scale: layers downwards, heads to the right. */
typedef struct heed_heat_maps {
    const char *title, *caption;
    const heed_heat_map *maps;
    int n_maps;
    int n_across; /* maps in a row of the grid; 0: all */
    int64_t n_rows, n_cols;
    const char *const *row_labels; /* a token a row; NULL: none. Positions stand where they are too many. */
    const char *const *col_labels;
    const char *row_title, *col_title; /* "query", "key" */
    float low, high;                   /* the scale; both 0: 0 .. 1 */
    bool root;   /* colours go with the square root of the place on the scale: small ones are told apart */
    bool causal; /* what lies above the diagonal is empty, not 0 */
} heed_heat_maps;

heed_status heed_heat_maps_write(const char *path, const heed_heat_maps *maps, heed_error *err);

#endif
