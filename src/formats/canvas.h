/* SPDX-License-Identifier: MIT */
/*
 * A surface to draw on, kept as PNG, SVG or PDF. One drawing serves all: pixels and PDF are Cairo's, and SVG is
 * written here with real text, so that it can be searched and is the same on every run. A pixel is a point of PDF.
 *
 * Lengths are pixels from the upper left corner. Text is made safe by the caller (formats/label.h). A
 * failure is remembered and reported by heed_canvas_write().
 */
#ifndef HEED_FORMATS_CANVAS_H
#define HEED_FORMATS_CANVAS_H

#include <heed/status.h>
#include <stdbool.h>
#include <stdint.h>

#include "formats/colour.h"

typedef struct heed_canvas heed_canvas;

typedef enum heed_align { HEED_ALIGN_LEFT, HEED_ALIGN_CENTRE, HEED_ALIGN_RIGHT } heed_align;

typedef struct heed_text_style {
    double size;      /* pixels */
    heed_align align; /* what of the text lies at the given point */
    heed_colour colour;
    bool bold;
    bool upwards; /* turned by 90 degrees, read from below */
} heed_text_style;

/** A white canvas; path decides what it becomes. HEED_ERR_USAGE unless path ends in .png, .svg or .pdf. */
heed_status heed_canvas_create(const char *path, int width, int height, heed_canvas **canvas, heed_error *err);
void heed_canvas_destroy(heed_canvas *canvas);
/** Replaces the file at the path given to create. */
heed_status heed_canvas_write(heed_canvas *canvas, heed_error *err);

void heed_canvas_rect(heed_canvas *canvas, double x, double y, double w, double h, heed_colour colour);
void heed_canvas_frame(heed_canvas *canvas, double x, double y, double w, double h, heed_colour colour);
/** A line through n points xy[2 i], xy[2 i + 1]; dash is the length of dashes, 0 for a solid line. */
void heed_canvas_line(heed_canvas *canvas, const double *xy, int64_t n, double width, double dash,
                      heed_colour colour);
void heed_canvas_dot(heed_canvas *canvas, double x, double y, double radius, heed_colour colour);
/** One line of text whose baseline goes through (x, y). */
void heed_canvas_text(heed_canvas *canvas, double x, double y, const char *text, const heed_text_style *style);
double heed_canvas_text_width(heed_canvas *canvas, const char *text, const heed_text_style *style);
/** w x h pixels, 0x00RRGGBB each, row by row. */
void heed_canvas_image(heed_canvas *canvas, double x, double y, int w, int h, const uint32_t *pixels);

#endif
