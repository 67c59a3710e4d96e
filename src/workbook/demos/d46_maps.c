/* SPDX-License-Identifier: MIT */
/* D46: attention maps of a small trained model, and how its heads become different while it trains. */
#include <math.h>

#include "workbook/demos/demos.h"
#include "workbook/demos/patterns.h"

enum { WINDOWS = 16, LOOKS = 5, MOST_DRAWN = 16, BATCHES = 8 };

enum { STEP, LOSS, PREVIOUS, EVEN, SHARE, ALIKE, N_COLUMNS };

/* Of all heads at one time. */
typedef struct state {
    heed_demo_head best; /* at looking at the token before */
    double previous, even, share;
    double alike, least_alike; /* cosines of two patterns: their mean, and of those that differ most */
    double nearest, farthest;  /* mean distances of two heads */
} state;

static void compare(heed_demoing *d, const heed_heads *heads, state *s)
{
    const heed_grid cosines = heed_demo_similarity(d, heads);
    int64_t n = 0;

    for (int64_t i = 0; i < cosines.rows; i++) {
        for (int64_t j = i + 1; j < cosines.rows; j++, n++) {
            s->alike += cosines.data[i * cosines.columns + j];
            s->least_alike = fmin(s->least_alike, cosines.data[i * cosines.columns + j]);
        }
    }
    s->alike /= (double)(n > 0 ? n : 1);
}

static state look(heed_demoing *d, const heed_demo_subject *subject, heed_heads **out)
{
    heed_heads *heads = heed_demo_look(d, subject, true);
    const int n = heads != NULL ? heed_heads_n_layers(heads) * heed_heads_n_heads(heads) : 0;
    state s = {.previous = -INFINITY, .least_alike = INFINITY, .nearest = INFINITY, .farthest = -INFINITY};

    for (int i = 0; i < n; i++) {
        const heed_demo_head which = heed_demo_head_at(heads, i);
        heed_head_scores scores;

        heed_heads_scores(heads, HEED_HEADS_ALL, which.layer, which.head, &scores);
        if (scores.roles[HEED_HEAD_PREVIOUS].found > s.previous) {
            s.best = which;
            s.previous = scores.roles[HEED_HEAD_PREVIOUS].found;
            s.even = scores.roles[HEED_HEAD_PREVIOUS].chance;
        }
        s.share += scores.entropy_share / (double)n;
        s.nearest = fmin(s.nearest, scores.distance);
        s.farthest = fmax(s.farthest, scores.distance);
    }
    if (heads != NULL)
        compare(d, heads, &s);
    if (out != NULL)
        *out = heads;
    else
        heed_heads_destroy(heads);
    return s;
}

static void put_row(double *row, int64_t step, double loss, const state *s)
{
    row[STEP] = (double)step;
    row[LOSS] = loss;
    row[PREVIOUS] = s->previous;
    row[EVEN] = s->even;
    row[SHARE] = s->share;
    row[ALIKE] = s->least_alike;
}

/* Trains and looks five times, at the beginning and at the end among them; table gets a row each. Returns the first look. */
static state train(heed_demoing *d, const heed_demo_training *t, heed_trainer *trainer, heed_grid table)
{
    const int64_t steps = d->sabotage ? 0 : t->options.steps;
    state first = {0};
    heed_demo_subject subject;
    heed_progress progress;

    if (!heed_demo_subject_of(d, trainer, WINDOWS, &subject))
        return first;
    for (int64_t step = 0, i = 0; i < LOOKS && d->s.status == HEED_OK; step++) {
        for (; i < LOOKS && step == steps * i / (LOOKS - 1); i++) {
            const state now = look(d, &subject, NULL);

            put_row(table.data + i * N_COLUMNS, step, heed_demo_validation(d, trainer, BATCHES), &now);
            first = i == 0 ? now : first;
        }
        if (i < LOOKS && !heed_demo_train_step(d, trainer, &progress))
            break;
        heed_demo_progress(d, 0.95 * (double)step / (double)(steps + 1), "training");
    }
    return first;
}

/* Heads of a model like it that was never trained. */
static state look_untrained(heed_demoing *d, const heed_demo_subject *subject)
{
    heed_demo_subject fresh = *subject;
    heed_model *model = NULL;
    heed_error err = {HEED_OK, ""};
    state s = {0};

    if (heed_demo_ok(d, heed_model_create(heed_model_config(subject->model), d->options->seed, &model, &err),
                     &err)) {
        fresh.model = model;
        s = look(d, &fresh, NULL);
    }
    heed_model_close(model);
    return s;
}

static void draw(heed_demoing *d, const heed_demo_subject *subject, const heed_heads *heads, const state *s)
{
    const int n = heed_heads_n_layers(heads) * heed_heads_n_heads(heads);
    heed_demo_head drawn[MOST_DRAWN];
    const char *names = heed_demo_head_names(d, heads);

    for (int i = 0; i < n && i < MOST_DRAWN; i++)
        drawn[i] = heed_demo_head_at(heads, i);
    heed_show_distances(d, heads, names);
    heed_show_table(d, heed_demo_similarity(d, heads), "How alike the heads' patterns are: cosines", names,
                    names, false);
    heed_show_patterns(d, subject, drawn, n < MOST_DRAWN ? n : MOST_DRAWN, "What the heads look at");
    heed_show_pattern(
        d, subject, s->best,
        heed_demo_words(d, "Head %d.%d, which looks most at the token before", s->best.layer, s->best.head));
}

static void judge(heed_demoing *d, const heed_demo_subject *subject, const heed_heads *heads,
                  const state *before, const state *s)
{
    heed_demo_laws worst = {0.0, 1.0};

    for (int i = 0; i < heed_heads_n_layers(heads) * heed_heads_n_heads(heads); i++) {
        const heed_demo_head which = heed_demo_head_at(heads, i);
        const heed_demo_laws laws = heed_demo_laws_of(heed_demo_pattern(d, subject, which));

        worst.above = fmax(worst.above, laws.above);
        worst.sum = fabs(laws.sum - 1.0) > fabs(worst.sum - 1.0) ? laws.sum : worst.sum;
    }
    heed_show_figure(d, "best_previous", s->previous,
                     "weight on the token before, of the head with most of it");
    heed_show_figure(d, "even_previous", s->even, "what even attention would put there");
    heed_show_figure(d, "best_layer", s->best.layer, "layer of that head, from 0");
    heed_show_figure(d, "best_head", s->best.head, "its number there, from 0");
    heed_show_figure(d, "clearly", s->previous > 2.0 * s->even, "1: more than twice that; 0: not");
    heed_show_figure(d, "entropy_share", s->share, "of the largest entropy there could be, in the mean");
    heed_show_figure(d, "entropy_share_before", before->share, "the same before training");
    heed_show_figure(d, "least_alike", s->least_alike, "cosine of the two heads that differ most");
    heed_show_figure(d, "least_alike_before", before->least_alike, "the same before training");
    heed_show_figure(d, "nearest", s->nearest, "tokens back, in the mean, of the head that looks nearest");
    heed_show_figure(d, "farthest", s->farthest, "of the one that looks farthest");
    heed_show_figure(d, "above_diagonal", worst.above, "the largest weight on a later token");
    heed_show_figure(d, "row_sum", worst.sum, "a row's sum: the one that is farthest from 1");
    heed_show_check(d, worst.above == 0.0 && fabs(worst.sum - 1.0) <= 1e-5,
                    "no weight is above a diagonal, and rows add up to 1 within %.1g", fabs(worst.sum - 1.0));
    heed_show_check(d, before->least_alike >= 0.9, "before training no two heads differ: cosines from %.3f on",
                    before->least_alike);
    heed_show_check(d, s->least_alike < 0.9, "after it two heads have a cosine of %.3f, below 0.9",
                    s->least_alike);
}

static void run(heed_demoing *d)
{
    heed_demo_training t = heed_demo_training_of(d, HEED_DEMO_P2S);
    const bool given = d->s.status == HEED_OK && heed_demo_names_model(d);
    heed_trainer *trainer = NULL;
    heed_demo_subject subject = {0};
    heed_heads *heads = NULL;
    heed_grid table = heed_grid_make(&d->s, LOOKS, N_COLUMNS);
    state before = {0}, after;

    if (given && !heed_demo_subject_open(d, &t, "", 0.0, 0.0, WINDOWS, &subject))
        return;
    if (!given) {
        trainer = heed_demo_train_begin(d, &t);
        before = train(d, &t, trainer, table);
        heed_demo_subject_of(d, trainer, WINDOWS, &subject);
    } else
        before = look_untrained(d, &subject);
    after = look(d, &subject, &heads);
    if (given)
        put_row(table.data, 0, NAN, &before), put_row(table.data + N_COLUMNS, 0, NAN, &after), table.rows = 2;
    if (d->s.status == HEED_OK) {
        heed_show_table(d, table,
                        "While it trains: best weight on the token before, entropy, least cosine of two heads",
                        given ? "untrained|given" : NULL, "step|loss|previous|even|entropy|alike", false);
        draw(d, &subject, heads, &after);
        judge(d, &subject, heads, &before, &after);
    }
    heed_heads_destroy(heads);
    if (given)
        heed_demo_subject_close(&subject);
    heed_trainer_close(trainer);
}

const heed_demo heed_demo_46 = {
    .info = {.id = "D46",
             .title = "Attention maps, and how heads become different",
             .shows = "Trains a small GPT (or opens \"model\") and draws what its heads look at over the "
                      "beginning of a text that it "
                      "was not trained on. Five times on the way all heads are measured: how much weight goes "
                      "to the token before, how "
                      "spread attention is, and how alike two heads are at the least. At first every head "
                      "looks at everything nearly "
                      "evenly, so all are the same; what makes them different is training. Whether one of them "
                      "follows the token before "
                      "is said as it comes out. \"heed inspect MODEL\" draws any model's heads, with --out "
                      "also as one page.",
             .rule = "No weight lies above a diagonal and rows add up to 1 within 1e-5; before training all "
                     "pairs of heads have a "
                     "cosine of 0.9 or more, after it at least one pair has less.",
             .sabotage = "The model is not trained.",
             .params = "{\"steps\": 1000, \"text\": \"\", \"model\": \"\"}",
             .trains = true},
    .full = "{\"steps\": 3000}",
    .run = run,
};
