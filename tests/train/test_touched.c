/* SPDX-License-Identifier: MIT */
/* A table's gradient that is written only in the rows whose tokens occur has the numbers of one that is written as a whole. */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/rng.h"
#include "train/step.h"

enum { VOCAB = 300, T = 6, BATCH = 3, STEPS = 5 };

typedef struct stepper {
    heed_device device;
    heed_weights *weights;
    heed_step_inputs inputs;
    heed_step_graph graph;
    heed_step_plans plans;
    char *block;
    size_t bytes;
    int32_t ids[BATCH * T], targets[BATCH * T];
} stepper;

/* adds_up writes gradients as a whole: they are cleared and added to. */
static void open_stepper(stepper *s, heed_config *config, const char *cpu, bool adds_up)
{
    const heed_train_options options = heed_train_options_default();
    const heed_step_shape shape = {.batch = BATCH, .length = T, .training = true, .adds_up = adds_up};
    heed_error err = {0};

    *s = (stepper){.inputs = {.lr = 0.01f}};
    s->inputs.ids = s->ids;
    s->inputs.targets = s->targets;
    if (heed_device_open(&s->device, cpu, 2, &err) != HEED_OK ||
        heed_weights_create(config, &s->weights, &err) != HEED_OK ||
        heed_step_graph_create(s->weights, &options, &shape, &s->inputs, &s->graph, &err) != HEED_OK ||
        heed_step_plan(&s->graph, &s->device, &s->plans, &err) != HEED_OK)
        fail_msg("%s", err.message);
    s->bytes = heed_step_own_bytes(&s->graph, s->weights) + heed_step_plans_bytes(&s->plans);
    s->block = heed_memory_reserve(s->bytes);
    assert_non_null(s->block);
    heed_step_place(&s->graph, s->weights, s->block);
    heed_weights_init(s->weights, 3);
    if (heed_step_plans_place(&s->plans, s->block + heed_step_own_bytes(&s->graph, s->weights), &err) !=
        HEED_OK)
        fail_msg("%s", err.message);
}

static void close_stepper(stepper *s)
{
    heed_step_plans_destroy(&s->plans);
    heed_step_graph_destroy(&s->graph);
    heed_weights_destroy(s->weights);
    heed_device_close(&s->device);
    heed_memory_release(s->block, s->bytes);
}

/* Other tokens in each step, some of them several times. */
static void step(stepper *s, int n, bool adds_up)
{
    heed_rng rng = heed_rng_make(11, (uint64_t)n);

    for (int i = 0; i < BATCH * T; i++) {
        s->ids[i] = (int32_t)heed_rng_below(&rng, 1 + (n % 2 == 0 ? VOCAB - 1 : 20));
        s->targets[i] = (int32_t)heed_rng_below(&rng, VOCAB);
    }
    s->inputs.t = n + 1;
    if (adds_up)
        heed_step_clear_gradients(&s->graph, s->weights);
    heed_step_run_gradients(&s->graph, &s->plans);
    heed_step_run_norm(&s->graph, &s->plans, &s->inputs);
    heed_step_run_update(&s->plans);
}

static void compare(heed_config *config, const char *cpu, int n_sparse)
{
    stepper rows, whole;
    int found = 0;

    open_stepper(&rows, config, cpu, false);
    open_stepper(&whole, config, cpu, true);
    for (int i = 0; i < rows.graph.n_parameters; i++)
        found += rows.graph.sparse[i];
    assert_int_equal(found, n_sparse);
    for (int n = 0; n < STEPS; n++) {
        step(&rows, n, false);
        step(&whole, n, true);
        assert_true(rows.inputs.norm > 0.0f);
        if (rows.inputs.norm != whole.inputs.norm)
            fail_msg("step %d: the norm is %.9g by rows, %.9g as a whole (%s)", n, (double)rows.inputs.norm,
                     (double)whole.inputs.norm, cpu);
        assert_memory_equal(rows.block, whole.block, heed_step_own_bytes(&rows.graph, rows.weights));
    }
    close_stepper(&rows);
    close_stepper(&whole);
}

static heed_config small(void)
{
    heed_config config = heed_config_default();

    config.vocab_size = VOCAB;
    config.context_length = T;
    config.n_layers = 1;
    config.d_model = 20; /* a row is no divisor of a block of the norm */
    config.n_heads = 2;
    config.tied_head = false;
    config.dropout = 0.0;
    return config;
}

static void a_gradient_by_rows_has_the_bits_of_a_whole_one(void **state)
{
    heed_config config = small();

    (void)state;
    compare(&config, "plain", 1);
    compare(&config, "generic", 1);
    config.d_model = 512;
    compare(&config, "generic", 1);
}

static void a_tied_table_has_a_whole_gradient(void **state)
{
    heed_config config = small();

    (void)state;
    config.tied_head = true;
    compare(&config, "generic", 0);
}

static void a_table_of_bigrams_is_written_by_rows(void **state)
{
    heed_config config = small();

    (void)state;
    assert_int_equal(heed_config_preset("bigram", &config, NULL), HEED_OK);
    config.vocab_size = VOCAB;
    config.context_length = T;
    compare(&config, "generic", 1);
}

/* Rows are marked when they occur and at no other time; ids that are no rows are passed over. */
static void marks_follow_the_tokens(void **state)
{
    const int32_t first[] = {4, 2, 4, -1, 9, 10}, second[] = {2, 0};
    float numbers[10][3];
    heed_tensor grad = heed_tensor_make(HEED_F32, heed_shape2(10, 3), numbers);
    heed_touched t;

    (void)state;
    assert_true(heed_touched_open(&t, 10));
    heed_touched_mark(&t, first, 6);
    assert_int_equal(t.n, 3);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(t.marks[i], i == 4 || i == 2 || i == 9);
        for (int k = 0; k < 3; k++)
            numbers[i][k] = 1.0f;
    }
    heed_touched_clear(&t, &grad);
    for (int i = 0; i < 10; i++)
        assert_true(numbers[i][2] == (t.marks[i] ? 0.0f : 1.0f));
    heed_touched_mark(&t, second, 2);
    for (int i = 0; i < 10; i++)
        assert_int_equal(t.marks[i], i == 0 || i == 2);
    heed_touched_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gradient_by_rows_has_the_bits_of_a_whole_one),
        cmocka_unit_test(a_tied_table_has_a_whole_gradient),
        cmocka_unit_test(a_table_of_bigrams_is_written_by_rows),
        cmocka_unit_test(marks_follow_the_tokens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
