/* SPDX-License-Identifier: MIT */
/*
 * The sum over the windows of a strict step, in an order that follows from batch_size alone.
 *
 * A step has n_parts parts of equally many windows, a power of two. Neighbouring parts add up, then neighbouring sums:
 *
 *     ((0 + 1) + (2 + 3)) + ((4 + 5) + (6 + 7))
 *
 * so each of 1, 2, 4, ... ranks has a branch of the tree to itself, and what ranks add up is the rest of it (as
 * ranks/exchange.h does). A part is one run of the graph, or several that follow each other. The losses add up likewise.
 *
 *     heed_strict_sum sum = {0};
 *     status = heed_strict_cut(&sum, &options, n_ranks, err);     and micro_batch, of which sum.n_runs are this rank's
 *     heed_strict_place(&sum, &device, gradients, n, buffers);    heed_strict_bytes() for them
 *     for (int64_t run = 0; run < sum.n_runs; run++) {
 *         heed_strict_begin(&sum, run);                           grad.p is 0 where another sum begins
 *         …the run adds its gradients to grad.p…
 *         heed_strict_end(&sum, run, loss);
 *     }
 *     grad.p and sum.loss are those of all runs
 *
 * The parts of one leaf add up where the graph puts them; a branch that waits for its neighbour is kept in a buffer, of
 * which there are log2(n_parts) - 1, or one more where parts have several runs.
 */
#ifndef HEED_TRAIN_STRICT_H
#define HEED_TRAIN_STRICT_H

#include <heed/train.h>

#include "kernels/device.h"

enum { HEED_STRICT_LEVELS = 20 }; /* batch_size is at most 2^20 */

typedef struct heed_strict_sum {
    int64_t n_parts;     /* of the step */
    int64_t micro_batch; /* windows of one run */
    int64_t n_runs;      /* of this rank */
    int64_t leaf_runs;   /* that add up in grad.p one after the other */
    int n_levels;        /* buffers: branches that may wait at a time */

    const heed_device *device;
    float *gradients, *buffers; /* n floats; n_levels times n floats */
    int64_t n;
    double loss; /* of this leaf, at the end of this rank's runs */
    double losses[HEED_STRICT_LEVELS];
} heed_strict_sum;

/**
 * How a step is cut among so many ranks. HEED_ERR_USAGE: strict_parts is no power of two that divides batch_size,
 * n_ranks no power of two up to the number of parts, or micro_batch does not divide a part.
 */
heed_status heed_strict_cut(heed_strict_sum *sum, const heed_train_options *options, int n_ranks,
                            heed_error *err);
/** Bytes of the buffers for n floats of gradients. */
size_t heed_strict_bytes(const heed_strict_sum *sum, int64_t n);
void heed_strict_place(heed_strict_sum *sum, const heed_device *device, float *gradients, int64_t n,
                       float *buffers);

void heed_strict_begin(heed_strict_sum *sum, int64_t run);
/** loss: of the run, times its share of the step's targets. */
void heed_strict_end(heed_strict_sum *sum, int64_t run, double loss);
/** The gradients are whole as soon as the last run has written them: nothing waits to be added to them. */
bool heed_strict_ends_in_run(const heed_strict_sum *sum);

#endif
