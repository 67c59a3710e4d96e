/* SPDX-License-Identifier: MIT */
/* Kernels for AVX-512 (F, BW, DQ, VL): 16 floats, 32 registers. */
#if defined(__x86_64__)

/* The instruction set is set here and not by the build, so that no other file can be compiled with it by mistake. */
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,bmi2,avx512f,avx512bw,avx512dq,avx512vl"))), \
                             apply_to = function)
#else
#pragma GCC target("avx2,fma,f16c,bmi2,avx512f,avx512bw,avx512dq,avx512vl")
#endif

#define TABLE        heed_kernels_avx512
#define TABLE_NAME   "avx512"
#define LANES        16
#define TILE_ROWS    6
#define TILE_VECTORS 4
#include "kernels/vector_table.inc.h"

#if defined(__clang__)
#pragma clang attribute pop
#endif

#else
typedef int heed_kernels_avx512_need_x86; /* a file may not be empty */
#endif
