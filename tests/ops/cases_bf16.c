/* SPDX-License-Identifier: MIT */
/* Rounding has no slope that differences could find, so these have no gradient check here; test_bf16.c has it. */
#include "cases_bf16.h"

static heed_node *half(case_graph *c, heed_shape shape)
{
    return heed_to_bf16(c->g, case_parameter(c, shape));
}

/* --- activations --- */

heed_node *gelu_tanh_bf16(case_graph *c)
{
    return heed_to_f32(c->g, heed_gelu_tanh(c->g, half(c, heed_shape2(3, 37))));
}

heed_node *gelu_erf_bf16(case_graph *c)
{
    return heed_to_f32(c->g, heed_gelu_erf(c->g, half(c, heed_shape2(3, 37))));
}

heed_node *relu_bf16(case_graph *c)
{
    return heed_to_f32(c->g, heed_relu(c->g, half(c, heed_shape2(3, 37))));
}

heed_node *silu_bf16(case_graph *c)
{
    return heed_to_f32(c->g, heed_silu(c->g, half(c, heed_shape2(3, 37))));
}

heed_node *gelu_bf16_strided(case_graph *c)
{
    return heed_to_f32(c->g, heed_gelu_tanh(c->g, heed_narrow(c->g, half(c, heed_shape2(5, 300)), 3, 290)));
}

heed_node *gelu_bf16_many(case_graph *c)
{
    return heed_to_f32(c->g, heed_gelu_tanh(c->g, heed_to_bf16(c->g, case_many(c))));
}

heed_node *swiglu_bf16(case_graph *c)
{
    heed_node *gate = half(c, heed_shape2(3, 21)), *up = half(c, heed_shape2(3, 21));

    return heed_to_f32(c->g, heed_swiglu(c->g, gate, up));
}

heed_node *swiglu_bf16_many(case_graph *c)
{
    heed_node *gate = heed_to_bf16(c->g, case_many(c)), *up = heed_to_bf16(c->g, case_many(c));

    return heed_to_f32(c->g, heed_swiglu(c->g, gate, up));
}

/* --- products --- */

static heed_node *map(case_graph *c, heed_node *x, int64_t out, heed_weight_layout layout, heed_dtype type)
{
    const int64_t in = heed_cols(&x->tensor);
    heed_node *w = case_parameter(c,
                                  layout == HEED_WEIGHT_IN_OUT ? heed_shape2(in, out) : heed_shape2(out, in));
    heed_node *b = case_parameter(c, heed_shape1(out));

    return heed_linear_as(c->g, x, w, b, layout, type);
}

heed_node *linear_bf16(case_graph *c)
{
    return map(c, half(c, heed_shape3(2, 3, 7)), 5, HEED_WEIGHT_IN_OUT, HEED_F32);
}

heed_node *linear_bf16_stored(case_graph *c)
{
    return heed_to_f32(c->g, map(c, half(c, heed_shape3(2, 13, 7)), 5, HEED_WEIGHT_IN_OUT, HEED_BF16));
}

heed_node *linear_bf16_by_rows(case_graph *c)
{
    return map(c, half(c, heed_shape2(19, 6)), 21, HEED_WEIGHT_OUT_IN, HEED_F32);
}

heed_node *linear_bf16_one_row(case_graph *c)
{
    return map(c, half(c, heed_shape1(1)), 1, HEED_WEIGHT_OUT_IN, HEED_F32);
}

heed_node *linear_bf16_strided(case_graph *c)
{
    return map(c, heed_narrow(c->g, half(c, heed_shape2(5, 12)), 2, 7), 4, HEED_WEIGHT_IN_OUT, HEED_F32);
}

/* The weight is bf16 already. */
heed_node *linear_bf16_weight(case_graph *c)
{
    heed_node *x = half(c, heed_shape2(4, 6)), *w = half(c, heed_shape2(6, 3));

    return heed_linear(c->g, x, w, NULL, HEED_WEIGHT_IN_OUT);
}

/* More rows than go through at once: two full panels and a short one. */
heed_node *linear_bf16_panels(case_graph *c)
{
    return heed_to_f32(c->g, map(c, half(c, heed_shape2(2051, 3)), 5, HEED_WEIGHT_IN_OUT, HEED_BF16));
}

heed_node *linear_bf16_many(case_graph *c)
{
    return map(c, heed_to_bf16(c->g, case_many(c)), 131, HEED_WEIGHT_OUT_IN, HEED_F32);
}

heed_node *mlp_bf16(case_graph *c)
{
    heed_node *pre = map(c, half(c, heed_shape2(6, 7)), 11, HEED_WEIGHT_IN_OUT, HEED_BF16);

    return map(c, heed_gelu_tanh(c->g, pre), 7, HEED_WEIGHT_IN_OUT, HEED_F32);
}

/* x is read by two maps: both send it floats. */
heed_node *swiglu_mlp_bf16(case_graph *c)
{
    heed_node *x = half(c, heed_shape2(6, 7));
    heed_node *gate = map(c, x, 11, HEED_WEIGHT_IN_OUT, HEED_BF16);
    heed_node *up = map(c, x, 11, HEED_WEIGHT_IN_OUT, HEED_BF16);

    return map(c, heed_swiglu(c->g, gate, up), 7, HEED_WEIGHT_IN_OUT, HEED_F32);
}

/* --- attention --- */

heed_node *attention_bf16(case_graph *c)
{
    const heed_shape shape = heed_shape4(2, 3, 5, 4);
    heed_node *q = half(c, shape), *k = half(c, shape), *v = half(c, shape);

    return heed_to_f32(c->g, heed_attention(c->g, q, k, v, &(heed_attention_options){.causal = true}));
}

/* From one fused row through attention to another map: its gradients come as floats and go on as bf16. */
heed_node *attention_bf16_fused(case_graph *c)
{
    heed_graph *g = c->g;
    heed_node *row = map(c, half(c, heed_shape3(2, 5, 8)), 24, HEED_WEIGHT_IN_OUT, HEED_BF16);
    heed_node *q = heed_split_heads(g, heed_narrow(g, row, 0, 8), 2);
    heed_node *k = heed_split_heads(g, heed_narrow(g, row, 8, 8), 2);
    heed_node *v = heed_split_heads(g, heed_narrow(g, row, 16, 8), 2);
    heed_node *z = heed_attention(g, q, k, v, &(heed_attention_options){.causal = true});

    return map(c, heed_merge_heads(g, z), 8, HEED_WEIGHT_IN_OUT, HEED_F32);
}

/* --- the head --- */

static heed_node *head_of(case_graph *c, heed_node *x, int64_t V)
{
    const int64_t rows = heed_rows(&x->tensor);
    heed_node *w = case_parameter(c, heed_shape2(V, heed_cols(&x->tensor)));

    return heed_linear_cross_entropy(c->g, x, w,
                                     case_filled_ints(c, heed_shape1(rows), CASE_TARGETS, 0, (int)V - 1));
}

heed_node *head_bf16(case_graph *c)
{
    return head_of(c, half(c, heed_shape2(6, 5)), 13);
}

heed_node *head_bf16_strided(case_graph *c)
{
    return head_of(c, heed_narrow(c->g, half(c, heed_shape2(5, 12)), 2, 7), 9);
}

heed_node *head_bf16_parts(case_graph *c)
{
    return head_of(c, half(c, heed_shape2(11, 19)), 3700);
}

heed_node *head_bf16_tiles(case_graph *c)
{
    return head_of(c, half(c, heed_shape2(37, 19)), 1301);
}

heed_node *head_bf16_chunks(case_graph *c)
{
    return head_of(c, half(c, heed_shape2(1033, 5)), 67);
}
