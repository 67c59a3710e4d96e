/* SPDX-License-Identifier: MIT */
/*
 * Runs of one reading in which some activations are replaced: what ablation, sweeps and patching are made of.
 *
 *     heed_intervention *v = NULL;
 *     status = heed_intervention_create(model, &(heed_forward_ids){ids, NULL, 1, n}, false, 0, &v, err);
 *     status = heed_intervention_store(v, &z, 1, err);                     one whole run: residuals, and z
 *     status = heed_intervention_run(v, &(heed_edit){.node = z, .head = 3, .n = n}, 1, err);
 *     … heed_intervention_result(v) …
 *
 * A run begins at the residual stream before the first changed node: the last blocks.L.resid_pre that this node comes after
 * is given from the whole run, so what stands before it does not run, and all that runs has the bits of a whole run. One plan
 * serves every run that begins at a layer; plans share one block of memory.
 *
 * A row of a node is what it has at one position: [d] of [batch, T, d], and the heads' pieces side by side, [n_heads *
 * head_dim], of [batch, n_heads, T, head_dim]. Positions count through the batch: number p is token p % T of row p / T.
 */
#ifndef HEED_INSPECT_INTERVENTION_H
#define HEED_INSPECT_INTERVENTION_H

#include "inspect/forward.h"

typedef struct heed_intervention heed_intervention;

/* n positions of a node, from `first` on, get other rows. */
typedef struct heed_edit {
    heed_node *node;
    int head;             /* only that piece of its row; -1: the whole row */
    int64_t first, n;     /* positions */
    const float *rows;    /* where the piece or row for position 0 begins; NULL: zeros */
    int64_t stride;       /* floats from a position's row to the next; 0: all get the same */
    const int64_t *index; /* whose row position p gets; NULL: its own */
} heed_edit;

/**
 * last: the result is the logits of the last position of each row, [batch, V]; otherwise the loss of each target, [batch, T].
 * HEED_ERR_USAGE as heed_forward_create().
 */
heed_status heed_intervention_create(const heed_model *model, const heed_forward_ids *in, bool last,
                                     int threads, heed_intervention **intervention, heed_error *err);
void heed_intervention_destroy(heed_intervention *intervention); /* NULL is allowed */
heed_forward *heed_intervention_forward(const heed_intervention *intervention);

/**
 * Says that the node may be edited. Runs do it by themselves, but plans are made again for each new one, so what is known
 * is said first. HEED_ERR_USAGE: the result does not depend on it, or it has no rows of numbers.
 */
heed_status heed_intervention_allow(heed_intervention *intervention, heed_node *node, heed_error *err);
/** Numbers in its row, and in the piece of a head. */
int64_t heed_intervention_width(const heed_node *node);
int64_t heed_intervention_piece(const heed_node *node);

/** Runs the whole model without a change; rows of these nodes are kept, and the residuals that later runs begin at. */
heed_status heed_intervention_store(heed_intervention *intervention, heed_node *const *nodes, int n,
                                    heed_error *err);
/** [positions, width] of a stored node, NULL for others. Lent. */
const float *heed_intervention_rows(const heed_intervention *intervention, const heed_node *node);

/** A run with edits (none: the whole one). Nodes are edited in the order of the computation, edits of one node in that given. */
heed_status heed_intervention_run(heed_intervention *intervention, const heed_edit *edits, int n,
                                  heed_error *err);
/** The result of the last run, until the next one. */
const heed_tensor *heed_intervention_result(const heed_intervention *intervention);

#endif
