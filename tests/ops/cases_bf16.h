/* SPDX-License-Identifier: MIT */
/* Builders of cases_bf16.c, for the table in cases_table.c: what training in bf16 makes of ops. */
#ifndef HEED_TESTS_OPS_CASES_BF16_H
#define HEED_TESTS_OPS_CASES_BF16_H

#include "cases_attention.h"

/* A kernel's last bit may turn a rounding to bf16: 2^-7 of the number, as many terms of a sum are allowed. */
#define ROUNDINGS(n) (16384 * (n))

case_build gelu_tanh_bf16, gelu_erf_bf16, relu_bf16, silu_bf16, gelu_bf16_strided, gelu_bf16_many;
case_build swiglu_bf16, swiglu_bf16_many;
case_build linear_bf16, linear_bf16_stored, linear_bf16_by_rows, linear_bf16_one_row, linear_bf16_strided;
case_build linear_bf16_weight, linear_bf16_panels, linear_bf16_many, mlp_bf16, swiglu_mlp_bf16;
case_build attention_bf16, attention_bf16_fused;
case_build head_bf16, head_bf16_strided, head_bf16_tiles, head_bf16_chunks, head_bf16_parts;

#endif
