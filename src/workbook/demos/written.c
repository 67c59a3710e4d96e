/* SPDX-License-Identifier: MIT */
#include "workbook/demos/written.h"

#include <heed/session.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/forward.h"

typedef struct last_row {
    float *logits; /* [vocab_size] of the last position */
    int64_t n;
} last_row;

static void take_last(void *context, const heed_node *node, const heed_tensor *value)
{
    last_row *last = context;
    const int64_t first = heed_tensor_count(value) - last->n;

    (void)node;
    for (int64_t i = 0; i < last->n; i++)
        last->logits[i] = heed_tensor_get(value, first + i);
}

static bool read_window(heed_demoing *d, const heed_model *model, const int32_t *ids, int64_t n, last_row *last)
{
    const heed_forward_ids in = {.ids = ids, .batch = 1, .length = n};
    heed_forward *forward = NULL;
    heed_node *logits;
    heed_error err = {HEED_OK, ""};
    bool ok = heed_demo_ok(d, heed_forward_create(model, &in, false, 1, &forward, &err), &err);

    if (!ok)
        return false;
    logits = heed_forward_gpt(forward)->logits;
    ok = heed_demo_ok(d, heed_forward_run(forward, &logits, 1, take_last, last, &err), &err);
    heed_forward_destroy(forward);
    return ok;
}

/* Where a uniform number falls among the probabilities; what was never seen in training, such as a gap, is hardly likely. */
static int32_t draw(heed_demoing *d, const last_row *last, double temperature, double *probabilities)
{
    const heed_sampling sampling = {.temperature = temperature, .top_p = 1.0, .repetition_penalty = 1.0};
    heed_error err = {HEED_OK, ""};
    double left = heed_rng_double(&d->rng);
    int32_t id = 0;

    if (temperature == 0.0) {
        heed_likelihood best = {0};
        heed_logits_likeliest(last->logits, last->n, &best, 1);
        return best.id;
    }
    if (!heed_demo_ok(d, heed_sampling_probabilities(&sampling, last->logits, last->n, probabilities, &err),
                      &err))
        return 0;
    while (id < (int32_t)last->n - 1 && left >= probabilities[id])
        left -= probabilities[id++];
    return id;
}

int32_t *heed_demo_write(heed_demoing *d, const heed_model *model, const int32_t *prompt, int64_t n_prompt,
                         int64_t n, int64_t window, double temperature, int32_t gap)
{
    const int64_t V = heed_model_config(model)->vocab_size,
                  T = window > 0 ? window : heed_model_config(model)->context_length,
                  most = gap >= 0 ? T - 1 : T;
    int32_t *all = (int32_t *)(void *)heed_demo_floats(d, n_prompt + n + 1);
    last_row last = {heed_demo_floats(d, V), V};
    const heed_grid probabilities = heed_grid_make(&d->s, 1, V);

    if (d->s.status != HEED_OK)
        return NULL;
    memcpy(all, prompt, (size_t)n_prompt * sizeof *all);
    for (int64_t i = n_prompt; i < n_prompt + n; i++) {
        const int64_t begin = i > most ? i - most : 0;

        if (gap >= 0)
            all[i] = gap;
        if (!read_window(d, model, all + begin, i - begin + (gap >= 0), &last))
            return NULL;
        all[i] = draw(d, &last, temperature, probabilities.data);
    }
    return d->s.status == HEED_OK ? all + n_prompt : NULL;
}

const char *heed_demo_text_of(heed_demoing *d, const heed_tokenizer *tokenizer, const int32_t *ids, int64_t n)
{
    heed_error err = {HEED_OK, ""};
    char *text = NULL, *kept;
    size_t n_text = 0;

    if (d->s.status != HEED_OK || ids == NULL ||
        !heed_demo_ok(d, heed_tokenizer_decode(tokenizer, ids, (size_t)n, &text, &n_text, &err), &err))
        return "";
    kept = heed_arena_alloc(d->s.arena, n_text + 1);
    if (kept == NULL)
        heed_solve_fail(&d->s, HEED_ERR_MEMORY, "not enough memory for a text");
    else
        memcpy(kept, text, n_text + 1);
    free(text);
    return kept != NULL ? kept : "";
}

void heed_demo_show_ids(heed_demoing *d, const heed_tokenizer *tokenizer, const char *title, const int32_t *ids,
                        int64_t n)
{
    const char *text = heed_demo_text_of(d, tokenizer, ids, n);

    if (d->s.status == HEED_OK)
        heed_show_passage(d, title, text, strlen(text));
}
