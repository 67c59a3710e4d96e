/* SPDX-License-Identifier: MIT */
/* Tokenizers from inside: what heed/tokenizer.h promises, and the text of a tokenizer.json in a buffer. */
#ifndef HEED_TEXT_TOKENIZER_H
#define HEED_TEXT_TOKENIZER_H

#include <heed/tokenizer.h>

#include "base/text_buffer.h"

/** Appends the text of its tokenizer.json to out. */
heed_status heed_tokenizer_write(const heed_tokenizer *tokenizer, heed_text_buffer *out, heed_error *err);

/** True when a text must be UTF-8 to have ids. */
bool heed_tokenizer_needs_utf8(const heed_tokenizer *tokenizer);

/** Like heed_tokenizer_encode(), but the ids go to sink, in order and in as many calls as it likes. */
heed_status heed_tokenizer_encode_to(const heed_tokenizer *tokenizer, const char *text, size_t n,
                                     const heed_encode_options *options, heed_id_sink *sink, void *context,
                                     heed_error *err);

#endif
