/* SPDX-License-Identifier: MIT */
/* What a run says that it will take, before its first step, is what the process really takes. */
#include "run.h"

#include <heed/inspect.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"

typedef struct memory_case {
    const char *name;
    int64_t n_layers, d_model, context_length, batch_size, threads;
    int norm, recompute;
} memory_case;

static const memory_case cases[] = {
    {"small recipe", 4, 128, 64, 12, 2, HEED_NORM_PRE, HEED_RECOMPUTE_NONE},
    {"four layers", 4, 256, 64, 8, 1, HEED_NORM_PRE, HEED_RECOMPUTE_NONE},
    {"two wide layers", 2, 512, 64, 4, 2, HEED_NORM_POST, HEED_RECOMPUTE_NONE},
    {"a large batch made again", 4, 256, 64, 48, 2, HEED_NORM_PRE, HEED_RECOMPUTE_BLOCKS},
};
enum { N_CASES = sizeof cases / sizeof cases[0] };

/* Trains a little, with an evaluation and a checkpoint; prints both numbers. 0: they are within 5 %. */
static int train_and_compare(const memory_case *m)
{
    heed_trainer *trainer;
    double planned, peak, drawn;
    char picture[RUN_PATH];
    run_case c;

    run_open(&c);
    unsetenv("HEED_CPU");
    c.options.steps = 1000;
    c.options.eval_interval = c.options.save_interval = 2;
    c.options.eval_batches = 1;
    c.options.batch_size = m->batch_size;
    c.options.threads = m->threads;
    c.config.n_layers = m->n_layers;
    c.config.n_heads = 4;
    c.config.d_model = m->d_model;
    c.config.context_length = m->context_length;
    c.config.norm = m->norm;
    c.options.recompute = m->recompute;
    c.config.dropout = 0.0;
    trainer = run_create(&c, "a");
    planned = heed_trainer_plan(trainer)->process_bytes;
    run_steps(trainer, 3, NULL);
    peak = (double)heed_memory_peak();
    printf("%s, %lld parameters, %s: planned %.1f MB, peak %.1f MB (%+.1f %%)\n", m->name,
           (long long)heed_trainer_plan(trainer)->n_parameters, heed_trainer_plan(trainer)->device,
           planned / 1e6, peak / 1e6, 100.0 * (peak / planned - 1.0));
    snprintf(picture, sizeof picture, "%s", run_file(&c, "a", "loss.png"));
    assert_int_equal(heed_run_picture(run_path(&c, "a"), picture, NULL), HEED_OK);
    drawn = (double)heed_memory_peak();
    printf("and drawn: %.1f MB, of %.1f\n", drawn / 1e6, (planned + HEED_PICTURE_BYTES) / 1e6);
    heed_trainer_close(trainer);
    run_close(&c);
    return fabs(peak / planned - 1.0) <= 0.05 && fabs(drawn / (planned + HEED_PICTURE_BYTES) - 1.0) <= 0.05 ? 0
                                                                                                            : 3;
}

/* In a program of its own: another test's peak, or the pages that a fork does not take along, would blur both numbers. */
static void the_peak_is_what_was_planned(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* sanitizers keep memory of their own */
#endif
    for (int i = 0; i < N_CASES; i++) {
        const char number[2] = {(char)('0' + i), '\0'};
        const pid_t child = fork();
        int status = 0;
        assert_true(child >= 0);
        if (child == 0) {
            execl("/proc/self/exe", "test_memory", number, (char *)NULL);
            _exit(9);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        if (status != 0)
            fail_msg("%s: the peak is not within 5 %% of the plan (status %#x)", cases[i].name,
                     (unsigned)status);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_peak_is_what_was_planned)};

    if (argc > 1)
        return train_and_compare(&cases[(argv[1][0] - '0') % N_CASES]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
