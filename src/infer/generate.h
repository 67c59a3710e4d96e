/* SPDX-License-Identifier: MIT */
/* What drawing and beam search have in common. */
#ifndef HEED_INFER_GENERATE_H
#define HEED_INFER_GENERATE_H

#include "infer/texts.h"
#include "infer/writer.h"

/* The tokens of all prompts. */
typedef struct heed_prompts {
    int32_t **ids;
    size_t *n_ids;
    int64_t n;
} heed_prompts;

void heed_prompts_close(heed_prompts *prompts);

/** Reads the writer's prompt into an empty row; shown: its tokens are handed on with what was said of them. */
heed_status heed_read_prompt(heed_texts *texts, int64_t row, heed_writer *writer, heed_writing *writing,
                             bool shown, heed_error *err);
/**
 * Draws the next token of a row and adds it to its text, or ends the text without one; *id is set only by drawing. The
 * row has not read the token then. HEED_ERR_CHECK, HEED_ERR_MEMORY.
 */
heed_status heed_write_token(heed_texts *texts, int64_t row, heed_writer *writer, heed_writing *writing,
                             heed_rng *rng, int32_t *id, heed_error *err);

#endif
