/* SPDX-License-Identifier: MIT */
/* A step that runs in parts is the step that runs at once, but for rounding; it needs less memory; it resumes. */
#include "run.h"

#include <math.h>

static void expect_close_losses(const double *a, const double *b, int64_t n)
{
    /* Sums of a batch are rounded in another order, a few parts in 2^24 a step, and AdamW carries that on. */
    for (int64_t i = 0; i < n; i++) {
        if (!(fabs(a[i] - b[i]) <= 1e-5 * a[i]))
            fail_msg("step %lld: the loss is %.9g at once and %.9g in parts", (long long)i + 1, a[i], b[i]);
    }
}

static void parts_add_up_to_the_step(void **state)
{
    double whole[RUN_MAX_STEPS] = {0}, parts[RUN_MAX_STEPS] = {0};
    run_case c;

    (void)state;
    run_open(&c);
    c.options.batch_size = 6;
    c.config.dropout = 0.25; /* a window has the same mask in any part */
    assert_true(run_train(&c, "whole", RUN_MAX_STEPS, whole));
    for (int64_t micro = 1; micro < 6; micro += micro == 3 ? 3 : 1) {
        c.options.micro_batch = micro;
        assert_true(run_train(&c, "parts", RUN_MAX_STEPS, parts));
        expect_close_losses(whole, parts, c.options.steps);
        run_remove(&c, "parts");
    }
    run_close(&c);
}

static void parts_need_less_memory(void **state)
{
    run_case c;

    (void)state;
    run_open(&c);
    c.options.batch_size = 16;
    heed_trainer *whole = run_create(&c, "whole");
    c.options.micro_batch = 4;
    heed_trainer *parts = run_create(&c, "parts");
    assert_true(heed_trainer_plan(parts)->step_bytes < 0.5 * heed_trainer_plan(whole)->step_bytes);
    assert_true(heed_trainer_plan(parts)->state_bytes == heed_trainer_plan(whole)->state_bytes);
    heed_trainer_close(whole);
    heed_trainer_close(parts);
    run_close(&c);
}

static void a_run_in_parts_resumes_to_the_same_bytes(void **state)
{
    run_case c;

    (void)state;
    run_open(&c);
    c.options.batch_size = 4;
    c.options.micro_batch = 2;
    assert_true(run_train(&c, "whole", RUN_MAX_STEPS, NULL));
    run_train(&c, "part", 3, NULL);
    assert_true(run_resume(&c, "part", RUN_MAX_STEPS, NULL));
    run_expect_same(&c, "whole", "part");
    run_close(&c);
}

static void a_part_divides_the_batch(void **state)
{
    heed_trainer *trainer = NULL;
    heed_error err = {0};
    run_case c;

    (void)state;
    run_open(&c);
    c.options.batch_size = 6;
    c.options.micro_batch = 4;
    assert_int_equal(heed_trainer_create(c.text, &c.config, &c.options, run_path(&c, "a"), &trainer, &err),
                     HEED_ERR_USAGE);
    run_expect_sentence(&err, "micro_batch: expected a divisor of the batch_size 6, got 4");
    run_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_add_up_to_the_step),
        cmocka_unit_test(parts_need_less_memory),
        cmocka_unit_test(a_run_in_parts_resumes_to_the_same_bytes),
        cmocka_unit_test(a_part_divides_the_batch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
