/* SPDX-License-Identifier: MIT */
/* D34: what matters most on a small budget? One change at a time. */
#include <math.h>
#include <stdio.h>

#include "workbook/demos/demos.h"
#include "workbook/demos/pupil.h"

enum { WIDTH, DEPTH, DATA, STEPS, N_SCALES, POINTS = 4, BATCHES = 12 };

typedef struct trying {
    heed_demoing *d;
    const heed_demo_characters *text;
    heed_demo_lesson base;
    int n_done, n_all;
} trying;

static double teach(trying *t, const heed_demo_lesson *lesson, const char *words)
{
    heed_demo_pupil p;
    double loss;

    heed_demo_teach(&p, t->d, t->text, lesson, words, (double)t->n_done / t->n_all,
                    (t->n_done + 1.0) / t->n_all);
    t->n_done++;
    loss = heed_demo_pupil_loss(&p, 1, BATCHES);
    heed_demo_pupil_close(&p);
    return loss;
}

/* --- scales: each factor alone, from an eighth of the base's to all of it --- */

static const char *const scale_names[N_SCALES] = {"d_model", "blocks", "text", "steps"};

/* Point k of a scale; what it is, in *size. Depths are 0, 1, 2, .. blocks. */
static heed_demo_lesson lesson_at(const trying *t, int scale, int k, double *size)
{
    heed_demo_lesson n = t->base;
    const int part = 1 << (POINTS - 1 - k);

    switch (scale) {
    case WIDTH:
        n.config.d_model = t->base.config.d_model / part;
        *size = (double)n.config.d_model;
        break;
    case DEPTH:
        n.config.n_layers = k;
        *size = (double)k;
        break;
    case DATA:
        n.n_train = t->text->n_train / (part * part);
        *size = (double)n.n_train;
        break;
    default:
        n.options.steps = t->base.options.steps / part > 0 ? t->base.options.steps / part : 1;
        n.options.warmup_steps = n.options.steps / 20;
        *size = (double)n.options.steps;
        break;
    }
    return n;
}

/* The last point of width, text and steps is the base itself; of depth it is the second but last. */
static void fill_scale(trying *t, int scale, double base, double sizes[POINTS], double losses[POINTS])
{
    for (int k = 0; k < POINTS; k++) {
        const heed_demo_lesson n = lesson_at(t, scale, k, &sizes[k]);
        const bool is_base = scale == DEPTH ? n.config.n_layers == t->base.config.n_layers : k == POINTS - 1;

        losses[k] = is_base ? base : teach(t, &n, scale_names[scale]);
    }
}

/* --- what came out --- */

static void show_scale(heed_demoing *d, int scale, const double *sizes, const double *losses)
{
    heed_grid x = heed_grid_make(&d->s, 1, POINTS), y = heed_grid_make(&d->s, 1, POINTS),
              table = heed_grid_make(&d->s, 2, POINTS);
    double lx[POINTS], ly[POINTS];

    for (int k = 0; d->s.status == HEED_OK && k < POINTS; k++) {
        x.data[k] = (double)(k + 1);
        y.data[k] = table.data[POINTS + k] = losses[k];
        table.data[k] = sizes[k];
        lx[k] = log(sizes[k] > 0.0 ? sizes[k] : 0.5);
        ly[k] = log(losses[k]);
    }
    heed_show_table(d, table, heed_demo_words(d, "Only %s differs", scale_names[scale]), "size|loss", NULL,
                    false);
    heed_show_curve(d, scale_names[scale], x, y);
    if (scale != DEPTH)
        heed_show_figure(d, heed_demo_words(d, "exponent_%s", scale_names[scale]),
                         -heed_demo_slope(lx, ly, POINTS), "loss falls as size to the minus that");
}

/* What a unit of the factor gains, at the beginning of its scale and at the end. */
static void judge_scale(heed_demoing *d, int scale, const double *sizes, const double *losses)
{
    const double first = (losses[0] - losses[1]) / (sizes[1] - sizes[0]),
                 last = (losses[POINTS - 2] - losses[POINTS - 1]) / (sizes[POINTS - 1] - sizes[POINTS - 2]);

    heed_show_check(d, last < 0.5 * first && first > 0.0,
                    "%s: one more gains %.2g nats at the beginning of the scale, %.2g at its end: it saturates",
                    scale_names[scale], first, last);
}

static void judge_costs(heed_demoing *d, double base, double width, double depth, double data, double steps,
                        double attention, double objective)
{
    const double costs[] = {width - base, depth - base,     data - base,
                            steps - base, attention - base, objective - base};
    static const char *const names[] = {"cost_width", "cost_depth",     "cost_text",
                                        "cost_steps", "cost_attention", "cost_objective"};
    static const char *const words[] = {"nats: an eighth of d_model",       "nats: no block at all",
                                        "nats: a sixty-fourth of the text", "nats: an eighth of the steps",
                                        "nats: blocks without attention",   "nats: one target a window"};
    heed_grid table = heed_grid_make(&d->s, 1, 6);

    heed_show_figure(d, "loss_base", base, "nats: validation");
    for (int i = 0; d->s.status == HEED_OK && i < 6; i++) {
        table.data[i] = costs[i];
        heed_show_figure(d, names[i], costs[i], words[i]);
    }
    heed_show_table(d, table, "What one change costs, nats", "cost",
                    "width|depth|text|steps|attention|objective", false);
    heed_show_check(d, costs[4] > 0.1, "without attention the loss is %.2f nats higher, 0.1 or more", costs[4]);
}

static void run(heed_demoing *d)
{
    heed_demo_characters text = heed_demo_characters_of(d, 200000, d->sabotage);
    trying t = {.d = d, .text = &text, .base = heed_demo_lesson_of(d), .n_all = 15};
    double sizes[N_SCALES][POINTS], losses[N_SCALES][POINTS], base, attention, objective;
    heed_demo_lesson n;

    t.base.config.d_model = 64;
    t.base.config.n_layers = 2;
    t.base.options.threads = 0;
    base = teach(&t, &t.base, "the base");
    for (int i = 0; i < N_SCALES && d->s.status == HEED_OK; i++)
        fill_scale(&t, i, base, sizes[i], losses[i]);
    n = t.base;
    n.config.attention = false;
    attention = teach(&t, &n, "without attention");
    n = t.base;
    n.last_only = true;
    objective = teach(&t, &n, "one target a window");
    if (d->s.status == HEED_OK) {
        heed_show_axes(d, "Each factor alone", "point of the scale", "validation loss, nats", "");
        for (int i = 0; i < N_SCALES; i++) {
            show_scale(d, i, sizes[i], losses[i]);
            judge_scale(d, i, sizes[i], losses[i]);
        }
        judge_costs(d, base, losses[WIDTH][0], losses[DEPTH][0], losses[DATA][0], losses[STEPS][0], attention,
                    objective);
    }
    heed_demo_characters_close(&text);
}

const heed_demo heed_demo_34 = {
    .info = {.id = "D34",
             .title = "What matters most on a small budget",
             .shows = "Trains one small GPT, and then many that differ from it in one thing: width, blocks, "
                      "how much text, how many "
                      "steps, with attention or without, and how many targets a window has. Each factor alone "
                      "gains less "
                      "and less, because then another is what is lacking. Which single change costs most is a "
                      "result of this "
                      "budget; with a hundred times the text and the steps the ranking would be another.",
             .rule = "On each of the four scales one unit more gains, at the end of the scale, at most half of "
                     "what it gains at the "
                     "beginning; without attention the loss is 0.1 nats or more higher.",
             .sabotage = "The characters of the text are shuffled: nothing follows from anything.",
             .params = "{\"steps\": 400, \"text\": \"\"}",
             .trains = true},
    .full = "{\"steps\": 3000}",
    .run = run,
};
