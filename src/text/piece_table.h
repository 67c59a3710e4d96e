/* SPDX-License-Identifier: MIT */
/*
 * Byte strings, each once, with a count and a number: 0, 1, 2, … in the order in which they were first seen.
 *
 *     heed_piece_table table = {0};
 *     heed_piece_table_add(&table, " the", 4, 1);
 *     heed_piece_table_add(&table, " the", 4, 1);          table.pieces[0].count is 2
 *     heed_piece_table_free(&table);
 *
 * The pieces of a text are counted in one, and a vocabulary is one (the number of a token is its id). Memory that is not
 * to be had is remembered in `failed`, and further additions do nothing.
 */
#ifndef HEED_TEXT_PIECE_TABLE_H
#define HEED_TEXT_PIECE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEED_PIECE_NONE UINT32_MAX

typedef struct heed_counted_piece {
    int64_t count;
    uint32_t offset, length; /* of its bytes */
    uint32_t hash;
} heed_counted_piece;

typedef struct heed_piece_table {
    heed_counted_piece *pieces; /* [n] */
    size_t n, capacity;
    char *bytes; /* of all pieces, one after the other, each ended by a NUL that is not counted */
    size_t n_bytes, bytes_capacity;
    uint64_t *slots; /* [n_slots] hash in the high half, number + 1 in the low one; 0: free */
    size_t n_slots;
    bool failed;
} heed_piece_table;

/** Adds count to the piece, which is made where it is new. Its number; HEED_PIECE_NONE without memory. */
uint32_t heed_piece_table_add(heed_piece_table *table, const char *bytes, size_t n, int64_t count);
/** The number of the piece, HEED_PIECE_NONE where there is none. */
uint32_t heed_piece_table_find(const heed_piece_table *table, const char *bytes, size_t n);
/** Its bytes, lent until the table changes. */
const char *heed_piece_table_bytes(const heed_piece_table *table, uint32_t number);

/** Adds every piece of `from`, in its order. */
void heed_piece_table_merge(heed_piece_table *table, const heed_piece_table *from);
/**
 * Drops pieces of at most `count`, and numbers the others anew in their order. What was dropped is returned: how many,
 * and in *occurrences the sum of their counts.
 */
size_t heed_piece_table_drop(heed_piece_table *table, int64_t count, int64_t *occurrences);
/** Empties it and keeps its memory. */
void heed_piece_table_clear(heed_piece_table *table);
void heed_piece_table_free(heed_piece_table *table);

#endif
