/* SPDX-License-Identifier: MIT */
/* A training step of a configuration, planned and not placed: what accounts are made from, and what measurements run. */
#ifndef HEED_TRAIN_PLANNED_H
#define HEED_TRAIN_PLANNED_H

#include <heed/accounting.h>

#include "train/step.h"

typedef struct heed_planned {
    heed_device device;
    heed_weights *weights; /* names and sizes; without numbers until they are placed */
    heed_step_inputs inputs;
    heed_step_graph graph;
    heed_step_plans plans;
    int64_t length, n_runs; /* of a window; runs of a step */
} heed_planned;

/** Starts zeroed; close it also after an error. HEED_ERR_USAGE, HEED_ERR_SHAPE, HEED_ERR_MEMORY. */
heed_status heed_planned_open(const heed_config *config, const heed_account_options *options, heed_planned *p,
                              heed_error *err);
void heed_planned_close(heed_planned *p);
/** Weights, gradients, moments and the arena: the block that a step runs in. */
size_t heed_planned_bytes(const heed_planned *p);
/** ids and targets of a run. */
size_t heed_planned_batch_bytes(const heed_planned *p);

#endif
