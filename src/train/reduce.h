/* SPDX-License-Identifier: MIT */
/*
 * Gradients added up over ranks, while the backward pass still runs.
 *
 *     heed_reduce_begin(r);                        before the run that completes the gradients
 *       heed_reduce_settled(r, i);                 from within it: the gradient of parameter i is complete
 *     status = heed_reduce_finish(r, err);         this rank's pieces hold the sums over all ranks
 *     status = heed_reduce_norm(r, &norm, err);    of all gradients, the same at every rank
 *     ... each rank updates its parts ...
 *     status = heed_reduce_share(r, err);          everybody has all weights again
 *
 * A bucket starts on its way as soon as its last gradient is there. A few are under way at a time, each with room for what
 * arrives; where all of them are busy the run waits for the oldest. MPI gets on whenever it is called, so each gradient
 * that is complete also calls it for the buckets that are under way.
 */
#ifndef HEED_TRAIN_REDUCE_H
#define HEED_TRAIN_REDUCE_H

#include "kernels/device.h"
#include "ranks/exchange.h"
#include "train/split.h"

#define HEED_REDUCE_SLOTS 3

typedef struct heed_reduce {
    heed_ranks *ranks;
    const heed_device *device;
    const heed_weights *weights;
    const heed_split *split;
    float *gradients; /* of all parameters, as the weights lie */

    heed_exchange *slots[HEED_REDUCE_SLOTS];
    int n_started;   /* of this step; bucket number n goes through slot n mod HEED_REDUCE_SLOTS */
    int *missing;    /* [n_buckets]: gradients that are not complete yet; -1: it has started */
    bool running;    /* between begin and finish */
    float *room;     /* [most]: a piece of another rank's moments, when they are saved */
    double *squares; /* of blocks: this rank's, then all of them */
    double *sums;    /* [parameters] */
    double *losses;  /* [size, 2], and [size] to add them up */
    size_t *cuts;    /* [size + 1] */
    size_t bytes;    /* of all this */
    /* of steps, since it was made: for a slot, after the runs, for losses, the norm and weights; what no computation hid */
    double waited_s;
    heed_error error; /* the first failure within a run */
} heed_reduce;

/** weights need not be placed yet. HEED_ERR_MEMORY. */
heed_status heed_reduce_create(heed_ranks *ranks, const heed_device *device, const heed_weights *weights,
                               const heed_split *split, heed_reduce **reduce, heed_error *err);
void heed_reduce_destroy(heed_reduce *r); /* NULL is allowed */

void heed_reduce_begin(heed_reduce *r, float *gradients);
void heed_reduce_settled(heed_reduce *r, int parameter);
heed_status heed_reduce_finish(heed_reduce *r, heed_error *err);

/** x [2]: this rank's parts of the loss and of another mean; then the sums over all ranks, in the order of exchange.h. */
heed_status heed_reduce_losses(heed_reduce *r, double *x, heed_error *err);
/** Adds what the first n ranks have evaluated, own [2], to sums [2], one after the other. */
heed_status heed_reduce_evaluated(heed_reduce *r, const double *own, int n, double *sums, heed_error *err);

/**
 * The length of all gradients, from sums over blocks that are added in the order of the model. So it has the bits that one
 * rank would get for the same gradients. sums[i] of the reduction: the squares of parameter i.
 */
heed_status heed_reduce_norm(heed_reduce *r, float *norm, heed_error *err);

heed_status heed_reduce_share(heed_reduce *r, heed_error *err);

#endif
