/* SPDX-License-Identifier: MIT */
#include "data/packing.h"

#include "data/source.h"

heed_packing heed_packing_for(int64_t vocab_size, bool marked)
{
    const int64_t n = marked ? 2 * vocab_size : vocab_size;

    return (heed_packing){.bytes_per_token = n <= 0x100 ? 1 : n <= 0x10000 ? 2 : 4, .marked = marked};
}

void heed_packing_put(const heed_packing *p, uint8_t *out, const int32_t *ids, size_t n, bool counts)
{
    for (size_t i = 0; i < n; i++) {
        const uint32_t value = p->marked ? 2 * (uint32_t)ids[i] + counts : (uint32_t)ids[i];

        for (int k = 0; k < p->bytes_per_token; k++)
            *out++ = (uint8_t)(value >> 8 * k);
    }
}

/* n values; the loops by width are for the compiler. */
static void widen(const uint8_t *in, int width, int64_t n, int32_t *out)
{
    switch (width) {
    case 1:
        for (int64_t i = 0; i < n; i++)
            out[i] = in[i];
        break;
    case 2:
        for (int64_t i = 0; i < n; i++)
            out[i] = in[2 * i] | in[2 * i + 1] << 8;
        break;
    default:
        for (int64_t i = 0; i < n; i++)
            out[i] = (int32_t)((uint32_t)in[4 * i] | (uint32_t)in[4 * i + 1] << 8 |
                               (uint32_t)in[4 * i + 2] << 16 | (uint32_t)in[4 * i + 3] << 24);
    }
}

void heed_packing_get(const heed_packing *p, const uint8_t *in, int64_t n, int32_t *ids, int32_t *targets)
{
    int32_t *outs[] = {ids, targets};

    for (int k = 0; k < 2; k++) {
        if (outs[k] == NULL)
            continue;
        widen(in, p->bytes_per_token, n, outs[k]);
        for (int64_t i = 0; i < n && p->marked; i++) {
            const uint32_t value = (uint32_t)outs[k][i];
            outs[k][i] = k == 1 && value % 2 == 0 ? HEED_NO_TARGET : (int32_t)(value / 2);
        }
    }
}
