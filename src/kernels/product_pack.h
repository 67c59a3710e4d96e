/* SPDX-License-Identifier: MIT */
/* Operands of the register tile, in the order in which product_block() reads them. */
#ifndef HEED_KERNELS_PRODUCT_PACK_H
#define HEED_KERNELS_PRODUCT_PACK_H

#include <stdbool.h>
#include <stdint.h>

/* Blocks of a product by the register tile: what is packed at a time. */
enum {
    HEED_TILE_K = 256, /* of the summed axis */
    HEED_TILE_M = 120, /* rows, at most; a multiple of every tile_rows */
};

/**
 * Packs `count` vectors of length k that lie at x + i * step, elements `stride` apart, into panels:
 * [panel][k][width]. Missing vectors of the last panel are zeros.
 */
void heed_pack_panels(float *packed, const float *x, int64_t step, int64_t stride, int64_t count, int64_t k,
                      int64_t width);
/** A row of C starts as the bias, or gets it added, before the products. */
void heed_add_bias(float *c, const float *bias, int64_t n, bool accumulate);

#endif
