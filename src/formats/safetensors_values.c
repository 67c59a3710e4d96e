/* SPDX-License-Identifier: MIT */
/* Element types: their sizes, and their numbers as float and int32. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "formats/safetensors.h"
#include "tensor/tensor.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "safetensors data is read in place, so as little-endian");

#define DTYPE_ROW(name, bytes) {#name, bytes},
static const struct {
    const char *name;
    size_t bytes;
} dtypes[HEED_SAFETENSORS_N_DTYPES] = {HEED_SAFETENSORS_DTYPES(DTYPE_ROW)};
#undef DTYPE_ROW

const char *heed_safetensors_dtype_name(heed_safetensors_dtype dtype)
{
    return dtypes[dtype].name;
}

size_t heed_safetensors_dtype_bytes(heed_safetensors_dtype dtype)
{
    return dtypes[dtype].bytes;
}

bool heed_safetensors_measure(heed_safetensors_entry *entry)
{
    size_t count = 1;

    for (int i = 0; i < entry->rank; i++)
        if (entry->size[i] < 0 || !heed_size_mul(count, (size_t)entry->size[i], &count))
            return false;
    if (count > INT64_MAX || !heed_size_mul(count, dtypes[entry->dtype].bytes, &entry->bytes))
        return false;
    entry->count = (int64_t)count;
    return true;
}

const char *heed_safetensors_shape(char *out, size_t size, const heed_safetensors_entry *entry)
{
    size_t used = (size_t)snprintf(out, size, "[");

    for (int i = 0; i < entry->rank && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%lld", i > 0 ? ", " : "",
                                 (long long)entry->size[i]);
    if (used < size)
        snprintf(out + used, size - used, "]");
    return out;
}

bool heed_safetensors_is_real(heed_safetensors_dtype dtype)
{
    return dtype == HEED_SAFETENSORS_F64 || dtype == HEED_SAFETENSORS_F32 || dtype == HEED_SAFETENSORS_F16 ||
           dtype == HEED_SAFETENSORS_BF16;
}

/* The real number at p, which need not be aligned. */
static double real_at(heed_safetensors_dtype dtype, const char *p)
{
    double f64;
    float f32;
    uint16_t u16;

    if (dtype == HEED_SAFETENSORS_F64)
        return memcpy(&f64, p, sizeof f64), f64;
    if (dtype == HEED_SAFETENSORS_F32)
        return memcpy(&f32, p, sizeof f32), (double)f32;
    memcpy(&u16, p, sizeof u16);
    return (double)(dtype == HEED_SAFETENSORS_F16 ? heed_float_of_f16(u16) : heed_float_of_bf16(u16));
}

/* The integer at p; a BOOL is 0 or 1 whatever its byte. */
static int64_t integer_at(heed_safetensors_dtype dtype, const char *p)
{
    int64_t i64;
    int32_t i32;
    int16_t i16;

    switch (dtype) {
    case HEED_SAFETENSORS_I64:
        memcpy(&i64, p, sizeof i64);
        return i64;
    case HEED_SAFETENSORS_I32:
        memcpy(&i32, p, sizeof i32);
        return i32;
    case HEED_SAFETENSORS_I16:
        memcpy(&i16, p, sizeof i16);
        return i16;
    case HEED_SAFETENSORS_I8:
        return (signed char)*p;
    case HEED_SAFETENSORS_U8:
        return (unsigned char)*p;
    default:
        return *p != 0;
    }
}

double heed_safetensors_number(const heed_safetensors_entry *entry, int64_t i)
{
    const char *p = (const char *)entry->data + (size_t)i * dtypes[entry->dtype].bytes;

    return heed_safetensors_is_real(entry->dtype) ? real_at(entry->dtype, p)
                                                  : (double)integer_at(entry->dtype, p);
}

const float *heed_safetensors_f32(const heed_safetensors_entry *entry)
{
    if (entry->dtype != HEED_SAFETENSORS_F32 || (uintptr_t)entry->data % _Alignof(float) != 0)
        return NULL;
    return entry->data;
}

heed_status heed_safetensors_read_f32(const heed_safetensors_entry *entry, float *out, heed_error *err)
{
    const char *p = entry->data;
    const size_t step = dtypes[entry->dtype].bytes;

    (void)err; /* every number of every type has a float */
    if (entry->dtype == HEED_SAFETENSORS_F32) {
        if (entry->bytes > 0)
            memcpy(out, p, entry->bytes);
    } else if (heed_safetensors_is_real(entry->dtype)) {
        for (int64_t i = 0; i < entry->count; i++, p += step)
            out[i] = (float)real_at(entry->dtype, p);
    } else {
        for (int64_t i = 0; i < entry->count; i++, p += step)
            out[i] = (float)integer_at(entry->dtype, p);
    }
    return HEED_OK;
}

static heed_status refuse_value(const heed_safetensors_entry *entry, int64_t i, double value, heed_error *err)
{
    char name[128];

    return heed_fail(
        err, HEED_ERR_FILE, "%s: tensor \"%s\": expected whole numbers of 32 bits, got %.17g at index %lld",
        entry->where, heed_quote(name, sizeof name, entry->name, strlen(entry->name)), value, (long long)i);
}

heed_status heed_safetensors_read_i32(const heed_safetensors_entry *entry, int32_t *out, heed_error *err)
{
    const char *p = entry->data;
    const size_t step = dtypes[entry->dtype].bytes;
    const bool real = heed_safetensors_is_real(entry->dtype);

    for (int64_t i = 0; i < entry->count; i++, p += step) {
        if (real) {
            const double value = real_at(entry->dtype, p);
            if (!(value >= INT32_MIN && value <= INT32_MAX) || value != floor(value))
                return refuse_value(entry, i, value, err);
            out[i] = (int32_t)value;
        } else {
            const int64_t value = integer_at(entry->dtype, p);
            if (value < INT32_MIN || value > INT32_MAX)
                return refuse_value(entry, i, (double)value, err);
            out[i] = (int32_t)value;
        }
    }
    return HEED_OK;
}
