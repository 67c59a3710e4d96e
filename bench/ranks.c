/* SPDX-License-Identifier: MIT */
/*
 * How long a training step takes on ranks: bench_ranks small|124m [STEPS [THREADS [BATCH]]]
 *
 * Started alone, or by mpirun: the step's batch is the same, so the figures can be compared. Prints one line: the median of
 * the steps behind the first two, the fastest and the slowest, tokens a second, and which part of the time this rank waits
 * for gradients and weights that no computation hides.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "train/trainer.h"

enum { FIRST = 2, MOST_STEPS = 10000 };

static void fail(const char *words)
{
    fprintf(stderr, "bench_ranks: %s\n", words);
    exit(EXIT_FAILURE);
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static void choose_model(const char *name, heed_config *config, heed_train_options *options)
{
    if (strcmp(name, "small") == 0) {
        options->batch_size = 12; /* of the default model: 4 layers, d_model 128, context 64 */
    } else if (strcmp(name, "124m") == 0) {
        config->n_layers = 12;
        config->n_heads = 12;
        config->d_model = 768;
        config->context_length = 256;
        config->vocab_size = 50257;
        config->dropout = 0.0;
        options->batch_size = 4;
    } else {
        fail("the model is small or 124m");
    }
}

static void remove_folder(const char *folder)
{
    static const char *const files[] = {"trainer.json", "log.jsonl", "tokenizer.json"};
    char path[512];

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        unlink(path);
    }
    rmdir(folder);
}

static void report(const char *name, const heed_trainer *t, double *seconds, int n, double waited)
{
    const double tokens = (double)(t->options.batch_size * t->model->config.context_length);
    double sum = 0.0;

    for (int i = 0; i < n; i++)
        sum += seconds[i];
    qsort(seconds, (size_t)n, sizeof *seconds, by_size);
    printf(
        "%s, %d rank%s x %d thread%s: %.5f s a step (%.5f .. %.5f, %d steps), %.0f tokens/s, waits %.1f %%\n",
        name, heed_ranks_size(t->options.ranks), heed_ranks_size(t->options.ranks) == 1 ? "" : "s",
        t->device.n_threads, t->device.n_threads == 1 ? "" : "s", seconds[n / 2], seconds[0], seconds[n - 1], n,
        tokens / seconds[n / 2], 100.0 * waited / sum);
}

static void run_steps(const char *name, heed_trainer *t, int n)
{
    static double seconds[MOST_STEPS];
    heed_progress progress;
    heed_error err = {HEED_OK, ""};
    double waited = 0.0;

    for (int i = 0; i < n; i++) {
        const double begin = heed_clock_s();
        if (i == FIRST && t->reduce != NULL)
            waited = t->reduce->waited_s;
        if (heed_trainer_step(t, &progress, &err) != HEED_OK)
            fail(err.message);
        seconds[i] = heed_clock_s() - begin;
    }
    if (heed_ranks_rank(t->options.ranks) == 0)
        report(name, t, seconds + FIRST, n - FIRST, t->reduce != NULL ? t->reduce->waited_s - waited : 0.0);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "small";
    const int n = argc > 2 ? atoi(argv[2]) : strcmp(name, "small") == 0 ? 400 : 6;
    heed_config config = heed_config_default();
    heed_train_options options = heed_train_options_default();
    heed_trainer *trainer = NULL;
    heed_error err = {HEED_OK, ""};
    char folder[64];

    if (n <= FIRST || n > MOST_STEPS)
        fail("the number of steps is 3 or more");
    if (heed_ranks_open(&options.ranks, &err) != HEED_OK)
        fail(err.message);
    choose_model(name, &config, &options);
    if (argc > 4)
        options.batch_size = atoi(argv[4]);
    options.threads = argc > 3 ? atoi(argv[3]) : 0;
    options.steps = 1000000;
    options.eval_interval = options.save_interval = 0;
    snprintf(folder, sizeof folder, "/tmp/heed-bench-ranks-%ld", (long)getpid());
    if (heed_trainer_create(NULL, &config, &options, folder, &trainer, &err) != HEED_OK)
        fail(err.message);
    run_steps(name, trainer, n);
    heed_trainer_close(trainer);
    remove_folder(folder);
    heed_ranks_close(options.ranks);
    return 0;
}
