/* SPDX-License-Identifier: MIT */
/* Decoding, measured: one token of each text after the other, beside the bandwidth of memory. */
#include <heed/session.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "infer/sampling.h"
#include "infer/texts.h"
#include "kernels/limits.h"
#include "measure/measure.h"
#include "nn/model.h"

#define MACHINE_SECONDS 1.5

/*
 * Bytes that one step must read: every weight but the tables of the embeddings, of which it reads one row a text (a tied
 * head reads its table whole), and the keys and values so far, of each text its own.
 */
static double bytes_a_step(const heed_texts *texts, double length)
{
    const heed_model *model = texts->model;
    double bytes = 0.0;

    for (int i = 0; i < model->weights->n; i++) {
        const heed_parameter *p = &model->weights->list[i];
        const bool position = p == heed_weights_find(model->weights, "wpe.weight");
        const bool few_rows = position || (p == heed_weights_find(model->weights, "wte.weight") &&
                                           !model->config.tied_head);
        bytes += (double)(few_rows ? texts->n * p->bytes / p->size[0] : p->bytes);
    }
    return bytes + (double)texts->cache.bytes * length / (double)texts->context;
}

/* What a measurement works with. */
typedef struct decoding {
    heed_texts *texts;
    int32_t *ids; /* [texts->n] */
    heed_sampler sampler;
    heed_reading reading;
} decoding;

static heed_status read_prompt(decoding *d, int64_t prompt, heed_error *err)
{
    const int64_t vocab_size = d->texts->model->config.vocab_size;
    heed_status status = HEED_OK;

    for (int64_t i = 0; i < prompt && status == HEED_OK; i++) {
        for (int64_t r = 0; r < d->texts->n; r++)
            d->ids[r] = (int32_t)((i * 7919 + r * 104729) % vocab_size);
        status = heed_texts_step(d->texts, d->texts->n, d->ids, err);
    }
    return status;
}

/* Steps and passes of reading, in turns. */
static heed_status decode(decoding *d, int64_t steps, double *step_s, double *read_s, heed_error *err)
{
    const heed_sampling greedy = {.top_p = 1.0};
    heed_status status = HEED_OK;

    heed_plan_profile(d->texts->step.plan, true);
    (void)heed_reading_pass(&d->reading);
    for (int64_t i = 0; i < steps && status == HEED_OK; i++) {
        const double begin = heed_clock_s();
        for (int64_t r = 0; r < d->texts->n; r++)
            d->ids[r] = heed_sampler_draw(&d->sampler, &greedy, heed_texts_logits(d->texts, r), NULL, NULL);
        status = heed_texts_step(d->texts, d->texts->n, d->ids, err);
        step_s[i] = heed_clock_s() - begin;
        read_s[i] = heed_reading_pass(&d->reading);
    }
    return status;
}

/* Between two measurements of the machine: the prompt, then the tokens. */
static heed_status measure(decoding *d, int64_t prompt, int64_t steps, int threads, heed_bench_result *out,
                           heed_error *err)
{
    double *seconds = malloc(2 * (size_t)steps * sizeof *seconds);
    heed_status status = seconds != NULL ? read_prompt(d, prompt, err)
                                         : heed_fail(err, HEED_ERR_MEMORY, "not enough memory for %lld times",
                                                     (long long)steps);

    /* before the buffer that is read beside it */
    out->resident_bytes = (double)heed_memory_resident();
    if (status == HEED_OK)
        status = heed_reading_open(&d->reading, threads > 0 ? threads : heed_processor_count(),
                                   (size_t)out->bytes, err);
    if (status == HEED_OK)
        status = decode(d, steps, seconds, seconds + steps, err);
    if (status == HEED_OK) {
        out->step = heed_measure_of(seconds, (int)steps);
        out->reading = heed_measure_of(seconds + steps, (int)steps);
    }
    free(seconds);
    return status;
}

static heed_status prepare(decoding *d, const heed_model *model, int64_t batch, int threads, heed_error *err)
{
    const heed_session_options options = {.threads = threads};
    heed_status status = heed_texts_open(model, &options, batch, &d->texts, err);

    if (status == HEED_OK)
        status = heed_sampler_open(&d->sampler, model->config.vocab_size, err);
    d->ids = malloc((size_t)batch * sizeof *d->ids);
    if (status == HEED_OK && d->ids == NULL)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for %lld texts", (long long)batch);
    return status;
}

static void release(decoding *d)
{
    heed_reading_close(&d->reading);
    heed_texts_close(d->texts);
    heed_sampler_close(&d->sampler);
    free(d->ids);
}

/* A model with random weights, its matrices in a precision. */
static heed_status create_model(const heed_config *config, heed_precision precision, heed_model **model,
                                heed_error *err)
{
    heed_weights *narrow = NULL;
    heed_status status = heed_model_create(config, 1, model, err);

    if (status != HEED_OK || precision == HEED_PRECISION_F32)
        return status;
    status = heed_weights_narrow((*model)->weights, precision, &narrow, err);
    heed_model_close(*model);
    *model = NULL;
    return status == HEED_OK ? heed_model_wrap(narrow, NULL, model, err) : status;
}

heed_status heed_bench_decode(const heed_config *config, heed_precision precision, int64_t batch_size,
                              int64_t prompt, int64_t tokens, int threads, heed_bench_result *out,
                              heed_error *err)
{
    heed_model *model = NULL;
    decoding d = {0};
    heed_machine before = {0}, after = {0};
    heed_status status;

    *out = (heed_bench_result){.tokens = batch_size};
    if (batch_size < 1 || prompt < 1 || tokens < 1 || prompt + tokens > config->context_length)
        return heed_fail(err, HEED_ERR_USAGE,
                         "expected a batch, a prompt and tokens of 1 or more that fit the context of %lld",
                         (long long)config->context_length);
    status = create_model(config, precision, &model, err);
    if (status == HEED_OK)
        status = prepare(&d, model, batch_size, threads, err);
    if (status == HEED_OK)
        status = heed_machine_measure(threads, MACHINE_SECONDS, &before, err);
    if (status == HEED_OK) {
        out->bytes = bytes_a_step(d.texts, (double)prompt + (double)tokens / 2.0);
        status = measure(&d, prompt, tokens, threads, out, err);
    }
    if (status == HEED_OK)
        status = heed_machine_measure(threads, MACHINE_SECONDS, &after, err);
    if (status == HEED_OK) {
        const heed_plan *plan = d.texts->step.plan;
        out->machine = heed_machine_better(&before, &after);
        out->flops = heed_plan_cost(plan).flops;
        out->planned_bytes = (double)heed_plan_bytes(plan) + heed_weights_stored_bytes(model->weights);
        heed_measure_rows(plan, tokens, out);
    }
    release(&d);
    heed_model_close(model);
    return status;
}
