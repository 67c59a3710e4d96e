/* SPDX-License-Identifier: MIT */
/* Colours of drawings: a ramp for amounts, a palette for series. */
#ifndef HEED_FORMATS_COLOUR_H
#define HEED_FORMATS_COLOUR_H

#include <stdbool.h>

typedef struct heed_colour {
    unsigned char r, g, b; /* sRGB */
} heed_colour;

/**
 * Amount t in 0 .. 1 (clamped; NaN is 0) as a colour from dark violet over blue and green to light yellow.
 * Equal steps of t look like equal steps of lightness, so it also reads in grey.
 */
heed_colour heed_colour_ramp(double t);

/**
 * Amount t in -1 .. 1 (clamped; NaN is 0): blue below, red above, near white at 0. Equal sizes are equally light, so signs
 * must be told from the numbers where there is no colour.
 */
heed_colour heed_colour_diverging(double t);

/** Whether black is read better than white on c. */
bool heed_colour_is_light(heed_colour c);

/** The colour of series i: told apart with any kind of colour vision, on white; repeats after 7. */
heed_colour heed_colour_series(int i);

/** t = 0 gives a, 1 gives b. */
heed_colour heed_colour_mix(heed_colour a, heed_colour b, double t);

#endif
