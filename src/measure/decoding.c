/* SPDX-License-Identifier: MIT */
/* Decoding, measured: one token after the other, batch 1, beside the bandwidth of memory. */
#include <heed/session.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "infer/session.h"
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

static heed_status decode(heed_session *session, const heed_config *c, int64_t prompt, int64_t tokens,
                          double *seconds, heed_error *err)
{
    const heed_sampling greedy = {.top_p = 1.0};
    heed_status status = HEED_OK;
    int32_t id = 0;

    for (int64_t i = 0; i < prompt && status == HEED_OK; i++) {
        id = (int32_t)(i * 7919 % c->vocab_size);
        status = heed_session_feed(session, &id, 1, err);
    }
    if (status == HEED_OK)
        heed_plan_profile(heed_session_decode_plan(session), true);
    for (int64_t i = 0; i < tokens && status == HEED_OK; i++) {
        const double begin = heed_clock_s();
        id = heed_session_sample(session, &greedy);
        status = heed_session_feed(session, &id, 1, err);
        seconds[i] = heed_clock_s() - begin;
    }
    return status;
}

heed_status heed_bench_decode(const heed_config *config, int64_t prompt, int64_t tokens, int threads,
                              heed_bench_result *out, heed_error *err)
{
    const heed_session_options options = {.threads = threads};
    heed_model *model = NULL;
    heed_session *session = NULL;
    heed_machine before = {0}, after = {0};
    double *seconds = NULL;
    heed_status status;

    *out = (heed_bench_result){.tokens = 1};
    if (prompt < 1 || tokens < 1 || prompt + tokens > config->context_length)
        return heed_fail(err, HEED_ERR_USAGE,
                         "expected a prompt and tokens of 1 or more that fit the context of %lld",
                         (long long)config->context_length);
    seconds = malloc((size_t)tokens * sizeof *seconds);
    status = seconds != NULL
                 ? HEED_OK
                 : heed_fail(err, HEED_ERR_MEMORY, "not enough memory for %lld times", (long long)tokens);
    if (status == HEED_OK)
        status = heed_model_create(config, 1, &model, err);
    if (status == HEED_OK)
        status = heed_session_open(model, &options, &session, err);
    if (status == HEED_OK)
        status = heed_machine_measure(threads, MACHINE_SECONDS, &before, err);
    if (status == HEED_OK)
        status = decode(session, config, prompt, tokens, seconds, err);
    out->resident_bytes =
        (double)heed_memory_resident(); /* before the machine is measured, which takes its own */
    if (status == HEED_OK)
        status = heed_machine_measure(threads, MACHINE_SECONDS, &after, err);
    if (status == HEED_OK) {
        const heed_plan *plan = heed_session_decode_plan(session);
        out->step = heed_measure_of(seconds, (int)tokens);
        out->machine = heed_machine_better(&before, &after);
        out->flops = heed_plan_cost(plan).flops;
        out->bytes = bytes_a_token(model, (double)prompt + (double)tokens / 2.0);
        out->planned_bytes = (double)heed_plan_bytes(plan) + (double)heed_weights_bytes(model->weights);
        heed_measure_rows(plan, tokens, out);
    }
    heed_session_close(session);
    heed_model_close(model);
    free(seconds);
    return status;
}
