/* SPDX-License-Identifier: MIT */
/* D07: how spread the attention of each head is, and which heads are collapsed. */
#include <math.h>

#include "workbook/demos/demos.h"
#include "workbook/demos/subject.h"

enum { WINDOWS = 16, LOOKS = 6, BY_HAND = 16, ELEMENTS = 6 };

/* --- made by hand --- */

enum { ONE_KEY, EVEN, BEFORE, N_MADE };
enum { ENTROPY, SHARE, LARGEST, COLLAPSED, N_COLUMNS };

static double weight_of(int made, int64_t i, int64_t j)
{
    if (j > i)
        return 0.0;
    if (made == EVEN)
        return 1.0 / (double)(i + 1);
    return j == (made == ONE_KEY || i == 0 ? 0 : i - 1) ? 1.0 : 0.0;
}

static void put_scores(const heed_head_scores *s, double *row)
{
    row[ENTROPY] = s->entropy;
    row[SHARE] = s->entropy_share;
    row[LARGEST] = s->largest;
    row[COLLAPSED] = s->collapsed;
}

static void show_made(heed_demoing *d)
{
    const heed_grid table = heed_grid_make(&d->s, N_MADE, N_COLUMNS);
    float *weights = heed_demo_floats(d, BY_HAND * BY_HAND);
    heed_error err = {HEED_OK, ""};

    for (int made = 0; d->s.status == HEED_OK && made < N_MADE; made++) {
        const heed_head_pattern pattern = {.weights = weights, .n = BY_HAND};
        heed_head_scores s;

        for (int64_t i = 0; i < BY_HAND * BY_HAND; i++)
            weights[i] = (float)weight_of(made, i / BY_HAND, i % BY_HAND);
        if (heed_demo_ok(d, heed_head_measure(&pattern, &s, &err), &err))
            put_scores(&s, table.data + made * N_COLUMNS);
    }
    if (d->s.status != HEED_OK)
        return;
    heed_show_table(d, table, "Patterns made by hand, 16 tokens", "one key|all evenly|token before",
                    "entropy|share|largest|collapsed", false);
    heed_show_check(d, table.data[ONE_KEY * N_COLUMNS + COLLAPSED] == 1.0,
                    "a head made to look at one key is called collapsed");
    heed_show_check(d, table.data[EVEN * N_COLUMNS + COLLAPSED] == 0.0,
                    "one made to look at all evenly is not; it has %.3f of the largest entropy",
                    table.data[EVEN * N_COLUMNS + SHARE]);
}

/* --- of all heads of a model --- */

static int64_t heads_in(const heed_heads *heads)
{
    return (int64_t)heed_heads_n_layers(heads) * heed_heads_n_heads(heads);
}

static double mean_share(heed_demoing *d, const heed_demo_subject *subject)
{
    heed_heads *heads = heed_demo_look(d, subject, false);
    const int64_t n = heads != NULL ? heads_in(heads) : 0;
    double sum = 0.0;

    for (int64_t i = 0; i < n; i++) {
        const heed_demo_head which = heed_demo_head_at(heads, i);
        heed_head_scores s;

        heed_heads_scores(heads, HEED_HEADS_ALL, which.layer, which.head, &s);
        sum += s.entropy_share / (double)n;
    }
    heed_heads_destroy(heads);
    return sum;
}

/* Over training: a row of steps and one of shares. */
typedef struct history {
    heed_grid steps, shares;
} history;

/* Trains and looks, at the beginning and at the end among other times. heed_trainer_close() it. */
static heed_trainer *train(heed_demoing *d, const heed_demo_training *t, const char *words, double from,
                           double to, history *h)
{
    const int64_t steps = t->options.steps;
    heed_trainer *trainer = heed_demo_train_begin(d, t);
    heed_demo_subject subject;
    heed_progress progress;

    *h = (history){heed_grid_make(&d->s, 1, LOOKS), heed_grid_make(&d->s, 1, LOOKS)};
    if (!heed_demo_subject_of(d, trainer, WINDOWS, &subject)) {
        heed_trainer_close(trainer);
        return NULL;
    }
    for (int64_t step = 0, i = 0; i < LOOKS && d->s.status == HEED_OK; step++) {
        for (; i < LOOKS && step == steps * i / (LOOKS - 1); i++) {
            h->steps.data[i] = (double)step;
            h->shares.data[i] = mean_share(d, &subject);
        }
        heed_demo_progress(d, from + (to - from) * (double)step / (double)(steps + 1), words);
        if (i < LOOKS && !heed_demo_train_step(d, trainer, &progress))
            break;
    }
    return trainer;
}

/* --- the report --- */

static void report(heed_demoing *d, const heed_demo_subject *subject, double before)
{
    heed_heads *heads = heed_demo_look(d, subject, false);
    const int64_t n = heads != NULL ? heads_in(heads) : 0,
                  E = subject->batch < ELEMENTS ? subject->batch : ELEMENTS;
    const heed_grid all = heed_grid_make(&d->s, n, N_COLUMNS), each = heed_grid_make(&d->s, n, E);
    const char *names = heads != NULL ? heed_demo_head_names(d, heads) : NULL;
    double share = 0.0, least = INFINITY, collapsed = 0.0;

    for (int64_t i = 0; d->s.status == HEED_OK && i < n; i++) {
        const heed_demo_head which = heed_demo_head_at(heads, i);
        heed_head_scores s;

        heed_heads_scores(heads, HEED_HEADS_ALL, which.layer, which.head, &s);
        put_scores(&s, all.data + i * N_COLUMNS);
        share += s.entropy_share / (double)n;
        least = fmin(least, s.entropy_share);
        collapsed += s.collapsed;
        for (int64_t e = 0; e < E; e++) {
            heed_heads_scores(heads, e, which.layer, which.head, &s);
            each.data[i * E + e] = s.entropy_share;
        }
    }
    heed_heads_destroy(heads);
    if (d->s.status != HEED_OK)
        return;
    heed_show_table(d, all, "Heads of the model: entropy in nats, its share of the largest, largest weight",
                    names, "entropy|share|largest|collapsed", false);
    heed_show_table(d, each, "The share in each of some texts", names, NULL, true);
    heed_show_figure(d, "mean_share", share, "of the largest entropy, all heads of the model");
    heed_show_figure(d, "mean_share_untrained", before, "the same before training");
    heed_show_figure(d, "least_share", least, "of the head that is sharpest");
    heed_show_figure(d, "collapsed", collapsed, "heads that are called so");
    heed_show_figure(d, "heads", (double)n, "in all");
}

/* Before it was trained: a new model of the same configuration. */
static double untrained_share(heed_demoing *d, const heed_demo_subject *subject)
{
    heed_demo_subject fresh = *subject;
    heed_model *model = NULL;
    heed_error err = {HEED_OK, ""};
    double share = NAN;

    if (heed_demo_ok(d, heed_model_create(heed_model_config(subject->model), d->options->seed, &model, &err),
                     &err)) {
        fresh.model = model;
        share = mean_share(d, &fresh);
    }
    heed_model_close(model);
    return share;
}

static void report_given(heed_demoing *d, heed_demo_training *t)
{
    heed_demo_subject subject;

    if (!heed_demo_subject_open(d, t, "", 0.0, 0.0, WINDOWS, &subject))
        return;
    report(d, &subject, untrained_share(d, &subject));
    heed_demo_subject_close(&subject);
}

static void report_trained(heed_demoing *d, const heed_demo_training *t)
{
    heed_demo_subject subject;
    history h;
    heed_trainer *trainer = train(d, t, "four heads", 0.0, 0.33, &h);

    if (heed_demo_subject_of(d, trainer, WINDOWS, &subject)) {
        heed_show_curve(d, "four heads", h.steps, h.shares);
        report(d, &subject, h.shares.data[0]);
    }
    heed_trainer_close(trainer);
}

/* --- without the scale --- */

static void compare_scales(heed_demoing *d, heed_demo_training *t)
{
    history scaled, plain;
    double a, b;

    t->text = heed_demo_names_model(d) ? NULL : t->text; /* that text is what the model reads */
    t->config.n_heads = 1;
    heed_trainer_close(train(d, t, "one head, scaled", 0.33, 0.66, &scaled));
    t->config.attention_scale = d->sabotage ? 0.0 : 1.0;
    heed_trainer_close(train(d, t, "one head, not scaled", 0.66, 1.0, &plain));
    if (d->s.status != HEED_OK)
        return;
    a = scaled.shares.data[LOOKS - 1];
    b = plain.shares.data[LOOKS - 1];
    heed_show_curve(d, "one head, scaled", scaled.steps, scaled.shares);
    heed_show_curve(d, "one head, not scaled", plain.steps, plain.shares);
    heed_show_figure(d, "scaled_share", a, "of the largest entropy, one head with 1/sqrt(head_dim)");
    heed_show_figure(d, "unscaled_share", b, "without it");
    heed_show_check(d, b <= 0.8 * a,
                    "without the scale %.3f of the largest entropy are left, with it %.3f: at most four fifths",
                    b, a);
}

static void run(heed_demoing *d)
{
    heed_demo_training t = heed_demo_training_of(d, HEED_DEMO_P2S);

    if (d->s.status != HEED_OK)
        return;
    heed_show_axes(d, "How spread attention is while models train", "step", "share of the largest entropy", "");
    if (heed_demo_names_model(d))
        report_given(d, &t);
    else
        report_trained(d, &t);
    show_made(d);
    compare_scales(d, &t);
}

const heed_demo heed_demo_07 = {
    .info = {.id = "D07",
             .title = "Is a head collapsed? Entropies of attention",
             .shows = "Measures how many keys each head really looks at, as the entropy of its rows over the "
                      "largest that they could "
                      "have, ln of the keys that they see: of the model in \"model\", or of one that is "
                      "trained here, on text it was "
                      "not trained on, for each head and for each text. A head is called collapsed where the "
                      "mean entropy is at most a "
                      "tenth of the largest and the mean largest weight at least 0.9. That is checked on "
                      "patterns made by hand; then "
                      "models of one wide head are trained with and without 1/sqrt(head_dim). A low entropy is "
                      "no fault by itself: the "
                      "pattern of the token before is as sharp as can be, and useful.",
             .rule = "A pattern of one key is called collapsed, an even one is not; after training without the "
                     "scale at most four "
                     "fifths of the share with it are left.",
             .sabotage = "The model without a scale is scaled, too.",
             .params = "{\"steps\": 500, \"text\": \"\", \"model\": \"\"}",
             .trains = true},
    .full = "{\"steps\": 3000}",
    .run = run,
};
