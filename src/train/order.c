/* SPDX-License-Identifier: MIT */
/* Which windows a run reads: their source, their order, and how many steps the run takes. */
#include "base/error.h"
#include "base/rng.h"
#include "train/trainer.h"

/* The least number of steps whose windows are so many epochs. */
static heed_status count_steps(heed_trainer *t, heed_error *err)
{
    const int64_t n = heed_batches_epoch(&t->batches), batch = t->options.batch_size;
    const double steps = (double)t->options.epochs * (double)n / (double)batch;

    if (n == 0)
        return heed_fail(err, HEED_ERR_USAGE, "epochs: a task has no end, so steps say how long it is trained");
    if (steps > (double)HEED_TRAIN_MOST_STEPS)
        return heed_fail(err, HEED_ERR_USAGE, "epochs: %lld epochs of %lld windows are too many steps",
                         (long long)t->options.epochs, (long long)n);
    t->options.order = HEED_TRAIN_EPOCHS;
    t->options.steps = (t->options.epochs * n + batch - 1) / batch;
    return HEED_OK;
}

heed_status heed_order_begin(heed_trainer *t, int64_t context_length, heed_error *err)
{
    heed_status status = HEED_OK;

    t->batches = heed_batches_make(t->source, HEED_PART_TRAIN, t->options.batch_size, context_length,
                                   (uint64_t)t->options.seed, HEED_STREAM_BATCHES);
    if (t->options.epochs > 0)
        status = count_steps(t, err);
    t->batches.epochs = t->options.order == HEED_TRAIN_EPOCHS;
    return status;
}

heed_status heed_order_change_steps(heed_trainer *t, int64_t steps, heed_error *err)
{
    if (steps == t->options.steps)
        return HEED_OK;
    if (t->best.stopped && t->step < t->options.steps)
        return heed_fail(err, HEED_ERR_USAGE,
                         "steps: the run's patience ended it at step %lld, so more of them change nothing",
                         (long long)t->step);
    if (steps <= t->step)
        return heed_fail(err, HEED_ERR_USAGE,
                         "steps: expected more than the %lld that the run has done, got %lld",
                         (long long)t->step, (long long)steps);
    t->best.stopped = false; /* at the last step there was nothing left to stop */
    t->options.epochs = 0;   /* its windows keep their order */
    t->options.steps = steps;
    return HEED_OK;
}

double heed_order_epochs(const heed_trainer *t, int64_t steps)
{
    const int64_t n = heed_batches_epoch(&t->batches);

    return t->batches.epochs && n > 0 ? (double)steps * (double)t->options.batch_size / (double)n : 0.0;
}
