/* SPDX-License-Identifier: MIT */
/* Writing a text token by token, with the probabilities that each was drawn from. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "inspect/diagnosis.h"
#include "nn/model.h"

/* What the logits say of the token that was drawn from them; false where they are no numbers. */
static bool note(const float *logits, int64_t V, int32_t id, heed_diagnosis_step *step)
{
    heed_likelihood best[2] = {{.id = -1}, {.id = -1, .log_probability = -INFINITY}};
    double sum = 0.0, weighted = 0.0, max;

    heed_logits_likeliest(logits, V, best, V > 1 ? 2 : 1);
    max = (double)logits[best[0].id];
    for (int64_t i = 0; i < V; i++) { /* entropy = ln sum_i e_i - sum_i e_i (z_i - max) / sum_i e_i */
        const double z = (double)logits[i] - max, e = exp(z);

        sum += e;
        weighted += e > 0.0 ? e * z : 0.0;
    }
    *step = (heed_diagnosis_step){.id = id,
                                  .probability = exp(heed_logits_log_probability(logits, V, id)),
                                  .likeliest = best[0].id,
                                  .top = exp(best[0].log_probability),
                                  .entropy = log(sum) - weighted / sum,
                                  .attended = {-1, -1, -1},
                                  .weight = {NAN, NAN, NAN},
                                  .previous = NAN};
    step->margin = step->top - exp(best[1].log_probability);
    return isfinite(step->top) && isfinite(step->entropy);
}

static heed_status write_tokens(heed_session *session, const heed_model *model, const heed_generate_options *o,
                                heed_diagnosed *out, heed_error *err)
{
    const int32_t end = o->ignore_end_of_text ? -1 : heed_model_end_of_text(model);
    heed_status status = HEED_OK;
    double total = 0.0;

    for (int64_t i = 0; i < o->max_tokens && status == HEED_OK; i++) {
        const float *logits = heed_session_logits(session);
        const int32_t id = heed_session_sample(session, &o->sampling);
        heed_diagnosis_step step;

        if (id < 0 || !note(logits, model->config.vocab_size, id, &step))
            return heed_fail(err, HEED_ERR_CHECK,
                             "token %lld: the logits are no numbers; the weights are damaged",
                             (long long)(out->n - out->n_prompt));
        if (id == end)
            break;
        if (out->steps != NULL)
            out->steps[out->n - out->n_prompt] = step;
        out->ids[out->n++] = id;
        total += log(step.probability);
        out->window = heed_session_length(session); /* what foresaw it */
        if (i + 1 < o->max_tokens)
            status = heed_session_feed(session, &id, 1, err);
    }
    out->log_probability = total / (double)(out->n - out->n_prompt);
    return status;
}

heed_status heed_diagnosed_write(const heed_model *model, const int32_t *prompt, size_t n_prompt,
                                 const heed_generate_options *o, bool steps, heed_diagnosed *out,
                                 heed_error *err)
{
    const size_t n = n_prompt + (size_t)o->max_tokens;
    heed_session *session = NULL;
    heed_status status = HEED_OK;

    *out = (heed_diagnosed){.ids = malloc((n + 1) * sizeof *out->ids),
                            .n_prompt = n_prompt,
                            .n = n_prompt,
                            .steps = steps ? malloc(((size_t)o->max_tokens + 1) * sizeof *out->steps) : NULL};
    if (out->ids == NULL || (steps && out->steps == NULL))
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for %zu tokens", n);
    if (status == HEED_OK) {
        memcpy(out->ids, prompt, n_prompt * sizeof *prompt);
        status = heed_session_open(model, &o->session, &session, err);
    }
    if (status == HEED_OK)
        status = heed_session_feed(session, prompt, n_prompt, err);
    if (status == HEED_OK)
        status = write_tokens(session, model, o, out, err);
    heed_session_close(session);
    return status;
}

void heed_diagnosed_free(heed_diagnosed *text)
{
    free(text->ids);
    free(text->steps);
    *text = (heed_diagnosed){.ids = NULL};
}
