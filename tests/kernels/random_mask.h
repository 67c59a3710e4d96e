/* SPDX-License-Identifier: MIT */
/*
 * Masks of any rules, with lists that repeat for the same state:
 *
 *     void *lists[N_LISTS] = {NULL};
 *     const heed_mask mask = random_mask(&state, n_query, n_key, 1u << CAUSAL | 1u << PAIRS, lists);
 *     ...                                                                        and free() of each list
 */
#ifndef HEED_TESTS_KERNELS_RANDOM_MASK_H
#define HEED_TESTS_KERNELS_RANDOM_MASK_H

#include <heed/mask.h>
#include <stdlib.h>

enum rule { CAUSAL, WINDOW, STRIDE, PREFIX, KEYS, DOCUMENTS, BLOCKS, PAIRS, N_RULES };
enum { N_LISTS = 5 };

/* low <= next() < high */
static inline int64_t next(uint32_t *state, int64_t low, int64_t high)
{
    *state = *state * 1664525u + 1013904223u;
    return low + (int64_t)(*state >> 8) % (high - low);
}

/* About `share` of 256 flags are 1. */
static inline uint8_t *random_flags(uint32_t *state, int64_t n, int64_t share)
{
    uint8_t *flags = malloc((size_t)n);

    assert_non_null(flags);
    for (int64_t e = 0; e < n; e++)
        flags[e] = next(state, 0, 256) < share;
    return flags;
}

static inline int32_t *random_documents(uint32_t *state, int64_t n, bool sorted)
{
    int32_t *documents = malloc((size_t)n * sizeof *documents), document = 0;

    assert_non_null(documents);
    for (int64_t e = 0; e < n; e++) {
        document = sorted ? document + (next(state, 0, 20) == 0) : (int32_t)next(state, 0, 4);
        documents[e] = document;
    }
    return documents;
}

static inline heed_mask random_mask(uint32_t *state, int64_t n_query, int64_t n_key, unsigned rules,
                                    void *lists[N_LISTS])
{
    const int64_t positions[] = {n_key - n_query, 0, -next(state, 1, 40), next(state, 0, 300)};
    const int64_t shares[] = {0, 20, 250, 256};
    heed_mask m = {.position = positions[next(state, 0, 4)]};

    m.causal = (rules & 1u << CAUSAL) != 0;
    m.window = rules & 1u << WINDOW ? next(state, 1, next(state, 0, 2) ? 20 : 300) : 0;
    m.stride = rules & 1u << STRIDE ? next(state, 1, 100) : 0;
    m.prefix = rules & 1u << PREFIX ? next(state, 1, 90) : 0;
    if (rules & 1u << KEYS)
        m.keys = lists[0] = random_flags(state, n_key, shares[next(state, 0, 4)]);
    if (rules & 1u << DOCUMENTS) {
        const bool sorted = next(state, 0, 2);

        m.query_documents = lists[1] = random_documents(state, n_query, sorted);
        m.key_documents = lists[2] = random_documents(state, n_key, sorted);
    }
    if (rules & 1u << BLOCKS) {
        m.block = next(state, 1, 70);
        m.blocks_stride = (n_key + m.block - 1) / m.block + next(state, 0, 3);
        m.blocks = lists[3] = random_flags(state, (n_query / m.block + 1) * m.blocks_stride, 128);
    }
    if (rules & 1u << PAIRS) {
        m.pairs_stride = n_key + next(state, 0, 3);
        m.pairs = lists[4] = random_flags(state, n_query * m.pairs_stride, shares[next(state, 0, 4)]);
    }
    return m;
}

#endif
