/* SPDX-License-Identifier: MIT */
/* Small signs on a line of a plot, so that lines are told apart in grey as well. */
#ifndef HEED_FORMATS_MARKER_H
#define HEED_FORMATS_MARKER_H

#include "formats/canvas.h"

/** Sign `look` at (x, y), about 2 * size pixels wide; there are six, which repeat. */
void heed_marker_draw(heed_canvas *canvas, int look, double x, double y, double size, heed_colour colour);

#endif
