/* SPDX-License-Identifier: MIT */
/* D23's measurements that need no comparison of losses. */
#ifndef HEED_WORKBOOK_DEMOS_D23_PARTS_H
#define HEED_WORKBOOK_DEMOS_D23_PARTS_H

#include <heed/train.h>

#include "workbook/demo.h"

/**
 * The feed-forward of block 0 merged into one map, W = W_fc W_proj, b = b_fc W_proj + b_proj: the largest difference between
 * what the feed-forward and what the map make of the first window of the training part, over the largest of these numbers
 * where that is more than 1.
 */
double heed_demo_23_merged(heed_demoing *d, const heed_trainer *trainer);
/**
 * A whole block of random numbers, forward and backward, by the ops that models are made of and in double precision: the
 * largest difference, over the largest number of the output or the gradient that it is in.
 */
double heed_demo_23_block(heed_demoing *d, int64_t tokens, int64_t d_model, int64_t n_heads);
#define HEED_DEMO_23_LEARNED 0.1 /* nats of the loss gone */
/**
 * Plain gradient descent with one rate after the other: the largest with which so much of the loss is gone after `steps` steps;
 * 0: none. into [n]: what is gone with each, -inf where the run has diverged.
 */
double heed_demo_23_stable(heed_demoing *d, const heed_config *config, int64_t steps, const double *rates,
                           int n, double *into);

#endif
