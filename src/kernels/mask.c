/* SPDX-License-Identifier: MIT */
/* Which keys a query may see: the definition, and what follows from it for blocks of queries and keys. */
#include "kernels/mask.h"

#include <stddef.h>

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

/* The rules of order for a block, without the lists. */
static heed_seen order_of_tile(const heed_mask *m, int64_t first, int64_t last, int64_t key_begin,
                               int64_t key_end)
{
    const bool prefix_some = key_begin < m->prefix, prefix_all = key_end <= m->prefix;

    if (prefix_all)
        return HEED_SEEN_ALL;
    if (!prefix_some &&
        ((m->causal && key_begin > last) || (m->window > 0 && key_end <= first - m->window + 1)))
        return HEED_SEEN_NONE;
    if ((m->causal && key_end - 1 > first) || (m->window > 0 && key_begin <= last - m->window) ||
        (m->stride > 0 && last - key_begin >= m->stride))
        return HEED_SEEN_SOME;
    return HEED_SEEN_ALL;
}

heed_seen heed_mask_tile(const heed_mask *m, int64_t query_begin, int64_t query_end, int64_t key_begin,
                         int64_t key_end)
{
    const heed_seen order = order_of_tile(m, m->position + query_begin, m->position + query_end - 1, key_begin,
                                          key_end);
    int64_t seen = 0;

    if (order == HEED_SEEN_NONE ||
        (m->keys == NULL && m->key_documents == NULL && m->blocks == NULL && m->pairs == NULL))
        return order;
    for (int64_t i = query_begin; i < query_end; i++) {
        for (int64_t j = key_begin; j < key_end; j++)
            seen += heed_mask_sees(m, i, j);
    }
    return seen == 0                                                   ? HEED_SEEN_NONE
           : seen == (query_end - query_begin) * (key_end - key_begin) ? HEED_SEEN_ALL
                                                                       : HEED_SEEN_SOME;
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
