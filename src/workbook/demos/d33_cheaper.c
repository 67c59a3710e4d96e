/* SPDX-License-Identifier: MIT */
/* D33: tiled attention, sparse attention, and a mixture of experts against the plain forms. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "graph/plan.h"
#include "kernels/device.h"
#include "ops/ops.h"
#include "workbook/demos/demos.h"
#include "workbook/demos/small_model.h"
#include "workbook/demos/windows.h"

enum { HEADS = 4, HEAD_DIM = 16, WINDOW = 16, N_EXPERTS = 4, MOST_SIZES = 5, REPEATS = 3 };
enum { PLAIN, TILED, SPARSE, WIDE, N_FORMS }; /* WIDE: a window that holds all keys */

#define SAME 1e-5 /* sums in another order, weights that add up to 1 */
#define MORE 1.5  /* as much more work of the plain model must not be better, for a form to be worth it */

/* --- attention alone --- */

typedef struct core {
    double bytes, work, ms; /* of a run: arena, multiplications and additions, the quickest one */
    heed_grid z;            /* [HEADS * n, HEAD_DIM] */
} core;

/* The text book with stored scores, or heed's own with pieces of them. */
static heed_node *attend(heed_graph *g, heed_node *q, heed_node *k, heed_node *v, int form, int64_t n,
                         bool scaled)
{
    const heed_attention_options options = {.causal = true,
                                            .scale = scaled ? 0.0f : 1.0f,
                                            .window = form == SPARSE ? WINDOW
                                                      : form == WIDE ? n
                                                                     : 0};

    if (form != PLAIN)
        return heed_attention(g, q, k, v, &options);
    return heed_matmul(g, heed_softmax(g, heed_attention_scores(g, q, k, &options)), v, false, false);
}

static heed_grid values(heed_demoing *d, const heed_tensor *value)
{
    heed_grid out = heed_grid_make(&d->s, heed_tensor_count(value) / HEAD_DIM, HEAD_DIM);

    for (int64_t i = 0; d->s.status == HEED_OK && i < out.rows * out.columns; i++)
        out.data[i] = (double)heed_tensor_get(value, i);
    return out;
}

static void run_plan(heed_demoing *d, heed_graph *g, heed_device *device, heed_node *z, core *out)
{
    const heed_plan_options options = {
        .device = device, .reference = device->kernels == NULL, .targets = &z, .n_targets = 1};
    heed_plan *plan = NULL;
    heed_error err = {HEED_OK, ""};

    if (heed_demo_ok(d, heed_graph_status(g, &err), &err) &&
        heed_demo_ok(d, heed_plan_create(g, &options, &plan, &err), &err) &&
        heed_demo_ok(d, heed_plan_place(plan, NULL, &err), &err)) {
        out->bytes = (double)heed_plan_bytes(plan);
        out->work = heed_plan_cost(plan).flops;
        out->ms = INFINITY;
        for (int i = 0; i < REPEATS; i++) {
            const double begin = heed_clock_s();

            heed_plan_run(plan);
            out->ms = fmin(out->ms, 1e3 * (heed_clock_s() - begin));
        }
        out->z = values(d, heed_plan_value(plan, z));
    }
    heed_plan_destroy(plan);
}

static core measure(heed_demoing *d, float *const qkv[3], int64_t n, int form)
{
    const heed_shape shape = heed_shape4(1, HEADS, n, HEAD_DIM);
    static const char *const names[3] = {"q", "k", "v"};
    heed_graph *g = heed_graph_create();
    heed_node *in[3];
    heed_device device;
    heed_error err = {HEED_OK, ""};
    core out = {0};

    if (g == NULL) {
        heed_solve_fail(&d->s, HEED_ERR_MEMORY, "not enough memory for a graph");
        return out;
    }
    for (int i = 0; i < 3; i++)
        in[i] = heed_graph_bound_input(g, names[i], HEED_F32, shape, qkv[i]);
    if (heed_demo_ok(d, heed_device_open(&device, NULL, 1, &err), &err)) {
        run_plan(d, g, &device, attend(g, in[0], in[1], in[2], form, n, form != PLAIN || !d->sabotage), &out);
        heed_device_close(&device);
    }
    heed_graph_destroy(g);
    return out;
}

/* All forms at one length. */
static void measure_all(heed_demoing *d, int64_t n, core *out)
{
    float *qkv[3];

    for (int i = 0; i < 3; i++)
        qkv[i] = heed_demo_normal_floats(d, HEADS * n * HEAD_DIM);
    for (int form = 0; d->s.status == HEED_OK && form < N_FORMS; form++)
        out[form] = measure(d, qkv, n, form);
}

static void judge_core(heed_demoing *d, core (*all)[N_FORMS], int n_sizes)
{
    const core *first = all[0], *last = all[n_sizes - 1];
    double tiled = 0.0, wide = 0.0;

    for (int i = 0; i < n_sizes; i++) {
        tiled = fmax(tiled, heed_demo_difference(all[i][PLAIN].z, all[i][TILED].z));
        wide = fmax(wide, heed_demo_difference(all[i][TILED].z, all[i][WIDE].z));
    }
    heed_show_figure(d, "tiled_off", tiled, "largest difference of tiled and plain attention");
    heed_show_figure(d, "window_off", wide, "of all keys and a window that holds all");
    heed_show_figure(d, "memory_share", first[TILED].bytes / first[PLAIN].bytes,
                     "memory of tiled attention over that of the plain one, the shortest text");
    heed_show_figure(d, "memory_share_long", last[TILED].bytes / last[PLAIN].bytes, "the longest text");
    heed_show_figure(d, "sparse_work", last[SPARSE].work / last[TILED].work,
                     "work of sparse attention over that of all keys, the longest text");
    heed_show_check(d, tiled <= SAME, "tiled and plain attention differ by %.2g at most", tiled);
    heed_show_check(d, wide <= SAME, "a window that holds all keys is no window: %.2g apart", wide);
    heed_show_check(d, last[TILED].bytes <= 0.5 * last[PLAIN].bytes,
                    "for the longest text tiles need %.3f of the memory, for the shortest %.3f",
                    last[TILED].bytes / last[PLAIN].bytes, first[TILED].bytes / first[PLAIN].bytes);
    heed_show_check(d, last[SPARSE].work <= 0.5 * last[TILED].work,
                    "a window of %d keys in a long text does %.3f of the work", WINDOW,
                    last[SPARSE].work / last[TILED].work);
}

static void show_core(heed_demoing *d, int64_t T, int n_sizes)
{
    core all[MOST_SIZES][N_FORMS];
    heed_grid table = heed_grid_make(&d->s, n_sizes, 7);

    for (int i = 0; d->s.status == HEED_OK && i < n_sizes; i++) {
        const int64_t n = T << (2 * i);
        const core *c = all[i];

        heed_demo_progress(d, 0.1 * i / n_sizes, "attention alone");
        measure_all(d, n, all[i]);
        if (d->s.status == HEED_OK) {
            const double row[] = {
                (double)n,   c[PLAIN].bytes / 1e3, c[TILED].bytes / 1e3, c[SPARSE].bytes / 1e3,
                c[PLAIN].ms, c[TILED].ms,          c[SPARSE].ms};

            memcpy(table.data + 7 * i, row, sizeof row);
        }
    }
    if (d->s.status != HEED_OK)
        return;
    heed_show_table(d, table, "Attention alone: kB of memory, milliseconds, one thread", NULL,
                    "T|kB plain|tiled|sparse|ms plain|tiled|sparse", false);
    judge_core(d, all, n_sizes);
}

/* --- models at equal work --- */

enum { DENSE, EXPERTS, NARROW, DENSE_MORE, N_MODELS };

static const char *const models[N_MODELS] = {"plain", "experts", "sparse", "plain_more"};

typedef struct learned {
    double steps, work, ms, loss, parameters; /* work: of a step */
    heed_grid curve, load;
} learned;

static heed_demo_training training_of(const heed_demo_training *usual, int which)
{
    heed_demo_training t = *usual;

    if (which == EXPERTS) {
        t.config.n_experts = N_EXPERTS;
        t.config.experts_per_token = 1;
    } else if (which == NARROW)
        t.config.window = t.config.context_length / 2;
    else if (which == DENSE_MORE)
        t.options.steps = (int64_t)ceil(MORE * (double)t.options.steps);
    return t;
}

static double work_of(heed_demoing *d, const heed_demo_training *t)
{
    heed_trainer *trainer = heed_demo_train_begin(d, t);
    const double work = trainer != NULL ? heed_trainer_plan(trainer)->flops_per_step : NAN;

    heed_trainer_close(trainer);
    return work;
}

/* Shares of the tokens that the experts of each block take, [blocks, N_EXPERTS]. */
static heed_grid loads(heed_demoing *d, heed_trainer *trainer)
{
    const heed_config *c = heed_trainer_config(trainer);
    const heed_demo_windows w = heed_demo_windows_of(d, trainer, 8, c->context_length);
    const heed_forward_ids in = {.ids = w.ids, .batch = w.n, .length = w.length};
    heed_grid out = heed_grid_make(&d->s, c->n_layers, c->n_experts);

    for (int64_t layer = 0; d->s.status == HEED_OK && layer < c->n_layers; layer++) {
        const heed_grid load = heed_demo_read(
            d, heed_trainer_model(trainer), &in,
            heed_demo_words(d, "blocks.%lld.mlp.expert_load", (long long)layer));
        if (d->s.status == HEED_OK)
            memcpy(heed_grid_row(out, layer).data, load.data, (size_t)c->n_experts * sizeof *load.data);
    }
    return out;
}

static learned learn(heed_demoing *d, const heed_demo_training *usual, int which, double plain_work)
{
    heed_demo_training t = training_of(usual, which);
    learned out = {.work = work_of(d, &t)};
    heed_trainer *trainer;
    double begin;

    if (d->s.status != HEED_OK)
        return out;
    t.options.steps = (int64_t)fmax(1.0, round((double)t.options.steps * plain_work / out.work));
    begin = heed_clock_s();
    trainer = heed_demo_train(d, &t, models[which], 0.1 + 0.22 * which, 0.1 + 0.22 * (which + 1));
    out.steps = (double)t.options.steps;
    out.ms = 1e3 * (heed_clock_s() - begin) / out.steps;
    out.curve = t.curve;
    if (trainer != NULL) {
        const heed_demo_windows w = heed_demo_windows_of(d, trainer, 64, t.config.context_length);

        out.parameters = (double)heed_trainer_plan(trainer)->n_parameters;
        out.loss = heed_demo_windows_loss(d, heed_trainer_model(trainer), &w, 0);
        if (which == EXPERTS)
            out.load = loads(d, trainer);
    }
    heed_trainer_close(trainer);
    return out;
}

static void show_load(heed_demoing *d, heed_grid load)
{
    double most = 0.0, least = 1.0;

    for (int64_t i = 0; i < load.rows * load.columns; i++) {
        most = fmax(most, load.data[i]);
        least = fmin(least, load.data[i]);
    }
    heed_show_table(d, load, "Share of the tokens that go to each expert, by block", NULL, NULL, false);
    heed_show_figure(d, "load_most", most, "the fullest expert's share of the tokens");
    heed_show_figure(d, "load_least", least, "the emptiest one's");
}

static void show_models(heed_demoing *d, const heed_demo_training *usual)
{
    learned m[N_MODELS] = {{0}};
    heed_grid table = heed_grid_make(&d->s, N_MODELS, 5);
    const double work = work_of(d, usual);

    for (int i = 0; d->s.status == HEED_OK && i < N_MODELS; i++) {
        m[i] = learn(d, usual, i, work);
        const double row[] = {m[i].parameters, m[i].work / 1e6, m[i].steps, m[i].ms, m[i].loss};
        memcpy(table.data + 5 * i, row, sizeof row);
    }
    if (d->s.status != HEED_OK)
        return;
    heed_show_table(d, table, "Equal work: parameters, Mflop a step, steps, ms a step, validation loss",
                    "plain|experts|sparse|plain, more", "numbers|Mflop|steps|ms|loss", false);
    show_load(d, m[EXPERTS].load);
    heed_show_axes(d, "Validated at equal work: loss of each batch", "Gflop", "nats a token", "");
    for (int i = 0; i < N_MODELS; i++) {
        heed_grid x = heed_demo_counted(d, m[i].curve.columns);

        for (int64_t k = 0; k < x.columns; k++)
            x.data[k] *= m[i].work / 1e9;
        heed_show_curve(d, models[i], x, heed_demo_smoothed(d, m[i].curve, 20));
        heed_show_figure(d, heed_demo_words(d, "loss_%s", models[i]), m[i].loss,
                         "nats, validation, equal work");
    }
    for (int i = EXPERTS; i <= NARROW; i++) {
        heed_show_figure(d, heed_demo_words(d, "gain_%s", models[i]), m[DENSE].loss - m[i].loss,
                         "nats below the plain model");
        heed_show_check(
            d, m[i].loss > m[DENSE_MORE].loss,
            "%s: %.3f nats, the plain model %.3f, and %.3f with half as much work more: not worth that",
            models[i], m[i].loss, m[DENSE].loss, m[DENSE_MORE].loss);
    }
}

static void run(heed_demoing *d)
{
    const int64_t T = heed_take_int(&d->s, "context_length", 16, 256),
                  n_sizes = heed_take_int(&d->s, "sizes", 2, MOST_SIZES);
    heed_demo_training t = heed_demo_training_of(d, HEED_DEMO_P2S);

    if (d->s.status == HEED_OK && T << (2 * (n_sizes - 1)) > 16384)
        heed_solve_fail(&d->s, HEED_ERR_USAGE,
                        "sizes: expected texts of at most 16384 tokens, each four times as long");
    t.config.context_length = T;
    if (d->s.status == HEED_OK)
        show_core(d, T, (int)n_sizes);
    if (d->s.status == HEED_OK)
        show_models(d, &t);
}

const heed_demo heed_demo_33 = {
    .info =
        {.id = "D33",
         .title = "Experts, windows, tiles: what they save, and when",
         .shows = "Runs attention with all scores stored, in tiles, and with a window of 16 keys, over longer "
                  "and longer texts. "
                  "Tiles make the same numbers in less memory; a window does less work where texts are much "
                  "longer than "
                  "it. Then trains a plain model, one whose feed-forward is four experts (a token goes to "
                  "one), and one "
                  "whose queries see the last half of the text, each with as much arithmetic, and the plain "
                  "one with half as much more. "
                  "In short texts attention is a small part of the work, so little is saved. (A window may win "
                  "a little for "
                  "another reason: what is near matters most, and needs not be learned then.) Milliseconds are "
                  "shown, and "
                  "no verdict rests on them.",
         .rule =
             "Tiled and plain attention differ by at most 1e-5, and so do all keys and a window that holds "
             "all; in the "
             "longest text tiles need at most half of the memory, and the window does at most half of the "
             "work; with "
             "equal work neither experts nor the window are as good as the plain model with half as much more.",
         .sabotage = "The plain attention leaves out the division by the root of the head's size.",
         .params = "{\"context_length\": 64, \"sizes\": 3, \"steps\": 300, \"text\": \"\"}",
         .timed = true,
         .trains = true},
    .full = "{\"context_length\": 256, \"sizes\": 4, \"steps\": 1500}",
    .run = run,
};
