/* SPDX-License-Identifier: MIT */
/* E01: token and place added up, or put side by side. */
#include <math.h>
#include <string.h>

#include "nn/model.h"
#include "train/trainer.h"
#include "workbook/demos/demos.h"
#include "workbook/demos/learner.h"
#include "workbook/demos/training.h"

enum { BATCH = 16, LENGTH = 32, TEST_BATCHES = 12, N_WAYS = 3 };
enum { ADDED, HALVES, WIDE }; /* d + d in d; d/2 | d/2 in d; d | d in 2d */

static const char *const ways[N_WAYS] = {"added", "side by side in the same width",
                                         "side by side, twice as wide"};

typedef struct reading {
    const heed_source *source;
    int32_t *ids, *targets;
    heed_part part;
    int64_t next; /* of validation windows */
} reading;

static void fill(void *context, heed_rng *rng)
{
    reading *r = context;
    const int64_t n = r->source->n_tokens[r->part] - LENGTH - 1;

    for (int64_t b = 0; b < BATCH; b++) {
        const int64_t at = r->part == HEED_PART_TRAIN ? heed_rng_below(rng, n)
                                                      : r->next++ * n / (TEST_BATCHES * BATCH);
        r->source->fill(r->source, r->part, at, LENGTH, r->ids + b * LENGTH, r->targets + b * LENGTH);
    }
}

/* --- the two ways --- */

/* Columns first .. first + n - 1 of `width` are x's own, the others 0: what is next to each other is a sum of two such. */
static heed_node *columns(heed_learner *l, heed_node *x, const char *name, int64_t n, int64_t first,
                          int64_t width)
{
    float *place;
    heed_node *matrix = heed_learner_floats(l, name, heed_shape2(n, width), &place);

    for (int64_t i = 0; place != NULL && i < n; i++)
        place[i * width + first + i] = 1.0f;
    return heed_linear(l->g, x, matrix, NULL, HEED_WEIGHT_IN_OUT);
}

static heed_node *embed(heed_learner *l, heed_node *ids, int64_t vocab_size, int way, int64_t d)
{
    const int64_t n = way == HALVES ? d / 2 : d, width = way == WIDE ? 2 * d : d;
    heed_node *tokens = heed_embedding(
                  l->g, heed_learner_parameter(l, "tokens", heed_shape2(vocab_size, n), 0.0, 0.02), ids),
              *places = heed_position_embedding(
                  l->g, heed_learner_parameter(l, "places", heed_shape2(LENGTH, n), 0.0, 0.02), NULL, LENGTH);

    if (way == ADDED)
        return heed_add(l->g, tokens, places);
    return heed_add(l->g, columns(l, tokens, "left", n, 0, width), columns(l, places, "right", n, n, width));
}

/* --- a model behind them --- */

static heed_model *make_model(heed_demoing *d, int64_t vocab_size, int64_t width)
{
    heed_config c = heed_config_default();
    heed_model *model = NULL;
    heed_error err = {HEED_OK, ""};

    c.vocab_size = vocab_size;
    c.context_length = LENGTH;
    c.n_layers = 1;
    c.n_heads = 4;
    c.d_model = width;
    c.positions = HEED_POSITIONS_NONE;
    c.attention_bias = false;
    c.tied_head = false;
    if (d->s.status == HEED_OK)
        heed_demo_ok(d, heed_model_create(&c, d->options->seed, &model, &err), &err);
    return model;
}

typedef struct outcome {
    double width, tables, attention, all; /* parameters */
    double loss;
    heed_grid curve;
} outcome;

/* Counted on the graph that is trained. */
static void count(const heed_learner *l, outcome *out)
{
    for (int i = 0; i < heed_graph_n_nodes(l->g); i++) {
        const heed_node *node = heed_graph_node(l->g, i);
        const double n = node->role == HEED_ROLE_PARAMETER ? (double)heed_tensor_count(&node->tensor) : 0.0;

        out->all += n;
        out->attention += strstr(node->name, ".attn.") != NULL ? n : 0.0;
        out->tables += strcmp(node->name, "tokens") == 0 || strcmp(node->name, "places") == 0 ? n : 0.0;
    }
}

static heed_node *build(heed_learner *l, heed_model *model, reading *r, int way, int64_t d)
{
    const int64_t V = model->config.vocab_size;
    heed_nn nn = {.g = l->g, .config = &model->config, .training = true};
    heed_node *ids = heed_learner_ids(l, "ids", heed_shape2(BATCH, LENGTH), &r->ids),
              *targets = heed_learner_ids(l, "targets", heed_shape2(BATCH, LENGTH), &r->targets), *x;

    x = heed_nn_block(&nn, embed(l, ids, V, way, d), 0);
    x = heed_nn_final_norm(&nn, x);
    x = heed_linear_cross_entropy(
        l->g, x, heed_nn_source(&nn, "lm_head.weight", heed_shape2(V, model->config.d_model)), targets);
    heed_weights_bind(model->weights, l->g);
    return x;
}

static double validation(heed_learner *l, reading *r)
{
    double sum = 0.0;

    r->part = HEED_PART_VALIDATION;
    r->next = 0;
    for (int i = 0; i < TEST_BATCHES; i++) {
        fill(r, NULL);
        sum += heed_learner_look(l);
    }
    return sum / TEST_BATCHES;
}

static outcome train(heed_demoing *d, const heed_source *source, int64_t vocab_size, int way, int64_t width)
{
    heed_train_options o = heed_learner_options(d);
    heed_model *model = make_model(d, vocab_size, way == WIDE ? 2 * width : width);
    reading r = {.source = source, .part = HEED_PART_TRAIN};
    outcome out = {.width = way == WIDE ? 2.0 * (double)width : (double)width, .loss = NAN};
    heed_learner l;

    if (heed_learner_open(&l, d, &o)) {
        heed_node *loss = build(&l, model, &r, way, width);

        count(&l, &out);
        if (heed_learner_ready(&l, loss, NULL, 0)) {
            out.curve = heed_learner_train(&l, fill, &r, ways[way], (double)way / N_WAYS, (way + 1.0) / N_WAYS);
            out.loss = validation(&l, &r);
        }
    }
    heed_learner_close(&l);
    heed_model_close(model);
    return out;
}

/* --- what came out --- */

static void judge(heed_demoing *d, const outcome *out)
{
    static const char *const names[N_WAYS] = {"added", "halves", "wide"};

    for (int w = 0; w < N_WAYS; w++)
        heed_show_figure(d, heed_demo_words(d, "loss_%s", names[w]), out[w].loss,
                         heed_demo_words(d, "nats, validation, %s", ways[w]));
    heed_show_figure(d, "width_factor", out[WIDE].width / out[ADDED].width, "of the stream, side by side");
    heed_show_figure(d, "attention_factor", out[WIDE].attention / out[ADDED].attention,
                     "of the parameters of attention, side by side");
    heed_show_figure(d, "parameters_factor", out[WIDE].all / out[ADDED].all, "of all parameters");
    heed_show_check(d, out[WIDE].width == 2.0 * out[ADDED].width,
                    "side by side %.0f numbers a token, added %.0f", out[WIDE].width, out[ADDED].width);
    heed_show_check(d, out[WIDE].attention == 4.0 * out[ADDED].attention,
                    "the maps of attention have %.0f numbers then, and %.0f: four times", out[WIDE].attention,
                    out[ADDED].attention);
    heed_show_check(d, out[ADDED].loss <= out[HALVES].loss + 0.1,
                    "at equal width adding loses nothing: %.3f nats, side by side %.3f", out[ADDED].loss,
                    out[HALVES].loss);
}

static void show(heed_demoing *d, const outcome *out)
{
    heed_grid table = heed_grid_make(&d->s, N_WAYS, 5);

    for (int w = 0; d->s.status == HEED_OK && w < N_WAYS; w++) {
        const double row[] = {out[w].width, out[w].tables, out[w].attention, out[w].all, out[w].loss};

        memcpy(table.data + 5 * w, row, sizeof row);
    }
    heed_show_table(d, table,
                    "Numbers of a token, parameters of the tables, of attention, of all; validation loss",
                    "added|halves beside|wholes beside", "width|tables|attention|all|loss", false);
    heed_show_axes(d, "Token and place, added or side by side", "step", "nats a token", "");
    for (int w = 0; w < N_WAYS; w++)
        heed_show_curve(d, ways[w], heed_demo_counted(d, out[w].curve.columns),
                        heed_demo_smoothed(d, out[w].curve, 20));
}

static void run(heed_demoing *d)
{
    const int64_t width = heed_take_int(&d->s, "d_model", 8, 128);
    heed_demo_training t = heed_demo_training_of(d, HEED_DEMO_BIGRAM);
    heed_trainer *text;
    outcome out[N_WAYS] = {{0}};

    if (d->s.status == HEED_OK && width % 8 != 0)
        heed_solve_fail(&d->s, HEED_ERR_USAGE, "d_model: expected a multiple of 8, got %lld", (long long)width);
    t.config.context_length = LENGTH;
    text = heed_demo_train_begin(d, &t); /* reads the text; it is not trained */
    for (int w = 0; d->s.status == HEED_OK && w < N_WAYS; w++)
        out[w] = train(d, text->source, heed_trainer_config(text)->vocab_size,
                       w == WIDE && d->sabotage ? HALVES : w, width);
    if (d->s.status == HEED_OK) {
        show(d, out);
        judge(d, out);
    }
    heed_trainer_close(text);
}

const heed_demo heed_demo_e01 = {
    .info =
        {.id = "E01",
         .title = "Token and place, added or side by side",
         .shows =
             "Trains a block of a GPT three times: the rows of token and place added up, side by side in the "
             "same "
             "width (half of it for each), and side by side with all numbers of both. Side by side keeps them "
             "apart, and doubles the width, so every map behind has four times as many numbers. Added, "
             "both are in the same numbers, but training finds directions in which they can be told apart.",
         .rule = "Side by side the width is twice, the maps of attention are four times as large; at equal "
                 "width the loss "
                 "of the sum is not above that of side by side by more than 0.1 nats.",
         .sabotage = "Side by side, token and place have half of their numbers each.",
         .params = "{\"d_model\": 32, \"steps\": 500, \"text\": \"\"}",
         .trains = true},
    .full = "{\"d_model\": 64, \"steps\": 1500}",
    .run = run,
};
