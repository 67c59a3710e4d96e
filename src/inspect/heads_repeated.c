/* SPDX-License-Identifier: MIT */
/*
 * Repeated random tokens: who looks behind the place where a token stood before?
 *
 *   [front] s_1 … s_T s_1 … s_T         the same front and T, but other tokens, in each batch element
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/rng.h"
#include "inspect/heads.h"
#include "nn/model.h"

enum { DEFAULT_LENGTH = 50, DEFAULT_BATCH = 4, MOST_ELEMENTS = 1024 };

/* --- the tokens --- */

/* The token that begins a text, or -1: the first that the tokenizer's template adds, else the end of a text. */
static int32_t front_of(const heed_model *model)
{
    const heed_encode_options complete = {.complete = true};
    const int32_t end = heed_model_end_of_text(model);
    int32_t *ids = NULL, first = end;
    size_t n = 0;

    if (heed_model_has_tokenizer(model) &&
        heed_tokenizer_encode(heed_model_tokenizer(model), "", 0, &complete, &ids, &n, NULL) == HEED_OK &&
        n > 0)
        first = ids[0];
    free(ids);
    return first < model->config.vocab_size ? first : -1;
}

/* Ids that have a text and are not special; returns how many. ordinary [vocab_size] */
static int64_t list_ordinary(const heed_model *model, int32_t front, int32_t *ordinary)
{
    const heed_tokenizer *tokenizer = heed_model_tokenizer(model);
    const int64_t V = model->config.vocab_size;
    int64_t n = 0;

    for (int64_t id = 0; id < V; id++)
        ordinary[id] = tokenizer == NULL || heed_tokenizer_piece(tokenizer, id, NULL) != NULL;
    for (int i = 0; tokenizer != NULL && i < heed_tokenizer_n_added(tokenizer); i++) {
        const heed_added_token added = heed_tokenizer_added(tokenizer, i);
        if (added.special && added.id < V)
            ordinary[added.id] = 0;
    }
    for (int32_t id = 0; id < V; id++) {
        if (ordinary[id] != 0 && id != front && id != heed_model_end_of_text(model))
            ordinary[n++] = id;
    }
    return n;
}

/* The first T of a list that is shuffled so far, or T independent ones. */
static void draw(heed_rng *rng, int32_t *ordinary, int64_t n, const heed_repeated *test, int32_t *half)
{
    for (int64_t i = 0; i < test->length; i++) {
        const int64_t k = test->distinct ? i + heed_rng_below(rng, n - i) : heed_rng_below(rng, n);
        const int32_t id = ordinary[k];

        if (test->distinct) {
            ordinary[k] = ordinary[i];
            ordinary[i] = id;
        }
        half[i] = id;
    }
}

static void fill(const heed_repeated *test, uint64_t seed, int32_t *ordinary, int64_t n, int32_t *ids)
{
    const int64_t T = test->length, front = test->first >= 0;
    heed_rng rng = heed_rng_make(seed, HEED_STREAM_REPEATED);

    for (int64_t b = 0; b < test->batch; b++, ids += front + 2 * T) {
        if (front)
            ids[0] = test->first;
        draw(&rng, ordinary, n, test, ids + front);
        memcpy(ids + front + T, ids + front, (size_t)T * sizeof *ids);
    }
}

/* n: ordinary tokens there are */
static heed_status settle(const heed_model *model, const heed_repeated_options *o, int64_t n,
                          heed_repeated *test, heed_error *err)
{
    const int64_t room = (model->config.context_length - (test->first >= 0)) / 2;
    int64_t most = room < DEFAULT_LENGTH ? room : DEFAULT_LENGTH;

    if (o->batch < 0 || o->batch > MOST_ELEMENTS)
        return heed_fail(err, HEED_ERR_USAGE, "batch: expected 0 to %d, got %lld", MOST_ELEMENTS,
                         (long long)o->batch);
    if (room < 2)
        return heed_fail(err, HEED_ERR_USAGE,
                         "a context of %lld tokens has no room for two tokens and the same again",
                         (long long)model->config.context_length);
    if (o->length != 0 && (o->length < 2 || o->length > room))
        return heed_fail(err, HEED_ERR_USAGE,
                         "expected 2 to %lld tokens to be repeated (half of the context), got %lld",
                         (long long)room, (long long)o->length);
    if (n < 2)
        return heed_fail(err, HEED_ERR_USAGE, "expected two ordinary tokens to draw from, got %lld",
                         (long long)n);
    most = most < n ? most : n;
    test->length = o->length > 0 ? o->length : most;
    test->batch = o->batch > 0 ? o->batch : DEFAULT_BATCH;
    test->distinct = n >= test->length;
    return HEED_OK;
}

/* *ids [batch, front + 2 T] is allocated. */
static heed_status make_ids(const heed_model *model, const heed_repeated_options *o, heed_repeated *test,
                            int32_t **ids, heed_error *err)
{
    int32_t *ordinary = malloc((size_t)model->config.vocab_size * sizeof *ordinary);
    int64_t n;
    heed_status status;

    if (ordinary == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a list of tokens");
    n = list_ordinary(model, test->first, ordinary);
    status = settle(model, o, n, test, err);
    if (status == HEED_OK) {
        *ids = malloc((size_t)(test->batch * (1 + 2 * test->length)) * sizeof **ids);
        if (*ids != NULL)
            fill(test, o->seed, ordinary, n, *ids);
        else
            status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the tokens of the test");
    }
    free(ordinary);
    return status;
}

/* --- the test --- */

/* Means over the tokens of each half. losses [batch, length]: entry t is that of token t + 1, the last is of none. */
static void halve(const heed_heads_plan *what, const float *losses, heed_repeated *test)
{
    const int64_t second = what->front + what->period;
    double sum[2] = {0};
    int64_t n[2] = {0};

    for (int64_t b = 0; b < what->batch; b++) {
        for (int64_t t = 1; t < what->length; t++) {
            sum[t >= second] += (double)losses[b * what->length + t - 1];
            n[t >= second]++;
        }
    }
    test->first_loss = sum[0] / (double)n[0];
    test->second_loss = sum[1] / (double)n[1];
}

heed_status heed_heads_repeat(const heed_model *model, const heed_repeated_options *options, heed_heads **heads,
                              heed_repeated *test, heed_error *err)
{
    heed_heads_plan what = {.length = 0};
    int32_t *ids = NULL;
    float *losses = NULL;
    heed_status status = heed_heads_check_model(model, err);

    *heads = NULL;
    *test = (heed_repeated){.first = front_of(model)};
    if (status == HEED_OK)
        status = make_ids(model, options, test, &ids, err);
    if (status == HEED_OK) {
        what = heed_heads_plan_of(model, ids, test->batch, (test->first >= 0) + 2 * test->length);
        what.front = test->first >= 0;
        what.period = test->length;
        what.options.threads = options->threads;
        status = heed_heads_prepare(&what, heads, err);
    }
    if (status == HEED_OK) {
        losses = malloc((size_t)(what.batch * what.length) * sizeof *losses);
        status = losses != NULL ? heed_heads_run(*heads, model, options->threads, losses, err)
                                : heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the losses of tokens");
    }
    if (status == HEED_OK) {
        halve(&what, losses, test);
    } else {
        heed_heads_destroy(*heads);
        *heads = NULL;
    }
    free(losses);
    free(ids);
    return status;
}
