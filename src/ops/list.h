/* SPDX-License-Identifier: MIT */
/* Every op, by name: one declaration here and one line in list.c. */
#ifndef HEED_OPS_LIST_H
#define HEED_OPS_LIST_H

#include "graph/op.h"

/* looking up */
extern const heed_op heed_op_embedding, heed_op_embedding_backward;
extern const heed_op heed_op_position_embedding, heed_op_position_embedding_backward;
extern const heed_op heed_op_sinusoidal, heed_op_rotary;

/* products */
extern const heed_op heed_op_linear, heed_op_linear_backward_input, heed_op_linear_backward_weight;
extern const heed_op heed_op_matmul;

/* views and copies */
extern const heed_op heed_op_reshape, heed_op_narrow, heed_op_split_heads, heed_op_merge_heads, heed_op_alias;
extern const heed_op heed_op_copy, heed_op_widen;
extern const heed_op heed_op_to_bf16, heed_op_to_f32;

/* attention */
extern const heed_op heed_op_attention, heed_op_attention_backward;
extern const heed_op heed_op_attention_scores, heed_op_attention_scores_backward;
extern const heed_op heed_op_attention_lookup, heed_op_attention_lookup_backward;
extern const heed_op heed_op_running_mean, heed_op_running_mean_backward;
extern const heed_op heed_op_cache_append;

/* element by element */
extern const heed_op heed_op_add;
extern const heed_op heed_op_scale;
extern const heed_op heed_op_gelu_tanh, heed_op_gelu_tanh_backward;
extern const heed_op heed_op_gelu_erf, heed_op_gelu_erf_backward;
extern const heed_op heed_op_relu, heed_op_relu_backward;
extern const heed_op heed_op_silu, heed_op_silu_backward;
extern const heed_op heed_op_sigmoid, heed_op_sigmoid_backward;
extern const heed_op heed_op_tanh, heed_op_tanh_backward;
extern const heed_op heed_op_swiglu, heed_op_swiglu_backward;
extern const heed_op heed_op_dropout;

/* rows */
extern const heed_op heed_op_softmax, heed_op_softmax_backward;
extern const heed_op heed_op_log_softmax, heed_op_log_softmax_backward;
extern const heed_op heed_op_layernorm, heed_op_layernorm_backward;
extern const heed_op heed_op_rmsnorm, heed_op_rmsnorm_backward;

/* mixture of experts */
extern const heed_op heed_op_top_k, heed_op_expert_gates, heed_op_expert_gates_backward, heed_op_expert_rows;
extern const heed_op heed_op_expert_dispatch, heed_op_expert_dispatch_backward;
extern const heed_op heed_op_expert_linear, heed_op_expert_linear_backward_input;
extern const heed_op heed_op_expert_linear_backward_weight;
extern const heed_op heed_op_expert_combine, heed_op_expert_combine_backward;
extern const heed_op heed_op_balance_loss, heed_op_balance_loss_backward;

/* losses and sums */
extern const heed_op heed_op_cross_entropy, heed_op_cross_entropy_backward, heed_op_cross_entropy_rows;
extern const heed_op heed_op_linear_cross_entropy, heed_op_linear_cross_entropy_backward;
extern const heed_op heed_op_linear_cross_entropy_rows;
extern const heed_op heed_op_distill_loss, heed_op_distill_loss_backward;
extern const heed_op heed_op_sum, heed_op_sum_leading, heed_op_repeat;

/* update */
extern const heed_op heed_op_sum_squares, heed_op_sqrt, heed_op_clip_factor;
extern const heed_op heed_op_adamw, heed_op_sgd, heed_op_momentum;

#endif
