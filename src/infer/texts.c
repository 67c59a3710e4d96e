/* SPDX-License-Identifier: MIT */
#include "infer/texts.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "nn/nn.h"

enum { ALL_LOGITS = 1 << 22 }; /* numbers, where the logits of every position are wanted */

/* --- opening --- */

static heed_status reserve(heed_texts *texts, heed_error *err)
{
    const size_t n = (size_t)texts->n, context = (size_t)texts->context;
    const size_t vocab_size = (size_t)texts->model->config.vocab_size;
    const size_t window_ids = texts->use_cache && context > HEED_TEXTS_CHUNK ? HEED_TEXTS_CHUNK : context;
    size_t windows, logits;

    if (heed_size_mul(n, context, &windows) && heed_size_mul(windows, sizeof(int32_t), &windows) &&
        heed_size_mul(n, vocab_size, &logits) && heed_size_mul(logits, sizeof(float), &logits)) {
        texts->window = calloc(n, sizeof *texts->window);
        texts->all_ids = malloc(windows);
        texts->all_logits = malloc(logits);
        texts->ids = malloc((window_ids > n ? window_ids : n) * sizeof *texts->ids);
        texts->past = calloc(n, sizeof *texts->past);
    }
    if (!texts->window || !texts->all_ids || !texts->all_logits || !texts->ids || !texts->past)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for %lld texts of %lld tokens",
                         (long long)texts->n, (long long)texts->context);
    for (size_t i = 0; i < n; i++)
        texts->window[i] = (heed_window){.ids = texts->all_ids + i * context,
                                         .logits = texts->all_logits + i * vocab_size};
    return heed_cache_open(&texts->cache, texts->model, texts->use_cache ? texts->n : 0, texts->context, err);
}

heed_status heed_texts_open(const heed_model *model, const heed_session_options *options, int64_t n,
                            heed_texts **out, heed_error *err)
{
    const heed_session_options defaults = {0}, *o = options != NULL ? options : &defaults;
    const int64_t context = o->context_length != 0 ? o->context_length : model->config.context_length;
    heed_texts *texts;
    heed_status status = heed_config_check_length(&model->config, context, err);

    *out = NULL;
    if (status != HEED_OK)
        return status;
    if (heed_config_looks_ahead(&model->config))
        return heed_fail(
            err, HEED_ERR_USAGE,
            "the model is not causal: what it says of a token depends on later ones, so it can fill gaps "
            "but not write text from left to right");
    texts = calloc(1, sizeof *texts);
    if (texts == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a session");
    texts->model = model;
    texts->threads = o->threads;
    texts->use_cache =
        !o->no_cache; /* without attention it is empty, and a token is read without those before it */
    texts->overflow = o->overflow;
    texts->n = n;
    texts->context = context;
    status = reserve(texts, err);
    if (status != HEED_OK) {
        heed_texts_close(texts);
        return status;
    }
    *out = texts;
    return HEED_OK;
}

void heed_texts_close(heed_texts *texts)
{
    if (texts == NULL)
        return;
    heed_reader_close(&texts->step);
    heed_reader_close(&texts->many);
    heed_cache_close(&texts->cache);
    free(texts->window);
    free(texts->all_ids);
    free(texts->all_logits);
    free(texts->ids);
    free(texts->past);
    free(texts);
}

/* --- windows --- */

int64_t heed_texts_room(const heed_texts *texts, int64_t r)
{
    return texts->context - texts->window[r].length;
}

void heed_texts_clear(heed_texts *texts, int64_t r)
{
    texts->window[r] = (heed_window){.ids = texts->window[r].ids, .logits = texts->window[r].logits};
}

static void slide(const heed_texts *texts, heed_window *window)
{
    const int64_t half = texts->context / 2;

    memmove(window->ids, window->ids + window->length - half, (size_t)half * sizeof *window->ids);
    window->slides.n++;
    window->slides.forgotten += window->length - half;
    window->length = half;
    window->cached = 0;
}

static void append(const heed_texts *texts, heed_window *window, int32_t id)
{
    if (window->length == texts->context)
        slide(texts, window);
    window->ids[window->length++] = id;
}

/* --- reading --- */

static heed_status check_ids(const heed_texts *texts, const int32_t *ids, size_t n, heed_error *err)
{
    const int64_t vocab_size = texts->model->config.vocab_size;

    if (n == 0)
        return heed_fail(err, HEED_ERR_USAGE, "expected at least one token to read, got none");
    for (size_t i = 0; i < n; i++) {
        if (ids[i] < 0 || ids[i] >= vocab_size)
            return heed_fail(err, HEED_ERR_USAGE, "token %zu: expected an id from 0 to %lld, got %d", i,
                             (long long)vocab_size - 1, (int)ids[i]);
    }
    return HEED_OK;
}

static heed_status check_room(const heed_texts *texts, int64_t r, size_t n, heed_error *err)
{
    if (texts->overflow == HEED_OVERFLOW_SLIDE || (int64_t)n <= heed_texts_room(texts, r))
        return HEED_OK;
    return heed_fail(err, HEED_ERR_USAGE,
                     "the context holds %lld tokens: %lld are there, and %zu more do not fit",
                     (long long)texts->context, (long long)texts->window[r].length, n);
}

/* What a call wants to hear of the tokens from number `first` on, which stand at `at` in the window. */
typedef struct listener {
    const heed_texts_seen *seen;
    int64_t at;
    size_t first;
} listener;

static int64_t chunk_of(const heed_texts *texts, const listener *to)
{
    const int64_t most = ALL_LOGITS / texts->model->config.vocab_size;

    if (!texts->use_cache)
        return texts->context;
    if (to == NULL || most >= HEED_TEXTS_CHUNK)
        return HEED_TEXTS_CHUNK;
    return most > 0 ? most : 1;
}

/* Reads n tokens of the window from `begin` on; the logits that come are those of the last, or of all. */
static heed_status read_chunk(heed_texts *texts, int64_t r, int64_t begin, int64_t n, bool all,
                              const float **logits, heed_error *err)
{
    const heed_window *window = &texts->window[r];
    heed_reader *reader = n == 1 && !all && texts->n == 1 ? &texts->step : &texts->many;
    const heed_reader_options options = {.model = texts->model,
                                         .threads = texts->threads,
                                         .batch = 1,
                                         .n = n,
                                         .cache_length = texts->use_cache ? texts->context : 0,
                                         .all = all,
                                         .ids = texts->ids,
                                         .past = texts->past};
    heed_status status = heed_reader_prepare(reader, &options, err);

    if (status == HEED_OK)
        status = heed_reader_bind(reader, &texts->cache, r, err);
    if (status != HEED_OK)
        return status;
    memcpy(texts->ids, window->ids + begin, (size_t)n * sizeof *texts->ids);
    texts->past[0] = (int32_t)begin;
    *logits = heed_reader_run(reader);
    return HEED_OK;
}

static void tell(const listener *to, const heed_texts *texts, int64_t begin, int64_t n, const float *logits)
{
    const int64_t vocab_size = texts->model->config.vocab_size;

    for (int64_t t = begin > to->at ? begin : to->at; t < begin + n; t++)
        to->seen->fn(to->seen->context, to->first + (size_t)(t - to->at), logits + (t - begin) * vocab_size);
}

/* Reads what the cache of row r does not hold yet. When that fails, the next call reads the window again. */
static heed_status read_rest(heed_texts *texts, int64_t r, const listener *to, heed_error *err)
{
    heed_window *window = &texts->window[r];
    const size_t vocab_size = (size_t)texts->model->config.vocab_size;
    const int64_t chunk = chunk_of(texts, to);

    if (!texts->use_cache)
        window->cached = 0;
    while (window->cached < window->length) {
        const int64_t begin = window->cached, left = window->length - begin, n = left < chunk ? left : chunk;
        const float *logits = NULL;
        const heed_status status = read_chunk(texts, r, begin, n, to != NULL, &logits, err);
        if (status != HEED_OK) {
            window->cached = 0;
            return status;
        }
        if (to != NULL)
            tell(to, texts, begin, n, logits);
        memcpy(window->logits, to != NULL ? logits + (size_t)(n - 1) * vocab_size : logits,
               vocab_size * sizeof *logits);
        window->cached = begin + n;
        window->has_logits = true;
    }
    return HEED_OK;
}

/* One window after the other, since every token is to be seen. */
static heed_status feed_all(heed_texts *texts, int64_t r, const int32_t *ids, size_t n,
                            const heed_texts_seen *seen, heed_error *err)
{
    heed_window *window = &texts->window[r];
    heed_status status = HEED_OK;

    for (size_t i = 0; i < n && status == HEED_OK;) {
        listener to = {.seen = seen, .first = i};
        append(texts, window, ids[i++]); /* the window may slide */
        to.at = window->length - 1;
        while (i < n && window->length < texts->context)
            append(texts, window, ids[i++]);
        status = read_rest(texts, r, &to, err);
    }
    return status;
}

heed_status heed_texts_feed(heed_texts *texts, int64_t r, const int32_t *ids, size_t n,
                            const heed_texts_seen *seen, heed_error *err)
{
    heed_status status = check_ids(texts, ids, n, err);

    if (status == HEED_OK)
        status = check_room(texts, r, n, err);
    if (status != HEED_OK)
        return status;
    if (seen != NULL)
        return feed_all(texts, r, ids, n, seen, err);
    for (size_t i = 0; i < n; i++)
        append(texts, &texts->window[r], ids[i]);
    return read_rest(texts, r, NULL, err);
}

/* --- one token for several rows --- */

/* Windows that are full slide, and what is left of them is read again: only the new token is then missing everywhere. */
static heed_status make_room(heed_texts *texts, int64_t n, heed_error *err)
{
    heed_status status = HEED_OK;

    for (int64_t r = 0; r < n && status == HEED_OK; r++) {
        if (texts->window[r].length == texts->context)
            slide(texts, &texts->window[r]);
        status = read_rest(texts, r, NULL, err);
    }
    return status;
}

static heed_status run_step(heed_texts *texts, int64_t n, heed_error *err)
{
    const size_t vocab_size = (size_t)texts->model->config.vocab_size;
    const heed_reader_options options = {.model = texts->model,
                                         .threads = texts->threads,
                                         .batch = n,
                                         .n = 1,
                                         .cache_length = texts->context,
                                         .ids = texts->ids,
                                         .past = texts->past};
    const float *logits;
    heed_status status = heed_reader_prepare(&texts->step, &options, err);

    if (status == HEED_OK)
        status = heed_reader_bind(&texts->step, &texts->cache, 0, err);
    if (status != HEED_OK)
        return status;
    for (int64_t r = 0; r < n; r++) {
        texts->ids[r] = texts->window[r].ids[texts->window[r].cached];
        texts->past[r] = (int32_t)texts->window[r].cached;
    }
    logits = heed_reader_run(&texts->step);
    for (int64_t r = 0; r < n; r++) {
        memcpy(texts->window[r].logits, logits + (size_t)r * vocab_size, vocab_size * sizeof *logits);
        texts->window[r].cached++;
        texts->window[r].has_logits = true;
    }
    return HEED_OK;
}

heed_status heed_texts_step(heed_texts *texts, int64_t n, const int32_t *ids, heed_error *err)
{
    heed_status status = check_ids(texts, ids, (size_t)n, err);

    for (int64_t r = 0; r < n && status == HEED_OK; r++)
        status = check_room(texts, r, 1, err);
    if (status == HEED_OK && texts->use_cache)
        status = make_room(texts, n, err);
    if (status != HEED_OK)
        return status;
    for (int64_t r = 0; r < n; r++)
        append(texts, &texts->window[r], ids[r]);
    if (texts->use_cache)
        return run_step(texts, n, err);
    for (int64_t r = 0; r < n && status == HEED_OK; r++)
        status = read_rest(texts, r, NULL, err);
    return status;
}

/* --- rows that become others --- */

void heed_texts_copy(heed_texts *texts, int64_t to, int64_t from, int64_t n)
{
    heed_window *a = &texts->window[to];
    const heed_window *b = &texts->window[from];
    const int64_t cached = b->cached < n ? b->cached : n;
    int64_t common = 0;

    if (a != b) {
        while (common < a->cached && common < cached && a->ids[common] == b->ids[common])
            common++; /* keys and values depend on these tokens alone */
        if (texts->use_cache)
            texts->copied_bytes += heed_cache_copy(&texts->cache, to, from, common, cached);
        memcpy(a->ids, b->ids, (size_t)n * sizeof *a->ids);
        memcpy(a->logits, b->logits, (size_t)texts->model->config.vocab_size * sizeof *a->logits);
        a->slides = b->slides;
    }
    a->length = n;
    a->cached = cached;
    a->has_logits = b->has_logits;
}

const float *heed_texts_logits(const heed_texts *texts, int64_t r)
{
    return texts->window[r].has_logits ? texts->window[r].logits : NULL;
}
