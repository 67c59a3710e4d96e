/* SPDX-License-Identifier: MIT */
/*
 * A line plot, from top to bottom: title, legend, the field with its grid, numbers, axis title.
 *
 * A series of more points than pixels is drawn by the first, lowest, highest and last point of each
 * pixel column, which gives the same picture. Where several looks meet, a sign now and then tells them apart in grey.
 */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "formats/axis.h"
#include "formats/canvas.h"
#include "formats/label.h"
#include "formats/marker.h"
#include "formats/picture.h"

#define DEFAULT_WIDTH   960
#define DEFAULT_HEIGHT  600
#define MIN_SIDE        120
#define TEXT            13.0
#define DASH            6.0
#define REFERENCE_WIDTH 1.3
#define SERIES_DASH     7.0
#define FEW_POINTS      40 /* a series up to this long also shows its points */
#define SIGNS_A_LINE    7  /* of a longer one, where there are several looks */

static const heed_colour INK = {51, 51, 51}, GREY = {105, 105, 105}, GRID = {229, 229, 229},
                         FRAME = {170, 170, 170};
static const heed_colour WHITE = {255, 255, 255};

/* The plot while it is drawn: the field in pixels and its two axes. */
typedef struct field {
    const heed_line_plot *plot;
    heed_canvas *canvas;
    heed_axis x, y;
    double left, top, width, height;
} field;

static double x_of(const heed_series *s, int64_t i)
{
    return s->x != NULL ? s->x[i] : (double)i;
}

static double place_x(const field *f, double value)
{
    return f->left + heed_axis_place(&f->x, value) * f->width;
}

static double place_y(const field *f, double value)
{
    return f->top + (1 - heed_axis_place(&f->y, value)) * f->height;
}

static void find_ranges(field *f)
{
    const heed_line_plot *plot = f->plot;

    f->x = heed_axis_empty(plot->log_x);
    f->y = heed_axis_empty(plot->log_y);
    for (int k = 0; k < plot->n_series; k++) {
        const heed_series *s = &plot->series[k];

        for (int64_t i = 0; i < s->n; i++) {
            heed_axis x = heed_axis_empty(plot->log_x), y = heed_axis_empty(plot->log_y);

            heed_axis_include(&x, x_of(s, i));
            heed_axis_include(&y, s->y[i]);
            if (heed_axis_used(&x) && heed_axis_used(&y)) { /* a gap widens neither axis */
                heed_axis_include(&f->x, x.low);
                heed_axis_include(&f->y, y.low);
            }
        }
    }
    for (int k = 0; k < plot->n_references; k++)
        heed_axis_include(&f->y, plot->references[k].y);
    heed_axis_finish(&f->x, 0.015);
    heed_axis_finish(&f->y, 0.05);
}

static void draw_titles(field *f, double bottom)
{
    const heed_text_style title = {.size = 17, .colour = INK, .bold = true};
    const heed_text_style across = {.size = TEXT, .align = HEED_ALIGN_CENTRE, .colour = INK};
    const heed_text_style upwards = {.size = TEXT, .align = HEED_ALIGN_CENTRE, .colour = INK, .upwards = true};
    char text[HEED_LABEL_SIZE];

    heed_canvas_text(f->canvas, f->left, 30, heed_label_text(text, f->plot->title), &title);
    heed_canvas_text(f->canvas, f->left + f->width / 2, bottom - 14, heed_label_text(text, f->plot->x_title),
                     &across);
    heed_canvas_text(f->canvas, 22, f->top + f->height / 2, heed_label_text(text, f->plot->y_title), &upwards);
}

static int look_of(const field *f, int k)
{
    return f->plot->series[k].look > 0 ? f->plot->series[k].look - 1 : k;
}

static heed_colour colour_of(const field *f, int k)
{
    return heed_colour_mix(heed_colour_series(look_of(f, k)), WHITE, f->plot->series[k].faint ? 0.62 : 0);
}

/* Does the look of series k need a sign? Not where nothing else is drawn as strongly. */
static bool has_sign(const field *f, int k)
{
    if (f->plot->series[k].faint)
        return false;
    for (int i = 0; i < f->plot->n_series; i++)
        if (!f->plot->series[i].faint && look_of(f, i) != look_of(f, k))
            return true;
    return false;
}

static double dash_of(const field *f, int k)
{
    return f->plot->series[k].dashed ? SERIES_DASH : 0;
}

/* Where the next entry of the legend goes. */
typedef struct legend {
    double x, y;
    bool any;
} legend;

/* One sample, with sign `look` unless that is -1, and its name; one that does not fit in the row begins another. */
static void add_to_legend(field *f, legend *at, const char *label, double width, double dash, int look,
                          heed_colour colour)
{
    const heed_text_style style = {.size = TEXT, .colour = INK};
    char text[HEED_LABEL_SIZE];

    if (label == NULL)
        return;
    heed_label_text(text, label);
    const double room = 30 + heed_canvas_text_width(f->canvas, text, &style) + 22;
    if (at->any && at->x + room > f->left + f->width) {
        at->x = f->left;
        at->y += 20;
    }
    const double sample[] = {at->x, at->y - 4.5, at->x + 24, at->y - 4.5};
    heed_canvas_line(f->canvas, sample, 2, width, dash, colour);
    if (look >= 0)
        heed_marker_draw(f->canvas, look, at->x + 12, at->y - 4.5, 3.5, colour);
    heed_canvas_text(f->canvas, at->x + 30, at->y, text, &style);
    at->x += room;
    at->any = true;
}

/* All names from y down; returns the y below them. */
static double draw_legend(field *f, double y)
{
    legend at = {.x = f->left, .y = y};

    for (int k = 0; k < f->plot->n_series; k++)
        add_to_legend(f, &at, f->plot->series[k].label, f->plot->series[k].faint ? 1.5 : 2.5, dash_of(f, k),
                      has_sign(f, k) ? look_of(f, k) : -1, colour_of(f, k));
    for (int k = 0; k < f->plot->n_references; k++)
        add_to_legend(f, &at, f->plot->references[k].label, REFERENCE_WIDTH, DASH, -1, INK);
    return at.any ? at.y + 14 : y - 12;
}

static void draw_grid(field *f, const heed_tick *x_ticks, int n_x, const heed_tick *y_ticks, int n_y)
{
    const heed_text_style below = {.size = TEXT - 1, .align = HEED_ALIGN_CENTRE, .colour = GREY};
    const heed_text_style beside = {.size = TEXT - 1, .align = HEED_ALIGN_RIGHT, .colour = GREY};
    const double right = f->left + f->width, bottom = f->top + f->height;

    for (int i = 0; i < n_x; i++) {
        const double x = place_x(f, x_ticks[i].value);
        const double line[] = {x, f->top, x, bottom};

        heed_canvas_line(f->canvas, line, 2, 1, 0, GRID);
        heed_canvas_text(f->canvas, x, bottom + 18, x_ticks[i].text, &below);
    }
    for (int i = 0; i < n_y; i++) {
        const double y = place_y(f, y_ticks[i].value);
        const double line[] = {f->left, y, right, y};

        heed_canvas_line(f->canvas, line, 2, 1, 0, GRID);
        heed_canvas_text(f->canvas, f->left - 8, y + 4.5, y_ticks[i].text, &beside);
    }
    heed_canvas_frame(f->canvas, f->left, f->top, f->width, f->height, FRAME);
}

static void draw_references(field *f)
{
    for (int k = 0; k < f->plot->n_references; k++) {
        const double y = place_y(f, f->plot->references[k].y);
        const double line[] = {f->left, y, f->left + f->width, y};

        if (!isnan(y))
            heed_canvas_line(f->canvas, line, 2, REFERENCE_WIDTH, DASH, INK);
    }
}

/* A run of points without a gap, being collected. */
typedef struct run {
    double *xy; /* room for 4 points a pixel column and one column more */
    int64_t n, capacity;
    double column;             /* the pixel column of the points in the next four */
    double first_x, low, high; /* of that column: y in pixels */
    double first, last, last_x;
    int64_t n_in_column;
} run;

static void put_point(run *r, double x, double y)
{
    if (r->n < r->capacity) {
        r->xy[2 * r->n] = x;
        r->xy[2 * r->n + 1] = y;
        r->n++;
    }
}

static void close_column(run *r)
{
    if (r->n_in_column > 0)
        put_point(r, r->first_x, r->first);
    if (r->n_in_column > 2) {
        put_point(r, r->first_x, r->low);
        put_point(r, r->first_x, r->high);
    }
    if (r->n_in_column > 1)
        put_point(r, r->last_x, r->last);
    r->n_in_column = 0;
}

static void add_point(run *r, double x, double y)
{
    if (r->n_in_column > 0 && floor(x) != r->column)
        close_column(r);
    if (r->n_in_column == 0) {
        r->column = floor(x);
        r->first_x = x;
        r->first = r->low = r->high = y;
    }
    r->low = fmin(r->low, y);
    r->high = fmax(r->high, y);
    r->last = y;
    r->last_x = x;
    r->n_in_column++;
}

/* A sign at the first point at or behind each of SIGNS_A_LINE places, other ones for each look. */
static void draw_signs(field *f, const run *r, int k)
{
    const double apart = f->width / SIGNS_A_LINE;
    double next = f->left + apart * (0.3 + 0.6 * fmod(0.618 * look_of(f, k), 1));

    for (int64_t i = 0; i < r->n; i++) {
        if (r->xy[2 * i] < next)
            continue;
        heed_marker_draw(f->canvas, look_of(f, k), r->xy[2 * i], r->xy[2 * i + 1], 4, colour_of(f, k));
        while (next <= r->xy[2 * i])
            next += apart;
    }
}

static void draw_run(field *f, run *r, int k, bool few)
{
    const bool faint = f->plot->series[k].faint;

    close_column(r);
    heed_canvas_line(f->canvas, r->xy, r->n, faint ? 1.1 : 2, dash_of(f, k), colour_of(f, k));
    for (int64_t i = 0; i < r->n && (few || r->n == 1); i++) {
        if (has_sign(f, k))
            heed_marker_draw(f->canvas, look_of(f, k), r->xy[2 * i], r->xy[2 * i + 1], 3.5, colour_of(f, k));
        else
            heed_canvas_dot(f->canvas, r->xy[2 * i], r->xy[2 * i + 1], faint ? 1.8 : 3, colour_of(f, k));
    }
    if (!few && has_sign(f, k))
        draw_signs(f, r, k);
    r->n = 0;
}

static bool draw_series(field *f, int k)
{
    const heed_series *s = &f->plot->series[k];
    const int64_t columns = (int64_t)f->width + 2;
    run r = {.capacity = 4 * (s->n < columns ? s->n + 1 : columns)};

    r.xy = malloc((size_t)r.capacity * 2 * sizeof *r.xy);
    if (r.xy == NULL)
        return false;
    for (int64_t i = 0; i < s->n; i++) {
        const double x = place_x(f, x_of(s, i)), y = place_y(f, s->y[i]);

        if (isnan(x) || isnan(y))
            draw_run(f, &r, k, s->n <= FEW_POINTS);
        else
            add_point(&r, x, y);
    }
    draw_run(f, &r, k, s->n <= FEW_POINTS);
    free(r.xy);
    return true;
}

/* Places the field between the titles and draws all but the series. */
static void draw_frame(field *f, int width, int height)
{
    const heed_text_style numbers = {.size = TEXT - 1, .align = HEED_ALIGN_RIGHT, .colour = GREY};
    const bool has_y_title = f->plot->y_title != NULL, has_x_title = f->plot->x_title != NULL;
    heed_tick x_ticks[HEED_AXIS_MAX_TICKS], y_ticks[HEED_AXIS_MAX_TICKS];
    const int n_x = heed_axis_ticks(&f->x, width / 110, x_ticks);
    const int n_y = heed_axis_ticks(&f->y, height / 75, y_ticks);
    double widest = 0;

    for (int i = 0; i < n_y; i++)
        widest = fmax(widest, heed_canvas_text_width(f->canvas, y_ticks[i].text, &numbers));
    f->left = widest + (has_y_title ? 48 : 24);
    f->width = fmax(width - f->left - 28, 10);
    f->top = draw_legend(f, f->plot->title != NULL ? 56 : 26);
    f->height = fmax(height - f->top - (has_x_title ? 58 : 36), 10);
    draw_titles(f, height);
    draw_grid(f, x_ticks, n_x, y_ticks, n_y);
}

heed_status heed_line_plot_write(const char *path, const heed_line_plot *plot, heed_error *err)
{
    const int width = plot->width != 0 ? plot->width : DEFAULT_WIDTH;
    const int height = plot->height != 0 ? plot->height : DEFAULT_HEIGHT;
    field f = {.plot = plot};
    heed_status status;

    if (width < MIN_SIDE || height < MIN_SIDE)
        return heed_fail(err, HEED_ERR_USAGE, "expected a plot of at least %d x %d pixels, got %d x %d",
                         MIN_SIDE, MIN_SIDE, width, height);
    status = heed_canvas_create(path, width, height, &f.canvas, err);
    if (status != HEED_OK)
        return status;
    find_ranges(&f);
    draw_frame(&f, width, height);
    for (int pass = 0; pass < 2 && status == HEED_OK; pass++) /* the faint ones first */
        for (int k = 0; k < plot->n_series && status == HEED_OK; k++)
            if (plot->series[k].faint == (pass == 0) && !draw_series(&f, k))
                status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory to draw a plot");
    draw_references(&f);
    if (status == HEED_OK)
        status = heed_canvas_write(f.canvas, err);
    heed_canvas_destroy(f.canvas);
    return status;
}
