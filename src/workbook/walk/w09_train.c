/* SPDX-License-Identifier: MIT */
/* Step 9: the training loop. */
#include <math.h>
#include <string.h>

#include "workbook/distribution.h"
#include "workbook/walk/steps.h"
#include "workbook/walk/walk.h"

static void show_losses(heed_walking *w, const heed_walk_trained *t)
{
    const int64_t n = t->n_curve;

    heed_walk_line(w, "  %8s %12s", "step", "batch loss");
    for (int k = 0; k < 9; k++) {
        const int64_t i = k < 8 ? n * k / 8 : n - 1;

        if (k == 0 || i > n * (k - 1) / 8)
            heed_walk_line(w, "  %8.0f %12.4f", t->step[i], t->curve[i]);
    }
}

static heed_grid table_of(heed_walking *w, const heed_model *model)
{
    heed_grid table = heed_grid_make(&w->d->s, w->V, w->V);

    for (int i = 0; i < heed_model_n_parameters(model); i++) {
        const heed_parameter p = heed_model_parameter(model, i);
        for (int64_t k = 0; strcmp(p.name, "table.weight") == 0 && k < table.rows * table.columns; k++)
            table.data[k] = (double)p.data[k];
    }
    return table;
}

/* Of the two shares of all pairs that were counted 10 times or more. */
static double correlation(heed_grid pairs, heed_grid learned, int64_t *n)
{
    double x = 0.0, y = 0.0, xx = 0.0, yy = 0.0, xy = 0.0, count = 0.0;

    for (int64_t i = 0; i < pairs.rows; i++) {
        double all = 0.0;
        for (int64_t j = 0; j < pairs.columns; j++)
            all += pairs.data[i * pairs.columns + j];
        for (int64_t j = 0; j < pairs.columns; j++) {
            const double a = pairs.data[i * pairs.columns + j] / all, b = learned.data[i * pairs.columns + j];
            if (pairs.data[i * pairs.columns + j] < 10.0)
                continue;
            count += 1.0;
            x += a;
            y += b;
            xx += a * a;
            yy += b * b;
            xy += a * b;
        }
    }
    *n = (int64_t)count;
    return (count * xy - x * y) / sqrt((count * xx - x * x) * (count * yy - y * y));
}

static void compare(heed_walking *w, const heed_walk_trained *t)
{
    const heed_grid pairs = heed_walk_pairs(w),
                    learned = heed_softmax_of_rows(&w->d->s, table_of(w, heed_trainer_model(t->trainer)));
    int64_t n = 0;
    double r;

    if (w->d->s.status != HEED_OK)
        return;
    r = correlation(pairs, learned, &n);
    heed_walk_say(
        w,
        "Now each row of the table, through a softmax, can be laid beside the counted shares of step 5: over "
        "%lld "
        "pairs that were counted ten times or more, their correlation is %.3f. Nobody counted; the loss "
        "alone led there.",
        (long long)n, r);
    heed_show_figure(w->d, "correlation", r, "of learned and counted shares");
}

static void run(heed_walking *w)
{
    const heed_walk_trained *t = heed_walk_bigram(w, 0.0, 1.0);
    const double uniform = log((double)w->V), counted = heed_walk_counted_loss(w);
    double loss;

    if (t == NULL || w->d->s.status != HEED_OK)
        return;
    loss = heed_demo_validation(w->d, t->trainer, 50);
    show_losses(w, t);
    compare(w, t);
    heed_show_figure(w->d, "first_loss", t->curve[0], "nats: of the first batch");
    heed_show_figure(w->d, "validation_loss", loss, "nats: after training");
    heed_show_figure(w->d, "counted_loss", counted, "nats: of counted pairs");
    heed_show_axes(w->d, "The bigram model learns", "step", "loss of a batch, nats", "");
    heed_walk_show_curve(w, t, "training");
    heed_show_check(w->d, fabs(t->curve[0] - uniform) < 0.05 * uniform,
                    "the first loss, %.3f, is within 5 %% of ln %lld = %.3f", t->curve[0], (long long)w->V,
                    uniform);
    heed_show_check(w->d, loss < counted + 0.1,
                    "the validation loss, %.3f, comes within 0.1 of that of counted pairs, %.3f", loss,
                    counted);
}

const heed_walk_step heed_walk_step_09 = {
    .info =
        {.number = 9,
         .time = "35:34",
         .title = "The training loop",
         .words =
             "One step of training: take a batch, run forward to the loss, make all gradients new, run "
             "backward, "
             "and let the optimizer move every number a little against its gradient. AdamW does so with a "
             "step size of its own for each number. The order matters, and so does making gradients anew: left "
             "from the step before, they would add up.\n\n"
             "heed's step is one graph, run from begin to end; its optimizer is a node of it "
             "(src/ops/adamw.c).",
         .exercises = "a12.n09",
         .demos = "D36 D09",
         .trains = true},
    .run = run,
};
