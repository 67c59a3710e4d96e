/* SPDX-License-Identifier: MIT */
/*
 * A session: the tokens read so far, the key/value cache, and the graphs that read more.
 *
 * One graph reads a single token and stays; another reads the several tokens of a prompt and is made for their
 * number. Both are bound to the same cache. Without a cache a graph over the whole window is made for each token.
 */
#include <heed/session.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/rng.h"
#include "graph/plan.h"
#include "infer/sampling.h"
#include "infer/session.h"
#include "kernels/device.h"
#include "nn/model.h"
#include "nn/nn.h"

/* A graph that reads n tokens and gives the logits of the last. Its planned products go when it goes. */
typedef struct reader {
    heed_device device;
    heed_graph *g;
    heed_plan *plan;
    heed_node *logits;
    int64_t n;
} reader;

struct heed_session {
    const heed_model *model;
    int threads;
    bool use_cache;
    heed_rng rng;
    int64_t context; /* tokens the window can hold */
    int32_t *window; /* [context] the tokens that count */
    int64_t length;  /* of the window */
    int64_t cached;  /* tokens of the window that the cache holds */
    int32_t past;    /* what the graphs see of `cached` */
    int32_t *ids;    /* [context] what the graphs read */
    float *cache;    /* keys and values of every layer */
    size_t cache_bytes;
    reader one, many;
    float *logits;          /* [vocab_size] */
    double *probabilities;  /* [vocab_size], for sampling */
    heed_candidate *sorted; /* [vocab_size], for sampling */
    bool has_logits;
};

/* --- graphs --- */

static void reader_destroy(reader *r)
{
    heed_plan_destroy(r->plan);
    heed_graph_destroy(r->g);
    heed_device_close(&r->device);
    *r = (reader){0};
}

/* Every state of a graph is the cache of one layer; in order they lie one after the other. */
static void bind_cache(const heed_session *s, heed_graph *g)
{
    float *at = s->cache;

    for (int i = 0; i < heed_graph_n_nodes(g); i++) {
        heed_node *node = heed_graph_node(g, i);
        if (node->role == HEED_ROLE_STATE) {
            node->tensor.data = at;
            at += heed_tensor_count(&node->tensor);
        }
    }
}

static heed_status reader_create(heed_session *s, int64_t n, reader *r, heed_error *err)
{
    heed_plan_options options = {.device = &r->device, .targets = &r->logits, .n_targets = 1};
    heed_nn nn = {.config = &s->model->config, .cache_length = s->context};
    heed_node *ids;
    heed_gpt gpt;
    heed_status status;

    reader_destroy(r);
    status = heed_device_open(&r->device, NULL, s->threads, err);
    if (status != HEED_OK)
        return status;
    r->g = nn.g = heed_graph_create();
    if (r->g == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the graph of a session");
    r->n = n;
    ids = heed_graph_bound_input(r->g, "ids", HEED_I32, heed_shape2(1, n), s->ids);
    if (s->use_cache)
        nn.past = heed_graph_bound_input(r->g, "past", HEED_I32, heed_shape0(), &s->past);
    gpt = heed_gpt_build(&nn, ids, NULL);
    r->logits = heed_gpt_last_logits(&nn, &gpt);
    heed_weights_bind(s->model->weights, r->g);
    bind_cache(s, r->g);
    options.reference = r->device.kernels == NULL;
    status = heed_plan_create(r->g, &options, &r->plan, err);
    if (status == HEED_OK)
        status = heed_plan_place(r->plan, NULL, err);
    if (status != HEED_OK)
        reader_destroy(r);
    return status;
}

/* The graph for n tokens, made anew only when the number changes. */
static heed_status reader_for(heed_session *s, int64_t n, reader **r, heed_error *err)
{
    *r = n == 1 ? &s->one : &s->many;
    return (*r)->plan != NULL && (*r)->n == n ? HEED_OK : reader_create(s, n, *r, err);
}

/* --- opening --- */

/* Numbers in the caches of all layers, counted on the graph that reads one token. */
static heed_status count_cache(const heed_model *model, int64_t context, int64_t *n, heed_error *err)
{
    heed_graph *g = heed_graph_create();
    heed_nn nn = {.g = g, .config = &model->config, .cache_length = context};
    heed_status status;

    *n = 0;
    if (g == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the graph of a session");
    nn.past = heed_graph_input(g, "past", HEED_I32, heed_shape0());
    heed_gpt_build(&nn, heed_graph_input(g, "ids", HEED_I32, heed_shape2(1, 1)), NULL);
    for (int i = 0; i < heed_graph_n_nodes(g); i++) {
        const heed_node *node = heed_graph_node(g, i);
        if (node->role == HEED_ROLE_STATE)
            *n += heed_tensor_count(&node->tensor);
    }
    status = heed_graph_status(g, err);
    heed_graph_destroy(g);
    return status;
}

static heed_status reserve(heed_session *s, heed_error *err)
{
    const size_t context = (size_t)s->context, vocab_size = (size_t)s->model->config.vocab_size;
    int64_t n_cached = 0;
    heed_status status = s->use_cache ? count_cache(s->model, s->context, &n_cached, err) : HEED_OK;

    if (status != HEED_OK)
        return status;
    s->window = malloc(context * sizeof *s->window);
    s->ids = malloc(context * sizeof *s->ids);
    s->logits = malloc(vocab_size * sizeof *s->logits);
    s->probabilities = malloc(vocab_size * sizeof *s->probabilities);
    s->sorted = malloc(vocab_size * sizeof *s->sorted);
    s->cache_bytes = (size_t)n_cached * sizeof(float);
    if (s->cache_bytes < heed_memory_available()) /* the system would promise more than it has */
        s->cache = heed_memory_reserve(s->cache_bytes);
    if (!s->window || !s->ids || !s->logits || !s->probabilities || !s->sorted || !s->cache)
        return heed_fail(err, HEED_ERR_MEMORY,
                         "a session needs %.1f MB for its cache, which the system does not give",
                         (double)s->cache_bytes / 1e6);
    return HEED_OK;
}

heed_status heed_session_open(const heed_model *model, const heed_session_options *options,
                              heed_session **session, heed_error *err)
{
    const heed_session_options defaults = {0}, *o = options != NULL ? options : &defaults;
    const int64_t context = o->context_length != 0 ? o->context_length : model->config.context_length;
    heed_session *s;
    heed_status status = heed_config_check_length(&model->config, context, err);

    *session = NULL;
    if (status != HEED_OK)
        return status;
    s = calloc(1, sizeof *s);
    if (s == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a session");
    s->model = model;
    s->context = context;
    s->threads = o->threads;
    s->use_cache =
        !o->no_cache; /* without attention it is empty, and a token is read without those before it */
    s->rng = heed_rng_make(o->seed, HEED_STREAM_SAMPLE);
    status = reserve(s, err);
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
    reader_destroy(&s->one);
    reader_destroy(&s->many);
    heed_memory_release(s->cache, s->cache_bytes);
    free(s->window);
    free(s->ids);
    free(s->logits);
    free(s->probabilities);
    free(s->sorted);
    free(s);
}

/* --- reading --- */

static heed_status check_ids(const heed_session *s, const int32_t *ids, size_t n, heed_error *err)
{
    const int64_t vocab_size = s->model->config.vocab_size;

    if (n == 0)
        return heed_fail(err, HEED_ERR_USAGE, "expected at least one token to read, got none");
    for (size_t i = 0; i < n; i++) {
        if (ids[i] < 0 || ids[i] >= vocab_size)
            return heed_fail(err, HEED_ERR_USAGE, "token %zu: expected an id from 0 to %lld, got %d", i,
                             (long long)vocab_size - 1, (int)ids[i]);
    }
    return HEED_OK;
}

/* Adds tokens to the window; each time it is full, its older half is forgotten, and with it the cache. */
static void extend_window(heed_session *s, const int32_t *ids, size_t n)
{
    const int64_t context = s->context, half = context / 2;

    for (size_t i = 0; i < n; i++) {
        if (s->length == context) {
            memmove(s->window, s->window + context - half, (size_t)half * sizeof *s->window);
            s->length = half;
            s->cached = 0;
        }
        s->window[s->length++] = ids[i];
    }
    if (!s->use_cache)
        s->cached = 0;
}

heed_status heed_session_feed(heed_session *s, const int32_t *ids, size_t n, heed_error *err)
{
    reader *r = NULL;
    heed_status status = check_ids(s, ids, n, err);
    int64_t fresh;

    if (status != HEED_OK)
        return status;
    extend_window(s, ids, n);
    fresh = s->length - s->cached;
    status = reader_for(s, fresh, &r, err);
    if (status != HEED_OK) {
        s->cached = 0; /* the window is whole; the next call reads it again */
        return status;
    }
    memcpy(s->ids, s->window + s->cached, (size_t)fresh * sizeof *s->ids);
    s->past = (int32_t)s->cached;
    heed_plan_run(r->plan);
    memcpy(s->logits, heed_plan_value(r->plan, r->logits)->data,
           (size_t)s->model->config.vocab_size * sizeof *s->logits);
    s->cached = s->length;
    s->has_logits = true;
    return HEED_OK;
}

const float *heed_session_logits(const heed_session *s)
{
    return s->has_logits ? s->logits : NULL;
}

int64_t heed_session_length(const heed_session *s)
{
    return s->length;
}

heed_plan *heed_session_decode_plan(heed_session *s)
{
    return s->one.plan;
}

/* --- drawing --- */

int32_t heed_session_sample(heed_session *s, const heed_sampling *sampling)
{
    const int64_t n = s->model->config.vocab_size;
    double left;
    int32_t id = -1;

    if (!s->has_logits)
        return -1;
    heed_sampling_fill(sampling, s->logits, n, s->probabilities, s->sorted);
    left = sampling->temperature > 0.0 ? heed_rng_double(&s->rng) : 0.0;
    for (int32_t i = 0; i < n; i++) {
        if (s->probabilities[i] <= 0.0)
            continue;
        id = i; /* rounding may leave a little at the end: the last possible token takes it */
        left -= s->probabilities[i];
        if (left < 0.0)
            break;
    }
    return id >= 0 ? id : 0; /* no logit is a number: every token is as good */
}
