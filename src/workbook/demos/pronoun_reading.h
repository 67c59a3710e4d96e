/* SPDX-License-Identifier: MIT */
/*
 * Sentences of the task "pronoun" (data/tasks/pronoun.c) word by word, without the blanks and the "=" that the task has, and
 * where a model looks in them.
 *
 *     the cat sat on the mat because it was so tired cat
 *      0   1   2  3   4   5     6    7   8   9  ask         at `ask`, the last word, the noun is to be said
 *
 * Each sentence is read twice: with a last word that can be said of the first noun, and with one of the second.
 */
#ifndef HEED_WORKBOOK_DEMOS_PRONOUN_READING_H
#define HEED_WORKBOOK_DEMOS_PRONOUN_READING_H

#include "data/source.h"
#include "workbook/demos/windows.h"

enum {
    HEED_PRONOUN_FIRST = 1,
    HEED_PRONOUN_SECOND = 5,
    HEED_PRONOUN_BECAUSE,
    HEED_PRONOUN_IT,
    HEED_PRONOUN_WAS
};
enum { HEED_PRONOUN_WORDS = 13 }; /* of the longest sentence with its noun, less the noun: what is read */

/* The task's windows, as words. */
typedef struct heed_pronoun_source {
    const heed_source *source;
    const heed_tokenizer *tokenizer;
    int64_t length;         /* of its windows */
    int32_t equals;         /* the id of "=" */
    int32_t *ids, *targets; /* [length] */
} heed_pronoun_source;

/** Lent by a trainer of the task, which need not be trained. */
heed_pronoun_source heed_pronoun_open(heed_demoing *d, const heed_trainer *trainer);
/**
 * The first sentence of window i: ids [HEED_PRONOUN_WORDS], behind the noun zeros, and targets, the next word, or
 * HEED_NO_TARGET there. Returns the place of the last word.
 */
int64_t heed_pronoun_read(const heed_pronoun_source *s, heed_part part, int64_t i, int32_t *ids,
                          int32_t *targets);

typedef struct heed_pronoun_pairs {
    int64_t n; /* sentences; the windows are 2n: 2i with a last word of the first noun, 2i + 1 of the second */
    heed_demo_windows windows; /* targets at the last words alone */
    int64_t *ask;              /* [n] where these are */
} heed_pronoun_pairs;

/**
 * n sentences that training has not seen. Last words of a noun are learned from others of them. same: both last words are of
 * the first noun.
 */
heed_pronoun_pairs heed_pronoun_pairs_of(heed_demoing *d, const heed_pronoun_source *s, int64_t n, bool same);

/* Where a model looks. */
typedef struct heed_pronoun_look {
    int64_t batch, n_layers, n_heads, length;
    heed_grid *patterns; /* [n_layers] of [batch * n_heads * length, length] */
} heed_pronoun_look;

heed_pronoun_look heed_pronoun_look_at(heed_demoing *d, const heed_model *model, const heed_demo_windows *w);
double heed_pronoun_weight(const heed_pronoun_look *look, int64_t element, int64_t layer, int64_t head,
                           int64_t query, int64_t word);

#endif
