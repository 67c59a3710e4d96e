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

static heed_hiding order_hides(const heed_mask *m, int64_t back)
{
    if (m->causal && back < 0)
        return HEED_HIDDEN_LATER;
    if (m->window > 0 && back >= m->window)
        return HEED_HIDDEN_WINDOW;
    return HEED_HIDDEN_STRIDE;
}

heed_hiding heed_mask_hides(const heed_mask *m, int64_t i, int64_t j)
{
    if (heed_mask_sees(m, i, j))
        return HEED_HIDDEN_NOT;
    if (!order_sees(m, m->position + i, j))
        return order_hides(m, m->position + i - j);
    if (m->keys != NULL && !m->keys[j])
        return HEED_HIDDEN_PADDING;
    if (m->key_documents != NULL && m->query_documents[i] != m->key_documents[j])
        return HEED_HIDDEN_DOCUMENT;
    if (m->blocks != NULL && !m->blocks[i / m->block * m->blocks_stride + j / m->block])
        return HEED_HIDDEN_BLOCK;
    return HEED_HIDDEN_PAIR;
}

const char *heed_hiding_text(heed_hiding why)
{
    static const char *const texts[] = {"not hidden",
                                        "later than the query",
                                        "further back than the window reaches",
                                        "between the strides",
                                        "padding",
                                        "of another document",
                                        "in a block that is hidden",
                                        "hidden by the table of pairs"};

    return texts[why];
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

typedef struct document_range {
    int32_t least, largest;
} document_range;

/* The least and the largest number of begin .. end - 1. */
static document_range documents_of(const int32_t *documents, int64_t begin, int64_t end)
{
    document_range range = {documents[begin], documents[begin]};

    for (int64_t n = begin + 1; n < end; n++) {
        range.least = documents[n] < range.least ? documents[n] : range.least;
        range.largest = documents[n] > range.largest ? documents[n] : range.largest;
    }
    return range;
}

/* Is key j padding, or of a document that none of these queries belongs to? */
static bool nobody_sees(const heed_mask *m, document_range queries, int64_t j)
{
    return (m->keys != NULL && !m->keys[j]) ||
           (m->key_documents != NULL &&
            (m->key_documents[j] < queries.least || m->key_documents[j] > queries.largest));
}

heed_key_range heed_mask_range(const heed_mask *m, int64_t query_begin, int64_t query_end, int64_t n_key)
{
    const int64_t first = m->position + query_begin, last = m->position + query_end - 1;
    heed_key_range range = {0, n_key};
    document_range queries = {0, 0};

    if (m->causal)
        range.end = smaller(n_key, larger(last + 1, m->prefix));
    if (m->window > 0 && m->prefix == 0)
        range.begin = larger(0, first - m->window + 1);
    range.end = larger(range.end, 0);
    range.begin = smaller(range.begin, range.end);
    if (m->key_documents != NULL)
        queries = documents_of(m->query_documents, query_begin, query_end);
    while (range.begin < range.end && nobody_sees(m, queries, range.end - 1))
        range.end--;
    while (range.begin < range.end && nobody_sees(m, queries, range.begin))
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

/* --- how many pairs --- */

/* Keys that order lets a query at this position see. */
static int64_t count_by_order(const heed_mask *m, int64_t position, int64_t n_key)
{
    const int64_t prefix = smaller(m->prefix, n_key);
    const int64_t begin = larger(prefix, m->window > 0 ? position - m->window + 1 : 0);
    const int64_t end = m->causal ? smaller(n_key, position + 1) : n_key;
    const int64_t near = m->stride > 0 ? larger(begin, position - m->stride + 1) : begin;
    int64_t seen = prefix + larger(end - near, 0);

    if (begin < smaller(near, end)) /* multiples of the stride, farther back */
        seen += (position - begin) / m->stride - (position - smaller(near, end)) / m->stride;
    return seen;
}

enum { COUNT = 64 }; /* pairs are counted in squares of that many queries and keys */

static double count_square(const heed_mask *m, int64_t query_begin, int64_t query_end, int64_t key_begin,
                           int64_t key_end)
{
    const heed_seen seen = heed_mask_tile(m, query_begin, query_end, key_begin, key_end);
    int64_t pairs = 0;

    if (seen != HEED_SEEN_SOME)
        return seen == HEED_SEEN_ALL ? (double)(query_end - query_begin) * (double)(key_end - key_begin) : 0.0;
    for (int64_t i = query_begin; i < query_end; i++)
        for (int64_t j = key_begin; j < key_end; j++)
            pairs += heed_mask_sees(m, i, j);
    return (double)pairs;
}

double heed_mask_pairs(const heed_mask *m, int64_t n_query, int64_t n_key)
{
    double pairs = 0.0;

    if (m->keys == NULL && m->key_documents == NULL && m->blocks == NULL && m->pairs == NULL) {
        for (int64_t i = 0; i < n_query; i++)
            pairs += (double)count_by_order(m, m->position + i, n_key);
        return pairs;
    }
    for (int64_t i = 0; i < n_query; i += COUNT) {
        const int64_t i_end = smaller(i + COUNT, n_query);
        const heed_key_range range = heed_mask_range(m, i, i_end, n_key);

        for (int64_t j = range.begin; j < range.end; j += COUNT)
            pairs += count_square(m, i, i_end, j, smaller(j + COUNT, range.end));
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
