/* SPDX-License-Identifier: MIT */
/*
 * A line plot as text. A character of the field is 2 x 4 Braille dots; U+2800 plus one bit a dot:
 *
 *     1  8
 *     2 16
 *     4 32
 *    64 128
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "formats/axis.h"
#include "formats/label.h"
#include "formats/terminal.h"

#define MIN_COLUMNS 20
#define MIN_ROWS    8

/* One character of the field. */
typedef struct cell {
    unsigned char dots;
    bool reference;
    short series; /* the last that drew here */
} cell;

typedef struct field {
    const heed_line_plot *plot;
    heed_colours colours;
    heed_axis x, y;
    int columns, rows; /* characters */
    cell *cells;
} field;

static double x_of(const heed_series *s, int64_t i)
{
    return s->x != NULL ? s->x[i] : (double)i;
}

static void find_ranges(field *f)
{
    f->x = heed_axis_empty(f->plot->log_x);
    f->y = heed_axis_empty(f->plot->log_y);
    for (int k = 0; k < f->plot->n_series; k++) {
        const heed_series *s = &f->plot->series[k];

        for (int64_t i = 0; i < s->n; i++)
            if (isfinite(s->y[i])) {
                heed_axis_include(&f->x, x_of(s, i));
                heed_axis_include(&f->y, s->y[i]);
            }
    }
    for (int k = 0; k < f->plot->n_references; k++)
        heed_axis_include(&f->y, f->plot->references[k].y);
    heed_axis_finish(&f->x, 0);
    heed_axis_finish(&f->y, 0.03);
}

static void set_dot(field *f, int x, int y, int series)
{
    static const unsigned char bits[4][2] = {{1, 8}, {2, 16}, {4, 32}, {64, 128}};
    cell *c;

    if (x < 0 || y < 0 || x >= 2 * f->columns || y >= 4 * f->rows)
        return;
    c = &f->cells[y / 4 * f->columns + x / 2];
    c->dots |= bits[y % 4][x % 2];
    c->series = (short)series;
}

static void draw_segment(field *f, double x0, double y0, double x1, double y1, int series)
{
    const int steps = (int)ceil(fmax(fabs(x1 - x0), fabs(y1 - y0)));

    for (int i = 0; i <= steps; i++) {
        const double t = steps > 0 ? (double)i / steps : 0;
        set_dot(f, (int)lround(x0 + t * (x1 - x0)), (int)lround(y0 + t * (y1 - y0)), series);
    }
}

static void draw_series(field *f, int k)
{
    const heed_series *s = &f->plot->series[k];
    double last_x = NAN, last_y = NAN;

    for (int64_t i = 0; i < s->n; i++) {
        const double x = heed_axis_place(&f->x, x_of(s, i)) * (2 * f->columns - 1);
        const double y = (1 - heed_axis_place(&f->y, s->y[i])) * (4 * f->rows - 1);
        const bool here = !isnan(x) && !isnan(y), before = !isnan(last_x) && !isnan(last_y);

        if (here)
            draw_segment(f, before ? last_x : x, before ? last_y : y, x, y, k);
        last_x = x;
        last_y = y;
    }
}

static void draw_references(field *f)
{
    for (int k = 0; k < f->plot->n_references; k++) {
        const double y = (1 - heed_axis_place(&f->y, f->plot->references[k].y)) * (4 * f->rows - 1);

        for (int x = 0; x < f->columns && !isnan(y); x++)
            f->cells[(int)lround(y) / 4 * f->columns + x].reference = true;
    }
}

static void start_series(heed_text_buffer *out, const field *f, int k)
{
    static const int codes[] = {94, 91, 92, 95, 93, 96, 39};
    const int look = f->plot->series[k].look > 0 ? f->plot->series[k].look - 1 : k;

    if (f->colours == HEED_COLOURS_16)
        heed_text_printf(out, "\x1b[%s%dm", f->plot->series[k].faint ? "2;" : "", codes[look % 7]);
    if (f->colours == HEED_COLOURS_TRUE && look % 7 == 6)
        heed_text_puts(out, "\x1b[39m"); /* black would vanish on a dark terminal */
    else if (f->colours == HEED_COLOURS_TRUE)
        heed_terminal_colour(out,
                             heed_colour_mix(heed_colour_series(look), (heed_colour){127, 127, 127},
                                             f->plot->series[k].faint ? 0.6 : 0),
                             false);
}

/* The sign of series k where its colour does not tell it from the others; NULL for Braille dots. */
static const char *sign_of(const field *f, int k)
{
    static const char *const signs[] = {"*", "+", "o", "x", "#", "%", "@"};

    if (f->plot->series[k].dashed && f->colours != HEED_COLOURS_NONE)
        return "·";
    return f->colours == HEED_COLOURS_NONE && k > 0 ? signs[(k - 1) % 7] : NULL;
}

static void put_cell(heed_text_buffer *out, const field *f, const cell *c)
{
    char braille[4];

    if (c->dots == 0) {
        heed_text_puts(out, c->reference ? "┈" : " ");
        return;
    }
    start_series(out, f, c->series);
    if (sign_of(f, c->series) != NULL)
        heed_text_puts(out, sign_of(f, c->series));
    else
        heed_text_append(out, braille, heed_utf8_encode(0x2800u + c->dots, braille));
    heed_terminal_reset(out, f->colours);
}

/* Adds one name to the legend, on a new line when it does not fit. *used counts the columns of this line. */
static void put_name(heed_text_buffer *out, const field *f, int k, const char *label, int width, int *used)
{
    char text[HEED_LABEL_SIZE];

    if (label == NULL)
        return;
    heed_label_cut(text, sizeof text, label, width - 6);
    const int chars = heed_label_chars(text) + 4;
    if (*used > 0 && *used + chars > width) {
        heed_text_puts(out, "\n");
        *used = 0;
    }
    heed_text_puts(out, *used > 0 ? "  " : "");
    if (k < 0) {
        heed_text_puts(out, "┈┈");
    } else {
        const char *sign = sign_of(f, k) != NULL ? sign_of(f, k) : "━";

        start_series(out, f, k);
        heed_text_printf(out, "%s%s", sign, sign);
        heed_terminal_reset(out, f->colours);
    }
    heed_text_printf(out, " %s", text);
    *used += chars + 1;
}

static void put_heading(heed_text_buffer *out, const field *f, int width)
{
    char text[HEED_LABEL_SIZE];
    int used = 0;

    if (f->plot->title != NULL)
        heed_text_printf(out, "%s\n", heed_label_cut(text, sizeof text, f->plot->title, width));
    for (int k = 0; k < f->plot->n_series; k++)
        put_name(out, f, k, f->plot->series[k].label, width, &used);
    for (int k = 0; k < f->plot->n_references; k++)
        put_name(out, f, -1, f->plot->references[k].label, width, &used);
    heed_text_puts(out, used > 0 ? "\n" : "");
    if (f->plot->y_title != NULL)
        heed_text_printf(out, "%s\n", heed_label_cut(text, sizeof text, f->plot->y_title, width));
}

static int widest_text(const heed_tick *ticks, int n)
{
    int widest = 0;

    for (int i = 0; i < n; i++) {
        const int chars = heed_label_chars(ticks[i].text);
        widest = chars > widest ? chars : widest;
    }
    return widest;
}

/* The tick whose number belongs to a row of the field, or NULL. */
static const heed_tick *tick_of_row(const field *f, const heed_tick *ticks, int n, int row)
{
    for (int i = 0; i < n; i++)
        if ((int)lround((1 - heed_axis_place(&f->y, ticks[i].value)) * (4 * f->rows - 1)) / 4 == row)
            return &ticks[i];
    return NULL;
}

/* The line below the field and the numbers below that, each centred under its tick where there is room. */
static void put_x_axis(heed_text_buffer *out, const field *f, int margin)
{
    heed_tick ticks[HEED_AXIS_MAX_TICKS];
    const int n = heed_axis_ticks(&f->x, f->columns / 12, ticks);
    char text[HEED_LABEL_SIZE];
    int column = -1, next = 0;

    heed_text_printf(out, "%*s└", margin, "");
    for (int x = 0; x < f->columns; x++) {
        const bool here = next < n &&
                          x == (int)lround(heed_axis_place(&f->x, ticks[next].value) * (f->columns - 1));

        next += here;
        heed_text_puts(out, here ? "┬" : "─");
    }
    heed_text_printf(out, "\n%*s", margin + 1, "");
    for (int i = 0; i < n; i++) {
        const int chars = heed_label_chars(ticks[i].text);
        int at = (int)lround(heed_axis_place(&f->x, ticks[i].value) * (f->columns - 1)) - chars / 2;

        at = at + chars > f->columns ? f->columns - chars : at < 0 ? 0 : at;
        if (at <= column)
            continue;
        heed_text_printf(out, "%*s%s", at - (column < 0 ? 0 : column), "", ticks[i].text);
        column = at + chars;
    }
    heed_text_puts(out, "\n");
    if (f->plot->x_title != NULL) {
        heed_label_cut(text, sizeof text, f->plot->x_title, f->columns);
        heed_text_printf(out, "%*s%s\n", margin + 1 + (f->columns - heed_label_chars(text)) / 2, "", text);
    }
}

static void put_field(heed_text_buffer *out, const field *f, const heed_tick *ticks, int n_ticks, int margin)
{
    for (int row = 0; row < f->rows; row++) {
        const heed_tick *tick = tick_of_row(f, ticks, n_ticks, row);

        heed_text_printf(out, "%*s%s", margin, tick != NULL ? tick->text : "", tick != NULL ? "┤" : "│");
        for (int x = 0; x < f->columns; x++)
            put_cell(out, f, &f->cells[row * f->columns + x]);
        heed_text_puts(out, "\n");
    }
}

static int lines_of(const heed_text_buffer *text, size_t from)
{
    int n = 0;

    for (size_t i = from; i < text->size; i++)
        n += text->data[i] == '\n';
    return n;
}

void heed_terminal_line_plot(heed_text_buffer *out, const heed_line_plot *plot, int columns, int rows,
                             heed_colours colours)
{
    field f = {.plot = plot, .colours = colours};
    heed_tick ticks[HEED_AXIS_MAX_TICKS];
    const size_t from = out->size;

    columns = columns < MIN_COLUMNS ? MIN_COLUMNS : columns;
    rows = rows < MIN_ROWS ? MIN_ROWS : rows;
    find_ranges(&f);
    put_heading(out, &f, columns);
    const int n_ticks = heed_axis_ticks(&f.y, rows / 4, ticks);
    const int margin = widest_text(ticks, n_ticks);
    f.columns = columns - margin - 1;
    f.rows = rows - lines_of(out, from) - 2 - (plot->x_title != NULL);
    f.rows = f.rows < 2 ? 2 : f.rows;
    f.columns = f.columns < 4 ? 4 : f.columns;
    f.cells = calloc((size_t)f.columns * (size_t)f.rows, sizeof *f.cells);
    if (f.cells == NULL) {
        out->failed = true;
        return;
    }
    for (int pass = 0; pass < 2; pass++) /* the faint ones first, so that the others lie on top */
        for (int k = 0; k < plot->n_series; k++)
            if (plot->series[k].faint == (pass == 0))
                draw_series(&f, k);
    draw_references(&f);
    put_field(out, &f, ticks, n_ticks, margin);
    put_x_axis(out, &f, margin);
    free(f.cells);
}
