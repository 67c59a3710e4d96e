/* SPDX-License-Identifier: MIT */
/* Colours of drawings: a ramp for amounts, a palette for series. */
#ifndef HEED_FORMATS_COLOUR_H
#define HEED_FORMATS_COLOUR_H

typedef struct heed_colour {
    unsigned char r, g, b; /* sRGB */
} heed_colour;

/**
 * Amount t in 0 .. 1 (clamped; NaN is 0) as a colour from dark violet over blue and green to light yellow.
 * Equal steps of t look like equal steps of lightness, so it also reads in grey.
 */
heed_colour heed_colour_ramp(double t);

/** The colour of series i: told apart with any kind of colour vision, on white; repeats after 7. */
heed_colour heed_colour_series(int i);

/** t = 0 gives a, 1 gives b. */
heed_colour heed_colour_mix(heed_colour a, heed_colour b, double t);

#endif
