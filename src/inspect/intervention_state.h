/* SPDX-License-Identifier: MIT */
/* Interventions from inside: made and kept by intervention.c, run by intervention_run.c. */
#ifndef HEED_INSPECT_INTERVENTION_STATE_H
#define HEED_INSPECT_INTERVENTION_STATE_H

#include "inspect/intervention.h"

/* The runs that begin before one block; number 0 are the whole ones. */
typedef struct heed_intervention_start {
    heed_node *resid; /* NULL: of the whole runs, and where a run cannot begin */
    float *rows;      /* its values in the whole run */
    heed_plan *plan;  /* made when it is first wanted */
} heed_intervention_start;

typedef struct heed_intervention_stored {
    const heed_node *node;
    float *rows;
} heed_intervention_stored;

struct heed_intervention {
    const heed_model *model;
    heed_forward *forward;
    heed_node *target;
    int64_t batch, length;
    heed_intervention_start *starts; /* [n_layers + 1] */
    int n_starts;
    heed_intervention_stored *stored;
    int n_stored;
    heed_node **editable; /* what plans hand to edit() */
    int n_editable, editable_capacity;
    int current; /* the start whose plan has the block; -1: none */
    void *block;
    size_t block_bytes;
    const heed_edit *edits; /* of the run in progress */
    int n_edits;
};

/** The piece of head h (0 where there are none) at position p. */
float *heed_intervention_at(const heed_tensor *x, int64_t p, int64_t h);

#endif
