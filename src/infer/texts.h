/* SPDX-License-Identifier: MIT */
/*
 * Texts being read side by side: the rows of a batch. Each has a window of the tokens that count, and a row of the cache.
 *
 *     heed_texts *texts = NULL;
 *     status = heed_texts_open(model, &options, 8, &texts, err);
 *     status = heed_texts_feed(texts, 0, prompt, n, NULL, err);         any number of tokens into one row
 *     status = heed_texts_step(texts, 8, ids, err);                     one token into each of the first 8, in one run
 *     heed_texts_logits(texts, 3);                                      of the next token of row 3
 *     heed_texts_close(texts);
 *
 * A window that is full slides before the next token: its older half is forgotten and the newer half is read again, since
 * positions begin anew. A prompt is read in chunks, so that the memory of a run has a bound, and the graph of a whole
 * chunk serves again. Without a cache the whole window is computed for each token, row by row: the yardstick.
 */
#ifndef HEED_INFER_TEXTS_H
#define HEED_INFER_TEXTS_H

#include <heed/session.h>

#include "infer/reader.h"

/* Tokens of a prompt that are read at once. */
#define HEED_TEXTS_CHUNK 512

typedef struct heed_window {
    int32_t *ids;   /* [context] the tokens that count */
    int64_t length; /* of them */
    int64_t cached; /* of these, what the cache holds */
    heed_slides slides;
    float *logits; /* [vocab_size] */
    bool has_logits;
} heed_window;

typedef struct heed_texts {
    const heed_model *model;
    int threads;
    bool use_cache;
    heed_overflow overflow;
    int64_t n, context;
    heed_window *window;    /* [n] */
    heed_cache cache;       /* n rows */
    heed_reader step, many; /* one token of several rows; several tokens of one */
    int32_t *ids, *past;    /* what the graphs see */
    int32_t *all_ids;       /* [n, context] */
    float *all_logits;      /* [n, vocab_size] */
    size_t copied_bytes;    /* by heed_texts_copy(), all in all */
} heed_texts;

/** Called after each token that is fed, with its number among these and the logits behind it. */
typedef void heed_texts_seen_fn(void *context, size_t i, const float *logits);

typedef struct heed_texts_seen {
    heed_texts_seen_fn *fn;
    void *context;
} heed_texts_seen;

/** Errors as of heed_session_open(). */
heed_status heed_texts_open(const heed_model *model, const heed_session_options *options, int64_t n,
                            heed_texts **texts, heed_error *err);
void heed_texts_close(heed_texts *texts); /* NULL is allowed */

/** Tokens that row r has room for before its window slides. */
int64_t heed_texts_room(const heed_texts *texts, int64_t r);
/** Forgets what row r has read. */
void heed_texts_clear(heed_texts *texts, int64_t r);
/** Errors as of heed_session_feed(). seen NULL: only the logits behind the last token are wanted. */
heed_status heed_texts_feed(heed_texts *texts, int64_t r, const int32_t *ids, size_t n,
                            const heed_texts_seen *seen, heed_error *err);
heed_status heed_texts_step(heed_texts *texts, int64_t n, const int32_t *ids, heed_error *err);
/** Row `to` becomes what row `from` was after n tokens of its window; what both have in common already is not copied. */
void heed_texts_copy(heed_texts *texts, int64_t to, int64_t from, int64_t n);
const float *heed_texts_logits(const heed_texts *texts, int64_t r);

#endif
