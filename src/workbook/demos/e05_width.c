/* SPDX-License-Identifier: MIT */
/* E05: a bigram model through embeddings of few and of many columns. */
#include <math.h>

#include "workbook/demos/counted.h"
#include "workbook/demos/demos.h"
#include "workbook/demos/pupil.h"
#include "workbook/demos/training.h"

enum { BATCH = 32, T = 8, BATCHES = 40, NARROW = 2, N_WIDTHS = 3 };

/* A table of n columns and a head with bias; n = 0: a table of logits. */
static heed_node *build(const void *context, heed_learner *l, heed_node *ids, heed_node *targets,
                        heed_node **logits)
{
    const int64_t V = ((const int64_t *)context)[0], n = ((const int64_t *)context)[1];

    if (n == 0) {
        *logits = heed_embedding(l->g, heed_learner_parameter(l, "table", heed_shape2(V, V), 0.0, 0.02), ids);
    } else {
        heed_node *table = heed_learner_parameter(l, "table", heed_shape2(V, n), 0.0, 0.3),
                  *head = heed_learner_parameter(l, "head", heed_shape2(n, V), 0.0, 0.3 / sqrt((double)n)),
                  *bias = heed_learner_parameter(l, "bias", heed_shape1(V), 0.0, 0.0);
        *logits = heed_linear(l->g, heed_embedding(l->g, table, ids), head, bias, HEED_WEIGHT_IN_OUT);
    }
    return heed_cross_entropy(l->g, *logits, targets);
}

static double teach(heed_demoing *d, const heed_demo_characters *text, int64_t n, const char *words, int part)
{
    const int64_t sizes[] = {text->V, n};
    heed_demo_lesson lesson = heed_demo_lesson_of(d);
    heed_demo_pupil p;
    double loss;

    lesson.batch = BATCH;
    lesson.length = T;
    lesson.build = build;
    lesson.context = sizes;
    lesson.options.learning_rate = n == 0 ? 0.05 : 0.02;
    heed_demo_teach(&p, d, text, &lesson, words, part / 3.0, (part + 1) / 3.0);
    loss = heed_demo_pupil_loss(&p, 1, BATCHES);
    heed_show_curve(d, words, heed_demo_counted(d, p.curve.columns), heed_demo_smoothed(d, p.curve, 20));
    heed_demo_pupil_close(&p);
    return loss;
}

static void run(heed_demoing *d)
{
    const int64_t n_embd = heed_take_int(&d->s, "n_embd", 1, 512), wide = d->sabotage ? 1 : n_embd;
    heed_demo_characters text = heed_demo_characters_of(d, 200000, false);
    double bigram, own, narrow, counted;
    heed_grid table;

    heed_show_axes(d, "Bigram models learn", "step", "nats, mean of 20 batches", "");
    bigram = teach(d, &text, 0, "a table of logits", 0);
    own = teach(d, &text, wide, "embeddings", 1);
    narrow = teach(d, &text, NARROW, "embeddings of 2 columns", 2);
    counted = heed_demo_counted_loss(d, &text);
    table = heed_grid_make(&d->s, N_WIDTHS, 2);
    if (d->s.status == HEED_OK) {
        const double V = (double)text.V;
        const double rows[] = {V * V, bigram, 2.0 * V * (double)wide + V, own, 2.0 * V * NARROW + V, narrow};

        for (int i = 0; i < 6; i++)
            table.data[i] = rows[i];
        heed_show_table(d, table, "Validation loss, nats",
                        heed_demo_words(d, "table of logits|%lld columns|2 columns", (long long)wide),
                        "parameters|loss", false);
        heed_show_figure(d, "loss_bigram", bigram, "nats: a table of logits");
        heed_show_figure(d, "loss_own", own, "nats: embeddings of n_embd columns and a head");
        heed_show_figure(d, "loss_narrow", narrow, "nats: of 2 columns");
        heed_show_figure(d, "loss_counted", counted, "nats: counted pairs");
        heed_show_check(d, fabs(own - bigram) < 0.06,
                        "%lld columns: %.3f nats, within 0.06 of the table of logits, %.3f", (long long)wide,
                        own, bigram);
        heed_show_check(d, own > counted - 0.06, "and not below counted pairs, %.3f: it is a bigram still",
                        counted);
        heed_show_check(d, narrow > bigram + 0.1, "2 columns: %.3f nats, worse by 0.1 or more", narrow);
    }
    heed_demo_characters_close(&text);
}

const heed_demo heed_demo_e05 = {
    .info = {.id = "E05",
             .title = "A bigram model through embeddings",
             .shows = "Trains a table of logits, and two models that look a character up in a table of n_embd "
                      "columns and make "
                      "logits of that by a linear head. Their product is a table of logits again, of rank "
                      "n_embd at most, so "
                      "with enough columns they learn what the table learns, and no more; two columns are too "
                      "few to tell "
                      "characters apart.",
             .rule = "With n_embd columns the validation loss is within 0.06 nats of the table's and not below "
                     "that of counted "
                     "pairs; with 2 columns it is worse than the table's by 0.1 or more.",
             .sabotage = "n_embd is 1.",
             .params = "{\"steps\": 1500, \"n_embd\": 32, \"text\": \"\"}",
             .trains = true},
    .full = "{\"steps\": 6000}",
    .run = run,
};
