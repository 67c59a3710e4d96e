/* SPDX-License-Identifier: MIT */
/*
 * kill -9 at random moments of a run with frequent checkpoints: every resume works, and the end has the bytes of a run
 * that nobody killed. The moments are microseconds drawn from a seed; which operation they hit, the machine decides
 * (test_checkpoint.c goes through the operations one by one). Runs in f32 and in bf16 take turns. With more than the 20 kills of the fast suite, every
 * other run takes the fast kernels; their runs begin with measuring the machine, which takes a while.
 */
#include "run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/rng.h"
#include "from_case.h"

#ifndef KILLS
#define KILLS 20
#endif

/* Where a run was when it was killed: as it said itself, and what its folder holds. */
typedef enum phase {
    PHASE_START,
    PHASE_SETUP,
    PHASE_STEPS,
    PHASE_WRITING,
    PHASE_COMMITTED,
    PHASE_END,
    N_PHASES
} phase;

static const char *const phase_names[N_PHASES] = {
    "before anything was written",
    "while the run was made or resumed",
    "between checkpoints",
    "while a checkpoint was written",
    "after its commit",
    "after the last step",
};

/* What a child tells its parent. */
typedef struct shared {
    volatile int ready, finished; /* set up; done, with its trainer closed */
} shared;

/* Makes the run, or resumes it when it is there, and trains to the end. */
static void train_in_child(const run_case *c, const char *name, shared *said)
{
    heed_trainer *trainer = NULL;
    heed_progress progress = {0};
    heed_error err = {0};
    const char *trainer_file = run_file(c, name, "trainer.json");
    const heed_status status = access(trainer_file, F_OK) == 0
                                   ? heed_trainer_resume(run_path(c, name), -1, &trainer, &err)
                                   : heed_trainer_create(c->text, &c->config, &c->options, run_path(c, name),
                                                         &trainer, &err);

    if (status != HEED_OK) {
        fprintf(stderr, "%s\n", err.message);
        _exit(1);
    }
    said->ready = 1;
    while (!progress.done) {
        if (heed_trainer_step(trainer, &progress, &err) != HEED_OK) {
            fprintf(stderr, "%s\n", err.message);
            _exit(2);
        }
    }
    heed_trainer_close(trainer);
    said->finished = 1;
    _exit(0);
}

static phase phase_of(const run_case *c, const char *name, const shared *said)
{
    const char *files = run_list(c, name);

    if (said->finished)
        return PHASE_END;
    if (strstr(files, "checkpoint.commit") != NULL)
        return PHASE_COMMITTED;
    if (strstr(files, ".next") != NULL)
        return PHASE_WRITING;
    if (strstr(files, "trainer.json") == NULL)
        return PHASE_START;
    return said->ready ? PHASE_STEPS : PHASE_SETUP;
}

/* When to kill: so many microseconds after the start, or after the run was made or resumed. */
typedef struct moment {
    bool after_setup;
    int64_t us;
} moment;

/* A run takes some milliseconds: most kills fall early in it, some late, so that runs get on. */
static moment draw_moment(heed_rng *rng)
{
    return (moment){heed_rng_below(rng, 4) > 0, heed_rng_below(rng, 256 << heed_rng_below(rng, 8))};
}

static void sleep_us(int64_t us)
{
    const struct timespec time = {us / 1000000, us % 1000000 * 1000};

    nanosleep(&time, NULL);
}

static void wait_for(pid_t child, const moment *when, const shared *said)
{
    siginfo_t info = {0};

    while (when->after_setup && !said->ready &&
           waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0)
        sleep_us(20);
    sleep_us(when->us);
}

/* Starts the run or goes on with it and kills it at that moment (NULL: never); true when it ended by itself. */
static bool run_and_kill(const run_case *c, const char *name, const moment *when, shared *said, int *hits)
{
    int status = 0;

    *said = (shared){0, 0};
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        train_in_child(c, name, said);
    if (when != NULL) {
        wait_for(child, when, said);
        kill(child, SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
        fail_msg("a resume failed (status %d); the folder holds%s", WEXITSTATUS(status), run_list(c, name));
    if (WIFSIGNALED(status)) {
        assert_int_equal(WTERMSIG(status), SIGKILL);
        hits[phase_of(c, name, said)]++;
    }
    return WIFEXITED(status);
}

/* Runs with this interval between checkpoints are killed again and again until they end; returns the number of kills. */
static int kill_run(run_case *c, int64_t save_interval, int most, heed_rng *rng, shared *said, int *hits)
{
    char name[24];
    int n = 0;

    c->options.save_interval = save_interval;
    snprintf(name, sizeof name, "whole%d%s%s", (int)save_interval, getenv("HEED_CPU") != NULL ? "" : "fast",
             c->options.precision == HEED_PRECISION_BF16 ? "bf16" : "");
    if (run_list(c, name)[0] == '\0')
        assert_true(run_train(c, name, RUN_MAX_STEPS, NULL));
    while (n < most) {
        const moment when = draw_moment(rng);
        if (run_and_kill(c, "killed", &when, said, hits))
            break;
        n++;
    }
    run_and_kill(c, "killed", NULL, said, hits);
    run_expect_same(c, name, "killed");
    run_remove(c, "killed");
    return n;
}

static void a_run_that_is_killed_ends_with_the_same_bytes(void **state)
{
    int hits[N_PHASES] = {0}, n = 0, n_runs = 0;
    heed_rng rng = heed_rng_make(2024, 1);
    run_case c;
    shared *said = mmap(NULL, sizeof *said, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    (void)state;
    assert_true(said != MAP_FAILED);
    run_open(&c);
    c.options.steps = 30;
    for (; n < KILLS; n_runs++) {
        if (KILLS > 20 && n_runs % 2 == 1)
            unsetenv("HEED_CPU");
        else
            setenv("HEED_CPU", "plain", 1);
        c.options.precision = (n_runs + n_runs / 2) % 2 == 1 ? HEED_PRECISION_BF16 : HEED_PRECISION_F32;
        n += kill_run(&c, 1 + n_runs % 3, KILLS - n < 12 ? KILLS - n : 12, &rng, said, hits);
    }
    printf("%d kills of %d runs:\n", n, n_runs);
    for (int i = 0; i < N_PHASES; i++)
        printf("  %4d %s\n", hits[i], phase_names[i]);
    munmap(said, sizeof *said);
    run_close(&c);
}

/* Killed before its first checkpoint it begins with its checkpoint's weights again; its teacher is opened each time. */
static void a_run_from_a_checkpoint_with_a_teacher_that_is_killed_ends_with_the_same_bytes(void **state)
{
    int hits[N_PHASES] = {0}, n = 0;
    heed_rng rng = heed_rng_make(2024, 2);
    run_case c;
    shared *said = mmap(NULL, sizeof *said, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    (void)state;
    assert_true(said != MAP_FAILED);
    run_open(&c);
    start_make(&c, "base");
    start_set(c.options.from, run_path(&c, "base"));
    start_set(c.options.distill, run_path(&c, "base"));
    assert_int_equal(heed_config_load(run_path(&c, "base"), &c.config, NULL), HEED_OK);
    c.config.dropout = 0.2;
    c.options.steps = 20;
    for (int i = 0; n < KILLS / 2; i++)
        n += kill_run(&c, 2 + 7 * (i % 2), KILLS / 2 - n < 8 ? KILLS / 2 - n : 8, &rng, said, hits);
    munmap(said, sizeof *said);
    run_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_that_is_killed_ends_with_the_same_bytes),
        cmocka_unit_test(a_run_from_a_checkpoint_with_a_teacher_that_is_killed_ends_with_the_same_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
