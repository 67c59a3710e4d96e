/* SPDX-License-Identifier: MIT */
/* A vocabulary from inside: what each kind does with what was counted. */
#ifndef HEED_TEXT_VOCAB_KINDS_H
#define HEED_TEXT_VOCAB_KINDS_H

#include <heed/vocab.h>

#include "text/bpe_learn.h"
#include "text/piece_table.h"

/**
 * The pattern of words: letters (with marks, and apostrophes between them), digits, one sign, one white space character.
 * Together they are every character, so no text falls between two words.
 */
#define HEED_WORDS_PATTERN "[\\p{L}\\p{M}]+(?:['\u2019][\\p{L}\\p{M}]+)*|\\p{N}+|\\s|[^\\s\\p{L}\\p{M}\\p{N}]"

/** The tokenizer of merges: the 256 bytes, a token for each merge, then the special ones. */
heed_status heed_vocab_make_bpe(const heed_vocab_options *options, const heed_bpe_merges *merges,
                                heed_tokenizer **tokenizer, heed_error *err);
/**
 * The tokenizer of the most frequent words, [UNK] before them if options say so, special tokens behind them. Words of the
 * same count go by their bytes.
 */
heed_status heed_vocab_make_words(const heed_vocab_options *options, const heed_piece_table *counted,
                                  int64_t vocab_size, heed_tokenizer **tokenizer, heed_error *err);

/* The characters that occur in texts. */
typedef struct heed_character_set heed_character_set;

heed_character_set *heed_character_set_create(void);      /* NULL: no memory */
void heed_character_set_destroy(heed_character_set *set); /* NULL is allowed */
/**
 * Takes the characters of the next block of a text; *n is its bytes, 0 at its end.
 * HEED_ERR_USAGE: a NUL, or bytes that are not UTF-8, with their place in this text.
 */
heed_status heed_character_set_read(heed_character_set *set, heed_text_source *source, void *context, size_t *n,
                                    heed_error *err);
int64_t heed_character_set_count(const heed_character_set *set);
heed_status heed_character_set_make(const heed_character_set *set, heed_tokenizer **tokenizer, heed_error *err);

#endif
