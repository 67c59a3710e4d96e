/* SPDX-License-Identifier: MIT */
/* Numbers of one real type as another, piece by piece. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "formats/safetensors.h"
#include "tensor/tensor.h"

enum { PIECE = 4096 };

/*
 * A double as a float to be rounded again: what is not exact gets an odd last bit. A float has more than two bits to
 * spare over a half, so the second rounding comes out as one rounding of the double would.
 * Source: Boldo, Melquiond 2008, "Emulation of FMA and correctly rounded sums", 2.
 */
static float round_to_odd(double x)
{
    float y = (float)x;
    uint32_t bits;

    if ((double)y == x || isnan(x) || isinf(x))
        return y;
    if (fabs((double)y) > fabs(x)) /* towards zero first */
        y = nextafterf(y, 0.0f);
    memcpy(&bits, &y, sizeof bits);
    bits |= 1;
    memcpy(&y, &bits, sizeof y);
    return y;
}

/* n floats from place `first` on, ready to be rounded to a half. */
static void read_piece(const heed_safetensors_entry *entry, int64_t first, int64_t n, float *out)
{
    heed_safetensors_entry piece = *entry;
    const size_t step = heed_safetensors_dtype_bytes(entry->dtype);
    double x;

    piece.data = (const char *)entry->data + (size_t)first * step;
    piece.count = n;
    piece.bytes = (size_t)n * step;
    if (entry->dtype != HEED_SAFETENSORS_F64) {
        heed_safetensors_read_f32(&piece, out, NULL);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        memcpy(&x, (const char *)piece.data + (size_t)i * step, sizeof x);
        out[i] = round_to_odd(x);
    }
}

static int64_t to_halves(const float *x, int64_t n, heed_safetensors_dtype dtype, uint16_t *y)
{
    const bool is_f16 = dtype == HEED_SAFETENSORS_F16;
    const uint16_t infinity = is_f16 ? 0x7c00 : 0x7f80;
    int64_t n_overflows = 0;

    for (int64_t i = 0; i < n; i++) {
        y[i] = is_f16 ? heed_f16_of_float(x[i]) : heed_bf16_of_float(x[i]);
        n_overflows += (y[i] & 0x7fff) == infinity && isfinite(x[i]);
    }
    return n_overflows;
}

static int64_t to_floats(const heed_safetensors_entry *entry, int64_t first, int64_t n, float *y)
{
    const char *from = (const char *)entry->data + (size_t)first * sizeof(double);
    int64_t n_overflows = 0;
    double x;

    if (entry->dtype != HEED_SAFETENSORS_F64) {
        read_piece(entry, first, n, y);
        return 0;
    }
    for (int64_t i = 0; i < n; i++) {
        memcpy(&x, from + (size_t)i * sizeof x, sizeof x);
        y[i] = (float)x;
        n_overflows += isinf(y[i]) && isfinite(x);
    }
    return n_overflows;
}

heed_status heed_safetensors_put_as(const heed_safetensors_entry *entry, heed_safetensors_dtype dtype,
                                    heed_file_sink *sink, int64_t *n_overflows, heed_error *err)
{
    float floats[PIECE];
    uint16_t halves[PIECE];

    *n_overflows = 0;
    if (dtype == entry->dtype)
        return heed_file_put(sink, entry->data, entry->bytes) ? HEED_OK : HEED_ERR_FILE;
    if (!heed_safetensors_is_real(entry->dtype) || !heed_safetensors_is_real(dtype) ||
        dtype == HEED_SAFETENSORS_F64)
        return heed_fail(err, HEED_ERR_USAGE, "%s numbers cannot be written as %s",
                         heed_safetensors_dtype_name(entry->dtype), heed_safetensors_dtype_name(dtype));
    for (int64_t first = 0; first < entry->count; first += PIECE) {
        const int64_t n = entry->count - first < PIECE ? entry->count - first : PIECE;
        bool put;
        if (dtype == HEED_SAFETENSORS_F32) {
            *n_overflows += to_floats(entry, first, n, floats);
            put = heed_file_put(sink, floats, (size_t)n * sizeof *floats);
        } else {
            read_piece(entry, first, n, floats);
            *n_overflows += to_halves(floats, n, dtype, halves);
            put = heed_file_put(sink, halves, (size_t)n * sizeof *halves);
        }
        if (!put)
            return HEED_ERR_FILE;
    }
    return HEED_OK;
}
