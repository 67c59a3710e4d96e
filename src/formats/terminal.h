/* SPDX-License-Identifier: MIT */
/*
 * Drawings for a terminal that shows UTF-8, appended to a text buffer as whole lines. No line is wider
 * than asked for. Whether there are colours is the caller's knowledge; each drawing can be read without.
 * Out of memory shows in the buffer's `failed`.
 */
#ifndef HEED_FORMATS_TERMINAL_H
#define HEED_FORMATS_TERMINAL_H

#include <stdint.h>

#include "base/text_buffer.h"
#include "formats/colour.h"
#include "formats/picture.h"

typedef enum heed_colours {
    HEED_COLOURS_NONE, /* no escape sequence at all */
    HEED_COLOURS_16,
    HEED_COLOURS_TRUE, /* 24 bits */
} heed_colours;

/**
 * A line plot in at most `columns` (20 and more) x `rows` (8 and more), in Braille dots. Without colours all
 * series but the first are drawn in signs of their own. Width and height of the plot are not read.
 */
void heed_terminal_line_plot(heed_text_buffer *out, const heed_line_plot *plot, int columns, int rows,
                             heed_colours colours);

#define HEED_TERMINAL_TOKENS 40 /* along an axis with labels, at most */
#define HEED_TERMINAL_LABEL  10 /* columns of a token at the left, at most */

/**
 * Heat maps, as many beside each other as fit. With 24-bit colours half blocks, two cells a character;
 * otherwise the signs " .:-=+*#%@", where only an empty cell is a space, coloured from blue to red with 16 colours. A
 * single map with labels has them at its left and its top where they fit; what a window has `before` it stands in a column
 * "<". A map that is too wide shows the largest of neighbouring cells. A number that is not finite is a "!".
 */
void heed_terminal_heat_maps(heed_text_buffer *out, const heed_heat_maps *maps, int columns,
                             heed_colours colours);

/** n numbers in at most `columns` characters of eight heights, their means when there are more; no newline. */
void heed_terminal_sparkline(heed_text_buffer *out, const double *values, int64_t n, int columns);

/** Starts the colour of the following text, or of its background. heed_terminal_reset() ends all. */
void heed_terminal_colour(heed_text_buffer *out, heed_colour colour, bool background);
void heed_terminal_reset(heed_text_buffer *out, heed_colours colours);

#endif
