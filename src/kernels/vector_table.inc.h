/* SPDX-License-Identifier: MIT */
/*
 * One table of kernels. An instruction set's file sets LANES, TILE_ROWS, TILE_VECTORS, TABLE (the table's variable)
 * and TABLE_NAME, then includes this file.
 */
#include "kernels/kernels.h"
#include "kernels/vector.inc.h"
#include "kernels/vector_product.inc.h"

extern const heed_kernels TABLE;

const heed_kernels TABLE = {
    .name = TABLE_NAME,
    .lanes = LANES,
    .tile_rows = TILE_ROWS,
    .tile_columns = TILE_COLUMNS,
    .rows_dot = rows_dot,
    .rows_combine = rows_combine,
    .product_block = product_block,
    .from_bf16 = from_bf16,
    .to_bf16 = to_bf16,
};
