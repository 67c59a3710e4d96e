/* SPDX-License-Identifier: MIT */
/* What the files of a step share: the graph is step.c's, its update step_update.c's, the numbers step_place.c's, the runs step_plans.c's. */
#ifndef HEED_TRAIN_STEP_INTERNAL_H
#define HEED_TRAIN_STEP_INTERNAL_H

#include "train/step.h"

/* Stages of assignments (graph/graph.h). */
enum { HEED_STAGE_GRADIENTS, HEED_STAGE_UPDATE };

/** A state WHICH.p of p's shape: grad.wte.weight. */
heed_node *heed_step_state(heed_graph *g, const char *which, const heed_node *p);
/** Appends grad_norm, the length of all gradients together. */
heed_node *heed_step_norm(heed_graph *g, const heed_step_graph *step, const heed_weights *weights);
/** Appends the update of every parameter, or of this rank's parts of them. */
void heed_step_update(heed_step_graph *step, const heed_weights *weights, const heed_train_options *options,
                      heed_step_inputs *inputs);

#endif
