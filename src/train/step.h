/* SPDX-License-Identifier: MIT */
/*
 * The graph of one training step: forward, backward, clipping, the optimizer, all of it ordinary nodes. It runs in stages,
 * each a plan of its own over the one graph:
 *
 *   gradients   objective = loss + the experts' load balance, where there are experts
 *               grad.p  <-  d.objective/d.p for every parameter p                 [ + grad.p, where runs add up ]
 *   norm        grad_norm = |all gradients|
 *   update      factor = min(1, clip / norm)
 *               m, v, p  <-  adamw(p, m, v, factor * grad.p, lr, t)           or Adam, or gradient descent
 *   looks       before an update that somebody wants to see: |grad.p|^2, |p|^2 and |p' - p|^2 of every p
 *
 * A step of many windows may run the first stage several times on a part of them each (micro-batches): the objective of a
 * part is weighed by its share of the targets, so the gradients add up to those of all windows at once. Between the
 * stages the numbers lie still: who shares them between processes, or looks whether they are any good, does it there.
 *
 * Which parameters train, how fast and with which decay: train/groups.h. The others get no nodes here, and no memory
 * but their own. Weights, gradients and moments lie in one block, in this order; m and v only where the optimizer has them:
 *
 *   p         heed_weights_bytes()
 *   grad.p    groups.part_bytes, of the parameters that train alone; so are
 *   m   v
 *
 * One of several ranks updates only its parts of the parameters (train/split.h), and has moments of these alone. The update
 * then sees each part as a state of one axis, p.part and grad.part, which lies within p and grad.p. Gradients then
 * lie as the weights do, so that both are cut alike.
 */
#ifndef HEED_TRAIN_STEP_H
#define HEED_TRAIN_STEP_H

#include <heed/train.h>

#include "graph/plan.h"
#include "kernels/device.h"
#include "nn/weights.h"
#include "train/groups.h"
#include "train/split.h"
#include "train/touched.h"

/* Numbers that change from run to run; the graph's inputs point here. */
typedef struct heed_step_inputs {
    int32_t *ids, *targets; /* [batch, T] of one run */
    float share;            /* d.objective: the run's part of the step's targets, 1 when it is all of them */
    float norm;             /* length of all gradients, for the update */
    float lr;
    int32_t t;      /* 1 at the first step */
    int32_t window; /* the first of the run, counted from the first step on: names the dropout masks */
} heed_step_inputs;

typedef struct heed_step_shape {
    int64_t batch, length; /* windows of one run, and their tokens */
    bool training;         /* false: only the loss, without dropout */
    bool adds_up;          /* a run adds its gradients to what grad.p holds */
    bool whole_logits;     /* the loss is made from stored logits, for comparison; not with a teacher */
    int rank, n_ranks;     /* n_ranks 0: this process alone */
    const struct heed_teacher *teacher; /* whose distribution the objective has a part of; NULL: none */
} heed_step_shape;

/* What one rank updates of a parameter. */
typedef struct heed_step_part {
    const heed_split_part *of;
    heed_node *p, *grad, *m, *v; /* [n], states */
} heed_step_part;

/* Called within the first stage: the gradient of parameter i lies complete in the block. settled NULL: nobody watches. */
typedef struct heed_step_watch {
    void (*settled)(void *context, int i);
    void *context;
} heed_step_watch;

/* What is looked at of a parameter: scalars. */
typedef struct heed_look {
    heed_node *gradient, *weight, *update; /* their squares, added up; NULL where it gets no gradient */
} heed_look;

/* Arrays have one entry for each parameter of the weights, NULL where it gets no gradient. */
typedef struct heed_step_graph {
    heed_graph *g;
    int n_parameters;
    heed_node *loss, *norm; /* scalars; norm NULL without training */
    heed_node *kl;          /* the divergence from the teacher, a scalar; NULL without one */
    heed_node **grad;       /* grad.p, states */
    heed_node **complete;   /* what is written there: once it has run, the gradient is whole */
    heed_node **m, **v;     /* moments, states; also NULL where the optimizer has none */
    heed_groups groups;     /* empty without training */
    heed_look *looks;       /* NULL: nobody looks */
    heed_split *split;      /* over ranks; NULL with this process alone, and then m and v are all NULL */
    int rank;
    heed_step_part *parts; /* of this rank */
    int n_parts;
    heed_step_watch watch; /* whoever wants it sets it */
    heed_recompute recompute;
    /* Of tables that are only looked up, by one process and one run a step. */
    bool *sparse; /* [n_parameters] the gradient is written in touched rows alone */
    heed_touched touched;
    heed_node *marks;     /* its marks, an input; NULL where nothing is sparse */
    const heed_node *ids; /* of the run */
} heed_step_graph;

/* One plan a stage; norm and update are NULL without training, looks when nobody looks. */
typedef struct heed_step_plans {
    heed_plan *gradients, *norm, *update, *looks;
} heed_step_plans;

/** Builds the step of a model. HEED_ERR_MEMORY; HEED_ERR_USAGE: groups; HEED_ERR_SHAPE and others: the model's ops. */
heed_status heed_step_graph_create(const heed_weights *weights, const heed_train_options *options,
                                   const heed_step_shape *shape, heed_step_inputs *inputs, heed_step_graph *out,
                                   heed_error *err);
void heed_step_graph_destroy(heed_step_graph *step);

/** Bytes of weights, gradients and moments; of several ranks those of this one. */
size_t heed_step_own_bytes(const heed_step_graph *step, const heed_weights *weights);
/** All gradients, one behind the other, behind the weights. */
size_t heed_step_gradients_bytes(const heed_step_graph *step, const heed_weights *weights);
float *heed_step_gradients(const heed_weights *weights);
/** The gradient of parameter i in the block that the weights lie in, and its first or second moment; NULL: it has none. */
float *heed_step_gradient(const heed_step_graph *step, const heed_weights *weights, int i);
float *heed_step_moment(const heed_step_graph *step, const heed_weights *weights, int i, int second);
/** Here or with another rank. */
bool heed_step_has_moment(const heed_step_graph *step, int i, int second);
/** The moments of part k of this rank. */
float *heed_step_part_moment(const heed_step_graph *step, const heed_weights *weights, int k, int second);
/** Lays weights, gradients and moments into a zeroed block of heed_step_own_bytes() and binds the graph to them. */
void heed_step_place(const heed_step_graph *step, heed_weights *weights, void *block);

/** Plans the stages. step->watch must be set by then, and step stay where it is. HEED_ERR_MEMORY. */
heed_status heed_step_plan(const heed_step_graph *step, heed_device *device, heed_step_plans *plans,
                           heed_error *err);
void heed_step_plans_destroy(heed_step_plans *plans);
/** The arena that the stages share, one after the other. */
size_t heed_step_plans_bytes(const heed_step_plans *plans);
/** The block for it, or NULL to reserve them. HEED_ERR_MEMORY. */
heed_status heed_step_plans_place(heed_step_plans *plans, void *block, heed_error *err);
heed_cost heed_step_plans_cost(const heed_step_plans *plans);

/** Sets all gradients to 0: before the runs that add up to a step. */
void heed_step_clear_gradients(const heed_step_graph *step, heed_weights *weights);
/** Runs the first stage and returns its loss. inputs->share is what the loss is weighed by, 1 where this is the whole step. */
float heed_step_run_gradients(heed_step_graph *step, const heed_step_plans *plans);
/** The divergence from the teacher in that run; NaN without one. */
float heed_step_kl(const heed_step_graph *step, const heed_step_plans *plans);
/** Runs the second stage, hands the norm on to the third and returns it. */
float heed_step_run_norm(const heed_step_graph *step, const heed_step_plans *plans, heed_step_inputs *inputs);
void heed_step_run_update(const heed_step_plans *plans);

#endif
