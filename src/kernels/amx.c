/* SPDX-License-Identifier: MIT */
/* As avx512bf16, for processors with AMX, which multiplies tiles of bfloat16. The build sets the instruction set. */
#define TABLE        heed_kernels_amx
#define TABLE_NAME   "amx"
#define LANES        16
#define TILE_ROWS    6
#define TILE_VECTORS 4
#include "kernels/vector_table.inc.h"
