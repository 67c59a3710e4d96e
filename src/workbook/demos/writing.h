/* SPDX-License-Identifier: MIT */
/* Models that write: behind which prompt, and what they wrote. */
#ifndef HEED_WORKBOOK_DEMOS_WRITING_H
#define HEED_WORKBOOK_DEMOS_WRITING_H

#include <heed/generate.h>

#include "workbook/demo.h"

typedef struct heed_demo_tokens {
    int32_t *ids; /* [n] of the arena */
    int64_t n;
} heed_demo_tokens;

/** Room for n tokens. */
heed_demo_tokens heed_demo_tokens_make(heed_demoing *d, int64_t n);
/** The tokens of a text; a token at least. */
heed_demo_tokens heed_demo_encode(heed_demoing *d, const heed_model *model, const char *text);
/** Shows tokens as the text that they stand for; of a model without a tokenizer as their numbers. */
void heed_show_written(heed_demoing *d, const char *title, const heed_model *model, const int32_t *ids,
                       int64_t n);

/** Always the likeliest token. */
heed_sampling heed_demo_greedy(void);
/** Drawn from the model's own probabilities, over the temperature. */
heed_sampling heed_demo_drawn(double temperature);

#endif
