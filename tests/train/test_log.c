/* SPDX-License-Identifier: MIT */
/* log.jsonl: what it says about groups of parameters, that it can be read meanwhile, and what a resume makes of it. */
#include "cmocka_all.h"

#include <heed/plot.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "train/run.h"

static int64_t count(const char *text, const char *part)
{
    int64_t n = 0;

    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part))
        n++;
    return n;
}

/*
 * Looks at steps 1, 3, 5 (evaluated), 6 and 8 (the last one); what is logged is what the trainer says, to the six digits of
 * the log.
 */
static void groups_are_logged_where_they_were_looked_at(void **state)
{
    run_case c;
    heed_progress p;
    heed_group_stats last = {0};
    heed_plot *plot = NULL;
    const char *run;
    const heed_plot_options options = {.what = "update_ratio"};
    double ratio = 0.0;
    size_t size;
    int n;

    (void)state;
    run_open(&c);
    c.options.steps = 8;
    c.options.group_interval = 3;
    heed_trainer *t = run_create(&c, "a");
    for (int step = 1; step <= 8; step++) {
        assert_int_equal(heed_trainer_step(t, &p, NULL), HEED_OK);
        const heed_group_stats *groups = heed_trainer_groups(t, &n);
        assert_true((n > 0) == (step == 1 || step == 3 || step == 5 || step == 6 || step == 8));
        assert_true(n > 0 || isnan(p.validation_loss));
        if (n > 0) {
            last = groups[0];
            ratio = heed_group_update_ratio(&last);
        }
    }
    char *log = run_read(run_file(&c, "a", "log.jsonl"), &size);
    assert_int_equal(count(log, "\"update_ratio\": {"), 5);
    assert_int_equal(count(log, "\"weight_norm\": {"), 5);
    assert_int_equal(count(log, "\"group_grad_norm\": {"), 5);
    free(log);
    run = run_path(&c, "a");
    assert_int_equal(heed_plot_create(&run, 1, &options, &plot, NULL), HEED_OK);
    const heed_plot_curve first = heed_plot_get(plot, 0);
    assert_string_equal(first.member, last.name);
    assert_int_equal(first.n, 5);
    assert_int_equal(first.step[2], 5);
    assert_int_equal(first.step[4], 8);
    assert_true(fabs(first.y[4] - ratio) <= 1e-5 * ratio);
    heed_plot_destroy(plot);
    heed_trainer_close(t);
    run_close(&c);
}

/* Without looks the log has none of it: logs stay as short as they were. */
static void a_run_without_looks_logs_no_groups(void **state)
{
    run_case c;
    size_t size;

    (void)state;
    run_open(&c);
    c.options.group_interval = 0;
    run_train(&c, "a", c.options.steps, NULL);
    char *log = run_read(run_file(&c, "a", "log.jsonl"), &size);
    assert_int_equal(count(log, "update_ratio"), 0);
    free(log);
    run_close(&c);
}

/* --- while it trains --- */

static int64_t lines_of(const run_case *c, const char *name)
{
    size_t size;
    char *log = run_read(run_file(c, name, "log.jsonl"), &size);
    const int64_t n = count(log, "\n");

    assert_true(size > 0 && log[size - 1] == '\n');
    free(log);
    return n;
}

static void a_line_can_be_read_as_soon_as_its_step_is_done(void **state)
{
    const heed_plot_options options = {.what = "loss"};
    run_case c;
    heed_plot *plot = NULL;
    const char *run;

    (void)state;
    run_open(&c);
    c.options.save_interval = 0;
    heed_trainer *t = run_create(&c, "a");
    for (int step = 1; step <= 5; step++) {
        run_steps(t, 1, NULL);
        assert_int_equal(lines_of(&c, "a"), step);
    }
    run = run_path(&c, "a");
    assert_int_equal(heed_plot_create(&run, 1, &options, &plot, NULL), HEED_OK);
    assert_int_equal(heed_plot_get(plot, 0).n, 5);
    heed_plot_destroy(plot);
    heed_trainer_close(t);
    run_close(&c);
}

/* Room for a part of the line of step 3 alone: that line is lost as a whole, and the next checkpoint says so. */
static void a_full_disk_leaves_no_half_of_a_line(void **state)
{
    struct rlimit before, small;
    heed_error err = {0};
    run_case c;
    size_t size;

    (void)state;
    run_open(&c);
    c.options.save_interval = 0;
    heed_trainer *t = run_create(&c, "a");
    run_steps(t, 2, NULL);
    free(run_read(run_file(&c, "a", "log.jsonl"), &size));
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = size + 20;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    run_steps(t, 1, NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    run_steps(t, 2, NULL);
    assert_int_equal(lines_of(&c, "a"), 4);
    assert_int_equal(heed_trainer_save(t, &err), HEED_ERR_FILE);
    run_expect_sentence(&err, "log.jsonl: cannot be written: File too large");
    assert_int_equal(heed_trainer_save(t, &err), HEED_OK);
    heed_trainer_close(t);
    run_resume(&c, "a", 1, NULL);
    assert_int_equal(lines_of(&c, "a"), 5);
    run_close(&c);
}

/* --- going on --- */

static void put_log(const run_case *c, const char *text)
{
    run_write(run_file(c, "a", "log.jsonl"), text, strlen(text));
}

static heed_status resume(const run_case *c, heed_error *err)
{
    heed_trainer *trainer = NULL;
    const heed_status status = heed_trainer_resume(run_path(c, "a"), -1, &trainer, err);

    heed_trainer_close(trainer);
    return status;
}

static void expect_log(const run_case *c, const char *expected)
{
    size_t size;
    char *log = run_read(run_file(c, "a", "log.jsonl"), &size);

    assert_string_equal(log, expected);
    free(log);
}

/* The checkpoint is that of step 4. */
static void lines_are_kept_in_any_form_up_to_the_checkpoint(void **state)
{
#define KEPT                                 \
    "{\"step\":1,\"loss\":2}\n"              \
    " { \"step\"\t:  2 , \"loss\": 2}\r\n\n" \
    "{\"loss\": 2, \"step\": 3, \"weight_norm\": {\"step\": 9}}\n{\"step\": 4}\n"
    static const char *const dropped[] = {"", "{\"step\":5}\n{\"step\":", "{\"step\": 1",
                                          "{\"step\":    ", "rubbish"};
    run_case c;
    heed_error err = {0};
    char text[512];

    (void)state;
    run_open(&c);
    assert_false(run_train(&c, "a", 5, NULL));
    for (size_t i = 0; i < sizeof dropped / sizeof dropped[0]; i++) {
        snprintf(text, sizeof text, KEPT "%s", dropped[i]);
        put_log(&c, text);
        if (resume(&c, &err) != HEED_OK)
            fail_msg("%s", err.message);
        expect_log(&c, KEPT);
    }
    run_close(&c);
}

static void a_line_that_is_not_understood_is_named_and_nothing_is_lost(void **state)
{
    static const char *const lines[] = {"rubbish\n",
                                        "{\"loss\": 2}\n",
                                        "{\"step\": 2.5}\n",
                                        "{\"step\": \"2\"}\n",
                                        "{\"step\": 99999999999999999999}\n",
                                        "{\"step\": }\n"};
    run_case c;
    heed_error err = {0};
    char text[512];

    (void)state;
    run_open(&c);
    assert_false(run_train(&c, "a", 5, NULL));
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        snprintf(text, sizeof text, "{\"step\": 1}\n%s{\"step\": 3}\n", lines[i]);
        put_log(&c, text);
        assert_int_equal(resume(&c, &err), HEED_ERR_FILE);
        run_expect_sentence(&err, "log.jsonl, line 2");
        expect_log(&c, text);
    }
    run_close(&c);
}

static void a_link_is_no_log(void **state)
{
    run_case c;
    heed_error err = {0};
    size_t size;

    (void)state;
    run_open(&c);
    assert_false(run_train(&c, "a", 5, NULL));
    run_write(run_path(&c, "precious"), "{\"step\": 9}\n", 12); /* a line that would go */
    assert_int_equal(unlink(run_file(&c, "a", "log.jsonl")), 0);
    assert_int_equal(symlink("../precious", run_file(&c, "a", "log.jsonl")), 0);
    assert_int_equal(resume(&c, &err), HEED_ERR_FILE);
    run_expect_sentence(&err, "log.jsonl");
    char *text = run_read(run_path(&c, "precious"), &size);
    assert_string_equal(text, "{\"step\": 9}\n");
    free(text);
    run_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_are_logged_where_they_were_looked_at),
        cmocka_unit_test(a_run_without_looks_logs_no_groups),
        cmocka_unit_test(a_line_can_be_read_as_soon_as_its_step_is_done),
        cmocka_unit_test(a_full_disk_leaves_no_half_of_a_line),
        cmocka_unit_test(lines_are_kept_in_any_form_up_to_the_checkpoint),
        cmocka_unit_test(a_line_that_is_not_understood_is_named_and_nothing_is_lost),
        cmocka_unit_test(a_link_is_no_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
