/* SPDX-License-Identifier: MIT */
/*
 * All ways are windows of 64 characters, each for training or for validation. What stands in training is found by hashes of
 * pieces: two that are unlike have equal ones once in 2^64 / pieces.
 */
#include "workbook/demos/tenths.h"

#include <heed/tokenizer.h>
#include <math.h>
#include <stdlib.h>

#include "base/fnv.h"

enum {
    W = HEED_DEMO_TENTHS_WINDOW,
    PIECE = HEED_DEMO_TENTHS_PIECE,
    MOST_BYTES = 1000000,
    MOST_CHARACTERS = 1000
};

const char *const heed_demo_tenth_names[] = {"the last tenth", "the first tenth",
                                             "random windows, side by side", "random windows that overlap"};

typedef struct cutting {
    heed_demoing *d;
    const int32_t *ids;
    int64_t n, V, stride, n_windows;
    uint8_t *kept; /* [n_windows] 1: for validation */
    double *single, *pairs, *rows;
    uint64_t *pieces;
} cutting;

/* --- which windows --- */

static void choose(cutting *c, heed_demo_tenth way)
{
    for (int64_t i = 0; i < c->n_windows; i++) {
        if (way == HEED_DEMO_TENTH_LAST)
            c->kept[i] = i >= c->n_windows - c->n_windows / 10;
        else if (way == HEED_DEMO_TENTH_FIRST)
            c->kept[i] = i < c->n_windows / 10;
        else
            c->kept[i] = heed_rng_below(&c->d->rng, 10) == 0;
    }
}

/* --- counted characters and pairs --- */

static void count(cutting *c)
{
    for (int64_t i = 0; i < c->V * c->V; i++)
        c->pairs[i] = 1.0; /* nothing is impossible */
    for (int64_t i = 0; i < c->V; i++) {
        c->single[i] = 1.0;
        c->rows[i] = (double)c->V;
    }
    for (int64_t k = 0; k < c->n_windows; k++) {
        const int32_t *window = c->ids + k * c->stride;
        for (int64_t t = 0; c->kept[k] == 0 && t + 1 < W; t++) {
            c->single[window[t + 1]]++;
            c->pairs[window[t] * c->V + window[t + 1]]++;
            c->rows[window[t]]++;
        }
    }
}

static void score(const cutting *c, double *single, double *pairs)
{
    double total = 0.0;
    int64_t n = 0;

    *single = *pairs = 0.0;
    for (int64_t i = 0; i < c->V; i++)
        total += c->single[i];
    for (int64_t k = 0; k < c->n_windows; k++) {
        const int32_t *window = c->ids + k * c->stride;
        for (int64_t t = 0; c->kept[k] != 0 && t + 1 < W; t++, n++) {
            *single -= log(c->single[window[t + 1]] / total);
            *pairs -= log(c->pairs[window[t] * c->V + window[t + 1]] / c->rows[window[t]]);
        }
    }
    *single /= (double)n;
    *pairs /= (double)n;
}

/* --- what was seen --- */

static uint64_t hash_at(const int32_t *ids)
{
    return heed_fnv(HEED_FNV_BEGIN, ids, PIECE * sizeof *ids);
}

static int by_number(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* Every piece that lies inside of a window for training. */
static int64_t list_pieces(cutting *c)
{
    int64_t n = 0, next = 0;

    for (int64_t k = 0; k < c->n_windows; k++) {
        const int64_t begin = k * c->stride;
        if (c->kept[k] != 0)
            continue;
        for (int64_t at = begin > next ? begin : next; at + PIECE <= begin + W; at++)
            c->pieces[n++] = hash_at(c->ids + at);
        next = begin + W - PIECE + 1;
    }
    qsort(c->pieces, (size_t)n, sizeof *c->pieces, by_number);
    return n;
}

static double share_seen(cutting *c)
{
    const int64_t n = list_pieces(c);
    int64_t seen = 0, all = 0;

    for (int64_t k = 0; k < c->n_windows; k++) {
        if (c->kept[k] != 0) {
            const uint64_t middle = hash_at(c->ids + k * c->stride + (W - PIECE) / 2);
            seen += bsearch(&middle, c->pieces, (size_t)n, sizeof middle, by_number) != NULL;
            all++;
        }
    }
    return (double)seen / (double)all;
}

/* --- all of them --- */

static bool make_room(cutting *c)
{
    heed_arena *arena = c->d->s.arena;

    c->kept = heed_arena_alloc(arena, (size_t)c->n);
    c->pieces = heed_arena_alloc(arena, (size_t)c->n * sizeof *c->pieces);
    c->single = heed_arena_alloc(arena, (size_t)c->V * sizeof *c->single);
    c->rows = heed_arena_alloc(arena, (size_t)c->V * sizeof *c->rows);
    c->pairs = heed_arena_alloc(arena, (size_t)(c->V * c->V) * sizeof *c->pairs);
    if (c->kept == NULL || c->pieces == NULL || c->single == NULL || c->rows == NULL || c->pairs == NULL)
        heed_solve_fail(&c->d->s, HEED_ERR_MEMORY, "not enough memory for counted pairs");
    return c->d->s.status == HEED_OK;
}

static void measure(heed_demoing *d, const int32_t *ids, int64_t n, int64_t V, bool apart,
                    heed_demo_tenths *out)
{
    cutting c = {.d = d, .ids = ids, .n = n, .V = V};

    if (n < 20 * W || V > MOST_CHARACTERS)
        heed_solve_fail(
            &d->s, HEED_ERR_USAGE,
            "expected a text of %d characters or more, at most %d different ones; got %lld and %lld", 20 * W,
            (int)MOST_CHARACTERS, (long long)n, (long long)V);
    if (d->s.status != HEED_OK || !make_room(&c))
        return;
    for (int way = 0; way < HEED_DEMO_N_TENTHS; way++) {
        c.stride = way == HEED_DEMO_TENTH_OVERLAP && !apart ? HEED_DEMO_TENTHS_STRIDE : W;
        c.n_windows = (n - W) / c.stride + 1;
        choose(&c, (heed_demo_tenth)way);
        c.kept[0] = way == HEED_DEMO_TENTH_FIRST; /* neither part is empty */
        c.kept[c.n_windows - 1] = way != HEED_DEMO_TENTH_FIRST;
        count(&c);
        score(&c, &out->single[way], &out->pairs[way]);
        out->seen[way] = share_seen(&c);
    }
}

heed_demo_tenths heed_demo_tenths_of(heed_demoing *d, const char *text, size_t n, bool apart)
{
    heed_demo_tenths out = {.single = {0.0}};
    heed_tokenizer *tokenizer = NULL;
    heed_error err = {HEED_OK, ""};
    int32_t *ids = NULL;
    size_t n_ids = 0;

    if (n > MOST_BYTES) {
        n = MOST_BYTES;
        while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
            n--; /* no character is cut in two */
    }
    if (d->s.status == HEED_OK && heed_demo_ok(d, heed_tokenizer_characters(text, n, &tokenizer, &err), &err) &&
        heed_demo_ok(d, heed_tokenizer_encode(tokenizer, text, n, NULL, &ids, &n_ids, &err), &err))
        measure(d, ids, (int64_t)n_ids, heed_tokenizer_vocab_size(tokenizer), apart, &out);
    free(ids);
    heed_tokenizer_destroy(tokenizer);
    return out;
}
