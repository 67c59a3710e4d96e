/* SPDX-License-Identifier: MIT */
/*
 * How large the gradient of each kind of parameter is, how large the parameters are, and by how much a step moves them.
 *
 *     heed_demo_norms norms = heed_demo_norms_of(d, trainer);          the gradients of a batch; then one step
 *     norms.gradient.data[0 * HEED_DEMO_KINDS + HEED_DEMO_TOKENS]
 *     heed_demo_norm(norms.update, HEED_DEMO_QUERY) / heed_demo_norm(norms.weight, HEED_DEMO_QUERY)
 */
#ifndef HEED_WORKBOOK_DEMOS_NORMS_H
#define HEED_WORKBOOK_DEMOS_NORMS_H

#include <heed/train.h>

#include "workbook/demo.h"

typedef enum heed_demo_kind {
    HEED_DEMO_TOKENS,
    HEED_DEMO_POSITIONS,
    HEED_DEMO_QUERY, /* of the fused map its first third of columns, and so on */
    HEED_DEMO_KEY,
    HEED_DEMO_VALUE,
    HEED_DEMO_OUT,
    HEED_DEMO_QUERY_BIAS,
    HEED_DEMO_KEY_BIAS,
    HEED_DEMO_VALUE_BIAS,
    HEED_DEMO_MLP,
    HEED_DEMO_NORM,
    HEED_DEMO_HEAD,
    HEED_DEMO_KINDS
} heed_demo_kind;

/* "token table|position table|queries|..." in that order. */
extern const char heed_demo_kind_names[];

/* Euclidean norms [1 + n_layers, HEED_DEMO_KINDS]: row 0 outside of blocks, row 1 + l in block l; NaN where there is nothing. */
typedef struct heed_demo_norms {
    heed_grid gradient, weight, update;
    double loss; /* of the step's batch */
} heed_demo_norms;

/** The weights and their gradient for the first batch of the training part. Heads have their own keys and values. */
heed_demo_norms heed_demo_gradients_of(heed_demoing *d, const heed_trainer *trainer);
/** The same, and one step of the trainer: what it changes. */
heed_demo_norms heed_demo_norms_of(heed_demoing *d, heed_trainer *trainer);
/** One step alone: `weight` and `update`. */
heed_demo_norms heed_demo_update_of(heed_demoing *d, heed_trainer *trainer);
/** Of a kind in all rows together; NaN where there is none. */
double heed_demo_norm(heed_grid norms, heed_demo_kind kind);

#endif
