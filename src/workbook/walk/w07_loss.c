/* SPDX-License-Identifier: MIT */
/* Step 7: one function that gives logits, and with targets a loss. */
#include <heed/model.h>
#include <math.h>

#include "workbook/demos/small_model.h"
#include "workbook/walk/steps.h"
#include "workbook/walk/walk.h"

enum { B = HEED_WALK_PRINTED, T = HEED_WALK_BLOCK };

/* -ln of the softmax at the target, in double precision. */
static double loss_of(const double *row, int64_t n, int32_t target)
{
    double most = row[0], sum = 0.0;

    for (int64_t j = 1; j < n; j++)
        most = fmax(most, row[j]);
    for (int64_t j = 0; j < n; j++)
        sum += exp(row[j] - most);
    return log(sum) + most - row[target];
}

static void show(heed_walking *w, heed_grid logits, double loss, const int32_t *ids, const int32_t *targets)
{
    double mean = 0.0;

    heed_walk_line(w, "  %-5s %-6s %10s %12s", "reads", "target", "its logit", "-ln p");
    for (int i = 0; i < B * T; i++) {
        const double *row = logits.data + (int64_t)i * w->V, nats = loss_of(row, w->V, targets[i]);

        mean += nats / (B * T);
        if (i < 6)
            heed_walk_line(w, "  %s %s %10.4f %12.4f", heed_walk_pad(w, heed_walk_sign(w, ids[i]), 5),
                           heed_walk_pad(w, heed_walk_sign(w, targets[i]), 6), row[targets[i]], nats);
    }
    heed_walk_line(w, "  .. %d of them; their mean is the loss: %.6f", (int)(B * T), loss);
    heed_walk_say(
        w,
        "Without knowledge all %lld characters are alike, and the loss is ln %lld = %.4f. A fresh model is "
        "near that; one far above it begins with large logits, which say wrong things loudly.",
        (long long)w->V, (long long)w->V, log((double)w->V));
    heed_show_figure(w->d, "loss", loss, "nats: of the fresh model");
    heed_show_figure(w->d, "uniform_loss", log((double)w->V), "nats: ln of the vocabulary");
    /* the engine sums floats around 4: a few of their 2^-22 */
    heed_show_check(w->d, fabs(mean - loss) < 1e-5,
                    "worked out apart, in double precision, the mean is the same: %.6f", mean);
}

static void run(heed_walking *w)
{
    heed_config config;
    heed_model *model = NULL;
    heed_error err = {HEED_OK, ""};
    int32_t *ids, *targets;
    heed_grid logits, loss;

    if (!heed_walk_batch(w, B, T, &ids, &targets) ||
        !heed_demo_ok(w->d, heed_config_preset("bigram", &config, &err), &err))
        return;
    config.vocab_size = w->V;
    config.context_length = T;
    if (!heed_demo_ok(w->d, heed_model_create(&config, w->d->options->seed, &model, &err), &err))
        return;
    const heed_forward_ids in = {.ids = ids, .targets = targets, .batch = B, .length = T};
    logits = heed_demo_read(w->d, model, &in, "logits");
    loss = heed_demo_read(w->d, model, &in, "loss");
    if (w->d->s.status == HEED_OK)
        show(w, logits, loss.data[0], ids, targets);
    heed_model_close(model);
}

const heed_walk_step heed_walk_step_07 = {
    .info =
        {.number = 7,
         .time = "28:13",
         .title = "Logits, and a loss where there are targets",
         .words =
             "The model's one function reads ids and gives logits. Where it is given targets as well, it also "
             "says how bad the logits are: the cross-entropy, which is -ln of the probability that the "
             "model gave to what really came, averaged over all predictions. When a model writes there are no "
             "targets, so there is no loss.",
         .exercises = "a12.n07",
         .demos = "D42"},
    .run = run,
};
