/* SPDX-License-Identifier: MIT */
/* A grid as a picture: a rectangle a value, with its number where it fits, labels at the left and above, a scale. */
#include <math.h>
#include <stdio.h>

#include "formats/axis.h"
#include "formats/canvas.h"
#include "formats/grid.h"
#include "formats/label.h"

#define MAX_LABEL  16   /* characters */
#define CHAR_WIDTH 0.64 /* of a character, about, as a share of the size of the text */
#define NUMBER     11.0 /* sizes of texts */
#define NAME       12.0
#define TITLE      16.0
#define MOST_SIDE  3200 /* pixels of all cells; beyond, cells shrink */

static const heed_colour INK = {51, 51, 51}, GREY = {105, 105, 105}, FRAME = {190, 190, 190},
                         EMPTY = {243, 243, 243}, BLACK = {0, 0, 0}, WHITE = {255, 255, 255};

/* Lengths in pixels. */
typedef struct layout {
    heed_grid_look look;
    heed_canvas *canvas;
    double cell_w, cell_h;
    double left, top; /* of the cells */
    bool numbers;
    int label_every_row, label_every_column; /* 1: each has its label */
} layout;

static double widest_label(const char *const *labels, int n)
{
    char text[HEED_LABEL_SIZE];
    int widest = 0;

    for (int i = 0; i < n; i++) {
        const int chars = heed_label_chars(heed_grid_label(labels, i, MAX_LABEL, text, sizeof text));
        widest = chars > widest ? chars : widest;
    }
    return CHAR_WIDTH * NUMBER * widest;
}

static void lay_out(layout *l, int *width, int *height)
{
    const heed_grid *g = l->look.grid;
    const double across = widest_label(g->column_labels, g->n_columns);
    const double wanted = fmax(fmax(CHAR_WIDTH * NUMBER * l->look.width, across) + 12, 34);
    const double titled = g->title != NULL || l->look.note[0] != '\0' ? 46 : 16;
    char text[HEED_LABEL_SIZE];

    l->cell_w = fmax(2, fmin(wanted, floor(MOST_SIDE / (double)g->n_columns)));
    l->cell_h = fmax(2, fmin(26, floor(MOST_SIDE / (double)g->n_rows)));
    l->numbers = l->cell_w >= wanted && l->cell_h >= 16;
    l->label_every_column = (int)ceil((across + 8) / l->cell_w);
    l->label_every_row = (int)ceil(14 / l->cell_h);
    l->left = 16 + (g->row_name != NULL ? 20 : 0) + widest_label(g->row_labels, g->n_rows) + 8;
    l->top = titled + (g->column_name != NULL ? 20 : 0) + 18;
    const double texts = fmax(CHAR_WIDTH * TITLE * (heed_label_chars(heed_label_text(text, g->title)) + 20),
                              CHAR_WIDTH * NAME * heed_label_chars(heed_label_text(text, g->caption)));
    *width = (int)ceil(fmax(l->left + l->cell_w * g->n_columns + 86, fmin(32 + texts, 1200)));
    *height = (int)ceil(fmax(l->top + l->cell_h * g->n_rows, l->top + 100) + (g->caption != NULL ? 40 : 16));
}

static void draw_cell(layout *l, int i, int j)
{
    const heed_grid *g = l->look.grid;
    const double value = g->values[(size_t)i * (size_t)g->n_columns + (size_t)j];
    const double place = heed_grid_place(&l->look, value);
    const heed_colour fill = isnan(place) ? EMPTY : heed_grid_colour(&l->look, place);
    const heed_text_style style = {
        .size = NUMBER, .align = HEED_ALIGN_CENTRE, .colour = heed_colour_is_light(fill) ? BLACK : WHITE};
    const double x = l->left + l->cell_w * j, y = l->top + l->cell_h * i;
    char text[HEED_GRID_NUMBER];

    heed_canvas_rect(l->canvas, x, y, l->cell_w, l->cell_h, fill);
    if (l->numbers)
        heed_canvas_text(l->canvas, x + l->cell_w / 2, y + l->cell_h / 2 + 0.36 * NUMBER,
                         heed_grid_number(&l->look, value, text), &style);
}

static void draw_labels(layout *l)
{
    const heed_grid *g = l->look.grid;
    const heed_text_style row = {.size = NUMBER, .align = HEED_ALIGN_RIGHT, .colour = INK};
    const heed_text_style column = {.size = NUMBER, .align = HEED_ALIGN_CENTRE, .colour = INK};
    const heed_text_style name = {.size = NAME, .align = HEED_ALIGN_CENTRE, .colour = GREY};
    const heed_text_style upwards = {.size = NAME, .align = HEED_ALIGN_CENTRE, .colour = GREY, .upwards = true};
    char text[HEED_LABEL_SIZE];

    for (int i = 0; i < g->n_rows; i += l->label_every_row)
        heed_canvas_text(l->canvas, l->left - 6, l->top + l->cell_h * (i + 0.5) + 0.36 * NUMBER,
                         heed_grid_label(g->row_labels, i, MAX_LABEL, text, sizeof text), &row);
    for (int j = 0; j < g->n_columns; j += l->label_every_column)
        heed_canvas_text(l->canvas, l->left + l->cell_w * (j + 0.5), l->top - 6,
                         heed_grid_label(g->column_labels, j, MAX_LABEL, text, sizeof text), &column);
    heed_canvas_text(l->canvas, l->left + l->cell_w * g->n_columns / 2, l->top - 24,
                     heed_label_text(text, g->column_name), &name);
    heed_canvas_text(l->canvas, 24, l->top + l->cell_h * g->n_rows / 2, heed_label_text(text, g->row_name),
                     &upwards);
}

static void draw_scale(layout *l, double x, double y, double height)
{
    const heed_text_style style = {.size = NUMBER, .colour = GREY};
    const int n = 64;
    heed_axis axis = heed_axis_empty(false);
    heed_tick ticks[HEED_AXIS_MAX_TICKS];

    for (int i = 0; i < n; i++) {
        const double share = 1 - (i + 0.5) / n;
        heed_canvas_rect(l->canvas, x, y + height * i / n, 14, height / n + 0.5,
                         heed_grid_colour(&l->look, l->look.grid->diverging ? 2 * share - 1 : share));
    }
    heed_canvas_frame(l->canvas, x - 0.5, y - 0.5, 15, height + 1, FRAME);
    heed_axis_include(&axis, l->look.low / l->look.unit);
    heed_axis_include(&axis, l->look.high / l->look.unit);
    heed_axis_finish(&axis, 0);
    for (int i = heed_axis_ticks(&axis, 4, ticks) - 1; i >= 0; i--)
        heed_canvas_text(l->canvas, x + 19, y + height * (1 - heed_axis_place(&axis, ticks[i].value)) + 4,
                         ticks[i].text, &style);
}

static void draw_all(layout *l, int height)
{
    const heed_grid *g = l->look.grid;
    const heed_text_style title = {.size = TITLE, .colour = INK, .bold = true};
    const heed_text_style caption = {.size = NAME, .colour = GREY};
    const double right = l->left + l->cell_w * g->n_columns, below = l->cell_h * g->n_rows;
    char text[HEED_LABEL_SIZE], heading[HEED_LABEL_SIZE + 80];

    for (int i = 0; i < g->n_rows; i++)
        for (int j = 0; j < g->n_columns; j++)
            draw_cell(l, i, j);
    heed_canvas_frame(l->canvas, l->left - 0.5, l->top - 0.5, right - l->left + 1, below + 1, FRAME);
    draw_labels(l);
    draw_scale(l, right + 20, l->top, fmin(fmax(below, 100), 320));
    snprintf(heading, sizeof heading, "%s%s%s", heed_label_text(text, g->title),
             g->title != NULL && l->look.note[0] != '\0' ? ", " : "", l->look.note);
    heed_canvas_text(l->canvas, 16, 28, heed_label_text(text, heading), &title);
    heed_canvas_text(l->canvas, 16, height - 14, heed_label_text(text, g->caption), &caption);
}

heed_status heed_grid_picture(const heed_grid *grid, const char *path, heed_error *err)
{
    layout l = {0};
    int width = 0, height = 0;
    heed_status status = heed_grid_look_at(grid, &l.look, err);

    if (status != HEED_OK)
        return status;
    lay_out(&l, &width, &height);
    status = heed_canvas_create(path, width, height, &l.canvas, err);
    if (status != HEED_OK)
        return status;
    draw_all(&l, height);
    status = heed_canvas_write(l.canvas, err);
    heed_canvas_destroy(l.canvas);
    return status;
}
