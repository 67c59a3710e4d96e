/* SPDX-License-Identifier: MIT */
/* Step 27: the full GPT. */
#include <string.h>

#include "workbook/walk/steps.h"
#include "workbook/walk/walk.h"

enum { BATCHES = 16 };

static void show_parts(heed_walking *w, const heed_model *model)
{
    static const char *const components[] = {
        "token embedding", "position embedding", "attention", "mlp", "norm", "head"};
    double all = 0.0;

    for (size_t k = 0; k < sizeof components / sizeof components[0]; k++) {
        double n = 0.0;
        for (int i = 0; i < heed_model_n_parameters(model); i++) {
            const heed_parameter p = heed_model_parameter(model, i);
            n += strcmp(p.component, components[k]) == 0 ? (double)p.count : 0.0;
        }
        all += n;
        heed_walk_line(w, "  %-20s %10.0f", components[k], n);
    }
    heed_walk_line(w, "  %-20s %10.0f", "parameters", all);
    heed_show_figure(w->d, "parameters", all, "of the model");
}

static void run(heed_walking *w)
{
    const heed_walk_trained *t = heed_walk_gpt(w, 0.0, 1.0);
    const double counted = heed_walk_counted_loss(w);
    const heed_config *c;
    double loss;

    if (t == NULL || w->d->s.status != HEED_OK)
        return;
    c = heed_trainer_config(t->trainer);
    loss = heed_demo_validation(w->d, t->trainer, BATCHES);
    heed_walk_line(w, "%lld blocks, %lld heads, d_model %lld, context %lld", (long long)c->n_layers,
                   (long long)c->n_heads, (long long)c->d_model, (long long)c->context_length);
    show_parts(w, heed_trainer_model(t->trainer));
    heed_walk_line(w, "%s", "");
    heed_walk_line(w, "  %-44s %8.4f", "validation loss", loss);
    heed_walk_line(w, "  %-44s %8.4f", "counted pairs", counted);
    heed_show_axes(w->d, "The GPT learns", "step", "loss of a batch, nats", "");
    heed_walk_show_curve(w, t, "training");
    heed_show_figure(w->d, "validation_loss", loss, "nats: after training");
    heed_show_figure(w->d, "counted_loss", counted, "nats: counted pairs");
    heed_show_check(w->d, loss < counted - 0.2,
                    "its loss, %.3f, is at least 0.2 below that of counted pairs, %.3f", loss, counted);
}

const heed_walk_step heed_walk_step_27 = {
    .info = {.number = 27,
             .title = "The full GPT",
             .words = "All parts together, and a longer context: 64 characters in place of 8. This is the "
                      "architecture of GPT-2 with "
                      "smaller numbers. It is trained by heed's trainer, the one behind heed train.",
             .exercises = "pp.q27 hard.h10.1 ch12.e20c",
             .demos = "D09 D23",
             .trains = true},
    .run = run,
};
