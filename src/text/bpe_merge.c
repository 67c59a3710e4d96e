/* SPDX-License-Identifier: MIT */
/*
 * The ids of one piece. A short one is merged over flat arrays, a long one over a linked list with a heap of its
 * pairs, in n log n. A thread remembers what the pieces that it has seen became.
 */
#include <stdlib.h>
#include <string.h>

#include "text/bpe.h"
#include "text/hash.h"

#define SHORT      64 /* bytes; from there on the heap is faster */
#define KEY_WORDS  4
#define KEY_BYTES  (8 * KEY_WORDS)
#define CACHED_IDS 7

/* One cache line. A piece lies in one of two neighbours: the newest in the first, which moves on what was there. */
typedef struct cached {
    uint64_t key[KEY_WORDS]; /* the piece, filled up with zeros */
    uint8_t n_bytes, n_ids;  /* n_bytes 0: free */
    int32_t ids[CACHED_IDS];
} cached;

/* A pair of neighbours in a long piece, by the place of its left one. */
typedef struct link {
    int32_t id;              /* of the token that begins here; a token that was joined away is dead */
    uint32_t next, previous; /* begin of the neighbours; n: none */
    uint32_t rank;           /* of this token with the next one */
    int32_t result;
} link;

struct heed_bpe_worker {
    const heed_bpe *bpe;
    void *block;   /* that holds the cache */
    cached *cache; /* [mask + 1], aligned to lines */
    size_t mask;
    link *links;
    uint64_t *heap; /* rank << 32 | place */
    size_t capacity, n_heap, heap_capacity;
};

heed_bpe_worker *heed_bpe_worker_create(const heed_bpe *bpe, size_t n_cached)
{
    heed_bpe_worker *w = calloc(1, sizeof *w);
    size_t n = 64;

    while (n < n_cached)
        n *= 2;
    if (w == NULL)
        return NULL;
    w->bpe = bpe;
    w->mask = n - 1;
    w->block = calloc(n + 1, sizeof *w->cache); /* pages that are never used stay unmade */
    if (w->block == NULL) {
        free(w);
        return NULL;
    }
    w->cache = (cached *)(((uintptr_t)w->block + sizeof *w->cache - 1) / sizeof *w->cache * sizeof *w->cache);
    return w;
}

void heed_bpe_worker_destroy(heed_bpe_worker *worker)
{
    if (worker == NULL)
        return;
    free(worker->block);
    free(worker->links);
    free(worker->heap);
    free(worker);
}

/* ---- the rank of a pair ------------------------------------------------------------------------------------- */

/* Of the tokens left and right, which are text[0 .. n-1] together. */
static uint32_t rank_of(const heed_bpe *bpe, int32_t left, int32_t right, const char *text, size_t n,
                        int32_t *result)
{
    const uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    size_t slot = 0;

    if (bpe->by_ranks) {
        *result = heed_vocabulary_find(&bpe->vocabulary, text, n);
        return *result < 0 ? HEED_NO_RANK : (uint32_t)*result;
    }
    for (slot = (size_t)heed_hash_mix(0, key) & bpe->pair_mask; bpe->pairs[slot].key != UINT64_MAX;
         slot = (slot + 1) & bpe->pair_mask)
        if (bpe->pairs[slot].key == key) {
            *result = bpe->pairs[slot].result;
            return bpe->pairs[slot].rank;
        }
    return HEED_NO_RANK;
}

static int32_t first_id(const heed_bpe *bpe, char byte)
{
    const int32_t id = bpe->byte_ids[(unsigned char)byte];

    return id >= 0 ? id : bpe->unknown;
}

/* ---- short pieces --------------------------------------------------------------------------------------------- */

static size_t merge_short(const heed_bpe *bpe, const char *bytes, size_t n, int32_t *ids)
{
    uint32_t ranks[SHORT];
    int32_t results[SHORT];
    uint8_t begins[SHORT + 1];
    size_t count = n;

    for (size_t i = 0; i < n; i++) {
        ids[i] = first_id(bpe, bytes[i]);
        begins[i] = (uint8_t)i;
    }
    begins[n] = (uint8_t)n;
    for (size_t i = 0; i + 1 < n; i++)
        ranks[i] = rank_of(bpe, ids[i], ids[i + 1], bytes + i, 2, &results[i]);
    while (count > 1) {
        size_t best = 0;

        for (size_t i = 1; i + 1 < count; i++)
            if (ranks[i] < ranks[best])
                best = i;
        if (ranks[best] == HEED_NO_RANK)
            break;
        ids[best] = results[best];
        for (size_t i = best + 1; i + 1 < count; i++) {
            ids[i] = ids[i + 1];
            ranks[i] = ranks[i + 1];
            results[i] = results[i + 1];
            begins[i] = begins[i + 1];
        }
        count--;
        begins[count] = (uint8_t)n;
        if (best + 1 < count)
            ranks[best] = rank_of(bpe, ids[best], ids[best + 1], bytes + begins[best],
                                  (size_t)(begins[best + 2] - begins[best]), &results[best]);
        if (best > 0)
            ranks[best - 1] = rank_of(bpe, ids[best - 1], ids[best], bytes + begins[best - 1],
                                      (size_t)(begins[best + 1] - begins[best - 1]), &results[best - 1]);
    }
    return count;
}

/* ---- long pieces ---------------------------------------------------------------------------------------------- */

static bool push(heed_bpe_worker *w, uint64_t entry)
{
    size_t i = w->n_heap++;

    if (i == w->heap_capacity) {
        const size_t capacity = 2 * w->heap_capacity + 1024;
        uint64_t *heap = realloc(w->heap, capacity * sizeof *heap);

        if (heap == NULL)
            return false;
        w->heap = heap;
        w->heap_capacity = capacity;
    }
    for (; i > 0 && entry < w->heap[(i - 1) / 2]; i = (i - 1) / 2)
        w->heap[i] = w->heap[(i - 1) / 2];
    w->heap[i] = entry;
    return true;
}

static uint64_t pop(heed_bpe_worker *w)
{
    const uint64_t top = w->heap[0], moved = w->heap[--w->n_heap];
    size_t i = 0;

    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= w->n_heap)
            break;
        if (child + 1 < w->n_heap && w->heap[child + 1] < w->heap[child])
            child++;
        if (moved <= w->heap[child])
            break;
        w->heap[i] = w->heap[child];
        i = child;
    }
    w->heap[i] = moved;
    return top;
}

/* Finds the rank of the token at `at` with the next one, and puts the pair into the heap. */
static bool rate(heed_bpe_worker *w, const char *bytes, uint32_t at, uint32_t n)
{
    link *l = &w->links[at];

    l->rank = HEED_NO_RANK;
    if (l->next == n)
        return true;
    l->rank = rank_of(w->bpe, l->id, w->links[l->next].id, bytes + at, w->links[l->next].next - at, &l->result);
    return l->rank == HEED_NO_RANK || push(w, (uint64_t)l->rank << 32 | at);
}

static bool reserve(heed_bpe_worker *w, size_t n)
{
    link *links = NULL;

    w->n_heap = 0;
    if (n <= w->capacity)
        return true;
    links = realloc(w->links, n * sizeof *links);
    if (links == NULL)
        return false;
    w->links = links;
    w->capacity = n;
    return true;
}

/* n < 2^32 */
static size_t merge_long(heed_bpe_worker *w, const char *bytes, size_t n, int32_t *out)
{
    const uint32_t end = (uint32_t)n;
    size_t count = 0;

    if (!reserve(w, n))
        return 0;
    for (uint32_t i = 0; i < end; i++)
        w->links[i] = (link){.id = first_id(w->bpe, bytes[i]), .next = i + 1, .previous = i > 0 ? i - 1 : end};
    for (uint32_t i = 0; i < end; i++)
        if (!rate(w, bytes, i, end))
            return 0;
    while (w->n_heap > 0) {
        const uint64_t top = pop(w);
        const uint32_t at = (uint32_t)top;
        link *l = &w->links[at];
        uint32_t gone = 0;

        if (l->rank != top >> 32) /* joined meanwhile, or dead */
            continue;
        gone = l->next;
        l->id = l->result;
        l->next = w->links[gone].next;
        w->links[gone].rank = HEED_NO_RANK;
        if (l->next < end)
            w->links[l->next].previous = at;
        if (!rate(w, bytes, at, end) || (l->previous < end && !rate(w, bytes, l->previous, end)))
            return 0;
    }
    for (uint32_t i = 0; i < end; i = w->links[i].next)
        out[count++] = w->links[i].id;
    return count;
}

/* ---- one piece ------------------------------------------------------------------------------------------------ */

/* Several unknown bytes in a row become one token. */
static size_t fuse(int32_t unknown, int32_t *ids, size_t n)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++)
        if (kept == 0 || ids[i] != unknown || ids[kept - 1] != unknown)
            ids[kept++] = ids[i];
    return kept;
}

static size_t merge(heed_bpe_worker *w, const char *bytes, size_t n, int32_t *out)
{
    const heed_bpe *bpe = w->bpe;
    const int32_t id = bpe->whole ? heed_vocabulary_find(&bpe->vocabulary, bytes, n) : -1;
    size_t count = 1;

    if (id >= 0)
        out[0] = id;
    else
        count = n <= SHORT ? merge_short(bpe, bytes, n, out) : merge_long(w, bytes, n, out);
    return bpe->fuse_unknown && bpe->unknown >= 0 ? fuse(bpe->unknown, out, count) : count;
}

size_t heed_bpe_piece(heed_bpe_worker *worker, const char *bytes, size_t n, int32_t *out)
{
    uint64_t key[KEY_WORDS] = {0}, hash = n;
    cached *line = NULL;
    size_t count = 0, word = 0;

    if (n > KEY_BYTES)
        return merge(worker, bytes, n, out);
    for (size_t i = 0; i < n; i += 8, word++) {
        key[word] = heed_hash_word(bytes + i, n - i);
        hash = heed_hash_mix(hash, key[word]);
    }
    line = &worker->cache[(hash >> 16) & worker->mask & ~(uint64_t)1];
    for (int k = 0; k < 2; k++, line++)
        if (line->n_bytes == n && memcmp(line->key, key, sizeof key) == 0) {
            for (size_t i = 0; i < line->n_ids; i++)
                out[i] = line->ids[i];
            return line->n_ids;
        }
    line -= 2;
    count = merge(worker, bytes, n, out);
    if (count > 0 && count <= CACHED_IDS) {
        line[1] = line[0];
        memcpy(line->key, key, sizeof key);
        line->n_bytes = (uint8_t)n;
        line->n_ids = (uint8_t)count;
        memcpy(line->ids, out, count * sizeof *out);
    }
    return count;
}
