/* SPDX-License-Identifier: MIT */
/*
 * What training does with each parameter, by its name: whether it trains at all, how fast, and how it decays.
 *
 *     freeze "wte.weight, wpe.weight"                        these stay as they are
 *     groups "*.attn.*: lr 0.1; wte.weight: weight_decay 0.1, lr 0.5"
 *
 * Rules hold in their order, a later one over an earlier one. Where no rule says otherwise, decay is for the matrices of
 * maps: norms, biases and what is looked up (embeddings, relative positions, the bigram table) have none.
 *
 * From that also follows what an optimizer has to remember. Gradients and moments of the parameters that train lie in
 * parts of equal layout, `at` bytes from the begin of a part; frozen ones have no place there.
 */
#ifndef HEED_TRAIN_GROUPS_H
#define HEED_TRAIN_GROUPS_H

#include <heed/train.h>

#include "nn/weights.h"

typedef struct heed_group {
    bool trains;
    double lr;               /* factor on the learning rate */
    double weight_decay, l2; /* apart from the gradient; in it */
    size_t at;               /* where its gradient and its moments lie in their parts */
} heed_group;

typedef struct heed_groups {
    heed_group *list;  /* one for each parameter of the weights */
    int n_moments;     /* of each parameter that trains: 2, 1 or 0 */
    size_t part_bytes; /* of all gradients, or of all first or second moments */
    int64_t n_trained; /* numbers that train */
} heed_groups;

/**
 * HEED_ERR_USAGE says what is wrong with a rule: no pattern or setting, no such setting (with the near one), a pattern that
 * no parameter has (with the near name), nothing left to train, a decay that the optimizer does not have.
 */
heed_status heed_groups_create(const heed_weights *weights, const heed_train_options *options,
                               heed_groups *groups, heed_error *err);
void heed_groups_destroy(heed_groups *groups); /* an empty struct is allowed */

#endif
