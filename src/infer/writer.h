/* SPDX-License-Identifier: MIT */
/* One text being written: what was drawn, what is held back of it, who is told, and why it ends. */
#ifndef HEED_INFER_WRITER_H
#define HEED_INFER_WRITER_H

#include <heed/generate.h>

#include "infer/held_text.h"
#include "infer/sampling.h"

/* What all texts of a call have in common. */
typedef struct heed_writing {
    const heed_model *model;
    const heed_generate_options *options;
    heed_generate_fn *each; /* may be NULL */
    void *context;
    heed_likelihood *likeliest; /* [options->likeliest] scratch */
    heed_sampler sampler;
} heed_writing;

typedef struct heed_writer {
    int64_t prompt, sample;
    heed_history history;
    heed_held_text held;
    heed_generated result;
} heed_writer;

/** HEED_ERR_USAGE: an option that cannot be; HEED_ERR_MEMORY. */
heed_status heed_writing_open(heed_writing *writing, const heed_model *model,
                              const heed_generate_options *options, heed_generate_fn *each, void *context,
                              heed_error *err);
void heed_writing_close(heed_writing *writing);

/** Begins with the tokens of the prompt, which are copied. */
heed_status heed_writer_open(heed_writer *writer, const heed_writing *writing, int64_t prompt, int64_t sample,
                             const int32_t *ids, size_t n, heed_error *err);
void heed_writer_close(heed_writer *writer);

/** Hands token i of the prompt on; logits: what was said before it, NULL for the first. */
void heed_writer_show_prompt(heed_writer *writer, heed_writing *writing, size_t i, const float *logits);
/** Draws the next token. */
int32_t heed_writer_draw(heed_writer *writer, heed_writing *writing, const float *logits, heed_rng *rng);
/**
 * Adds a token and hands it on, with what these logits said of it; logits NULL: with this log-probability. room: tokens
 * that the context takes before it is full, this one among them; -1: any number. Sets result.finish when the text ends.
 * HEED_ERR_MEMORY.
 */
heed_status heed_writer_add(heed_writer *writer, heed_writing *writing, int32_t id, const float *logits,
                            double log_probability, int64_t room, heed_error *err);
/** Ends a text without a token. */
void heed_writer_end(heed_writer *writer, heed_writing *writing, heed_finish finish);

/**
 * HEED_ERR_CHECK when no probabilities follow from n logits, one being NaN or infinite or all of them -inf: what is drawn
 * from them would look like a text.
 */
heed_status heed_check_logits(const float *logits, int64_t n, heed_error *err);

#endif
