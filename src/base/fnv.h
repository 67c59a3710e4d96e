/* SPDX-License-Identifier: MIT */
/* FNV-1a, 64 bits: a hash of few bytes that is the same everywhere. Not against somebody who seeks collisions. */
#ifndef HEED_BASE_FNV_H
#define HEED_BASE_FNV_H

#include <stddef.h>
#include <stdint.h>

#define HEED_FNV_BEGIN UINT64_C(14695981039346656037)

/** Goes on from hash, which begins as HEED_FNV_BEGIN. */
static inline uint64_t heed_fnv(uint64_t hash, const void *data, size_t n)
{
    const unsigned char *bytes = data;

    for (size_t i = 0; i < n; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(1099511628211);
    return hash;
}

#endif
