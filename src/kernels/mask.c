/* SPDX-License-Identifier: MIT */
/* Which keys a query may see: the definition, and what follows from it for blocks of queries and keys. */
#include "kernels/mask.h"

#include <stddef.h>
#include <string.h>

/* --- one pair --- */

static bool order_sees(const heed_mask *m, int64_t position, int64_t j)
{
    const int64_t back = position - j;

    if (j < m->prefix)
        return true;
    return !(m->causal && back < 0) && !(m->window > 0 && back >= m->window) &&
           !(m->stride > 0 && back >= m->stride && back % m->stride != 0);
}

bool heed_mask_sees(const heed_mask *m, int64_t i, int64_t j)
{
    return order_sees(m, m->position + i, j) && (m->keys == NULL || m->keys[j]) &&
           (m->key_documents == NULL || m->query_documents[i] == m->key_documents[j]) &&
           (m->blocks == NULL || m->blocks[i / m->block * m->blocks_stride + j / m->block]) &&
           (m->pairs == NULL || m->pairs[i * m->pairs_stride + j]);
}

/* --- blocks of them --- */

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

heed_key_range heed_mask_range(const heed_mask *m, int64_t query_begin, int64_t query_end, int64_t n_key)
{
    const int64_t first = m->position + query_begin, last = m->position + query_end - 1;
    heed_key_range range = {0, n_key};

    if (m->causal)
        range.end = smaller(n_key, larger(last + 1, m->prefix));
    if (m->window > 0 && m->prefix == 0)
        range.begin = larger(0, first - m->window + 1);
    range.end = larger(range.end, 0);
    range.begin = smaller(range.begin, range.end);
    while (m->keys != NULL && range.begin < range.end && !m->keys[range.end - 1])
        range.end--;
    while (m->keys != NULL && range.begin < range.end && !m->keys[range.begin])
        range.begin++;
    return range;
}

/* Is there a multiple of the stride, or a distance smaller than it, in low .. high? */
static bool stride_meets(int64_t stride, int64_t low, int64_t high)
{
    return low < stride || high / stride * stride >= low;
}

/* The rules of order for a block, without the lists. */
static heed_seen order_of_tile(const heed_mask *m, int64_t first, int64_t last, int64_t key_begin,
                               int64_t key_end)
{
    const int64_t nearest = first - (key_end - 1), farthest = last - key_begin; /* how far back keys lie */

    if (key_end <= m->prefix)
        return HEED_SEEN_ALL;
    if (key_begin >= m->prefix && ((m->causal && farthest < 0) || (m->window > 0 && nearest >= m->window) ||
                                   (m->stride > 0 && !stride_meets(m->stride, nearest, farthest))))
        return HEED_SEEN_NONE;
    if ((m->causal && nearest < 0) || (m->window > 0 && farthest >= m->window) ||
        (m->stride > 1 && farthest >= m->stride))
        return HEED_SEEN_SOME;
    return HEED_SEEN_ALL;
}

/* What two rules leave of a block together; where both leave some, it may be nothing. */
static heed_seen both(heed_seen a, heed_seen b)
{
    return a < b ? a : b;
}

/* How a run of n flags reads: all 0, all set, or some. Eight at a time, until both have been met. */
static heed_seen flags_of(const uint8_t *flags, int64_t n, bool *set, bool *clear)
{
    int64_t j = 0;

    for (; j + 8 <= n && !(*set && *clear); j += 8) {
        uint64_t eight;

        memcpy(&eight, flags + j, sizeof eight);
        if (eight == 0)
            *clear = true;
        else if (eight == UINT64_C(0x0101010101010101))
            *set = true;
        else
            break;
    }
    for (; j < n && !(*set && *clear); j++)
        *(flags[j] ? set : clear) = true;
    return !*set ? HEED_SEEN_NONE : *clear ? HEED_SEEN_SOME : HEED_SEEN_ALL;
}

typedef struct document_range {
    int32_t least, largest;
} document_range;

static document_range documents_of(const int32_t *documents, int64_t begin, int64_t end)
{
    document_range range = {documents[begin], documents[begin]};

    for (int64_t n = begin + 1; n < end; n++) {
        range.least = documents[n] < range.least ? documents[n] : range.least;
        range.largest = documents[n] > range.largest ? documents[n] : range.largest;
    }
    return range;
}

/* Numbers of documents may come in any order; where they grow, as packed texts have them, this hides all it can. */
static heed_seen documents_of_tile(const heed_mask *m, int64_t query_begin, int64_t query_end,
                                   int64_t key_begin, int64_t key_end)
{
    const document_range query = documents_of(m->query_documents, query_begin, query_end);
    const document_range key = documents_of(m->key_documents, key_begin, key_end);

    if (query.largest < key.least || key.largest < query.least)
        return HEED_SEEN_NONE;
    return query.least == query.largest && key.least == key.largest ? HEED_SEEN_ALL : HEED_SEEN_SOME;
}

static heed_seen blocks_of_tile(const heed_mask *m, int64_t query_begin, int64_t query_end, int64_t key_begin,
                                int64_t key_end)
{
    const int64_t first = key_begin / m->block, n = (key_end - 1) / m->block - first + 1;
    heed_seen seen = HEED_SEEN_NONE;
    bool set = false, clear = false;

    for (int64_t i = query_begin / m->block; i <= (query_end - 1) / m->block; i++)
        seen = flags_of(m->blocks + i * m->blocks_stride + first, n, &set, &clear);
    return seen;
}

static heed_seen pairs_of_tile(const heed_mask *m, int64_t query_begin, int64_t query_end, int64_t key_begin,
                               int64_t key_end)
{
    heed_seen seen = HEED_SEEN_NONE;
    bool set = false, clear = false;

    for (int64_t i = query_begin; i < query_end; i++)
        seen = flags_of(m->pairs + i * m->pairs_stride + key_begin, key_end - key_begin, &set, &clear);
    return seen;
}

heed_seen heed_mask_tile(const heed_mask *m, int64_t query_begin, int64_t query_end, int64_t key_begin,
                         int64_t key_end)
{
    heed_seen seen = order_of_tile(m, m->position + query_begin, m->position + query_end - 1, key_begin,
                                   key_end);
    bool set = false, clear = false;

    if (seen != HEED_SEEN_NONE && m->keys != NULL)
        seen = both(seen, flags_of(m->keys + key_begin, key_end - key_begin, &set, &clear));
    if (seen != HEED_SEEN_NONE && m->key_documents != NULL)
        seen = both(seen, documents_of_tile(m, query_begin, query_end, key_begin, key_end));
    if (seen != HEED_SEEN_NONE && m->blocks != NULL)
        seen = both(seen, blocks_of_tile(m, query_begin, query_end, key_begin, key_end));
    if (seen != HEED_SEEN_NONE && m->pairs != NULL)
        seen = both(seen, pairs_of_tile(m, query_begin, query_end, key_begin, key_end));
    return seen;
}

double heed_mask_pairs(const heed_mask *m, int64_t n_query, int64_t n_key)
{
    const bool lists = m->keys != NULL || m->key_documents != NULL || m->blocks != NULL || m->pairs != NULL;
    double pairs = 0.0;

    if (!m->causal && m->window == 0 && m->stride == 0 && !lists)
        return (double)n_query * (double)n_key;
    for (int64_t i = 0; i < n_query; i++) {
        const heed_key_range range = heed_mask_range(m, i, i + 1, n_key);

        if (!lists && m->stride == 0 && (m->prefix == 0 || m->window == 0))
            pairs += (double)(range.end - range.begin);
        else
            for (int64_t j = range.begin; j < range.end; j++)
                pairs += heed_mask_sees(m, i, j);
    }
    return pairs;
}

heed_mask heed_mask_from_key(const heed_mask *mask, int64_t first)
{
    heed_mask part = *mask;

    part.position -= first;
    part.prefix = larger(part.prefix - first, 0);
    part.keys = mask->keys != NULL ? mask->keys + first : NULL;
    part.key_documents = mask->key_documents != NULL ? mask->key_documents + first : NULL;
    part.blocks = mask->blocks != NULL ? mask->blocks + first / mask->block : NULL;
    part.pairs = mask->pairs != NULL ? mask->pairs + first : NULL;
    return part;
}
