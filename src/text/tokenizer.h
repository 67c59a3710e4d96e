/* SPDX-License-Identifier: MIT */
/*
 * Tokenizers: text to token ids and back.
 *
 * A tokenizer is read-only once made and may be shared between threads. What kind it is (characters now)
 * matters only to the functions that make one; the others work on every kind. Ids are 0 .. vocab_size-1.
 *
 *     heed_tokenizer *tokenizer = NULL;
 *     heed_status s = heed_tokenizer_characters(text, n, &tokenizer, err);
 *     if (s == HEED_OK)
 *         s = heed_tokenizer_encode(tokenizer, "hear ye", 7, ids, &n_ids, err);
 *     heed_tokenizer_destroy(tokenizer);
 *
 * On disk it is the `tokenizer.json` of Hugging Face's tokenizers library, which splits a text into the same ids.
 */
#ifndef HEED_TEXT_TOKENIZER_H
#define HEED_TEXT_TOKENIZER_H

#include <heed/status.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text_buffer.h"

typedef struct heed_tokenizer heed_tokenizer;

/**
 * The characters (Unicode code points) that occur in text, numbered in ascending order of their codes.
 * HEED_ERR_USAGE: empty text, a NUL, or bytes that are not UTF-8 (named with their place).
 */
heed_status heed_tokenizer_characters(const char *text, size_t n, heed_tokenizer **tokenizer, heed_error *err);

/**
 * Reads the n bytes of a tokenizer.json; `name` (its path) begins every message.
 * HEED_ERR_FILE: broken JSON, a kind that is not read here (named), a vocabulary with holes or doubles.
 */
heed_status heed_tokenizer_parse(const char *json, size_t n, const char *name, heed_tokenizer **tokenizer,
                                 heed_error *err);
/** The same from the file at path. */
heed_status heed_tokenizer_load(const char *path, heed_tokenizer **tokenizer, heed_error *err);

void heed_tokenizer_destroy(heed_tokenizer *tokenizer); /* NULL is allowed */

/** Appends the text of its tokenizer.json to out. */
heed_status heed_tokenizer_write(const heed_tokenizer *tokenizer, heed_text_buffer *out, heed_error *err);

/** "characters". */
const char *heed_tokenizer_kind_name(const heed_tokenizer *tokenizer);
int64_t heed_tokenizer_vocab_size(const heed_tokenizer *tokenizer);

/**
 * The ids of n bytes of text. ids has room for n of them: no tokenizer makes more tokens than bytes.
 * HEED_ERR_USAGE: bytes that are not UTF-8, or a character that the vocabulary lacks; the message names it, its
 * line and column in text, and what the vocabulary has.
 */
heed_status heed_tokenizer_encode(const heed_tokenizer *tokenizer, const char *text, size_t n, int32_t *ids,
                                  size_t *n_ids, heed_error *err);

/** Appends the text of n ids to out. HEED_ERR_USAGE: an id that is not in the vocabulary. */
heed_status heed_tokenizer_decode(const heed_tokenizer *tokenizer, const int32_t *ids, size_t n,
                                  heed_text_buffer *out, heed_error *err);

/**
 * The bytes of one token, lent by the tokenizer and ended by a NUL that n does not count; n may be NULL.
 * NULL when id is not in the vocabulary.
 */
const char *heed_tokenizer_piece(const heed_tokenizer *tokenizer, int64_t id, size_t *n);

#endif
