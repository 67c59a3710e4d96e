/* SPDX-License-Identifier: MIT */
/* What a model costs, counted on its graph, against the formulas that people know. */
#include "cmocka_all.h"

#include <heed/model.h>
#include <stdlib.h>

/* Multiply-adds of the maps and of attention over a whole square (causal kernels may count the visible half). */
static double forward_flops(const heed_config *c, double batch, double T, double visible)
{
    const double d = (double)c->d_model, mlp = c->d_mlp > 0 ? (double)c->d_mlp : c->mlp_factor * d;
    const double maps = (double)c->n_layers * (4.0 * d * d + 2.0 * d * mlp) + (double)c->vocab_size * d;

    return 2.0 * batch * T * maps + (double)c->n_layers * 4.0 * batch * T * T * visible * d;
}

static heed_model *make_model(const heed_config *config)
{
    heed_model *model = NULL;
    heed_error err = {0};

    if (heed_model_create(config, 1, &model, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return model;
}

/* Norms, activations and additions are counted too: a few per cent of a small model. */
static void flops_are_those_of_the_maps_and_attention(void **state)
{
    heed_config config = heed_config_default();
    heed_accounting forward, training;
    heed_error err = {0};

    (void)state;
    config.vocab_size = 65;
    heed_model *model = make_model(&config);
    assert_int_equal(heed_model_account_forward(model, 12, 64, &forward, &err), HEED_OK);
    assert_int_equal(
        heed_model_account_training(model, 12, HEED_PRECISION_F32, HEED_RECOMPUTE_NONE, &training, &err),
        HEED_OK);
    assert_true(forward.flops > forward_flops(&config, 12, 64, 0.5));
    assert_true(forward.flops < 1.1 * forward_flops(&config, 12, 64, 1.0));
    assert_true(training.flops > 2.9 * forward.flops && training.flops < 3.3 * forward.flops);
    assert_true(forward.parameters == training.parameters && training.parameters == 809856.0);
    assert_true(forward.state_bytes >= 4.0 * forward.parameters &&
                training.state_bytes >= 16.0 * forward.parameters);
    assert_true(training.state_bytes < 16.3 * forward.parameters);
    assert_true(training.arena_bytes > forward.arena_bytes && forward.arena_bytes > 0.0);
    assert_true(training.n_nodes > 2 * forward.n_nodes);
    assert_true(training.bytes_read > training.bytes_written && forward.bytes_read > 4.0 * forward.parameters);
    heed_model_close(model);
}

/* Scores are never stored, so four times the tokens move less than four times the bytes: weights are read once. */
static void traffic_grows_with_the_length_not_its_square(void **state)
{
    heed_config config = heed_config_default();
    heed_accounting near, far;
    heed_error err = {0};

    (void)state;
    config.vocab_size = 65;
    config.context_length = 2048;
    heed_model *model = make_model(&config);
    assert_int_equal(heed_model_account_forward(model, 1, 512, &near, &err), HEED_OK);
    assert_int_equal(heed_model_account_forward(model, 1, 2048, &far, &err), HEED_OK);
    assert_true(far.bytes_read < 4.0 * near.bytes_read && far.bytes_written <= 4.0 * near.bytes_written);
    heed_model_close(model);
}

/* The logits of 200,000 words are never held whole: for 2048 tokens they would take 1.6 GB. */
static void a_large_vocabulary_takes_no_room_for_its_logits(void **state)
{
    heed_config config;
    heed_accounting training;
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_config_preset("m0", &config, &err), HEED_OK);
    config.vocab_size = 200000;
    config.d_model = 32;
    config.context_length = 64;
    heed_model *model = make_model(&config);
    assert_int_equal(
        heed_model_account_training(model, 32, HEED_PRECISION_F32, HEED_RECOMPUTE_NONE, &training, &err),
        HEED_OK);
    /* the gradients of both tables, and 400 MB for everything else */
    if (training.arena_bytes > 2.0 * 4.0 * 200000.0 * 32.0 + 4e8)
        fail_msg("a step takes %.1f MB", training.arena_bytes / 1e6);
    heed_model_close(model);
}

/* Of 16 d_model numbers a token and layer two stay f32 and 14 become bf16: 36 of 64 bytes; attention's statistics add some. */
static void what_waits_in_bf16_is_little_more_than_half(void **state)
{
    heed_config config = heed_config_default();
    heed_accounting f32, bf16;
    heed_error err = {0};

    (void)state;
    config.vocab_size = 65;
    config.dropout = 0.0;
    heed_model *model = make_model(&config);
    assert_int_equal(
        heed_model_account_training(model, 12, HEED_PRECISION_F32, HEED_RECOMPUTE_NONE, &f32, &err), HEED_OK);
    assert_int_equal(
        heed_model_account_training(model, 12, HEED_PRECISION_BF16, HEED_RECOMPUTE_NONE, &bf16, &err), HEED_OK);
    const double share = bf16.memory.held_bytes / f32.memory.held_bytes;
    if (!(share > 36.0 / 64.0 - 0.01 && share < 0.63))
        fail_msg("%.0f bytes in bf16, %.0f in f32: %.3f", bf16.memory.held_bytes, f32.memory.held_bytes, share);
    assert_true(bf16.state_bytes == f32.state_bytes);
    assert_int_equal(
        heed_model_account_training(model, 12, HEED_PRECISION_F16, HEED_RECOMPUTE_NONE, &bf16, &err),
        HEED_ERR_USAGE);
    heed_model_close(model);
}

/* 1.6 TB of weights: what they cost is known all the same. */
static void a_described_model_is_counted_as_one_with_numbers(void **state)
{
    heed_config config = heed_config_default();
    heed_accounting with, without;
    heed_error err = {0};
    heed_model *model, *described = NULL;

    (void)state;
    config.vocab_size = 65;
    model = make_model(&config);
    assert_int_equal(heed_model_describe(&config, &described, &err), HEED_OK);
    assert_int_equal(heed_model_account_forward(model, 2, 64, &with, &err), HEED_OK);
    assert_int_equal(heed_model_account_forward(described, 2, 64, &without, &err), HEED_OK);
    assert_true(with.flops == without.flops && with.arena_bytes == without.arena_bytes);
    assert_true(with.state_bytes == without.state_bytes && with.parameters == without.parameters);
    assert_true(with.bytes_read == without.bytes_read && with.n_nodes == without.n_nodes);
    assert_int_equal(heed_model_n_parameters(described), heed_model_n_parameters(model));
    for (int i = 0; i < heed_model_n_parameters(model); i++) {
        const heed_parameter a = heed_model_parameter(model, i), b = heed_model_parameter(described, i);
        assert_true(a.count == b.count && a.bytes == b.bytes && a.precision == b.precision && b.data == NULL);
    }
    heed_model_close(model);
    heed_model_close(described);
    config.n_layers = 96;
    config.d_model = 16384;
    config.d_mlp = 81920;
    assert_int_equal(heed_model_describe(&config, &described, &err), HEED_OK);
    assert_int_equal(heed_model_account_forward(described, 1, 1, &without, &err), HEED_OK);
    assert_true(without.parameters > 3e11 && without.state_bytes == 4.0 * without.parameters);
    heed_model_close(described);
}

static void sizes_that_do_not_fit_the_model_are_refused(void **state)
{
    heed_config config = heed_config_default();
    heed_accounting out;
    heed_error err = {0};

    (void)state;
    config.vocab_size = 65;
    heed_model *model = make_model(&config);
    assert_int_equal(heed_model_account_forward(model, 1, 65, &out, &err),
                     HEED_ERR_SHAPE); /* the table has 64 rows */
    assert_int_equal(heed_model_account_forward(model, 0, 64, &out, &err), HEED_ERR_SHAPE);
    assert_int_equal(heed_model_account_forward(model, INT64_MAX, 64, &out, &err), HEED_ERR_MEMORY);
    assert_int_equal(heed_model_account_training(model, (int64_t)1 << 56, HEED_PRECISION_F32,
                                                 HEED_RECOMPUTE_NONE, &out, &err),
                     HEED_ERR_MEMORY);
    heed_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flops_are_those_of_the_maps_and_attention),
        cmocka_unit_test(traffic_grows_with_the_length_not_its_square),
        cmocka_unit_test(a_large_vocabulary_takes_no_room_for_its_logits),
        cmocka_unit_test(what_waits_in_bf16_is_little_more_than_half),
        cmocka_unit_test(a_described_model_is_counted_as_one_with_numbers),
        cmocka_unit_test(sizes_that_do_not_fit_the_model_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
