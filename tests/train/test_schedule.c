/* SPDX-License-Identifier: MIT */
/* Schedules of the learning rate: values by hand, and what holds for all of them. The cosine is in tests/vectors too. */
#include "cmocka_all.h"

#include <math.h>

#include "train/schedule.h"

/* 10 steps of warm-up, 100 in all, from 1 down to 0.1. */
static heed_schedule schedule_of(heed_train_schedule kind)
{
    return (heed_schedule){.kind = kind,
                           .max = 1.0,
                           .min = 0.1,
                           .warmup = 10,
                           .total = 100,
                           .form = HEED_WARMUP_TO_MAX,
                           .factor = 0.5};
}

static void expect_rate(const heed_schedule *s, int64_t step, double expected)
{
    const double rate = heed_schedule_rate(s, step);

    if (!(fabs(rate - expected) <= 1e-12)) /* a few operations on numbers up to 1 */
        fail_msg("step %lld: rate %.17g, expected %.17g", (long long)step, rate, expected);
}

static void every_schedule_warms_up_alike(void **state)
{
    (void)state;
    for (int kind = HEED_SCHEDULE_COSINE; kind <= HEED_SCHEDULE_WSD; kind++) {
        const heed_schedule s = schedule_of((heed_train_schedule)kind);
        for (int64_t step = 0; step < 10; step++)
            expect_rate(&s, step, (double)(step + 1) / 10.0);
        expect_rate(&s, 10, 1.0);
    }
}

static void rates_never_rise_after_the_warm_up_and_stay_in_their_bounds(void **state)
{
    (void)state;
    for (int kind = HEED_SCHEDULE_COSINE; kind <= HEED_SCHEDULE_WSD; kind++) {
        for (int64_t decay = 0; decay < 200; decay += 33) {
            heed_schedule s = schedule_of((heed_train_schedule)kind);
            s.decay_steps = decay;
            for (int64_t step = 10; step < 300; step++) {
                const double now = heed_schedule_rate(&s, step), next = heed_schedule_rate(&s, step + 1);
                assert_true(next <= now + 1e-15 && now <= 1.0 && now >= 0.1);
            }
        }
    }
}

static void a_constant_rate_stays(void **state)
{
    const heed_schedule s = schedule_of(HEED_SCHEDULE_CONSTANT);

    (void)state;
    expect_rate(&s, 50, 1.0);
    expect_rate(&s, 100000, 1.0);
}

static void a_line_falls_evenly(void **state)
{
    heed_schedule s = schedule_of(HEED_SCHEDULE_LINEAR);

    (void)state;
    expect_rate(&s, 55, 0.55); /* half of 90 steps */
    expect_rate(&s, 100, 0.1);
    expect_rate(&s, 1000, 0.1);
    s.decay_steps = 30;
    expect_rate(&s, 20, 1.0 - 0.9 / 3.0);
    expect_rate(&s, 40, 0.1);
}

/* torch.optim.lr_scheduler.StepLR: gamma to the power of floor(steps / step_size). */
static void steps_multiply_by_the_factor(void **state)
{
    heed_schedule s = schedule_of(HEED_SCHEDULE_STEP);

    (void)state;
    expect_rate(&s, 39, 1.0); /* a third of 90 steps each */
    expect_rate(&s, 40, 0.5);
    expect_rate(&s, 70, 0.25);
    s.decay_steps = 7;
    expect_rate(&s, 16, 1.0);
    expect_rate(&s, 17, 0.5);
    expect_rate(&s, 30, 0.25);
    expect_rate(&s, 10 + 7 * 4, 0.1); /* 0.0625 is below the least */
    for (int64_t total = 11; total < 60;
         total++) { /* never a fourth level, whatever is left behind the warm-up */
        s = schedule_of(HEED_SCHEDULE_STEP);
        s.total = total;
        assert_true(heed_schedule_rate(&s, total - 1) >= 0.25);
    }
}

static void warm_up_stable_decay_falls_at_the_end_alone(void **state)
{
    heed_schedule s = schedule_of(HEED_SCHEDULE_WSD);

    (void)state;
    expect_rate(&s, 90, 1.0); /* a tenth of 100 */
    expect_rate(&s, 95, 0.55);
    expect_rate(&s, 100, 0.1);
    s.decay_steps = 40;
    expect_rate(&s, 60, 1.0);
    expect_rate(&s, 80, 0.55);
    s.decay_steps = 1000; /* longer than what the warm-up leaves */
    expect_rate(&s, 10, 1.0);
    expect_rate(&s, 55, 0.55);
}

static void options_say_which_schedule_and_where_it_ends(void **state)
{
    heed_train_options o = heed_train_options_default();

    (void)state;
    o.learning_rate = 0.5;
    assert_true(heed_schedule_of(&o).kind == HEED_SCHEDULE_COSINE && heed_schedule_of(&o).min == 0.05);
    o.schedule = HEED_SCHEDULE_STEP;
    assert_true(heed_schedule_of(&o).min == 0.0 && heed_schedule_of(&o).factor == 0.1);
    o.min_learning_rate = 0.2;
    assert_true(heed_schedule_of(&o).min == 0.2);
}

/* A run shorter than its warm-up, of one step, of none left to decay: no division by 0. */
static void odd_lengths_give_finite_rates(void **state)
{
    (void)state;
    for (int kind = HEED_SCHEDULE_COSINE; kind <= HEED_SCHEDULE_WSD; kind++) {
        for (int64_t warmup = 0; warmup < 4; warmup++) {
            for (int64_t total = 1; total < 4; total++) {
                heed_schedule s = schedule_of((heed_train_schedule)kind);
                s.warmup = warmup;
                s.total = total;
                for (int64_t step = 0; step < 8; step++) {
                    const double rate = heed_schedule_rate(&s, step);
                    assert_true(rate >= 0.0 && rate <= 1.0);
                }
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_schedule_warms_up_alike),
        cmocka_unit_test(rates_never_rise_after_the_warm_up_and_stay_in_their_bounds),
        cmocka_unit_test(a_constant_rate_stays),
        cmocka_unit_test(a_line_falls_evenly),
        cmocka_unit_test(steps_multiply_by_the_factor),
        cmocka_unit_test(warm_up_stable_decay_falls_at_the_end_alone),
        cmocka_unit_test(options_say_which_schedule_and_where_it_ends),
        cmocka_unit_test(odd_lengths_give_finite_rates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
