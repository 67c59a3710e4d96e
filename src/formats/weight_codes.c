/* SPDX-License-Identifier: MIT */
#include "formats/weight_codes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/error.h"

unsigned char heed_weight_code(float weight, int levels)
{
    if (!isfinite(weight))
        return HEED_WEIGHT_NOT_FINITE;
    return (unsigned char)(sqrtf(fminf(fmaxf(weight, 0.0f), 1.0f)) * (float)levels + 0.5f);
}

void heed_weight_codes(const float *pattern, int64_t n, int levels, unsigned char *codes)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j <= i; j++)
            *codes++ = heed_weight_code(pattern[i * n + j], levels);
}

void heed_weight_codes_shrink(const unsigned char *codes, int64_t n, int side, unsigned char *map)
{
    memset(map, 0, (size_t)side * (size_t)side);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j <= i; j++, codes++) {
            /* the cell whose range holds i: the last with n a / side <= i */
            const int64_t a = ((i + 1) * side - 1) / n, b = ((j + 1) * side - 1) / n;

            if (*codes > map[a * side + b])
                map[a * side + b] = *codes;
        }
}

heed_status heed_bytes_pack(const void *bytes, size_t n, unsigned char **packed, size_t *n_packed,
                            heed_error *err)
{
    uLongf size = compressBound(n);

    *packed = malloc(size);
    if (*packed == NULL || compress2(*packed, &size, bytes, n, Z_DEFAULT_COMPRESSION) != Z_OK) {
        free(*packed);
        *packed = NULL;
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to pack %zu bytes", n);
    }
    *n_packed = size;
    return HEED_OK;
}
