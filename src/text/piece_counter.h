/* SPDX-License-Identifier: MIT */
/*
 * Counting the pieces of a text of any length, on all threads, in bounded memory.
 *
 * Each run of pieces is counted in a table of its own, then the tables are added up in the order of the text. At every
 * 16 MiB of text, wherever runs end, the rare pieces are dropped if there are too many. So neither the counts nor what
 * is dropped depends on threads.
 */
#ifndef HEED_TEXT_PIECE_COUNTER_H
#define HEED_TEXT_PIECE_COUNTER_H

#include "text/piece_table.h"
#include "text/pieces.h"

#define HEED_MAX_PIECE_BYTES 1024 /* a longer piece is counted as several of them, cut between characters */

typedef struct heed_piece_counter {
    size_t max_pieces; /* different ones after a check; between checks there may be more */
    int threads;
    heed_piece_table all;
    int64_t n_bytes; /* of text */
    int64_t n_dropped,
        n_occurrences; /* different pieces that were dropped, and how often they stood in the text */

    heed_piece_table *parts; /* [n_parts] one a run, kept for the next */
    size_t n_parts;
} heed_piece_counter;

/** A heed_piece_sink over a heed_piece_counter. HEED_ERR_MEMORY. */
heed_status heed_piece_counter_add(void *counter, const heed_piece_run *runs, size_t n_runs, heed_error *err);
void heed_piece_counter_free(heed_piece_counter *counter);

#endif
