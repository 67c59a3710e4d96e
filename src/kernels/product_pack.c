/* SPDX-License-Identifier: MIT */
/* Packing for the register tile: panels are read from front to back, whatever the transposes were. */
#include "kernels/product_pack.h"

#include <string.h>

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void heed_pack_panels(float *packed, const float *x, int64_t step, int64_t stride, int64_t count, int64_t k,
                      int64_t width)
{
    for (int64_t begin = 0; begin < count; begin += width, packed += k * width) {
        const int64_t n = smaller(width, count - begin);
        const float *panel = x + begin * step;

        if (n < width)
            memset(packed, 0, (size_t)(k * width) * sizeof *packed);
        if (step == 1) {
            for (int64_t l = 0; l < k; l++)
                memcpy(packed + l * width, panel + l * stride, (size_t)n * sizeof *packed);
            continue;
        }
        /* a transpose: in strips of 16, so that the lines read and the lines written all stay in the cache */
        for (int64_t strip = 0; strip < k; strip += 16)
            for (int64_t i = 0; i < n; i++)
                for (int64_t l = strip; l < smaller(strip + 16, k); l++)
                    packed[l * width + i] = panel[i * step + l * stride];
    }
}

void heed_add_bias(float *c, const float *bias, int64_t n, bool accumulate)
{
    for (int64_t j = 0; j < n; j++)
        c[j] = accumulate ? c[j] + bias[j] : bias[j];
}
