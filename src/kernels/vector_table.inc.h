/* SPDX-License-Identifier: MIT */
/*
 * One table of kernels. An instruction set's file sets LANES, TILE_ROWS, TILE_VECTORS, TABLE (the table's variable)
 * and TABLE_NAME, then includes this file.
 */
/* Each builds on those before it. */
/* clang-format off */
#include "kernels/kernels.h"
#include "kernels/vector.inc.h"
#include "kernels/vector_attention_keys.inc.h"
#include "kernels/vector_attention.inc.h"
#include "kernels/vector_attention_pack.inc.h"
#include "kernels/vector_attention_softmax.inc.h"
#include "kernels/vector_attention_adjust.inc.h"
#include "kernels/vector_attention_show.inc.h"
#include "kernels/vector_attention_forward.inc.h"
#include "kernels/vector_attention_backward.inc.h"
#include "kernels/vector_maps.inc.h"
#include "kernels/vector_gates.inc.h"
#include "kernels/vector_dropout.inc.h"
#include "kernels/vector_rotary.inc.h"
#include "kernels/vector_product.inc.h"
#include "kernels/vector_weights.inc.h"
#include "kernels/vector_attention_row.inc.h"
#include "kernels/vector_attention_bf16_row.inc.h"
#include "kernels/vector_attention_bf16.inc.h"
#include "kernels/vector_rows.inc.h"
#include "kernels/vector_log_softmax.inc.h"
#include "kernels/vector_likelihood.inc.h"
#include "kernels/vector_rmsnorm.inc.h"
/* clang-format on */

extern const heed_kernels TABLE;

const heed_kernels TABLE = {
    .name = TABLE_NAME,
    .lanes = LANES,
    .tile_rows = TILE_ROWS,
    .tile_columns = TILE_COLUMNS,
    .add = add_maps,
    .scale = scale_map,
    .gelu_tanh = gelu_tanh,
    .gelu_erf = gelu_erf,
    .relu = relu,
    .gelu_tanh_backward = gelu_tanh_backward,
    .gelu_erf_backward = gelu_erf_backward,
    .relu_backward = relu_backward,
    .silu = silu,
    .sigmoid = sigmoid,
    .tanh = tanh_map,
    .silu_backward = silu_backward,
    .sigmoid_backward = sigmoid_backward,
    .tanh_backward = tanh_backward,
    .swiglu = swiglu,
    .swiglu_backward = swiglu_backward,
    .rotary = rotary,
    .softmax = softmax,
    .softmax_backward = softmax_backward,
    .log_softmax = log_softmax,
    .log_softmax_backward = log_softmax_backward,
    .token_weights = token_weights,
    .largest_token = largest_token,
    .layernorm = layernorm,
    .layernorm_backward = layernorm_backward,
    .rmsnorm = rmsnorm,
    .rmsnorm_backward = rmsnorm_backward,
    .column_sums = column_sums,
    .tile_max_sum = tile_max_sum,
    .tile_probabilities = tile_probabilities,
    .sum_squares = sum_squares,
    .sum = sum_elements,
    .adamw = adamw,
    .dropout = dropout,
    .rows_dot = rows_dot,
    .rows_combine = rows_combine,
    .stream_dot = stream_dot,
    .stream_combine = stream_combine,
    .widen_weights = widen_weights,
    .attention_scratch = attention_scratch,
    .attention = attention,
    .attention_backward = attention_backward,
    .attention_bf16_scratch = attention_bf16_scratch,
    .attention_bf16 = attention_bf16,
    .attention_bf16_backward = attention_bf16_backward,
    .product_block = product_block,
    .from_bf16 = from_bf16,
    .to_bf16 = to_bf16,
};
