/* SPDX-License-Identifier: MIT */
/* Decoding, measured: one token after the other, batch 1, beside the bandwidth of memory. */
#include <heed/session.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "infer/session.h"
#include "kernels/limits.h"
#include "measure/measure.h"
#include "nn/model.h"

#define MACHINE_SECONDS 1.5

/*
 * Bytes that one token must read: every weight but the tables of the embeddings, of which it reads one row each (a
 * tied head reads its table whole), and the keys and values so far.
 */
static double bytes_a_token(const heed_model *model, double length)
{
    const heed_config *c = &model->config;
    double bytes = 0.0;

    for (int i = 0; i < model->weights->n; i++) {
        const heed_parameter *p = &model->weights->list[i];
        const bool position = p == heed_weights_find(model->weights, "wpe.weight");
        const bool one_row = position ||
                             (p == heed_weights_find(model->weights, "wte.weight") && !c->tied_head);
        bytes += (double)(one_row ? p->count / p->size[0] : p->count) * sizeof(float);
    }
    return bytes + 2.0 * (double)(c->n_layers * c->d_model) * length * sizeof(float);
}

static heed_status read_prompt(heed_session *session, const heed_config *c, int64_t prompt, heed_error *err)
{
    heed_status status = HEED_OK;

    for (int64_t i = 0; i < prompt && status == HEED_OK; i++) {
        const int32_t id = (int32_t)(i * 7919 % c->vocab_size);
        status = heed_session_feed(session, &id, 1, err);
    }
    return status;
}

/* Tokens and passes of reading, in turns. */
static heed_status decode(heed_session *session, heed_reading *reading, int64_t tokens, double *token_s,
                          double *read_s, heed_error *err)
{
    const heed_sampling greedy = {.top_p = 1.0};
    heed_status status = HEED_OK;

    heed_plan_profile(heed_session_decode_plan(session), true);
    (void)heed_reading_pass(reading);
    for (int64_t i = 0; i < tokens && status == HEED_OK; i++) {
        const double begin = heed_clock_s();
        const int32_t id = heed_session_sample(session, &greedy);
        status = heed_session_feed(session, &id, 1, err);
        token_s[i] = heed_clock_s() - begin;
        read_s[i] = heed_reading_pass(reading);
    }
    return status;
}

/* Between two measurements of the machine: the prompt, then the tokens. */
static heed_status measure(heed_session *session, const heed_config *c, int64_t prompt, int64_t tokens,
                           int threads, heed_bench_result *out, heed_error *err)
{
    double *seconds = malloc(2 * (size_t)tokens * sizeof *seconds);
    heed_reading reading = {0};
    heed_status status = seconds != NULL ? read_prompt(session, c, prompt, err)
                                         : heed_fail(err, HEED_ERR_MEMORY, "not enough memory for %lld times",
                                                     (long long)tokens);

    /* before the buffer that is read beside it */
    out->resident_bytes = (double)heed_memory_resident();
    if (status == HEED_OK)
        status = heed_reading_open(&reading, threads > 0 ? threads : heed_processor_count(), (size_t)out->bytes,
                                   err);
    if (status == HEED_OK)
        status = decode(session, &reading, tokens, seconds, seconds + tokens, err);
    if (status == HEED_OK) {
        out->step = heed_measure_of(seconds, (int)tokens);
        out->reading = heed_measure_of(seconds + tokens, (int)tokens);
    }
    heed_reading_close(&reading);
    free(seconds);
    return status;
}

heed_status heed_bench_decode(const heed_config *config, int64_t prompt, int64_t tokens, int threads,
                              heed_bench_result *out, heed_error *err)
{
    const heed_session_options options = {.threads = threads};
    heed_model *model = NULL;
    heed_session *session = NULL;
    heed_machine before = {0}, after = {0};
    heed_status status;

    *out = (heed_bench_result){.tokens = 1};
    if (prompt < 1 || tokens < 1 || prompt + tokens > config->context_length)
        return heed_fail(err, HEED_ERR_USAGE,
                         "expected a prompt and tokens of 1 or more that fit the context of %lld",
                         (long long)config->context_length);
    status = heed_model_create(config, 1, &model, err);
    if (status == HEED_OK)
        status = heed_session_open(model, &options, &session, err);
    if (status == HEED_OK)
        status = heed_machine_measure(threads, MACHINE_SECONDS, &before, err);
    if (status == HEED_OK) {
        out->bytes = bytes_a_token(model, (double)prompt + (double)tokens / 2.0);
        status = measure(session, config, prompt, tokens, threads, out, err);
    }
    if (status == HEED_OK)
        status = heed_machine_measure(threads, MACHINE_SECONDS, &after, err);
    if (status == HEED_OK) {
        const heed_plan *plan = heed_session_decode_plan(session);
        out->machine = heed_machine_better(&before, &after);
        out->flops = heed_plan_cost(plan).flops;
        out->planned_bytes = (double)heed_plan_bytes(plan) + (double)heed_weights_bytes(model->weights);
        heed_measure_rows(plan, tokens, out);
    }
    heed_session_close(session);
    heed_model_close(model);
    return status;
}
