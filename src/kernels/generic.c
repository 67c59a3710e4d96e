/* SPDX-License-Identifier: MIT */
/* Kernels for what every processor of the family has: SSE2 on x86, NEON on ARM; 4 floats, 16 registers at least. */
#define TABLE        heed_kernels_generic
#define TABLE_NAME   "generic"
#define LANES        4
#define TILE_ROWS    6
#define TILE_VECTORS 2
#include "kernels/vector_table.inc.h"
