/* SPDX-License-Identifier: MIT */
/*
 * A grid as text.
 *
 *     Loss without this head, in units of 0.001
 *            head
 *     layer      0     1     2     3
 *         0    1.2  -0.3  12.0   0.0
 *         1    0.1   8.5   nan   0.4
 *     -12.0 ████████████████████ 12.0
 *
 * With 24-bit colours each number stands on its colour. With 16, small numbers have none, those above a third of the scale
 * are coloured and those above two thirds stand on their colour.
 */
#include <math.h>
#include <stdio.h>

#include "base/error.h"
#include "formats/grid.h"
#include "formats/label.h"
#include "formats/terminal.h"

#define MIN_COLUMNS 40
#define MAX_LABEL   16 /* characters of a row's label */
#define SCALE_STEPS 20

/* Where things stand, in characters. */
typedef struct layout {
    heed_grid_look look;
    heed_colours colours;
    int label, cell; /* a column is a space and a cell */
    int columns;     /* of the terminal */
} layout;

static void spaces(heed_text_buffer *out, int n)
{
    if (n > 0)
        heed_text_printf(out, "%*s", n, "");
}

static void put_right(heed_text_buffer *out, const char *text, int width)
{
    spaces(out, width - heed_label_chars(text));
    heed_text_puts(out, text);
}

/* Starts the colours of a number at this place; false where it has none. */
static bool start_colour(heed_text_buffer *out, const layout *l, double place)
{
    const heed_colour c = heed_grid_colour(&l->look, place);
    const bool light = heed_colour_is_light(c);

    if (isnan(place) || l->colours == HEED_COLOURS_NONE)
        return false;
    if (l->colours == HEED_COLOURS_TRUE) {
        heed_terminal_colour(out, c, true);
        heed_terminal_colour(out, light ? (heed_colour){0, 0, 0} : (heed_colour){255, 255, 255}, false);
        return true;
    }
    if (fabs(place) < 1.0 / 3)
        return false;
    if (fabs(place) < 2.0 / 3)
        heed_text_printf(out, "\x1b[%dm", !l->look.grid->diverging ? 36 : place < 0 ? 34 : 31);
    else
        heed_text_printf(out, "\x1b[97;%dm", !l->look.grid->diverging ? 46 : place < 0 ? 44 : 41);
    return true;
}

static void put_number(heed_text_buffer *out, const layout *l, double value)
{
    char text[HEED_GRID_NUMBER];

    heed_text_puts(out, " ");
    const bool coloured = start_colour(out, l, heed_grid_place(&l->look, value));
    put_right(out, heed_grid_number(&l->look, value, text), l->cell);
    if (coloured)
        heed_terminal_reset(out, l->colours);
}

/* Columns first .. last - 1 of all rows, below their labels. */
static void put_block(heed_text_buffer *out, const layout *l, int first, int last)
{
    const heed_grid *g = l->look.grid;
    char text[HEED_LABEL_SIZE];

    if (g->column_name != NULL) {
        spaces(out, l->label + 1);
        heed_text_printf(out, "%s\n",
                         heed_label_cut(text, sizeof text, g->column_name, l->columns - l->label - 1));
    }
    put_right(out, heed_label_cut(text, sizeof text, g->row_name, l->label), l->label);
    for (int j = first; j < last; j++) {
        heed_text_puts(out, " ");
        put_right(out, heed_grid_label(g->column_labels, j, l->cell, text, sizeof text), l->cell);
    }
    heed_text_puts(out, "\n");
    for (int i = 0; i < g->n_rows; i++) {
        put_right(out, heed_grid_label(g->row_labels, i, l->label, text, sizeof text), l->label);
        for (int j = first; j < last; j++)
            put_number(out, l, g->values[(size_t)i * (size_t)g->n_columns + (size_t)j]);
        heed_text_puts(out, "\n");
    }
}

/* Without colours the numbers say all. */
static void put_scale(heed_text_buffer *out, const layout *l)
{
    char text[HEED_GRID_NUMBER];

    if (l->colours != HEED_COLOURS_TRUE)
        return;
    heed_text_printf(out, "%s ", heed_grid_number(&l->look, l->look.low, text));
    for (int i = 0; i < SCALE_STEPS; i++) {
        const double share = (i + 0.5) / SCALE_STEPS;

        heed_terminal_colour(out, heed_grid_colour(&l->look, l->look.grid->diverging ? 2 * share - 1 : share),
                             false);
        heed_text_puts(out, "█");
    }
    heed_terminal_reset(out, l->colours);
    heed_text_printf(out, " %s\n", heed_grid_number(&l->look, l->look.high, text));
}

static int widest_label(const char *const *labels, int n, int max_chars)
{
    char text[HEED_LABEL_SIZE];
    int widest = 0;

    for (int i = 0; i < n; i++) {
        const int chars = heed_label_chars(heed_grid_label(labels, i, max_chars, text, sizeof text));
        widest = chars > widest ? chars : widest;
    }
    return widest;
}

static void lay_out(layout *l)
{
    const heed_grid *g = l->look.grid;
    char text[HEED_LABEL_SIZE];
    const int name = heed_label_chars(heed_label_cut(text, sizeof text, g->row_name, MAX_LABEL));
    const int across = widest_label(g->column_labels, g->n_columns, 9);

    l->label = widest_label(g->row_labels, g->n_rows, MAX_LABEL);
    l->label = name > l->label ? name : l->label;
    l->cell = across > l->look.width ? across : l->look.width;
}

static void put_grid(heed_text_buffer *out, const layout *l)
{
    const heed_grid *g = l->look.grid;
    const int room = (l->columns - l->label) / (l->cell + 1), step = room > 0 ? room : 1;
    char text[HEED_LABEL_SIZE], heading[HEED_LABEL_SIZE + 80];

    if (g->title != NULL || l->look.note[0] != '\0') {
        snprintf(heading, sizeof heading, "%s%s%s", heed_label_text(text, g->title),
                 g->title != NULL && l->look.note[0] != '\0' ? ", " : "", l->look.note);
        heed_text_printf(out, "%s\n", heed_label_cut(text, sizeof text, heading, l->columns));
    }
    for (int first = 0; first < g->n_columns; first += step)
        put_block(out, l, first, first + step < g->n_columns ? first + step : g->n_columns);
    put_scale(out, l);
    if (g->caption != NULL)
        heed_text_printf(out, "%s\n", heed_label_cut(text, sizeof text, g->caption, l->columns));
}

heed_status heed_grid_text(const heed_grid *grid, int columns, heed_palette palette, char **out,
                           heed_error *err)
{
    layout l = {.colours = (heed_colours)palette, .columns = columns < MIN_COLUMNS ? MIN_COLUMNS : columns};
    heed_text_buffer text = {0};
    heed_status status = heed_grid_look_at(grid, &l.look, err);

    *out = NULL;
    if (status != HEED_OK)
        return status;
    lay_out(&l);
    put_grid(&text, &l);
    if (text.failed || text.data == NULL) {
        heed_text_free(&text);
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to draw a grid of %d x %d", grid->n_rows,
                         grid->n_columns);
    }
    *out = text.data;
    return HEED_OK;
}
