/* SPDX-License-Identifier: MIT */
/* Generation from a checkpoint: logits of a prompt, the greedy continuation and the best beams, with the cache and without. */
#include <heed/generate.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vectors.h"

static double log_probability(const float *logits, int64_t n, int32_t id)
{
    double largest = (double)logits[0], sum = 0.0;

    for (int64_t i = 1; i < n; i++)
        largest = fmax(largest, (double)logits[i]);
    for (int64_t i = 0; i < n; i++)
        sum += exp((double)logits[i] - largest);
    return (double)logits[id] - largest - log(sum);
}

static double get_double(const void *context, int64_t i)
{
    return ((const double *)context)[i];
}

/* Feeds the prompt token by token, comparing the logits after each; then continues greedily. */
static void generate(vector_case *v, const heed_model *model, bool no_cache)
{
    const heed_session_options options = {.no_cache = no_cache, .threads = 1};
    const heed_sampling greedy = {.top_p = 1.0};
    const int64_t n_prompt = vector_find(v, "prompt")->count, n_new = (int64_t)vector_number(v, "n_new");
    const int64_t V = heed_model_config(model)->vocab_size;
    const int32_t *prompt = vector_ints(v, "prompt"), *expected = vector_ints(v, "greedy");
    float *logits = heed_arena_alloc(v->arena, (size_t)(n_prompt * V) * sizeof *logits);
    heed_session *session = NULL;
    heed_error err = {HEED_OK, ""};
    double total = 0.0;
    char message[96];

    heed_status status = heed_session_open(model, &options, &session, &err);
    for (int64_t i = 0; i < n_prompt && status == HEED_OK; i++) {
        status = heed_session_feed(session, &prompt[i], 1, &err);
        if (status == HEED_OK)
            memcpy(logits + i * V, heed_session_logits(session), (size_t)V * sizeof *logits);
    }
    for (int64_t i = 0; i < n_new && status == HEED_OK; i++) {
        const int32_t id = heed_session_sample(session, &greedy);
        total += log_probability(heed_session_logits(session), V, id);
        if (id != expected[i]) {
            snprintf(message, sizeof message, "greedy[%lld]: got %d, expected %d", (long long)i, (int)id,
                     (int)expected[i]);
            vector_fail(v, message);
            break;
        }
        status = heed_session_feed(session, &id, 1, &err);
    }
    if (status != HEED_OK)
        vector_fail(v, err.message);
    vector_compare_floats(v, "logits", logits, n_prompt * V);
    vector_compare(v, "greedy_logprob", 1, get_double, &total);
    heed_session_close(session);
}

/* --- beams --- */

typedef struct found {
    int32_t *ids; /* [width, n_new] */
    int64_t n_new, n;
} found;

static bool keep(void *context, const heed_written *w)
{
    found *f = context;

    if (w->id >= 0 && f->n < (w->sample + 1) * f->n_new)
        f->ids[f->n++] = w->id;
    return true;
}

static double get_log_probability(const void *context, int64_t i)
{
    return ((const heed_generated *)context)[i].log_probability;
}

static void search_beams(vector_case *v, const heed_model *model, bool no_cache)
{
    const int64_t width = (int64_t)vector_number(v, "beam_width"), n_new = (int64_t)vector_number(v, "n_new");
    const heed_prompt prompt = {.ids = vector_ints(v, "prompt"),
                                .n_ids = (size_t)vector_find(v, "prompt")->count};
    const heed_generate_options options = {.max_tokens = n_new,
                                           .n = width,
                                           .batch_size = 1,
                                           .beams = width,
                                           .ignore_end_of_text = true,
                                           .sampling = {.top_p = 1.0},
                                           .session = {.no_cache = no_cache, .threads = 1}};
    const int32_t *expected = vector_ints(v, "beams");
    heed_generated *results = heed_arena_alloc(v->arena, (size_t)width * sizeof *results);
    found f = {.ids = heed_arena_alloc(v->arena, (size_t)(width * n_new) * sizeof *f.ids), .n_new = n_new};
    heed_error err = {HEED_OK, ""};
    char message[96];

    if (heed_generate(model, &prompt, 1, &options, keep, &f, results, &err) != HEED_OK) {
        vector_fail(v, err.message);
        return;
    }
    for (int64_t i = 0; i < width * n_new; i++) {
        if (i < f.n && f.ids[i] == expected[i])
            continue;
        snprintf(message, sizeof message, "beams[%lld, %lld]: got %d, expected %d", (long long)(i / n_new),
                 (long long)(i % n_new), (int)f.ids[i], (int)expected[i]);
        vector_fail(v, message);
        break;
    }
    vector_compare(v, "beams_logprob", width, get_log_probability, results);
}

void run_gpt2_generate(vector_case *v)
{
    heed_model *model = NULL;
    heed_error err = {HEED_OK, ""};
    const char *cpu = heed_device_name(v->device);

    setenv("HEED_CPU", cpu, 1);
    if (heed_model_open(v->folder, &model, &err) != HEED_OK)
        vector_fail(v, err.message);
    else {
        generate(v, model, false);
        generate(v, model, true);
        search_beams(v, model, false);
        search_beams(v, model, true);
    }
    unsetenv("HEED_CPU");
    heed_model_close(model);
}
