/* SPDX-License-Identifier: MIT */
/* Disc, box, triangle, cross, diamond, plus. */
#include "formats/marker.h"

#define STROKE 1.8 /* pixels */

static const heed_colour WHITE = {255, 255, 255};

static void draw_outline(heed_canvas *canvas, const double *xy, int64_t n, heed_colour colour)
{
    heed_canvas_line(canvas, xy, n, STROKE, 0, colour);
}

static void draw_triangle(heed_canvas *canvas, double x, double y, double s, heed_colour colour)
{
    const double xy[] = {x, y - s, x + s, y + 0.8 * s, x - s, y + 0.8 * s, x, y - s, x + s, y + 0.8 * s};

    draw_outline(canvas, xy, 5, colour);
}

static void draw_diamond(heed_canvas *canvas, double x, double y, double s, heed_colour colour)
{
    const double xy[] = {x, y - s, x + s, y, x, y + s, x - s, y, x, y - s, x + s, y};

    draw_outline(canvas, xy, 6, colour);
}

static void draw_strokes(heed_canvas *canvas, double x, double y, double dx0, double dy0, double dx1,
                         double dy1, heed_colour colour)
{
    const double first[] = {x - dx0, y - dy0, x + dx0, y + dy0},
                 second[] = {x - dx1, y - dy1, x + dx1, y + dy1};

    draw_outline(canvas, first, 2, colour);
    draw_outline(canvas, second, 2, colour);
}

void heed_marker_draw(heed_canvas *canvas, int look, double x, double y, double s, heed_colour colour)
{
    switch ((unsigned)look % 6) {
    case 0:
        heed_canvas_dot(canvas, x, y, s, colour);
        break;
    case 1:
        heed_canvas_rect(canvas, x - s, y - s, 2 * s, 2 * s, colour);
        heed_canvas_rect(canvas, x - s + STROKE, y - s + STROKE, 2 * (s - STROKE), 2 * (s - STROKE), WHITE);
        break;
    case 2:
        draw_triangle(canvas, x, y, 1.2 * s, colour);
        break;
    case 3:
        draw_strokes(canvas, x, y, s, s, s, -s, colour);
        break;
    case 4:
        draw_diamond(canvas, x, y, 1.3 * s, colour);
        break;
    default:
        draw_strokes(canvas, x, y, 1.2 * s, 0, 0, 1.2 * s, colour);
    }
}
