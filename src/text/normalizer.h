/* SPDX-License-Identifier: MIT */
/*
 * Normalizers: what a tokenizer.json does to a text before it cuts it. NFC, NFD, NFKC, NFKD, Lowercase, Replace,
 * Prepend, Strip, StripAccents, and sequences of them.
 */
#ifndef HEED_TEXT_NORMALIZER_H
#define HEED_TEXT_NORMALIZER_H

#include <heed/status.h>
#include <jansson.h>
#include <stdbool.h>

#include "base/text_buffer.h"

typedef struct heed_normalizer heed_normalizer;

/**
 * Reads the "normalizer" of a file, `name` in messages. NULL or null: none, *normalizer is NULL.
 * HEED_ERR_FILE: one that is not read here (named).
 */
heed_status heed_normalizer_read(const json_t *value, const char *name, heed_normalizer **normalizer,
                                 heed_error *err);
void heed_normalizer_destroy(heed_normalizer *normalizer); /* NULL is allowed */

/** Whether a text may be normalized in parts that are cut in front of an ASCII character; begin: of the text. */
bool heed_normalizer_cuts(const heed_normalizer *normalizer);
/** Appends the normalized text; begin: it begins the text or follows an added token. */
heed_status heed_normalizer_apply(const heed_normalizer *normalizer, const char *text, size_t n, bool begin,
                                  heed_text_buffer *out, heed_error *err);

#endif
