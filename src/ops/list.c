/* SPDX-License-Identifier: MIT */
#include "ops/list.h"

#include "ops/ops.h"

const heed_op *const heed_ops[] = {
    /* looking up */
    &heed_op_embedding,
    &heed_op_embedding_backward,
    &heed_op_position_embedding,
    &heed_op_position_embedding_backward,
    &heed_op_sinusoidal,
    &heed_op_rotary,
    /* products */
    &heed_op_linear,
    &heed_op_linear_backward_input,
    &heed_op_linear_backward_weight,
    &heed_op_matmul,
    /* element by element */
    &heed_op_add,
    &heed_op_scale,
    &heed_op_gelu_tanh,
    &heed_op_gelu_tanh_backward,
    &heed_op_gelu_erf,
    &heed_op_gelu_erf_backward,
    &heed_op_relu,
    &heed_op_relu_backward,
    &heed_op_silu,
    &heed_op_silu_backward,
    &heed_op_sigmoid,
    &heed_op_sigmoid_backward,
    &heed_op_tanh,
    &heed_op_tanh_backward,
    &heed_op_swiglu,
    &heed_op_swiglu_backward,
    &heed_op_dropout,
    /* shapes */
    &heed_op_reshape,
    &heed_op_narrow,
    &heed_op_widen,
    &heed_op_split_heads,
    &heed_op_merge_heads,
    &heed_op_copy,
    &heed_op_to_bf16,
    &heed_op_to_f32,
    &heed_op_alias,
    /* rows */
    &heed_op_softmax,
    &heed_op_softmax_backward,
    &heed_op_log_softmax,
    &heed_op_log_softmax_backward,
    &heed_op_layernorm,
    &heed_op_layernorm_backward,
    &heed_op_rmsnorm,
    &heed_op_rmsnorm_backward,
    /* attention */
    &heed_op_attention,
    &heed_op_attention_backward,
    &heed_op_attention_scores,
    &heed_op_attention_scores_backward,
    &heed_op_cache_append,
    /* mixture of experts */
    &heed_op_top_k,
    &heed_op_expert_gates,
    &heed_op_expert_gates_backward,
    &heed_op_expert_rows,
    &heed_op_expert_dispatch,
    &heed_op_expert_dispatch_backward,
    &heed_op_expert_linear,
    &heed_op_expert_linear_backward_input,
    &heed_op_expert_linear_backward_weight,
    &heed_op_expert_combine,
    &heed_op_expert_combine_backward,
    &heed_op_balance_loss,
    &heed_op_balance_loss_backward,
    /* losses and sums */
    &heed_op_cross_entropy,
    &heed_op_cross_entropy_backward,
    &heed_op_cross_entropy_rows,
    &heed_op_linear_cross_entropy,
    &heed_op_linear_cross_entropy_backward,
    &heed_op_sum,
    &heed_op_sum_leading,
    &heed_op_repeat,
    /* update */
    &heed_op_sum_squares,
    &heed_op_sqrt,
    &heed_op_clip_factor,
    &heed_op_adamw,
    &heed_op_sgd,
};

const int heed_n_ops = (int)(sizeof heed_ops / sizeof heed_ops[0]);
