/* SPDX-License-Identifier: MIT */
/*
 * Pieces: the parts of a text that BPE never merges across, cut by a pattern before anything else.
 *
 *     "Hello, world!"   gpt2   ->   "Hello" "," " world" "!"
 *
 * A pattern is a regular expression of PCRE2 in UTF mode with Unicode classes. Pieces are its matches from left to
 * right, and whatever lies between two matches. \s is the Unicode property White_Space. A text is well-formed UTF-8
 * but for single bytes: a byte that is part of no character is a piece by itself and ends the text before it.
 *
 *     heed_pieces *pieces = NULL;
 *     s = heed_pieces_create(heed_pieces_named("gpt2"), "gpt2", &pieces, err);
 *     s = heed_pieces_stream(pieces, source, source_context, threads, count_words, &counts, err);
 *     heed_pieces_destroy(pieces);
 *
 * Read-only once made, and shared between threads.
 */
#ifndef HEED_TEXT_PIECES_H
#define HEED_TEXT_PIECES_H

#include <heed/tokenizer.h>

typedef struct heed_pieces heed_pieces;

/** The pattern of an encoding: "gpt2" (also r50k_base, p50k_base), "cl100k_base", "o200k_base"; NULL: not known. */
const char *heed_pieces_named(const char *encoding);

/**
 * Compiles a pattern; `name` begins messages. NULL: none, each well-formed stretch of text is one piece.
 * HEED_ERR_FILE: not a regular expression, or one that matches the empty string; the message shows it.
 */
heed_status heed_pieces_create(const char *pattern, const char *name, heed_pieces **pieces, heed_error *err);
void heed_pieces_destroy(heed_pieces *pieces); /* NULL is allowed */

/* What becomes of the matches of a pattern that cuts, in the words of tokenizer.json. */
typedef enum heed_split {
    HEED_SPLIT_ISOLATED,        /* each is a piece */
    HEED_SPLIT_REMOVED,         /* they are dropped */
    HEED_SPLIT_MERGED_PREVIOUS, /* each ends the piece before it */
    HEED_SPLIT_MERGED_NEXT,     /* each begins the piece after it */
    HEED_SPLIT_CONTIGUOUS,      /* neighbours are one piece */
    HEED_N_SPLITS
} heed_split;

/**
 * Adds a cut: the pieces so far are cut further, each as a text of its own. invert: what lies between matches takes
 * their part. letters: the pattern sees bytes as the letters that byte-level vocabularies write them in.
 */
heed_status heed_pieces_add(heed_pieces *pieces, const char *pattern, heed_split split, bool invert,
                            bool letters, const char *name, heed_error *err);

/* One piece: text[begin .. end-1]. */
typedef struct heed_piece {
    uint32_t begin, end;
    int32_t id; /* of the added token that it is, or -1 */
} heed_piece;

/* Consecutive pieces of a text; runs come in the text's order, and pieces in a run too. */
typedef struct heed_piece_run {
    const char *text;
    const heed_piece *pieces;
    size_t n;
} heed_piece_run;

/**
 * Receives the pieces of the next block of text as runs of similar size: work on them with heed_parallel(), one run an
 * item. All is lent for this call. Anything but HEED_OK ends the stream with that status.
 */
typedef heed_status heed_piece_sink(void *context, const heed_piece_run *runs, size_t n_runs, heed_error *err);

/**
 * Cuts a text of any length. source and sink are called from this thread; cutting itself uses `threads` of them (1 or
 * more). Pieces do not depend on threads. Memory: a few MB a thread, or the longest piece.
 * HEED_ERR_FILE: the pattern needs more steps or memory on this text than is allowed.
 */
heed_status heed_pieces_stream(const heed_pieces *pieces, heed_text_source *source, void *source_context,
                               int threads, heed_piece_sink *sink, void *sink_context, heed_error *err);

#endif
