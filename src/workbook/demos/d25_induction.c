/* SPDX-License-Identifier: MIT */
/* D25: sequences that repeat with a random period: what one layer of attention cannot learn, and how two do. */
#include <heed/heads.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/trainer.h"
#include "workbook/demos/demos.h"
#include "workbook/demos/small_model.h"
#include "workbook/demos/training.h"

enum { LOOKS = 12, WINDOWS = 32, MOST_SEQUENCE = 16, DISTANCES = 5, LONGEST_PERIOD = 24, MOST_HEADS = 8 };

/* Validation windows, and what a model makes of them. */
typedef struct windows {
    int32_t *ids; /* [WINDOWS, T] */
    int64_t T;
} windows;

typedef struct look {
    double first, later;        /* loss in the first period, and from its second token on in later ones */
    double previous, induction; /* the best scores of heads of the lowest layer, and of the highest */
    int induction_head;
    double each[MOST_HEADS][2]; /* of all heads, layer by layer: the token before, induction */
    double at[DISTANCES];       /* of the former, mean weight on the token itself, on the one before, ... */
} look;

static windows make_windows(heed_demoing *d, const heed_trainer *trainer)
{
    windows w = {.T = heed_trainer_config(trainer)->context_length};
    int32_t *targets = (int32_t *)(void *)heed_demo_floats(d, w.T);

    w.ids = (int32_t *)(void *)heed_demo_floats(d, WINDOWS * w.T);
    for (int64_t i = 0; d->s.status == HEED_OK && i < WINDOWS; i++)
        trainer->source->fill(trainer->source, HEED_PART_VALIDATION, i, w.T, w.ids + i * w.T, targets);
    return w;
}

/* Tokens of a period are all different, so the first that comes again begins the second one. */
static int64_t period_of(const int32_t *ids, int64_t T)
{
    int64_t P = 1;

    while (P < T && ids[P] != ids[0])
        P++;
    return P;
}

static void take_losses(heed_demoing *d, const heed_model *model, const windows *w, look *l)
{
    const heed_grid loss = heed_demo_read(
        d, model, &(heed_forward_ids){.ids = w->ids, .batch = WINDOWS, .length = w->T}, "token_loss");
    double sum[2] = {0.0, 0.0}, n[2] = {0.0, 0.0};

    for (int64_t i = 0; d->s.status == HEED_OK && i < WINDOWS; i++) {
        const int64_t P = period_of(w->ids + i * w->T, w->T);

        for (int64_t t = 0; t + 1 < w->T;
             t++) { /* token t + 1 is predicted; number P says that a period is over */
            const int later = t + 1 > P;
            if (t + 1 != P) {
                sum[later] += loss.data[i * w->T + t];
                n[later] += 1.0;
            }
        }
    }
    l->first = sum[0] / n[0];
    l->later = sum[1] / n[1];
}

/* The best score of a role among the heads of a layer, and whose it is. */
static double best(const heed_heads *heads, int layer, heed_head_role role, int *whose)
{
    double most = -1.0;

    for (int h = 0; h < heed_heads_n_heads(heads); h++) {
        heed_head_scores scores;

        heed_heads_scores(heads, HEED_HEADS_ALL, layer, h, &scores);
        if (scores.roles[role].found > most) {
            most = scores.roles[role].found;
            *whose = h;
        }
    }
    return most;
}

/*
 * Heads on the first T tokens of the windows. Induction heads have their pick among earlier periods, and come to look into the
 * first one: so it is there that heads of the lower layer have to tell which token came before.
 */
static heed_heads *look_at(heed_demoing *d, const heed_model *model, const windows *w, int64_t T)
{
    int32_t *ids = (int32_t *)(void *)heed_demo_floats(d, WINDOWS * T);
    heed_heads *heads = NULL;
    heed_error err = {HEED_OK, ""};

    if (d->s.status != HEED_OK)
        return NULL;
    for (int64_t i = 0; i < WINDOWS; i++)
        memcpy(ids + i * T, w->ids + i * w->T, (size_t)T * sizeof *ids);
    heed_demo_ok(d, heed_heads_look(model, ids, WINDOWS, T, NULL, &heads, &err), &err);
    return heads;
}

static void take_each(const heed_heads *all, const heed_heads *period, look *l)
{
    const int H = heed_heads_n_heads(all);

    for (int i = 0; i < heed_heads_n_layers(all) * H && i < MOST_HEADS; i++) {
        heed_head_scores a, b;

        heed_heads_scores(period, HEED_HEADS_ALL, i / H, i % H, &a);
        heed_heads_scores(all, HEED_HEADS_ALL, i / H, i % H, &b);
        l->each[i][0] = a.roles[HEED_HEAD_PREVIOUS].found;
        l->each[i][1] = b.roles[HEED_HEAD_INDUCTION].found;
    }
}

static void take_scores(heed_demoing *d, const heed_model *model, const windows *w, look *l)
{
    heed_heads *all = look_at(d, model, w, w->T), *period = look_at(d, model, w, LONGEST_PERIOD);
    heed_grid profile = heed_grid_make(&d->s, 1, LONGEST_PERIOD);

    if (d->s.status == HEED_OK) {
        int whose = 0;

        l->induction = best(all, heed_heads_n_layers(all) - 1, HEED_HEAD_INDUCTION, &l->induction_head);
        l->previous = best(period, 0, HEED_HEAD_PREVIOUS, &whose);
        heed_heads_profile(period, 0, whose, profile.data);
        memcpy(l->at, profile.data, sizeof l->at);
        take_each(all, period, l);
    }
    heed_heads_destroy(all);
    heed_heads_destroy(period);
}

/* --- a run --- */

typedef struct course {
    look looks[LOOKS + 1];
    double step[LOOKS + 1];
    int n;
} course;

/* begun: the part of the whole that is done. The trainer is at its end then. */
static heed_trainer *learn(heed_demoing *d, int layers, double begun, course *c)
{
    heed_demo_training t = heed_demo_training_of(d, layers == 2 ? HEED_DEMO_A2 : HEED_DEMO_A1);
    const int64_t steps = t.options.steps;
    heed_progress progress;
    heed_trainer *trainer;
    windows w;

    t.options.batch_size = 32;
    t.options.task_prompts = true; /* the first period is asked for, too, although nobody can know it */
    trainer = heed_demo_train_begin(d, &t);
    if (trainer == NULL)
        return NULL;
    w = make_windows(d, trainer);
    c->n = 0;
    for (int64_t i = 0; d->s.status == HEED_OK && i <= steps; i++) {
        if (i * LOOKS / steps != (i - 1) * LOOKS / steps || i == 0) {
            c->step[c->n] = (double)i;
            take_losses(d, heed_trainer_model(trainer), &w, &c->looks[c->n]);
            take_scores(d, heed_trainer_model(trainer), &w, &c->looks[c->n++]);
        }
        if (i < steps)
            heed_demo_train_step(d, trainer, &progress);
        heed_demo_progress(d, begun + 0.5 * (double)i / (double)steps,
                           layers == 2 ? "two layers" : "one layer");
    }
    return trainer;
}

/* --- A B C A --- */

/* Where the best induction head looks from the last letter of a sequence. */
static void show_sequence(heed_demoing *d, const heed_model *model, int head)
{
    const char *text = heed_take_text(&d->s, "sequence");
    const int64_t layer = heed_model_config(model)->n_layers - 1;
    char name[64];
    heed_error err = {HEED_OK, ""};
    heed_grid pattern, row;
    int32_t *ids = NULL;
    size_t n = 0;
    int64_t most = 0;

    if (d->s.status != HEED_OK ||
        !heed_demo_ok(d, heed_model_encode(model, text, strlen(text), &ids, &n, &err), &err))
        return;
    if (n < 2 || n > MOST_SEQUENCE)
        heed_solve_fail(&d->s, HEED_ERR_USAGE, "sequence: expected 2 to %d letters, got %zu", MOST_SEQUENCE, n);
    snprintf(name, sizeof name, "blocks.%lld.attn.pattern", (long long)layer);
    pattern = heed_demo_read(d, model, &(heed_forward_ids){ids, NULL, 1, (int64_t)n}, name);
    free(ids);
    if (d->s.status != HEED_OK)
        return;
    row = heed_grid_row(pattern, head * (int64_t)n + (int64_t)n - 1);
    for (int64_t j = 0; j < row.columns; j++)
        most = row.data[j] > row.data[most] ? j : most;
    heed_show_table(d, row,
                    heed_demo_words(d, "What its best induction head sees from the last letter of %s", text),
                    "weight", NULL, false);
    heed_show_figure(d, "attends", (double)most, "position, from 0, that it attends to most there");
    heed_show_figure(d, "attends_weight", row.data[most], "with that weight");
}

/* --- the rule --- */

static double score_of(const look *l, bool induction)
{
    return induction ? l->induction : l->previous;
}

/* The first step at which half of what a score gains is there. */
static double half_way(const course *c, bool induction)
{
    const double from = score_of(&c->looks[0], induction), to = score_of(&c->looks[c->n - 1], induction);

    for (int i = 0; i < c->n; i++) {
        if (score_of(&c->looks[i], induction) >= 0.5 * (from + to))
            return c->step[i];
    }
    return NAN;
}

/* Where the loss of later periods is first below so many nats; the last look if it never is. */
static const look *fallen(const course *c, double nats)
{
    for (int i = 0; i < c->n; i++) {
        if (c->looks[i].later < nats)
            return &c->looks[i];
    }
    return &c->looks[c->n - 1];
}

static void show_course(heed_demoing *d, const course *two, const course *one)
{
    heed_grid table = heed_grid_make(&d->s, two->n, 6), x = heed_grid_make(&d->s, 1, two->n),
              y[4] = {heed_grid_make(&d->s, 1, two->n), heed_grid_make(&d->s, 1, two->n),
                      heed_grid_make(&d->s, 1, two->n), heed_grid_make(&d->s, 1, two->n)};

    if (d->s.status != HEED_OK)
        return;
    for (int i = 0; i < two->n; i++) {
        const look *a = &two->looks[i], *b = &one->looks[i];
        const double row[6] = {two->step[i], a->later, a->previous, a->induction, b->later, b->previous};

        memcpy(table.data + 6 * i, row, sizeof row);
        x.data[i] = two->step[i];
        y[0].data[i] = a->later;
        y[1].data[i] = b->later;
        y[2].data[i] = a->previous;
        y[3].data[i] = a->induction;
    }
    heed_show_table(d, table, "Along training", NULL,
                    "step|loss, 2 layers|previous token|induction|loss, 1 layer|previous token", false);
    heed_show_axes(d, "Loss after the first period, and scores of heads", "step", "nats; share of weight", "");
    heed_show_curve(d, "loss, 2 layers", x, y[0]);
    heed_show_curve(d, "loss, 1 layer", x, y[1]);
    heed_show_curve(d, "previous token, layer 0", x, y[2]);
    heed_show_curve(d, "induction, layer 1", x, y[3]);
}

static void show_heads(heed_demoing *d, const look *l, int64_t n)
{
    heed_grid table = heed_grid_make(&d->s, n, 2);

    for (int64_t i = 0; i < table.rows * 2; i++)
        table.data[i] = l->each[i / 2][i % 2];
    heed_show_table(d, table, "What each head finds at the end, layer.head",
                    n == MOST_HEADS ? "0.0|0.1|0.2|0.3|1.0|1.1|1.2|1.3" : "0.0|0.1|0.2|0.3",
                    "token before|induction", false);
}

static void show_profile(heed_demoing *d, const look *l)
{
    heed_grid row = heed_grid_make(&d->s, 1, DISTANCES);

    if (d->s.status == HEED_OK)
        memcpy(row.data, l->at, sizeof l->at);
    heed_show_table(d, row, "What the best previous-token head of layer 0 looks at, by distance", "weight",
                    "itself|1 back|2|3|4", false);
}

static void judge(heed_demoing *d, const course *two, const course *one)
{
    const look *a = &two->looks[two->n - 1], *b = &one->looks[one->n - 1];
    const look *start = &two->looks[0], *on_the_way = fallen(two, 1.0);
    const double ceiling = log(32.0);

    heed_show_figure(d, "later_2", a->later, "nats in later periods, two layers");
    heed_show_figure(d, "later_1", b->later, "nats in later periods, one layer");
    heed_show_figure(d, "first_2", a->first, "nats in the first period, two layers");
    heed_show_figure(d, "ceiling", ceiling, "ln 32: nothing known");
    heed_show_figure(d, "previous", a->previous,
                     "found by the best previous-token head of layer 0, in the first 24 tokens");
    heed_show_figure(d, "induction", a->induction, "found by the best induction head of layer 1");
    heed_show_figure(d, "previous_half", half_way(two, false), "the step at which half of that is there");
    heed_show_figure(d, "induction_half", half_way(two, true), "and half of this");
    heed_show_check(d, a->later < 0.3, "two layers: %.3f nats in later periods, below 0.3", a->later);
    heed_show_check(d, b->later > 1.5, "one layer: %.2f nats, above 1.5", b->later);
    heed_show_check(d, a->first > 0.75 * ceiling, "the first period is not foreseen: %.2f nats, ln 32 is %.2f",
                    a->first, ceiling);
    heed_show_check(
        d, a->previous >= 0.5 && a->induction >= 0.5,
        "a head of layer 0 has %.2f of its weight on the token before, one of layer 1 %.2f behind the "
        "earlier match; both at least a half",
        a->previous, a->induction);
    heed_show_check(
        d, on_the_way->previous >= 2.0 * start->previous && on_the_way->induction >= 2.0 * start->induction,
        "both rise while the loss falls: where it is first below 1 nat they have gone from %.2f to %.2f "
        "and from %.2f to %.2f",
        start->previous, on_the_way->previous, start->induction, on_the_way->induction);
}

static void run(heed_demoing *d)
{
    course two, one;
    heed_trainer *trainer = learn(d, d->sabotage ? 1 : 2, 0.0, &two), *other = learn(d, 1, 0.5, &one);

    if (d->s.status == HEED_OK) {
        show_course(d, &two, &one);
        show_heads(d, &two.looks[two.n - 1], heed_trainer_config(trainer)->n_layers * 4);
        show_profile(d, &two.looks[two.n - 1]);
        show_sequence(d, heed_trainer_model(trainer), two.looks[two.n - 1].induction_head);
        judge(d, &two, &one);
    }
    heed_trainer_close(trainer);
    heed_trainer_close(other);
}

const heed_demo heed_demo_25 = {
    .info =
        {.id = "D25",
         .title = "Induction heads need two layers",
         .shows =
             "Trains models of attention alone, with two layers and with one, on random sequences that repeat "
             "with a random period. From the second period on each token could be known: find where the "
             "token at hand stood before, and copy what came behind it. For that a head must look for a token "
             "by "
             "what stood before it, which a key knows only when a head one layer below has brought it there. "
             "So heads of the lower layer come to look at the token before, then heads of the upper one at "
             "what "
             "stood behind the earlier match, and the loss falls. Had all sequences the same period, positions "
             "would solve it in one layer.",
         .rule =
             "In later periods two layers end below 0.3 nats and one above 1.5, the first period stays above "
             "three quarters of ln 32; the best previous-token head of the lower layer, within a period, and "
             "the "
             "best induction head of the upper one find at least half of it, and both have doubled by the time "
             "the loss is below 1 nat.",
         .sabotage = "Both models have one layer.",
         .params = "{\"steps\": 700, \"sequence\": \"abca\"}",
         .trains = true},
    .full = "{\"steps\": 4000}",
    .run = run,
};
