/* SPDX-License-Identifier: MIT */
/* D23: stacks of layers with one part taken away or added at a time. */
#include <math.h>

#include "workbook/demos/d23_parts.h"
#include "workbook/demos/demos.h"
#include "workbook/demos/norms.h"
#include "workbook/demos/training.h"

enum {
    BARE_1,
    BARE_2,
    RESIDUAL_2,
    BLOCK_1,
    BLOCKS_2,
    BLOCKS_4,
    POST_NORM,
    NO_NORM,
    NO_MLP,
    NARROW,
    LINEAR,
    N_STACKS
};

#define STACK_NAMES                                                                                       \
    "1 bare layer|2 bare layers|2, residual|1 block|2 blocks|4 blocks|2, post-norm|2, no norm|2, no mlp|" \
    "2, other factor|2, no relu"

enum { PARAMETERS, LOSS, GRADIENT, LOWEST, N_COLUMNS };
enum { N_RATES = 7, PRE = 0, NONE = 1 };

static const double rates[N_RATES] = {0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4};

#define SAME    0.05 /* nats: a stack that differs by less is no better and no worse */
#define CLEARLY 0.1

/* --- the stacks --- */

/* A block as the seeds have it: pre-norm, residual, feed-forward with ReLU. */
static heed_config config_of(heed_demoing *d, int which, const heed_config *bare, const heed_config *blocks)
{
    heed_config c = which <= RESIDUAL_2 ? *bare : *blocks;

    c.n_layers = which == BARE_1 || which == BLOCK_1 ? 1 : which == BLOCKS_4 ? 4 : 2;
    c.residual = which >= RESIDUAL_2 && !(d->sabotage && which <= BLOCKS_4);
    c.activation = which == LINEAR && !d->sabotage ? HEED_ACTIVATION_NONE : HEED_ACTIVATION_RELU;
    if (which >= BLOCK_1)
        c.norm = which == POST_NORM                                       ? HEED_NORM_POST
                 : which == NO_NORM || (d->sabotage && which <= BLOCKS_4) ? HEED_NORM_NONE
                                                                          : HEED_NORM_PRE;
    c.mlp = which >= BLOCK_1 && which != NO_MLP;
    if (which == NARROW)
        c.mlp_factor = (double)heed_take_int(&d->s, "factor", 1, 16);
    return c;
}

typedef struct stacks {
    heed_grid table;                 /* [N_STACKS, N_COLUMNS] */
    heed_grid curve[N_STACKS];       /* losses of batches */
    double merged_relu, merged_none; /* what one map in the place of the feed-forward changes */
} stacks;

/* Of all parameters together, and the lowest block's over the highest one's. */
static void take_gradients(heed_demoing *d, const heed_trainer *trainer, double *row)
{
    const heed_grid g = heed_demo_gradients_of(d, trainer).gradient;
    double sum = 0.0, low = 0.0, high = 0.0;

    for (int64_t i = 0; i < g.rows * g.columns; i++) {
        const double square = isnan(g.data[i]) ? 0.0 : g.data[i] * g.data[i];
        sum += square;
        low += i / g.columns == 1 ? square : 0.0;
        high += i / g.columns == g.rows - 1 ? square : 0.0;
    }
    row[GRADIENT] = sqrt(sum);
    row[LOWEST] = sqrt(low / high);
}

static void learn(heed_demoing *d, int which, stacks *s)
{
    heed_demo_training t = heed_demo_training_of(d, HEED_DEMO_P2S),
                       bare = heed_demo_training_of(d, HEED_DEMO_M0S);
    double *row = s->table.data + (int64_t)which * N_COLUMNS;
    heed_progress progress;
    heed_trainer *trainer;

    t.config = config_of(d, which, &bare.config, &t.config);
    s->curve[which] = heed_grid_make(&d->s, 1, t.options.steps);
    trainer = heed_demo_train_begin(d, &t);
    if (trainer == NULL)
        return;
    take_gradients(d, trainer, row);
    for (int64_t i = 0; i < t.options.steps && heed_demo_train_step(d, trainer, &progress); i++) {
        s->curve[which].data[i] = progress.loss;
        heed_demo_progress(d, 0.8 * ((double)which + (double)i / (double)t.options.steps) / N_STACKS, "stacks");
    }
    row[PARAMETERS] = (double)heed_trainer_plan(trainer)->n_parameters;
    row[LOSS] = heed_demo_validation(d, trainer, 8);
    if (which == BLOCKS_2)
        s->merged_relu = heed_demo_23_merged(d, trainer);
    if (which == LINEAR)
        s->merged_none = heed_demo_23_merged(d, trainer);
    heed_trainer_close(trainer);
}

/* --- rates --- */

typedef struct stability {
    double largest[2]; /* PRE, NONE */
    heed_grid gained;  /* [2, N_RATES] */
} stability;

static stability find_rates(heed_demoing *d)
{
    const int64_t most = heed_take_int(&d->s, "rate_steps", 1, 10000),
                  depth = heed_take_int(&d->s, "depth", 1, 16);
    heed_demo_training t = heed_demo_training_of(d, HEED_DEMO_P2S);
    const int64_t steps = t.options.steps < most ? t.options.steps : most;
    stability s = {.gained = heed_grid_make(&d->s, 2, N_RATES)};

    t.config.n_layers = depth;
    t.config.activation = HEED_ACTIVATION_RELU;
    for (int i = 0; d->s.status == HEED_OK && i < 2; i++) {
        t.config.norm = i == PRE ? HEED_NORM_PRE : HEED_NORM_NONE;
        s.largest[i] = heed_demo_23_stable(d, &t.config, steps, rates, N_RATES, s.gained.data + i * N_RATES);
        heed_demo_progress(d, 0.9 + 0.1 * (double)i, "rates");
    }
    return s;
}

/* --- what is shown --- */

static void show(heed_demoing *d, const stacks *s, const stability *r)
{
    static const struct {
        int which;
        const char *label;
    } curves[] = {{BARE_1, "1 bare layer"},
                  {BARE_2, "2 bare layers"},
                  {RESIDUAL_2, "2, residual"},
                  {BLOCKS_2, "2 blocks"}};

    heed_show_table(
        d, s->table,
        "Validation loss; the gradient before the first step, the lowest layer's over the highest's",
        STACK_NAMES, "numbers|loss|gradient|low/high", false);
    heed_show_table(d, r->gained, "Gradient descent: nats that are gone, by its rate", "pre-norm|no norm",
                    "0.1|0.2|0.4|0.8|1.6|3.2|6.4", false);
    heed_show_axes(d, "Loss of the batches, mean of 20", "step", "nats", "");
    for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++)
        heed_show_curve(d, curves[i].label, heed_demo_counted(d, s->curve[curves[i].which].columns),
                        heed_demo_smoothed(d, s->curve[curves[i].which], 20));
}

static void show_figures(heed_demoing *d, const double *loss, const stacks *s, const stability *r, double apart)
{
    heed_show_figure(d, "bare_1", loss[BARE_1], "nats, one bare layer of attention");
    heed_show_figure(d, "bare_2", loss[BARE_2], "two of them");
    heed_show_figure(d, "residual_2", loss[RESIDUAL_2], "two with residual connections");
    heed_show_figure(d, "blocks_2", loss[BLOCKS_2], "two whole blocks");
    heed_show_figure(d, "blocks_4", loss[BLOCKS_4], "four");
    heed_show_figure(d, "narrow", loss[NARROW], "two blocks with the other width factor");
    heed_show_figure(d, "linear", loss[LINEAR], "two blocks without ReLU");
    heed_show_figure(d, "merged_none", s->merged_none,
                     "what one map in the place of a feed-forward without ReLU changes");
    heed_show_figure(d, "merged_relu", s->merged_relu, "and of one with ReLU");
    heed_show_figure(d, "stable_pre", r->largest[PRE], "largest rate that learns, with LayerNorm");
    heed_show_figure(d, "stable_none", r->largest[NONE], "and without");
    heed_show_figure(d, "gained_pre", r->gained.data[0], "nats gone with the rate 0.1, with LayerNorm");
    heed_show_figure(d, "gained_none", r->gained.data[N_RATES], "and without");
    heed_show_figure(d, "block_apart", apart,
                     "a block's output and gradients against double precision, relative");
}

static void judge(heed_demoing *d, const double *loss, const stacks *s, double apart)
{
    heed_show_check(d, loss[BARE_2] >= loss[BARE_1] - SAME,
                    "a second bare layer gains nothing: %.3f nats with one, %.3f with two", loss[BARE_1],
                    loss[BARE_2]);
    heed_show_check(d, loss[BLOCKS_2] <= fmin(loss[BARE_1], loss[BARE_2]) - CLEARLY,
                    "two blocks with residual connections, LayerNorm and feed-forward do: %.3f",
                    loss[BLOCKS_2]);
    heed_show_check(d, s->merged_none <= 1e-5 && s->merged_relu > 1e-3,
                    "without ReLU a feed-forward is one map, to %.1e; with it the map is off by %.2g",
                    s->merged_none, s->merged_relu);
    heed_show_check(d, apart <= 1e-5, "a whole block and its gradients agree with double precision to %.1e",
                    apart);
}

static void run(heed_demoing *d)
{
    const int64_t n_heads = heed_take_int(&d->s, "n_heads", 1, 64),
                  tokens = heed_take_int(&d->s, "tokens", 1, 128),
                  head_dim = heed_take_int(&d->s, "head_dim", 1, 64);
    stacks s = {.table = heed_grid_make(&d->s, N_STACKS, N_COLUMNS), .merged_relu = NAN, .merged_none = NAN};
    double loss[N_STACKS], apart;
    stability r;

    apart = heed_demo_23_block(d, tokens, n_heads * head_dim, n_heads);
    for (int i = 0; d->s.status == HEED_OK && i < N_STACKS; i++)
        learn(d, i, &s);
    r = find_rates(d);
    if (d->s.status != HEED_OK)
        return;
    for (int i = 0; i < N_STACKS; i++)
        loss[i] = s.table.data[i * N_COLUMNS + LOSS];
    show(d, &s, &r);
    show_figures(d, loss, &s, &r, apart);
    judge(d, loss, &s, apart);
}

const heed_demo heed_demo_23 = {
    .info = {.id = "D23",
             .title = "What a block is made of",
             .shows = "Trains stacks that differ in one part: bare attention, attention with residual "
                      "connections, whole blocks "
                      "of several depths, with LayerNorm before or behind the parts or nowhere, with other "
                      "feed-forwards or "
                      "none. A bare layer puts a mean of its inputs in their place, so a second one sees less "
                      "of the token at "
                      "hand than the first and gains nothing; with residual connections, norms and "
                      "feed-forwards depth pays. A "
                      "feed-forward without ReLU is two maps, and so is one. Gradient descent with larger and "
                      "larger rates "
                      "shows how far each stack lets it go. And one whole block of random numbers is computed "
                      "forward and "
                      "backward by the ops of models and in double precision.",
             .rule = "Two bare layers end no more than 0.05 nats below one, two blocks at least 0.1 below "
                     "both; one map in "
                     "the place of a feed-forward without ReLU changes at most 1e-5, with ReLU more than 1e-3; "
                     "the block "
                     "agrees to 1e-5 of the largest number of each gradient.",
             .sabotage =
                 "The blocks lose their residual connections and norms, and all feed-forwards keep their ReLU.",
             .params = "{\"steps\": 200, \"factor\": 1, \"depth\": 2, \"rate_steps\": 30, \"tokens\": 32, "
                       "\"n_heads\": 8, "
                       "\"head_dim\": 8, \"text\": \"\"}",
             .trains = true},
    .full = "{\"steps\": 1500, \"depth\": 4, \"rate_steps\": 100}",
    .run = run,
};
