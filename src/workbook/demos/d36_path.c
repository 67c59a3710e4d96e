/* SPDX-License-Identifier: MIT */
/* D36: the path from characters to self-attention, and what its losses must do. */
#include <heed/walk.h>

#include "workbook/demo_shown.h"
#include "workbook/demos/demos.h"

/* Steps of the walk whose figures and checks are this demonstration's. */
static const int steps[] = {1, 7, 9, 10, 17, 18, 21};
enum { N_STEPS = sizeof steps / sizeof steps[0] };

typedef struct listening {
    heed_demoing *d;
    int n_done;
} listening;

static bool hear(void *context, const char *words, double done)
{
    listening *l = context;

    heed_demo_progress(l->d, ((double)l->n_done + done) / N_STEPS, words);
    return l->d->s.status == HEED_OK;
}

static void take(heed_demoing *d, const heed_walk_result *r, int step, const char *figure, const char *name,
                 const char *meaning)
{
    const heed_demo_figure *f = heed_demo_figure_find(r->shown, figure);

    if (r->info->number == step && f != NULL)
        heed_show_figure(d, name, f->value, meaning);
}

static void copy_curves(heed_demoing *d, const heed_demo_plot *plot)
{
    for (int i = 0; i < plot->n_curves; i++) {
        heed_grid x = heed_grid_make(&d->s, 1, plot->curves[i].n),
                  y = heed_grid_make(&d->s, 1, plot->curves[i].n);

        for (int64_t k = 0; k < x.columns; k++) {
            x.data[k] = plot->curves[i].x[k];
            y.data[k] = plot->curves[i].y[k];
        }
        heed_show_curve(
            d, heed_demo_words(d, "%s", i == 0 && plot->n_curves == 1 ? plot->curves[i].label : "bigram"), x,
            y);
    }
}

static void copy(heed_demoing *d, const heed_walk_result *r)
{
    take(d, r, 1, "vocab_size", "vocab_size", "different characters");
    take(d, r, 7, "uniform_loss", "uniform", "nats: ln of the vocabulary");
    take(d, r, 7, "loss", "fresh", "nats: of a fresh bigram model");
    take(d, r, 9, "validation_loss", "bigram", "nats: validation, the bigram model trained");
    take(d, r, 9, "counted_loss", "counted", "nats: validation, counted pairs");
    take(d, r, 9, "correlation", "correlation", "of learned and counted shares");
    take(d, r, 10, "train_loss", "estimate_train", "nats: mean of batches, training");
    take(d, r, 10, "validation_loss", "estimate_validation", "nats: the same, validation");
    take(d, r, 17, "validation_loss", "embedded", "nats: validation, embeddings and a head");
    take(d, r, 18, "loss_change", "positions_change", "nats: what positions change without attention");
    take(d, r, 21, "validation_loss", "attention", "nats: validation, one head of attention");
    if (r->info->number == 9 || r->info->number == 21)
        copy_curves(d, &r->shown->plot);
    for (int i = 0; i < r->shown->n_checks; i++)
        heed_show_check(d, r->shown->checks[i].holds, "step %d: %s", r->info->number,
                        r->shown->checks[i].words);
}

/* The losses one below the other, as the path meets them. */
static void show_losses(heed_demoing *d)
{
    static const char *const names[] = {"uniform", "fresh", "counted", "bigram", "embedded", "attention"};
    enum { N_LOSSES = sizeof names / sizeof names[0] };
    const heed_grid losses = heed_grid_make(&d->s, N_LOSSES, 1);

    for (int i = 0; d->s.status == HEED_OK && i < N_LOSSES; i++)
        losses.data[i] = heed_take_figure(&d->s, &d->shown->result, names[i]);
    heed_show_table(d, losses, "Loss along the path, nats a character",
                    "uniform|fresh bigram|counted pairs|trained bigram|through embeddings|one head", "loss",
                    false);
}

static void run(heed_demoing *d)
{
    const int64_t n = heed_take_int(&d->s, "steps", 1, 100000);
    const char *text = heed_take_text(&d->s, "text");
    listening l = {d, 0};
    const heed_walk_options options = {
        .text = text, .seed = d->options->seed, .steps = d->sabotage ? 1 : n, .progress = hear, .context = &l};
    heed_walk *walk = NULL;
    heed_error err = {HEED_OK, ""};

    if (d->s.status == HEED_OK)
        heed_demo_ok(d, heed_walk_open(&options, &walk, &err), &err);
    heed_show_axes(d, "A bigram model, and one that looks back", "step", "loss of a batch, nats", "");
    for (int i = 0; i < N_STEPS && d->s.status == HEED_OK; i++, l.n_done++) {
        heed_walk_result *r = NULL;

        if (heed_demo_ok(d, heed_walk_run(walk, steps[i], &r, &err), &err))
            copy(d, r);
        heed_walk_result_destroy(r);
    }
    show_losses(d);
    heed_walk_close(walk);
}

const heed_demo heed_demo_36 = {
    .info = {.id = "D36",
             .title = "From characters to self-attention",
             .shows = "Walks the path of the walkthrough on one text: characters become ids, a bigram model is "
                      "trained, the same through "
                      "embeddings and with positions, and at last with one head of attention. Everything but "
                      "the last looks at one "
                      "character, and so ends where counted pairs end; attention looks back and gets below. "
                      "(heed workbook walk shows "
                      "each step.)",
             .rule = "Decoding gives back what was encoded; a fresh loss is near ln V; the trained bigram "
                     "model, and the one through "
                     "embeddings, come within 0.1 nats of counted pairs; positions alone change less than "
                     "0.05; estimating changes no "
                     "weight; with one head the loss is below that of counted pairs.",
             .sabotage = "Each training has one step.",
             .params = "{\"steps\": 2000, \"text\": \"\"}",
             .trains = true},
    .full = "{\"steps\": 10000}",
    .run = run,
};
