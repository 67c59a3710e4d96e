/* SPDX-License-Identifier: MIT */
/*
 * All that belongs to a token lies in one record, so that a search touches two lines of memory: a slot and a record.
 */
#include "text/vocabulary.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "text/hash.h"

#define HEADER ((size_t)8)
#define HIDDEN UINT32_C(0x80000000)
#define UPPER  UINT64_C(0xffffffff00000000)

typedef struct record {
    int32_t id;
    uint32_t length;
    bool hidden;
    const char *bytes;
} record;

static inline record record_at(const heed_vocabulary *v, size_t offset)
{
    record r = {.bytes = v->records + offset + HEADER};

    memcpy(&r.id, v->records + offset, 4);
    memcpy(&r.length, v->records + offset + 4, 4);
    r.hidden = (r.length & HIDDEN) != 0;
    r.length &= ~HIDDEN;
    return r;
}

static size_t next_record(size_t offset, const record *r)
{
    return offset + HEADER + r->length + 1;
}

bool heed_vocabulary_add(heed_vocabulary *v, const char *bytes, size_t n, int32_t id, bool hidden)
{
    const uint32_t length = (uint32_t)n | (hidden ? HIDDEN : 0);
    size_t capacity = v->capacity > 0 ? v->capacity : 4096;

    if (v->n >= HEED_MAX_TOKENS || n >= HIDDEN || v->n_bytes + HEADER + n + 1 >= UINT32_MAX)
        return false;
    while (capacity < v->n_bytes + HEADER + n + 1)
        capacity *= 2;
    if (capacity != v->capacity) {
        char *records = realloc(v->records, capacity);

        if (records == NULL)
            return false;
        v->records = records;
        v->capacity = capacity;
    }
    memcpy(v->records + v->n_bytes, &id, 4);
    memcpy(v->records + v->n_bytes + 4, &length, 4);
    memcpy(v->records + v->n_bytes + HEADER, bytes, n);
    v->records[v->n_bytes + HEADER + n] = '\0';
    v->n_bytes += HEADER + n + 1;
    v->n++;
    return true;
}

void heed_vocabulary_free(heed_vocabulary *v)
{
    free(v->records);
    free(v->by_id);
    free(v->slots);
    *v = (heed_vocabulary){0};
}

static const char *show(char out[80], const record *r)
{
    return heed_quote(out, 80, r->bytes, r->length);
}

static heed_status check_ids(heed_vocabulary *v, const char *name, heed_error *err)
{
    char text[80];

    v->size = 0;
    for (size_t at = 0; at < v->n_bytes;) {
        const record r = record_at(v, at);

        if (r.id < 0 || (size_t)r.id >= v->n + HEED_MAX_ID_HOLES)
            return heed_fail(err, HEED_ERR_FILE,
                             "%s: the token \"%s\" has the id %d; %zu tokens need ids of 0 to %zu", name,
                             show(text, &r), (int)r.id, v->n, v->n - 1);
        if (r.id >= v->size)
            v->size = (int64_t)r.id + 1;
        at = next_record(at, &r);
    }
    return HEED_OK;
}

static bool equals(const heed_vocabulary *v, size_t offset, const char *bytes, size_t n)
{
    const record r = record_at(v, offset);

    return r.length == n && memcmp(r.bytes, bytes, n) == 0;
}

/* The slot of these bytes, or the free one where they belong. */
static inline size_t slot_of(const heed_vocabulary *v, const char *bytes, size_t n, uint64_t hash)
{
    size_t slot = (size_t)(hash >> 8) & v->mask;

    while (v->slots[slot] != 0 &&
           (((v->slots[slot] ^ hash) & UPPER) != 0 || !equals(v, (uint32_t)v->slots[slot] - 1, bytes, n)))
        slot = (slot + 1) & v->mask;
    return slot;
}

/* Enters the record into both indices. */
static heed_status enter(heed_vocabulary *v, size_t offset, const char *name, heed_error *err)
{
    const record r = record_at(v, offset);
    const uint64_t hash = heed_hash_bytes(r.bytes, r.length);
    uint32_t *by_id = &v->by_id[r.id];
    size_t slot = 0;
    char first[80], second[80];

    if (*by_id != 0) {
        const record other = record_at(v, *by_id - 1);

        return heed_fail(err, HEED_ERR_FILE, "%s: the id %d belongs to two tokens, \"%s\" and \"%s\"", name,
                         (int)r.id, show(first, &other), show(second, &r));
    }
    *by_id = (uint32_t)offset + 1;
    if (r.hidden)
        return HEED_OK;
    slot = slot_of(v, r.bytes, r.length, hash);
    if (((slot - (size_t)(hash >> 8)) & v->mask) > HEED_MAX_PROBES)
        return heed_fail(err, HEED_ERR_FILE,
                         "%s: the token \"%s\" collides with more than %d others in a hash table: such a "
                         "vocabulary is made to be slow",
                         name, show(first, &r), HEED_MAX_PROBES);
    if (v->slots[slot] != 0)
        return heed_fail(err, HEED_ERR_FILE, "%s: the token \"%s\" has two ids, %d and %d", name,
                         show(first, &r), (int)record_at(v, (uint32_t)v->slots[slot] - 1).id, (int)r.id);
    v->slots[slot] = (hash & UPPER) | (offset + 1);
    if (r.length > v->longest)
        v->longest = r.length;
    return HEED_OK;
}

heed_status heed_vocabulary_seal(heed_vocabulary *v, const char *name, heed_error *err)
{
    heed_status status = check_ids(v, name, err);
    size_t n_slots = 1024;

    if (status != HEED_OK)
        return status;
    while (n_slots < 2 * v->n)
        n_slots *= 2;
    v->mask = n_slots - 1;
    v->by_id = calloc((size_t)v->size + 1, sizeof *v->by_id);
    v->slots = calloc(n_slots, sizeof *v->slots);
    if (v->by_id == NULL || v->slots == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "%s: no memory for %zu tokens", name, v->n);
    for (size_t at = 0; status == HEED_OK && at < v->n_bytes;) {
        const record r = record_at(v, at);

        status = enter(v, at, name, err);
        at = next_record(at, &r);
    }
    return status;
}

int32_t heed_vocabulary_find(const heed_vocabulary *v, const char *bytes, size_t n)
{
    const uint64_t found = n <= v->longest ? v->slots[slot_of(v, bytes, n, heed_hash_bytes(bytes, n))] : 0;

    return found != 0 ? record_at(v, (uint32_t)found - 1).id : -1;
}

const char *heed_vocabulary_piece(const heed_vocabulary *v, int64_t id, size_t *n)
{
    record r;

    if (id < 0 || id >= v->size || v->by_id[id] == 0)
        return NULL;
    r = record_at(v, v->by_id[id] - 1);
    *n = r.length;
    return r.bytes;
}

bool heed_vocabulary_hides(const heed_vocabulary *v, int64_t id)
{
    return id >= 0 && id < v->size && v->by_id[id] != 0 && record_at(v, v->by_id[id] - 1).hidden;
}
