/* SPDX-License-Identifier: MIT */
/*
 * Short byte strings as words of eight bytes, filled up with zeros, and their hash. Not for hostile keys that are to
 * be told apart by the hash alone: whoever finds one compares the bytes.
 */
#ifndef HEED_TEXT_HASH_H
#define HEED_TEXT_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* n bytes (0 to 8) as a word. */
static inline uint64_t heed_hash_word(const char *bytes, size_t n)
{
    uint64_t word = 0;
    uint32_t half = 0, end = 0;
    uint16_t two = 0;

    if (n >= 8) {
        memcpy(&word, bytes, 8);
    } else if (n >= 4) { /* two overlapping halves: shifted, the second one brings only what is new */
        memcpy(&half, bytes, 4);
        memcpy(&end, bytes + n - 4, 4);
        word = half | (uint64_t)end << 8 * (n - 4);
    } else if (n >= 2) {
        memcpy(&two, bytes, 2);
        word = two | (uint64_t)(unsigned char)bytes[n - 1] << 8 * (n - 1);
    } else if (n == 1) {
        word = (unsigned char)bytes[0];
    }
    return word;
}

static inline uint64_t heed_hash_mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 32;
}

static inline uint64_t heed_hash_bytes(const char *bytes, size_t n)
{
    uint64_t hash = n;

    for (; n > 8; bytes += 8, n -= 8)
        hash = heed_hash_mix(hash, heed_hash_word(bytes, 8));
    return heed_hash_mix(hash, heed_hash_word(bytes, n));
}

#endif
