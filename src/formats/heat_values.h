/* SPDX-License-Identifier: MIT */
/* What heat maps in pictures and in the terminal share: the values and their scale. */
#ifndef HEED_FORMATS_HEAT_VALUES_H
#define HEED_FORMATS_HEAT_VALUES_H

#include "formats/colour.h"
#include "formats/picture.h"

/** The scale in *low < *high; HEED_ERR_USAGE for maps that cannot be drawn. */
heed_status heed_heat_check(const heed_heat_maps *maps, double *low, double *high, heed_error *err);
/** The colour of what is not finite, far from those of the ramp. */
#define HEED_HEAT_NOT_FINITE ((heed_colour){214, 0, 147})

/** Cell (i, j); NaN where it is empty; infinite where its number is not finite. */
double heed_heat_value(const heed_heat_maps *maps, const heed_heat_map *map, int64_t i, int64_t j);
/** The largest value among the cells under sample (i, j) of a grid of h x w samples; NaN when all are empty. */
double heed_heat_sample(const heed_heat_maps *maps, const heed_heat_map *map, int i, int j, int h, int w);

#endif
