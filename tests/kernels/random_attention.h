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
#include "random_mask.h"

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
    void *lists[N_LISTS] = {NULL};
    const extras e = {.mask = random_mask(state, s.n_query, s.n_key, rules, lists),
                      .bias = bias,
                      .relative = relative,
                      .slope = slope ? 0.125f : 0.0f};
    problem *p = problem_new_with(&s, &e, seed);

    memcpy(p->lists, lists, sizeof lists);
    return p;
}

#endif
