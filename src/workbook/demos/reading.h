/* SPDX-License-Identifier: MIT */
/*
 * A text as ids of its characters: the parameter "text" of a demonstration, a path, or where that is "" the built-in stories.
 *
 *     heed_demo_reading r;
 *     if (heed_demo_reading_open(d, 20000, &r))
 *         heed_demo_reading_window(&r, 0, 64, ids, targets);
 *     heed_demo_reading_close(&r);
 */
#ifndef HEED_WORKBOOK_DEMOS_READING_H
#define HEED_WORKBOOK_DEMOS_READING_H

#include <heed/tokenizer.h>

#include "workbook/demo.h"

typedef struct heed_demo_reading {
    heed_tokenizer *tokenizer;
    int32_t *ids; /* [n], of d's arena */
    int64_t n, vocab_size;
    double floor; /* nats a character, the stories' entropy: no model gets below it; NaN of another text */
} heed_demo_reading;

/** About the first `bytes` of the text, fewer where it is shorter. false: d has failed; closing is right in any case. */
bool heed_demo_reading_open(heed_demoing *d, int64_t bytes, heed_demo_reading *out);
void heed_demo_reading_close(heed_demo_reading *r);
/** The `length` ids from `begin` on and those that follow them; begin + length < r->n. */
void heed_demo_reading_window(const heed_demo_reading *r, int64_t begin, int64_t length, int32_t *ids,
                              int32_t *targets);

#endif
