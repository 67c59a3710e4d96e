/* SPDX-License-Identifier: MIT */
/* A plan from inside: filled by plan.c and layout.c, run by run.c. */
#ifndef HEED_GRAPH_PLAN_INTERNAL_H
#define HEED_GRAPH_PLAN_INTERNAL_H

#include "base/memory.h"
#include "graph/plan.h"

/*
 * Every node has two instances: number id is its value, number id + n_nodes the same value made again later, where the
 * plan drops it in between (recompute.c). Each has its place.
 */
typedef struct plan_step {
    const heed_node *node;                          /* first output */
    int in[HEED_MAX_INPUTS], out[HEED_MAX_OUTPUTS]; /* instances; -1: none */
    bool again;                                     /* it makes second instances */
    heed_op_args args;
    size_t workspace_bytes, workspace_offset;
    bool observed, edited;
    double seconds;
} plan_step;

/* Memory of one owner (an instance whose storage is its own), shared by its views. Steps count from 0. */
typedef struct plan_storage {
    size_t bytes;               /* 0: none is needed */
    int first, last;            /* the steps between which it holds something of use */
    int root;                   /* owner whose place it takes over; itself if none */
    size_t offset;              /* in the arena; of roots */
    const heed_node *in_source; /* not in the arena: written straight into this source */
} plan_storage;

/* After a run, source takes the value of node, which could not be computed in place. */
typedef struct plan_copy {
    const heed_node *source, *value;
} plan_copy;

struct heed_plan {
    const heed_graph *graph;
    struct heed_device *device;
    heed_recompute recompute;
    bool reference, keep_all, profile, owns_block;
    unsigned assign;
    heed_observe_fn *observe;
    void *observe_context;
    heed_edit_fn *edit;
    void *edit_context;

    /* by node id */
    int n_nodes;
    bool *used, *runs, *kept, *observed, *given, *edited;
    bool *again;  /* of first outputs: late readers read second instances */
    int *step_of; /* step that computes the node, -1 for sources and views */
    /* by instance */
    heed_tensor *value; /* with data once placed */
    plan_storage *storage;

    plan_step *steps;
    int n_steps;
    plan_copy *copies;
    int n_copies;
    size_t bytes;
    void *block;
};

/** Assignment i of the graph, when the plan carries it out. */
bool heed_plan_assigns(const heed_plan *plan, int i, heed_node **source, heed_node **value);

const heed_node *heed_plan_instance_node(const heed_plan *plan, int instance);
/* The instance in whose storage this one lies. */
int heed_plan_instance_owner(const heed_plan *plan, int instance);

/* Are numbers of this computed node in the arena: does it run, or is it given? */
bool heed_plan_holds(const heed_plan *plan, const heed_node *node);

/* The instance whose place it has in the end, after all that was written over others. */
int heed_plan_instance_root(const heed_plan *plan, int instance);

/* Marks in plan->again what is dropped after the forward pass. */
heed_status heed_plan_choose_again(heed_plan *plan, heed_error *err);

/* Decides where every tensor lies: reuse, assignments in place, offsets by life time. Sets plan->bytes. */
heed_status heed_plan_layout(heed_plan *plan, heed_error *err);

#endif
