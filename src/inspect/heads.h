/* SPDX-License-Identifier: MIT */
/*
 * Heads measured from patterns as they are observed: made for given ids once, then filled by any number of runs.
 *
 *     heed_heads_plan what = {.ids = ids, .batch = 2, .length = T, .n_layers = L, .n_heads = H};
 *     status = heed_heads_prepare(&what, &heads, err);
 *     heed_heads_clear(heads);                                   before each run but the first
 *     heed_heads_take(heads, layer, 0, pattern);                 in the observer, once a layer; allocates nothing
 *     heed_heads_scores(heads, HEED_HEADS_ALL, layer, head, &scores);
 */
#ifndef HEED_INSPECT_HEADS_H
#define HEED_INSPECT_HEADS_H

#include <heed/heads.h>

#include "tensor/tensor.h"

/* What is read, and what is to be known of it; ids and delimiters are copied. */
typedef struct heed_heads_plan {
    const int32_t *ids;        /* [batch, length] */
    const uint8_t *delimiters; /* the same, or NULL: not known */
    int64_t batch, length;
    heed_mask mask; /* of each element */
    int n_layers, n_heads;
    int64_t period, front; /* of repeated tokens: T, and the tokens before them; 0: none */
    heed_heads_options options;
} heed_heads_plan;

heed_status heed_heads_prepare(const heed_heads_plan *what, heed_heads **heads, heed_error *err);
/** Forgets what has been taken in. */
void heed_heads_clear(heed_heads *heads);
/** pattern [b, n_heads, length, length], f32 and dense, of the elements from `element` on. Each layer and element once. */
void heed_heads_take(heed_heads *heads, int layer, int64_t element, const heed_tensor *pattern);

/* --- all heads of a model: heads_model.c --- */

/** HEED_ERR_USAGE: a model without attention. */
heed_status heed_heads_check_model(const heed_model *model, heed_error *err);
/** What the model's heads on these ids are: its layers, heads and mask. */
heed_heads_plan heed_heads_plan_of(const heed_model *model, const int32_t *ids, int64_t batch, int64_t length);

/** Runs the model over the ids, and takes its patterns in. losses: NULL, or [batch, length]: that of each next token. */
heed_status heed_heads_run(heed_heads *heads, const heed_model *model, int threads, float *losses,
                           heed_error *err);

/* --- one head over one text: heads_measure.c --- */

/* What pairs of query and key are: one byte a pair, the same for all heads. */
enum { HEED_PAIR_SEEN = 1 }; /* bit 0; bit 1 + role: in the role's detection pattern, and seen */

typedef struct heed_head_text {
    int64_t n;
    uint8_t *pairs;      /* [n, n] */
    int32_t *seen, *end; /* [n] keys that a query sees, and one past the last of them */
    int32_t *wanted;     /* [n, HEED_N_HEAD_ROLES] pairs of a role in the row */
    bool known[HEED_N_HEAD_ROLES];
    int64_t period, front;
} heed_head_text;

heed_status heed_head_text_create(const heed_head_pattern *pattern, heed_head_text *text, heed_error *err);
void heed_head_text_free(heed_head_text *text);

/* Sums over rows, from which scores are made; those of several texts may be added up. */
typedef struct heed_role_sums {
    double hits, wanted; /* over all rows: weight on the role's pairs, and their number */
    double found, chance;
    int64_t rows;
    bool known;
} heed_role_sums;

typedef struct heed_head_sums {
    int64_t finite, rows, not_finite, empty, sharp_rows, stripe_rows;
    double weight; /* of all finite rows */
    double entropy, max_entropy, largest, distance, itself, stripe;
    double sharp_entropy, sharp_max_entropy, sharp_largest; /* of rows that count for the collapse */
    heed_role_sums roles[HEED_N_HEAD_ROLES];
} heed_head_sums;

/** What one row adds; false when it is left out. weights [n] */
bool heed_head_add_row(heed_head_sums *sums, const heed_head_text *text, int64_t query, const float *weights);
void heed_head_add_sums(heed_head_sums *sums, const heed_head_sums *more);
void heed_head_finish(const heed_head_sums *sums, heed_head_scores *out);

#endif
