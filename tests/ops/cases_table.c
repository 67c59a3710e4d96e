/* SPDX-License-Identifier: MIT */
/*
 * One function a case, the table below. Sizes are odd on purpose: tails of vectors, rows that fill no cache line. Ops are
 * also met through views (narrow, split_heads), so that their inputs and the gradients that reach them have strides.
 * Sources are declared one by one: arguments of a call have no order, and the numbers should not depend on the compiler.
 */
#include "cases_attention.h"
#include "cases_bf16.h"
#include "cases_experts.h"
#include "cases_layers.h"
#include "cases_products.h"

/* --- element by element --- */

static heed_node *add_same(case_graph *c)
{
    heed_node *a = case_parameter(c, heed_shape2(3, 21)), *b = case_parameter(c, heed_shape2(3, 21));

    return heed_add(c->g, a, b);
}

static heed_node *add_one(case_graph *c)
{
    heed_node *a = case_parameter(c, heed_shape1(1)), *b = case_parameter(c, heed_shape1(1));

    return heed_add(c->g, a, b);
}

static heed_node *add_bias(case_graph *c)
{
    heed_node *a = case_parameter(c, heed_shape3(2, 3, 5)), *b = case_parameter(c, heed_shape1(5));

    return heed_add(c->g, a, b);
}

static heed_node *add_table(case_graph *c)
{
    heed_node *a = case_parameter(c, heed_shape3(2, 3, 5)), *b = case_parameter(c, heed_shape2(3, 5));

    return heed_add(c->g, a, b);
}

static heed_node *add_scalar(case_graph *c)
{
    heed_node *a = case_parameter(c, heed_shape2(2, 3)), *b = case_parameter(c, heed_shape0());

    return heed_add(c->g, a, b);
}

static heed_node *add_strided(case_graph *c)
{
    heed_node *a = case_strided(c), *b = case_parameter(c, heed_shape2(3, 7));

    return heed_add(c->g, a, b);
}

static heed_node *add_strided_bias(case_graph *c)
{
    heed_node *a = case_heads(c), *b = heed_narrow(c->g, case_parameter(c, heed_shape2(5, 9)), 1, 4);

    return heed_add(c->g, a, b);
}

static heed_node *add_to_itself(case_graph *c)
{
    heed_node *x = case_parameter(c, heed_shape2(3, 5));

    return heed_add(c->g, heed_add(c->g, x, x), x);
}

static heed_node *add_many(case_graph *c)
{
    heed_node *a = case_many(c), *b = case_parameter(c, heed_shape1(MANY_COLUMNS));

    return heed_add(c->g, a, b);
}

/* Rounding has no slope that differences could find, so these have no gradient here; test_cast.c has it. */
static heed_node *cast(case_graph *c)
{
    return heed_to_f32(c->g, heed_to_bf16(c->g, case_parameter(c, heed_shape2(3, 21))));
}

static heed_node *cast_strided(case_graph *c)
{
    return heed_to_f32(c->g, heed_narrow(c->g, heed_to_bf16(c->g, case_strided(c)), 1, 4));
}

static heed_node *cast_many(case_graph *c)
{
    return heed_to_f32(c->g, heed_to_bf16(c->g, case_many(c)));
}

static heed_node *scale(case_graph *c)
{
    return heed_scale(c->g, case_parameter(c, heed_shape2(3, 21)), -0.7f);
}

static heed_node *scale_scalar(case_graph *c)
{
    return heed_scale(c->g, case_parameter(c, heed_shape0()), 3.0f);
}

static heed_node *scale_strided(case_graph *c)
{
    return heed_scale(c->g, case_strided(c), 0.3f);
}

static heed_node *gelu_tanh(case_graph *c)
{
    return heed_gelu_tanh(c->g, case_parameter(c, heed_shape2(3, 37)));
}

static heed_node *gelu_tanh_heads(case_graph *c)
{
    return heed_merge_heads(c->g, heed_gelu_tanh(c->g, case_heads(c)));
}

static heed_node *gelu_tanh_many(case_graph *c)
{
    return heed_gelu_tanh(c->g, case_many(c));
}

static heed_node *gelu_erf(case_graph *c)
{
    return heed_gelu_erf(c->g, case_parameter(c, heed_shape2(3, 37)));
}

static heed_node *gelu_erf_heads(case_graph *c)
{
    return heed_merge_heads(c->g, heed_gelu_erf(c->g, case_heads(c)));
}

static heed_node *relu(case_graph *c)
{
    return heed_relu(c->g, case_filled(c, heed_shape2(3, 37), CASE_APART));
}

static heed_node *relu_heads(case_graph *c)
{
    heed_node *x = case_filled(c, heed_shape3(2, 5, 12), CASE_APART);

    return heed_merge_heads(c->g, heed_relu(c->g, heed_split_heads(c->g, x, 3)));
}

static heed_node *dropout(case_graph *c)
{
    heed_node *x = case_parameter(c, heed_shape2(3, 37)), *window = case_int(c, 5);

    return heed_dropout(c->g, x, window, 0.25f, 7, 2);
}

static heed_node *dropout_strided(case_graph *c)
{
    heed_node *x = case_strided(c), *window = case_int(c, 100000);

    return heed_dropout(c->g, x, window, 0.5f, 7, 0);
}

static heed_node *dropout_many(case_graph *c)
{
    heed_node *x = case_many(c), *window = case_int(c, 1);

    return heed_dropout(c->g, x, window, 0.1f, 7, 1);
}

/* --- rows --- */

static heed_node *softmax(case_graph *c)
{
    return heed_softmax(c->g, case_parameter(c, heed_shape2(3, 21)));
}

static heed_node *softmax_one(case_graph *c)
{
    return heed_softmax(c->g, case_parameter(c, heed_shape2(4, 1)));
}

static heed_node *softmax_strided(case_graph *c)
{
    return heed_softmax(c->g, case_strided(c));
}

static heed_node *softmax_heads(case_graph *c)
{
    return heed_merge_heads(c->g, heed_softmax(c->g, case_heads(c)));
}

static heed_node *softmax_many(case_graph *c)
{
    return heed_softmax(c->g, case_many(c));
}

/* gamma and beta for rows of n. */
static heed_node *normalized(case_graph *c, heed_node *x, int64_t n, float eps)
{
    heed_node *gamma = case_parameter(c, heed_shape1(n)), *beta = case_parameter(c, heed_shape1(n));

    return heed_layernorm(c->g, x, gamma, beta, eps);
}

static heed_node *layernorm(case_graph *c)
{
    return normalized(c, case_parameter(c, heed_shape3(2, 3, 21)), 21, 1e-5f);
}

/* A variance of 0 multiplies every rounding by 1 / sqrt(eps), so eps is large. */
static heed_node *layernorm_one(case_graph *c)
{
    return normalized(c, case_parameter(c, heed_shape2(3, 1)), 1, 0.5f);
}

static heed_node *layernorm_no_beta(case_graph *c)
{
    heed_node *x = case_parameter(c, heed_shape2(5, 8)), *gamma = case_parameter(c, heed_shape1(8));

    return heed_layernorm(c->g, x, gamma, NULL, 0.1f);
}

static heed_node *layernorm_strided(case_graph *c)
{
    return normalized(c, case_strided(c), 7, 0.1f);
}

/* Enough rows for several blocks of sums, the last one short. */
static heed_node *layernorm_many(case_graph *c)
{
    return normalized(c, case_many(c), MANY_COLUMNS, 1e-5f);
}

/* --- losses and sums --- */

static heed_node *cross_entropy(case_graph *c)
{
    heed_node *logits = case_parameter(c, heed_shape3(2, 3, 13)),
              *targets = case_ints(c, heed_shape2(2, 3), 0, 12);

    return heed_cross_entropy(c->g, logits, targets);
}

static heed_node *cross_entropy_one(case_graph *c)
{
    heed_node *logits = case_parameter(c, heed_shape2(3, 1)), *targets = case_ints(c, heed_shape1(3), 0, 0);

    return heed_cross_entropy(c->g, logits, targets);
}

static heed_node *cross_entropy_some_ignored(case_graph *c)
{
    heed_node *logits = case_parameter(c, heed_shape2(9, 4));
    heed_node *targets = case_filled_ints(c, heed_shape1(9), CASE_TARGETS, 0, 3);

    return heed_cross_entropy(c->g, logits, targets);
}

static heed_node *cross_entropy_all_ignored(case_graph *c)
{
    heed_node *logits = case_parameter(c, heed_shape2(3, 5)),
              *targets = case_ints(c, heed_shape1(3), -100, -100);

    return heed_cross_entropy(c->g, logits, targets);
}

static heed_node *cross_entropy_strided(case_graph *c)
{
    heed_node *logits = case_strided(c), *targets = case_ints(c, heed_shape1(3), 0, 6);

    return heed_cross_entropy(c->g, logits, targets);
}

static heed_node *cross_entropy_many(case_graph *c)
{
    heed_node *logits = case_many(c), *targets = case_ints(c, heed_shape1(MANY_ROWS), 0, MANY_COLUMNS - 1);

    return heed_cross_entropy(c->g, logits, targets);
}

static heed_node *cross_entropy_rows(case_graph *c)
{
    heed_node *logits = case_parameter(c, heed_shape3(2, 3, 13));
    heed_node *targets = case_filled_ints(c, heed_shape2(2, 3), CASE_TARGETS, 0, 12);

    return heed_cross_entropy_rows(c->g, logits, targets);
}

static heed_node *sum(case_graph *c)
{
    return heed_sum(c->g, case_parameter(c, heed_shape3(2, 3, 7)));
}

static heed_node *sum_strided(case_graph *c)
{
    return heed_sum(c->g, case_heads(c));
}

static heed_node *sum_many(case_graph *c)
{
    return heed_sum(c->g, case_many(c));
}

static heed_node *mean(case_graph *c)
{
    return heed_mean(c->g, case_parameter(c, heed_shape2(5, 7)));
}

static heed_node *sum_leading(case_graph *c)
{
    return heed_sum_leading(c->g, case_parameter(c, heed_shape3(4, 3, 7)), 2);
}

static heed_node *sum_leading_strided(case_graph *c)
{
    return heed_sum_leading(c->g, case_strided(c), 1);
}

static heed_node *sum_leading_heads(case_graph *c)
{
    return heed_sum_leading(c->g, case_heads(c), 2);
}

static heed_node *sum_leading_many(case_graph *c)
{
    return heed_sum_leading(c->g, case_many(c), 1);
}

static heed_node *repeat(case_graph *c)
{
    return heed_repeat(c->g, case_parameter(c, heed_shape1(7)), heed_shape3(2, 3, 7));
}

static heed_node *repeat_strided(case_graph *c)
{
    return heed_repeat(c->g, case_strided(c), heed_shape3(2, 3, 7));
}

/* --- update --- */

static heed_node *sum_squares(case_graph *c)
{
    heed_node *before = heed_sum_squares(c->g, case_parameter(c, heed_shape1(3)), NULL);

    return heed_sum_squares(c->g, case_many(c), before);
}

static heed_node *clip(case_graph *c)
{
    heed_node *norm = heed_sqrt(c->g, heed_sum_squares(c->g, case_strided(c), NULL));

    return heed_clip_factor(c->g, norm, 2.0f);
}

static heed_node *clip_off(case_graph *c)
{
    return heed_clip_factor(c->g, case_filled(c, heed_shape0(), CASE_POSITIVE), 0.0f);
}

static heed_node *adamw_step(case_graph *c, heed_shape shape, int first_step, bool clipped, float weight_decay,
                             float l2)
{
    const heed_adamw_options options = {
        .beta1 = 0.9f, .beta2 = 0.95f, .eps = 1e-3f, .weight_decay = weight_decay, .l2 = l2};
    heed_node *p = case_parameter(c, shape), *m = case_parameter(c, shape);
    heed_node *v = case_filled(c, shape, CASE_POSITIVE), *grad = case_parameter(c, shape);
    heed_node *lr = case_filled(c, heed_shape0(), CASE_POSITIVE), *t = case_int(c, first_step);
    heed_node *factor = clipped ? case_filled(c, heed_shape0(), CASE_POSITIVE) : NULL;

    return heed_adamw(c->g, p, m, v, grad, lr, t, factor, &options).p;
}

static heed_node *adamw(case_graph *c)
{
    return adamw_step(c, heed_shape2(3, 21), 3, false, 0.1f, 0.0f);
}

static heed_node *adamw_clipped(case_graph *c)
{
    return adamw_step(c, heed_shape2(MANY_ROWS, MANY_COLUMNS), 20, true, 0.0f, 0.0f);
}

static heed_node *adam(case_graph *c)
{
    return adamw_step(c, heed_shape2(3, 21), 2, true, 0.0f, 0.25f);
}

static heed_node *sgd(case_graph *c)
{
    heed_node *p = case_parameter(c, heed_shape2(3, 7)), *grad = case_strided(c);
    heed_node *lr = case_filled(c, heed_shape0(), CASE_POSITIVE);
    heed_node *factor = case_filled(c, heed_shape0(), CASE_POSITIVE);

    return heed_sgd(c->g, p, grad, lr, factor, 0.1f);
}

static heed_node *sgd_plain(case_graph *c)
{
    heed_node *p = case_parameter(c, heed_shape1(21)), *grad = case_parameter(c, heed_shape1(21));

    return heed_sgd(c->g, p, grad, case_filled(c, heed_shape0(), CASE_POSITIVE), NULL, 0.0f);
}

static heed_node *momentum_step(case_graph *c, heed_shape shape, bool clipped,
                                const heed_momentum_options *options)
{
    heed_node *p = case_parameter(c, shape), *m = case_parameter(c, shape), *grad = case_parameter(c, shape);
    heed_node *lr = case_filled(c, heed_shape0(), CASE_POSITIVE);
    heed_node *factor = clipped ? case_filled(c, heed_shape0(), CASE_POSITIVE) : NULL;

    return heed_momentum(c->g, p, m, grad, lr, factor, options).p;
}

static heed_node *momentum(case_graph *c)
{
    const heed_momentum_options options = {.momentum = 0.9f};

    return momentum_step(c, heed_shape2(MANY_ROWS, MANY_COLUMNS), false, &options);
}

static heed_node *momentum_nesterov(case_graph *c)
{
    const heed_momentum_options options = {.momentum = 0.5f, .l2 = 0.125f, .nesterov = true};

    return momentum_step(c, heed_shape2(3, 21), true, &options);
}

const op_case op_cases[] = {
    {"add of equal shapes", add_same, 1, true},
    {"add of single elements", add_one, 1, true},
    {"add of a bias", add_bias, 6, true},
    {"add of a table to a batch", add_table, 2, true},
    {"add of a scalar", add_scalar, 6, true},
    {"add to a view", add_strided, 1, true},
    {"add of a view to heads", add_strided_bias, 6, true},
    {"add of x to itself", add_to_itself, 3, true},
    {"add of a bias to many rows", add_many, MANY_ROWS, true},
    {"scale", scale, 1, true},
    {"scale of a scalar", scale_scalar, 1, true},
    {"scale of a view", scale_strided, 1, true},
    {"gelu_tanh", gelu_tanh, 4, true},
    {"gelu_tanh of heads", gelu_tanh_heads, 4, true},
    {"gelu_tanh of many", gelu_tanh_many, 4, true},
    {"gelu_erf", gelu_erf, 4, true},
    {"gelu_erf of heads", gelu_erf_heads, 4, true},
    {"relu", relu, 1, true},
    {"relu of heads", relu_heads, 1, true},
    {"silu", silu, 4, true},
    {"silu of heads", silu_heads, 4, true},
    {"sigmoid", sigmoid, 4, true},
    {"sigmoid of heads", sigmoid_heads, 4, true},
    {"tanh", tanh_map, 4, true},
    {"tanh of heads", tanh_heads, 4, true},
    {"swiglu", swiglu, 4, true},
    {"swiglu of itself", swiglu_of_itself, 4, true},
    {"swiglu of views", swiglu_strided, 4, true},
    {"swiglu of halves of one row", swiglu_halves, 10, true},
    {"swiglu of many", swiglu_many, 4, true},
    {"dropout", dropout, 1, true},
    {"dropout of a view", dropout_strided, 1, true},
    {"dropout of many", dropout_many, 1, true},
    {"softmax", softmax, 21, true},
    {"softmax of single elements", softmax_one, 1, true},
    {"softmax of a view", softmax_strided, 7, true},
    {"softmax of heads", softmax_heads, 4, true},
    {"softmax of many", softmax_many, MANY_COLUMNS, true},
    {"log_softmax", log_softmax, 21, true},
    {"log_softmax of single elements", log_softmax_one, 1, true},
    {"log_softmax of a view", log_softmax_strided, 7, true},
    {"log_softmax of many", log_softmax_many, MANY_COLUMNS, true},
    {"layernorm", layernorm, 21, true},
    {"layernorm of single elements", layernorm_one, 3, true},
    {"layernorm without beta", layernorm_no_beta, 8, true},
    {"layernorm of a view", layernorm_strided, 7, true},
    {"layernorm of many", layernorm_many, MANY_COLUMNS, true},
    {"rmsnorm", rmsnorm, 21, true},
    {"rmsnorm of single elements", rmsnorm_one, 3, true},
    {"rmsnorm of a view", rmsnorm_strided, 7, true},
    {"rmsnorm of many", rmsnorm_many, MANY_COLUMNS, true},
    {"sinusoidal", sinusoidal, 1, false},
    {"sinusoidal far out, odd", sinusoidal_far, 1, false},
    {"sinusoidal after a past for each row", sinusoidal_rows, 1, false},
    {"sinusoidal of distances", sinusoidal_back, 1, true},
    {"rotary", rotary, 2, true},
    {"rotary, interleaved", rotary_interleaved, 2, true},
    {"rotary of a part after a past", rotary_part, 2, true},
    {"rotary after a past for each row", rotary_rows, 2, true},
    {"rotary of a part, interleaved", rotary_part_interleaved, 2, true},
    {"rotary of given positions, linear", rotary_positions, 2, true},
    {"rotary, ntk", rotary_ntk, 2, true},
    {"rotary twice, yarn", rotary_yarn, 4, true},
    {"rotary of many", rotary_many, 2, true},
    {"rotary of many, interleaved", rotary_many_interleaved, 2, true},
    {"cross_entropy", cross_entropy, 13, true},
    {"cross_entropy of one class", cross_entropy_one, 3, true},
    {"cross_entropy with some targets ignored", cross_entropy_some_ignored, 9, true},
    {"cross_entropy with all targets ignored", cross_entropy_all_ignored, 5, true},
    {"cross_entropy of a view", cross_entropy_strided, 7, true},
    {"cross_entropy of many", cross_entropy_many, MANY_COLUMNS, true},
    {"cross_entropy_rows", cross_entropy_rows, 13, false},
    {"sum", sum, 42, true},
    {"sum of heads", sum_strided, 120, true},
    {"sum of many", sum_many, MANY_ROWS, true},
    {"mean", mean, 35, true},
    {"sum_leading", sum_leading, 4, true},
    {"sum_leading of a view", sum_leading_strided, 3, true},
    {"sum_leading of heads", sum_leading_heads, 6, true},
    {"sum_leading of many", sum_leading_many, MANY_ROWS, true},
    {"repeat", repeat, 6, true},
    {"repeat of a view", repeat_strided, 2, true},
    {"sum_squares", sum_squares, MANY_ROWS, false},
    {"clip_factor of a norm", clip, 21, false},
    {"clip_factor without limit", clip_off, 1, false},
    {"adamw", adamw, 4, false},
    {"adamw of many, clipped", adamw_clipped, 4, false},
    {"adamw with decay in the gradient", adam, 5, false},
    {"sgd", sgd, 2, false},
    {"sgd without clipping", sgd_plain, 2, false},
    {"momentum of many", momentum, 3, false},
    {"momentum of nesterov, clipped", momentum_nesterov, 5, false},
    /* cases_products.c */
    {"embedding", embedding, 4, true},
    {"embedding of one row of one", embedding_one, 1, true},
    {"embedding of many", embedding_many, 16, true},
    {"embedding twice from one table", embedding_twice, 12, true},
    {"embedding tied to a head", embedding_tied, 12, true},
    {"position_embedding", position_embedding, 1, true},
    {"position_embedding after a past", position_embedding_past, 1, true},
    {"position_embedding after a past for each row", position_embedding_rows, 3, true},
    {"linear", linear, 7, true},
    {"linear of single elements", linear_one, 1, true},
    {"linear without bias", linear_no_bias, 19, true},
    {"linear of a view", linear_strided, 7, true},
    {"linear of one row", linear_one_row, 21, true},
    {"linear of two rows apart", linear_two_rows, 21, true},
    {"linear of many", linear_many, MANY_COLUMNS, true},
    {"linear of many numbers, one row", linear_many_one_row, MANY_COLUMNS, true},
    {"linear by rows", linear_out_in, 7, true},
    {"linear by rows of one row", linear_out_in_one_row, 21, true},
    {"linear by rows of a view", linear_out_in_strided, 21, true},
    {"linear by rows of many", linear_out_in_many, MANY_COLUMNS, true},
    {"matmul", matmul, 7, true},
    {"matmul of single elements", matmul_one, 1, true},
    {"matmul, a transposed", matmul_a, 7, true},
    {"matmul, b transposed", matmul_b, 7, true},
    {"matmul, both transposed", matmul_ab, 7, true},
    {"matmul of a view", matmul_strided, 7, true},
    {"matmul of heads", matmul_heads, 5, true},
    {"matmul of many", matmul_many, MANY_COLUMNS, true},
    {"to_bf16 and back", cast, 1, false},
    {"to_bf16 of a view and back", cast_strided, 1, false},
    {"to_bf16 of many and back", cast_many, 1, false},
    {"reshape", reshape, 1, true},
    {"reshape of a view", reshape_strided, 1, true},
    {"reshape of heads", reshape_heads, 1, true},
    {"reshape of a view in place", reshape_to_heads, 1, true},
    {"narrow", narrow, 1, true},
    {"narrow with gaps and overlaps", narrow_apart, 3, true},
    {"merge_heads of dense heads", merge_dense_heads, 1, true},
    {"merge_heads of one head", merge_one_head, 1, true},
    {"attention", attention, 30, true},
    {"attention of single elements", attention_one, 1, true},
    {"attention without mask", attention_full, 30, true},
    {"attention to other keys", attention_cross, 42, true},
    {"attention with shared keys", attention_shared, 36, true},
    {"attention with longer values", attention_wide_v, 36, true},
    {"attention after a past", attention_past, 24, true},
    {"attention after a past for each row", attention_past_rows, 24, false},
    {"attention of a fused row", attention_fused, 15, true},
    {"attention of a fused row, shared keys", attention_fused_shared, 30, true},
    {"attention of a fused row used twice", attention_fused_twice, 16, true},
    {"attention, long", attention_long, 609, true},
    /* cases_attention.c */
    {"attention with padding", attention_keys, 30, true},
    {"attention in a window", attention_window, 30, true},
    {"attention with strides", attention_stride, 30, true},
    {"attention with a prefix and a window", attention_prefix, 30, true},
    {"attention within documents", attention_documents, 30, true},
    {"attention to some blocks", attention_blocks, 30, true},
    {"attention of given pairs", attention_pairs, 30, true},
    {"attention of given pairs in each batch", attention_pairs_of_each, 30, true},
    {"attention from before the first key", attention_before, 30, true},
    {"attention from behind the last key", attention_behind, 30, true},
    {"attention filled with -1e9", attention_filled, 30, true},
    {"attention with a bias for all", attention_bias, 30, true},
    {"attention with a bias for each head", attention_bias_of_heads, 30, true},
    {"attention with a bias", attention_bias_of_all, 30, true},
    {"attention with ALiBi", attention_alibi, 30, true},
    {"attention with relative positions", attention_relative, 40, true},
    {"attention with relative positions for all heads", attention_relative_shared, 60, true},
    {"attention with everything", attention_everything, 60, true},
    {"attention with everything, long", attention_everything_long, 200, true},
    {"attention with tied keys and values", attention_tied, 60, true},
    {"attention_lookup", lookup, 6, true},
    {"attention_lookup behind a mask", lookup_masked, 6, true},
    {"running_mean", running_mean, 7, true},
    {"running_mean of a view", running_mean_of_a_view, 4, true},
    {"attention_scores with everything", scores_of_everything, 20, false},
    {"attention_scores with a bias", bias_scores, 20, true},
    {"attention_scores with everything to a pattern", pattern_of_everything, 40, true},
    {"attention_scores filled to a pattern", pattern_filled, 40, true},
    {"attention_scores", attention_scores, 6, false},
    {"attention_scores to a pattern", attention_pattern, 20, true},
    {"attention_scores to a pattern after a past", attention_pattern_past, 12, true},
    {"cache_append", cache_append, 1, false},
    {"cache_append after a past for each row", cache_append_rows, 1, false},
    {"attention to a cache", cache_attention, 6, false},
    {"linear_cross_entropy", head, 13, true},
    {"linear_cross_entropy of single elements", head_one, 1, true},
    {"linear_cross_entropy with all targets ignored", head_ignored, 5, true},
    {"linear_cross_entropy tied to an embedding", head_tied, 13, true},
    {"linear_cross_entropy of a view", head_strided, 9, true},
    {"linear_cross_entropy in tiles", head_tiles, 1301, true},
    {"linear_cross_entropy in chunks", head_chunks, 1033, true},
    {"linear_cross_entropy in parts", head_parts, 3700, true},
    {"linear_cross_entropy_rows", head_rows, 13, false},
    {"linear_cross_entropy_rows with all targets ignored", head_rows_ignored, 5, false},
    {"linear_cross_entropy_rows of a view", head_rows_strided, 9, false},
    {"linear_cross_entropy_rows in tiles", head_rows_tiles, 1301, false},
    {"linear_cross_entropy_rows in chunks", head_rows_chunks, 1033, false},
    {"linear_cross_entropy_rows in parts", head_rows_parts, 3700, false},
    {"distill_loss", distill, 13, true},
    {"distill_loss of single elements", distill_one, 1, true},
    {"distill_loss from a teacher with a padded vocabulary", distill_padded, 9, true},
    {"distill_loss of the teacher alone", distill_teacher_alone, 5, true},
    {"distill_loss of the targets alone", distill_targets_alone, 5, true},
    {"distill_loss with all targets ignored", distill_ignored, 5, true},
    {"distill_loss of a view", distill_strided, 9, true},
    {"distill_loss in tiles", distill_tiles, 1301, true},
    {"distill_loss in chunks", distill_chunks, 1033, true},
    /* cases_experts.c */
    {"top_k", top_k, 1, false},
    {"top_k of equal numbers", top_k_equal, 1, false},
    {"top_k of all", top_k_all, 1, false},
    {"expert_gates", gates, 5, true},
    {"expert_gates of one expert", gates_one, 5, true},
    {"expert_gates of all experts", gates_all, 5, true},
    {"expert_gates of many", gates_many, 16, true},
    {"expert_rows", expert_rows, 1, false},
    {"expert_rows with little room", expert_rows_full, 1, false},
    {"expert_rows of experts without tokens", expert_rows_empty, 1, false},
    {"expert_dispatch", dispatch, 3, true},
    {"expert_dispatch with little room", dispatch_full, 3, true},
    {"expert_dispatch of a view", dispatch_strided, 2, true},
    {"expert_linear", experts_linear, 7, true},
    {"expert_linear without bias", experts_linear_no_bias, 7, true},
    {"expert_linear with little room", experts_linear_full, 7, true},
    {"expert_linear of views", experts_linear_strided, 7, true},
    {"expert_linear of many", experts_linear_many, 300, true},
    {"expert_combine", combine, 6, true},
    {"expert_combine with little room", combine_full, 6, true},
    {"expert_combine of many", combine_many, 515, true},
    {"balance_loss", balance, 40, true},
    {"mixture of experts", mixture, 60, true},
    /* cases_bf16.c */
    {"gelu_tanh of bf16", gelu_tanh_bf16, ROUNDINGS(1), false},
    {"gelu_erf of bf16", gelu_erf_bf16, ROUNDINGS(1), false},
    {"relu of bf16", relu_bf16, 1, false},
    {"silu of bf16", silu_bf16, ROUNDINGS(1), false},
    {"gelu_tanh of a view of bf16", gelu_bf16_strided, ROUNDINGS(1), false},
    {"gelu_tanh of many in bf16", gelu_bf16_many, ROUNDINGS(1), false},
    {"swiglu of bf16", swiglu_bf16, ROUNDINGS(1), false},
    {"swiglu of many in bf16", swiglu_bf16_many, ROUNDINGS(1), false},
    {"linear of bf16", linear_bf16, 7, false},
    {"linear of bf16, stored as bf16", linear_bf16_stored, ROUNDINGS(1), false},
    {"linear of bf16 by rows", linear_bf16_by_rows, 21, false},
    {"linear of bf16, one number", linear_bf16_one_row, 1, false},
    {"linear of a view of bf16", linear_bf16_strided, 7, false},
    {"linear of bf16 with a weight in bf16", linear_bf16_weight, 6, false},
    {"linear of bf16 in panels", linear_bf16_panels, ROUNDINGS(1), false},
    {"linear of many in bf16", linear_bf16_many, MANY_COLUMNS, false},
    {"feed-forward in bf16", mlp_bf16, ROUNDINGS(3), false},
    {"gated feed-forward in bf16", swiglu_mlp_bf16, ROUNDINGS(3), false},
    {"attention of bf16", attention_bf16, ROUNDINGS(2), false},
    {"attention of a fused row in bf16", attention_bf16_fused, ROUNDINGS(3), false},
    {"linear_cross_entropy of bf16", head_bf16, ROUNDINGS(1), false},
    {"linear_cross_entropy of a view of bf16", head_bf16_strided, ROUNDINGS(1), false},
    {"linear_cross_entropy of bf16 in tiles", head_bf16_tiles, ROUNDINGS(1), false},
    {"linear_cross_entropy of bf16 in chunks", head_bf16_chunks, ROUNDINGS(1), false},
    {"linear_cross_entropy of bf16 in parts", head_bf16_parts, ROUNDINGS(1), false},
};

const int n_op_cases = (int)(sizeof op_cases / sizeof op_cases[0]);
