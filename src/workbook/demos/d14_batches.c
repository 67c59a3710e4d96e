/* SPDX-License-Identifier: MIT */
/* D14: small and large batches, for the same text and for the same number of updates. */
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "data/batches.h"
#include "inspect/forward.h"
#include "train/trainer.h"
#include "workbook/demos/demos.h"
#include "workbook/demos/small_model.h"
#include "workbook/demos/training.h"

enum { SIZES = 3, BATCHES = 16, GRADIENTS = 12, MIDDLE = 1 };

typedef struct outcome {
    double steps, loss, tokens_per_s, seconds;
} outcome;

static outcome train(heed_demoing *d, heed_demo_training t, int64_t batch, int64_t steps, double rate, int run)
{
    heed_trainer *trainer;
    outcome o = {.steps = (double)steps};
    double begun;

    t.options.batch_size = batch;
    t.options.steps = steps;
    t.options.warmup_steps = steps / 20;
    t.options.learning_rate = rate;
    begun = heed_clock_s();
    trainer = heed_demo_train(d, &t, heed_demo_words(d, "batches of %lld", (long long)batch), 0.1 * run,
                              0.1 * (run + 1));
    o.seconds = heed_clock_s() - begun;
    o.tokens_per_s = (double)(batch * steps * t.config.context_length) / o.seconds;
    o.loss = heed_demo_validation(d, trainer, BATCHES);
    heed_trainer_close(trainer);
    return o;
}

/* --- noise: gradients of several batches at the same weights --- */

typedef struct adding {
    double *sum, *squares; /* of each number of the gradient */
    int64_t n, at;
} adding;

static void add(void *context, const heed_node *node, const heed_tensor *value)
{
    adding *a = context;

    (void)node;
    for (int64_t i = 0; i < heed_tensor_count(value) && a->at < a->n; i++, a->at++) {
        const double g = (double)heed_tensor_get(value, i);
        a->sum[a->at] += g;
        a->squares[a->at] += g * g;
    }
}

static void add_gradient(heed_demoing *d, const heed_model *model, const heed_forward_ids *in, adding *a)
{
    heed_forward *forward = NULL;
    heed_node *nodes[64];
    heed_error err = {HEED_OK, ""};
    int n = 0;

    if (!heed_demo_ok(d, heed_forward_create(model, in, true, 1, &forward, &err), &err))
        return;
    for (int i = 0; i < heed_model_n_parameters(model) && n < 64; i++) {
        heed_node *node = heed_forward_find(forward,
                                            heed_demo_words(d, "grad/%s", heed_model_parameter(model, i).name));
        if (node != NULL)
            nodes[n++] = node;
    }
    a->at = 0;
    heed_demo_ok(d, heed_forward_run(forward, nodes, n, add, a, &err), &err);
    heed_forward_destroy(forward);
}

/* The variance of the gradient across batches, over the square of its mean. */
static double noise(heed_demoing *d, heed_trainer *trainer, int64_t batch)
{
    const heed_model *model = heed_trainer_model(trainer);
    const int64_t T = heed_model_config(model)->context_length,
                  n = (int64_t)heed_trainer_plan(trainer)->n_parameters;
    heed_grid sums = heed_grid_make(&d->s, 2, n);
    adding a = {.n = n, .sum = sums.data, .squares = sums.data != NULL ? sums.data + n : NULL};
    int32_t *ids = (int32_t *)(void *)heed_demo_floats(d, batch * T),
            *targets = (int32_t *)(void *)heed_demo_floats(d, batch * T);
    heed_batches batches = heed_batches_make(trainer->source, HEED_PART_TRAIN, batch, T, d->options->seed,
                                             HEED_STREAM_DEMO);
    double variance = 0.0, mean = 0.0;

    for (int k = 0; d->s.status == HEED_OK && k < GRADIENTS; k++) {
        const heed_forward_ids in = {.ids = ids, .targets = targets, .batch = batch, .length = T};

        heed_batches_next(&batches, ids, targets);
        add_gradient(d, model, &in, &a);
    }
    for (int64_t i = 0; d->s.status == HEED_OK && i < n; i++) {
        const double m = a.sum[i] / GRADIENTS;
        variance += (a.squares[i] - GRADIENTS * m * m) / (GRADIENTS - 1);
        mean += m * m;
    }
    return variance / mean;
}

/* --- all of it --- */

static void show(heed_demoing *d, const int64_t sizes[SIZES], const outcome epochs[SIZES],
                 const outcome steps[SIZES], const outcome scaled[SIZES], const double noises[SIZES])
{
    static const char *const names[SIZES][5] = {
        {"epoch_small", "steps_small", "scaled_small", "noise_small", "speed_small"},
        {"epoch_middle", "steps_middle", "scaled_middle", "noise_middle", "speed_middle"},
        {"epoch_large", "steps_large", "scaled_large", "noise_large", "speed_large"}};
    heed_grid table = heed_grid_make(&d->s, SIZES, 5);

    for (int i = 0; d->s.status == HEED_OK && i < SIZES; i++) {
        const double row[] = {epochs[i].steps, epochs[i].loss, scaled[i].loss,
                              steps[i].loss,   noises[i],      epochs[i].tokens_per_s};

        for (int k = 0; k < 5; k++)
            table.data[5 * i + k] = row[k];
        heed_show_figure(d, names[i][0], row[1], "nats: after equal text, rate fixed");
        heed_show_figure(d, names[i][1], row[3], "nats: after equal updates, rate fixed");
        heed_show_figure(d, names[i][2], row[2],
                         "nats: after equal text, rate times the root of the batch's share");
        heed_show_figure(d, names[i][3], row[4], "variance of the gradient over the square of its mean");
        heed_show_figure(d, names[i][4], row[5], "tokens a second while training");
    }
    heed_show_table(d, table, "Validation loss, nats",
                    heed_demo_words(d, "batch %lld|batch %lld|batch %lld", (long long)sizes[0],
                                    (long long)sizes[1], (long long)sizes[2]),
                    "updates|same text|scaled|same steps|noise", false);
}

static void judge(heed_demoing *d, const outcome epochs[SIZES], const outcome steps[SIZES],
                  const double noises[SIZES], double ratio)
{
    heed_show_check(
        d, epochs[SIZES - 1].loss > epochs[0].loss + 0.1,
        "for the same text at the same rate the largest batch ends at %.2f nats, 0.1 or more above %.2f",
        epochs[SIZES - 1].loss, epochs[0].loss);
    heed_show_check(d, steps[SIZES - 1].loss < steps[0].loss,
                    "for the same number of updates it ends at %.2f, below %.2f", steps[SIZES - 1].loss,
                    steps[0].loss);
    heed_show_check(
        d, noises[0] > 0.25 * ratio * noises[SIZES - 1],
        "its gradients have %.3g of the noise, the smallest %.3g: %.0f times as much, of %.0f expected",
        noises[SIZES - 1], noises[0], noises[0] / noises[SIZES - 1], ratio);
}

static void run(heed_demoing *d)
{
    const heed_grid given = heed_take_list(&d->s, "batches");
    heed_demo_training t = heed_demo_training_of(d, HEED_DEMO_P2S);
    const int64_t middle = t.options.steps;
    const double rate = t.options.learning_rate;
    int64_t sizes[SIZES] = {1, 1, 1};
    outcome epochs[SIZES], steps[SIZES], scaled[SIZES];
    double noises[SIZES] = {0.0};
    heed_trainer *trainer;

    t.config.d_model = 32;
    t.config.n_layers = 1;
    t.config.context_length = 32;
    for (int i = 0; d->s.status == HEED_OK && i < SIZES; i++) {
        sizes[i] = given.columns == SIZES && given.data[i] >= 1.0 && given.data[i] <= 1024.0
                       ? (int64_t)given.data[i]
                       : 0;
        if (sizes[i] == 0 || (i > 0 && sizes[i] <= sizes[i - 1]))
            heed_solve_fail(&d->s, HEED_ERR_USAGE, "batches: expected %d rising numbers from 1 to 1024",
                            (int)SIZES);
    }
    if (d->s.status != HEED_OK)
        return;
    for (int i = 0; i < SIZES; i++) {
        const int64_t n = middle * sizes[MIDDLE] / sizes[i] > 0 ? middle * sizes[MIDDLE] / sizes[i] : 1;
        /* Sabotaged, all batches have one size, and the gradients are those of one batch. */
        const int64_t batch = d->sabotage ? sizes[0] : sizes[i], updates = d->sabotage ? middle : n;

        epochs[i] = train(d, t, batch, updates, rate, 3 * i);
        steps[i] = train(d, t, batch, middle, rate, 3 * i + 1);
        scaled[i] = train(d, t, batch, updates, rate * sqrt((double)sizes[i] / (double)sizes[MIDDLE]),
                          3 * i + 2);
    }
    t.options.batch_size = sizes[0];
    t.options.steps = middle;
    trainer = heed_demo_train(d, &t, "for its gradients", 0.9, 0.95);
    for (int i = 0; i < SIZES && trainer != NULL && d->s.status == HEED_OK; i++)
        noises[i] = noise(d, trainer, d->sabotage ? sizes[0] : sizes[i]);
    heed_trainer_close(trainer);
    if (d->s.status != HEED_OK)
        return;
    show(d, sizes, epochs, steps, scaled, noises);
    judge(d, epochs, steps, noises, (double)sizes[SIZES - 1] / (double)sizes[0]);
}

const heed_demo heed_demo_14 = {
    .info =
        {.id = "D14",
         .title = "Small and large batches",
         .shows =
             "Trains with batches of three sizes: for the same amount of text, where large batches make fewer "
             "updates, "
             "and for the same number of updates, where they read more. A large batch has a gradient with less "
             "noise, and its tokens pass faster through the machine; but an update is an update, so after the "
             "same "
             "text at the same rate it has learned less. A rate that grows with the root of the size makes up "
             "for "
             "some of that.",
         .rule = "For the same text at the same rate the largest batch ends 0.1 nats or more above the "
                 "smallest, for the "
                 "same number of updates below it; the noise of gradients falls by at least a quarter of the "
                 "ratio of "
                 "sizes.",
         .sabotage = "All batches have the smallest size.",
         .params = "{\"steps\": 150, \"batches\": [8, 32, 128], \"text\": \"\"}",
         .timed = true,
         .trains = true},
    .full = "{\"steps\": 1000}",
    .run = run,
};
