/* SPDX-License-Identifier: MIT */
#include "infer/writer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "infer/likelihood.h"
#include "nn/model.h"

/* --- options --- */

static heed_status check_stop(const heed_generate_options *o, heed_error *err)
{
    for (int i = 0; i < o->n_stop; i++) {
        const size_t n = strlen(o->stop[i]);
        if (n == 0 || n > HEED_HELD_TEXT_STOP_BYTES)
            return heed_fail(err, HEED_ERR_USAGE, "stop string %d: expected 1 to %d bytes, got %zu", i + 1,
                             HEED_HELD_TEXT_STOP_BYTES, n);
    }
    return HEED_OK;
}

static heed_status check_options(const heed_model *model, const heed_generate_options *o, heed_error *err)
{
    heed_sampling sampling = o->sampling;
    int n;
    const heed_field *fields = heed_generate_fields(&n);
    heed_status status = heed_fields_check(fields, n, o, err);

    if (sampling.repetition_penalty == 0.0)
        sampling.repetition_penalty = 1.0;
    fields = heed_sampling_fields(&n);
    if (status == HEED_OK)
        status = heed_fields_check(fields, n, &sampling, err);
    if (status == HEED_OK)
        status = check_stop(o, err);
    if (status == HEED_OK && o->likeliest > model->config.vocab_size)
        return heed_fail(err, HEED_ERR_USAGE,
                         "likeliest: expected at most the vocabulary's %lld tokens, got %lld",
                         (long long)model->config.vocab_size, (long long)o->likeliest);
    if (status == HEED_OK && o->n_stop > 0 && model->tokenizer == NULL)
        return heed_fail(err, HEED_ERR_USAGE, "stop strings need a text, and the model has no tokenizer.json");
    return status;
}

heed_status heed_writing_open(heed_writing *w, const heed_model *model, const heed_generate_options *options,
                              heed_generate_fn *each, void *context, heed_error *err)
{
    heed_status status = check_options(model, options, err);

    *w = (heed_writing){.model = model, .options = options, .each = each, .context = context};
    if (status == HEED_OK)
        status = heed_sampler_open(&w->sampler, model->config.vocab_size, err);
    if (status == HEED_OK && options->likeliest > 0) {
        w->likeliest = malloc((size_t)options->likeliest * sizeof *w->likeliest);
        if (w->likeliest == NULL)
            status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for %lld likelihoods",
                               (long long)options->likeliest);
    }
    if (status != HEED_OK)
        heed_writing_close(w);
    return status;
}

void heed_writing_close(heed_writing *w)
{
    heed_sampler_close(&w->sampler);
    free(w->likeliest);
    *w = (heed_writing){0};
}

/* --- one text --- */

static bool wants_likelihoods(const heed_generate_options *o)
{
    return o->log_probabilities || o->likeliest > 0;
}

heed_status heed_writer_open(heed_writer *w, const heed_writing *writing, int64_t prompt, int64_t sample,
                             const int32_t *ids, size_t n, heed_error *err)
{
    const heed_generate_options *o = writing->options;
    heed_status status;

    *w = (heed_writer){.prompt = prompt, .sample = sample, .held = {.stop = o->stop, .n_stop = o->n_stop}};
    w->result = (heed_generated){
        .n_prompt = (int64_t)n, .log_probability = wants_likelihoods(o) ? 0.0 : NAN, .score = NAN};
    w->history.n_prompt = n;
    status = heed_history_reserve(
        &w->history, n + (size_t)(o->max_tokens < HEED_HISTORY_ROOM ? o->max_tokens : HEED_HISTORY_ROOM), err);
    return status == HEED_OK ? heed_history_append(&w->history, ids, n, err) : status;
}

void heed_writer_close(heed_writer *w)
{
    heed_history_free(&w->history);
    heed_held_text_free(&w->held);
}

/* --- handing on --- */

static heed_written written_of(const heed_writer *w, const heed_model *model, int32_t id)
{
    heed_written out = {
        .prompt = w->prompt, .sample = w->sample, .id = id, .piece = "", .log_probability = NAN, .text = ""};

    if (id >= 0 && heed_model_piece(model, id, &out.n_piece) != NULL)
        out.piece = heed_model_piece(model, id, &out.n_piece);
    return out;
}

/* What the model said of the token, where that is wanted. */
static void add_likelihoods(heed_written *out, heed_writing *writing, const float *logits)
{
    const int64_t n = writing->model->config.vocab_size;

    out->log_probability = heed_log_probability(writing->sampler.kernels, logits, n, out->id);
    out->n_likeliest = writing->options->likeliest;
    out->likeliest = writing->likeliest;
    heed_likeliest(writing->sampler.kernels, logits, n, writing->likeliest, out->n_likeliest);
}

static bool hand_on(heed_writing *writing, const heed_written *out)
{
    return writing->each == NULL || writing->each(writing->context, out);
}

void heed_writer_show_prompt(heed_writer *w, heed_writing *writing, size_t i, const float *logits)
{
    heed_written out = written_of(w, writing->model, w->history.ids[i]);

    if (w->result.finish != HEED_FINISH_NONE)
        return;
    out.in_prompt = true;
    if (logits != NULL)
        add_likelihoods(&out, writing, logits);
    if (!hand_on(writing, &out))
        w->result.finish = HEED_FINISH_CALLER;
}

int32_t heed_writer_draw(heed_writer *w, heed_writing *writing, const float *logits, heed_rng *rng)
{
    return heed_sampler_draw(&writing->sampler, &writing->options->sampling, logits, &w->history, rng);
}

/* Adds the token's bytes to what is held, and finds out whether the text ends. *n_ready: bytes to hand on. */
static heed_finish take_token(heed_writer *w, const heed_writing *writing, const heed_written *out,
                              int64_t room, size_t *n_ready)
{
    const heed_generate_options *o = writing->options;
    heed_finish finish = HEED_FINISH_NONE;

    if (!o->ignore_end_of_text && out->id == heed_model_end_of_text(writing->model))
        finish = HEED_FINISH_END_OF_TEXT;
    else if (heed_held_text_append(&w->held, out->piece, out->n_piece, n_ready))
        finish = HEED_FINISH_STOP;
    else if (w->result.n_written == o->max_tokens)
        finish = HEED_FINISH_LENGTH;
    else if (room == 1)
        finish = HEED_FINISH_CONTEXT;
    if (finish != HEED_FINISH_NONE)
        *n_ready = w->held.bytes.size;
    return finish;
}

heed_status heed_writer_add(heed_writer *w, heed_writing *writing, int32_t id, const float *logits,
                            double log_probability, int64_t room, heed_error *err)
{
    heed_written out = written_of(w, writing->model, id);
    size_t n_ready = 0;
    heed_status status = heed_history_append(&w->history, &id, 1, err);

    if (status != HEED_OK)
        return status;
    w->result.n_written++;
    out.log_probability = log_probability;
    if (logits != NULL && wants_likelihoods(writing->options))
        add_likelihoods(&out, writing, logits);
    w->result.log_probability += out.log_probability;
    out.finish = take_token(w, writing, &out, room, &n_ready);
    if (w->held.bytes.failed)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the text that is held back");
    if (n_ready > 0)
        out.text = w->held.bytes.data;
    out.n_text = n_ready;
    w->result.finish = out.finish;
    if (!hand_on(writing, &out) && out.finish == HEED_FINISH_NONE)
        w->result.finish = HEED_FINISH_CALLER;
    heed_held_text_take(&w->held, n_ready);
    return HEED_OK;
}

void heed_writer_end(heed_writer *w, heed_writing *writing, heed_finish finish)
{
    heed_written out = written_of(w, writing->model, -1);

    out.finish = w->result.finish = finish;
    hand_on(writing, &out);
}

heed_status heed_check_logits(const float *logits, int64_t n, heed_error *err)
{
    int wrong = 0, possible = 0;

    for (int64_t i = 0; i < n; i++) {
        wrong |= !(logits[i] < INFINITY);
        possible |= logits[i] > -INFINITY;
    }
    if (wrong == 0 && possible != 0)
        return HEED_OK;
    return heed_fail(err, HEED_ERR_CHECK,
                     "the model's logits are not numbers; its weights are damaged or it has diverged");
}
