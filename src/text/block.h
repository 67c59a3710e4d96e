/* SPDX-License-Identifier: MIT */
/*
 * A block of text cut into pieces by several threads, with the same result as by one.
 *
 * Every thread begins at a place of its own, most likely in the middle of a piece. After all have run, they are joined
 * in order: a thread's pieces count from the first boundary on that the text before it ends at; up to there the piece
 * that crosses is cut again.
 */
#ifndef HEED_TEXT_BLOCK_H
#define HEED_TEXT_BLOCK_H

#include "text/cutter.h"

typedef struct heed_block_segment heed_block_segment;

typedef struct heed_block {
    const heed_pieces *pieces;
    int threads;
    heed_cutter *cutters; /* [threads] */
    heed_block_segment *segments;
    size_t n_segments, segment_capacity;
    heed_piece_run *runs; /* the result: [n_runs], until the next cut */
    size_t n_runs;

    /* what is being cut; all lent */
    const char *text;
    size_t n;
    bool last;
    const heed_piece
        *breaks; /* pieces that are known already (added tokens), in order; they end the text before them */
    size_t n_breaks;
} heed_block;

heed_status heed_block_open(heed_block *block, const heed_pieces *pieces, int threads, heed_error *err);
void heed_block_close(heed_block *block); /* an empty struct is allowed */

/** Bytes of text that keep the threads of a block busy. */
size_t heed_block_bytes(int threads);

/**
 * Cuts text[0 .. n-1], n < 4 GiB; last: the text ends there. *done is how much of it the pieces cover; the rest needs
 * more text. Nothing is kept between two calls but memory.
 */
heed_status heed_block_cut(heed_block *block, const char *text, size_t n, bool last, const heed_piece *breaks,
                           size_t n_breaks, size_t *done, heed_error *err);

#endif
