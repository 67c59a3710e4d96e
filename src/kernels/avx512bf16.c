/* SPDX-License-Identifier: MIT */
/* As avx512, for processors that also multiply pairs of bfloat16. The build sets the instruction set. */
#define TABLE        heed_kernels_avx512bf16
#define TABLE_NAME   "avx512bf16"
#define LANES        16
#define TILE_ROWS    6
#define TILE_VECTORS 4
#include "kernels/vector_table.inc.h"
