/* SPDX-License-Identifier: MIT */
/* D24: one head or several at equal width, heads that are removed, alike, twins, and without their out map. */
#include <heed/ablation.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/model.h"
#include "workbook/counting.h"
#include "workbook/demos/demos.h"
#include "workbook/demos/subject.h"

enum { N_COUNTS = 5, WINDOWS = 32, BATCHES = 24, USUAL = 2 };

static const int64_t counts[N_COUNTS] = {1, 2, 4, 8, 16};

/* Trainings of one length: the counts, and two variants of the usual one. */
static const double part = 1.0 / (N_COUNTS + 2);

enum { HEADS, HEAD_DIM, PARAMETERS, SCORES, WORK, VALIDATION, N_COLUMNS };

/* --- weights before the first step --- */

/* The numbers of a trainer's parameter, which lie in its own block; NULL: there is none. */
static float *numbers_of(const heed_trainer *trainer, int64_t layer, const char *name)
{
    char full[64];
    const heed_parameter *p;

    snprintf(full, sizeof full, "h.%lld.%s", (long long)layer, name);
    p = heed_weights_find(heed_trainer_model(trainer)->weights, full);
    return p != NULL ? (float *)(uintptr_t)p->data : NULL;
}

/* concat(z_h) goes to the residual as it is: W_O = 1 and no bias. */
static void take_out_map_away(heed_demoing *d, const heed_trainer *trainer)
{
    const heed_config *c = heed_trainer_config(trainer);

    for (int64_t layer = 0; layer < c->n_layers; layer++) {
        float *w = numbers_of(trainer, layer, "attn.c_proj.weight");

        if (w == NULL) {
            heed_solve_fail(&d->s, HEED_ERR_INTERNAL, "a layer has no out map");
            return;
        }
        for (int64_t i = 0; i < c->d_model * c->d_model; i++)
            w[i] = i % (c->d_model + 1) == 0 ? 1.0f : 0.0f;
    }
}

/* Head b becomes head a: its columns in W_attn [d, 3 d] of q, k and v, and its rows of W_O [d, d]. */
static void copy_head(heed_demoing *d, const heed_trainer *trainer, int64_t a, int64_t b)
{
    const heed_config *c = heed_trainer_config(trainer);
    const int64_t D = c->d_model, n = D / c->n_heads;

    for (int64_t layer = 0; layer < c->n_layers; layer++) {
        float *w = numbers_of(trainer, layer, "attn.c_attn.weight"),
              *out = numbers_of(trainer, layer, "attn.c_proj.weight");

        if (w == NULL || out == NULL) {
            heed_solve_fail(&d->s, HEED_ERR_INTERNAL, "a layer has no maps");
            return;
        }
        for (int64_t i = 0; i < 3 * D; i++)
            memcpy(w + i * D + b * n, w + i * D + a * n, (size_t)n * sizeof *w); /* row i / 3, part i % 3 */
        memcpy(out + b * n * D, out + a * n * D, (size_t)(n * D) * sizeof *out);
    }
}

/* How far W_attn of two heads is apart: the largest difference over the largest number of either. */
static double heads_apart(const heed_trainer *trainer, int64_t a, int64_t b)
{
    const heed_config *c = heed_trainer_config(trainer);
    const int64_t D = c->d_model, n = D / c->n_heads;
    double apart = 0.0, largest = 0.0;

    for (int64_t layer = 0; layer < c->n_layers; layer++) {
        const float *w = numbers_of(trainer, layer, "attn.c_attn.weight");

        for (int64_t i = 0; i < 3 * D * n; i++) {
            const double x = (double)w[i / n * D + a * n + i % n], y = (double)w[i / n * D + b * n + i % n];

            apart = fmax(apart, fabs(x - y));
            largest = fmax(largest, fmax(fabs(x), fabs(y)));
        }
    }
    return apart / largest;
}

/* --- trainings --- */

/* Sabotaged, models stay as they were made. */
static void run_steps(heed_demoing *d, heed_trainer *trainer, int64_t steps, const char *words, double from)
{
    heed_progress progress;

    for (int64_t i = 0; !d->sabotage && i < steps && heed_demo_train_step(d, trainer, &progress); i++)
        heed_demo_progress(d, from + part * (double)i / (double)steps, words);
}

static double scores_of(heed_demoing *d, const heed_trainer *trainer, int64_t batch)
{
    const heed_config *c = heed_trainer_config(trainer);
    heed_shapes *all = d->s.status == HEED_OK ? heed_count_shapes(&d->s, c, batch, c->context_length) : NULL;
    const heed_shapes_entry *e = heed_count_entry(&d->s, all, "blocks.0.attn.scores");
    double n = (double)c->n_layers;

    for (int i = 0; e != NULL && i < e->rank; i++)
        n *= (double)e->size[i];
    heed_shapes_destroy(all);
    return n;
}

/* The model with so many heads, trained; its row of the table. */
static heed_trainer *train_heads(heed_demoing *d, heed_demo_training *t, int i, double *row)
{
    const char *words = heed_demo_words(d, "%lld head%s", (long long)counts[i], counts[i] == 1 ? "" : "s");
    heed_trainer *trainer;

    t->config.n_heads = counts[i];
    trainer = heed_demo_train_begin(d, t);
    if (trainer == NULL)
        return NULL;
    run_steps(d, trainer, t->options.steps, words, part * i);
    row[HEADS] = (double)counts[i];
    row[HEAD_DIM] = (double)t->config.d_model / (double)counts[i];
    row[PARAMETERS] = (double)heed_trainer_plan(trainer)->n_parameters;
    row[SCORES] = scores_of(d, trainer, t->options.batch_size);
    row[WORK] = heed_trainer_plan(trainer)->flops_per_step / 1e6;
    row[VALIDATION] = heed_demo_validation(d, trainer, BATCHES);
    return trainer;
}

/* --- the usual one, looked at --- */

static void show_removed(heed_demoing *d, const heed_demo_subject *s, const char *names)
{
    const heed_ablate_options options = {.method = HEED_ABLATE_ZERO, .seed = 1};
    heed_ablation_sweep *sweep = NULL;
    heed_error err = {HEED_OK, ""};
    double least = INFINITY, most = -INFINITY;
    int64_t n = 0, cheap = 0;
    heed_grid rises;

    if (!heed_demo_ok(d,
                      heed_ablation_sweep_create(s->model, s->ids, (size_t)(s->batch * s->length), &options,
                                                 &sweep, &err),
                      &err))
        return;
    rises = heed_grid_make(&d->s, heed_ablation_sweep_count(sweep), 3);
    for (int i = 0; d->s.status == HEED_OK && i < heed_ablation_sweep_count(sweep); i++) {
        const heed_sweep_entry *e = heed_ablation_sweep_at(sweep, i);

        if (e->part.kind != HEED_COMPONENT_HEAD)
            continue;
        rises.data[3 * n] = e->effect.mean;
        rises.data[3 * n + 1] = e->effect.low;
        rises.data[3 * n++ + 2] = e->effect.high;
        least = fmin(least, e->effect.mean);
        most = fmax(most, e->effect.mean);
    }
    rises.rows = n;
    for (int64_t i = 0; i < n; i++)
        cheap += rises.data[3 * i] <= 0.2 * most;
    heed_show_table(d, rises, "Rise of the loss without one head, nats a token", names, "rise|95 % from|to",
                    false);
    heed_show_figure(d, "least_rise", least, "nats: the head that is missed least");
    heed_show_figure(d, "most_rise", most, "nats: the one that is missed most");
    heed_show_figure(d, "cheap_heads", (double)cheap, "cost at most a fifth of that");
    heed_show_figure(d, "heads", (double)n, "in all");
    heed_show_figure(d, "loss_with_all", heed_ablation_sweep_loss(sweep),
                     "nats on the text they were removed on");
    heed_show_check(d, most >= 0.05,
                    "one head cannot go: without it the loss rises by %.3f nats, at least 0.05", most);
    heed_show_check(
        d, cheap >= 2,
        "others can: %lld of %lld heads cost at most a fifth of that, at least two; the cheapest %.4f",
        (long long)cheap, (long long)n, least);
    heed_ablation_sweep_destroy(sweep);
}

static void show_alike(heed_demoing *d, const heed_heads *heads, const char *names)
{
    const heed_grid cosines = heed_demo_similarity(d, heads);
    double sum = 0.0, least = INFINITY, most = -INFINITY;
    int64_t n = 0, apart = 0;

    for (int64_t i = 0; i < cosines.rows; i++) {
        for (int64_t j = i + 1; j < cosines.rows; j++) {
            const double x = cosines.data[i * cosines.columns + j];
            sum += x;
            least = fmin(least, x);
            most = fmax(most, x);
            apart += x < 0.9;
            n++;
        }
    }
    heed_show_table(d, cosines, "How alike the heads' patterns are: cosines", names, names, true);
    heed_show_figure(d, "similarity_mean", sum / (double)n, "of the patterns of two heads");
    heed_show_figure(d, "similarity_least", least, "of the two that differ most");
    heed_show_figure(d, "similarity_most", most, "of the two that are most alike");
    heed_show_figure(d, "pairs_below_0.9", (double)apart / (double)n, "share of all pairs");
}

/* The model with the usual number of heads, or the one that is given. */
static void look_inside(heed_demoing *d, heed_demo_training *t, heed_trainer *usual)
{
    heed_demo_subject s;
    heed_heads *heads;
    const char *names;

    if (heed_demo_names_model(d) ? !heed_demo_subject_open(d, t, "", 0.0, 0.0, WINDOWS, &s)
                                 : !heed_demo_subject_of(d, usual, WINDOWS, &s))
        return;
    heads = heed_demo_look(d, &s, true);
    names = heads != NULL ? heed_demo_head_names(d, heads) : NULL;
    if (names != NULL) {
        show_removed(d, &s, names);
        show_alike(d, heads, names);
    }
    heed_heads_destroy(heads);
    heed_demo_subject_close(&s);
}

/* --- variants of the usual one --- */

static double train_without_map(heed_demoing *d, const heed_demo_training *usual)
{
    heed_demo_training t = *usual;
    heed_trainer *trainer;
    double loss = NAN;

    snprintf(t.options.freeze, sizeof t.options.freeze, "h.*.attn.c_proj.*");
    trainer = heed_demo_train_begin(d, &t);
    if (trainer != NULL) {
        take_out_map_away(d, trainer);
        run_steps(d, trainer, t.options.steps, "without the out map", part * N_COUNTS);
        loss = heed_demo_validation(d, trainer, BATCHES);
    }
    heed_trainer_close(trainer);
    return loss;
}

/* Heads 0 and 1 of each layer begin as one; half as many steps are enough. */
static void show_twins(heed_demoing *d, const heed_demo_training *usual)
{
    heed_demo_training t = *usual;
    heed_trainer *trainer = heed_demo_train_begin(d, &t);
    double twins, others;

    if (trainer == NULL)
        return;
    copy_head(d, trainer, 0, 1);
    run_steps(d, trainer, (t.options.steps + 1) / 2, "two heads that begin equal", part * (N_COUNTS + 1));
    twins = heads_apart(trainer, 0, 1);
    others = heads_apart(trainer, 2, 3);
    heed_trainer_close(trainer);
    heed_show_figure(d, "twins_apart", twins, "of two heads that began equal: largest difference, as a share");
    heed_show_figure(d, "others_apart", others, "of two that did not");
    heed_show_check(d, twins <= 0.01 * others,
                    "two heads that begin equal stay so: their numbers differ by %.2g, others by %.2g", twins,
                    others);
}

/* --- what came out --- */

static void judge_counts(heed_demoing *d, heed_grid table, double ln_v)
{
    const double *first = table.data, *last = table.data + (N_COUNTS - 1) * N_COLUMNS;
    bool same = true, scores = true;

    for (int i = 0; i < N_COUNTS; i++) {
        const double *row = table.data + i * N_COLUMNS;

        same = same && row[PARAMETERS] == first[PARAMETERS];
        scores = scores && row[SCORES] == row[HEADS] * first[SCORES];
        heed_show_figure(d, heed_demo_words(d, "loss_%lld", (long long)counts[i]), row[VALIDATION],
                         heed_demo_words(d, "nats, validation, %lld head%s", (long long)counts[i],
                                         counts[i] == 1 ? "" : "s"));
    }
    heed_show_figure(d, "uniform_loss", ln_v, "nats: ln of the number of tokens");
    heed_show_check(d, same, "all have %.0f parameters", first[PARAMETERS]);
    heed_show_check(d, scores, "scores grow with the heads: %.0f numbers with one, %.0f with %lld",
                    first[SCORES], last[SCORES], (long long)counts[N_COUNTS - 1]);
    heed_show_check(d, first[VALIDATION] <= 0.75 * ln_v,
                    "a single head, which is not split, trains: %.3f of %.3f nats, at most 75 %%",
                    first[VALIDATION], ln_v);
}

static void show_counts(heed_demoing *d, heed_grid table)
{
    heed_grid x = heed_grid_make(&d->s, 1, N_COUNTS), y = heed_grid_make(&d->s, 1, N_COUNTS);

    for (int i = 0; d->s.status == HEED_OK && i < N_COUNTS; i++) {
        x.data[i] = (double)counts[i];
        y.data[i] = table.data[i * N_COLUMNS + VALIDATION];
    }
    heed_show_table(d, table, "Heads at equal width; work of a step, validation loss", NULL,
                    "heads|head_dim|weights|scores|Mflop|loss", false);
    heed_show_axes(d, "Validation loss over the number of heads", "heads", "nats a token", "x");
    heed_show_curve(d, "after training", x, y);
}

static void run(heed_demoing *d)
{
    heed_demo_training t = heed_demo_training_of(d, HEED_DEMO_P2S), usual;
    const heed_grid table = heed_grid_make(&d->s, N_COUNTS, N_COLUMNS);
    heed_trainer *kept = NULL;
    double ln_v = NAN, without = NAN;

    t.config.d_model = heed_take_int(&d->s, "d_model", 16, 256);
    if (d->s.status == HEED_OK && t.config.d_model % counts[N_COUNTS - 1] != 0)
        heed_solve_fail(&d->s, HEED_ERR_USAGE, "d_model: expected a multiple of 16, which 1 to 16 heads share");
    for (int i = 0; d->s.status == HEED_OK && i < N_COUNTS; i++) {
        heed_trainer *trainer = train_heads(d, &t, i, table.data + i * N_COLUMNS);

        if (i == USUAL) {
            usual = t;
            kept = trainer;
            ln_v = trainer != NULL ? log((double)heed_trainer_config(trainer)->vocab_size) : NAN;
        } else
            heed_trainer_close(trainer);
    }
    if (d->s.status == HEED_OK)
        without = train_without_map(d, &usual);
    if (d->s.status == HEED_OK) {
        show_counts(d, table);
        judge_counts(d, table, ln_v);
        heed_show_figure(d, "loss_without_map", without, "nats, validation, 4 heads, W_O fixed to 1");
        look_inside(d, &usual, kept);
        show_twins(d, &usual);
    }
    heed_trainer_close(kept);
}

const heed_demo heed_demo_24 = {
    .info = {.id = "D24",
             .title = "One head or several",
             .shows = "Trains a small GPT with 1, 2, 4, 8 and 16 heads that share the same width, once more "
                      "with 4 heads whose "
                      "results are put side by side without an out map (it is fixed to 1), and once with two "
                      "heads of each layer "
                      "that begin with the same numbers. Splitting costs no parameters, only memory for "
                      "scores. In the model with "
                      "4 heads (or in \"model\") each head is set to zero in turn: some are missed, some "
                      "hardly. Heads differ because "
                      "they begin differently; two that begin as one get the same gradients for ever.",
             .rule = "All counts have the same parameters, and scores grow with the heads; a single head "
                     "trains, to at most 75 % "
                     "of ln V; one head is missed by at least 0.05 nats and two or more by at most a fifth of "
                     "that; heads that "
                     "begin equal stay within 1 % of the distance of others.",
             .sabotage = "The models are not trained.",
             .params = "{\"steps\": 400, \"d_model\": 64, \"text\": \"\", \"model\": \"\"}",
             .trains = true},
    .full = "{\"steps\": 1500}",
    .run = run,
};
