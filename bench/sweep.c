/* SPDX-License-Identifier: MIT */
/*
 * A sweep over all heads and feed-forwards: bench_sweep [TOKENS [CONTROLLED [PRESET]]]
 *
 * A model of GPT-2's 124M shape with random weights reads 512 random tokens; each part is ablated by itself, and the 24
 * that change the loss most beside a control. The table says what the runs of each layer took: they begin there. The last line holds the work, counted by
 * walking the graph of a whole run, against what this machine's matrix product does at its best.
 */
#include <heed/heed.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/rng.h"

static int fail(const char *words)
{
    fprintf(stderr, "bench_sweep: %s\n", words);
    exit(EXIT_FAILURE);
}

/* Prints what the runs of each layer took as soon as they are done. */
typedef struct watch {
    int64_t runs_a_layer, n_layers;
    double last, layers; /* when the last line was printed; seconds of the runs of layers */
} watch;

static bool note(void *context, int64_t n_done, int64_t n_runs)
{
    watch *w = context;
    const int64_t layer = (n_done - 2) / w->runs_a_layer;
    const double took = heed_clock_s() - w->last;

    if (n_done == 1) {
        printf("| whole | 2 | %.2f | |\n", took);
    } else if (layer < w->n_layers && (n_done - 1) % w->runs_a_layer == 0) {
        printf("| %lld | %lld | %.2f | %.1f |\n", (long long)layer, (long long)w->runs_a_layer, took,
               1e3 * took / (double)w->runs_a_layer);
        w->layers += took;
    } else if (n_done == n_runs) {
        printf("| controls | %lld | %.2f | |\n", (long long)(n_runs - 1 - w->n_layers * w->runs_a_layer), took);
    } else {
        return true;
    }
    fflush(stdout);
    w->last = heed_clock_s();
    return true;
}

int main(int argc, char **argv)
{
    const int64_t n = argc > 1 ? atoll(argv[1]) : 512, controlled = argc > 2 ? atoll(argv[2]) : 24;
    heed_ablate_options options = heed_ablate_default();
    heed_config config;
    heed_model *model = NULL;
    heed_ablation_sweep *sweep = NULL;
    heed_accounting whole;
    heed_machine machine;
    heed_error err = {0};
    watch w = {0};
    char described[128], processor[128];
    int32_t *ids;
    double begin, total, head, flops = 0.0;

    if (heed_config_preset(argc > 3 ? argv[3] : "gpt2", &config, &err) != HEED_OK)
        fail(err.message);
    config.vocab_size = 50257;
    ids = malloc((size_t)(n > 0 ? n : 1) * sizeof *ids);
    if (ids == NULL)
        fail("not enough memory");
    if (heed_model_create(&config, 1, &model, &err) != HEED_OK ||
        heed_machine_describe(0, described, sizeof described, processor, &err) != HEED_OK ||
        heed_machine_measure(0, 1.0, &machine, &err) != HEED_OK ||
        heed_model_account_forward(model, 1, n - 1, &whole, &err) != HEED_OK)
        fail(err.message);
    heed_rng rng = heed_rng_make(1, 99);
    for (int64_t i = 0; i < n; i++)
        ids[i] = (int32_t)heed_rng_below(&rng, config.vocab_size);
    options.n_controls = controlled > 0;
    options.n_controlled = controlled;
    options.progress = note;
    options.progress_context = &w;
    w.runs_a_layer = config.n_heads + 1;
    w.n_layers = config.n_layers;
    printf("%s, %s\n%lld tokens, a control for each of %lld parts\n\n| layer | runs | seconds | ms a run |\n"
           "|---|---|---|---|\n",
           processor, described, (long long)n, (long long)controlled);
    w.last = begin = heed_clock_s();
    if (heed_ablation_sweep_create(model, ids, (size_t)n, &options, &sweep, &err) != HEED_OK)
        fail(err.message);
    total = heed_clock_s() - begin;
    head = 2.0 * (double)(n - 1) * (double)config.d_model * (double)config.vocab_size;
    for (int64_t layer = 0; layer < config.n_layers; layer++)
        flops += (double)w.runs_a_layer *
                 (head + (whole.flops - head) * (double)(config.n_layers - layer) / (double)config.n_layers);
    printf("\n%.1f s in all, %.0f MB at most. The runs of layers: %.1f TFLOP, %.0f GFLOP/s, %.0f %% of the f32 "
           "product's %.0f\n",
           total, (double)heed_memory_peak() / 1e6, flops / 1e12, flops / w.layers / 1e9,
           100.0 * flops / w.layers / machine.f32_flops, machine.f32_flops / 1e9);
    heed_ablation_sweep_destroy(sweep);
    heed_model_close(model);
    free(ids);
    return 0;
}
