/* SPDX-License-Identifier: MIT */
/* D45: how far a step moves each kind of parameter, with gradient descent, with rates of their own, and with Adam. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "workbook/demos/demos.h"
#include "workbook/demos/norms.h"
#include "workbook/demos/training.h"

enum { PLAIN, GROUPS, ADAM, N_RUNS, LOOKS = 10 };

/* What is measured. Of the fused map of queries, keys and values the two halves fare differently, but its rate is one. */
enum { TOKENS, POSITIONS, QUERY_KEY, VALUE, OUT, HEAD, N_GROUPS };

static const char *const run_names[N_RUNS] = {"gradient descent", "rates of their own", "adam"};
/* Which parameters get a rate, and whose share of change decides about it. */
static const struct {
    const char *pattern;
    int group;
} rates[] = {{"wte.weight", TOKENS},
             {"wpe.weight", POSITIONS},
             {"*.attn.c_attn.weight", VALUE},
             {"*.attn.c_proj.weight", OUT},
             {"lm_head.weight", HEAD}};

#define GROUP_NAMES "token table|position table|queries, keys|values|out map|head"
#define SLOW        0.5  /* the rate of plain gradient descent: in small models gradients are small */
#define MOST_FACTOR 10.0 /* of a group's rate */
#define EVENED_OUT  3.0  /* the spread of ratios is at least so many times as large without Adam */
#define LEAST       1e-9 /* of a share of change: steps that floats cannot hold change nothing */
#define CLEARLY     0.02 /* nats */

/* --- how far a step goes: |update| / |weights| of each group --- */

static double norm_of(heed_grid norms, int group)
{
    switch (group) {
    case TOKENS:
        return heed_demo_norm(norms, HEED_DEMO_TOKENS);
    case POSITIONS:
        return heed_demo_norm(norms, HEED_DEMO_POSITIONS);
    case QUERY_KEY:
        return hypot(heed_demo_norm(norms, HEED_DEMO_QUERY), heed_demo_norm(norms, HEED_DEMO_KEY));
    case VALUE:
        return heed_demo_norm(norms, HEED_DEMO_VALUE);
    case OUT:
        return heed_demo_norm(norms, HEED_DEMO_OUT);
    default:
        return heed_demo_norm(norms, HEED_DEMO_HEAD);
    }
}

typedef struct outcome {
    double ratio[N_GROUPS]; /* geometric means over the looks */
    double loss;
    heed_grid curve;
} outcome;

/* Makes a step; its loss. */
static double add_ratios(heed_demoing *d, heed_trainer *trainer, outcome *o)
{
    const heed_demo_norms norms = heed_demo_update_of(d, trainer);

    for (int g = 0; d->s.status == HEED_OK && g < N_GROUPS; g++)
        o->ratio[g] += log(fmax(norm_of(norms.update, g) / norm_of(norms.weight, g), LEAST)) / LOOKS;
    return norms.loss;
}

static double spread(const outcome *o)
{
    double low = INFINITY, high = 0.0;

    for (int g = 0; g < N_GROUPS; g++) {
        low = fmin(low, o->ratio[g]);
        high = fmax(high, o->ratio[g]);
    }
    return high / low;
}

/* --- runs --- */

static void set_optimizer(heed_demoing *d, int which, heed_train_options *o)
{
    o->weight_decay = 0.0;
    if (which != ADAM) {
        o->optimizer = HEED_OPTIMIZER_SGD;
        o->learning_rate = SLOW;
        o->min_learning_rate = SLOW / 10.0;
    } else {
        o->optimizer = HEED_OPTIMIZER_ADAM;
        o->eps = d->sabotage ? 1.0 : o->eps; /* then it divides all by about the same */
        o->learning_rate *= d->sabotage ? 100.0 : 1.0;
    }
}

/* Rates such that each of them would have moved as far as the fastest one, as seen in the plain run. */
static void set_groups(heed_demoing *d, const outcome *plain, heed_train_options *o)
{
    const int n = (int)(sizeof rates / sizeof rates[0]);
    double high = 0.0;

    for (int i = 0; i < n; i++)
        high = fmax(high, plain->ratio[rates[i].group]);
    for (int i = 0; !d->sabotage && i < n; i++) {
        char *end = o->groups + strlen(o->groups);
        snprintf(end, sizeof o->groups - strlen(o->groups), "%s%s: lr %.4g", i > 0 ? "; " : "",
                 rates[i].pattern, fmin(high / plain->ratio[rates[i].group], MOST_FACTOR));
    }
}

/* Looks are spread evenly over the steps; one step of each look is made by it. */
static outcome learn(heed_demoing *d, int which, const outcome *plain)
{
    heed_demo_training t = heed_demo_training_of(d, HEED_DEMO_M0S);
    const int64_t steps = t.options.steps < LOOKS ? LOOKS : t.options.steps;
    outcome o = {.loss = NAN};
    heed_progress progress;
    heed_trainer *trainer;

    t.options.steps = steps;
    set_optimizer(d, which, &t.options);
    if (which == GROUPS)
        set_groups(d, plain, &t.options);
    o.curve = heed_grid_make(&d->s, 1, steps);
    trainer = heed_demo_train_begin(d, &t);
    for (int64_t i = 0; trainer != NULL && d->s.status == HEED_OK && i < steps; i++) {
        if (i * LOOKS / steps != (i - 1) * LOOKS / steps || i == 0)
            o.curve.data[i] = add_ratios(d, trainer, &o);
        else if (heed_demo_train_step(d, trainer, &progress))
            o.curve.data[i] = progress.loss;
        heed_demo_progress(d, ((double)which + (double)i / (double)steps) / N_RUNS, run_names[which]);
    }
    for (int g = 0; g < N_GROUPS; g++)
        o.ratio[g] = exp(o.ratio[g]);
    o.loss = heed_demo_validation(d, trainer, 8);
    heed_trainer_close(trainer);
    return o;
}

/* --- what is shown --- */

static int slowest(const outcome *o)
{
    int least = 0;

    for (int g = 1; g < N_GROUPS; g++)
        least = o->ratio[g] < o->ratio[least] ? g : least;
    return least;
}

static void show(heed_demoing *d, const outcome *o)
{
    static const char *const figures[] = {"gd_tokens", "gd_positions", "gd_query_key",
                                          "gd_value",  "gd_out",       "gd_head"};
    static const char *const adam[] = {"adam_tokens", "adam_positions", "adam_query_key",
                                       "adam_value",  "adam_out",       "adam_head"};
    heed_grid table = heed_grid_make(&d->s, N_GROUPS, N_RUNS);

    for (int i = 0; d->s.status == HEED_OK && i < N_GROUPS * N_RUNS; i++)
        table.data[i] = o[i % N_RUNS].ratio[i / N_RUNS];
    heed_show_table(d, table, "Change by a step over the weights, geometric mean of ten steps", GROUP_NAMES,
                    "descent|own rates|adam", false);
    heed_show_axes(d, "Loss of the batches, mean of 20", "step", "nats", "");
    for (int r = 0; r < N_RUNS; r++)
        heed_show_curve(d, run_names[r], heed_demo_counted(d, o[r].curve.columns),
                        heed_demo_smoothed(d, o[r].curve, 20));
    for (int g = 0; g < N_GROUPS; g++) {
        heed_show_figure(d, figures[g], o[PLAIN].ratio[g], "change over weights, gradient descent");
        heed_show_figure(d, adam[g], o[ADAM].ratio[g], "change over weights, adam");
    }
    heed_show_figure(d, "gd_slowest", (double)slowest(&o[PLAIN]),
                     "the row, from 0, that gradient descent moves least");
    heed_show_figure(d, "adam_slowest", (double)slowest(&o[ADAM]), "and adam");
}

static void judge(heed_demoing *d, const outcome *o)
{
    const double plain = spread(&o[PLAIN]), adam = spread(&o[ADAM]);

    heed_show_figure(d, "gd_spread", plain, "largest change over smallest, gradient descent");
    heed_show_figure(d, "groups_spread", spread(&o[GROUPS]), "with rates of their own");
    heed_show_figure(d, "adam_spread", adam, "adam");
    heed_show_figure(d, "gd_loss", o[PLAIN].loss, "nats, validation, gradient descent");
    heed_show_figure(d, "groups_loss", o[GROUPS].loss, "with rates of their own");
    heed_show_figure(d, "adam_loss", o[ADAM].loss, "adam");
    heed_show_check(
        d, plain >= EVENED_OUT * adam,
        "gradient descent moves groups by shares that differ by a factor of %.1f, adam by %.1f: a third "
        "of it at most",
        plain, adam);
    heed_show_check(d, o[GROUPS].loss <= o[PLAIN].loss - CLEARLY,
                    "a rate for each group helps gradient descent: %.3f nats in the place of %.3f",
                    o[GROUPS].loss, o[PLAIN].loss);
}

static void run(heed_demoing *d)
{
    outcome o[N_RUNS];

    for (int r = 0; r < N_RUNS; r++)
        o[r] = learn(d, r, &o[PLAIN]);
    if (d->s.status != HEED_OK)
        return;
    show(d, o);
    judge(d, o);
}

const heed_demo heed_demo_45 = {
    .info =
        {.id = "D45",
         .title = "Fast and slow parameters",
         .shows = "Trains the same model by gradient descent with one rate, with a rate for each group of "
                  "parameters, and "
                  "with Adam, and measures how far a step moves each group in relation to its size. A "
                  "gradient's norm alone "
                  "says little: what counts is how much of the weights changes. With one rate the head moves "
                  "fast and what "
                  "lies far from the loss hardly. Adam divides each number's step by the size that its "
                  "gradient usually "
                  "has, so all move about alike. Rates chosen by the measured shares do some of that for "
                  "gradient descent.",
         .rule =
             "The largest share of the six groups over the smallest is at least three times as large for "
             "gradient "
             "descent as for Adam; with rates of their own its validation loss is at least 0.02 nats lower.",
         .sabotage =
             "Adam's eps is so large that it divides all steps alike, and all groups have the same rate.",
         .params = "{\"steps\": 1000, \"text\": \"\"}",
         .trains = true},
    .full = "{\"steps\": 4000}",
    .run = run,
};
