/* SPDX-License-Identifier: MIT */
/* Training steps, measured: random weights, random tokens, beside the peak of matrix products. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/rng.h"
#include "measure/measure.h"
#include "train/step.h"

#define MACHINE_SECONDS 1.5
#define WARM_UP_STEPS   2

typedef struct bench {
    heed_device device;
    heed_weights *weights;
    heed_step_inputs inputs;
    heed_step_graph step;
    heed_step_plans plans;
    char *block; /* as train/step.h lays it */
    size_t block_bytes;
} bench;

static void release(bench *b)
{
    heed_step_plans_destroy(&b->plans);
    heed_step_graph_destroy(&b->step);
    heed_weights_destroy(b->weights);
    heed_device_close(&b->device);
    heed_memory_release(b->block, b->block_bytes);
    free(b->inputs.ids);
    free(b->inputs.targets);
}

static heed_status prepare(bench *b, const heed_config *config, heed_precision precision, int64_t batch,
                           heed_recompute recompute, int threads, heed_error *err)
{
    heed_train_options options = heed_train_options_default();
    const heed_step_shape shape = {.batch = batch, .length = config->context_length, .training = true};
    const size_t n = (size_t)(batch * config->context_length);
    heed_status status = heed_device_open(&b->device, NULL, threads, err);

    options.precision = (int)precision;
    options.recompute = recompute;
    if (status == HEED_OK)
        status = heed_weights_create(config, &b->weights, err);
    if (status != HEED_OK)
        return status;
    b->inputs.ids = malloc(n * sizeof(int32_t));
    b->inputs.targets = malloc(n * sizeof(int32_t));
    if (b->inputs.ids == NULL || b->inputs.targets == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a batch of %zu tokens", n);
    status = heed_step_graph_create(b->weights, &options, &shape, &b->inputs, &b->step, err);
    if (status == HEED_OK)
        status = heed_step_plan(&b->step, &b->device, &b->plans, err);
    if (status != HEED_OK)
        return status;
    b->block_bytes = heed_step_own_bytes(&b->step, b->weights) + heed_step_plans_bytes(&b->plans);
    b->block = b->block_bytes < heed_memory_available() ? heed_memory_reserve(b->block_bytes) : NULL;
    if (b->block == NULL)
        return heed_fail(
            err, HEED_ERR_MEMORY,
            "a training step of this model needs %.1f GB of memory, the system has %.1f GB to give",
            (double)b->block_bytes / 1e9, (double)heed_memory_available() / 1e9);
    heed_step_place(&b->step, b->weights, b->block);
    heed_weights_init(b->weights, 1);
    return heed_step_plans_place(&b->plans, b->block + heed_step_own_bytes(&b->step, b->weights), err);
}

static void profile(heed_step_plans *plans)
{
    heed_plan_profile(plans->gradients, true);
    heed_plan_profile(plans->norm, true);
    heed_plan_profile(plans->update, true);
}

static void run(bench *b, const heed_config *config, int64_t batch, int64_t steps, double *seconds)
{
    heed_rng rng = heed_rng_make(1, HEED_STREAM_BATCHES);

    for (int64_t step = -WARM_UP_STEPS; step < steps; step++) {
        for (int64_t i = 0; i < batch * config->context_length; i++) {
            b->inputs.ids[i] = (int32_t)heed_rng_below(&rng, config->vocab_size);
            b->inputs.targets[i] = (int32_t)heed_rng_below(&rng, config->vocab_size);
        }
        if (step == 0)
            profile(&b->plans);
        b->inputs.lr = 1e-4f;
        b->inputs.t = (int32_t)(step + WARM_UP_STEPS + 1);
        const double begin = heed_clock_s();
        heed_step_run_gradients(&b->step, &b->plans);
        heed_step_run_norm(&b->step, &b->plans, &b->inputs);
        heed_step_run_update(&b->plans);
        if (step >= 0)
            seconds[step] = heed_clock_s() - begin;
    }
}

heed_status heed_bench_training(const heed_config *config, heed_precision precision, int64_t batch,
                                heed_recompute recompute, int64_t steps, int threads, heed_bench_result *out,
                                heed_error *err)
{
    bench b = {0};
    heed_machine before = {0}, after = {0};
    double *seconds = NULL;
    heed_status status = heed_config_check(config, err);

    *out = (heed_bench_result){.tokens = batch * config->context_length};
    if (status == HEED_OK && (batch < 1 || steps < 1))
        status = heed_fail(err, HEED_ERR_USAGE, "expected a batch and steps of 1 or more");
    if (status == HEED_OK && precision != HEED_PRECISION_F32 && precision != HEED_PRECISION_BF16)
        status = heed_fail(err, HEED_ERR_USAGE, "training is in f32 or bf16, not in %s",
                           heed_precision_name(precision));
    if (status == HEED_OK && (seconds = malloc((size_t)steps * sizeof *seconds)) == NULL)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for %lld times", (long long)steps);
    if (status == HEED_OK)
        status = heed_machine_measure(threads, MACHINE_SECONDS, &before, err);
    if (status == HEED_OK)
        status = prepare(&b, config, precision, batch, recompute, threads, err);
    if (status == HEED_OK) {
        run(&b, config, batch, steps, seconds);
        out->resident_bytes =
            (double)heed_memory_resident(); /* before the machine is measured, which takes its own */
        status = heed_machine_measure(threads, MACHINE_SECONDS, &after, err);
    }
    if (status == HEED_OK) {
        out->step = heed_measure_of(seconds, (int)steps);
        out->machine = heed_machine_better(&before, &after);
        out->flops = heed_step_plans_cost(&b.plans).flops;
        out->planned_bytes = (double)b.block_bytes;
        out->memory = heed_plan_memory(b.plans.gradients);
        heed_measure_rows(b.plans.gradients, steps, out);
        heed_measure_rows(b.plans.norm, steps, out);
        heed_measure_rows(b.plans.update, steps, out);
    }
    release(&b);
    free(seconds);
    return status;
}
