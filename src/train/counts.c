/* SPDX-License-Identifier: MIT */
/*
 * Pairs of a small vocabulary are counted in a table [V, V]. Those of a large one are written down as one number each,
 * a * V + b, and sorted: how often a pair stands there is then the length of its run.
 */
#include "train/counts.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/error.h"

#define SMALL_VOCABULARY 2048
#define MOST_IN_TABLE    20000000 /* tokens counted, of a small vocabulary */
#define MOST_SORTED      2000000  /* and of a large one */
#define MOST_PREDICTED   1000000
#define CHUNK            4096

typedef struct counts {
    int64_t vocab_size, n; /* tokens counted */
    int64_t n_different;
    uint32_t *tokens;    /* [V] how often each stands there */
    uint32_t *befores;   /* [V] how often it has one after it */
    uint32_t *followers; /* [V] different tokens after it */
    uint32_t *table;     /* [V, V], or NULL */
    uint64_t *pairs;     /* [n_pairs] sorted, or NULL */
    int64_t n_pairs;
} counts;

static void release(counts *c)
{
    free(c->tokens);
    free(c->befores);
    free(c->followers);
    free(c->table);
    free(c->pairs);
}

/* --- walking --- */

typedef void pair_fn(void *context, int32_t before, int32_t token);

/* Calls back for every target among the first n of a part, with the token before it. */
static void walk(const heed_source *source, heed_part part, int64_t n, pair_fn *visit, void *context)
{
    int32_t ids[CHUNK], targets[CHUNK];

    for (int64_t at = 0; at < n; at += CHUNK) {
        const int64_t here = n - at < CHUNK ? n - at : CHUNK;

        source->fill(source, part, at, here, ids, targets);
        for (int64_t i = 0; i < here; i++)
            if (targets[i] != HEED_NO_TARGET)
                visit(context, ids[i], targets[i]);
    }
}

/* --- counting --- */

static void count_pair(void *context, int32_t before, int32_t token)
{
    counts *c = context;

    c->n_different += c->tokens[token]++ == 0;
    c->n++;
    c->befores[before]++;
    if (c->table != NULL)
        c->followers[before] += c->table[(size_t)before * (size_t)c->vocab_size + (size_t)token]++ == 0;
    else
        c->pairs[c->n_pairs++] = (uint64_t)before * (uint64_t)c->vocab_size + (uint64_t)token;
}

static int compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static void sort_pairs(counts *c)
{
    qsort(c->pairs, (size_t)c->n_pairs, sizeof *c->pairs, compare);
    for (int64_t i = 0; i < c->n_pairs; i++)
        if (i == 0 || c->pairs[i] != c->pairs[i - 1])
            c->followers[c->pairs[i] / (uint64_t)c->vocab_size]++;
}

static int64_t tokens_counted(const heed_source *source, bool small)
{
    const int64_t most = small ? MOST_IN_TABLE : MOST_SORTED, all = source->n_tokens[HEED_PART_TRAIN];

    return all < most ? all : most;
}

static heed_status count_part(counts *c, const heed_source *source, int64_t vocab_size, heed_error *err)
{
    const size_t V = (size_t)vocab_size;
    const bool small = vocab_size <= SMALL_VOCABULARY;
    const int64_t n = tokens_counted(source, small);

    c->vocab_size = vocab_size;
    c->tokens = calloc(V, sizeof *c->tokens);
    c->befores = calloc(V, sizeof *c->befores);
    c->followers = calloc(V, sizeof *c->followers);
    if (small)
        c->table = calloc(V * V, sizeof *c->table);
    else
        c->pairs = malloc((size_t)(n + 1) * sizeof *c->pairs);
    if (c->tokens == NULL || c->befores == NULL || c->followers == NULL ||
        (c->table == NULL && c->pairs == NULL))
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to count the tokens");
    walk(source, HEED_PART_TRAIN, n, count_pair, c);
    if (c->pairs != NULL)
        sort_pairs(c);
    return HEED_OK;
}

double heed_counts_bytes(const heed_source *source, int64_t vocab_size)
{
    const double V = (double)vocab_size;
    const bool small = vocab_size <= SMALL_VOCABULARY;
    const double n = (double)tokens_counted(source, small);

    if (n <= 0.0)
        return 0.0;
    return V * 3.0 * sizeof(uint32_t) +
           (small ? V * V * sizeof(uint32_t) : 2.0 * (n + 1.0) * sizeof(uint64_t)); /* qsort sorts a copy */
}

/* --- predicting --- */

/* How many of the sorted pairs are below key. */
static int64_t rank_of(const counts *c, uint64_t key)
{
    int64_t low = 0, high = c->n_pairs;

    while (low < high) {
        const int64_t middle = low + (high - low) / 2;

        if (c->pairs[middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static double pair_count(const counts *c, int32_t before, int32_t token)
{
    const uint64_t key = (uint64_t)before * (uint64_t)c->vocab_size + (uint64_t)token;

    return c->table != NULL ? (double)c->table[key] : (double)(rank_of(c, key + 1) - rank_of(c, key));
}

typedef struct prediction {
    const counts *counts;
    double unigram, bigram; /* sums of -log p */
    int64_t n;
} prediction;

static void predict(void *context, int32_t before, int32_t token)
{
    prediction *p = context;
    const counts *c = p->counts;
    const double u = (double)c->n_different, followers = (double)c->followers[before];
    const double p1 = ((double)c->tokens[token] + u / (double)c->vocab_size) / ((double)c->n + u);
    const double p2 = followers > 0.0 ? (pair_count(c, before, token) + followers * p1) /
                                            ((double)c->befores[before] + followers)
                                      : p1;

    p->unigram -= log(p1);
    p->bigram -= log(p2);
    p->n++;
}

heed_status heed_counts_losses(const heed_source *source, int64_t vocab_size, double *unigram, double *bigram,
                               heed_error *err)
{
    const int64_t all = source->n_tokens[HEED_PART_VALIDATION], n = all < MOST_PREDICTED ? all : MOST_PREDICTED;
    counts c = {0};
    prediction p = {.counts = &c};
    heed_status status = HEED_OK;

    if (source->n_tokens[HEED_PART_TRAIN] > 0)
        status = count_part(&c, source, vocab_size, err);
    if (status == HEED_OK && c.n > 0)
        walk(source, HEED_PART_VALIDATION, n, predict, &p);
    *unigram = p.n > 0 ? p.unigram / (double)p.n : NAN;
    *bigram = p.n > 0 ? p.bigram / (double)p.n : NAN;
    release(&c);
    return status;
}
