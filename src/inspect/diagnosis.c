/* SPDX-License-Identifier: MIT */
/* Judging a text that a model has written, and trying what may help. The rules: heed/diagnosis.h. */
#include "inspect/diagnosis.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text_buffer.h"
#include "nn/model.h"

enum { MOST_REMEDIES = 4 };

struct heed_diagnosis {
    heed_diagnosed text;
    heed_repetition repetition;
    heed_diagnosis_step means;
    heed_verdict verdict;
    heed_text_buffer words;
    heed_diagnosed tried[MOST_REMEDIES];
    char remedy_words[MOST_REMEDIES][80];
    heed_remedy remedies[MOST_REMEDIES];
    int n_remedies;
};

static const char *const verdict_names[] = {"sound", "peaked", "circle", "untrained", "repeating", "scattered"};

const char *heed_verdict_name(heed_verdict verdict)
{
    return verdict_names[verdict];
}

/* --- figures --- */

static int64_t n_steps(const heed_diagnosis *d)
{
    return (int64_t)(d->text.n - d->text.n_prompt);
}

/* Over the circle, less its first copy, which led into it; else over all. */
static void find_means(heed_diagnosis *d)
{
    const heed_repetition *r = &d->repetition;
    const int64_t first = r->loop_start >= 0 ? r->loop_start + r->loop_length : 0, n = n_steps(d) - first;
    heed_diagnosis_step *m = &d->means;
    double previous = 0.0;
    int64_t n_previous = 0;

    *m = (heed_diagnosis_step){
        .id = -1, .likeliest = -1, .attended = {-1, -1, -1}, .weight = {NAN, NAN, NAN}, .previous = NAN};
    for (int64_t i = first; i < first + n; i++) {
        const heed_diagnosis_step *s = &d->text.steps[i];

        m->probability += s->probability / (double)n;
        m->top += s->top / (double)n;
        m->margin += s->margin / (double)n;
        m->entropy += s->entropy / (double)n;
        if (!isnan(s->previous)) {
            previous += s->previous;
            n_previous++;
        }
    }
    if (n_previous > 0)
        m->previous = previous / (double)n_previous;
}

static heed_verdict judge(const heed_diagnosis *d, int64_t vocab_size)
{
    const double distinct = d->repetition.distinct[HEED_REPETITION_GRAMS - 1];

    if (d->repetition.loop_start >= 0)
        return d->means.top >= HEED_VERDICT_SURE ? HEED_VERDICT_PEAKED : HEED_VERDICT_CIRCLE;
    if (vocab_size > 1 && d->means.entropy >= HEED_VERDICT_FLAT * log((double)vocab_size))
        return HEED_VERDICT_UNTRAINED;
    if (distinct < HEED_VERDICT_DISTINCT) /* false for NaN: too short to say */
        return HEED_VERDICT_REPEATING;
    if (d->means.probability < HEED_VERDICT_UNLIKELY * d->means.top)
        return HEED_VERDICT_SCATTERED;
    return HEED_VERDICT_SOUND;
}

/* --- words --- */

static bool is_greedy(const heed_sampling *s)
{
    return s->temperature == 0.0 || s->top_k == 1;
}

static void put_circle(heed_diagnosis *d, const heed_sampling *sampling)
{
    const heed_repetition *r = &d->repetition;

    heed_text_printf(&d->words, "The text goes in a circle: from token %lld of what was written the same ",
                     (long long)r->loop_start);
    if (r->loop_length == 1)
        heed_text_puts(&d->words, "token comes");
    else
        heed_text_printf(&d->words, "%lld tokens come", (long long)r->loop_length);
    heed_text_printf(&d->words, " again and again, %lld times. ", (long long)r->loop_copies);
    if (d->verdict == HEED_VERDICT_PEAKED)
        heed_text_printf(
            &d->words,
            "Cause: a peaked distribution under %s: in the circle the likeliest token has %.0f %% in the "
            "mean, %.2f nats of entropy, so nothing else is ever taken. ",
            is_greedy(sampling) ? "greedy decoding" : "sampling", 100.0 * d->means.top, d->means.entropy);
    else
        heed_text_printf(
            &d->words,
            "Cause: %s: the likeliest token has only %.0f %% in the mean, but is taken every time, and what "
            "has been written leads back to it. ",
            is_greedy(sampling) ? "greedy decoding of a distribution that is not sure"
                                : "filters that leave the likeliest tokens alone",
            100.0 * d->means.top);
    heed_text_puts(&d->words, "Try a temperature with top-p, a repetition penalty, or more training.");
}

static void put_words(heed_diagnosis *d, const heed_sampling *sampling, int64_t vocab_size)
{
    switch (d->verdict) {
    case HEED_VERDICT_PEAKED:
    case HEED_VERDICT_CIRCLE:
        put_circle(d, sampling);
        break;
    case HEED_VERDICT_UNTRAINED:
        heed_text_printf(
            &d->words,
            "The model hardly prefers any token: %.2f of %.2f nats of entropy in the mean. It has not learned "
            "yet: train it longer.",
            d->means.entropy, log((double)vocab_size));
        break;
    case HEED_VERDICT_REPEATING:
        heed_text_printf(
            &d->words,
            "The text repeats itself without going in a circle: only %.0f %% of its runs of four tokens are "
            "different ones. Try a higher temperature, a repetition penalty, or more training.",
            100.0 * d->repetition.distinct[HEED_REPETITION_GRAMS - 1]);
        break;
    case HEED_VERDICT_SCATTERED:
        heed_text_printf(&d->words,
                         "The text is drawn from unlikely tokens: %.0f %% in the mean, where the likeliest "
                         "have %.0f %%. Try "
                         "a lower temperature, or top-p.",
                         100.0 * d->means.probability, 100.0 * d->means.top);
        break;
    case HEED_VERDICT_SOUND:
        heed_text_puts(&d->words, "Nothing is wrong with how the text was drawn: it goes in no circle, ");
        if (isnan(d->repetition.distinct[HEED_REPETITION_GRAMS - 1]))
            heed_text_puts(&d->words, "though it is too short for runs of four tokens.");
        else
            heed_text_printf(&d->words, "and %.0f %% of its runs of four tokens are different ones.",
                             100.0 * d->repetition.distinct[HEED_REPETITION_GRAMS - 1]);
        break;
    }
}

/* --- remedies --- */

/* Number i of what to try against the verdict; false: no more. */
static bool choose_remedy(heed_verdict verdict, const heed_sampling *was, int i, heed_sampling *out,
                          char words[80])
{
    const bool repeats = verdict == HEED_VERDICT_PEAKED || verdict == HEED_VERDICT_CIRCLE ||
                         verdict == HEED_VERDICT_REPEATING;
    const double warm = was->temperature > 0.0 ? 1.25 * was->temperature : 0.8;

    *out = *was;
    if (repeats && i == 0) {
        *out = heed_sampling_default();
        out->temperature = warm;
        snprintf(words, 80, "temperature %.3g", warm);
    } else if (repeats && i == 1) {
        *out = heed_sampling_default();
        out->temperature = warm;
        out->top_p = 0.95;
        snprintf(words, 80, "temperature %.3g, top-p 0.95", warm);
    } else if (repeats && i == 2) {
        out->repetition_penalty = 1.3;
        snprintf(words, 80, "repetition penalty 1.3");
    } else if (verdict == HEED_VERDICT_SCATTERED && i == 0) {
        out->temperature = 0.8 * was->temperature;
        snprintf(words, 80, "temperature %.3g", out->temperature);
    } else if (verdict == HEED_VERDICT_SCATTERED && i == 1) {
        out->top_p = 0.9;
        snprintf(words, 80, "top-p 0.9");
    } else
        return false;
    return true;
}

static heed_status try_remedies(heed_diagnosis *d, const heed_model *model,
                                const heed_generate_options *options, heed_error *err)
{
    heed_generate_options again = *options;
    heed_status status = HEED_OK;

    for (int i = 0; i < MOST_REMEDIES && status == HEED_OK; i++) {
        heed_remedy *r = &d->remedies[i];
        heed_diagnosed *text = &d->tried[i];

        if (!choose_remedy(d->verdict, &options->sampling, i, &again.sampling, d->remedy_words[i]))
            break;
        status = heed_diagnosed_write(model, d->text.ids, d->text.n_prompt, &again, false, text, err);
        if (status != HEED_OK)
            break;
        *r = (heed_remedy){.words = d->remedy_words[i],
                           .sampling = again.sampling,
                           .ids = text->ids + text->n_prompt,
                           .n = text->n - text->n_prompt,
                           .log_probability = text->log_probability};
        status = heed_repetition_find(r->ids, r->n, &r->repetition, err);
        d->n_remedies = i + 1;
    }
    return status;
}

/* --- all of it --- */

static heed_status diagnose(heed_diagnosis *d, const heed_model *model, const int32_t *prompt, size_t n_prompt,
                            const heed_generate_options *options, heed_error *err)
{
    heed_status status = heed_diagnosed_write(model, prompt, n_prompt, options, true, &d->text, err);

    if (status == HEED_OK && d->text.n == d->text.n_prompt)
        status = heed_fail(err, HEED_ERR_USAGE,
                           "the model ends the text at once: nothing was written to look at");
    if (status == HEED_OK)
        status = heed_repetition_find(d->text.ids + d->text.n_prompt, d->text.n - d->text.n_prompt,
                                      &d->repetition, err);
    if (status == HEED_OK)
        status = heed_diagnosed_attend(model, &d->text, err);
    if (status != HEED_OK)
        return status;
    find_means(d);
    d->verdict = judge(d, model->config.vocab_size);
    put_words(d, &options->sampling, model->config.vocab_size);
    status = try_remedies(d, model, options, err);
    if (status == HEED_OK && d->words.failed)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a verdict");
    return status;
}

heed_status heed_diagnose(const heed_model *model, const heed_prompt *prompt,
                          const heed_generate_options *options, heed_diagnosis **out, heed_error *err)
{
    const heed_generate_options usual = heed_generate_default();
    heed_diagnosis *d = NULL;
    int32_t *ids = NULL;
    size_t n = 0;
    heed_status status;

    *out = NULL;
    if (options == NULL)
        options = &usual;
    if (options->max_tokens < 1)
        return heed_fail(err, HEED_ERR_USAGE, "max_tokens: expected at least 1 token to look at, got %lld",
                         (long long)options->max_tokens);
    status = heed_model_encode_prompt(model, prompt, options->special, &ids, &n, err);
    if (status != HEED_OK)
        return status;
    d = calloc(1, sizeof *d);
    status = d != NULL ? diagnose(d, model, ids, n, options, err)
                       : heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a diagnosis");
    free(ids);
    if (status != HEED_OK) {
        heed_diagnosis_destroy(d);
        return status;
    }
    *out = d;
    return HEED_OK;
}

void heed_diagnosis_destroy(heed_diagnosis *d)
{
    if (d == NULL)
        return;
    heed_diagnosed_free(&d->text);
    for (int i = 0; i < MOST_REMEDIES; i++)
        heed_diagnosed_free(&d->tried[i]);
    heed_text_free(&d->words);
    free(d);
}

/* --- asking --- */

const int32_t *heed_diagnosis_ids(const heed_diagnosis *d, size_t *n_prompt, size_t *n)
{
    *n_prompt = d->text.n_prompt;
    *n = d->text.n;
    return d->text.ids;
}

const heed_diagnosis_step *heed_diagnosis_steps(const heed_diagnosis *d)
{
    return d->text.steps;
}

const heed_repetition *heed_diagnosis_repetition(const heed_diagnosis *d)
{
    return &d->repetition;
}

heed_verdict heed_diagnosis_verdict(const heed_diagnosis *d)
{
    return d->verdict;
}

const char *heed_diagnosis_words(const heed_diagnosis *d)
{
    return d->words.data;
}

heed_diagnosis_step heed_diagnosis_means(const heed_diagnosis *d)
{
    return d->means;
}

int heed_diagnosis_n_remedies(const heed_diagnosis *d)
{
    return d->n_remedies;
}

const heed_remedy *heed_diagnosis_remedy(const heed_diagnosis *d, int i)
{
    return &d->remedies[i];
}
