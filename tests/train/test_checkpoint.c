/* SPDX-License-Identifier: MIT */
/*
 * A checkpoint is whole at any moment: the process dies, or the disk fails, at every single operation on files in
 * turn, and each time the run can be resumed and ends with the bytes of one that nothing happened to.
 */
#include "file_faults.c" /* first: it takes the place of functions of the C library, for this program alone */

#include "run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* "whole": never interrupted. "base": left after the first of its checkpoints. */
static void make_runs(const run_case *c)
{
    assert_true(run_train(c, "whole", RUN_MAX_STEPS, NULL));
    assert_false(run_train(c, "base", c->options.save_interval, NULL));
}

/* A bigram model has but one tensor. */
static void prepare(run_case *c)
{
    run_open(c);
    assert_int_equal(heed_config_preset("bigram", &c->config, NULL), HEED_OK);
    c->config.context_length = 6;
    make_runs(c);
}

/* A GPT in bf16: weights and moments of a checkpoint are f32, so a resume finds the bits that were there. */
static void prepare_bf16(run_case *c)
{
    run_open(c);
    c->options.precision = HEED_PRECISION_BF16;
    make_runs(c);
}

static void finish_and_compare(const run_case *c, const char *name, int n)
{
    heed_trainer *trainer = NULL;
    heed_error err = {0};

    if (heed_trainer_resume(run_path(c, name), -1, &trainer, &err) != HEED_OK)
        fail_msg("after operation %d: %s; the folder holds%s", n, err.message, run_list(c, name));
    run_steps(trainer, RUN_MAX_STEPS, NULL);
    heed_trainer_close(trainer);
    run_expect_same(c, "whole", name);
}

/* --- the process dies --- */

/* Resumes a run in a process of its own that dies at operation n; false when it lived to its end. */
static bool dies_at(const run_case *c, const char *name, int n, bool create)
{
    const pid_t child = fork();
    int status = 0;

    assert_true(child >= 0);
    if (child == 0) {
        heed_trainer *trainer = NULL;
        heed_progress progress = {0};
        fault_arm(FAULT_EXIT, n);
        if (create ? heed_trainer_create(c->text, &c->config, &c->options, run_path(c, name), &trainer, NULL) !=
                         HEED_OK
                   : heed_trainer_resume(run_path(c, name), -1, &trainer, NULL) != HEED_OK)
            _exit(1);
        for (int i = 0; i < 6 && !progress.done; i++) /* over one checkpoint, not to the next */
            heed_trainer_step(trainer, &progress, NULL);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != FAULT_EXIT_CODE))
        fail_msg("operation %d: the process ended with status %#x", n, (unsigned)status);
    return WEXITSTATUS(status) == FAULT_EXIT_CODE;
}

static void die_at_every_operation(const run_case *c)
{
    int n = 0;

    do {
        run_copy(c, "base", "crash");
        if (!dies_at(c, "crash", ++n, false))
            break;
        finish_and_compare(c, "crash", n);
        run_remove(c, "crash");
    } while (n < 1000);
    assert_true(n > 30); /* five files are opened, written, flushed, renamed twice */
}

static void a_process_that_dies_at_any_operation_leaves_a_whole_checkpoint(void **state)
{
    run_case c;

    (void)state;
    prepare(&c);
    die_at_every_operation(&c);
    run_close(&c);
    prepare_bf16(&c);
    die_at_every_operation(&c);
    run_close(&c);
}

/* Dying again while the next process puts things in order: always once there is a commit, else now and then. */
static void a_process_that_dies_while_recovering_leaves_a_whole_checkpoint(void **state)
{
    run_case c;

    (void)state;
    prepare(&c);
    for (int n = 1; n < 1000; n++) {
        run_copy(&c, "base", "crash");
        const bool died = dies_at(&c, "crash", n, false);
        const bool matters = n % 8 == 0 || strstr(run_list(&c, "crash"), "checkpoint.commit") != NULL;
        for (int m = 1; died && matters && m <= 12; m++) {
            run_copy(&c, "crash", "again");
            dies_at(&c, "again", m, false);
            finish_and_compare(&c, "again", 100 * n + m);
            run_remove(&c, "again");
        }
        run_remove(&c, "crash");
        if (!died)
            break;
    }
    run_close(&c);
}

/* From the first operation on there is either nothing, and the run can be made again, or a run that can be resumed. */
static void a_process_that_dies_while_it_makes_a_run_leaves_no_half_of_one(void **state)
{
    run_case c;
    int n_new = 0, n_resumed = 0;

    (void)state;
    prepare(&c);
    for (int n = 1; dies_at(&c, "crash", n, true); n++) {
        heed_trainer *trainer = NULL;
        heed_error err = {0};
        const heed_status status = heed_trainer_create(c.text, &c.config, &c.options, run_path(&c, "crash"),
                                                       &trainer, &err);
        if (status == HEED_OK) {
            n_new++;
            run_steps(trainer, RUN_MAX_STEPS, NULL);
            heed_trainer_close(trainer);
            run_expect_same(&c, "whole", "crash");
        } else {
            assert_int_equal(status, HEED_ERR_USAGE);
            n_resumed++;
            finish_and_compare(&c, "crash", n);
        }
        run_remove(&c, "crash");
    }
    assert_true(n_new > 0 && n_resumed > 10);
    run_close(&c);
}

/* --- the disk fails --- */

/* The trainer is told; what it left can be resumed; and it can go on when there is room again. */
static bool fails_at(run_case *c, fault_kind kind, int n)
{
    heed_progress progress = {0};
    heed_error err = {0};
    heed_status status = HEED_OK;
    bool failed;

    run_copy(c, "base", "fault");
    heed_trainer *trainer = run_open_again(c, "fault");
    fault_arm(kind, n);
    for (int i = 0; i < 6 && status == HEED_OK; i++)
        status = heed_trainer_step(trainer, &progress, &err);
    failed = fault_struck()[0] != '\0';
    if (failed && status == HEED_OK && strcmp(fault_struck(), "unlink") != 0 &&
        strcmp(fault_struck(), "open") != 0)
        fail_msg("operation %d (%s) failed and nobody was told", n, fault_struck());
    if (status != HEED_OK) {
        assert_int_equal(status, HEED_ERR_FILE);
        assert_false(progress.saved);
        run_expect_sentence(&err, "No space left");
    }
    fault_clear();
    run_copy(c, "fault", "left");
    finish_and_compare(c, "left", n);
    run_remove(c, "left");
    if (heed_trainer_save(trainer, &err) != HEED_OK)
        fail_msg("with room again, after operation %d: %s", n, err.message);
    run_steps(trainer, RUN_MAX_STEPS, NULL);
    heed_trainer_close(trainer);
    run_expect_same(c, "whole", "fault");
    run_remove(c, "fault");
    return failed;
}

static void fail_at_every_operation(run_case *c, fault_kind kind)
{
    int n;

    for (n = 1; fails_at(c, kind, n); n++)
        assert_true(n < 1000);
    assert_true(n > 30);
}

static void a_disk_that_fails_at_any_operation_costs_no_checkpoint(void **state)
{
    run_case c;

    (void)state;
    prepare(&c);
    fail_at_every_operation(&c, FAULT_ERROR);
    fail_at_every_operation(&c, FAULT_FULL);
    run_close(&c);
    prepare_bf16(&c);
    fail_at_every_operation(&c, FAULT_ERROR);
    run_close(&c);
}

/* The child's part of the next test: a save fails at operation n; the process dies soon after, or in the next save. */
static void fail_and_die(const run_case *c, int n, int when, bool in_next_save)
{
    heed_trainer *trainer = NULL;
    heed_progress progress = {0};
    heed_status status = HEED_OK;
    bool failed;

    if (heed_trainer_resume(run_path(c, "crash"), -1, &trainer, NULL) != HEED_OK)
        _exit(1);
    fault_arm(FAULT_ERROR, n);
    if (!in_next_save)
        fault_then_exit(when);
    for (int i = 0; i < 4 && status == HEED_OK; i++)
        status = heed_trainer_step(trainer, &progress, NULL);
    failed = fault_struck()[0] != '\0';
    if (in_next_save) {
        fault_clear();
        heed_trainer_step(trainer, &progress, NULL);
        fault_arm(FAULT_EXIT, when);
        heed_trainer_save(trainer, NULL);
    }
    _exit(failed ? FAULT_EXIT_CODE : 0);
}

static void a_process_that_dies_after_a_failed_save_leaves_a_whole_checkpoint(void **state)
{
    run_case c;
    int status = 0;

    (void)state;
    prepare(&c);
    for (int n = 1; n < 200; n++) {
        for (int trial = 1; trial <= 10; trial++) {
            const bool in_next_save = trial > 5;
            run_copy(&c, "base", "crash");
            const pid_t child = fork();
            assert_true(child >= 0);
            if (child == 0)
                fail_and_die(&c, n, in_next_save ? 9 * (trial - 5) : trial, in_next_save);
            assert_int_equal(waitpid(child, &status, 0), child);
            assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 1);
            finish_and_compare(&c, "crash", 100 * n + trial);
            run_remove(&c, "crash");
        }
        if (WEXITSTATUS(status) == 0) /* n lies behind the save */
            break;
    }
    run_close(&c);
}

/* A limit on the size of files, which the tensors exceed and the small files do not. */
static void a_file_that_may_not_grow_is_reported(void **state)
{
    run_case c;
    int status = 0;

    (void)state;
    prepare(&c);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        heed_trainer *trainer = NULL;
        heed_progress progress = {0};
        heed_error err = {0};
        heed_status failed = HEED_OK;
        const struct rlimit limit = {1500, 1500};
        signal(SIGXFSZ, SIG_IGN);
        if (heed_trainer_resume(run_path(&c, "base"), -1, &trainer, &err) != HEED_OK ||
            setrlimit(RLIMIT_FSIZE, &limit) != 0)
            _exit(1);
        for (int i = 0; i < 6 && failed == HEED_OK; i++)
            failed = heed_trainer_step(trainer, &progress, &err);
        _exit(failed == HEED_ERR_FILE && strstr(err.message, "cannot be written") != NULL ? 0 : 2);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    finish_and_compare(&c, "base", 0);
    run_close(&c);
}

/* A disk of so many kB that is really full. Only root may make one. */
static bool mount_small(const run_case *c, const char *name, int kb)
{
    char options[32];

    snprintf(options, sizeof options, "size=%dk", kb);
    run_copy(c, "empty", name);
    return mount("none", run_path(c, name), "tmpfs", 0, options) == 0;
}

/* On disks of many sizes; false where none can be made. */
static bool fill_disks(const run_case *c)
{
    int n_failed = 0;

    for (int kb = 16; kb <= 64; kb += 8) {
        heed_trainer *trainer = NULL;
        heed_progress progress = {0};
        heed_error err = {0};
        heed_status status = HEED_OK;
        if (!mount_small(c, "disk", kb)) {
            run_remove(c, "disk");
            return false;
        }
        if (heed_trainer_create(c->text, &c->config, &c->options, run_path(c, "disk"), &trainer, &err) !=
            HEED_OK)
            fail_msg("%d kB: %s", kb, err.message);
        while (status == HEED_OK && !progress.done)
            status = heed_trainer_step(trainer, &progress, &err);
        heed_trainer_close(trainer);
        if (status != HEED_OK) {
            n_failed++;
            run_expect_sentence(&err, "No space left");
        }
        run_copy(c, "disk", "left"); /* as if carried to a larger disk */
        finish_and_compare(c, "left", kb);
        run_remove(c, "left");
        assert_int_equal(umount(run_path(c, "disk")), 0);
        run_remove(c, "disk");
    }
    assert_true(n_failed > 0);
    return true;
}

static void a_full_disk_is_reported_and_the_earlier_checkpoint_stays(void **state)
{
    run_case c;
    bool possible;

    (void)state;
    prepare(&c);
    possible = fill_disks(&c);
    run_close(&c);
    if (!possible)
        skip();
    prepare_bf16(&c);
    fill_disks(&c);
    run_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_that_dies_at_any_operation_leaves_a_whole_checkpoint),
        cmocka_unit_test(a_process_that_dies_while_recovering_leaves_a_whole_checkpoint),
        cmocka_unit_test(a_process_that_dies_while_it_makes_a_run_leaves_no_half_of_one),
        cmocka_unit_test(a_disk_that_fails_at_any_operation_costs_no_checkpoint),
        cmocka_unit_test(a_process_that_dies_after_a_failed_save_leaves_a_whole_checkpoint),
        cmocka_unit_test(a_file_that_may_not_grow_is_reported),
        cmocka_unit_test(a_full_disk_is_reported_and_the_earlier_checkpoint_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
