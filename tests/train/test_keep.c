/* SPDX-License-Identifier: MIT */
/*
 * The best model and the last checkpoints: which of them stay, and that they are whole at any moment. The process dies, or the
 * disk is full, at every single operation on files in turn.
 */
#include "file_faults.c" /* first: it takes the place of functions of the C library, for this program alone */

#include "run.h"

#include <heed/model.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const kept[] = {"best", "step-000004", "step-000008", "step-000012"};
enum { N_KEPT = 4 };

static void prepare(run_case *c)
{
    run_open(c);
    assert_int_equal(heed_config_preset("bigram", &c->config, NULL), HEED_OK);
    c->config.context_length = 6;
    c->options.keep_best = true;
    c->options.keep_last = 2;
    c->options.eval_interval = 4;
    c->options.save_interval = 4;
    c->options.group_interval = 0;
}

static const char *inside(const char *run, const char *folder)
{
    static char names[2][96];
    static int turn;

    turn = 1 - turn;
    snprintf(names[turn], sizeof names[turn], "%s/%s", run, folder);
    return names[turn];
}

static void remove_run(const run_case *c, const char *name)
{
    char command[2 * RUN_PATH];

    snprintf(command, sizeof command, "rm -rf '%s'", run_path(c, name));
    assert_int_equal(system(command), 0);
}

/* Of the names of a folder, those that are no files of a run. */
static const char *folders_of(const run_case *c, const char *name)
{
    static char found[1024];
    char list[4096];

    snprintf(list, sizeof list, "%s", run_list(c, name));
    found[0] = '\0';
    for (char *word = strtok(list, " "); word != NULL; word = strtok(NULL, " ")) {
        if (strstr(word, ".json") == NULL && strstr(word, ".safetensors") == NULL)
            snprintf(found + strlen(found), sizeof found - strlen(found), " %s", word);
    }
    return found;
}

static void expect_whole(const run_case *c, const char *run, const char *folder)
{
    heed_model *model = NULL;
    heed_error err = {0};

    if (run_list(c, inside(run, folder))[0] == '\0')
        return; /* there is none */
    if (heed_model_open(run_path(c, inside(run, folder)), &model, &err) != HEED_OK)
        fail_msg("%s: %s", folder, err.message);
    heed_model_close(model);
}

static void expect_same_bytes(const run_case *c, const char *a, const char *b, const char *file)
{
    size_t n_a, n_b;
    char *x = run_read(run_file(c, a, file), &n_a), *y = run_read(run_file(c, b, file), &n_b);

    if (x == NULL || y == NULL || n_a != n_b || memcmp(x, y, n_a) != 0)
        fail_msg("%s of %s and %s differ", file, a, b);
    free(x);
    free(y);
}

/* --- which stay --- */

static void the_best_and_the_last_two_stay(void **state)
{
    static const char *const model[] = {"config.json", "tokenizer.json", "model.safetensors"};
    run_case c;

    (void)state;
    prepare(&c);
    c.options.steps = 20;
    assert_true(run_train(&c, "a", RUN_MAX_STEPS, NULL));
    assert_string_equal(folders_of(&c, "a"), " best step-000016 step-000020");
    assert_string_equal(run_list(&c, "a/best"), " config.json model.safetensors tokenizer.json");
    for (size_t i = 0; i < 3; i++)
        expect_same_bytes(&c, "a", "a/step-000020", model[i]);
    expect_same_bytes(&c, "a", "a/step-000020", "optimizer.safetensors");
    remove_run(&c, "a");
    run_close(&c);
}

/* A learning rate far too high, after one that learns: the best is not the last. */
static void the_best_is_the_one_of_the_lowest_loss(void **state)
{
    run_case c;
    heed_progress p = {0};
    heed_error err = {0};

    (void)state;
    prepare(&c);
    c.options.keep_last = 0;
    c.options.warmup_steps = 40;
    c.options.steps = 40;
    c.options.learning_rate = 10.0;
    c.options.skip_outliers = 0.0;
    heed_trainer *trainer = run_create(&c, "a");
    heed_trainer *same = NULL;
    while (!p.done)
        assert_int_equal(heed_trainer_step(trainer, &p, &err), HEED_OK);
    assert_true(p.best_step < 40);
    heed_trainer_close(trainer);
    c.options.keep_best = false;
    c.options.save_interval = p.best_step;
    same = run_create(&c, "b");
    run_steps(same, p.best_step, NULL);
    heed_trainer_close(same);
    expect_same_bytes(&c, "b", "a/best", "model.safetensors");
    remove_run(&c, "a");
    run_close(&c);
}

static void a_kept_checkpoint_is_a_run_to_go_on_from(void **state)
{
    run_case c;

    (void)state;
    prepare(&c);
    assert_true(run_train(&c, "a", RUN_MAX_STEPS, NULL));
    assert_true(run_resume(&c, "a/step-000008", RUN_MAX_STEPS, NULL));
    expect_same_bytes(&c, "a", "a/step-000008", "model.safetensors");
    expect_same_bytes(&c, "a", "a/step-000008", "optimizer.safetensors");
    remove_run(&c, "a");
    run_close(&c);
}

/* --- what is not the run's --- */

static void put_file(const run_case *c, const char *run, const char *name, const char *text)
{
    run_write(run_file(c, run, name), text, strlen(text));
}

static void make_folder_in(const run_case *c, const char *name)
{
    assert_int_equal(mkdir(run_path(c, name), 0777), 0);
}

static heed_status resume(const run_case *c, const char *name, heed_error *err)
{
    heed_trainer *trainer = NULL;
    heed_progress progress = {0};
    heed_status status = heed_trainer_resume(run_path(c, name), -1, &trainer, err);

    while (status == HEED_OK && !progress.done)
        status = heed_trainer_step(trainer, &progress, err);
    heed_trainer_close(trainer);
    return status;
}

/* Of a folder with model.safetensors and notes.txt that the run's names lead to. */
static void expect_precious(const run_case *c)
{
    if (strcmp(run_list(c, "precious"), " model.safetensors notes.txt") != 0)
        fail_msg("the user's folder now holds%s", run_list(c, "precious"));
}

static void nothing_is_changed_through_a_link(void **state)
{
    static const char *const links[] = {"best", "step-000004", "step-000008", "step-000004.1-0.tmp",
                                        "best.1-0.tmp"};
    run_case c;
    heed_error err = {0};

    (void)state;
    prepare(&c);
    c.options.keep_last = 1;
    make_folder_in(&c, "precious");
    put_file(&c, "precious", "model.safetensors", "mine");
    put_file(&c, "precious", "notes.txt", "mine");
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        assert_false(run_train(&c, "a", 6, NULL));
        if (i < 2)
            remove_run(&c, inside("a", links[i]));
        assert_int_equal(symlink("../precious", run_file(&c, "a", links[i])), 0);
        err = (heed_error){0};
        const heed_status status = resume(&c, "a", &err);
        if (i < 3) { /* in the way */
            assert_int_equal(status, HEED_ERR_FILE);
            run_expect_sentence(&err, links[i]);
        } else if (status != HEED_OK) {
            fail_msg("%s: %s", links[i], err.message);
        }
        expect_precious(&c);
        remove_run(&c, "a");
    }
    remove_run(&c, "precious");
    run_close(&c);
}

static void a_new_run_takes_no_folder_that_was_there(void **state)
{
    static const char *const taken[] = {"a/best", "a/step-000004"};
    run_case c;
    heed_trainer *trainer = NULL;
    heed_error err = {0};

    (void)state;
    prepare(&c);
    for (int i = 0; i < 2; i++) {
        make_folder_in(&c, "a");
        make_folder_in(&c, taken[i]);
        put_file(&c, taken[i], "notes.txt", "mine");
        assert_int_equal(heed_trainer_create(c.text, &c.config, &c.options, run_path(&c, "a"), &trainer, &err),
                         HEED_ERR_USAGE);
        run_expect_sentence(&err, taken[i]);
        assert_string_equal(run_list(&c, taken[i]), " notes.txt");
        remove_run(&c, "a");
    }
    run_close(&c);
}

static void a_kept_model_with_notes_is_not_replaced(void **state)
{
    run_case c;
    heed_error err = {0};

    (void)state;
    prepare(&c);
    assert_false(run_train(&c, "a", 6, NULL));
    put_file(&c, "a/best", "notes.txt", "mine");
    assert_int_equal(resume(&c, "a", &err), HEED_ERR_FILE);
    run_expect_sentence(&err, "notes.txt");
    assert_string_equal(run_list(&c, "a/best"), " config.json model.safetensors notes.txt tokenizer.json");
    remove_run(&c, "a");
    run_close(&c);
}

/* Both go on from step 8: the branch keeps its own steps, and the run goes on as if there were no branch. */
static void a_step_that_was_gone_on_from_is_left_alone(void **state)
{
    run_case c;
    heed_error err = {0};

    (void)state;
    prepare(&c);
    c.options.keep_last = 1;
    c.options.steps = 24;
    assert_false(run_train(&c, "a", 8, NULL));
    assert_false(run_resume(&c, "a/step-000008", 8, NULL));
    assert_string_equal(folders_of(&c, "a/step-000008"), ""); /* nothing is kept inside of what is kept */
    make_folder_in(&c, "a/step-000004.1-0.tmp");
    make_folder_in(&c, "a/step-000004.1-0.tmp/deep");
    for (int i = 0; i < 2; i++) {
        if (resume(&c, "a", &err) != HEED_OK)
            fail_msg("%s", err.message);
        assert_string_equal(folders_of(&c, "a"), " best step-000004.1-0.tmp step-000008 step-000024");
    }
    assert_true(run_resume(&c, "a/step-000008", RUN_MAX_STEPS, NULL));
    expect_same_bytes(&c, "a", "a/step-000008", "model.safetensors");
    remove_run(&c, "a");
    run_close(&c);
}

/* --- at any moment --- */

static bool dies_at(const run_case *c, const char *name, int n)
{
    const pid_t child = fork();
    int status = 0;

    assert_true(child >= 0);
    if (child == 0) {
        heed_trainer *trainer = NULL;
        heed_progress progress = {0};
        const bool there = access(run_file(c, name, "trainer.json"), F_OK) == 0;
        if (!there)
            heed_trainer_create(c->text, &c->config, &c->options, run_path(c, name), &trainer, NULL);
        fault_arm(FAULT_EXIT, n);
        if (there)
            heed_trainer_resume(run_path(c, name), -1, &trainer, NULL);
        if (trainer == NULL)
            _exit(1);
        while (!progress.done) {
            if (heed_trainer_step(trainer, &progress, NULL) != HEED_OK)
                _exit(2);
        }
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != FAULT_EXIT_CODE))
        fail_msg("operation %d: the process ended with status %#x", n, (unsigned)status);
    return WEXITSTATUS(status) == FAULT_EXIT_CODE;
}

static void finish_and_compare(const run_case *c, const char *name, int n)
{
    heed_trainer *trainer = NULL;
    heed_error err = {0};

    for (int i = 0; i < N_KEPT; i++)
        expect_whole(c, name, kept[i]);
    if (heed_trainer_resume(run_path(c, name), -1, &trainer, &err) != HEED_OK)
        fail_msg("after operation %d: %s; the folder holds%s", n, err.message, run_list(c, name));
    run_steps(trainer, RUN_MAX_STEPS, NULL);
    heed_trainer_close(trainer);
    if (strcmp(folders_of(c, name), " best step-000008 step-000012") != 0)
        fail_msg("after operation %d the folder holds%s", n, run_list(c, name));
    expect_same_bytes(c, "whole", name, "model.safetensors");
    expect_same_bytes(c, "whole", name, "trainer.json");
    expect_same_bytes(c, "whole/best", inside(name, "best"), "model.safetensors");
    expect_same_bytes(c, "whole/step-000008", inside(name, "step-000008"), "trainer.json");
    expect_same_bytes(c, "whole/step-000012", inside(name, "step-000012"), "optimizer.safetensors");
}

static void a_process_that_dies_at_any_operation_leaves_whole_folders(void **state)
{
    run_case c;
    int n = 1;

    (void)state;
    prepare(&c);
    assert_true(run_train(&c, "whole", RUN_MAX_STEPS, NULL));
    for (; dies_at(&c, "crash", n); n += 2) { /* an operation more or less before: test_checkpoint.c has each */
        finish_and_compare(&c, "crash", n);
        remove_run(&c, "crash");
    }
    assert_true(n > 120); /* three checkpoints of five files, three times best, three steps, one removed */
    remove_run(&c, "crash");
    remove_run(&c, "whole");
    run_close(&c);
}

/* The disk is full from operation n on; then there is room again. */
static void a_full_disk_loses_nothing(void **state)
{
    run_case c;
    int n = 1;
    bool was_full = true;

    (void)state;
    prepare(&c);
    assert_true(run_train(&c, "whole", RUN_MAX_STEPS, NULL));
    for (; was_full && n < 1000; n += 5) {
        heed_trainer *trainer = run_create(&c, "full");
        heed_progress progress = {0};
        heed_status status = HEED_OK;
        heed_error err = {0};

        fault_arm(FAULT_FULL, n);
        while (!progress.done && status == HEED_OK)
            status = heed_trainer_step(trainer, &progress, &err);
        was_full = fault_struck()[0] != '\0';
        fault_clear();
        if (status != HEED_OK && status != HEED_ERR_FILE)
            fail_msg("operation %d: %s", n, err.message);
        heed_trainer_close(trainer);
        finish_and_compare(&c, "full", n);
        remove_run(&c, "full");
    }
    assert_true(n > 60);
    remove_run(&c, "whole");
    run_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_and_the_last_two_stay),
        cmocka_unit_test(the_best_is_the_one_of_the_lowest_loss),
        cmocka_unit_test(a_kept_checkpoint_is_a_run_to_go_on_from),
        cmocka_unit_test(nothing_is_changed_through_a_link),
        cmocka_unit_test(a_new_run_takes_no_folder_that_was_there),
        cmocka_unit_test(a_kept_model_with_notes_is_not_replaced),
        cmocka_unit_test(a_step_that_was_gone_on_from_is_left_alone),
        cmocka_unit_test(a_process_that_dies_at_any_operation_leaves_whole_folders),
        cmocka_unit_test(a_full_disk_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
