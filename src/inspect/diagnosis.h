/* SPDX-License-Identifier: MIT */
/* A diagnosis from inside: written by diagnosis_write.c, looked at by diagnosis_attention.c, judged by diagnosis.c. */
#ifndef HEED_INSPECT_DIAGNOSIS_H
#define HEED_INSPECT_DIAGNOSIS_H

#include <heed/diagnosis.h>

/* A text with its prompt, and what went into each token of it. */
typedef struct heed_diagnosed {
    int32_t *ids; /* [n] */
    size_t n_prompt, n;
    heed_diagnosis_step *steps; /* [n - n_prompt]; NULL where nobody asks */
    int64_t window;             /* tokens that the session held at the end: the last ones */
    double log_probability;     /* mean of a written token */
} heed_diagnosed;

/**
 * Writes behind a prompt of ids until max_tokens or the end of a text; with steps, notes each. HEED_ERR_USAGE: what a
 * session refuses; HEED_ERR_MEMORY; HEED_ERR_CHECK: logits that are no numbers.
 */
heed_status heed_diagnosed_write(const heed_model *model, const int32_t *prompt, size_t n_prompt,
                                 const heed_generate_options *options, bool steps, heed_diagnosed *out,
                                 heed_error *err);
void heed_diagnosed_free(heed_diagnosed *text);

/** Fills in what the steps looked at, as far as the window at the end still holds it; a model without attention knows none. */
heed_status heed_diagnosed_attend(const heed_model *model, heed_diagnosed *text, heed_error *err);

#endif
