/* SPDX-License-Identifier: MIT */
/* D22: a model of feed-forwards alone, beside a bigram model and a GPT of as many parameters. */
#include <math.h>

#include "train/trainer.h"
#include "workbook/demos/demos.h"
#include "workbook/demos/small_model.h"
#include "workbook/demos/training.h"

enum { ALONE, BIGRAM, GPT, N_MODELS };

#define ADDED        0.1 /* to each count of a pair */
#define SWEEP        1000000
#define NEAR         0.1 /* nats between what is learned and what is counted */
#define CLEARLY_LESS 0.2

static const char *const names[N_MODELS] = {"feed-forward alone", "bigram table", "with attention"};

/* --- as many parameters --- */

static int64_t n_parameters(heed_demoing *d, const heed_config *config)
{
    heed_config c = *config;
    heed_model *model = NULL;
    heed_error err = {HEED_OK, ""};
    int64_t n = 0;

    c.vocab_size = c.vocab_size > 0 ? c.vocab_size : 64;
    if (d->s.status != HEED_OK || !heed_demo_ok(d, heed_model_describe(&c, &model, &err), &err))
        return 0;
    for (int i = 0; i < heed_model_n_parameters(model); i++)
        n += heed_model_parameter(model, i).count;
    heed_model_close(model);
    return n;
}

/* The widest feed-forwards with which a model without attention has no more parameters. */
static void take_attention_out(heed_demoing *d, heed_config *c)
{
    const int64_t most = n_parameters(d, c);

    c->attention = false;
    for (c->d_mlp = 4 * c->d_model; d->s.status == HEED_OK && n_parameters(d, c) <= most;)
        c->d_mlp++;
    c->d_mlp--;
}

/* --- counting --- */

typedef struct pairs {
    int64_t V;
    double *count; /* [V, V], next to */
} pairs;

/* Calls `each` with every token of a part and the one behind it. */
static void each_pair(heed_demoing *d, const heed_trainer *t, heed_part part,
                      void (*each)(pairs *p, int32_t from, int32_t to, double *sum, double *n), pairs *p,
                      double *sum, double *n)
{
    const int64_t T = heed_trainer_config(t)->context_length, n_tokens = t->source->n_tokens[part];
    int32_t *ids = (int32_t *)(void *)heed_demo_floats(d, T),
            *targets = (int32_t *)(void *)heed_demo_floats(d, T);

    for (int64_t at = 0; d->s.status == HEED_OK && at < n_tokens - 1; at += T) {
        t->source->fill(t->source, part, at, T, ids, targets);
        for (int64_t i = 0; i < T; i++) {
            if (targets[i] >= 0)
                each(p, ids[i], targets[i], sum, n);
        }
    }
}

static void count(pairs *p, int32_t from, int32_t to, double *sum, double *n)
{
    (void)sum;
    (void)n;
    p->count[from * p->V + to] += 1.0;
}

static void measure(pairs *p, int32_t from, int32_t to, double *sum, double *n)
{
    double all = 0.0;

    for (int64_t v = 0; v < p->V; v++)
        all += p->count[from * p->V + v];
    *sum -= log((p->count[from * p->V + to] + ADDED) / (all + ADDED * (double)p->V));
    *n += 1.0;
}

/* Nats a token of the validation part, by pairs counted in the training part. */
static double counted_loss(heed_demoing *d, const heed_trainer *t)
{
    pairs p = {.V = heed_trainer_config(t)->vocab_size};
    double sum = 0.0, n = 0.0;

    p.count = heed_grid_make(&d->s, p.V, p.V).data;
    each_pair(d, t, HEED_PART_TRAIN, count, &p, &sum, &n);
    each_pair(d, t, HEED_PART_VALIDATION, measure, &p, &sum, &n);
    return sum / n;
}

/* --- other pasts --- */

/* max |difference| of the last logits of two texts that have only their last token in common. */
static double past_matters(heed_demoing *d, const heed_trainer *t, int64_t n)
{
    const heed_model *model = heed_trainer_model(t);
    const int64_t V = heed_model_config(model)->vocab_size;
    int32_t *a = (int32_t *)(void *)heed_demo_floats(d, n), *b = (int32_t *)(void *)heed_demo_floats(d, n);
    heed_grid x, y;

    for (int64_t i = 0; d->s.status == HEED_OK && i < n; i++) {
        a[i] = (int32_t)(i % V);
        b[i] = i == n - 1 ? a[i] : (int32_t)((i + V / 2) % V);
    }
    x = heed_demo_read(d, model, &(heed_forward_ids){a, NULL, 1, n}, "logits");
    y = heed_demo_read(d, model, &(heed_forward_ids){b, NULL, 1, n}, "logits");
    return d->s.status == HEED_OK ? heed_demo_difference(heed_grid_row(x, n - 1), heed_grid_row(y, n - 1))
                                  : NAN;
}

/* --- a run --- */

typedef struct outcome {
    double loss, past, parameters;
    heed_grid curve;
} outcome;

static outcome learn(heed_demoing *d, int which, double *counted)
{
    heed_demo_training t = heed_demo_training_of(d, which == BIGRAM ? HEED_DEMO_BIGRAM : HEED_DEMO_P2S);
    outcome o = {NAN, NAN, NAN, {0, 0, NULL}};
    heed_trainer *trainer;

    if (which == ALONE && !d->sabotage)
        take_attention_out(d, &t.config);
    if (which == BIGRAM) /* a logit must go from 0 to several, and each step moves it by about the rate */
        t.options.learning_rate = 0.1;
    trainer = heed_demo_train(d, &t, names[which], (double)which / N_MODELS, (double)(which + 1) / N_MODELS);
    if (trainer == NULL)
        return o;
    o.loss = heed_demo_validation(d, trainer, SWEEP);
    o.past = past_matters(d, trainer, heed_trainer_config(trainer)->context_length);
    o.parameters = (double)heed_trainer_plan(trainer)->n_parameters;
    o.curve = t.curve;
    if (which == ALONE)
        *counted = counted_loss(d, trainer);
    heed_trainer_close(trainer);
    return o;
}

static void show(heed_demoing *d, const outcome *o, double counted)
{
    heed_grid table = heed_grid_make(&d->s, N_MODELS + 1, 3);

    for (int m = 0; d->s.status == HEED_OK && m < N_MODELS; m++) {
        table.data[3 * m] = o[m].parameters;
        table.data[3 * m + 1] = o[m].loss;
        table.data[3 * m + 2] = o[m].past;
    }
    if (d->s.status == HEED_OK) {
        table.data[3 * N_MODELS] = table.data[3 * N_MODELS + 2] = NAN;
        table.data[3 * N_MODELS + 1] = counted;
    }
    heed_show_table(d, table, "Validation, and what another past changes in the last logits",
                    "feed-forward alone|bigram table|with attention|pairs counted",
                    "parameters|loss|past changes", false);
    heed_show_axes(d, "Loss of the batches, mean of 20", "step", "nats", "");
    for (int m = 0; m < N_MODELS; m++)
        heed_show_curve(d, names[m], heed_demo_counted(d, o[m].curve.columns),
                        heed_demo_smoothed(d, o[m].curve, 20));
}

static void run(heed_demoing *d)
{
    outcome o[N_MODELS];
    double counted = NAN;

    for (int m = 0; m < N_MODELS; m++)
        o[m] = learn(d, m, &counted);
    if (d->s.status != HEED_OK)
        return;
    show(d, o, counted);
    heed_show_figure(d, "alone", o[ALONE].loss, "nats, feed-forward alone");
    heed_show_figure(d, "bigram", o[BIGRAM].loss, "nats, a table of logits");
    heed_show_figure(d, "attention", o[GPT].loss, "nats, with attention");
    heed_show_figure(d, "counted", counted, "nats, pairs counted");
    heed_show_figure(d, "past", o[ALONE].past, "what another past changes, feed-forward alone");
    heed_show_check(d, fabs(o[ALONE].loss - counted) <= NEAR,
                    "feed-forward alone ends at %.3f nats: within %.1f of counted pairs, %.3f", o[ALONE].loss,
                    NEAR, counted);
    heed_show_check(d, fabs(o[BIGRAM].loss - counted) <= NEAR, "so does a table of logits: %.3f",
                    o[BIGRAM].loss);
    heed_show_check(d, o[GPT].loss <= counted - CLEARLY_LESS,
                    "with attention, as many parameters end %.2f nats below: %.3f", counted - o[GPT].loss,
                    o[GPT].loss);
    heed_show_check(d, o[ALONE].past == 0.0 && o[GPT].past > 0.0,
                    "another past changes the last logits by %g without attention, by %.3g with it",
                    o[ALONE].past, o[GPT].past);
}

const heed_demo heed_demo_22 = {
    .info = {.id = "D22",
             .title = "Feed-forwards alone are a bigram model",
             .shows = "Trains a GPT without attention, its feed-forwards wider by as many parameters; a table "
                      "of logits for "
                      "each pair; and a GPT with attention. Beside them stands the loss of pairs counted in "
                      "the training "
                      "part. A feed-forward works on each position by itself, so what it can learn is which "
                      "token follows "
                      "which: whatever its width, it comes as far as counting does.",
             .rule =
                 "The validation losses of feed-forwards alone and of the table lie within 0.1 nats of counted "
                 "pairs; that of the GPT at least 0.2 below; another past changes no bit of the last logits "
                 "without "
                 "attention, and does with it.",
             .sabotage = "The model of feed-forwards keeps its attention.",
             .params = "{\"steps\": 500, \"text\": \"\"}",
             .trains = true},
    .full = "{\"steps\": 3000}",
    .run = run,
};
