/* SPDX-License-Identifier: MIT */
/*
 * Random graphs for the tests of this room: some thirty ops on [B, T, d] tensors, a loss, its gradients, AdamW.
 *
 *     random_graph *r = random_graph_open(seed);
 *     heed_plan *plan = random_graph_plan(r, &device, flags);
 *     random_graph_reset(r);                       sources as they were before any run
 *     heed_plan_run(plan);
 */
#ifndef HEED_TESTS_GRAPH_RANDOM_GRAPH_H
#define HEED_TESTS_GRAPH_RANDOM_GRAPH_H

#include "cmocka_all.h"
#include "graph/plan.h"
#include "kernels/device.h"
#include "ops/ops.h"

enum {
    RANDOM_MAX_SOURCES = 256,
    RANDOM_MAX_POOL = 64,
    RANDOM_MAX_TARGETS = RANDOM_MAX_SOURCES + RANDOM_MAX_POOL
};

typedef struct random_graph {
    uint64_t seed;
    heed_graph *g;
    heed_node *pool[RANDOM_MAX_POOL]; /* [B, T, d] each */
    int n_pool;
    heed_node *loss, *unused; /* unused: a parameter that the loss does not depend on */
    heed_node *ids, *window, *lr, *t, *seed_one;
    heed_node *sources[RANDOM_MAX_SOURCES];
    void *pristine[RANDOM_MAX_SOURCES];
    int n_sources;
    heed_node *targets[RANDOM_MAX_TARGETS]; /* loss, gradients, some of the pool */
    int n_targets;
} random_graph;

random_graph *random_graph_open(uint64_t seed);
void random_graph_close(random_graph *r);
/** Gives every source its first numbers again. */
void random_graph_reset(random_graph *r);

enum { RANDOM_REFERENCE = 1, RANDOM_KEEP_ALL = 2, RANDOM_ASSIGN = 4, RANDOM_CHEAP = 8, RANDOM_BLOCKS = 16 };
/** A placed plan of the targets. Fails the test when there is none. */
heed_plan *random_graph_plan(random_graph *r, heed_device *device, int flags);

/** Every target's value and every source's, one behind the other, after reset and run; free() it. */
float *random_graph_outcome(random_graph *r, heed_plan *plan, size_t *n);
/** Two outcomes have the same bits, or the test fails with seed and place. */
void random_graph_expect_same(const random_graph *r, const char *what, const float *a, const float *b,
                              size_t n);

/** A device with the fastest kernels, or (plain) the reference; one thread. */
heed_device random_device(bool plain);

#endif
