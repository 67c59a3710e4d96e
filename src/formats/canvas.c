/* SPDX-License-Identifier: MIT */
#include "formats/canvas.h"

#include <cairo.h>
#ifdef CAIRO_HAS_PDF_SURFACE
#include <cairo-pdf.h>
#endif
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text_buffer.h"
#include "formats/base64.h"

#define FONT     "DejaVu Sans"
#define MAX_SIZE 16384 /* pixels a side */

struct heed_canvas {
    char *path;
    int width, height;
    bool is_svg, is_pdf;
    heed_text_buffer svg; /* the elements so far */
    heed_text_buffer pdf; /* the pages so far */
    cairo_surface_t *surface;
    cairo_t *cr; /* with SVG only to measure text */
};

static bool ends_in(const char *path, const char *ending)
{
    const size_t n = strlen(path), m = strlen(ending);

    return n > m && strcasecmp(path + n - m, ending) == 0;
}

static cairo_status_t append_bytes(void *out, const unsigned char *data, unsigned n)
{
    heed_text_buffer *buffer = out;

    heed_text_append(buffer, (const char *)data, n);
    return buffer->failed ? CAIRO_STATUS_NO_MEMORY : CAIRO_STATUS_SUCCESS;
}

static cairo_surface_t *make_surface(heed_canvas *canvas)
{
#ifdef CAIRO_HAS_PDF_SURFACE
    if (canvas->is_pdf) {
        cairo_surface_t *pdf = cairo_pdf_surface_create_for_stream(append_bytes, &canvas->pdf, canvas->width,
                                                                   canvas->height);
#if CAIRO_VERSION >= CAIRO_VERSION_ENCODE(1, 16, 0)
        /* Any day will do: equal drawings have equal bytes. */
        cairo_pdf_surface_set_metadata(pdf, CAIRO_PDF_METADATA_CREATE_DATE, "2000-01-01T00:00:00Z");
#endif
        return pdf;
    }
#endif
    return cairo_image_surface_create(CAIRO_FORMAT_RGB24, canvas->is_svg ? 1 : canvas->width,
                                      canvas->is_svg ? 1 : canvas->height);
}

heed_status heed_canvas_create(const char *path, int width, int height, heed_canvas **out, heed_error *err)
{
    char shown[224];
    heed_canvas *canvas;

    *out = NULL;
    heed_quote(shown, sizeof shown, path, strlen(path));
    if (!ends_in(path, ".png") && !ends_in(path, ".svg") && !ends_in(path, ".pdf"))
        return heed_fail(err, HEED_ERR_USAGE, "%s: expected a name that ends in .png, .svg or .pdf", shown);
#ifndef CAIRO_HAS_PDF_SURFACE
    if (ends_in(path, ".pdf"))
        return heed_fail(err, HEED_ERR_USAGE, "%s: this Cairo writes no PDF; expected .png or .svg", shown);
#endif
    if (width < 1 || height < 1 || width > MAX_SIZE || height > MAX_SIZE)
        return heed_fail(err, HEED_ERR_USAGE, "%s: expected a picture of 1 to %d pixels a side, got %d x %d",
                         shown, MAX_SIZE, width, height);
    canvas = calloc(1, sizeof *canvas);
    if (canvas == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "%s: not enough memory for a picture", shown);
    canvas->path = strdup(path);
    canvas->width = width;
    canvas->height = height;
    canvas->is_svg = ends_in(path, ".svg");
    canvas->is_pdf = ends_in(path, ".pdf");
    canvas->surface = make_surface(canvas);
    canvas->cr = cairo_create(canvas->surface);
    if (canvas->path == NULL || cairo_status(canvas->cr) != CAIRO_STATUS_SUCCESS) {
        heed_canvas_destroy(canvas);
        return heed_fail(err, HEED_ERR_MEMORY, "%s: not enough memory for a picture of %d x %d", shown, width,
                         height);
    }
    /* Widths that do not depend on the screen's settings. */
    cairo_font_options_t *options = cairo_font_options_create();
    cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
    cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
    cairo_set_font_options(canvas->cr, options);
    cairo_font_options_destroy(options);
    heed_canvas_rect(canvas, 0, 0, width, height, (heed_colour){255, 255, 255});
    *out = canvas;
    return HEED_OK;
}

void heed_canvas_destroy(heed_canvas *canvas)
{
    if (canvas == NULL)
        return;
    cairo_destroy(canvas->cr);
    cairo_surface_destroy(canvas->surface);
    heed_text_free(&canvas->svg);
    heed_text_free(&canvas->pdf);
    free(canvas->path);
    free(canvas);
}

heed_status heed_canvas_write(heed_canvas *canvas, heed_error *err)
{
    heed_text_buffer out = {0};
    cairo_status_t fault = cairo_status(canvas->cr);
    heed_status status;

    if (canvas->is_svg) {
        heed_text_printf(
            &out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" "
            "width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" font-family=\"'" FONT "', sans-serif\">\n"
            "<style>rect { shape-rendering: crispEdges }</style>\n", /* neighbours touch without a seam */
            canvas->width, canvas->height, canvas->width, canvas->height);
        if (canvas->svg.data != NULL)
            heed_text_append(&out, canvas->svg.data, canvas->svg.size);
        heed_text_puts(&out, "</svg>\n");
    } else if (canvas->is_pdf) {
        cairo_surface_finish(canvas->surface);
        fault = cairo_surface_status(canvas->surface);
    } else if (fault == CAIRO_STATUS_SUCCESS) {
        fault = cairo_surface_write_to_png_stream(canvas->surface, append_bytes, &out);
    }
    if (fault != CAIRO_STATUS_SUCCESS && fault != CAIRO_STATUS_NO_MEMORY)
        status = heed_fail(err, HEED_ERR_INTERNAL, "a picture cannot be drawn: %s",
                           cairo_status_to_string(fault));
    else if (fault != CAIRO_STATUS_SUCCESS || out.failed || canvas->svg.failed || canvas->pdf.failed)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory to write a picture");
    else
        status = heed_file_write(canvas->path,
                                 canvas->is_pdf ? &(heed_bytes){canvas->pdf.data, canvas->pdf.size}
                                                : &(heed_bytes){out.data, out.size},
                                 1, err);
    heed_text_free(&out);
    return status;
}

static void set_colour(heed_canvas *canvas, heed_colour c)
{
    cairo_set_source_rgb(canvas->cr, c.r / 255.0, c.g / 255.0, c.b / 255.0);
}

/* A length with two decimals, with a point in every locale. */
static void put_number(heed_canvas *canvas, const char *before, double value)
{
    const long long hundredths = llround(fmin(fmax(value, -1e6), 1e6) * 100);
    const long long size = llabs(hundredths);

    heed_text_printf(&canvas->svg, "%s%s%lld", before, hundredths < 0 ? "-" : "", size / 100);
    if (size % 100 != 0)
        heed_text_printf(&canvas->svg, ".%02lld", size % 100);
}

static void put_colour(heed_canvas *canvas, const char *name, heed_colour c)
{
    heed_text_printf(&canvas->svg, "\" %s=\"#%02x%02x%02x\"", name, c.r, c.g, c.b);
}

static void put_box(heed_canvas *canvas, double x, double y, double w, double h)
{
    put_number(canvas, "<rect x=\"", x);
    put_number(canvas, "\" y=\"", y);
    put_number(canvas, "\" width=\"", w);
    put_number(canvas, "\" height=\"", h);
}

void heed_canvas_rect(heed_canvas *canvas, double x, double y, double w, double h, heed_colour colour)
{
    if (canvas->is_svg) {
        put_box(canvas, x, y, w, h);
        put_colour(canvas, "fill", colour);
        heed_text_puts(&canvas->svg, "/>\n");
        return;
    }
    set_colour(canvas, colour);
    cairo_set_antialias(canvas->cr, CAIRO_ANTIALIAS_NONE); /* neighbours touch without a seam */
    cairo_rectangle(canvas->cr, x, y, w, h);
    cairo_fill(canvas->cr);
    cairo_set_antialias(canvas->cr, CAIRO_ANTIALIAS_DEFAULT);
}

void heed_canvas_frame(heed_canvas *canvas, double x, double y, double w, double h, heed_colour colour)
{
    const double xy[] = {x, y, x + w, y, x + w, y + h, x, y + h, x, y};

    heed_canvas_line(canvas, xy, 5, 1, 0, colour);
}

void heed_canvas_line(heed_canvas *canvas, const double *xy, int64_t n, double width, double dash,
                      heed_colour colour)
{
    if (n < 2)
        return;
    if (canvas->is_svg) {
        heed_text_puts(&canvas->svg, "<polyline points=\"");
        for (int64_t i = 0; i < n; i++) {
            put_number(canvas, i > 0 ? " " : "", xy[2 * i]);
            put_number(canvas, ",", xy[2 * i + 1]);
        }
        put_colour(canvas, "stroke", colour);
        put_number(canvas, " stroke-width=\"", width);
        if (dash > 0)
            put_number(canvas, "\" stroke-dasharray=\"", dash);
        heed_text_puts(&canvas->svg, "\" fill=\"none\" stroke-linejoin=\"round\"/>\n");
        return;
    }
    set_colour(canvas, colour);
    cairo_set_line_width(canvas->cr, width);
    cairo_set_line_join(canvas->cr, CAIRO_LINE_JOIN_ROUND);
    cairo_set_dash(canvas->cr, &dash, dash > 0 ? 1 : 0, 0);
    cairo_move_to(canvas->cr, xy[0], xy[1]);
    for (int64_t i = 1; i < n; i++)
        cairo_line_to(canvas->cr, xy[2 * i], xy[2 * i + 1]);
    cairo_stroke(canvas->cr);
}

void heed_canvas_dot(heed_canvas *canvas, double x, double y, double radius, heed_colour colour)
{
    if (canvas->is_svg) {
        put_number(canvas, "<circle cx=\"", x);
        put_number(canvas, "\" cy=\"", y);
        put_number(canvas, "\" r=\"", radius);
        put_colour(canvas, "fill", colour);
        heed_text_puts(&canvas->svg, "/>\n");
        return;
    }
    set_colour(canvas, colour);
    cairo_new_sub_path(canvas->cr);
    cairo_arc(canvas->cr, x, y, radius, 0, 2 * 3.14159265358979323846);
    cairo_fill(canvas->cr);
}

static void put_escaped(heed_canvas *canvas, const char *text)
{
    for (; *text != '\0'; text++) {
        const char *escaped = *text == '<' ? "&lt;" : *text == '>' ? "&gt;" : *text == '&' ? "&amp;" : NULL;

        if (escaped != NULL)
            heed_text_puts(&canvas->svg, escaped);
        else
            heed_text_append(&canvas->svg, text, 1);
    }
}

static void select_font(heed_canvas *canvas, const heed_text_style *style)
{
    cairo_select_font_face(canvas->cr, FONT, CAIRO_FONT_SLANT_NORMAL,
                           style->bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(canvas->cr, style->size);
}

double heed_canvas_text_width(heed_canvas *canvas, const char *text, const heed_text_style *style)
{
    cairo_text_extents_t extents;

    select_font(canvas, style);
    cairo_text_extents(canvas->cr, text, &extents);
    return extents.x_advance;
}

void heed_canvas_text(heed_canvas *canvas, double x, double y, const char *text, const heed_text_style *style)
{
    static const char *const anchors[] = {"start", "middle", "end"};
    static const double shares[] = {0, 0.5, 1};

    if (text[0] == '\0')
        return;
    if (canvas->is_svg) {
        put_number(canvas, "<text x=\"", x);
        put_number(canvas, "\" y=\"", y);
        put_number(canvas, "\" font-size=\"", style->size);
        put_colour(canvas, "fill", style->colour);
        heed_text_printf(&canvas->svg, " text-anchor=\"%s\"%s", anchors[style->align],
                         style->bold ? " font-weight=\"bold\"" : "");
        if (style->upwards) {
            put_number(canvas, " transform=\"rotate(-90 ", x);
            put_number(canvas, " ", y);
            heed_text_puts(&canvas->svg, ")\"");
        }
        heed_text_puts(&canvas->svg, ">");
        put_escaped(canvas, text);
        heed_text_puts(&canvas->svg, "</text>\n");
        return;
    }
    const double width = heed_canvas_text_width(canvas, text, style);
    set_colour(canvas, style->colour);
    cairo_save(canvas->cr);
    cairo_translate(canvas->cr, x, y);
    if (style->upwards)
        cairo_rotate(canvas->cr, -3.14159265358979323846 / 2);
    cairo_move_to(canvas->cr, -width * shares[style->align], 0);
    cairo_show_text(canvas->cr, text);
    cairo_restore(canvas->cr);
}

void heed_canvas_image(heed_canvas *canvas, double x, double y, int w, int h, const uint32_t *pixels)
{
    heed_text_buffer png = {0};
    cairo_surface_t *image = cairo_image_surface_create(CAIRO_FORMAT_RGB24, w, h);

    if (cairo_surface_status(image) == CAIRO_STATUS_SUCCESS) {
        unsigned char *rows = cairo_image_surface_get_data(image);
        const size_t stride = (size_t)cairo_image_surface_get_stride(image);

        cairo_surface_flush(image);
        for (int i = 0; i < h; i++)
            memcpy(rows + (size_t)i * stride, pixels + (size_t)i * (size_t)w, (size_t)w * sizeof *pixels);
        cairo_surface_mark_dirty(image);
    }
    if (canvas->is_svg) {
        if (cairo_surface_write_to_png_stream(image, append_bytes, &png) != CAIRO_STATUS_SUCCESS)
            canvas->svg.failed = true;
        put_number(canvas, "<image x=\"", x);
        put_number(canvas, "\" y=\"", y);
        heed_text_printf(&canvas->svg, "\" width=\"%d\" height=\"%d\" href=\"data:image/png;base64,", w, h);
        heed_base64_put(&canvas->svg, png.data, png.size);
        heed_text_puts(&canvas->svg, "\"/>\n");
    } else {
        cairo_set_source_surface(canvas->cr, image, x, y);
        cairo_paint(canvas->cr);
    }
    heed_text_free(&png);
    cairo_surface_destroy(image);
}
