/* SPDX-License-Identifier: MIT */
#include "formats/heat_values.h"

#include <math.h>

#include "base/error.h"

heed_status heed_heat_check(const heed_heat_maps *maps, double *low, double *high, heed_error *err)
{
    *low = (double)maps->low;
    *high = *low == 0 && maps->high == 0 ? 1 : (double)maps->high;
    if (maps->n_maps < 1 || maps->n_rows < 1 || maps->n_cols < 1)
        return heed_fail(err, HEED_ERR_USAGE,
                         "expected at least one heat map of at least one cell, got %d of %lld x %lld",
                         maps->n_maps, (long long)maps->n_rows, (long long)maps->n_cols);
    if (!(*low < *high) || !isfinite(*high - *low))
        return heed_fail(err, HEED_ERR_USAGE, "expected a colour scale that rises, got %g to %g", *low, *high);
    return HEED_OK;
}

double heed_heat_value(const heed_heat_maps *maps, const heed_heat_map *map, int64_t i, int64_t j)
{
    const int64_t stride = map->row_stride != 0 ? map->row_stride : maps->n_cols;

    /* query i stands at position n_cols - n_rows + i of the keys */
    if (maps->causal && j > i + maps->n_cols - maps->n_rows)
        return NAN;
    return isfinite(map->values[i * stride + j]) ? (double)map->values[i * stride + j] : INFINITY;
}

double heed_heat_sample(const heed_heat_maps *maps, const heed_heat_map *map, int i, int j, int h, int w)
{
    const int64_t rows = maps->n_rows, cols = maps->n_cols;
    const int64_t i0 = i * rows / h, i1 = (i + 1) * rows / h;
    const int64_t j0 = j * cols / w, j1 = (j + 1) * cols / w;
    double most = NAN;

    for (int64_t a = i0; a == i0 || a < i1; a++)
        for (int64_t b = j0; b == j0 || b < j1; b++)
            most = fmax(most, heed_heat_value(maps, map, a, b)); /* fmax passes over NaN */
    return most;
}
