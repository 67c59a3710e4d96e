/* SPDX-License-Identifier: MIT */
/* Kernels for AVX2 with fused multiply-add: 8 floats, 16 registers. The build sets the instruction set. */
#define TABLE        heed_kernels_avx2
#define TABLE_NAME   "avx2"
#define LANES        8
#define TILE_ROWS    6
#define TILE_VECTORS 2
#include "kernels/vector_table.inc.h"
