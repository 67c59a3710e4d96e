/* SPDX-License-Identifier: MIT */
/* Kernels for AVX2 with fused multiply-add: 8 floats, 16 registers. */
#if defined(__x86_64__)

/* The instruction set is set here and not by the build, so that no other file can be compiled with it by mistake. */
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,bmi2"))), apply_to = function)
#else
#pragma GCC target("avx2,fma,f16c,bmi2")
#endif

#define TABLE        heed_kernels_avx2
#define TABLE_NAME   "avx2"
#define LANES        8
#define TILE_ROWS    6
#define TILE_VECTORS 2
#include "kernels/vector_table.inc.h"

#if defined(__clang__)
#pragma clang attribute pop
#endif

#else
typedef int heed_kernels_avx2_need_x86; /* a file may not be empty */
#endif
