/* SPDX-License-Identifier: MIT */
#ifndef HEED_TEXT_WORDS_H
#define HEED_TEXT_WORDS_H

#include <heed/tokenizer.h>

#include "text/piece_table.h"

/**
 * A tokenizer of words: the numbers of the table are the ids, and *vocab is emptied into it. unknown: the id for words that
 * are not there; -1: they are refused. pattern cuts a text into words, everything between its matches is one, too.
 * HEED_ERR_FILE: a pattern that is not one; HEED_ERR_MEMORY.
 */
heed_status heed_words_create(heed_piece_table *vocab, int32_t unknown, const char *pattern, const char *name,
                              heed_tokenizer **tokenizer, heed_error *err);

#endif
