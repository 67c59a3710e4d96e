/* SPDX-License-Identifier: MIT */
/* D12: gradient descent at three rates, with and without clipping. */
#include <math.h>

#include "workbook/demos/demos.h"
#include "workbook/demos/training.h"
#include "workbook/demos/unit_start.h"

enum { N_RATES = 3, LAYERS = 4, SMOOTH = 10 };
enum { RATE, LIMIT, LOSS, LARGEST_NORM, CLIPPED, STEPS, N_COLUMNS };

/* --- one training --- */

typedef struct descent {
    double end;          /* mean loss of the last tenth; NaN: a number was not finite before */
    double largest_norm; /* of the gradient, before clipping */
    double clipped;      /* share of the steps */
    int64_t steps;       /* that were made */
    double uniform;      /* ln V */
    heed_grid curve;     /* [1, steps] */
} descent;

static double end_of(heed_grid curve)
{
    const int64_t n = curve.columns / 10 > 0 ? curve.columns / 10 : 1;
    double sum = 0.0;

    for (int64_t i = curve.columns - n; i < curve.columns; i++)
        sum += curve.data[i] / (double)n;
    return sum;
}

/* Until the first number that is none: what would be left of the weights is no model. heed's trainer leaves out such an update. */
static descent descend(heed_demoing *d, const heed_demo_training *t, const char *words, double from, double to)
{
    const int64_t steps = t->options.steps;
    heed_trainer *trainer = heed_demo_train_begin(d, t);
    heed_progress p = {.skipped = HEED_SKIP_NONE};
    descent out = {.curve = heed_grid_make(&d->s, 1, steps)};
    int64_t clipped = 0;

    heed_demo_unit_start(trainer != NULL ? heed_trainer_model(trainer) : NULL);
    out.curve.columns = 0;
    while (out.steps < steps && p.skipped == HEED_SKIP_NONE && heed_demo_train_step(d, trainer, &p)) {
        out.curve.data[out.curve.columns] = p.loss;
        out.curve.columns += p.skipped == HEED_SKIP_NONE;
        out.largest_norm = fmax(out.largest_norm, p.gradient_norm);
        clipped += t->options.clip_norm > 0.0 && p.gradient_norm > t->options.clip_norm;
        out.steps++;
        heed_demo_progress(d, from + (to - from) * (double)out.steps / (double)steps, words);
    }
    out.uniform = trainer != NULL ? log((double)heed_trainer_config(trainer)->vocab_size) : NAN;
    heed_trainer_close(trainer);
    out.clipped = out.steps > 0 ? (double)clipped / (double)out.steps : 0.0;
    out.end = d->s.status == HEED_OK && p.skipped == HEED_SKIP_NONE ? end_of(out.curve) : NAN;
    return out;
}

/* --- what came out --- */

/* It learned nothing that stays: no number, or a loss above that of guessing evenly. */
static bool diverged(const descent *x)
{
    return isnan(x->end) || x->end > x->uniform;
}

static const char *end_words(heed_demoing *d, const descent *x)
{
    return isnan(x->end) ? heed_demo_words(d, "no number after %lld steps", (long long)x->steps)
                         : heed_demo_words(d, "%.3f", x->end);
}

/* Smoothed, and drawn no higher than twice ln V: some would go up to a million. */
static heed_grid below(heed_demoing *d, const descent *x)
{
    const heed_grid smooth = heed_demo_smoothed(d, x->curve, SMOOTH);

    for (int64_t i = 0; i < smooth.columns; i++)
        smooth.data[i] = fmin(smooth.data[i], 2.0 * x->uniform);
    return smooth;
}

static void show_one(heed_demoing *d, double rate, double limit, const descent *x, const char *words,
                     double *row)
{
    row[RATE] = rate;
    row[LIMIT] = limit;
    row[LOSS] = x->end;
    row[LARGEST_NORM] = x->largest_norm;
    row[CLIPPED] = x->clipped;
    row[STEPS] = (double)x->steps;
    heed_show_curve(d, words, heed_demo_counted(d, x->curve.columns), below(d, x));
}

static void show_figures(heed_demoing *d, int i, double rate, const descent *with, const descent *without)
{
    heed_show_figure(d, heed_demo_words(d, "rate_%d", i + 1), rate, "the learning rate");
    heed_show_figure(d, heed_demo_words(d, "loss_%d_with", i + 1), with->end,
                     "nats, the last tenth, with clipping");
    heed_show_figure(d, heed_demo_words(d, "loss_%d_without", i + 1), without->end,
                     "nats, the last tenth, without it");
    heed_show_figure(d, heed_demo_words(d, "clipped_%d", i + 1), with->clipped,
                     "share of the steps that were clipped");
    heed_show_figure(d, heed_demo_words(d, "norm_%d_with", i + 1), with->largest_norm,
                     "the longest gradient before it was clipped");
    heed_show_figure(d, heed_demo_words(d, "norm_%d_without", i + 1), without->largest_norm,
                     "the longest gradient without clipping");
    heed_show_figure(d, heed_demo_words(d, "diverged_%d_with", i + 1), diverged(with),
                     "1: no number, or above ln V");
    heed_show_figure(d, heed_demo_words(d, "diverged_%d_without", i + 1), diverged(without),
                     "1: no number, or above ln V");
}

static void judge(heed_demoing *d, const double *rates, const descent *with, const descent *without)
{
    int saved = -1;

    for (int i = 0; i < N_RATES; i++) {
        if (saved < 0 && diverged(&without[i]) && !diverged(&with[i]))
            saved = i;
    }
    heed_show_check(d, fabs(with[0].end - without[0].end) < 0.05,
                    "at the smallest rate, %g, both end alike: %s with clipping, %s without", rates[0],
                    end_words(d, &with[0]), end_words(d, &without[0]));
    if (saved >= 0)
        heed_show_check(d, true, "at rate %g the training without clipping fails (%s), with it it learns: %s",
                        rates[saved], end_words(d, &without[saved]), end_words(d, &with[saved]));
    else
        heed_show_check(d, false,
                        "at no rate does the training fail without clipping and learn with it; ln V is %.3f",
                        with[0].uniform);
    heed_show_check(d, with[N_RATES - 1].clipped > with[0].clipped,
                    "the larger the rate, the more it has to do: %.0f %% of the steps at %g, %.0f %% at %g",
                    100.0 * with[0].clipped, rates[0], 100.0 * with[N_RATES - 1].clipped, rates[N_RATES - 1]);
}

static bool take_rates(heed_demoing *d, double *rates)
{
    const heed_grid list = heed_take_list(&d->s, "rates");

    if (d->s.status == HEED_OK && list.columns != N_RATES)
        return heed_solve_fail(&d->s, HEED_ERR_USAGE, "rates: expected three of them, got %lld",
                               (long long)list.columns);
    for (int i = 0; d->s.status == HEED_OK && i < N_RATES; i++) {
        rates[i] = list.data[i];
        if (!(rates[i] > 0.0 && rates[i] <= 1000.0) || (i > 0 && rates[i] <= rates[i - 1]))
            heed_solve_fail(&d->s, HEED_ERR_USAGE, "rates: expected growing numbers above 0, up to 1000");
    }
    return d->s.status == HEED_OK;
}

static void run(heed_demoing *d)
{
    heed_demo_training t = heed_demo_training_of(d, HEED_DEMO_P2S);
    const double limit = heed_take_number(&d->s, "clip_norm");
    const heed_grid table = heed_grid_make(&d->s, 2 * N_RATES, N_COLUMNS);
    descent with[N_RATES], without[N_RATES];
    double rates[N_RATES];

    if (d->s.status == HEED_OK && !(limit > 0.0 && limit <= 1e6))
        heed_solve_fail(&d->s, HEED_ERR_USAGE, "clip_norm: expected a number above 0, up to 1e6");
    if (!take_rates(d, rates))
        return;
    t.config.n_layers = LAYERS;
    t.options.optimizer = HEED_OPTIMIZER_SGD;
    t.options.schedule = HEED_SCHEDULE_CONSTANT;
    t.options.warmup_steps = 0;
    t.options.weight_decay = 0.0;
    heed_show_axes(d, "Loss of the batches, without clipping and with it", "step", "nats a token", "");
    for (int i = 0; d->s.status == HEED_OK && i < 2 * N_RATES; i++) {
        const bool clips = i % 2 == 1;
        const char *words = heed_demo_words(d, "rate %g%s", rates[i / 2], clips ? ", clipped" : "");
        descent *x = clips ? &with[i / 2] : &without[i / 2];

        t.options.learning_rate = rates[i / 2];
        t.options.clip_norm = clips && !d->sabotage ? limit : 0.0;
        *x = descend(d, &t, words, i / (2.0 * N_RATES), (i + 1) / (2.0 * N_RATES));
        if (d->s.status == HEED_OK)
            show_one(d, rates[i / 2], t.options.clip_norm, x, words, table.data + i * N_COLUMNS);
    }
    if (d->s.status != HEED_OK)
        return;
    heed_show_table(d, table, "Gradient descent on four blocks", NULL, "rate|limit|loss|longest|clipped|steps",
                    false);
    heed_show_figure(d, "uniform", with[0].uniform, "nats: ln V, of guessing evenly");
    for (int i = 0; i < N_RATES; i++)
        show_figures(d, i, rates[i], &with[i], &without[i]);
    judge(d, rates, with, without);
}

const heed_demo heed_demo_12 = {
    .info = {.id = "D12",
             .title = "Clipping the gradient",
             .shows =
                 "Trains four blocks by gradient descent at three learning rates, each without clipping and "
                 "with the gradient "
                 "shortened to a limit where it is longer. At a small rate gradients are short and clipping "
                 "has nothing to do. "
                 "At a large one a single bad step throws the weights to where gradients are huge, and the "
                 "next step throws "
                 "them farther: a few steps later there are no numbers left. Clipping keeps the direction of "
                 "such a step and "
                 "bounds its length. It cannot help where the rate times the limit is too long a step itself.",
             .rule = "At the smallest rate the losses with and without clipping end within 0.05; at one of the "
                     "rates the training "
                     "without clipping fails (no number, or above ln V), and with it it does not; at the "
                     "largest rate a larger share of the steps is "
                     "clipped than at the smallest.",
             .sabotage = "Nothing is clipped.",
             .params = "{\"rates\": [0.1, 1, 3], \"clip_norm\": 1, \"steps\": 150, \"text\": \"\"}",
             .trains = true},
    .full = "{\"steps\": 600}",
    .run = run,
};
