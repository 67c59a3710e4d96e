/* SPDX-License-Identifier: MIT */
/* Step 10: the whole run from one command, and losses that mean something. */
#include <math.h>

#include "base/fnv.h"
#include "data/batches.h"
#include "workbook/demos/small_model.h"
#include "workbook/walk/steps.h"
#include "workbook/walk/walk.h"

enum { T = HEED_WALK_BLOCK, BATCH = HEED_WALK_BATCH, N = 20 };

typedef struct estimate {
    double each[N], mean, error;
} estimate;

static estimate make(heed_walking *w, const heed_model *model, heed_part part)
{
    heed_batches batches = heed_batches_make(&w->corpus->source, part, BATCH, T, w->d->options->seed,
                                             HEED_STREAM_EVAL);
    int32_t *ids = heed_walk_ids(w, 0, BATCH * T < w->corpus->n ? BATCH * T : 0),
            *targets = heed_walk_ids(w, 0, BATCH * T < w->corpus->n ? BATCH * T : 0);
    estimate e = {.mean = 0.0};
    double squares = 0.0;

    for (int i = 0; w->d->s.status == HEED_OK && i < N; i++) {
        const heed_forward_ids in = {.ids = ids, .targets = targets, .batch = BATCH, .length = T};
        heed_grid loss;

        heed_batches_next(&batches, ids, targets);
        loss = heed_demo_read(w->d, model, &in, "loss");
        e.each[i] = loss.data != NULL ? loss.data[0] : NAN;
        e.mean += e.each[i] / N;
    }
    for (int i = 0; i < N; i++)
        squares += (e.each[i] - e.mean) * (e.each[i] - e.mean);
    e.error = sqrt(squares / (N - 1) / N);
    return e;
}

static uint64_t hash_of(const heed_model *model)
{
    uint64_t hash = HEED_FNV_BEGIN;

    for (int i = 0; i < heed_model_n_parameters(model); i++) {
        const heed_parameter p = heed_model_parameter(model, i);
        hash = heed_fnv(hash, p.numbers, (size_t)p.bytes);
    }
    return hash;
}

static void show(heed_walking *w, const char *part, const estimate *e)
{
    heed_walk_line(w, "  %-10s  %7.4f +- %.4f   of%7.3f%7.3f%7.3f%7.3f ..", part, e->mean, e->error, e->each[0],
                   e->each[1], e->each[2], e->each[3]);
}

static void run(heed_walking *w)
{
    const heed_walk_trained *t = heed_walk_bigram(w, 0.0, 0.9);
    const heed_model *model = t != NULL ? heed_trainer_model(t->trainer) : NULL;
    estimate train, validation;
    uint64_t before;

    if (model == NULL)
        return;
    before = hash_of(model);
    train = make(w, model, HEED_PART_TRAIN);
    validation = make(w, model, HEED_PART_VALIDATION);
    if (w->d->s.status != HEED_OK)
        return;
    heed_walk_line(w, "means of %d batches of %d windows, and their standard errors", (int)N, (int)BATCH);
    show(w, "training", &train);
    show(w, "validation", &validation);
    heed_walk_say(w, "All that the walk has done so far is one command, which does the same on any text and "
                     "shows both losses "
                     "as it goes:");
    heed_walk_line(w, "%s", "  heed train TEXT --preset bigram --context-length 8 --batch-size 32 \\");
    heed_walk_line(w, "%s", "      --steps 2000 --learning-rate 0.03 --out FOLDER");
    heed_walk_line(w, "%s", "  heed generate FOLDER --prompt A --temperature 1");
    heed_show_figure(w->d, "train_loss", train.mean, "nats: mean of batches of the training part");
    heed_show_figure(w->d, "validation_loss", validation.mean, "nats: the same of the validation part");
    heed_show_figure(w->d, "standard_error", validation.error, "nats: of that mean");
    heed_show_check(w->d, hash_of(model) == before, "estimating has changed no bit of the weights");
}

const heed_walk_step heed_walk_step_10 = {
    .info =
        {.number = 10,
         .time = "40:17",
         .title = "Losses averaged over batches",
         .words =
             "The loss of one batch jumps from step to step: some batches are harder than others. To know "
             "where "
             "the model stands, average over several batches, of the training part and of the validation "
             "part, and say how sure the mean is. Nothing is to be learned here, so no gradient is computed, "
             "and the model must be the same afterwards.",
         .exercises = "a12.n10 hard.h5.4",
         .demos = "D36 D09",
         .trains = true},
    .run = run,
};
