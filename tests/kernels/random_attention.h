/* SPDX-License-Identifier: MIT */
/*
 * Problems of attention under random masks, of any rules that are asked for; include after cmocka_all.h.
 *
 *     uint32_t state = 1;
 *     check_problem(random_problem(&state, 1u << CAUSAL | 1u << PREFIX, false, false, false));
 */
#ifndef HEED_TESTS_KERNELS_RANDOM_ATTENTION_H
#define HEED_TESTS_KERNELS_RANDOM_ATTENTION_H

#include "attention_problem.h"

/* Numbers that repeat: low <= next() < high. */
static inline int64_t next(uint32_t *state, int64_t low, int64_t high)
{
    *state = *state * 1664525u + 1013904223u;
    return low + (int64_t)(*state >> 8) % (high - low);
}

enum rule { CAUSAL, WINDOW, STRIDE, PREFIX, KEYS, DOCUMENTS, BLOCKS, PAIRS, N_RULES };

/* `share` of 256 flags are 1. */
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
        if (sorted)
            document += next(state, 0, 20) == 0;
        else
            document = (int32_t)next(state, 0, 4);
        documents[e] = document;
    }
    return documents;
}

/* A mask of the rules that are set, whose lists the problem frees. */
static inline heed_mask random_mask(uint32_t *state, const shape *s, unsigned rules, void *lists[5])
{
    const int64_t positions[] = {s->n_key - s->n_query, 0, -next(state, 1, 40), next(state, 0, 300)};
    const int64_t shares[] = {0, 20, 250, 256};
    heed_mask m = {.position = positions[next(state, 0, 4)]};

    m.causal = rules & 1u << CAUSAL;
    m.window = rules & 1u << WINDOW ? next(state, 1, next(state, 0, 2) ? 20 : 300) : 0;
    m.stride = rules & 1u << STRIDE ? next(state, 1, 100) : 0;
    m.prefix = rules & 1u << PREFIX ? next(state, 1, 90) : 0;
    if (rules & 1u << KEYS)
        m.keys = lists[0] = random_flags(state, s->n_key, shares[next(state, 0, 4)]);
    if (rules & 1u << DOCUMENTS) {
        const bool sorted = next(state, 0, 2);

        m.query_documents = lists[1] = random_documents(state, s->n_query, sorted);
        m.key_documents = lists[2] = random_documents(state, s->n_key, sorted);
    }
    if (rules & 1u << BLOCKS) {
        m.block = next(state, 1, 70);
        m.blocks_stride = (s->n_key + m.block - 1) / m.block + next(state, 0, 3);
        m.blocks = lists[3] = random_flags(state, (s->n_query / m.block + 1) * m.blocks_stride, 128);
    }
    if (rules & 1u << PAIRS) {
        m.pairs_stride = s->n_key + next(state, 0, 3);
        m.pairs = lists[4] = random_flags(state, s->n_query * m.pairs_stride, shares[next(state, 0, 4)]);
    }
    return m;
}

static inline shape random_shape(uint32_t *state)
{
    static const int64_t dims[] = {1, 7, 16, 33, 64, 100};
    shape s = {.range = 1.0f, .gap = next(state, 0, 4)};

    s.n_query = next(state, 0, 4) == 0 ? next(state, 1, 5) : next(state, 1, 131);
    s.n_key = next(state, 0, 4) == 0 ? next(state, 131, 700) : next(state, 1, 131);
    s.head_dim = dims[next(state, 0, 6)];
    s.v_dim = dims[next(state, 0, 6)];
    return s;
}

static inline problem *random_problem(uint32_t *state, unsigned rules, bool bias, bool relative, bool slope)
{
    const shape s = random_shape(state);
    const uint32_t seed = *state;
    void *lists[5] = {NULL};
    const extras e = {.mask = random_mask(state, &s, rules, lists),
                      .bias = bias,
                      .relative = relative,
                      .slope = slope ? 0.125f : 0.0f};
    problem *p = problem_new_with(&s, &e, seed);

    memcpy(p->lists, lists, sizeof lists);
    return p;
}

#endif
