/* SPDX-License-Identifier: MIT */
/* The picture of a training run: from whole logs, from logs that end in the middle of a line, and from none. */
#include "cmocka_all.h"

#include <heed/inspect.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static char folder[64];

static const char *inside(const char *name)
{
    static char path[2][128];
    static int turn;

    turn = (turn + 1) % 2;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static void write_text(const char *name, const char *text)
{
    assert_int_equal(heed_file_write(inside(name), &(heed_bytes){text, strlen(text)}, 1, NULL), HEED_OK);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/heed-test-curve-XXXXXX");
    assert_non_null(mkdtemp(folder));
    write_text("trainer.json", "{\"text\": \"/some/text.txt\"}");
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"trainer.json", "log.jsonl", "curve.png", "curve.svg"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unlink(inside(names[i]));
    return rmdir(folder);
}

/* n steps with an evaluation every tenth, and `tail` behind them. */
static void write_log(int n, const char *tail)
{
    char *log = calloc((size_t)n + 2, 160);
    size_t used = 0;

    assert_non_null(log);
    for (int i = 1; i <= n; i++) {
        const double loss = 1.0 + 3.0 / i;
        used += (size_t)snprintf(log + used, 160,
                                 "{\"step\": %d, \"loss\": %g, \"lr\": 0.001, \"grad_norm\": 1", i, loss);
        if (i % 10 == 0)
            used += (size_t)snprintf(log + used, 60, ", \"val_loss\": %g", loss + 0.1);
        used += (size_t)snprintf(log + used, 4, "}\n");
    }
    snprintf(log + used, 160, "%s", tail);
    write_text("log.jsonl", log);
    free(log);
}

static char *draw(void)
{
    char *drawn = NULL;
    heed_error err = {0};

    if (heed_run_text(folder, 80, 20, HEED_PALETTE_NONE, &drawn, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return drawn;
}

static void expect_refused(const char *part)
{
    char *drawn = folder;
    heed_error err = {0};

    assert_int_equal(heed_run_text(folder, 80, 20, HEED_PALETTE_NONE, &drawn, &err), HEED_ERR_FILE);
    assert_null(drawn);
    assert_int_equal(heed_run_picture(folder, inside("curve.png"), &err), HEED_ERR_FILE);
    assert_false(heed_file_exists(inside("curve.png")));
    if (strstr(err.message, part) == NULL || strchr(err.message, '\n') != NULL)
        fail_msg("expected one sentence with \"%s\", got \"%s\"", part, err.message);
}

static void a_log_becomes_a_picture(void **state)
{
    heed_error err = {0};
    struct stat info;
    char *drawn;

    (void)state;
    write_log(200, "");
    assert_int_equal(heed_run_picture(folder, inside("curve.png"), &err), HEED_OK);
    assert_int_equal(stat(inside("curve.png"), &info), 0);
    assert_true(info.st_size > 2000);
    assert_int_equal(heed_run_picture(folder, inside("curve.svg"), &err), HEED_OK);
    assert_int_equal(stat(inside("curve.svg"), &info), 0);
    assert_true(info.st_size > 2000);
    assert_int_equal(heed_run_picture(folder, inside("curve.doc"), &err), HEED_ERR_USAGE);
    drawn = draw();
    assert_non_null(strstr(drawn, "validation"));
    assert_null(strstr(drawn, "entropy"));
    free(drawn);
}

static void the_built_in_stories_have_a_floor(void **state)
{
    char *drawn;

    (void)state;
    write_text("trainer.json", "{\"text\": \"\"}");
    write_log(50, "");
    drawn = draw();
    assert_non_null(strstr(drawn, "floor: the least on average"));
    free(drawn);
}

/* Killed while writing: the last line has no end. A picture of what is whole is the same as without it. */
static void a_last_line_without_an_end_is_passed_over(void **state)
{
    char *whole, *cut;

    (void)state;
    write_log(60, "");
    whole = draw();
    write_log(60, "{\"step\": 61, \"loss\": 9.9, \"lr\": 0.0");
    cut = draw();
    assert_string_equal(whole, cut);
    free(whole);
    free(cut);
}

/* Losses that were no numbers are written as null. */
static void a_loss_that_is_no_number_leaves_a_gap(void **state)
{
    (void)state;
    write_log(30, "{\"step\": 31, \"loss\": null, \"val_loss\": null}\n{\"step\": 32, \"loss\": 1.0}\n");
    free(draw());
}

static void a_run_of_one_step_is_drawn(void **state)
{
    (void)state;
    write_log(1, "");
    free(draw());
}

static void what_is_no_log_is_refused(void **state)
{
    (void)state;
    expect_refused("log.jsonl");
    write_log(0, "");
    expect_refused("empty");
    write_log(3, "this is no JSON\n");
    expect_refused("log.jsonl");
    write_log(3, "{\"step\": \"four\"}\n");
    expect_refused("step");
    write_log(3, "");
    write_text("trainer.json", "{");
    expect_refused("trainer.json");
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_log_becomes_a_picture),
        IN_FOLDER(the_built_in_stories_have_a_floor),
        IN_FOLDER(a_last_line_without_an_end_is_passed_over),
        IN_FOLDER(a_loss_that_is_no_number_leaves_a_gap),
        IN_FOLDER(a_run_of_one_step_is_drawn),
        IN_FOLDER(what_is_no_log_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
