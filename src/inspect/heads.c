/* SPDX-License-Identifier: MIT */
/*
 * All heads of a model: what is summed up of each while patterns come in, layer by layer, and what is asked of it later.
 *
 * A head of an element is one item: threads share the items out, and each writes only what is its item's own.
 */
#include "inspect/heads.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"

/* What is known of one head on one element. */
typedef struct head_item {
    heed_head_sums sums;
    double *profile;           /* [length] sums of weights by distance */
    int32_t *profile_rows;     /* [length] pairs in each */
    heed_head_weight *largest; /* [n_largest] */
    int n_largest;
    float *kept; /* [n_kept] weights of visible pairs, row by row; NULL without similarity */
} head_item;

struct heed_heads {
    heed_heads_plan plan; /* ids, delimiters: not the caller's any more */
    int32_t *ids;
    heed_head_text *texts; /* [batch] */
    head_item *items;      /* [batch, n_layers, n_heads] */
    size_t n_items;
    int64_t n_kept;
    double *profiles;
    int32_t *profile_rows;
    heed_head_weight *largest;
    float *kept;
};

static head_item *item_of(const heed_heads *heads, int64_t element, int layer, int head)
{
    return heads->items + (element * heads->plan.n_layers + layer) * heads->plan.n_heads + head;
}

/* --- making it --- */

/* Visible pairs of rows that see two keys or more: the same for each element. */
static int64_t count_kept(const heed_head_text *text)
{
    int64_t n = 0;

    for (int64_t i = 0; i < text->n; i++)
        n += text->seen[i] >= 2 ? text->seen[i] : 0;
    return n;
}

static heed_status make_texts(heed_heads *heads, const heed_heads_plan *what, heed_error *err)
{
    const int64_t T = what->length;
    heed_status status = HEED_OK;

    for (int64_t b = 0; b < what->batch && status == HEED_OK; b++) {
        const heed_head_pattern pattern = {.ids = heads->ids + b * T,
                                           .delimiters = what->delimiters != NULL ? what->delimiters + b * T
                                                                                  : NULL,
                                           .n = T,
                                           .mask = &what->mask};
        status = heed_head_text_create(&pattern, &heads->texts[b], err);
        heads->texts[b].period = what->period;
        heads->texts[b].front = what->front;
    }
    return status;
}

/* n lists of `each` numbers; NULL when there is no memory for them. */
static void *lists(size_t n, int64_t each, size_t size)
{
    size_t count, bytes;

    if (!heed_size_mul(n, (size_t)each, &count) || !heed_size_mul(count, size, &bytes) ||
        bytes >= heed_memory_available() / 2)
        return NULL;
    return calloc(count + 1, size);
}

static bool make_items(heed_heads *heads)
{
    const heed_heads_options *o = &heads->plan.options;
    const int64_t T = heads->plan.length;

    heads->items = calloc(heads->n_items, sizeof *heads->items);
    heads->profiles = lists(heads->n_items, T, sizeof *heads->profiles);
    heads->profile_rows = lists(heads->n_items, T, sizeof *heads->profile_rows);
    heads->largest = lists(heads->n_items, o->n_largest, sizeof *heads->largest);
    heads->n_kept = o->similarity ? count_kept(&heads->texts[0]) : 0;
    heads->kept = lists(heads->n_items, heads->n_kept, sizeof *heads->kept);
    if (heads->items == NULL || heads->profiles == NULL || heads->profile_rows == NULL ||
        heads->largest == NULL || heads->kept == NULL)
        return false;
    for (size_t i = 0; i < heads->n_items; i++) {
        heads->items[i].profile = heads->profiles + i * (size_t)T;
        heads->items[i].profile_rows = heads->profile_rows + i * (size_t)T;
        heads->items[i].largest = heads->largest + i * (size_t)o->n_largest;
        heads->items[i].kept = o->similarity ? heads->kept + i * (size_t)heads->n_kept : NULL;
    }
    return true;
}

static heed_status check(const heed_heads_plan *what, heed_error *err)
{
    if (what->batch < 1 || what->length < 1 || what->n_layers < 1 || what->n_heads < 1)
        return heed_fail(err, HEED_ERR_USAGE, "expected at least one token, layer and head, got none");
    if (what->options.n_largest < 0)
        return heed_fail(err, HEED_ERR_USAGE, "n_largest: expected 0 or more, got %d", what->options.n_largest);
    return HEED_OK;
}

heed_status heed_heads_prepare(const heed_heads_plan *what, heed_heads **out, heed_error *err)
{
    heed_heads *heads;
    size_t n_ids = 0;
    heed_status status = check(what, err);

    *out = NULL;
    if (status != HEED_OK)
        return status;
    heads = calloc(1, sizeof *heads);
    if (heads != NULL && heed_size_mul((size_t)what->batch, (size_t)what->length, &n_ids) &&
        heed_size_mul((size_t)what->batch, (size_t)what->n_layers * (size_t)what->n_heads, &heads->n_items)) {
        heads->plan = *what;
        heads->ids = lists(n_ids, 1, sizeof *heads->ids);
        heads->texts = calloc((size_t)what->batch, sizeof *heads->texts);
    }
    if (heads == NULL || heads->ids == NULL || heads->texts == NULL) {
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for %lld tokens", (long long)n_ids);
    } else {
        memcpy(heads->ids, what->ids, n_ids * sizeof *heads->ids);
        heads->plan.ids = heads->ids;
        heads->plan.delimiters = NULL;
        status = make_texts(heads, what, err);
    }
    if (status == HEED_OK && !make_items(heads))
        status = heed_fail(err, HEED_ERR_MEMORY,
                           "not enough memory for what is known of %zu heads on %lld tokens", heads->n_items,
                           (long long)what->length);
    if (status != HEED_OK) {
        heed_heads_destroy(heads);
        return status;
    }
    *out = heads;
    return HEED_OK;
}

void heed_heads_destroy(heed_heads *heads)
{
    if (heads == NULL)
        return;
    for (int64_t b = 0; heads->texts != NULL && b < heads->plan.batch; b++)
        heed_head_text_free(&heads->texts[b]);
    free(heads->texts);
    free(heads->ids);
    free(heads->items);
    free(heads->profiles);
    free(heads->profile_rows);
    free(heads->largest);
    free(heads->kept);
    free(heads);
}

void heed_heads_clear(heed_heads *heads)
{
    const size_t T = (size_t)heads->plan.length;

    for (size_t i = 0; i < heads->n_items; i++) {
        heads->items[i].sums = (heed_head_sums){0};
        heads->items[i].n_largest = 0;
        memset(heads->items[i].profile, 0, T * sizeof(double));
        memset(heads->items[i].profile_rows, 0, T * sizeof(int32_t));
    }
}

/* --- taking a pattern in --- */

/* Keeps the weight when it is among the largest; equal ones stay in the order in which they come. */
static void keep_largest(head_item *item, int most, int64_t query, int64_t key, float weight)
{
    int at = item->n_largest;

    if (at == most && weight <= item->largest[at - 1].weight)
        return;
    item->n_largest = at < most ? at + 1 : most;
    at = item->n_largest - 1;
    for (; at > 0 && item->largest[at - 1].weight < weight; at--)
        item->largest[at] = item->largest[at - 1];
    item->largest[at] = (heed_head_weight){query, key, weight};
}

static void add_to_lists(const heed_heads *heads, head_item *item, const heed_head_text *text, int64_t i,
                         const float *weights)
{
    const uint8_t *pairs = text->pairs + i * text->n;
    const int most = heads->plan.options.n_largest;

    for (int64_t j = 0; j < text->end[i]; j++) {
        if (pairs[j] == 0)
            continue;
        if (j <= i) {
            item->profile[i - j] += (double)weights[j];
            item->profile_rows[i - j]++;
        }
        if (most > 0)
            keep_largest(item, most, i, j, weights[j]);
    }
}

/* The visible weights of a row behind those that are kept; returns how many. */
static int64_t keep_row(float *kept, const heed_head_text *text, int64_t i, const float *weights)
{
    int64_t n = 0;

    for (int64_t j = 0; j < text->end[i]; j++) {
        if (text->pairs[i * text->n + j] != 0)
            kept[n++] = weights[j];
    }
    return n;
}

static void take_head(const heed_heads *heads, head_item *item, const heed_head_text *text,
                      const float *pattern)
{
    int64_t n_kept = 0;

    for (int64_t i = 0; i < text->n; i++) {
        const float *weights = pattern + i * text->n;
        const bool counts = heed_head_add_row(&item->sums, text, i, weights);

        if (text->seen[i] < 2)
            continue;
        if (counts)
            add_to_lists(heads, item, text, i, weights);
        if (item->kept != NULL)
            n_kept += keep_row(item->kept + n_kept, text, i, weights);
    }
}

typedef struct taking {
    heed_heads *heads;
    int layer;
    int64_t element;
    const float *patterns; /* [b, n_heads, n, n] */
} taking;

static void take_heads(void *context, int64_t begin, int64_t end, int thread)
{
    const taking *t = context;
    const int64_t n = t->heads->plan.length, H = t->heads->plan.n_heads;

    (void)thread;
    for (int64_t k = begin; k < end; k++) {
        const int64_t element = t->element + k / H;
        take_head(t->heads, item_of(t->heads, element, t->layer, (int)(k % H)), &t->heads->texts[element],
                  t->patterns + k * n * n);
    }
}

void heed_heads_take(heed_heads *heads, int layer, int64_t element, const heed_tensor *pattern)
{
    const int64_t b = heed_shape_size(&pattern->shape, 0);
    const int threads = heads->plan.options.threads > 0 ? heads->plan.options.threads : heed_processor_count();
    taking t = {heads, layer, element, pattern->data};

    heed_parallel(threads, b * heads->plan.n_heads, 1, take_heads, &t);
}

/* --- what is asked --- */

int heed_heads_n_layers(const heed_heads *heads)
{
    return heads->plan.n_layers;
}

int heed_heads_n_heads(const heed_heads *heads)
{
    return heads->plan.n_heads;
}

int64_t heed_heads_batch(const heed_heads *heads)
{
    return heads->plan.batch;
}

int64_t heed_heads_length(const heed_heads *heads)
{
    return heads->plan.length;
}

const int32_t *heed_heads_ids(const heed_heads *heads)
{
    return heads->ids;
}

void heed_heads_scores(const heed_heads *heads, int64_t element, int layer, int head, heed_head_scores *out)
{
    heed_head_sums sums = {0};

    for (int64_t b = 0; b < heads->plan.batch; b++) {
        if (element == HEED_HEADS_ALL || element == b)
            heed_head_add_sums(&sums, &item_of(heads, b, layer, head)->sums);
    }
    heed_head_finish(&sums, out);
}

void heed_heads_profile(const heed_heads *heads, int layer, int head, double *out)
{
    for (int64_t d = 0; d < heads->plan.length; d++) {
        double sum = 0.0;
        int64_t rows = 0;
        for (int64_t b = 0; b < heads->plan.batch; b++) {
            sum += item_of(heads, b, layer, head)->profile[d];
            rows += item_of(heads, b, layer, head)->profile_rows[d];
        }
        out[d] = rows > 0 ? sum / (double)rows : NAN;
    }
}

const heed_head_weight *heed_heads_largest(const heed_heads *heads, int64_t element, int layer, int head,
                                           int *n)
{
    const head_item *item = item_of(heads, element, layer, head);

    *n = item->n_largest;
    return item->largest;
}

/* --- how alike they are --- */

/* sum_i x_i y_i, in eight sums side by side. */
static double dot(const float *x, const float *y, int64_t n)
{
    double sums[8] = {0}, sum = 0.0;
    int64_t i = 0;

    for (; i + 8 <= n; i += 8) {
        for (int k = 0; k < 8; k++)
            sums[k] += (double)x[i + k] * (double)y[i + k];
    }
    for (; i < n; i++)
        sum += (double)x[i] * (double)y[i];
    for (int k = 0; k < 8; k++)
        sum += sums[k];
    return sum;
}

/* sum over all elements of a_p b_p, over the pairs p. */
static double product(const heed_heads *heads, int a, int b)
{
    const int H = heads->plan.n_heads;
    double sum = 0.0;

    for (int64_t element = 0; element < heads->plan.batch; element++)
        sum += dot(item_of(heads, element, a / H, a % H)->kept, item_of(heads, element, b / H, b % H)->kept,
                   heads->n_kept);
    return sum;
}

typedef struct comparing {
    const heed_heads *heads;
    const double *lengths; /* [N] of the lists of weights */
    float *out;
    int N;
} comparing;

static void compare_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const comparing *c = context;

    (void)thread;
    for (int a = (int)begin; a < (int)end; a++) {
        for (int b = 0; b <= a; b++) {
            const double lengths = c->lengths[a] * c->lengths[b];
            const double cosine = lengths > 0.0 ? product(c->heads, a, b) / lengths : NAN;
            c->out[a * c->N + b] = c->out[b * c->N + a] = (float)cosine;
        }
    }
}

heed_status heed_heads_similarity(const heed_heads *heads, float *out, heed_error *err)
{
    const int N = heads->plan.n_layers * heads->plan.n_heads;
    const int threads = heads->plan.options.threads > 0 ? heads->plan.options.threads : heed_processor_count();
    double *lengths;

    if (!heads->plan.options.similarity)
        return heed_fail(err, HEED_ERR_USAGE, "patterns were not kept, so heads cannot be compared");
    lengths = calloc((size_t)N, sizeof *lengths);
    if (lengths == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to compare %d heads", N);
    for (int a = 0; a < N; a++)
        lengths[a] = sqrt(product(heads, a, a));
    heed_parallel(threads, N, 1, compare_rows, &(comparing){heads, lengths, out, N});
    free(lengths);
    return HEED_OK;
}
