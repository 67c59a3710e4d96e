/* SPDX-License-Identifier: MIT */
/*
 * A plan: which nodes of a graph run, in which order, and where each tensor lies.
 *
 * Only what the targets need is run. All tensors of a run are laid into one arena by their life
 * times, so the peak is known before anything is allocated, and a run allocates nothing.
 *
 *     heed_plan *plan = NULL;
 *     heed_plan_options options = {.device = &device, .targets = (heed_node *[]){loss}, .n_targets = 1};
 *     heed_status s = heed_plan_create(g, &options, &plan, err);
 *     heed_plan_bytes(plan);                           what the arena takes
 *     s = heed_plan_place(plan, NULL, err);            allocates it (or takes a block of yours)
 *     heed_plan_run(plan);
 *     heed_tensor_get(heed_plan_value(plan, loss), 0);
 *     heed_plan_destroy(plan);
 *
 * Sources (inputs, parameters, states) are bound by their owner: node->tensor.data must point to
 * their numbers before the plan is placed, and stays.
 */
#ifndef HEED_GRAPH_PLAN_H
#define HEED_GRAPH_PLAN_H

#include <heed/recompute.h>

#include "graph/op.h"

typedef struct heed_plan heed_plan;

/** Called right after a node has run; the tensor is lent for the call and must not be changed. */
typedef void heed_observe_fn(void *context, const heed_node *node, const heed_tensor *value);

/** Called right after a node has run, before anybody reads it; the callback may change the numbers. */
typedef void heed_edit_fn(void *context, const heed_node *node, const heed_tensor *value);

typedef struct heed_plan_options {
    struct heed_device *device;
    heed_recompute recompute;  /* what the forward pass drops and the backward pass makes again (recompute.c) */
    bool reference;            /* run every op's plain forward */
    heed_node *const *targets; /* what the run must produce; their values stay readable until the next run */
    int n_targets;
    unsigned assign; /* bit s: also carry out the graph's assignments of stage s (the optimizer's update) */
    bool keep_all;   /* give every tensor its own place and overwrite nothing: for tracing and tests */
    heed_node *const *observed; /* run too, and shown to observe() when they are done */
    int n_observed;
    heed_observe_fn *observe;
    void *observe_context;
    /*
     * Interventions. A given node does not run, nor does what only it needs: the caller writes its value once the plan
     * has its memory (heed_plan_given), where it stays from run to run. An edited one runs and is handed to edit().
     */
    heed_node *const *given;
    int n_given;
    heed_node *const *edited;
    int n_edited;
    heed_edit_fn *edit;
    void *edit_context;
} heed_plan_options;

/**
 * HEED_ERR_USAGE: a given node that is a source or a view, or whose op is to run for another output; an edited one that
 * nothing reads. HEED_ERR_MEMORY.
 */

heed_status heed_plan_create(const heed_graph *g, const heed_plan_options *options, heed_plan **plan,
                             heed_error *err);
void heed_plan_destroy(heed_plan *plan); /* NULL is allowed */

/** Bytes of the arena: the peak of everything the run holds beside the bound sources. */
size_t heed_plan_bytes(const heed_plan *plan);
/** Takes the block for the arena (aligned to 64), or reserves one when it is NULL. HEED_ERR_MEMORY. */
heed_status heed_plan_place(heed_plan *plan, void *block, heed_error *err);
/** For a placed plan whose sources have been bound to other numbers: it reads these from now on. Allocates nothing. */
heed_status heed_plan_rebind(heed_plan *plan, heed_error *err);
void heed_plan_run(heed_plan *plan);

/** The value of a target or source (all nodes with keep_all) after a run; NULL for others. */
const heed_tensor *heed_plan_value(const heed_plan *plan, const heed_node *node);

/** Where the value of a given node of a placed plan is written: [count], dense or not as tensor says. */
const heed_tensor *heed_plan_given(const heed_plan *plan, const heed_node *node);

/** Nodes in running order, and what they cost together; what is made again is counted once. */
int heed_plan_n_steps(const heed_plan *plan);
const heed_node *heed_plan_step(const heed_plan *plan, int i);
/** The arguments step i runs with: for explain(). */
const heed_op_args *heed_plan_args(const heed_plan *plan, int i);
heed_cost heed_plan_cost(const heed_plan *plan);
/** True when step i makes again what an earlier step of the same node has made. */
bool heed_plan_is_again(const heed_plan *plan, int i);

/** What the forward pass leaves for the backward pass; all 0 for a graph without gradients. */
heed_step_memory heed_plan_memory(const heed_plan *plan);
/** Calls for each of these values: held at the turn from forward to backward, or dropped and made again. */
typedef void heed_waiting_fn(void *context, const heed_node *node, size_t bytes, bool again);
void heed_plan_list_waiting(const heed_plan *plan, heed_waiting_fn *waiting, void *context);

/** Bytes of the arena that hold something of use while each step runs, into bytes [n_steps]. */
void heed_plan_live_bytes(const heed_plan *plan, double *bytes);
/** Calls for each value that is in the arena while a step runs, and for the step's scratch memory. */
typedef void heed_live_fn(void *context, const heed_node *node, size_t bytes, bool scratch);
void heed_plan_list_live(const heed_plan *plan, int step, heed_live_fn *live, void *context);

/** Seconds spent in step i since profiling was switched on (which also sets them to zero). */
void heed_plan_profile(heed_plan *plan, bool on);
double heed_plan_step_seconds(const heed_plan *plan, int i);

#endif
