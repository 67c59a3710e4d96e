/* SPDX-License-Identifier: MIT */
/* A training step that is run to see what the process holds, and whether it asks for memory. */
#define _GNU_SOURCE
#include <heed/accounting.h>

#include <math.h>
#include <stdlib.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/rng.h"
#include "kernels/limits.h"
#include "train/planned.h"

#define WAKE_SECONDS 0.1 /* of products that wake the threads and bring code into memory */

typedef struct measured_step {
    heed_planned planned;
    char *block;
    size_t block_bytes;
} measured_step;

/* Bytes that the process's heap has given out; NaN where the C library does not say. */
static double heap_bytes(void)
{
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
    const struct mallinfo2 info = mallinfo2();

    return (double)info.uordblks + (double)info.hblkhd;
#else
    return NAN;
#endif
}

static heed_status reserve(measured_step *m, heed_error *err)
{
    heed_planned *p = &m->planned;
    const size_t batch = heed_planned_batch_bytes(p) / 2;

    m->block_bytes = heed_planned_bytes(p);
    p->inputs.ids = malloc(batch);
    p->inputs.targets = malloc(batch);
    if (m->block_bytes < heed_memory_available())
        m->block = heed_memory_reserve(m->block_bytes);
    if (m->block == NULL || p->inputs.ids == NULL || p->inputs.targets == NULL)
        return heed_fail(
            err, HEED_ERR_MEMORY,
            "a training step of this model needs %.1f MB of memory, the system has %.1f MB to give",
            (double)m->block_bytes / 1e6, (double)heed_memory_available() / 1e6);
    return HEED_OK;
}

/* The graph was built before its ids had a place. */
static heed_status place(measured_step *m, heed_error *err)
{
    heed_planned *p = &m->planned;
    heed_node *targets = heed_graph_find(p->graph.g, "targets");

    heed_graph_find(p->graph.g, "ids")->tensor.data = p->inputs.ids;
    targets->tensor.data = p->inputs.targets;
    heed_step_place(&p->graph, p->weights, m->block);
    heed_weights_init(p->weights, 1);
    return heed_step_plans_place(&p->plans, m->block + heed_step_own_bytes(&p->graph, p->weights), err);
}

static void draw_tokens(heed_planned *p, heed_rng *rng)
{
    const int64_t n = heed_tensor_count(&p->graph.ids->tensor), V = p->weights->config.vocab_size;

    for (int64_t i = 0; i < n; i++) {
        p->inputs.ids[i] = (int32_t)heed_rng_below(rng, V);
        p->inputs.targets[i] = (int32_t)heed_rng_below(rng, V);
    }
}

static double run_step(heed_planned *p, heed_rng *rng, int step)
{
    double loss = 0.0;

    p->inputs.lr = 1e-4f;
    p->inputs.t = step + 1;
    if (p->n_runs > 1)
        heed_step_clear_gradients(&p->graph, p->weights);
    for (int64_t run = 0; run < p->n_runs; run++) {
        draw_tokens(p, rng);
        p->inputs.share = 1.0f / (float)p->n_runs;
        loss += (double)heed_step_run_gradients(&p->graph, &p->plans) / (double)p->n_runs;
    }
    heed_step_run_norm(&p->graph, &p->plans, &p->inputs);
    heed_step_run_update(&p->plans);
    return loss;
}

static void run_steps(measured_step *m, int n_steps, heed_account_count_fn *count, heed_account_measured *out)
{
    heed_rng rng = heed_rng_make(1, HEED_STREAM_BATCHES);
    double heap = 0.0;
    int64_t taken = 0;

    for (int step = 0; step < n_steps; step++) {
        const double begin = heed_clock_s();
        out->loss = run_step(&m->planned, &rng, step);
        out->seconds = heed_clock_s() - begin;
        if (step == 0) {
            heap = heap_bytes();
            taken = count != NULL ? count() : 0;
        }
    }
    out->n_allocations = count != NULL ? count() - taken : -1;
    out->heap_growth_bytes = heap_bytes() - heap;
}

/* Code and threads that products bring with them, before it is looked how large the program is. */
static void wake(const heed_device *device)
{
    heed_rate rate;

    if (device->kernels != NULL)
        heed_limits_peak(device, WAKE_SECONDS, &rate, NULL);
}

heed_status heed_account_measure(const heed_config *config, const heed_account_options *options, int n_steps,
                                 heed_account_count_fn *count, heed_account_measured *out, heed_error *err)
{
    measured_step m = {0};
    heed_status status = HEED_OK;
    double before;

    *out = (heed_account_measured){.n_steps = n_steps, .n_allocations = -1};
    if (n_steps < 2)
        status = heed_fail(err, HEED_ERR_USAGE, "expected at least 2 steps to measure, got %d", n_steps);
    if (status == HEED_OK)
        status = heed_planned_open(config, options, &m.planned, err);
    if (status == HEED_OK)
        status = reserve(&m, err);
    if (status == HEED_OK) {
        wake(&m.planned.device);
        before = (double)heed_memory_peak();
        out->program_bytes = (double)heed_memory_resident();
        out->planned_bytes = (double)heed_memory_block_bytes(m.block_bytes) +
                             (double)heed_planned_batch_bytes(&m.planned);
        out->estimate_bytes = out->planned_bytes + out->program_bytes;
        status = place(&m, err);
    }
    if (status == HEED_OK) {
        run_steps(&m, n_steps, count, out);
        out->peak_bytes = (double)heed_memory_peak();
        if (out->peak_bytes <= before)
            out->peak_bytes = (double)heed_memory_resident();
    }
    free(m.planned.inputs.ids);
    free(m.planned.inputs.targets);
    heed_planned_close(&m.planned);
    heed_memory_release(m.block, m.block_bytes);
    return status;
}
