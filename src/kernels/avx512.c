/* SPDX-License-Identifier: MIT */
/* Kernels for AVX-512 (F, BW, DQ, VL): 16 floats, 32 registers. The build sets the instruction set. */
#define TABLE        heed_kernels_avx512
#define TABLE_NAME   "avx512"
#define LANES        16
#define TILE_ROWS    6
#define TILE_VECTORS 4
#include "kernels/vector_table.inc.h"
