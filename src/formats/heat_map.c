/* SPDX-License-Identifier: MIT */
/*
 * Heat maps: a grid of small matrices on one colour scale.
 *
 * Maps share their axes: tokens stand at the left of the first column and below the last row of the
 * grid, or positions where tokens are too many. A matrix with more cells than pixels shows the largest value of each pixel, so that a single
 * strong cell stays visible.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "formats/axis.h"
#include "formats/canvas.h"
#include "formats/heat_values.h"
#include "formats/label.h"
#include "formats/picture.h"

#define MIN_LABEL_CELL  6.0   /* pixels of a cell that can have a label */
#define MAX_LABEL_CHARS 12    /* characters of a token */
#define MAX_RECT_CELLS  30000 /* of all maps; beyond, a map is one image */
#define GRID_PIXELS     1800  /* the grid's width, about */
#define FEW_MAPS        4     /* so few may grow until tokens can be read, or have pixels at least */
#define LABELLED_CELL   9.0
#define FEW_PIXELS      2000
#define TITLE           16.0
#define CAPTION         12.0
#define CHAR_WIDTH      0.64 /* of a character, about, as a share of the size of the text */
#define GAP             14.0
#define MAP_TITLE       18.0

static const heed_colour INK = {51, 51, 51}, GREY = {105, 105, 105}, FRAME = {190, 190, 190},
                         EMPTY = {243, 243, 243};

/* Where everything lies, in pixels. A map is map_w x map_h, a cell map_w / n_cols wide. */
typedef struct layout {
    const heed_heat_maps *maps;
    heed_canvas *canvas;
    int n_across, n_down;
    int map_w, map_h;
    double left, top;
    double grid_w, grid_h;
    double low, high;
    bool row_labels, col_labels;
    double label_size;
    heed_colour ramp[256];
} layout;

/* Where a value stands on the ramp: 0 .. 1, when it is on the scale. */
static double place_of(const layout *l, double value)
{
    const double t = (value - l->low) / (l->high - l->low);

    return l->maps->root ? sqrt(fmax(t, 0)) : t;
}

static heed_colour colour_of(const layout *l, double value)
{
    const double t = place_of(l, value);

    if (isnan(value))
        return EMPTY;
    return isinf(value) ? HEED_HEAT_NOT_FINITE : l->ramp[t > 0 ? (t < 1 ? (int)(t * 255 + 0.5) : 255) : 0];
}

/* One rectangle a cell that is not empty. */
static void draw_cells(layout *l, const heed_heat_map *map, double x, double y)
{
    const heed_heat_maps *m = l->maps;
    const double w = (double)l->map_w / (double)m->n_cols, h = (double)l->map_h / (double)m->n_rows;

    heed_canvas_rect(l->canvas, x, y, l->map_w, l->map_h, EMPTY);
    for (int64_t i = 0; i < m->n_rows; i++)
        for (int64_t j = 0; j < m->n_cols; j++) {
            const double value = heed_heat_value(m, map, i, j);

            if (!isnan(value))
                heed_canvas_rect(l->canvas, x + w * (double)j, y + h * (double)i, w, h, colour_of(l, value));
        }
}

static bool draw_image(layout *l, const heed_heat_map *map, double x, double y)
{
    uint32_t *pixels = malloc((size_t)l->map_w * (size_t)l->map_h * sizeof *pixels);

    if (pixels == NULL)
        return false;
    for (int i = 0; i < l->map_h; i++)
        for (int j = 0; j < l->map_w; j++) {
            const heed_colour c = colour_of(l, heed_heat_sample(l->maps, map, i, j, l->map_h, l->map_w));

            pixels[i * l->map_w + j] = (uint32_t)c.r << 16 | (uint32_t)c.g << 8 | c.b;
        }
    heed_canvas_image(l->canvas, x, y, l->map_w, l->map_h, pixels);
    free(pixels);
    return true;
}

static double map_x(const layout *l, int k)
{
    return l->left + (k % l->n_across) * (l->map_w + GAP);
}

static double map_y(const layout *l, int k)
{
    return l->top + (k / l->n_across) * (l->map_h + MAP_TITLE + GAP) + MAP_TITLE;
}

/* Characters of the longest label as drawn. */
static int longest_label(const char *const *labels, int64_t n)
{
    char text[80];
    int longest = 0;

    for (int64_t i = 0; i < n; i++) {
        const int chars = heed_label_chars(heed_label_token(text, sizeof text, labels[i], MAX_LABEL_CHARS));

        longest = chars > longest ? chars : longest;
    }
    return longest;
}

static void draw_row_labels(layout *l, double y)
{
    const heed_text_style style = {.size = l->label_size, .align = HEED_ALIGN_RIGHT, .colour = INK};
    const double h = (double)l->map_h / (double)l->maps->n_rows;
    char text[80];

    for (int64_t i = 0; i < l->maps->n_rows; i++)
        heed_canvas_text(l->canvas, l->left - 5, y + h * ((double)i + 0.5) + 0.36 * style.size,
                         heed_label_token(text, sizeof text, l->maps->row_labels[i], MAX_LABEL_CHARS), &style);
}

static void draw_col_labels(layout *l, double x, double y)
{
    const bool upright = longest_label(l->maps->col_labels, l->maps->n_cols) <= 1;
    const heed_text_style style = {.size = l->label_size,
                                   .align = upright ? HEED_ALIGN_CENTRE : HEED_ALIGN_RIGHT,
                                   .colour = INK,
                                   .upwards = !upright};
    const double w = (double)l->map_w / (double)l->maps->n_cols;
    char text[80];

    for (int64_t j = 0; j < l->maps->n_cols; j++)
        heed_canvas_text(l->canvas, x + w * ((double)j + 0.5) + (upright ? 0 : 0.36 * style.size),
                         y + (upright ? style.size + 3 : 5),
                         heed_label_token(text, sizeof text, l->maps->col_labels[j], MAX_LABEL_CHARS), &style);
}

/* Round positions along an axis, for rows or columns without labels. Returns how many. */
static int positions_of(int64_t n, int pixels, heed_tick ticks[HEED_AXIS_MAX_TICKS])
{
    heed_axis axis = {.low = 0, .high = (double)n};

    return heed_axis_ticks(&axis, pixels / 60, ticks);
}

/* Middles of the cells at round positions. */
static void draw_positions(layout *l, double x, double y, bool rows)
{
    const heed_text_style style = {
        .size = 10, .align = rows ? HEED_ALIGN_RIGHT : HEED_ALIGN_CENTRE, .colour = GREY};
    const int64_t n = rows ? l->maps->n_rows : l->maps->n_cols;
    const int pixels = rows ? l->map_h : l->map_w;
    heed_tick ticks[HEED_AXIS_MAX_TICKS];
    char text[24];

    for (int i = positions_of(n, pixels, ticks) - 1; i >= 0; i--) {
        const double at = (ticks[i].value + 0.5) * pixels / (double)n;

        if (ticks[i].value >= (double)n || ticks[i].value != floor(ticks[i].value))
            continue;
        snprintf(text, sizeof text, "%.0f", ticks[i].value);
        heed_canvas_text(l->canvas, rows ? x - 5 : x + at, rows ? y + at + 4 : y + 14, text, &style);
    }
}

static bool draw_map(layout *l, int k)
{
    const heed_text_style title = {.size = 12, .colour = INK};
    const heed_heat_map *map = &l->maps->maps[k];
    const double x = map_x(l, k), y = map_y(l, k);
    const int64_t cells = l->maps->n_rows * l->maps->n_cols;
    char text[HEED_LABEL_SIZE];

    if (cells * l->maps->n_maps <= MAX_RECT_CELLS && l->map_w >= l->maps->n_cols && l->map_h >= l->maps->n_rows)
        draw_cells(l, map, x, y);
    else if (!draw_image(l, map, x, y))
        return false;
    heed_canvas_frame(l->canvas, x - 0.5, y - 0.5, l->map_w + 1, l->map_h + 1, FRAME);
    heed_canvas_text(l->canvas, x, y - 5, heed_label_text(text, map->title), &title);
    if (k % l->n_across == 0 && l->row_labels)
        draw_row_labels(l, y);
    else if (k % l->n_across == 0 && l->maps->row_labels != NULL)
        draw_positions(l, x, y, true);
    if (k + l->n_across >= l->maps->n_maps && l->col_labels)
        draw_col_labels(l, x, y + l->map_h);
    else if (k + l->n_across >= l->maps->n_maps && l->maps->col_labels != NULL)
        draw_positions(l, x, y + l->map_h, false);
    return true;
}

static void draw_scale(layout *l, double x, double y, double height)
{
    const heed_text_style style = {.size = 11, .colour = GREY};
    const int n = 128;
    heed_axis axis = heed_axis_empty(false);
    heed_tick ticks[HEED_AXIS_MAX_TICKS];

    for (int i = 0; i < n; i++)
        heed_canvas_rect(l->canvas, x, y + height * i / n, 14, height / n + 0.5, l->ramp[255 - 2 * i]);
    heed_canvas_frame(l->canvas, x - 0.5, y - 0.5, 15, height + 1, FRAME);
    heed_axis_include(&axis, l->low);
    heed_axis_include(&axis, l->high);
    heed_axis_finish(&axis, 0);
    for (int i = heed_axis_ticks(&axis, 5, ticks) - 1; i >= 0; i--)
        heed_canvas_text(l->canvas, x + 19, y + height * (1 - place_of(l, ticks[i].value)) + 4, ticks[i].text,
                         &style);
}

/* About the pixels that a line of text takes, with its margins. */
static double text_room(const char *text, double size)
{
    char shown[HEED_LABEL_SIZE];

    return 32 + CHAR_WIDTH * size * heed_label_chars(heed_label_text(shown, text));
}

/* Pixels that a map of `longest` cells a side may take. */
static double room_of_a_map(const layout *l, double longest)
{
    const double usual = fmin(fmax((double)GRID_PIXELS / l->n_across, 72), l->n_across == 1 ? 560 : 440);
    const double few = fmin(LABELLED_CELL * longest, (double)FEW_PIXELS / l->n_across);

    return l->maps->n_maps <= FEW_MAPS ? fmax(usual, few) : usual;
}

/* Sizes of maps, margins and the whole picture. */
static void lay_out(layout *l, int *width, int *height)
{
    const heed_heat_maps *m = l->maps;
    const int64_t longest = m->n_rows > m->n_cols ? m->n_rows : m->n_cols;
    const double room = room_of_a_map(l, (double)longest);
    const double cell = fmin(room / (double)longest, 28);

    /* whole pixels a cell where a cell has any */
    l->map_w = (int)fmax(
        cell >= 1 ? floor(cell) * (double)m->n_cols : room * (double)m->n_cols / (double)longest, 24);
    l->map_h = (int)fmax(
        cell >= 1 ? floor(cell) * (double)m->n_rows : room * (double)m->n_rows / (double)longest, 24);
    l->label_size = fmin(11, floor(cell) + 1);
    l->row_labels = m->row_labels != NULL && cell >= MIN_LABEL_CELL;
    l->col_labels = m->col_labels != NULL && cell >= MIN_LABEL_CELL;
    const double chars_left = l->row_labels           ? longest_label(m->row_labels, m->n_rows)
                              : m->row_labels != NULL ? 4
                                                      : 0;
    const double chars_below = l->col_labels ? longest_label(m->col_labels, m->n_cols) : 0;
    l->left = 20 + (m->row_title != NULL ? 20 : 0) + CHAR_WIDTH * l->label_size * chars_left + 6;
    l->top = m->title != NULL ? 46 : 16;
    l->grid_w = l->n_across * (l->map_w + GAP) - GAP;
    l->grid_h = l->n_down * (l->map_h + MAP_TITLE + GAP) - GAP;
    const double below = (chars_below <= 1 ? 2 : CHAR_WIDTH * chars_below) * l->label_size +
                         (m->col_title != NULL ? 22 : 0) + (m->caption != NULL ? 26 : 0) + 16;
    const double texts = fmax(text_room(m->title, TITLE), text_room(m->caption, CAPTION));
    *width = (int)ceil(fmax(l->left + l->grid_w + 76, fmin(texts, GRID_PIXELS)));
    *height = (int)ceil(l->top + l->grid_h + below);
}

static bool draw_all(layout *l, int height)
{
    const heed_heat_maps *m = l->maps;
    const heed_text_style title = {.size = TITLE, .colour = INK, .bold = true};
    const heed_text_style across = {.size = 12, .align = HEED_ALIGN_CENTRE, .colour = GREY};
    const heed_text_style upwards = {.size = 12, .align = HEED_ALIGN_CENTRE, .colour = GREY, .upwards = true};
    const heed_text_style caption = {.size = CAPTION, .colour = GREY};
    char text[HEED_LABEL_SIZE];

    for (int i = 0; i < 256; i++)
        l->ramp[i] = heed_colour_ramp(i / 255.0);
    for (int k = 0; k < m->n_maps; k++)
        if (!draw_map(l, k))
            return false;
    heed_canvas_text(l->canvas, 16, 28, heed_label_text(text, m->title), &title);
    heed_canvas_text(l->canvas, 22, l->top + l->grid_h / 2, heed_label_text(text, m->row_title), &upwards);
    heed_canvas_text(l->canvas, l->left + l->grid_w / 2, height - (m->caption != NULL ? 40 : 14),
                     heed_label_text(text, m->col_title), &across);
    heed_canvas_text(l->canvas, 16, height - 14, heed_label_text(text, m->caption), &caption);
    draw_scale(l, l->left + l->grid_w + 20, l->top + MAP_TITLE, fmin(l->grid_h - MAP_TITLE, 320));
    return true;
}

heed_status heed_heat_maps_write(const char *path, const heed_heat_maps *maps, heed_error *err)
{
    layout l = {.maps = maps};
    int width = 0, height = 0;
    heed_status status;

    status = heed_heat_check(maps, &l.low, &l.high, err);
    if (status != HEED_OK)
        return status;
    l.n_across = maps->n_across > 0 && maps->n_across < maps->n_maps ? maps->n_across : maps->n_maps;
    l.n_down = (maps->n_maps + l.n_across - 1) / l.n_across;
    lay_out(&l, &width, &height);
    status = heed_canvas_create(path, width, height, &l.canvas, err);
    if (status != HEED_OK)
        return status;
    if (draw_all(&l, height))
        status = heed_canvas_write(l.canvas, err);
    else
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory to draw heat maps");
    heed_canvas_destroy(l.canvas);
    return status;
}
