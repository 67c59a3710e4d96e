/* SPDX-License-Identifier: MIT */
#include "text/vocabulary.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "text/hash.h"

static bool grow(void **block, size_t *capacity, size_t needed, size_t item)
{
    size_t larger = *capacity > 0 ? *capacity : 1024;
    void *grown = NULL;

    if (needed <= *capacity)
        return true;
    while (larger < needed)
        larger *= 2;
    if (larger > SIZE_MAX / 2 / item)
        return false;
    grown = realloc(*block, larger * item);
    if (grown == NULL)
        return false;
    *block = grown;
    *capacity = larger;
    return true;
}

bool heed_vocabulary_add(heed_vocabulary *v, const char *bytes, size_t n, int32_t id, bool hidden)
{
    void *block = v->bytes, *entries = v->entries;

    if (v->n >= HEED_MAX_TOKENS || n > UINT32_MAX)
        return false;
    if (!grow(&block, &v->byte_capacity, v->n_bytes + n + 1, 1))
        return false;
    v->bytes = block;
    if (!grow(&entries, &v->capacity, v->n + 1, sizeof *v->entries))
        return false;
    v->entries = entries;
    memcpy(v->bytes + v->n_bytes, bytes, n);
    v->bytes[v->n_bytes + n] = '\0';
    v->entries[v->n++] = (heed_vocabulary_entry){
        .offset = v->n_bytes, .length = (uint32_t)n, .id = id, .hidden = hidden};
    v->n_bytes += n + 1;
    return true;
}

void heed_vocabulary_free(heed_vocabulary *v)
{
    free(v->bytes);
    free(v->entries);
    free(v->by_id);
    free(v->slots);
    *v = (heed_vocabulary){0};
}

static const char *shown(char out[80], const heed_vocabulary *v, uint32_t i)
{
    return heed_quote(out, 80, v->bytes + v->entries[i].offset, v->entries[i].length);
}

static heed_status index_ids(heed_vocabulary *v, const char *name, heed_error *err)
{
    char first[80], second[80];

    v->size = 0;
    for (size_t i = 0; i < v->n; i++) {
        const int32_t id = v->entries[i].id;

        if (id < 0 || (size_t)id >= v->n + HEED_MAX_ID_HOLES)
            return heed_fail(err, HEED_ERR_FILE,
                             "%s: the token \"%s\" has the id %d; %zu tokens need ids of 0 to %zu", name,
                             shown(first, v, (uint32_t)i), (int)id, v->n, v->n - 1);
        if (id >= v->size)
            v->size = (int64_t)id + 1;
    }
    v->by_id = calloc((size_t)v->size + 1, sizeof *v->by_id);
    if (v->by_id == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "%s: no memory for %zu tokens", name, v->n);
    for (size_t i = 0; i < v->n; i++) {
        uint32_t *slot = &v->by_id[v->entries[i].id];

        if (*slot != 0)
            return heed_fail(err, HEED_ERR_FILE, "%s: the id %d belongs to two tokens, \"%s\" and \"%s\"", name,
                             (int)v->entries[i].id, shown(first, v, *slot - 1), shown(second, v, (uint32_t)i));
        *slot = (uint32_t)i + 1;
    }
    return HEED_OK;
}

static bool equals(const heed_vocabulary *v, uint32_t i, const char *bytes, size_t n)
{
    return v->entries[i].length == n && memcmp(v->bytes + v->entries[i].offset, bytes, n) == 0;
}

/* The slot of these bytes, or the free one where they belong. */
static size_t slot_of(const heed_vocabulary *v, const char *bytes, size_t n, uint64_t hash)
{
    const uint64_t tag = hash & UINT64_C(0xffffffff00000000);
    size_t slot = (size_t)(hash >> 8) & v->mask;

    while (v->slots[slot] != 0 && ((v->slots[slot] & UINT64_C(0xffffffff00000000)) != tag ||
                                   !equals(v, (uint32_t)v->slots[slot] - 1, bytes, n)))
        slot = (slot + 1) & v->mask;
    return slot;
}

static heed_status index_bytes(heed_vocabulary *v, const char *name, heed_error *err)
{
    size_t n_slots = 1024;
    char text[80];

    while (n_slots < 2 * v->n)
        n_slots *= 2;
    v->slots = calloc(n_slots, sizeof *v->slots);
    if (v->slots == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "%s: no memory for %zu tokens", name, v->n);
    v->mask = n_slots - 1;
    for (size_t i = 0; i < v->n; i++) {
        const heed_vocabulary_entry *entry = &v->entries[i];
        const char *bytes = v->bytes + entry->offset;
        const uint64_t hash = heed_hash_bytes(bytes, entry->length);
        size_t slot = 0;

        if (entry->hidden)
            continue;
        slot = slot_of(v, bytes, entry->length, hash);
        if (v->slots[slot] != 0)
            return heed_fail(err, HEED_ERR_FILE, "%s: the token \"%s\" has two ids, %d and %d", name,
                             shown(text, v, (uint32_t)i), (int)v->entries[(uint32_t)v->slots[slot] - 1].id,
                             (int)entry->id);
        v->slots[slot] = (hash & UINT64_C(0xffffffff00000000)) | (i + 1);
        if (entry->length > v->longest)
            v->longest = entry->length;
    }
    return HEED_OK;
}

heed_status heed_vocabulary_seal(heed_vocabulary *v, const char *name, heed_error *err)
{
    const heed_status status = index_ids(v, name, err);

    return status != HEED_OK ? status : index_bytes(v, name, err);
}

int32_t heed_vocabulary_find(const heed_vocabulary *v, const char *bytes, size_t n)
{
    const uint64_t found = n <= v->longest ? v->slots[slot_of(v, bytes, n, heed_hash_bytes(bytes, n))] : 0;

    return found != 0 ? v->entries[(uint32_t)found - 1].id : -1;
}

const char *heed_vocabulary_piece(const heed_vocabulary *v, int64_t id, size_t *n)
{
    const heed_vocabulary_entry *entry = NULL;

    if (id < 0 || id >= v->size || v->by_id[id] == 0)
        return NULL;
    entry = &v->entries[v->by_id[id] - 1];
    *n = entry->length;
    return v->bytes + entry->offset;
}
