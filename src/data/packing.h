/* SPDX-License-Identifier: MIT */
/*
 * How token ids lie in memory and in token files: little-endian numbers of one, two or four bytes, all as wide as the
 * largest needs.
 *
 *     plain    id
 *     marked   2 id + 1 where the token is a target, 2 id where nothing is to be learned from it
 */
#ifndef HEED_DATA_PACKING_H
#define HEED_DATA_PACKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct heed_packing {
    int bytes_per_token; /* 1, 2 or 4 */
    bool marked;
} heed_packing;

heed_packing heed_packing_for(int64_t vocab_size, bool marked);
/** Writes n ids, n bytes_per_token bytes. */
void heed_packing_put(const heed_packing *packing, uint8_t *out, const int32_t *ids, size_t n, bool counts);
/** Reads n tokens: as ids, and as targets with HEED_NO_TARGET where they do not count. Either may be NULL. */
void heed_packing_get(const heed_packing *packing, const uint8_t *in, int64_t n, int32_t *ids,
                      int32_t *targets);

#endif
