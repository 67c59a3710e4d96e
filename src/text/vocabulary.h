/* SPDX-License-Identifier: MIT */
/*
 * A vocabulary: byte strings and their ids, both ways.
 *
 *     s = heed_vocabulary_add(&v, "the", 3, 5);         in any order
 *     s = heed_vocabulary_seal(&v, "vocab.json", err);  then, and only then, it can be asked
 *     id = heed_vocabulary_find(&v, "the", 3);
 */
#ifndef HEED_TEXT_VOCABULARY_H
#define HEED_TEXT_VOCABULARY_H

#include <heed/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A record: id and length (the top bit: hidden), 4 bytes each, then the token's bytes and a NUL. */
typedef struct heed_vocabulary {
    char *records; /* one after the other, in the order of adding */
    size_t n_bytes, capacity, n;
    int64_t size;    /* the largest id and one */
    uint32_t *by_id; /* [size] offset of the record and one; 0: a hole */
    uint64_t *slots; /* hash table: the hash's upper half, offset and one in the lower; 0: free */
    size_t mask;     /* its size less one */
    size_t longest;  /* length of the longest token that is found */
} heed_vocabulary;

#define HEED_MAX_TOKENS   ((size_t)1 << 22)
#define HEED_MAX_ID_HOLES 65536 /* ids that may lie idle in all */
#define HEED_MAX_PROBES   1024  /* in a table that is half free no search of chance comes to a hundred */

/** hidden: it has an id, and is not found by its bytes. false: no memory, or more than HEED_MAX_TOKENS. */
bool heed_vocabulary_add(heed_vocabulary *v, const char *bytes, size_t n, int32_t id, bool hidden);
/**
 * HEED_ERR_FILE: two entries with one id or with the same bytes, an id far beyond the number of entries, entries that are
 * chosen so that their hashes collide.
 */
heed_status heed_vocabulary_seal(heed_vocabulary *v, const char *name, heed_error *err);
void heed_vocabulary_free(heed_vocabulary *v);

/** The id of these bytes, or -1. */
int32_t heed_vocabulary_find(const heed_vocabulary *v, const char *bytes, size_t n);
/** The bytes of an id, ended by a NUL; NULL for none. */
const char *heed_vocabulary_piece(const heed_vocabulary *v, int64_t id, size_t *n);
/** Whether the token with this id is hidden. */
bool heed_vocabulary_hides(const heed_vocabulary *v, int64_t id);

#endif
