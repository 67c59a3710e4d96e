/* SPDX-License-Identifier: MIT */
/* A session: one text, which is a batch of one row, with random numbers and a history of its own. */
#include <heed/session.h>
#include <stdlib.h>

#include "base/error.h"
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
