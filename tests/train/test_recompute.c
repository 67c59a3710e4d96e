/* SPDX-License-Identifier: MIT */
/* A run that drops activations and makes them again is the run that keeps them, to the last byte, in less memory. */
#include "run.h"

#include <stdlib.h>
#include <string.h>

static const char *const levels[] = {"none", "cheap", "blocks"};

static void expect_same_run(const run_case *c, const double *a, const double *b, const char *folder)
{
    static const char *const files[] = {"model.safetensors", "optimizer.safetensors"};

    for (int64_t i = 0; i < c->options.steps; i++) {
        if (a[i] != b[i])
            fail_msg("step %lld: the loss is %.17g, with %s %.17g", (long long)i + 1, a[i], folder, b[i]);
    }
    for (int i = 0; i < 2; i++) {
        size_t n = 0, m = 0;
        char *x = run_read(run_file(c, "none", files[i]), &n), *y = run_read(run_file(c, folder, files[i]), &m);
        assert_non_null(x);
        assert_non_null(y);
        assert_int_equal(n, m);
        assert_memory_equal(x, y, n);
        free(x);
        free(y);
    }
}

static void train_with_each_level(run_case *c, const char *cpu)
{
    double losses[3][RUN_MAX_STEPS] = {{0}};

    setenv("HEED_CPU", cpu, 1);
    for (int level = 0; level < 3; level++) {
        c->options.recompute = level;
        assert_true(run_train(c, levels[level], RUN_MAX_STEPS, losses[level]));
        if (level > 0)
            expect_same_run(c, losses[0], losses[level], levels[level]);
    }
    for (int level = 0; level < 3; level++)
        run_remove(c, levels[level]);
}

/* With dropout, whose masks must come out the same again; in parts that add up; experts; a norm behind the parts. */
static void every_level_trains_to_the_same_bytes(void **state)
{
    run_case c;

    (void)state;
    run_open(&c);
    c.config.n_layers = 2;
    c.config.dropout = 0.2;
    c.options.steps = 8;
    c.options.batch_size = 4;
    train_with_each_level(&c, "plain");
    train_with_each_level(&c, "generic");
    c.options.micro_batch = 2;
    train_with_each_level(&c, "generic");
    c.config.norm = HEED_NORM_POST;
    c.config.positions = HEED_POSITIONS_ROTARY;
    train_with_each_level(&c, "generic");
    c.config.norm = HEED_NORM_NONE;
    c.config.residual = false;
    train_with_each_level(&c, "generic");
    c.config.residual = true;
    c.config.norm = HEED_NORM_PRE;
    c.config.n_experts = 4;
    train_with_each_level(&c, "generic");
    run_close(&c);
}

/* Each level is planned to hold less than the one before, and counts the same arithmetic for the model. */
static void each_level_is_planned_to_hold_less(void **state)
{
    heed_train_plan plan[3];
    run_case c;

    (void)state;
    run_open(&c);
    c.config.n_layers = 4;
    c.config.d_model = 64;
    c.config.n_heads = 4;
    c.options.batch_size = 32;
    for (int level = 0; level < 3; level++) {
        c.options.recompute = level;
        heed_trainer *trainer = run_create(&c, levels[level]);
        plan[level] = *heed_trainer_plan(trainer);
        heed_trainer_close(trainer);
    }
    assert_true(plan[0].memory.n_again == 0 && plan[0].memory.again_bytes == 0.0);
    assert_true(plan[0].flops_per_step == plan[1].flops_per_step &&
                plan[0].flops_per_step == plan[2].flops_per_step);
    for (int level = 1; level < 3; level++) {
        assert_true(plan[level].step_bytes < plan[level - 1].step_bytes);
        assert_true(plan[level].memory.held_bytes < 0.8 * plan[level - 1].memory.held_bytes);
        assert_true(plan[level].memory.again_flops > plan[level - 1].memory.again_flops);
    }
    run_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_level_trains_to_the_same_bytes),
        cmocka_unit_test(each_level_is_planned_to_hold_less),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
