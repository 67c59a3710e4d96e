/* SPDX-License-Identifier: MIT */
/* D32: decay of weights, of all of them, of none, and of the maps alone: what happens to rows that are hardly ever used. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/trainer.h"
#include "workbook/demos/demos.h"
#include "workbook/demos/norms.h"
#include "workbook/demos/training.h"

enum { NOTHING, L2_ALL, DECAY_ALL, MAPS, N_RUNS };

static const char *const run_names[N_RUNS] = {"none", "L2, all", "decoupled, all", "decoupled, maps"};

#define RUN_NAMES "none|L2, all|decoupled, all|decoupled, maps"
/* Rows of the table: of ids that no token has, of the least used quarter of tokens, of the ten most used. */
typedef enum row_kind { UNUSED, RARE, COMMON, N_ROW_KINDS } row_kind;
enum { COMMON_ROWS = 10, RARE_PERCENT = 25, WORDS = 480, VOCAB = 512 };

/* --- how often a token occurs --- */

typedef struct usage {
    double *count;  /* [V] in the training part */
    row_kind *kind; /* [V] */
    int64_t V;
} usage;

/* How many tokens that occur are used less; equal ones in the order of their ids. */
static int64_t less_used(const usage *u, int64_t v)
{
    int64_t n = 0;

    for (int64_t w = 0; w < u->V; w++)
        n += u->count[w] > 0.0 && (u->count[w] < u->count[v] || (u->count[w] == u->count[v] && w < v));
    return n;
}

static row_kind kind_of(const usage *u, int64_t v)
{
    int64_t n = 0;

    if (u->count[v] == 0.0)
        return UNUSED;
    for (int64_t w = 0; w < u->V; w++)
        n += u->count[w] > 0.0;
    if (less_used(u, v) * 100 < RARE_PERCENT * n)
        return RARE;
    return less_used(u, v) >= n - COMMON_ROWS ? COMMON : N_ROW_KINDS;
}

static usage count_tokens(heed_demoing *d, const heed_trainer *t)
{
    const int64_t T = heed_trainer_config(t)->context_length, n = t->source->n_tokens[HEED_PART_TRAIN];
    int32_t *ids = (int32_t *)(void *)heed_demo_floats(d, T),
            *targets = (int32_t *)(void *)heed_demo_floats(d, T);
    usage u = {.V = heed_trainer_config(t)->vocab_size};

    u.count = heed_grid_make(&d->s, 1, u.V).data;
    u.kind = (row_kind *)(void *)heed_demo_floats(d, u.V);
    for (int64_t at = 0; d->s.status == HEED_OK && at + T < n; at += T) {
        t->source->fill(t->source, HEED_PART_TRAIN, at, T, ids, targets);
        for (int64_t i = 0; i < T; i++)
            u.count[ids[i]] += 1.0;
    }
    for (int64_t v = 0; d->s.status == HEED_OK && v < u.V; v++)
        u.kind[v] = kind_of(&u, v);
    return u;
}

/* --- norms of rows --- */

typedef struct rows {
    double norm[N_ROW_KINDS]; /* mean of rows of the token table; NaN where there are none */
} rows;

static heed_parameter table_of(const heed_model *model)
{
    heed_parameter table = {.data = NULL};

    for (int i = 0; i < heed_model_n_parameters(model); i++) {
        if (strcmp(heed_model_parameter(model, i).name, "wte.weight") == 0)
            table = heed_model_parameter(model, i);
    }
    return table;
}

static rows measure_rows(const heed_model *model, const usage *u)
{
    const heed_parameter table = table_of(model);
    const int64_t n = heed_model_config(model)->d_model;
    double count[N_ROW_KINDS] = {0.0};
    rows r = {{0.0}};

    for (int64_t v = 0; v < u->V; v++) {
        double squares = 0.0;

        if (u->kind[v] == N_ROW_KINDS)
            continue;
        for (int64_t c = 0; c < n; c++)
            squares += (double)table.data[v * n + c] * (double)table.data[v * n + c];
        r.norm[u->kind[v]] += sqrt(squares);
        count[u->kind[v]] += 1.0;
    }
    for (int k = 0; k < N_ROW_KINDS; k++)
        r.norm[k] /= count[k];
    return r;
}

/* --- runs --- */

typedef struct outcome {
    rows change; /* of each kind of rows, over what it was */
    double maps; /* norm of the maps of attention and feed-forward at the end */
    double loss;
    heed_grid rare; /* [1, steps] the change of rare rows so far */
} outcome;

static void set_decay(heed_demoing *d, int which, heed_train_options *o)
{
    const double decay = heed_take_number(&d->s, "weight_decay"), l2 = heed_take_number(&d->s, "lambda");

    if (d->s.status == HEED_OK && !(decay >= 0.0 && decay <= 100.0 && l2 >= 0.0 && l2 <= 100.0))
        heed_solve_fail(&d->s, HEED_ERR_USAGE, "weight_decay, lambda: expected numbers from 0 to 100");
    o->weight_decay = which == MAPS ? decay : 0.0;
    if (d->sabotage)
        return;
    if (which == L2_ALL) /* the gradient of lambda |w|^2 is 2 lambda w */
        snprintf(o->groups, sizeof o->groups, "*: l2 %.9g", 2.0 * l2);
    if (which == DECAY_ALL)
        snprintf(o->groups, sizeof o->groups, "*: weight_decay %.9g", decay);
}

static rows over(rows a, rows b)
{
    for (int k = 0; k < N_ROW_KINDS; k++)
        a.norm[k] /= b.norm[k];
    return a;
}

static double norm_of_maps(heed_demoing *d, const heed_trainer *trainer)
{
    static const heed_demo_kind maps[] = {HEED_DEMO_QUERY, HEED_DEMO_KEY, HEED_DEMO_VALUE, HEED_DEMO_OUT,
                                          HEED_DEMO_MLP};
    const heed_demo_norms norms = heed_demo_gradients_of(d, trainer);
    double norm = 0.0;

    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++)
        norm = hypot(norm, heed_demo_norm(norms.weight, maps[i]));
    return norm;
}

static outcome learn(heed_demoing *d, int which)
{
    heed_demo_training t = heed_demo_training_of(d, HEED_DEMO_P2S);
    outcome o = {.maps = NAN, .loss = NAN, .rare = heed_grid_make(&d->s, 1, t.options.steps)};
    heed_progress progress;
    heed_trainer *trainer;
    usage u = {NULL, NULL, 0};
    rows before = {{0.0}};

    t.options.tokenizer = HEED_TRAIN_WORDS; /* many of which are rare */
    t.options.tokenizer_vocab_size = WORDS;
    t.config.vocab_size = VOCAB;
    set_decay(d, which, &t.options);
    trainer = heed_demo_train_begin(d, &t);
    if (trainer == NULL)
        return o;
    u = count_tokens(d, trainer);
    if (d->s.status == HEED_OK)
        before = measure_rows(heed_trainer_model(trainer), &u);
    for (int64_t i = 0; i < t.options.steps && heed_demo_train_step(d, trainer, &progress); i++) {
        o.change = over(measure_rows(heed_trainer_model(trainer), &u), before);
        o.rare.data[i] = o.change.norm[RARE];
        heed_demo_progress(d, ((double)which + (double)i / (double)t.options.steps) / N_RUNS, run_names[which]);
    }
    o.maps = norm_of_maps(d, trainer);
    o.loss = heed_demo_validation(d, trainer, 8);
    heed_trainer_close(trainer);
    return o;
}

/* --- what is shown --- */

static void show(heed_demoing *d, const outcome *o)
{
    heed_grid table = heed_grid_make(&d->s, N_RUNS, N_ROW_KINDS + 2);

    for (int r = 0; d->s.status == HEED_OK && r < N_RUNS; r++) {
        double *row = table.data + (int64_t)r * table.columns;

        memcpy(row, o[r].change.norm, sizeof o[r].change.norm);
        row[N_ROW_KINDS] = o[r].maps;
        row[N_ROW_KINDS + 1] = o[r].loss;
    }
    heed_show_table(d, table,
                    "Norms of rows of the token table over what they were; norm of the maps; validation loss",
                    RUN_NAMES, "unused|rare|common|maps|loss", false);
    heed_show_axes(d, "Rows of the least used quarter of tokens", "step", "norm over what it was", "");
    for (int r = 0; r < N_RUNS; r++)
        heed_show_curve(d, run_names[r], heed_demo_counted(d, o[r].rare.columns), o[r].rare);
}

static void judge(heed_demoing *d, const outcome *o)
{
    const double *none = o[NOTHING].change.norm, *l2 = o[L2_ALL].change.norm, *all = o[DECAY_ALL].change.norm,
                 *maps = o[MAPS].change.norm;

    heed_show_figure(d, "unused_none", none[UNUSED], "norm of unused rows over what it was, no decay");
    heed_show_figure(d, "unused_l2", l2[UNUSED], "with L2 on all");
    heed_show_figure(d, "unused_all", all[UNUSED], "with decoupled decay of all");
    heed_show_figure(d, "unused_maps", maps[UNUSED], "with that of the maps alone");
    heed_show_figure(d, "rare_none", none[RARE], "norm of rare rows over what it was, no decay");
    heed_show_figure(d, "rare_l2", l2[RARE], "with L2 on all");
    heed_show_figure(d, "rare_all", all[RARE], "with decoupled decay of all");
    heed_show_figure(d, "rare_maps", maps[RARE], "with that of the maps alone");
    heed_show_figure(d, "common_l2_share", l2[COMMON] / none[COMMON], "common rows with L2 over those without");
    heed_show_figure(d, "rare_l2_share", l2[RARE] / none[RARE], "rare rows with L2 over those without");
    heed_show_check(
        d, none[UNUSED] == 1.0 && maps[UNUSED] == 1.0,
        "rows that get no gradient stay as they are without decay, and with decay of the maps alone");
    heed_show_check(d, l2[UNUSED] <= 0.5 && all[UNUSED] < 1.0,
                    "with L2 on all they shrink to %.3g of themselves, with decoupled decay to %.3f",
                    l2[UNUSED], all[UNUSED]);
    heed_show_check(d, l2[RARE] <= 0.5 * none[RARE],
                    "rare rows end at %.2f with L2, at %.2f without: half at most", l2[RARE], none[RARE]);
    heed_show_check(d, l2[RARE] / none[RARE] < l2[COMMON] / none[COMMON],
                    "common ones, which get gradients all the time, lose less: they keep %.2f, rare ones %.2f",
                    l2[COMMON] / none[COMMON], l2[RARE] / none[RARE]);
    heed_show_check(
        d, maps[RARE] >= 0.8 * none[RARE] && o[MAPS].maps < o[NOTHING].maps,
        "decay of the maps alone leaves rare rows at %.2f, and the maps at %.2f in the place of %.2f",
        maps[RARE], o[MAPS].maps, o[NOTHING].maps);
}

static void run(heed_demoing *d)
{
    outcome o[N_RUNS];

    for (int r = 0; r < N_RUNS; r++)
        o[r] = learn(d, r);
    if (d->s.status != HEED_OK)
        return;
    show(d, o);
    judge(d, o);
}

const heed_demo heed_demo_32 = {
    .info =
        {.id = "D32",
         .title = "Decay, and rows that are hardly ever used",
         .shows =
             "Trains a model of words four times: without decay, with L2 on all parameters (its gradient 2 "
             "lambda w is "
             "added to that of the loss), with decoupled decay of all, and with decoupled decay of the maps of "
             "attention and feed-forward alone. A row of the token table gets a gradient of the loss only when "
             "its "
             "token occurs; the decay comes with every step. So rare rows lose most, and those of ids that no "
             "token "
             "has lose all, the faster as Adam scales up small gradients, that of the decay too. heed's usual "
             "setting "
             "leaves out what is looked up, norms and biases.",
         .rule =
             "Rows without a gradient keep every bit without decay and with decay of the maps alone; with L2 "
             "they "
             "shrink to a half at most, and with decoupled decay somewhat; rare rows end at most half as long "
             "with "
             "L2 as without, and lose more than common ones; decay of the maps alone leaves rare rows 80 % and "
             "makes the maps smaller.",
         .sabotage = "L2 and the decay of all are left out.",
         .params = "{\"steps\": 200, \"lambda\": 0.001, \"weight_decay\": 1, \"text\": \"\"}",
         .trains = true},
    .full = "{\"steps\": 2000}",
    .run = run,
};
