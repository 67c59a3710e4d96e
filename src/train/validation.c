/* SPDX-License-Identifier: MIT */
/*
 * Validation loss: the mean over some random windows, always the same ones, or over a sweep of the whole part. An evaluation
 * of as many batches as a sweep has is one: each token is predicted once, and no more windows are run than there are.
 */
#include "data/order.h"
#include "train/trainer.h"

#define LAST_BATCHES 200 /* of the evaluation after the last step, at least */

int64_t heed_validation_due(const heed_trainer *t, int64_t step)
{
    const heed_train_options *o = &t->options;

    if (step >= o->steps)
        return o->eval_batches > LAST_BATCHES ? o->eval_batches : LAST_BATCHES;
    return o->eval_interval > 0 && step % o->eval_interval == 0 ? o->eval_batches : 0;
}

/* Windows that hold every target of the part once; 0: the source has no end. */
static int64_t windows_of(const heed_trainer *t)
{
    return heed_order_n_windows(t->source->n_tokens[HEED_PART_VALIDATION], t->model->config.context_length);
}

/* Batches of a sweep; 0: there is none. */
static int64_t sweep_batches(const heed_trainer *t)
{
    return (windows_of(t) + t->options.batch_size - 1) / t->options.batch_size;
}

int64_t heed_validation_batches(const heed_trainer *t, int64_t n_batches)
{
    const int64_t all = sweep_batches(t);

    return all > 0 && all < n_batches ? all : n_batches;
}

/* Batch number `batch` of the sweep: windows side by side; rows behind the last one have no targets. */
static void fill_sweep(heed_trainer *t, int64_t batch)
{
    const int64_t T = t->model->config.context_length, n_windows = windows_of(t);

    for (int64_t b = 0; b < t->options.batch_size; b++) {
        const int64_t window = batch * t->options.batch_size + b;
        int32_t *ids = t->ids + b * T, *targets = t->targets + b * T;

        if (window < n_windows) {
            t->source->fill(t->source, HEED_PART_VALIDATION, window * T, T, ids, targets);
            continue;
        }
        for (int64_t i = 0; i < T; i++) {
            ids[i] = 0;
            targets[i] = HEED_NO_TARGET;
        }
    }
}

void heed_validation_next(heed_trainer *t, heed_batches *random, int64_t n_batches, int64_t i)
{
    if (n_batches == sweep_batches(t))
        fill_sweep(t, i);
    else
        heed_batches_next(random, t->ids, t->targets);
}
