/* SPDX-License-Identifier: MIT */
/*
 * The ramp is a curve through Oklab (B. Ottosson 2020, "A perceptual color space for image processing"):
 *
 *     L(t) = 0.21 + 0.72 t        lightness rises evenly
 *     h(t) = 310 - 205 t degrees  violet, blue, teal, green, yellow
 *     C(t) = 0.145                or the most that sRGB can show at that L and h, if that is less
 *
 * The diverging one has two arms that begin in the same near white:
 *
 *     L(t) = 0.97 - 0.47 |t|      h = 255 degrees (blue) below 0, 35 (red) above      C(t) = 0.17 |t|, or what sRGB can show
 *
 * The palette is that of Okabe and Ito 2008, "Color universal design", without its light yellow.
 */
#include "formats/colour.h"

#include <math.h>
#include <stdbool.h>

static double encode(double linear)
{
    return linear <= 0.0031308 ? 12.92 * linear : 1.055 * pow(linear, 1.0 / 2.4) - 0.055;
}

/* Linear red, green and blue of (L, C, h); false when sRGB has no such colour. */
static bool linear_of(double L, double C, double h, double rgb[3])
{
    const double a = C * cos(h), b = C * sin(h);
    const double l = L + 0.3963377774 * a + 0.2158037573 * b;
    const double m = L - 0.1055613458 * a - 0.0638541728 * b;
    const double s = L - 0.0894841775 * a - 1.2914855480 * b;
    const double l3 = l * l * l, m3 = m * m * m, s3 = s * s * s;

    rgb[0] = 4.0767416621 * l3 - 3.3077115913 * m3 + 0.2309699292 * s3;
    rgb[1] = -1.2684380046 * l3 + 2.6097574011 * m3 - 0.3413193965 * s3;
    rgb[2] = -0.0041960863 * l3 - 0.7034186147 * m3 + 1.7076147010 * s3;
    for (int i = 0; i < 3; i++)
        if (rgb[i] < 0 || rgb[i] > 1)
            return false;
    return true;
}

/* The colour of (L, C, h), h in degrees, with less C where sRGB has no such colour. */
static heed_colour colour_at(double L, double C, double degrees)
{
    const double h = degrees * 3.14159265358979323846 / 180.0;
    double rgb[3], low = 0, high = C;

    if (!linear_of(L, high, h, rgb)) {
        for (int i = 0; i < 20; i++) { /* 20 halvings: far below one step of 1/255 */
            const double middle = 0.5 * (low + high);

            if (linear_of(L, middle, h, rgb))
                low = middle;
            else
                high = middle;
        }
        linear_of(L, low, h, rgb);
    }
    return (heed_colour){(unsigned char)lround(255 * encode(rgb[0])),
                         (unsigned char)lround(255 * encode(rgb[1])),
                         (unsigned char)lround(255 * encode(rgb[2]))};
}

heed_colour heed_colour_ramp(double t)
{
    t = t > 0 ? (t < 1 ? t : 1) : 0;
    return colour_at(0.21 + 0.72 * t, 0.145, 310.0 - 205.0 * t);
}

heed_colour heed_colour_diverging(double t)
{
    const double size = isnan(t) ? 0 : fmin(fabs(t), 1);

    return colour_at(0.97 - 0.47 * size, 0.17 * size, t < 0 ? 255 : 35);
}

/* Contrast by the relative luminance Y of sRGB (WCAG 2.1): (1.05) / (Y + 0.05) for white, (Y + 0.05) / 0.05 for black. */
bool heed_colour_is_light(heed_colour c)
{
    const double channel[] = {c.r / 255.0, c.g / 255.0, c.b / 255.0}, weight[] = {0.2126, 0.7152, 0.0722};
    double luminance = 0.05;

    for (int i = 0; i < 3; i++)
        luminance += weight[i] *
                     (channel[i] <= 0.04045 ? channel[i] / 12.92 : pow((channel[i] + 0.055) / 1.055, 2.4));
    return luminance * luminance > 1.05 * 0.05;
}

heed_colour heed_colour_series(int i)
{
    static const heed_colour palette[] = {{0, 114, 178}, {213, 94, 0},   {0, 158, 115}, {204, 121, 167},
                                          {230, 159, 0}, {86, 180, 233}, {0, 0, 0}};

    return palette[(unsigned)i % (sizeof palette / sizeof palette[0])];
}

static unsigned char mix(unsigned char a, unsigned char b, double t)
{
    return (unsigned char)lround((1 - t) * (double)a + t * (double)b);
}

heed_colour heed_colour_mix(heed_colour a, heed_colour b, double t)
{
    return (heed_colour){mix(a.r, b.r, t), mix(a.g, b.g, t), mix(a.b, b.b, t)};
}
