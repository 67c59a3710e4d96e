/* SPDX-License-Identifier: MIT */
/*
 * Texts that a model of a demonstration writes by reading the whole window again for each token. So models write too that are
 * not causal, which a session refuses: what they make of it is what is to be seen.
 */
#ifndef HEED_WORKBOOK_DEMOS_WRITTEN_H
#define HEED_WORKBOOK_DEMOS_WRITTEN_H

#include <heed/model.h>

#include "workbook/demo.h"

/**
 * n tokens behind the prompt [n_prompt], drawn by the logits of the last position; of at most `window` tokens before it (0:
 * context_length). temperature 0: the likeliest. gap: a token that is read behind the text, and at whose place the model says what stands
 * there; -1: it says what comes next. Of the arena; NULL after a failure.
 */
int32_t *heed_demo_write(heed_demoing *d, const heed_model *model, const int32_t *prompt, int64_t n_prompt,
                         int64_t n, int64_t window, double temperature, int32_t gap);
/** The text of ids, of the arena; "" after a failure. */
const char *heed_demo_text_of(heed_demoing *d, const heed_tokenizer *tokenizer, const int32_t *ids, int64_t n);
/** The same as a passage. */
void heed_demo_show_ids(heed_demoing *d, const heed_tokenizer *tokenizer, const char *title, const int32_t *ids,
                        int64_t n);

#endif
