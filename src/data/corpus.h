/* SPDX-License-Identifier: MIT */
/*
 * A corpus: texts as one long row of token ids, the first 90 % for training, the last 10 % for validation.
 *
 *     heed_file text = {0};
 *     heed_corpus *corpus = NULL;
 *     status = heed_corpus_open_text(&text, path, false, err);
 *     status = heed_tokenizer_characters(text.data, text.size, &tokenizer, err);
 *     status = heed_corpus_create(tokenizer, text.data, text.size, path, &options, &corpus, err);
 *     heed_file_close(&text);
 *
 * Read-only once made. The ids take one, two or four bytes each, whichever the vocabulary needs. They lie in memory, or in
 * a token file that is mapped (data/token_file.h).
 */
#ifndef HEED_DATA_CORPUS_H
#define HEED_DATA_CORPUS_H

#include <heed/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "data/documents.h"
#include "data/packing.h"
#include "data/source.h"
#include "text/tokenizer.h"

typedef struct heed_corpus_options {
    int64_t context_length; /* each part must hold one window of it and the target after */
    bool whole;             /* no training part: all of the text is for validation */
    bool end_of_text;       /* between documents, as in data/documents.h */
    int threads;            /* for tokenizing; 0: one a processor */
} heed_corpus_options;

/* Tokens begin .. begin + n - 1. */
typedef struct heed_span {
    int64_t begin, n;
} heed_span;

typedef struct heed_corpus {
    heed_source source;    /* what training reads */
    int64_t n;             /* tokens in all */
    int64_t n_train;       /* floor(0.9 n), or 0 when whole */
    int64_t n_bytes;       /* of the texts */
    int64_t vocab_size;    /* of the tokenizer that made it */
    heed_packing packing;  /* how the ids lie in tokens; read them with heed_corpus_read() */
    const uint8_t *tokens; /* lies in one of these */
    void *storage;
    heed_file file;
} heed_corpus;

/**
 * Maps a text file and checks every byte of it. HEED_ERR_FILE, with the place, for a file that is missing, a folder,
 * empty, binary (holds a NUL), UTF-16, or not UTF-8. any_bytes, for tokenizers that take them: what is no UTF-8 is fine,
 * and so is a NUL behind the first 8 KiB; at their beginning it says that this is no text. Close it with
 * heed_file_close().
 */
heed_status heed_corpus_open_text(heed_file *text, const char *path, bool any_bytes, heed_error *err);
/** The same checks on a text in memory; `name` begins the message. */
heed_status heed_corpus_check_text(const char *text, size_t n, bool any_bytes, const char *name,
                                   heed_error *err);

/**
 * Tokenizes n bytes of text. `name` (its path) begins every message.
 * HEED_ERR_FILE: not UTF-8, a character that the vocabulary lacks, too short for the context.
 */
heed_status heed_corpus_create(const heed_tokenizer *tokenizer, const char *text, size_t n, const char *name,
                               const heed_corpus_options *options, heed_corpus **corpus, heed_error *err);
/** The same of documents, as heed_documents_encode() joins them. */
heed_status heed_corpus_read_documents(const heed_tokenizer *tokenizer, heed_documents *texts,
                                       const heed_corpus_options *options, heed_corpus **corpus,
                                       heed_error *err);
void heed_corpus_destroy(heed_corpus *corpus); /* NULL is allowed */

/** For whoever makes a corpus of n tokens in another way: cuts it into parts and makes it a source. */
void heed_corpus_wire(heed_corpus *corpus, bool whole);
/** HEED_ERR_FILE: too short for the context. */
heed_status heed_corpus_check_length(const heed_corpus *corpus, const heed_tokenizer *tokenizer,
                                     const char *name, const heed_corpus_options *options, heed_error *err);

/** HEED_ERR_FILE: a target field, and a part in which no token counts as a target: there is nothing to learn or to measure. */
heed_status heed_corpus_check_targets(const heed_corpus *corpus, const char *name, heed_error *err);

/**
 * Bytes per target: those of the pieces of all tokens of a part that count, over their number. A special token has none. A
 * mean loss over targets, divided by it, is one a byte of what was predicted.
 */
double heed_corpus_bytes_per_token(const heed_corpus *corpus, const heed_tokenizer *tokenizer, heed_part part);

heed_span heed_corpus_part(const heed_corpus *corpus, heed_part part);
/** Copies tokens begin .. begin + n - 1 to ids; the caller keeps to 0 .. corpus->n. */
void heed_corpus_read(const heed_corpus *corpus, int64_t begin, int64_t n, int32_t *ids);

#endif
