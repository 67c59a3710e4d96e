/* SPDX-License-Identifier: MIT */
/*
 * The logit lens: the model's own final norm and head on the residual stream at every place, as nodes of its graph.
 *
 * The last place is appended, and so runs, first: what it says of the chosen positions is kept, and the others are
 * compared with it as they come. No two other places' logits are in memory at a time.
 */
#include <heed/lens.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "inspect/forward.h"

struct heed_lens {
    heed_arena *arena;
    int n_places;
    int64_t first, n, V; /* positions first .. first + n - 1 */
    const char **names;
    heed_prediction *list; /* [n_places, n] */
};

/* What is needed while the model reads. */
typedef struct reading {
    heed_lens *lens;
    const heed_lens_options *options;
    heed_node **resid;    /* [n_places] the stream at each place */
    heed_node **said;     /* [n_places] log-probabilities [1, n, V] */
    float *final;         /* [n, V] those of the last place */
    heed_likelihood *top; /* [n_places, n, n_top] */
    const heed_tensor *value;
    int place; /* whose value that is */
} reading;

heed_lens_options heed_lens_default(void)
{
    return (heed_lens_options){.last = -1, .n_top = 5};
}

/* --- the graph --- */

static void add_place(reading *r, heed_node *resid, const char *name)
{
    heed_lens *lens = r->lens;

    if (resid == NULL || (lens->n_places > 0 && r->resid[lens->n_places - 1] == resid))
        return; /* a part that is absent leaves the stream as it was */
    lens->names[lens->n_places] = heed_arena_format(lens->arena, "%s", name);
    r->resid[lens->n_places++] = resid;
}

static void find_places(reading *r, const heed_graph *g, const heed_config *c, const heed_gpt *gpt)
{
    static const char *const kinds[] = {"pre", "mid", "post"};
    char name[HEED_MAX_NAME];

    if (c->n_layers == 0)
        add_place(r, gpt->resid_last, "resid_pre");
    for (int64_t layer = 0; layer < c->n_layers; layer++) {
        for (int kind = layer == 0 ? 0 : 1; kind < 3; kind++) {
            const bool skip = kind == 1 && !c->mlp; /* then the middle is the end */
            snprintf(name, sizeof name, "blocks.%lld.resid_%s", (long long)layer, kinds[kind]);
            if (!skip)
                add_place(r, heed_graph_find(g, name), name);
        }
    }
}

/* Positions first .. first + n - 1 of x [1, T, d]: itself where those are all. */
static heed_node *chosen(heed_graph *g, heed_node *x, int64_t first, int64_t n)
{
    const int64_t T = x != NULL ? heed_shape_size(&x->tensor.shape, -2) : 0;
    const int64_t d = x != NULL ? heed_shape_size(&x->tensor.shape, -1) : 0;

    if (n == T)
        return x;
    x = heed_narrow(g, heed_reshape(g, x, heed_shape2(1, T * d)), first * d, n * d);
    return heed_reshape(g, x, heed_shape3(1, n, d));
}

static void append_place(reading *r, heed_nn *nn, int place)
{
    heed_node *x = chosen(nn->g, r->resid[place], r->lens->first, r->lens->n);
    char name[HEED_MAX_NAME];
    heed_node *logits;

    snprintf(name, sizeof name, "lens.%s", r->lens->names[place]);
    logits = heed_name(nn->g, heed_nn_head(nn, heed_nn_final_norm(nn, x)), name);
    r->said[place] = heed_log_softmax(nn->g, logits);
}

static void append_places(void *context, heed_nn *nn, const heed_gpt *gpt)
{
    reading *r = context;
    heed_lens *lens = r->lens;

    if (r->options->predictions_only) {
        add_place(r, gpt->logits, "logits");
        r->said[0] = heed_log_softmax(nn->g, chosen(nn->g, gpt->logits, lens->first, lens->n));
        return;
    }
    find_places(r, nn->g, nn->config, gpt);
    for (int i = 0; i < lens->n_places; i++)
        append_place(r, nn, i == 0 ? lens->n_places - 1 : i - 1);
}

/* --- one row: log-probabilities of all tokens at one position --- */

/* The likeliest of a row, in order; NaN is passed over. */
static int find_top(const float *row, int64_t V, heed_likelihood *top, int n_top)
{
    int n = 0;

    for (int64_t id = 0; id < V; id++) {
        const double l = (double)row[id];
        int at = n;
        if (isnan(l) || (n == n_top && l <= top[n - 1].log_probability))
            continue;
        for (; at > 0 && l > top[at - 1].log_probability; at--) {
            if (at < n_top)
                top[at] = top[at - 1];
        }
        top[at] = (heed_likelihood){(int32_t)id, l};
        n += n < n_top;
    }
    return n;
}

/* 0 where the logit is no number. */
static int64_t rank_of(const float *row, int64_t V, int32_t id)
{
    int64_t rank = isnan(row[id]) ? 0 : 1;

    for (int64_t j = 0; j < V; j++)
        rank += row[j] > row[id];
    return rank;
}

/* entropy = - sum_j p_j log p_j;  divergence = sum_j q_j (log q_j - log p_j), q what the last place says */
static void measure_row(const float *row, const float *final, int64_t V, heed_prediction *p)
{
    double entropy = 0.0, divergence = 0.0;

    for (int64_t j = 0; j < V; j++) {
        const double l = (double)row[j], f = (double) final[j];
        if (l != -INFINITY)
            entropy -= exp(l) * l;
        if (f != -INFINITY)
            divergence += exp(f) * (f - l);
    }
    p->entropy = entropy;
    p->divergence = divergence;
}

static void read_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const reading *r = context;
    const heed_lens *lens = r->lens;
    const int n_top = r->options->n_top;

    (void)thread;
    for (int64_t i = begin; i < end; i++) {
        const float *row = heed_row(r->value, i), *final = r->final + i * lens->V;
        heed_prediction *p = &lens->list[r->place * lens->n + i];
        heed_likelihood *top = r->top + (r->place * lens->n + i) * n_top;

        p->n_top = find_top(row, lens->V, top, n_top);
        p->top = top;
        measure_row(row, final, lens->V, p);
        p->rank = p->next >= 0 ? rank_of(row, lens->V, p->next) : 0;
        p->log_probability = p->next >= 0 ? (double)row[p->next] : NAN;
    }
}

/* --- reading --- */

static void read_place(void *context, const heed_node *node, const heed_tensor *value)
{
    reading *r = context;
    const heed_lens *lens = r->lens;

    for (r->place = 0; r->said[r->place] != node;)
        r->place++;
    r->value = value;
    if (r->place == lens->n_places - 1) {
        for (int64_t i = 0; i < lens->n; i++)
            memcpy(r->final + i * lens->V, heed_row(value, i), (size_t)lens->V * sizeof(float));
    }
    heed_parallel(r->options->threads > 0 ? r->options->threads : heed_processor_count(), lens->n, 1, read_rows,
                  r);
}

static heed_status check(const heed_model *model, size_t n, const heed_lens_options *o, heed_error *err)
{
    const long long last_position = (long long)n - 1, last = o->last < 0 ? last_position : (long long)o->last;

    if (n == 0)
        return heed_fail(err, HEED_ERR_USAGE, "expected at least one token to read, got none");
    if (model->config.kind == HEED_KIND_BIGRAM && !o->predictions_only)
        return heed_fail(err, HEED_ERR_USAGE,
                         "the lens reads a residual stream, and a bigram model is a table without one");
    if (o->n_top < 1 || o->n_top > HEED_LENS_MOST_TOP)
        return heed_fail(err, HEED_ERR_USAGE, "expected 1 to %d likeliest tokens to show, got %d",
                         HEED_LENS_MOST_TOP, o->n_top);
    if (o->first < 0 || o->first > last || last > last_position)
        return heed_fail(err, HEED_ERR_USAGE, "positions: expected a range within 0 to %lld, got %lld to %lld",
                         last_position, (long long)o->first, last);
    return HEED_OK;
}

/* Room for everything that is kept. */
static heed_status reserve(reading *r, const heed_config *c, heed_error *err)
{
    heed_lens *lens = r->lens;
    const size_t most = 2 * (size_t)c->n_layers + 1, rows = most * (size_t)lens->n;
    size_t bytes = 0;

    lens->V = c->vocab_size;
    if (!heed_size_mul((size_t)lens->n * sizeof(float), (size_t)lens->V, &bytes) ||
        bytes > heed_memory_available() / 3) /* the run has logits of its own, and their logarithms */
        return heed_fail(err, HEED_ERR_MEMORY,
                         "not enough memory for the logits of %lld positions; choose fewer of them",
                         (long long)lens->n);
    r->final = malloc(bytes);
    r->resid = heed_arena_alloc(lens->arena, most * sizeof *r->resid);
    r->said = heed_arena_alloc(lens->arena, most * sizeof *r->said);
    lens->names = heed_arena_alloc(lens->arena, most * sizeof *lens->names);
    lens->list = heed_arena_alloc(lens->arena, rows * sizeof *lens->list);
    r->top = heed_arena_alloc(lens->arena, rows * (size_t)r->options->n_top * sizeof *r->top);
    if (r->final == NULL || r->resid == NULL || r->said == NULL || lens->names == NULL || lens->list == NULL ||
        r->top == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the lens at %lld positions",
                         (long long)lens->n);
    return HEED_OK;
}

/* The token behind each position, the same at all places. */
static void set_next(heed_lens *lens, const int32_t *ids, int64_t length)
{
    for (int64_t i = 0; i < lens->n_places * lens->n; i++) {
        const int64_t behind = lens->first + i % lens->n + 1;
        lens->list[i].next = behind < length ? ids[behind] : -1;
    }
}

static heed_status look(reading *r, const heed_model *model, const int32_t *ids, size_t n, heed_error *err)
{
    const heed_forward_ids in = {.ids = ids, .batch = 1, .length = (int64_t)n};
    heed_forward *f = NULL;
    heed_status status = heed_forward_create(model, &in, false, r->options->threads, &f, err);

    if (status == HEED_OK)
        status = reserve(r, &model->config, err);
    if (status == HEED_OK)
        status = heed_forward_extend(f, append_places, r, err);
    if (status == HEED_OK) {
        set_next(r->lens, ids, (int64_t)n);
        status = heed_forward_run(f, r->said, r->lens->n_places, read_place, r, err);
    }
    heed_forward_destroy(f);
    free(r->final);
    return status;
}

heed_status heed_lens_create(const heed_model *model, const int32_t *ids, size_t n,
                             const heed_lens_options *options, heed_lens **out, heed_error *err)
{
    heed_lens *lens;
    heed_status status = check(model, n, options, err);

    *out = NULL;
    if (status != HEED_OK)
        return status;
    lens = calloc(1, sizeof *lens);
    if (lens == NULL || (lens->arena = heed_arena_create()) == NULL) {
        heed_lens_destroy(lens);
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the lens");
    }
    lens->first = options->first;
    lens->n = (options->last < 0 ? (int64_t)n - 1 : options->last) - options->first + 1;
    status = look(&(reading){.lens = lens, .options = options}, model, ids, n, err);
    if (status != HEED_OK) {
        heed_lens_destroy(lens);
        return status;
    }
    *out = lens;
    return HEED_OK;
}

void heed_lens_destroy(heed_lens *lens)
{
    if (lens == NULL)
        return;
    heed_arena_destroy(lens->arena);
    free(lens);
}

/* --- what was found --- */

int heed_lens_n_places(const heed_lens *lens)
{
    return lens->n_places;
}

const char *heed_lens_name(const heed_lens *lens, int place)
{
    return place >= 0 && place < lens->n_places ? lens->names[place] : NULL;
}

int64_t heed_lens_first(const heed_lens *lens)
{
    return lens->first;
}

int64_t heed_lens_last(const heed_lens *lens)
{
    return lens->first + lens->n - 1;
}

const heed_prediction *heed_lens_at(const heed_lens *lens, int place, int64_t position)
{
    if (place < 0 || place >= lens->n_places || position < lens->first || position > heed_lens_last(lens))
        return NULL;
    return &lens->list[place * lens->n + position - lens->first];
}
