/* SPDX-License-Identifier: MIT */
/*
 * Asks many random numbers of whole training steps where they came from: bench_trace [N] [SEED]
 *
 * Three models are trained for some steps on the built-in stories, so that weights and moments are no longer fresh: the
 * one-layer attention model, GPT-2 with two layers, and one with rotary positions, RMSNorm, SwiGLU and a mixture of
 * experts. Of the next step of each, N numbers (10000) are asked: any tensor of forward, backward and update with the same
 * chance, any element of it. What is checked of each: tests/inspect/trace_walk.h. Any fault ends the program with 1.
 */
#include <heed/train.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "inspect/trace_walk.h"

enum { N_MODELS = 3, STEPS = 8 };

static const char *const names[N_MODELS] = {"m0, one layer", "GPT-2, two layers",
                                            "rotary, RMSNorm, SwiGLU, four experts"};

static int fail(const char *words)
{
    fprintf(stderr, "bench_trace: %s\n", words);
    exit(EXIT_FAILURE);
}

static heed_config config_of(int model)
{
    heed_config c;
    heed_error err = {HEED_OK, ""};

    if (heed_config_preset(model == 0 ? "m0" : "gpt2", &c, &err) != HEED_OK)
        fail(err.message);
    c.n_layers = model == 0 ? 1 : 2;
    c.n_heads = model == 0 ? 2 : 4;
    c.d_model = 32;
    c.context_length = 24;
    c.vocab_size = 0; /* the stories' */
    c.dropout = 0.0;
    if (model == 2) {
        c.positions = HEED_POSITIONS_ROTARY;
        c.norm_type = HEED_NORM_RMSNORM;
        c.activation = HEED_ACTIVATION_SWIGLU;
        c.n_kv_heads = 2;
        c.n_experts = 4;
    }
    return c;
}

static void train_some(const heed_config *config, const char *folder)
{
    heed_train_options o = heed_train_options_default();
    heed_progress progress = {0};
    heed_trainer *trainer = NULL;
    heed_error err = {HEED_OK, ""};

    o.steps = STEPS;
    o.batch_size = 3;
    o.warmup_steps = 2;
    o.eval_interval = o.save_interval = 0;
    o.eval_batches = 1;
    o.corpus_bytes = 50000;
    if (heed_trainer_create(NULL, config, &o, folder, &trainer, &err) != HEED_OK)
        fail(err.message);
    while (!progress.done && heed_trainer_step(trainer, &progress, &err) == HEED_OK)
        continue;
    if (heed_trainer_save(trainer, &err) != HEED_OK)
        fail(err.message);
    heed_trainer_close(trainer);
}

/* How many tensors each part of the step has; a tensor belongs to the last part that it needs. */
static void count_parts(const heed_trace *trace, int *forward, int *backward, int *update)
{
    int loss = 0, norm = 0;

    for (int i = 0; i < heed_trace_n_tensors(trace); i++) {
        const char *name = heed_trace_tensor_at(trace, i).name;
        loss = strcmp(name, "loss") == 0 ? i : loss;
        norm = norm == 0 && strncmp(name, "sum_squares", 11) == 0 ? i : norm;
    }
    *forward = loss + 1;
    *backward = norm - loss - 1;
    *update = heed_trace_n_tensors(trace) - norm;
}

static void ask(int model, const char *root, int64_t n, uint64_t seed)
{
    const heed_config config = config_of(model);
    trace_walk w = {.rng = heed_rng_make(seed, (uint64_t)model + 1)};
    heed_trace *trace = NULL;
    heed_error err = {HEED_OK, ""};
    char folder[128];
    int forward, backward, update;
    double begin;

    snprintf(folder, sizeof folder, "%s/model-%d", root, model);
    train_some(&config, folder);
    if (heed_trace_step(folder, NULL, 0, NULL, &trace, &err) != HEED_OK ||
        heed_trace_run(trace, &err) != HEED_OK)
        fail(err.message);
    count_parts(trace, &forward, &backward, &update);
    begin = heed_clock_s();
    if (!trace_walk_ask(trace, n, &w))
        fail(w.fault);
    printf("%-38s %4d + %3d + %3d  %8lld  %10lld  %8lld  %6.1f\n", names[model], forward, backward, update,
           (long long)w.n_numbers, (long long)w.n_operands, (long long)w.n_with_lines, heed_clock_s() - begin);
    fflush(stdout);
    heed_trace_close(trace);
}

int main(int argc, char **argv)
{
    const int64_t n = argc > 1 ? strtoll(argv[1], NULL, 10) : 10000;
    const uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    char root[] = "/tmp/heed-trace-XXXXXX", command[64];

    if (mkdtemp(root) == NULL)
        fail("no temporary folder can be made");
    printf("every number, and an element of each of its operands: explained, the same bits; seed %llu\n\n",
           (unsigned long long)seed);
    printf("%-38s %16s  %8s  %10s  %8s  %6s\n", "model", "tensors f + b + u", "numbers", "operands", "by lines",
           "s");
    for (int model = 0; model < N_MODELS; model++)
        ask(model, root, n, seed);
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command) != 0;
}
