/* SPDX-License-Identifier: MIT */
/*
 * The words of the workbook: workbook/GROUP.md, which the program carries. A file begins with "# A. Title"; a part is
 *
 *     ## pp.q10 A triangle of ones
 *
 *     Write down the causal mask for {seq_len} tokens: 1 where a query may look, 0 where not.
 *
 *     **Answer** `value`: the mask, a row for each query
 *     **Hint**: Which keys may the first query see?
 *     **Hint**: …
 *     **Hint**: Row i has ones up to column i.
 *     **Why**: …
 *     **Key point**: …
 *     **Program**: …                                           what a program is asked for, where it is something else
 *     **Option** `left`: …                                     of a choice, whose answer is the key
 *
 * {name} stands for a parameter. A label lasts until the next one, or the next part.
 */
#ifndef HEED_WORKBOOK_TEXTS_H
#define HEED_WORKBOOK_TEXTS_H

#include <heed/workbook.h>
#include <jansson.h>

#include "base/memory.h"

/* Made of workbook/ when the program is built. */
extern const char heed_workbook_words[];

#define HEED_TEXT_MOST 32 /* of each kind in a part */

typedef struct heed_text_item {
    const char *name; /* of an answer or an option; NULL */
    const char *text;
} heed_text_item;

typedef struct heed_part_text {
    const char *id, *title, *group, *group_title;
    const char *question, *why;
    const char *program; /* "": none */
    heed_text_item answers[HEED_TEXT_MOST], options[HEED_TEXT_MOST];
    const char *hints[HEED_TEXT_MOST], *key_points[HEED_TEXT_MOST];
    int n_answers, n_options, n_hints, n_key_points;
} heed_part_text;

/** The parts of the words, in their order; of the arena. NULL: no memory. */
heed_part_text *heed_texts_read(const char *words, heed_arena *arena, int *n);
/** text with {name} replaced by the parameters' values; of the arena. NULL: no memory. */
const char *heed_text_fill(const char *text, const json_t *params, heed_arena *arena);

#endif
