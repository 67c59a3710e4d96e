/* SPDX-License-Identifier: MIT */
/* Builders of cases_layers.c, for the table in cases_table.c: gates, RMSNorm, log-softmax, positions. */
#ifndef HEED_TESTS_OPS_CASES_LAYERS_H
#define HEED_TESTS_OPS_CASES_LAYERS_H

#include "cases_products.h"

case_build silu, silu_heads, sigmoid, sigmoid_heads, tanh_map, tanh_heads, swiglu, swiglu_of_itself,
    swiglu_strided, swiglu_halves, swiglu_many, log_softmax, log_softmax_one, log_softmax_strided,
    log_softmax_many, rmsnorm, rmsnorm_one, rmsnorm_strided, rmsnorm_many, sinusoidal, sinusoidal_far,
    sinusoidal_back, rotary, rotary_interleaved, rotary_part, rotary_rows, sinusoidal_rows,
    rotary_part_interleaved, rotary_positions, rotary_ntk, rotary_yarn, rotary_many, rotary_many_interleaved;

#endif
