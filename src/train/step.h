/* SPDX-License-Identifier: MIT */
/*
 * The graph of one training step: forward, backward, clipping, AdamW, all of it ordinary nodes.
 *
 *   objective = loss + the experts' load balance, where there are experts
 *   d.objective/d.p for every parameter p;   norm = |all gradients|;   factor = min(1, clip / norm)
 *   m, v, p  <-  adamw(p, m, v, factor * d.p, lr, t)      weight decay on parameters of two or more axes
 */
#ifndef HEED_TRAIN_STEP_H
#define HEED_TRAIN_STEP_H

#include <heed/train.h>

#include "graph/plan.h"
#include "kernels/device.h"
#include "nn/weights.h"

/* Numbers that change from step to step; the graph's inputs point here. */
typedef struct heed_step_inputs {
    int32_t *ids, *targets; /* [batch, T] */
    float lr, one;
    int32_t t;    /* 1 at the first step */
    int32_t step; /* names the dropout masks */
} heed_step_inputs;

typedef struct heed_step_graph {
    heed_graph *g;
    heed_node *loss, *norm; /* scalars: what a run is asked for; norm NULL without training */
    heed_node **m, **v;     /* the moments of each parameter of the weights, states of the graph */
} heed_step_graph;

/** Builds the step of a model on [batch, length] tokens. training false: only the loss, without dropout. */
heed_status heed_step_graph_create(const heed_weights *weights, const heed_train_options *options,
                                   int64_t batch, int64_t length, bool training, heed_step_inputs *inputs,
                                   heed_step_graph *out, heed_error *err);
void heed_step_graph_destroy(heed_step_graph *step);

/* What a step works on lies in one block: weights | first moments | second moments | arena of the plan. */

/** Bytes before the arena. */
size_t heed_step_state_bytes(const heed_weights *weights);
/** Lays the weights into the block, and binds them and the moments in the graph. */
void heed_step_place(const heed_step_graph *step, heed_weights *weights, void *block);
/** Where the first or second moments of parameter i lie, once the weights have their place. */
float *heed_step_moment(const heed_weights *weights, int i, int second);

/** Plans it for the device. */
heed_status heed_step_graph_plan(const heed_step_graph *step, heed_device *device, heed_plan **plan,
                                 heed_error *err);

#endif
