/* SPDX-License-Identifier: MIT */
/*
 * A corpus in a file: texts that were tokenized once, mapped by every run that learns from them (docs/formats.md has the
 * layout). Only the pages of the window that is being read are in memory.
 *
 *     const heed_token_file_key key = {.tokenizer_hash = …, .texts_hash = …};
 *     if (heed_token_file_open(path, tokenizer, &key, &options, &corpus, NULL) != HEED_OK) {
 *         status = heed_token_file_write(path, tokenizer, texts, &key, &options, err);
 *         …heed_token_file_open() again…
 *     }
 */
#ifndef HEED_DATA_TOKEN_FILE_H
#define HEED_DATA_TOKEN_FILE_H

#include "data/corpus.h"

/* What the tokens were made of. */
typedef struct heed_token_file_key {
    uint64_t tokenizer_hash; /* FNV-1a of its tokenizer.json as heed writes it */
    uint64_t source_hash;    /* of the texts' names, sizes and times and of how they are read; 0: any will do */
} heed_token_file_key;

/** True when the file begins like one. */
bool heed_token_file_is(const char *path);

/**
 * Tokenizes all documents into the file at path: beside it first, so that it is whole or the earlier one. Memory does not
 * grow with the texts. HEED_ERR_FILE: a text that has no ids, a full disk. HEED_ERR_MEMORY.
 */
heed_status heed_token_file_write(const char *path, const heed_tokenizer *tokenizer, heed_documents *texts,
                                  const heed_token_file_key *key, const heed_corpus_options *options,
                                  heed_error *err);

/**
 * Maps a file and checks all of it, every id too. HEED_ERR_FILE: no token file, of another version, cut, damaged, of
 * another tokenizer or other texts, too short for the context. texts_hash: that of heed_documents_hash() when it was written;
 * may be NULL.
 */
heed_status heed_token_file_open(const char *path, const heed_tokenizer *tokenizer,
                                 const heed_token_file_key *key, const heed_corpus_options *options,
                                 heed_corpus **corpus, uint64_t *texts_hash, heed_error *err);

#endif
