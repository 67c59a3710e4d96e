/* SPDX-License-Identifier: MIT */
#include "cli/writing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"

/* --- the stream --- */

static void put(heed_cli_stream *s, const char *text, size_t n)
{
    if (n == 0)
        return;
    if (s->safe)
        heed_cli_put_safe(s->out, text, n);
    else
        fwrite(text, 1, n, s->out);
    s->last = text[n - 1];
}

void heed_cli_stream_put(heed_cli_stream *s, const char *text, size_t n)
{
    unsigned code;

    for (size_t i = 0; i < n; i++) {
        s->held[s->n_held++] = text[i];
        if (heed_cli_utf8(s->held, s->n_held, &code) >= 0 || s->n_held == 4) {
            put(s, s->held, s->n_held);
            s->n_held = 0;
        }
    }
}

void heed_cli_stream_end(heed_cli_stream *s)
{
    put(s, s->held, s->n_held);
    s->n_held = 0;
}

/* --- the prompt --- */

heed_status heed_cli_prompt(const heed_model *model, const char *prompt, size_t n, int32_t **ids, size_t *n_ids,
                            heed_error *err)
{
    heed_status status = heed_model_encode(model, n > 0 ? prompt : "\n", n > 0 ? n : 1, ids, n_ids, err);

    if (n > 0 || status == HEED_OK || !heed_model_has_tokenizer(model))
        return status;
    free(*ids);
    *ids = calloc(1, sizeof **ids);
    *n_ids = 1;
    return *ids != NULL ? HEED_OK : heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for a prompt");
}

/* --- tokens --- */

/* What is drawn from logits that are no numbers would look like a text. */
static heed_status check_logits(const heed_cli_writing *w, const heed_session *session, heed_error *err)
{
    const float *logits = heed_session_logits(session);
    const int64_t n = heed_model_config(w->model)->vocab_size;

    for (int64_t i = 0; logits != NULL && i < n; i++) {
        if (isnan(logits[i]))
            return heed_cli_fail(
                err, HEED_ERR_CHECK,
                "the model's logits are not numbers; its weights are damaged or it has diverged");
    }
    return HEED_OK;
}

heed_status heed_cli_write(heed_cli_writing *w, heed_cli_write_fn *each, void *context, heed_error *err)
{
    const double begin = heed_cli_seconds();
    heed_session *session = NULL;
    heed_status status = heed_session_open(w->model, &w->session, &session, err);

    w->n_tokens = 0;
    if (status == HEED_OK)
        status = heed_session_feed(session, w->ids, w->n_ids, err);
    if (status == HEED_OK)
        status = check_logits(w, session, err);
    while (status == HEED_OK && w->n_tokens < w->max_tokens) {
        const int32_t id = heed_session_sample(session, &w->sampling);
        size_t n = 0;
        const char *piece = heed_model_piece(w->model, id, &n);
        if (w->n_tokens++ == 0)
            w->first_s = heed_cli_seconds() - begin;
        if (!each(context, piece != NULL ? piece : "", piece != NULL ? n : 0))
            break;
        if (w->n_tokens < w->max_tokens)
            status = heed_session_feed(session, &id, 1, err);
        if (status == HEED_OK)
            status = check_logits(w, session, err);
    }
    w->seconds = heed_cli_seconds() - begin;
    heed_session_close(session);
    return status;
}
