/* SPDX-License-Identifier: MIT */
/**
 * Learning a vocabulary from texts: byte pairs, words, or characters.
 *
 *     heed_vocab_options options = heed_vocab_options_default();
 *     heed_vocab *vocab = NULL;
 *     heed_tokenizer *tokenizer = NULL;
 *     options.vocab_size = 4096;
 *     if (heed_vocab_create(&options, &vocab, &err) != HEED_OK) …
 *     heed_vocab_add(vocab, source, context, &err);          once for each text (heed/tokenizer.h has the source)
 *     heed_vocab_learn(vocab, &tokenizer, &err);
 *     heed_vocab_destroy(vocab);
 *     heed_tokenizer_save(tokenizer, "tokenizer.json", &err);
 *
 * Texts may be of any length: pieces of them are counted, and when there are more different ones than max_pieces, the
 * rare are dropped. The result is a function of texts and options alone, on any machine, with any number of threads.
 */
#ifndef HEED_VOCAB_H
#define HEED_VOCAB_H

#include <heed/fields.h>
#include <heed/tokenizer.h>

#ifdef __cplusplus
extern "C" {
#endif

/* bpe: bytes, and pairs of tokens that stand together often. words: words, numbers, signs and white space. */
typedef enum heed_vocab_kind {
    HEED_VOCAB_BPE,
    HEED_VOCAB_WORDS,
    HEED_VOCAB_CHARACTERS,
} heed_vocab_kind;

/* What is known while a vocabulary is learned. */
typedef struct heed_vocab_progress {
    double n_bytes;    /* of the texts so far */
    int64_t n_pieces;  /* different ones that are counted now */
    int64_t n_dropped; /* rare ones that were dropped, each time that it happened */
    int64_t n_tokens;  /* of the vocabulary so far; 0 while texts are counted */
    int64_t vocab_size;
} heed_vocab_progress;

/* Called now and then; false ends the work with HEED_ERR_INTERRUPTED. */
typedef bool heed_vocab_progress_fn(void *context, const heed_vocab_progress *progress);

typedef struct heed_vocab_options {
    int kind; /* a heed_vocab_kind */
    /* Tokens in all, special ones among them. 0: 32768 of bpe and words, every character that occurs. Fewer come out
     * where a text has not got as many. */
    int64_t vocab_size;
    int64_t min_frequency; /* of a pair when it is merged, of a word; not of a character */
    int64_t max_pieces;    /* different pieces that are counted at a time */
    bool unknown;    /* words: [UNK] for those that have no place; else a text with such a word is refused */
    int64_t threads; /* 0: one a processor */

    const char *pattern; /* bpe: gpt2, cl100k_base, o200k_base, or a regular expression that cuts pieces */
    const char *const *special; /* [n_special] tokens that no text spells by chance: <|endoftext|> */
    int n_special;

    heed_vocab_progress_fn *progress; /* NULL: none */
    void *progress_context;
} heed_vocab_options;

/** bpe, 0, 2, 2^21, unknown, 0, gpt2, no special tokens. */
HEED_API heed_vocab_options heed_vocab_options_default(void);
/** The options that are numbers and words, by name. */
HEED_API const heed_field *heed_vocab_fields(int *n);

typedef struct heed_vocab heed_vocab;

/**
 * Options are copied, the texts in them are lent for the vocabulary's life.
 * HEED_ERR_USAGE: an option out of its range, a vocabulary too small for the 256 bytes and the special tokens, an empty or
 * doubled special token, one that is how a byte is written ("a"), special tokens of words or characters.
 * HEED_ERR_FILE: a pattern that is not one. HEED_ERR_MEMORY.
 */
HEED_API heed_status heed_vocab_create(const heed_vocab_options *options, heed_vocab **vocab, heed_error *err);
HEED_API void heed_vocab_destroy(heed_vocab *vocab); /* NULL is allowed */

/**
 * Counts a text. No piece goes over its end.
 * HEED_ERR_USAGE: words or characters of bytes that are not UTF-8, or hold a NUL. HEED_ERR_MEMORY, HEED_ERR_INTERRUPTED.
 */
HEED_API heed_status heed_vocab_add(heed_vocab *vocab, heed_text_source *source, void *context,
                                    heed_error *err);

/**
 * The tokenizer of what was counted. Once; nothing can be added after it.
 * HEED_ERR_USAGE: no text at all, more characters than vocab_size, a special token that is how a learned one is
 * written. HEED_ERR_MEMORY, HEED_ERR_INTERRUPTED.
 */
HEED_API heed_status heed_vocab_learn(heed_vocab *vocab, heed_tokenizer **tokenizer, heed_error *err);

/** As it is now. */
HEED_API heed_vocab_progress heed_vocab_state(const heed_vocab *vocab);

#ifdef __cplusplus
}
#endif
#endif
