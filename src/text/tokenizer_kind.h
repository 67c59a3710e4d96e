/* SPDX-License-Identifier: MIT */
/*
 * What a kind of tokenizer provides. A new kind is a file with one such table and one line in tokenizer.c.
 */
#ifndef HEED_TEXT_TOKENIZER_KIND_H
#define HEED_TEXT_TOKENIZER_KIND_H

#include <jansson.h>
#include <stdbool.h>

#include "text/tokenizer.h"

typedef struct heed_tokenizer_kind {
    const char *name;

    /* Whether this kind reads such a tokenizer.json; cheap, looks at its shape only. */
    bool (*claims)(const json_t *root);
    /* Makes the tokenizer; an error speaks of the file as `name`. */
    heed_status (*read)(const json_t *root, const char *name, heed_tokenizer **tokenizer, heed_error *err);
    void (*write)(const heed_tokenizer *tokenizer, heed_text_buffer *out);
    void (*destroy)(heed_tokenizer *tokenizer);

    int64_t (*vocab_size)(const heed_tokenizer *tokenizer);
    const char *(*piece)(const heed_tokenizer *tokenizer, int64_t id, size_t *n); /* id is in the vocabulary */
    heed_status (*encode)(const heed_tokenizer *tokenizer, const char *text, size_t n, int32_t *ids,
                          size_t *n_ids, heed_error *err);
} heed_tokenizer_kind;

/* The first member of every tokenizer. */
struct heed_tokenizer {
    const heed_tokenizer_kind *kind;
};

extern const heed_tokenizer_kind heed_tokenizer_characters_kind;

#endif
