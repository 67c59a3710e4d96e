/* SPDX-License-Identifier: MIT */
/* A hash table with open addressing: slots in one array, the pieces beside it in the order in which they came. */
#include "text/piece_table.h"

#include <stdlib.h>
#include <string.h>

#include "text/hash.h"

#define LEAST_SLOTS ((size_t)64)

static uint32_t hash_of(const char *bytes, size_t n)
{
    return (uint32_t)heed_hash_bytes(bytes, n);
}

/* The slot of the piece, or the free one where it belongs. There always is a free one. */
static size_t slot_of(const heed_piece_table *t, const char *bytes, size_t n, uint32_t hash)
{
    size_t i = hash & (t->n_slots - 1);

    for (; t->slots[i] != 0; i = (i + 1) & (t->n_slots - 1)) {
        const heed_counted_piece *p;
        if ((uint32_t)(t->slots[i] >> 32) != hash)
            continue;
        p = &t->pieces[(uint32_t)t->slots[i] - 1];
        if (p->length == n && memcmp(t->bytes + p->offset, bytes, n) == 0)
            break;
    }
    return i;
}

/* --- room --- */

/* Puts the piece of that number into a free slot. */
static void place(heed_piece_table *t, uint32_t number)
{
    const uint32_t hash = t->pieces[number].hash;
    size_t i = hash & (t->n_slots - 1);

    while (t->slots[i] != 0)
        i = (i + 1) & (t->n_slots - 1);
    t->slots[i] = (uint64_t)hash << 32 | (number + 1);
}

static void place_all(heed_piece_table *t)
{
    memset(t->slots, 0, t->n_slots * sizeof *t->slots);
    for (size_t i = 0; i < t->n; i++)
        place(t, (uint32_t)i);
}

/* Half of the slots stay free, so that searches are short. */
static bool make_slots(heed_piece_table *t)
{
    const size_t n_slots = t->n_slots == 0 ? LEAST_SLOTS : 2 * t->n_slots;
    uint64_t *slots;

    if (2 * (t->n + 1) <= t->n_slots)
        return true;
    slots = realloc(t->slots, n_slots * sizeof *slots);
    if (slots == NULL)
        return false;
    t->slots = slots;
    t->n_slots = n_slots;
    place_all(t);
    return true;
}

static bool make_room(heed_piece_table *t, size_t n)
{
    if (t->n == t->capacity) {
        const size_t capacity = t->capacity == 0 ? LEAST_SLOTS / 2 : 2 * t->capacity;
        heed_counted_piece *pieces = realloc(t->pieces, capacity * sizeof *pieces);
        if (pieces == NULL)
            return false;
        t->pieces = pieces;
        t->capacity = capacity;
    }
    if (t->bytes == NULL || n >= t->bytes_capacity - t->n_bytes) {
        const size_t capacity = 2 * t->bytes_capacity + n + 256;
        char *bytes = realloc(t->bytes, capacity);
        if (bytes == NULL)
            return false;
        t->bytes = bytes;
        t->bytes_capacity = capacity;
    }
    return true;
}

/* --- the table --- */

/* Offsets and numbers have 32 bits. */
static bool fits(const heed_piece_table *t, size_t n)
{
    return t->n < HEED_PIECE_NONE - 1 && n < UINT32_MAX - t->n_bytes;
}

static uint32_t add_hashed(heed_piece_table *t, const char *bytes, size_t n, uint32_t hash, int64_t count)
{
    size_t slot;

    if (t->failed || !make_slots(t)) {
        t->failed = true;
        return HEED_PIECE_NONE;
    }
    slot = slot_of(t, bytes, n, hash);
    if (t->slots[slot] != 0) {
        const uint32_t number = (uint32_t)t->slots[slot] - 1;
        t->pieces[number].count += count;
        return number;
    }
    if (!fits(t, n) || !make_room(t, n)) {
        t->failed = true;
        return HEED_PIECE_NONE;
    }
    memcpy(t->bytes + t->n_bytes, bytes, n);
    t->bytes[t->n_bytes + n] = '\0';
    t->pieces[t->n] = (heed_counted_piece){count, (uint32_t)t->n_bytes, (uint32_t)n, hash};
    t->n_bytes += n + 1;
    t->slots[slot] = (uint64_t)hash << 32 | (t->n + 1);
    return (uint32_t)t->n++;
}

uint32_t heed_piece_table_add(heed_piece_table *t, const char *bytes, size_t n, int64_t count)
{
    return add_hashed(t, bytes, n, hash_of(bytes, n), count);
}

uint32_t heed_piece_table_find(const heed_piece_table *t, const char *bytes, size_t n)
{
    size_t slot;

    if (t->n_slots == 0)
        return HEED_PIECE_NONE;
    slot = slot_of(t, bytes, n, hash_of(bytes, n));
    return t->slots[slot] != 0 ? (uint32_t)t->slots[slot] - 1 : HEED_PIECE_NONE;
}

const char *heed_piece_table_bytes(const heed_piece_table *t, uint32_t number)
{
    return t->bytes + t->pieces[number].offset;
}

void heed_piece_table_merge(heed_piece_table *t, const heed_piece_table *from)
{
    for (size_t i = 0; i < from->n; i++) {
        const heed_counted_piece *p = &from->pieces[i];
        add_hashed(t, from->bytes + p->offset, p->length, p->hash, p->count);
    }
    t->failed = t->failed || from->failed;
}

size_t heed_piece_table_drop(heed_piece_table *t, int64_t count, int64_t *occurrences)
{
    const size_t n = t->n;
    size_t kept = 0, n_bytes = 0;

    *occurrences = 0;
    for (size_t i = 0; i < n; i++) {
        const heed_counted_piece p = t->pieces[i];
        if (p.count <= count) {
            *occurrences += p.count;
            continue;
        }
        memmove(t->bytes + n_bytes, t->bytes + p.offset, p.length + 1);
        t->pieces[kept] = p;
        t->pieces[kept++].offset = (uint32_t)n_bytes;
        n_bytes += p.length + 1;
    }
    t->n = kept;
    t->n_bytes = n_bytes;
    if (t->n_slots > 0)
        place_all(t);
    return n - kept;
}

void heed_piece_table_clear(heed_piece_table *t)
{
    t->n = t->n_bytes = 0;
    t->failed = false;
    if (t->n_slots > 0)
        memset(t->slots, 0, t->n_slots * sizeof *t->slots);
}

void heed_piece_table_free(heed_piece_table *t)
{
    free(t->pieces);
    free(t->bytes);
    free(t->slots);
    *t = (heed_piece_table){0};
}
