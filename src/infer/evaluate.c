/* SPDX-License-Identifier: MIT */
/* The loss of a model on a whole text, each token predicted once. */
#include <heed/session.h>
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "data/batches.h"
#include "graph/plan.h"
#include "kernels/device.h"
#include "nn/model.h"
#include "nn/nn.h"

#define TOKENS_A_BATCH 4096

typedef struct evaluator {
    heed_device device;
    heed_graph *g;
    heed_plan *plan;
    heed_node *loss;
    int32_t *ids, *targets; /* [batch, T] */
} evaluator;

static heed_status prepare(evaluator *e, const heed_model *model, int64_t batch, int64_t T, int threads,
                           heed_error *err)
{
    const heed_shape shape = heed_shape2(batch, T);
    heed_nn nn = {.config = &model->config, .weights = model->weights};
    heed_plan_options options = {.device = &e->device, .targets = &e->loss, .n_targets = 1};
    heed_node *ids, *targets;
    heed_status status = heed_device_open(&e->device, NULL, threads, err);

    if (status != HEED_OK)
        return status;
    e->ids = malloc((size_t)(batch * T) * sizeof *e->ids);
    e->targets = malloc((size_t)(batch * T) * sizeof *e->targets);
    e->g = nn.g = heed_graph_create();
    if (e->ids == NULL || e->targets == NULL || e->g == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to evaluate batches of %lld tokens",
                         (long long)(batch * T));
    ids = heed_graph_bound_input(e->g, "ids", HEED_I32, shape, e->ids);
    targets = heed_graph_bound_input(e->g, "targets", HEED_I32, shape, e->targets);
    e->loss = heed_gpt_build(&nn, ids, targets).loss;
    heed_weights_bind(model->weights, e->g);
    options.reference = e->device.kernels == NULL;
    status = heed_plan_create(e->g, &options, &e->plan, err);
    return status == HEED_OK ? heed_plan_place(e->plan, NULL, err) : status;
}

static void release(evaluator *e)
{
    heed_plan_destroy(e->plan);
    heed_graph_destroy(e->g);
    heed_device_close(&e->device);
    free(e->ids);
    free(e->targets);
}

/* Takes out of a batch of windows the targets that do not count; how many are left. */
static int64_t keep_last(int32_t *targets, int64_t batch, int64_t T, int64_t last)
{
    int64_t n = 0;

    for (int64_t i = 0; i < batch * T; i++) {
        if (i % T < T - last)
            targets[i] = HEED_NO_TARGET;
        n += targets[i] != HEED_NO_TARGET;
    }
    return n;
}

static void run(evaluator *e, const heed_corpus *corpus, int64_t batch, int64_t T, int64_t last,
                heed_evaluation *out)
{
    heed_sweep sweep = heed_sweep_make(corpus, HEED_PART_VALIDATION, batch, T);
    double sum = 0.0;
    int64_t n;

    while ((n = heed_sweep_next(&sweep, e->ids, e->targets)) > 0) {
        if (last > 0)
            n = keep_last(e->targets, batch, T, last);
        heed_plan_run(e->plan);
        sum += (double)heed_tensor_get(heed_plan_value(e->plan, e->loss), 0) * (double)n;
        out->n_tokens += n;
    }
    out->loss = sum / (double)out->n_tokens;
    out->perplexity = exp(out->loss);
    out->nats_per_byte = last > 0 ? NAN : sum / (double)corpus->n_bytes;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static heed_status check_options(const heed_model *model, const heed_evaluation_options *o, heed_error *err)
{
    if (model->tokenizer == NULL)
        return heed_fail(err, HEED_ERR_USAGE,
                         "the model has no tokenizer.json, so a text cannot become tokens");
    if (o->context_length < 0 || o->last < 0)
        return heed_fail(err, HEED_ERR_USAGE, "%s: expected 0 or more, got %lld",
                         o->last < 0 ? "last" : "context_length",
                         (long long)(o->last < 0 ? o->last : o->context_length));
    return o->context_length > 0 ? heed_config_check_length(&model->config, o->context_length, err) : HEED_OK;
}

heed_status heed_model_evaluate(const heed_model *model, const char *text, size_t n, const char *name,
                                const heed_evaluation_options *options, heed_evaluation *out, heed_error *err)
{
    const heed_evaluation_options defaults = {0}, *o = options != NULL ? options : &defaults;
    const heed_corpus_options corpus_options = {.context_length = 1, .whole = true, .threads = (int)o->threads};
    const int64_t context = o->context_length > 0 ? o->context_length : model->config.context_length;
    heed_corpus *corpus = NULL;
    evaluator e = {0};
    heed_status status = check_options(model, o, err);

    *out = (heed_evaluation){0};
    if (status == HEED_OK)
        status = heed_corpus_check_text(text, n, !heed_tokenizer_needs_utf8(model->tokenizer), name, err);
    if (status == HEED_OK)
        status = heed_corpus_create(model->tokenizer, text, n, name, &corpus_options, &corpus, err);
    if (status == HEED_OK) {
        /* no window is longer than the text, whatever the context, so that a short text stays cheap */
        const int64_t T = smaller(context, corpus->n - 1);
        const int64_t batch = smaller((corpus->n + T - 1) / T, (TOKENS_A_BATCH + T - 1) / T);
        status = prepare(&e, model, batch, T, o->threads, err);
        if (status == HEED_OK)
            run(&e, corpus, batch, T, smaller(o->last, T), out);
    }
    release(&e);
    heed_corpus_destroy(corpus);
    if (status == HEED_OK && !isfinite(out->loss))
        return heed_fail(err, HEED_ERR_CHECK,
                         "%s: the model's loss is not a number; its weights are damaged or it has diverged",
                         name);
    return status;
}
