/* SPDX-License-Identifier: MIT */
/*
 * What a kind of tokenizer provides. A new kind is a file with one such table and one line in tokenizer.c.
 */
#ifndef HEED_TEXT_TOKENIZER_KIND_H
#define HEED_TEXT_TOKENIZER_KIND_H

#include <jansson.h>
#include <stdbool.h>

#include "text/position.h"
#include "text/tokenizer.h"

typedef struct heed_tokenizer_kind {
    const char *name;
    bool needs_utf8; /* bytes that are no characters have no ids */

    /* Whether this kind reads such a tokenizer.json; cheap, looks at its shape only. */
    bool (*claims)(const json_t *root);
    /* Makes the tokenizer; an error speaks of the file as `name`. */
    heed_status (*read)(const json_t *root, const char *name, heed_tokenizer **tokenizer, heed_error *err);
    void (*write)(const heed_tokenizer *tokenizer, heed_text_buffer *out);
    void (*destroy)(heed_tokenizer *tokenizer);

    int64_t (*vocab_size)(const heed_tokenizer *tokenizer);
    /* id is 0 .. vocab_size-1; NULL for a hole */
    const char *(*piece)(const heed_tokenizer *tokenizer, int64_t id, size_t *n);
    int32_t (*find)(const heed_tokenizer *tokenizer, const char *piece, size_t n);

    /* The ids of a whole text; options are never NULL, and threads is 1 or more. */
    heed_status (*encode)(const heed_tokenizer *tokenizer, const char *text, size_t n,
                          const heed_encode_options *options, heed_id_sink *sink, void *context,
                          heed_error *err);

    /* The same for a text that begins at `start` of a longer one, as messages must know; NULL: they name no places. */
    heed_status (*encode_from)(const heed_tokenizer *tokenizer, const char *text, size_t n,
                               heed_text_position start, const heed_encode_options *options, heed_id_sink *sink,
                               void *context, heed_error *err);

    /*
     * Streaming, one of the two; NULL and NULL: the text is read whole.
     * cut: how many of the n bytes at text, which begins where an earlier cut was, can be encoded by themselves while
     * more text follows; 0: too few to say. stream: all by itself.
     */
    size_t (*cut)(const heed_tokenizer *tokenizer, const char *text, size_t n);
    heed_status (*stream)(const heed_tokenizer *tokenizer, const heed_encode_options *options,
                          heed_text_source *source, void *source_context, heed_id_sink *sink,
                          void *sink_context, heed_error *err);

    /* NULL: none. */
    int (*n_added)(const heed_tokenizer *tokenizer);
    heed_added_token (*added)(const heed_tokenizer *tokenizer, int i);
    /* Appends the text of the ids, which all have a piece. NULL: the pieces, one after the other. */
    void (*decode)(const heed_tokenizer *tokenizer, const int32_t *ids, size_t n, heed_text_buffer *out);
} heed_tokenizer_kind;

/* The first member of every tokenizer. */
struct heed_tokenizer {
    const heed_tokenizer_kind *kind;
};

extern const heed_tokenizer_kind heed_tokenizer_characters_kind;
extern const heed_tokenizer_kind heed_tokenizer_words_kind;

#endif
