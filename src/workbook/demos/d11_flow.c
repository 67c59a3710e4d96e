/* SPDX-License-Identifier: MIT */
/* D11: what gradient reaches which parameters, in stacks with and without residual connections. */
#include <math.h>

#include "workbook/demos/demos.h"
#include "workbook/demos/norms.h"
#include "workbook/demos/training.h"

enum { ONE, BARE, RESIDUAL, PRE_NORM, N_MODELS };

static const char *const model_names[N_MODELS] = {"1 layer", "bare", "residual", "pre-norm"};

/* A float is rounded by 6e-8 of itself; what the key biases get, over what comes in through the values. */
#define ROUNDING 1e-6

static heed_demo_norms measure(heed_demoing *d, int which, int64_t n_layers)
{
    heed_demo_training t = heed_demo_training_of(d, which == PRE_NORM ? HEED_DEMO_P2S : HEED_DEMO_M0S);
    heed_demo_norms norms = {.gradient = {0, 0, NULL}};
    heed_progress progress;
    heed_trainer *trainer;

    t.config.n_layers = which == ONE ? 1 : n_layers;
    t.config.residual = which >= RESIDUAL && !d->sabotage;
    trainer = heed_demo_train_begin(d, &t);
    for (int64_t i = 0; i < t.options.steps - 1 && heed_demo_train_step(d, trainer, &progress); i++)
        heed_demo_progress(d, ((double)which + (double)i / (double)t.options.steps) / N_MODELS,
                           model_names[which]);
    norms = heed_demo_norms_of(d, trainer);
    heed_trainer_close(trainer);
    return norms;
}

/* --- tables: a row a kind, a column a model --- */

static heed_grid table_of(heed_demoing *d, const heed_demo_norms *norms, bool ratio)
{
    heed_grid x = heed_grid_make(&d->s, HEED_DEMO_KINDS, N_MODELS);

    for (int64_t i = 0; i < x.rows * N_MODELS; i++) {
        const heed_demo_norms *n = &norms[i % N_MODELS];
        const heed_demo_kind kind = (heed_demo_kind)(i / N_MODELS);

        x.data[i] = ratio ? heed_demo_norm(n->update, kind) / heed_demo_norm(n->weight, kind)
                          : heed_demo_norm(n->gradient, kind);
    }
    return x;
}

static heed_grid weights_table(heed_demoing *d, const heed_demo_norms *norms)
{
    heed_grid x = heed_grid_make(&d->s, HEED_DEMO_KINDS, N_MODELS);

    for (int64_t i = 0; i < x.rows * N_MODELS; i++)
        x.data[i] = heed_demo_norm(norms[i % N_MODELS].weight, (heed_demo_kind)(i / N_MODELS));
    return x;
}

/* Of the value maps: what passes through a layer reaches them. */
static void show_profile(heed_demoing *d, const heed_demo_norms *norms, heed_demo_kind kind, const char *title)
{
    heed_show_axes(d, title, "layer, from 0", "norm of the gradient", "y");
    for (int m = BARE; d->s.status == HEED_OK && m < N_MODELS; m++) {
        const heed_grid g = norms[m].gradient;
        heed_grid x = heed_grid_make(&d->s, 1, g.rows - 1), y = heed_grid_make(&d->s, 1, g.rows - 1);

        for (int64_t layer = 0; layer < x.columns; layer++) {
            x.data[layer] = (double)layer;
            y.data[layer] = g.data[(layer + 1) * g.columns + (int64_t)kind];
        }
        heed_show_curve(d, model_names[m], x, y);
    }
}

/* --- the rule --- */

static double of(const heed_demo_norms *norms, int model, heed_demo_kind kind)
{
    return heed_demo_norm(norms[model].gradient, kind);
}

/* Two kinds of parameters as one. */
static double both(const heed_demo_norms *norms, int model, heed_demo_kind a, heed_demo_kind b)
{
    return hypot(of(norms, model, a), of(norms, model, b));
}

static void show_groups(heed_demoing *d, const heed_demo_norms *norms)
{
    heed_show_figure(d, "bare_tables", both(norms, BARE, HEED_DEMO_TOKENS, HEED_DEMO_POSITIONS),
                     "gradient of the tables of tokens and positions, bare");
    heed_show_figure(d, "bare_query_key", both(norms, BARE, HEED_DEMO_QUERY, HEED_DEMO_KEY),
                     "gradient of the maps of queries and keys, bare");
    heed_show_figure(d, "bare_value_out", both(norms, BARE, HEED_DEMO_VALUE, HEED_DEMO_OUT),
                     "gradient of the maps of values and the out maps, bare");
    heed_show_figure(d, "bare_head", of(norms, BARE, HEED_DEMO_HEAD), "gradient of the head, bare");
    heed_show_figure(d, "token_bare", of(norms, BARE, HEED_DEMO_TOKENS), "gradient of the token table, bare");
    heed_show_figure(d, "token_residual", of(norms, RESIDUAL, HEED_DEMO_TOKENS),
                     "the same with residual connections");
}

static void judge(heed_demoing *d, const heed_demo_norms *norms)
{
    const double bare = of(norms, BARE, HEED_DEMO_TOKENS), residual = of(norms, RESIDUAL, HEED_DEMO_TOKENS);
    const int64_t top = norms[BARE].gradient.rows - 1;
    const double query_bare = norms[BARE].gradient.data[top * HEED_DEMO_KINDS + HEED_DEMO_QUERY],
                 query = norms[RESIDUAL].gradient.data[top * HEED_DEMO_KINDS + HEED_DEMO_QUERY];
    double share = 0.0;

    for (int m = 0; m < N_MODELS; m++)
        share = fmax(share, of(norms, m, HEED_DEMO_KEY_BIAS) / of(norms, m, HEED_DEMO_VALUE));
    show_groups(d, norms);
    heed_show_figure(d, "query_top_bare", query_bare, "gradient of the queries' map of the top layer, bare");
    heed_show_figure(d, "query_top_residual", query, "the same with residual connections");
    heed_show_figure(d, "key_bias_share", share,
                     "gradient of key biases over that of the maps of values, at most");
    heed_show_check(d, bare * 10.0 <= residual,
                    "the token table's gradient, %.2g in the bare stack, is at least 10 times as large with "
                    "residual connections: %.2g",
                    bare, residual);
    heed_show_check(d, query_bare * 10.0 <= query,
                    "the top layer's queries get %.2g in the bare stack, at most a tenth of %.2g with residual "
                    "connections",
                    query_bare, query);
    heed_show_check(d, share <= ROUNDING,
                    "key biases get nothing but rounding in every model: at most %.1g of the gradient of the "
                    "maps of values",
                    share);
}

static void run_all(heed_demoing *d)
{
    const int64_t n_layers = heed_take_int(&d->s, "layers", 2, 12);
    heed_demo_norms norms[N_MODELS];

    for (int m = 0; m < N_MODELS; m++)
        norms[m] = measure(d, m, n_layers);
    if (d->s.status != HEED_OK)
        return;
    heed_show_table(d, table_of(d, norms, false), "Norm of the gradient", heed_demo_kind_names,
                    "1 layer|bare|residual|pre-norm", false);
    heed_show_table(d, weights_table(d, norms), "Norm of the weights", heed_demo_kind_names,
                    "1 layer|bare|residual|pre-norm", false);
    heed_show_table(d, table_of(d, norms, true), "Change by a step over the weights", heed_demo_kind_names,
                    "1 layer|bare|residual|pre-norm", false);
    show_profile(d, norms, HEED_DEMO_VALUE, "Gradient of the maps of values");
    judge(d, norms);
}

const heed_demo heed_demo_11 = {
    .info =
        {.id = "D11",
         .title = "Which gradient reaches which parameters",
         .shows =
             "Trains four models for a few steps: one attention layer, a stack of bare attention layers, the "
             "same with residual connections, and pre-norm blocks with a feed-forward. Then it measures the "
             "gradient of each kind of parameter, its weights, and what a step changes. A bare layer hands on "
             "only what its two small maps let through, and averages over the keys besides; four of them leave "
             "nearly nothing. A residual connection hands the gradient on as it is. The biases of keys get "
             "none in any model: they add the same to all scores of a row, which softmax does not see.",
         .rule = "The token table's gradient and that of the top layer's queries are at least ten times as "
                 "large with residual connections as in the bare stack; the key biases' gradient is at most a "
                 "millionth of that of the maps of values, in every model.",
         .sabotage = "The residual connections are left out everywhere.",
         .params = "{\"steps\": 5, \"layers\": 4, \"text\": \"\"}",
         .trains = true},
    .full = "{\"layers\": 12}",
    .run = run_all,
};
