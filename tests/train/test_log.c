/* SPDX-License-Identifier: MIT */
/* log.jsonl: what it says about groups of parameters, and that curves can be drawn of it. */
#include "cmocka_all.h"

#include <heed/plot.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/run.h"

static int64_t count(const char *text, const char *part)
{
    int64_t n = 0;

    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part))
        n++;
    return n;
}

/* Looks at steps 1, 2 and 4; what is logged is what the trainer says, to the six digits of the log. */
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
    c.options.group_interval = 2;
    heed_trainer *t = run_create(&c, "a");
    for (int i = 0; i < 5; i++) {
        assert_int_equal(heed_trainer_step(t, &p, NULL), HEED_OK);
        const heed_group_stats *groups = heed_trainer_groups(t, &n);
        assert_true((n > 0) == (i == 0 || i == 1 || i == 3));
        if (n > 0) {
            last = groups[0];
            ratio = last.update_norm / last.weight_norm;
        }
    }
    assert_int_equal(heed_trainer_save(t, NULL), HEED_OK);
    char *log = run_read(run_file(&c, "a", "log.jsonl"), &size);
    assert_int_equal(count(log, "\"update_ratio\": {"), 3);
    assert_int_equal(count(log, "\"weight_norm\": {"), 3);
    assert_int_equal(count(log, "\"group_grad_norm\": {"), 3);
    free(log);
    run = run_path(&c, "a");
    assert_int_equal(heed_plot_create(&run, 1, &options, &plot, NULL), HEED_OK);
    const heed_plot_curve first = heed_plot_get(plot, 0);
    assert_string_equal(first.member, last.name);
    assert_int_equal(first.n, 3);
    assert_int_equal(first.step[2], 4);
    assert_true(fabs(first.y[2] - ratio) <= 1e-5 * ratio);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_are_logged_where_they_were_looked_at),
        cmocka_unit_test(a_run_without_looks_logs_no_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
