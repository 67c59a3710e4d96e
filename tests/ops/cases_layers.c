/* SPDX-License-Identifier: MIT */
#include "cases_layers.h"

/* --- gates --- */

heed_node *silu(case_graph *c)
{
    return heed_silu(c->g, case_parameter(c, heed_shape2(3, 37)));
}

heed_node *silu_heads(case_graph *c)
{
    return heed_merge_heads(c->g, heed_silu(c->g, case_heads(c)));
}

heed_node *sigmoid(case_graph *c)
{
    return heed_sigmoid(c->g, case_parameter(c, heed_shape2(3, 37)));
}

heed_node *sigmoid_heads(case_graph *c)
{
    return heed_merge_heads(c->g, heed_sigmoid(c->g, case_heads(c)));
}

heed_node *tanh_map(case_graph *c)
{
    return heed_tanh(c->g, case_parameter(c, heed_shape2(3, 37)));
}

heed_node *tanh_heads(case_graph *c)
{
    return heed_merge_heads(c->g, heed_tanh(c->g, case_heads(c)));
}

heed_node *swiglu(case_graph *c)
{
    heed_node *gate = case_parameter(c, heed_shape2(3, 37)), *up = case_parameter(c, heed_shape2(3, 37));

    return heed_swiglu(c->g, gate, up);
}

heed_node *swiglu_of_itself(case_graph *c)
{
    heed_node *x = case_parameter(c, heed_shape1(5));

    return heed_swiglu(c->g, x, x);
}

/* Both are views, of two tensors, and rows lie apart. */
heed_node *swiglu_strided(case_graph *c)
{
    heed_node *gate = case_strided(c), *up = case_strided(c);

    return heed_swiglu(c->g, gate, up);
}

/* The halves of one map's rows: their gradients are written side by side. The second half is the gate. */
heed_node *swiglu_halves(case_graph *c)
{
    heed_node *x = case_parameter(c, heed_shape3(2, 3, 5)), *w = case_parameter(c, heed_shape2(5, 22));
    heed_node *both = heed_linear(c->g, x, w, NULL, HEED_WEIGHT_IN_OUT);

    return heed_swiglu(c->g, heed_narrow(c->g, both, 11, 11), heed_narrow(c->g, both, 0, 11));
}

heed_node *swiglu_many(case_graph *c)
{
    heed_node *gate = case_many(c), *up = case_many(c);

    return heed_swiglu(c->g, gate, up);
}

/* --- rows --- */

heed_node *log_softmax(case_graph *c)
{
    return heed_log_softmax(c->g, case_parameter(c, heed_shape2(3, 21)));
}

heed_node *log_softmax_one(case_graph *c)
{
    return heed_log_softmax(c->g, case_parameter(c, heed_shape2(4, 1)));
}

heed_node *log_softmax_strided(case_graph *c)
{
    return heed_log_softmax(c->g, case_strided(c));
}

heed_node *log_softmax_many(case_graph *c)
{
    return heed_log_softmax(c->g, case_many(c));
}

static heed_node *rms_normalized(case_graph *c, heed_node *x, int64_t n, float eps)
{
    return heed_rmsnorm(c->g, x, case_parameter(c, heed_shape1(n)), eps);
}

heed_node *rmsnorm(case_graph *c)
{
    return rms_normalized(c, case_parameter(c, heed_shape3(2, 3, 21)), 21, 1e-5f);
}

/* Near 0 the slope changes within the step of the differences unless eps is of its size. */
heed_node *rmsnorm_one(case_graph *c)
{
    return rms_normalized(c, case_parameter(c, heed_shape2(3, 1)), 1, 0.5f);
}

heed_node *rmsnorm_strided(case_graph *c)
{
    return rms_normalized(c, case_strided(c), 7, 0.1f);
}

heed_node *rmsnorm_many(case_graph *c)
{
    return rms_normalized(c, case_many(c), MANY_COLUMNS, 1e-5f);
}

/* --- positions --- */

heed_node *sinusoidal(case_graph *c)
{
    return heed_sinusoidal(c->g, case_int(c, 3), 5, 8);
}

/* More rows than are computed one by one, far out, and a last column alone. */
heed_node *sinusoidal_far(case_graph *c)
{
    return heed_sinusoidal(c->g, case_int(c, 1000000), 75, 7);
}

heed_node *sinusoidal_back(case_graph *c)
{
    heed_node *x = case_parameter(c, heed_shape2(40, 9));

    return heed_add(c->g, x, heed_sinusoidal_back(c->g, 40, 9));
}

heed_node *rotary(case_graph *c)
{
    return heed_rotary(c->g, case_heads(c), NULL, &(heed_rotary_options){.base = 100.0});
}

heed_node *rotary_interleaved(case_graph *c)
{
    return heed_rotary(c->g, case_heads(c), NULL, &(heed_rotary_options){.interleaved = true});
}

/* Dense heads, of which a part turns, behind a long past. */
heed_node *rotary_part(case_graph *c)
{
    heed_node *x = case_parameter(c, heed_shape4(2, 3, 4, 21)), *past = case_int(c, 2000000);

    return heed_rotary(c->g, x, past, &(heed_rotary_options){.rotary_dim = 14});
}

heed_node *rotary_part_interleaved(case_graph *c)
{
    heed_node *x = case_parameter(c, heed_shape4(2, 3, 4, 41)), *past = case_int(c, 7);

    return heed_merge_heads(
        c->g, heed_rotary(c->g, x, past, &(heed_rotary_options){.rotary_dim = 38, .interleaved = true}));
}

/* Each row of the batch behind a past of its own. */
heed_node *rotary_rows(case_graph *c)
{
    return heed_rotary(c->g, case_heads(c), case_ints(c, heed_shape1(2), 0, 1000), &(heed_rotary_options){0});
}

heed_node *sinusoidal_rows(case_graph *c)
{
    return heed_sinusoidal(c->g, case_ints(c, heed_shape1(3), 0, 1000), 2, 7);
}

heed_node *rotary_positions(case_graph *c)
{
    heed_node *x = case_heads(c), *positions = case_ints(c, heed_shape1(5), -9, 100);

    return heed_rotary(
        c->g, x, NULL,
        &(heed_rotary_options){.positions = positions, .scaling = HEED_ROTARY_LINEAR, .factor = 4.0});
}

heed_node *rotary_ntk(case_graph *c)
{
    heed_node *x = case_parameter(c, heed_shape4(1, 2, 3, 34)), *past = case_int(c, 5);

    return heed_rotary(c->g, x, past, &(heed_rotary_options){.scaling = HEED_ROTARY_NTK, .factor = 8.0});
}

/* Twice, so that its gradient is differentiated through one more turn. 64 positions make pairs of all three parts. */
heed_node *rotary_yarn(case_graph *c)
{
    const heed_rotary_options options = {
        .base = 50.0, .scaling = HEED_ROTARY_YARN, .factor = 2.5, .trained_length = 400};
    heed_node *x = case_parameter(c, heed_shape4(1, 2, 3, 16));

    return heed_rotary(c->g, heed_rotary(c->g, x, NULL, &options), NULL, &options);
}

/* More rows than are computed one by one, and pieces for several threads: q of a fused row. */
heed_node *rotary_many(case_graph *c)
{
    heed_node *x = case_parameter(c, heed_shape3(2, 71, 3 * 128));

    return heed_merge_heads(c->g, heed_rotary(c->g, heed_split_heads(c->g, heed_narrow(c->g, x, 128, 128), 4),
                                              NULL, &(heed_rotary_options){.base = 0.0}));
}

heed_node *rotary_many_interleaved(case_graph *c)
{
    heed_node *x = case_parameter(c, heed_shape3(2, 71, 128));

    return heed_merge_heads(c->g, heed_rotary(c->g, heed_split_heads(c->g, x, 4), NULL,
                                              &(heed_rotary_options){.interleaved = true}));
}
