/* SPDX-License-Identifier: MIT */
/* The text of a walk: its ids, its characters made visible, its windows, and its counted pairs. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "data/batches.h"
#include "formats/label.h"
#include "workbook/walk/walk.h"

static int32_t *room_for(heed_walking *w, int64_t n)
{
    heed_solving *s = &w->d->s;
    int32_t *ids = s->status == HEED_OK ? heed_arena_alloc(s->arena, ((size_t)n + 1) * sizeof *ids) : NULL;

    if (ids == NULL)
        heed_solve_fail(s, HEED_ERR_MEMORY, "not enough memory for %lld ids", (long long)n);
    return ids;
}

int32_t *heed_walk_ids(heed_walking *w, int64_t at, int64_t n)
{
    int32_t *ids = room_for(w, n);

    if (ids != NULL)
        heed_corpus_read(w->corpus, at, n, ids);
    return ids;
}

bool heed_walk_batch(heed_walking *w, int64_t batch, int64_t T, int32_t **ids, int32_t **targets)
{
    heed_batches batches = heed_batches_make(&w->corpus->source, HEED_PART_TRAIN, batch, T, w->d->options->seed,
                                             HEED_STREAM_BATCHES);

    *ids = room_for(w, batch * T);
    *targets = room_for(w, batch * T);
    if (*ids == NULL || *targets == NULL)
        return false;
    heed_batches_next(&batches, *ids, *targets);
    return true;
}

heed_grid heed_walk_ids_grid(heed_walking *w, const int32_t *ids, int64_t rows, int64_t columns)
{
    heed_grid x = heed_grid_make(&w->d->s, rows, columns);

    for (int64_t i = 0; ids != NULL && i < x.rows * x.columns; i++)
        x.data[i] = (double)ids[i];
    return x;
}

/* --- characters --- */

const char *heed_walk_signs(heed_walking *w, const int32_t *ids, int64_t n)
{
    char text[1024] = "", sign[64];
    size_t used = 0;

    for (int64_t i = 0; ids != NULL && i < n && used + sizeof sign < sizeof text; i++) {
        const char *piece = heed_tokenizer_piece(w->tokenizer, ids[i], NULL);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s",
                                 heed_label_token(sign, sizeof sign, piece != NULL ? piece : "?", 8));
    }
    return heed_walk_keep(w, text);
}

const char *heed_walk_sign(heed_walking *w, int32_t id)
{
    return heed_walk_signs(w, &id, 1);
}

/* --- counted pairs --- */

enum { AT_ONCE = 65536 };

/* Calls for every pair of neighbours of a part. */
static void each_pair(heed_walking *w, heed_part part, void (*see)(void *context, int32_t a, int32_t b),
                      void *context)
{
    const heed_span span = heed_corpus_part(w->corpus, part);
    int32_t *ids = room_for(w, AT_ONCE + 1);

    for (int64_t at = 0; ids != NULL && at + 1 < span.n; at += AT_ONCE) {
        const int64_t n = span.n - at < AT_ONCE + 1 ? span.n - at : AT_ONCE + 1;

        heed_corpus_read(w->corpus, span.begin + at, n, ids);
        for (int64_t i = 0; i + 1 < n; i++)
            see(context, ids[i], ids[i + 1]);
    }
}

typedef struct counting {
    heed_grid pairs;
    heed_grid rows; /* [1, V] sums of them */
    double nats;
    int64_t n;
} counting;

static void count(void *context, int32_t a, int32_t b)
{
    counting *c = context;

    c->pairs.data[a * c->pairs.columns + b] += 1.0;
}

heed_grid heed_walk_pairs(heed_walking *w)
{
    counting c = {.pairs = heed_grid_make(&w->d->s, w->V, w->V)};

    if (w->d->s.status == HEED_OK)
        each_pair(w, HEED_PART_TRAIN, count, &c);
    return c.pairs;
}

static void score(void *context, int32_t a, int32_t b)
{
    counting *c = context;
    const double V = (double)c->pairs.columns;

    c->nats -= log((c->pairs.data[a * c->pairs.columns + b] + 1.0) / (c->rows.data[a] + V));
    c->n++;
}

double heed_walk_counted_loss(heed_walking *w)
{
    counting c = {.pairs = heed_walk_pairs(w), .rows = heed_grid_make(&w->d->s, 1, w->V)};

    if (w->d->s.status != HEED_OK)
        return NAN;
    for (int64_t i = 0; i < w->V * w->V; i++)
        c.rows.data[i / w->V] += c.pairs.data[i];
    each_pair(w, HEED_PART_VALIDATION, score, &c);
    return c.n > 0 ? c.nats / (double)c.n : NAN;
}
