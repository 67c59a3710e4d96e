/* SPDX-License-Identifier: MIT */
/* Heat maps and sparklines as text. */
#include "formats/terminal.h"

#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "formats/heat_values.h"
#include "formats/label.h"

#define GAP         2 /* columns between maps */
#define SCALE_STEPS 20

void heed_terminal_colour(heed_text_buffer *out, heed_colour c, bool background)
{
    heed_text_printf(out, "\x1b[%d;2;%d;%d;%dm", background ? 48 : 38, c.r, c.g, c.b);
}

void heed_terminal_reset(heed_text_buffer *out, heed_colours colours)
{
    if (colours != HEED_COLOURS_NONE)
        heed_text_puts(out, "\x1b[0m");
}

static void spaces(heed_text_buffer *out, int n)
{
    if (n > 0)
        heed_text_printf(out, "%*s", n, "");
}

void heed_terminal_sparkline(heed_text_buffer *out, const double *values, int64_t n, int columns)
{
    static const char *const bars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    const int width = n < columns ? (int)n : columns;
    double low = INFINITY, high = -INFINITY;

    for (int pass = 0; pass < 2; pass++) { /* first the range of the means, then the bars */
        for (int c = 0; c < width; c++) {
            double sum = 0;
            int64_t count = 0;

            for (int64_t i = c * n / width; i < (c + 1) * n / width; i++)
                if (isfinite(values[i])) {
                    sum += values[i];
                    count++;
                }
            const double mean = sum / (double)count;
            if (pass == 0 && count > 0) {
                low = fmin(low, mean);
                high = fmax(high, mean);
            } else if (pass == 1) {
                const int height = high > low ? (int)((mean - low) / (high - low) * 7 + 0.5) : 3;
                heed_text_puts(out, count > 0 ? bars[height] : " ");
            }
        }
    }
}

/* The maps of one drawing: each takes `wide` columns and `lines` lines, and shows h x w samples. */
typedef struct grid {
    const heed_heat_maps *maps;
    heed_colours colours;
    double low, high;
    int wide, lines;
    int h, w;
} grid;

static double share(const grid *g, double value)
{
    return (value - g->low) / (g->high - g->low);
}

static heed_colour colour_of(const grid *g, double value)
{
    return isinf(value) ? HEED_HEAT_NOT_FINITE : heed_colour_ramp(share(g, value));
}

/* 0 for an empty cell, 1 .. 9 for amounts, 10 for what is not finite. NaN is an empty cell here. */
static int level_of(const grid *g, double value)
{
    const double t = share(g, value);

    if (isnan(value))
        return 0;
    return isinf(value) ? 10 : 1 + (t > 0 ? (t < 1 ? (int)(t * 8 + 0.5) : 8) : 0);
}

/* A cell as `columns` equal signs. */
static void put_signs(heed_text_buffer *out, const grid *g, double value, int columns)
{
    static const char signs[] = " .:-=+*#%@!";
    static const char *const colours[] = {"", "90", "34", "34", "36", "36", "32", "33", "31", "1;31", "95"};
    const int level = level_of(g, value);
    const bool coloured = g->colours != HEED_COLOURS_NONE && level > 0;

    if (coloured)
        heed_text_printf(out, "\x1b[%sm", colours[level]);
    for (int i = 0; i < columns; i++)
        heed_text_append(out, &signs[level], 1);
    if (coloured)
        heed_terminal_reset(out, g->colours);
}

/* A character that shows one value above another; an empty value leaves the terminal's own background. */
static void put_half_block(heed_text_buffer *out, const grid *g, double above, double below)
{
    if (isnan(above) && isnan(below)) {
        heed_text_puts(out, " ");
        return;
    }
    heed_terminal_colour(out, colour_of(g, isnan(above) ? below : above), false);
    if (!isnan(above) && !isnan(below))
        heed_terminal_colour(out, colour_of(g, below), true);
    heed_text_puts(out, isnan(above) ? "▄" : "▀");
    heed_text_puts(out, "\x1b[0m");
}

static void put_line(heed_text_buffer *out, const grid *g, const heed_heat_map *map, int line)
{
    for (int j = 0; j < g->w; j++) {
        if (g->colours == HEED_COLOURS_TRUE) {
            const double above = heed_heat_sample(g->maps, map, 2 * line, j, g->h, g->w);
            const double below = 2 * line + 1 < g->h
                                     ? heed_heat_sample(g->maps, map, 2 * line + 1, j, g->h, g->w)
                                     : NAN;
            put_half_block(out, g, above, below);
        } else {
            put_signs(out, g, heed_heat_sample(g->maps, map, line, j, g->h, g->w), 1);
        }
    }
}

static void put_scale(heed_text_buffer *out, const grid *g)
{
    heed_text_printf(out, "%.3g ", g->low);
    for (int i = 0; i < SCALE_STEPS; i++) {
        const double t = (i + 0.5) / SCALE_STEPS;

        if (g->colours == HEED_COLOURS_TRUE) {
            heed_terminal_colour(out, heed_colour_ramp(t), false);
            heed_text_puts(out, "█");
        } else {
            put_signs(out, g, g->low + t * (g->high - g->low), 1);
        }
    }
    heed_terminal_reset(out, g->colours);
    heed_text_printf(out, " %.3g\n", g->high);
}

/* Text cut to `columns` characters and filled up with spaces. */
static void put_cell(heed_text_buffer *out, const char *text, int columns)
{
    char shown[HEED_LABEL_SIZE];

    heed_label_cut(shown, sizeof shown, text, columns);
    heed_text_puts(out, shown);
    spaces(out, columns - heed_label_chars(shown));
}

static void put_maps(heed_text_buffer *out, const grid *g, int first, int n)
{
    for (int k = 0; k < n; k++) {
        put_cell(out, g->maps->maps[first + k].title, g->wide + (k + 1 < n ? GAP : 0));
    }
    heed_text_puts(out, "\n");
    for (int line = 0; line < g->lines; line++) {
        for (int k = 0; k < n; k++) {
            put_line(out, g, &g->maps->maps[first + k], line);
            spaces(out, g->wide - g->w + (k + 1 < n ? GAP : 0));
        }
        heed_text_puts(out, "\n");
    }
}

/* A cell of two columns on its colour, or as signs. */
static void put_wide_cell(heed_text_buffer *out, const grid *g, double value)
{
    if (g->colours != HEED_COLOURS_TRUE || !isfinite(value)) {
        put_signs(out, g, value, 2);
        return;
    }
    heed_terminal_colour(out, colour_of(g, value), true);
    heed_text_puts(out, "  \x1b[0m");
}

/* The first character of a token, or the one behind its blank, in two columns. */
static void put_key(heed_text_buffer *out, const char *token)
{
    char first[8] = "", text[64];
    uint32_t code;

    token += token[0] == ' ' && token[1] != '\0';
    const size_t step = heed_utf8_decode(token, strlen(token), &code);
    memcpy(first, token, step > 0 ? step : token[0] != '\0');
    heed_label_token(text, sizeof text, first, 2);
    heed_text_puts(out, text);
    spaces(out, 2 - heed_label_chars(text));
}

/* One map, a line a token, two columns a cell. */
static void put_labelled(heed_text_buffer *out, const grid *g, int label_columns)
{
    const heed_heat_maps *m = g->maps;
    const float *before = m->maps[0].before;
    char text[64];

    spaces(out, label_columns + 1);
    heed_text_puts(out, before != NULL ? "< " : "");
    for (int64_t j = 0; j < m->n_cols && m->col_labels != NULL; j++)
        put_key(out, m->col_labels[j]);
    heed_text_puts(out, "\n");
    for (int64_t i = 0; i < m->n_rows; i++) {
        heed_label_token(text, sizeof text, m->row_labels[i], HEED_TERMINAL_LABEL);
        spaces(out, label_columns - heed_label_chars(text));
        heed_text_printf(out, "%s ", text);
        if (before != NULL)
            put_wide_cell(out, g, (double)before[i]);
        for (int64_t j = 0; j < m->n_cols; j++)
            put_wide_cell(out, g, heed_heat_value(m, &m->maps[0], i, j));
        heed_text_puts(out, "\n");
    }
}

static int label_columns_of(const heed_heat_maps *m)
{
    char text[64];
    int longest = 0;

    for (int64_t i = 0; i < m->n_rows; i++) {
        const int chars = heed_label_chars(
            heed_label_token(text, sizeof text, m->row_labels[i], HEED_TERMINAL_LABEL));

        longest = chars > longest ? chars : longest;
    }
    return longest;
}

void heed_terminal_heat_maps(heed_text_buffer *out, const heed_heat_maps *maps, int columns,
                             heed_colours colours)
{
    grid g = {.maps = maps, .colours = colours};

    if (heed_heat_check(maps, &g.low, &g.high, NULL) != HEED_OK)
        return;
    columns = columns < 20 ? 20 : columns;
    if (maps->title != NULL) {
        char title[HEED_LABEL_SIZE];

        heed_text_printf(out, "%s\n", heed_label_cut(title, sizeof title, maps->title, columns));
    }
    const int labels = maps->n_maps == 1 && maps->row_labels != NULL && maps->n_rows <= HEED_TERMINAL_TOKENS &&
                               maps->n_cols <= HEED_TERMINAL_TOKENS
                           ? label_columns_of(maps)
                           : 0;
    const int before = maps->maps[0].before != NULL ? 2 : 0;
    if (labels > 0 && labels + 1 + before + 2 * maps->n_cols <= columns) {
        char title[HEED_LABEL_SIZE];

        if (maps->maps[0].title != NULL)
            heed_text_printf(out, "%s\n", heed_label_cut(title, sizeof title, maps->maps[0].title, columns));
        put_labelled(out, &g, labels);
    } else {
        g.w = maps->n_cols < columns ? (int)maps->n_cols : columns;
        /* a character is twice as high as wide: two rows a line, by half blocks or by the larger of both */
        g.h = (int)fmax(1, floor((double)maps->n_rows * g.w / (double)maps->n_cols + 0.5));
        g.lines = (g.h + 1) / 2;
        if (colours != HEED_COLOURS_TRUE)
            g.h = g.lines;
        g.wide = g.w < 6 ? 6 : g.w; /* room for a short title */
        int across = (columns + GAP) / (g.wide + GAP);
        if (maps->n_across > 0 && maps->n_across < across)
            across = maps->n_across;
        const int in_row = maps->n_across > 0 ? maps->n_across : maps->n_maps;
        for (int first = 0; first < maps->n_maps;) {
            const int left = in_row - first % in_row; /* a row of the grid begins a new line */
            const int n = left < across ? left : across;

            put_maps(out, &g, first, n < maps->n_maps - first ? n : maps->n_maps - first);
            first += n;
        }
    }
    put_scale(out, &g);
}
