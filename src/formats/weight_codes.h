/* SPDX-License-Identifier: MIT */
/*
 * A causal attention pattern in few bytes, for pictures.
 *
 *     code   c = round(L sqrt(p))            p in 0 .. 1, clamped; L levels, at most HEED_WEIGHT_LEVELS
 *     value  q = (c / L)^2                   |q - p| <= sqrt(p) / L + 1 / (4 L^2)
 *
 * With 254 levels a weight of 1 is off by at most 0.4 %, one of 0.01 by 0.0004. The square root gives small weights
 * finer steps than large ones, and leaves the many tiny ones few different codes, which pack well. Code 255 is a weight
 * that is not finite. What lies above the diagonal is not kept:
 *
 *     codes  c(0,0)  c(1,0) c(1,1)  c(2,0) c(2,1) c(2,2)  ...        n (n + 1) / 2 bytes, a row a query
 *
 * packed as zlib's stream (RFC 1950), which browsers unpack by themselves.
 */
#ifndef HEED_FORMATS_WEIGHT_CODES_H
#define HEED_FORMATS_WEIGHT_CODES_H

#include <heed/status.h>
#include <stddef.h>
#include <stdint.h>

#define HEED_WEIGHT_LEVELS     254
#define HEED_WEIGHT_NOT_FINITE 255

/** The code of one weight. */
unsigned char heed_weight_code(float weight, int levels);
/** The codes of pattern [n, n] in codes [n (n + 1) / 2]. */
void heed_weight_codes(const float *pattern, int64_t n, int levels, unsigned char *codes);
/**
 * The largest code of each cell of a map of side x side: cell (i, j) holds queries and keys n i / side to n (i + 1) / side.
 * map [side, side]; side is at most n.
 */
void heed_weight_codes_shrink(const unsigned char *codes, int64_t n, int side, unsigned char *map);

/** Packs n bytes; *packed is allocated, free() it. HEED_ERR_MEMORY. */
heed_status heed_bytes_pack(const void *bytes, size_t n, unsigned char **packed, size_t *n_packed,
                            heed_error *err);

#endif
