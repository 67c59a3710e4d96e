/* SPDX-License-Identifier: MIT */
/* A session: one text, which is a batch of one row, with random numbers and a history of its own. */
#include <heed/generate.h>
#include <stdlib.h>

#include "base/error.h"
#include "infer/generate.h"
#include "infer/sampling.h"
#include "infer/session.h"
#include "infer/texts.h"

struct heed_session {
    heed_texts *text; /* one row */
    heed_rng rng;
    heed_sampler sampler;
    heed_history history;
    bool drawn; /* the prompt is over */
};

heed_status heed_session_open(const heed_model *model, const heed_session_options *options,
                              heed_session **session, heed_error *err)
{
    heed_session *s = calloc(1, sizeof *s);
    heed_status status;

    *session = NULL;
    if (s == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a session");
    s->rng = heed_rng_make(options != NULL ? options->seed : 0, HEED_STREAM_SAMPLE);
    status = heed_texts_open(model, options, 1, &s->text, err);
    if (status == HEED_OK)
        status = heed_sampler_open(&s->sampler, model->config.vocab_size, err);
    if (status == HEED_OK)
        status = heed_history_reserve(&s->history, (size_t)s->text->context + HEED_HISTORY_ROOM, err);
    if (status != HEED_OK) {
        heed_session_close(s);
        return status;
    }
    *session = s;
    return HEED_OK;
}

void heed_session_close(heed_session *s)
{
    if (s == NULL)
        return;
    heed_texts_close(s->text);
    heed_sampler_close(&s->sampler);
    heed_history_free(&s->history);
    free(s);
}

heed_status heed_session_feed(heed_session *s, const int32_t *ids, size_t n, heed_error *err)
{
    heed_status status = n == 1 ? heed_texts_step(s->text, 1, ids, err)
                                : heed_texts_feed(s->text, 0, ids, n, NULL, err);

    if (status == HEED_OK)
        status = heed_history_append(&s->history, ids, n, err);
    if (!s->drawn)
        s->history.n_prompt = s->history.n;
    return status;
}

const float *heed_session_logits(const heed_session *s)
{
    return heed_texts_logits(s->text, 0);
}

int64_t heed_session_length(const heed_session *s)
{
    return s->text->window[0].length;
}

heed_slides heed_session_slides(const heed_session *s)
{
    return s->text->window[0].slides;
}

int32_t heed_session_sample(heed_session *s, const heed_sampling *sampling)
{
    const float *logits = heed_session_logits(s);

    if (logits == NULL)
        return -1;
    s->drawn = true;
    return heed_sampler_draw(&s->sampler, sampling, logits, &s->history, &s->rng);
}

heed_plan *heed_session_decode_plan(heed_session *s)
{
    return s->text->step.plan;
}

heed_status heed_session_generate(heed_session *s, const heed_generate_options *options, heed_generate_fn *each,
                                  void *context, heed_generated *result, heed_error *err)
{
    const heed_generate_options defaults = heed_generate_default(), *o = options != NULL ? options : &defaults;
    heed_writing writing;
    heed_writer writer = {0};
    heed_status status;

    if (heed_session_logits(s) == NULL)
        return heed_fail(err, HEED_ERR_USAGE, "expected a session that has read a prompt");
    if (s->text->overflow == HEED_OVERFLOW_ERROR && o->max_tokens > heed_texts_room(s->text, 0))
        return heed_fail(err, HEED_ERR_USAGE,
                         "%lld tokens are to be written, and the context has room for %lld",
                         (long long)o->max_tokens, (long long)heed_texts_room(s->text, 0));
    status = heed_writing_open(&writing, s->text->model, o, each, context, err);
    if (status != HEED_OK)
        return status;
    status = heed_writer_open(&writer, &writing, 0, 0, s->history.ids, s->history.n, err);
    writer.history.n_prompt = s->history.n_prompt;
    s->drawn = true;
    while (status == HEED_OK && writer.result.finish == HEED_FINISH_NONE) {
        int32_t id = -1;
        status = heed_write_token(s->text, 0, &writer, &writing, &s->rng, &id, err);
        if (status == HEED_OK && id >= 0)
            status = heed_session_feed(s, &id, 1, err);
    }
    writer.result.slides = s->text->window[0].slides;
    if (result != NULL)
        *result = writer.result;
    heed_writer_close(&writer);
    heed_writing_close(&writing);
    return status;
}
