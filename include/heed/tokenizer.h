/* SPDX-License-Identifier: MIT */
/**
 * Tokenizers: text to token ids and back.
 *
 *     heed_tokenizer *tokenizer = NULL;
 *     int32_t *ids = NULL;
 *     size_t n_ids = 0;
 *     heed_status s = heed_tokenizer_open("gpt2/tokenizer.json", NULL, &tokenizer, &err);
 *     if (s == HEED_OK)
 *         s = heed_tokenizer_encode(tokenizer, "hear ye", 7, NULL, &ids, &n_ids, &err);
 *     free(ids);
 *     heed_tokenizer_destroy(tokenizer);
 *
 * A tokenizer is read-only once made and may be shared between threads. What kind it is matters only to the
 * functions that make one; the others work on every kind. Ids are 0 .. vocab_size-1, and a vocabulary may have holes.
 *
 * A byte-level BPE tokenizer whose normalizer changes nothing keeps every byte: decoding the ids of any bytes,
 * UTF-8 or not, gives the same bytes.
 */
#ifndef HEED_TOKENIZER_H
#define HEED_TOKENIZER_H

#include <heed/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct heed_tokenizer heed_tokenizer;

/* ---- making one ------------------------------------------------------------------------------------------- */

/**
 * Opens the tokenizer at path, in whichever of these forms it is:
 *
 *     tokenizer.json     any name; the form of Hugging Face's tokenizers library
 *     vocab.json         any name, with merges.txt (or the name with "vocab" replaced by "merges") beside it
 *     NAME.tiktoken      a table of ranks; its pattern and special tokens are those of `encoding`
 *     a folder           its tokenizer.json, else its vocab.json and merges.txt
 *
 * encoding: "gpt2" (r50k_base), "cl100k_base" or "o200k_base" for a table of ranks. NULL: taken from the file's name,
 * else from its number of tokens; a table that is neither is refused, and the message says how to name the encoding.
 * HEED_ERR_FILE: a file that is missing, broken, or of a kind or with a part that is not read here (named).
 * HEED_ERR_USAGE: an encoding that is not known.
 */
HEED_API heed_status heed_tokenizer_open(const char *path, const char *encoding, heed_tokenizer **tokenizer,
                                         heed_error *err);

/**
 * Reads the n bytes of a tokenizer.json; `name` (its path) begins every message.
 * HEED_ERR_FILE: broken JSON, a kind that is not read here (named), a broken vocabulary.
 */
HEED_API heed_status heed_tokenizer_parse(const char *json, size_t n, const char *name,
                                          heed_tokenizer **tokenizer, heed_error *err);
/** The same from the file at path. */
HEED_API heed_status heed_tokenizer_load(const char *path, heed_tokenizer **tokenizer, heed_error *err);

/**
 * The characters (Unicode code points) that occur in text, numbered in ascending order of their codes.
 * HEED_ERR_USAGE: empty text, a NUL, or bytes that are not UTF-8 (named with their place).
 */
HEED_API heed_status heed_tokenizer_characters(const char *text, size_t n, heed_tokenizer **tokenizer,
                                               heed_error *err);

HEED_API void heed_tokenizer_destroy(heed_tokenizer *tokenizer); /* NULL is allowed */

/** Replaces the file at path by the tokenizer as a tokenizer.json. HEED_ERR_FILE, HEED_ERR_MEMORY. */
HEED_API heed_status heed_tokenizer_save(const heed_tokenizer *tokenizer, const char *path, heed_error *err);

/* ---- looking at it ---------------------------------------------------------------------------------------- */

/** "characters", "byte-level BPE". */
HEED_API const char *heed_tokenizer_kind_name(const heed_tokenizer *tokenizer);
/** The largest id and one. */
HEED_API int64_t heed_tokenizer_vocab_size(const heed_tokenizer *tokenizer);
/**
 * The bytes of one token, lent by the tokenizer and ended by a NUL that n does not count; n may be NULL.
 * They need not be whole characters. NULL when no token has the id.
 */
HEED_API const char *heed_tokenizer_piece(const heed_tokenizer *tokenizer, int64_t id, size_t *n);
/** The id of the token with exactly these bytes, or -1. */
HEED_API int32_t heed_tokenizer_find(const heed_tokenizer *tokenizer, const char *piece, size_t n);

/* A token that is looked for in the text before anything else. */
typedef struct heed_added_token {
    const char *text; /* lent by the tokenizer; ended by a NUL that n does not count */
    size_t n;
    int32_t id;
    bool special; /* acts only when encoding asks for special tokens; others always act */
} heed_added_token;

HEED_API int heed_tokenizer_n_added(const heed_tokenizer *tokenizer);
HEED_API heed_added_token heed_tokenizer_added(const heed_tokenizer *tokenizer,
                                               int i); /* i in 0 .. n_added-1 */
/** The id of the special token that ends a text (<|endoftext|>, </s> and their like), or -1. */
HEED_API int32_t heed_tokenizer_end_of_text(const heed_tokenizer *tokenizer);

/* ---- text to ids ------------------------------------------------------------------------------------------ */

/* All zero: plain text, nothing added, every processor. */
typedef struct heed_encode_options {
    bool special;  /* special tokens that the text spells become their ids; else they are text like any other */
    bool complete; /* adds what the tokenizer's template puts around a text, such as a first <s> */
    int threads;   /* 0: one a processor */
} heed_encode_options;

/**
 * The ids of n bytes of text; *ids is allocated, free() it. options NULL: all zero. The ids do not depend on threads.
 * HEED_ERR_USAGE: text that has no ids in this vocabulary; the message names it, its line and column.
 * HEED_ERR_FILE: the tokenizer's pattern takes more steps or memory on this text than is allowed. HEED_ERR_MEMORY.
 */
HEED_API heed_status heed_tokenizer_encode(const heed_tokenizer *tokenizer, const char *text, size_t n,
                                           const heed_encode_options *options, int32_t **ids, size_t *n_ids,
                                           heed_error *err);

/* Puts the next bytes of a text into buffer, at most capacity of them; *n is how many, 0 at the end. */
typedef heed_status heed_text_source(void *context, char *buffer, size_t capacity, size_t *n, heed_error *err);
/* Receives the next n ids; they are lent for this call. Anything but HEED_OK ends the encoding with that status. */
typedef heed_status heed_id_sink(void *context, const int32_t *ids, size_t n, heed_error *err);

/**
 * Encodes a text of any length: bytes come from source and ids go to sink, in order, both called from this thread.
 * The ids are those of heed_tokenizer_encode() on the whole. Memory is a few MB a thread and does not grow with the
 * text, unless one piece of it is longer than that (a million letters without a space), or the tokenizer's normalizer
 * needs the whole text to change a part of it.
 */
HEED_API heed_status heed_tokenizer_stream(const heed_tokenizer *tokenizer, const heed_encode_options *options,
                                           heed_text_source *source, void *source_context, heed_id_sink *sink,
                                           void *sink_context, heed_error *err);

/* ---- ids to text ------------------------------------------------------------------------------------------ */

/**
 * The text of n ids, special tokens spelled out; *text is allocated (ended by a NUL that *n_text does not count),
 * free() it. HEED_ERR_USAGE: an id that is not in the vocabulary.
 */
HEED_API heed_status heed_tokenizer_decode(const heed_tokenizer *tokenizer, const int32_t *ids, size_t n,
                                           char **text, size_t *n_text, heed_error *err);

#ifdef __cplusplus
}
#endif
#endif
