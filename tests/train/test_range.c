/* SPDX-License-Identifier: MIT */
/* The learning-rate range test: its rates, what it suggests, and that it leaves nothing behind. */
#include "cmocka_all.h"

#include <heed/range_test.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/run.h"

static heed_trainer *open_without_folder(run_case *c)
{
    heed_trainer *t = NULL;
    heed_error err = {0};

    run_open(c);
    if (heed_trainer_create(c->text, &c->config, &c->options, NULL, &t, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return t;
}

static heed_range_result test(heed_trainer *t, const heed_range_options *o)
{
    heed_range_result r;
    heed_error err = {0};

    if (heed_trainer_range_test(t, o, NULL, NULL, &r, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return r;
}

/* The definition: 95 % of the way down is made at the knee, and not a step before; and no more than half of the lowest. */
static void expect_knee(const heed_range_result *r)
{
    const double first = r->points[0].average;

    for (int64_t i = 0; i < r->n; i++)
        if (r->points[i].rate <= r->knee_rate)
            assert_true((r->points[i].average <= first - 0.95 * (first - r->lowest_loss)) ==
                        (r->points[i].rate == r->knee_rate));
    assert_true(r->suggestion == fmin(r->knee_rate, r->lowest_rate / 2.0));
}

static void rates_grow_exponentially_and_the_suggestion_is_the_knee_or_half_of_the_lowest(void **state)
{
    const heed_range_options o = {.low = 1e-4, .high = 1.0, .steps = 60};
    run_case c;
    heed_trainer *t = open_without_folder(&c);
    heed_range_result r = test(t, &o);

    (void)state;
    assert_true(r.n >= 20 && r.n <= 60);
    for (int64_t i = 0; i < r.n; i++) {
        assert_int_equal(r.points[i].step, i + 1);
        assert_true(fabs(r.points[i].rate / (1e-4 * pow(1e4, (double)i / 59.0)) - 1.0) < 1e-12);
        assert_true(!(r.points[i].average < r.lowest_loss));
    }
    assert_true(r.knee_rate > 1e-4 && r.knee_rate <= r.lowest_rate);
    expect_knee(&r);
    heed_range_free(&r);
    heed_trainer_close(t);
    run_close(&c);
}

/* Rates a third apart: what one step has done the next one shows, and the fall ends where it is lowest. */
static void a_short_test_finds_its_knee_at_the_lowest_loss(void **state)
{
    const heed_range_options o = {.low = 1e-3, .high = 1e-1, .steps = 20};
    run_case c;
    heed_trainer *t = open_without_folder(&c);
    heed_range_result r = test(t, &o);

    (void)state;
    expect_knee(&r);
    assert_true(r.knee_rate > r.lowest_rate / 2.0 && r.suggestion == r.lowest_rate / 2.0);
    heed_range_free(&r);
    heed_trainer_close(t);
    run_close(&c);
}

/* The first loss of the test is that of the first step of a run: the same weights, the same batch. */
static void it_is_the_trainer_s_own_step(void **state)
{
    const heed_range_options o = {.low = 1e-4, .high = 1e-2, .steps = 20};
    run_case c;
    heed_trainer *t = open_without_folder(&c);
    heed_range_result r = test(t, &o);
    double losses[RUN_MAX_STEPS];

    (void)state;
    heed_trainer_close(t);
    t = run_create(&c, "a");
    run_steps(t, 1, losses);
    assert_true(losses[0] == r.points[0].loss ||
                losses[1] == r.points[0].loss); /* by step, from 0 or from 1 on */
    heed_trainer_close(t);
    heed_range_free(&r);
    run_close(&c);
}

static void nothing_is_written_and_nothing_can_be_saved(void **state)
{
    const heed_range_options o = {.low = 1e-4, .high = 1e-2, .steps = 20};
    run_case c;
    heed_trainer *t = open_without_folder(&c);
    heed_range_result r = test(t, &o);
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_trainer_save(t, &err), HEED_ERR_USAGE);
    run_expect_sentence(&err, "without a folder");
    assert_string_equal(run_list(&c, "."), " text.txt");
    assert_int_equal(heed_trainer_range_test(t, &o, NULL, NULL, &(heed_range_result){0}, &err), HEED_ERR_USAGE);
    run_expect_sentence(&err, "no step");
    heed_range_free(&r);
    heed_trainer_close(t);
    run_close(&c);
}

static void a_rate_that_breaks_the_model_ends_the_test(void **state)
{
    const heed_range_options o = {.low = 1e-3, .high = 1000.0, .steps = 60};
    run_case c;
    heed_trainer *t = open_without_folder(&c);
    heed_range_result r = test(t, &o);

    (void)state;
    assert_true(r.n < 60);
    assert_true(r.broken_rate == r.points[r.n - 1].rate && r.suggestion < r.broken_rate);
    heed_range_free(&r);
    heed_trainer_close(t);
    run_close(&c);
}

/* A short answer after a long prompt: most windows of six tokens hold no target, and such a step breaks nothing. */
static void steps_without_targets_are_passed_over(void **state)
{
    static const heed_range_options o = {.low = 1e-4, .high = 1e-2, .steps = 120};
    char json[8192];
    heed_trainer *t = NULL;
    run_case c;
    int n = 0, n_without = 0;

    (void)state;
    run_open(&c);
    for (int i = 0; i < 60; i++)
        n += sprintf(json + n,
                     "{\"q\": \"to be or not to be that is so who is it to be and why\", \"a\": \"%c\"}\n",
                     "abt"[i % 3]);
    run_write(run_path(&c, "sparse.jsonl"), json, (size_t)n);
    snprintf(c.text, sizeof c.text, "%s", run_path(&c, "sparse.jsonl"));
    snprintf(c.options.text_field, sizeof c.options.text_field, "q");
    snprintf(c.options.target_field, sizeof c.options.target_field, "a");
    c.options.batch_size = 4;
    assert_int_equal(heed_trainer_create(c.text, &c.config, &c.options, NULL, &t, NULL), HEED_OK);
    heed_range_result r = test(t, &o);
    for (int64_t i = 0; i < r.n; i++)
        n_without += isnan(r.points[i].loss) != 0;
    if (r.n != 120 || n_without < 20 || n_without > 100 || !isnan(r.broken_rate))
        fail_msg("%d of %lld steps had no target, and the test ended at the rate %g", n_without, (long long)r.n,
                 r.broken_rate);
    assert_true(r.suggestion > 1e-4 && r.suggestion <= r.lowest_rate);
    heed_range_free(&r);
    heed_trainer_close(t);
    run_close(&c);
}

static void rates_that_do_not_rise_are_refused(void **state)
{
    static const heed_range_options wrong[] = {
        {0.0, 1.0, 50}, {1.0, 1.0, 50}, {1.0, 0.5, 50}, {1e-3, 1e9, 50}, {1e-3, 1.0, 5}};
    run_case c;
    heed_trainer *t = open_without_folder(&c);

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        heed_range_result r;
        heed_error err = {0};

        assert_int_equal(heed_trainer_range_test(t, &wrong[i], NULL, NULL, &r, &err), HEED_ERR_USAGE);
        run_expect_sentence(&err, "expected");
    }
    heed_trainer_close(t);
    run_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_grow_exponentially_and_the_suggestion_is_the_knee_or_half_of_the_lowest),
        cmocka_unit_test(a_short_test_finds_its_knee_at_the_lowest_loss),
        cmocka_unit_test(it_is_the_trainer_s_own_step),
        cmocka_unit_test(nothing_is_written_and_nothing_can_be_saved),
        cmocka_unit_test(a_rate_that_breaks_the_model_ends_the_test),
        cmocka_unit_test(steps_without_targets_are_passed_over),
        cmocka_unit_test(rates_that_do_not_rise_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
