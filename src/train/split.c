/* SPDX-License-Identifier: MIT */
#include "train/split.h"

#include <stdlib.h>

#include "base/error.h"

/* --- buckets --- */

/* A parameter while the split is made. */
typedef struct piece_of_model {
    int64_t place, count;
    bool wanted;
} piece_of_model;

int64_t heed_split_blocks(int64_t n)
{
    return (n + HEED_SPLIT_BLOCK - 1) / HEED_SPLIT_BLOCK;
}

/*
 * From the end of the model on: a bucket takes parameters until it is full. One that is larger than a bucket has several
 * for itself. Counts them; fills them in when buckets is not NULL.
 */
static int make_buckets(const piece_of_model *p, int n, int64_t most, heed_split_bucket *buckets)
{
    int n_buckets = 0;

    for (int i = n - 1; i >= 0;) {
        int first = i;
        int64_t begin = p[i].place;
        const int64_t end = p[i].place + p[i].count;

        if (!p[i].wanted) {
            i--;
            continue;
        }
        while (first > 0 && p[first - 1].wanted && end - begin < most && end - p[first - 1].place <= most)
            begin = p[--first].place;
        for (int64_t to = end; to > begin;) {
            /* only a parameter alone is longer than a bucket: it is cut at its blocks */
            const int64_t from = to - begin <= most ? begin : begin + (to - begin - 1) / most * most;
            if (buckets != NULL)
                buckets[n_buckets] = (heed_split_bucket){
                    .begin = from, .end = to, .first_parameter = first, .n_parameters = i - first + 1};
            n_buckets++;
            to = from;
        }
        i = first - 1;
    }
    return n_buckets;
}

/* Where block n of a bucket begins; its end when there are no more than n. */
static int64_t place_of_block(const piece_of_model *p, const heed_split_bucket *b, int64_t n)
{
    for (int i = b->first_parameter; i < b->first_parameter + b->n_parameters; i++) {
        const int64_t begin = b->begin > p[i].place ? b->begin : p[i].place;
        const int64_t end = b->end < p[i].place + p[i].count ? b->end : p[i].place + p[i].count;
        const int64_t blocks = heed_split_blocks(end - begin);

        if (n < blocks)
            return begin + n * HEED_SPLIT_BLOCK;
        n -= blocks;
    }
    return b->end;
}

static int64_t blocks_in(const piece_of_model *p, const heed_split_bucket *b)
{
    int64_t n = 0;

    for (int i = b->first_parameter; i < b->first_parameter + b->n_parameters; i++) {
        const int64_t begin = b->begin > p[i].place ? b->begin : p[i].place;
        const int64_t end = b->end < p[i].place + p[i].count ? b->end : p[i].place + p[i].count;
        n += heed_split_blocks(end - begin);
    }
    return n;
}

/* Each rank gets the same number of blocks, within one. */
static void cut_bucket(const piece_of_model *p, heed_split_bucket *b, int size)
{
    const int64_t n = blocks_in(p, b);

    for (int r = 0; r <= size; r++)
        b->cuts[r] = place_of_block(p, b, n * r / size);
    b->cuts[0] = b->begin;
    b->cuts[size] = b->end;
}

/* --- parts --- */

static int by_place(const void *a, const void *b)
{
    const heed_split_part *x = a, *y = b;

    if (x->parameter != y->parameter)
        return x->parameter < y->parameter ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* Counts the parts; lists them when the split has room for them. */
static int make_parts(const piece_of_model *p, heed_split *s)
{
    int n = 0;

    for (int k = 0; k < s->n_buckets; k++) {
        const heed_split_bucket *b = &s->buckets[k];
        for (int r = 0; r < s->size; r++) {
            for (int i = b->first_parameter; i < b->first_parameter + b->n_parameters; i++) {
                const int64_t begin = b->cuts[r] > p[i].place ? b->cuts[r] : p[i].place;
                const int64_t end = b->cuts[r + 1] < p[i].place + p[i].count ? b->cuts[r + 1]
                                                                             : p[i].place + p[i].count;
                if (begin >= end)
                    continue;
                if (s->parts != NULL)
                    s->parts[n] = (heed_split_part){
                        .parameter = i, .rank = r, .first = begin - p[i].place, .n = end - begin};
                n++;
            }
        }
    }
    return n;
}

static void place_moments(heed_split *s)
{
    qsort(s->parts, (size_t)s->n_parts, sizeof *s->parts, by_place);
    for (int k = 0; k < s->n_parts; k++) {
        heed_split_part *part = &s->parts[k];
        part->at = s->n_moments[part->rank];
        s->n_moments[part->rank] += (part->n + 15) / 16 * 16;
        s->blocks[part->rank + 1] += heed_split_blocks(part->n);
    }
    for (int r = 0; r < s->size; r++)
        s->blocks[r + 1] += s->blocks[r];
}

/* --- all of it --- */

static heed_status fill_in(const piece_of_model *p, int n, int64_t bucket_floats, heed_split *s,
                           heed_error *err)
{
    s->n_buckets = make_buckets(p, n, bucket_floats, NULL);
    s->buckets = calloc((size_t)s->n_buckets + 1, sizeof *s->buckets);
    s->cuts = calloc(((size_t)s->n_buckets + 1) * ((size_t)s->size + 1), sizeof *s->cuts);
    s->n_moments = calloc((size_t)s->size, sizeof *s->n_moments);
    s->blocks = calloc((size_t)s->size + 1, sizeof *s->blocks);
    s->places = calloc((size_t)n + 1, sizeof *s->places);
    if (s->buckets == NULL || s->cuts == NULL || s->n_moments == NULL || s->blocks == NULL || s->places == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to split the model over %d ranks", s->size);
    for (int i = 0; i < n; i++)
        s->places[i] = p[i].place;
    make_buckets(p, n, bucket_floats, s->buckets);
    for (int k = 0; k < s->n_buckets; k++) {
        s->buckets[k].cuts = s->cuts + (size_t)k * ((size_t)s->size + 1);
        cut_bucket(p, &s->buckets[k], s->size);
        for (int r = 0; r < s->size; r++) {
            const int64_t length = s->buckets[k].cuts[r + 1] - s->buckets[k].cuts[r];
            s->most = length > s->most ? length : s->most;
        }
    }
    s->n_parts = make_parts(p, s);
    s->parts = calloc((size_t)s->n_parts + 1, sizeof *s->parts);
    if (s->parts == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to split the model over %d ranks", s->size);
    make_parts(p, s);
    place_moments(s);
    return HEED_OK;
}

int64_t heed_split_bucket_floats(const heed_weights *weights)
{
    const int64_t blocks = heed_split_blocks((int64_t)(heed_weights_bytes(weights) / sizeof(float) / 8));
    const int64_t floats = (blocks > 2 ? blocks : 2) * HEED_SPLIT_BLOCK;

    return floats < HEED_BUCKET_FLOATS ? floats : HEED_BUCKET_FLOATS;
}

heed_status heed_split_create(const heed_weights *weights, const bool *wanted, int size, int64_t bucket_floats,
                              heed_split **split, heed_error *err)
{
    heed_split *s = calloc(1, sizeof *s);
    piece_of_model *p = calloc((size_t)weights->n + 1, sizeof *p);
    heed_status status = HEED_ERR_MEMORY;
    size_t at = 0;

    *split = NULL;
    if (s == NULL || p == NULL) {
        heed_fail(err, status, "not enough memory to split the model over %d ranks", size);
    } else {
        for (int i = 0; i < weights->n; i++) {
            p[i] = (piece_of_model){(int64_t)(at / sizeof(float)), weights->list[i].count, wanted[i]};
            at += heed_size_align((size_t)weights->list[i].count * sizeof(float));
        }
        s->size = size;
        status = fill_in(p, weights->n, bucket_floats, s, err);
    }
    free(p);
    if (status != HEED_OK) {
        heed_split_destroy(s);
        return status;
    }
    *split = s;
    return HEED_OK;
}

void heed_split_destroy(heed_split *split)
{
    if (split == NULL)
        return;
    free(split->buckets);
    free(split->cuts);
    free(split->n_moments);
    free(split->blocks);
    free(split->places);
    free(split->parts);
    free(split);
}
