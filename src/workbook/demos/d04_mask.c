/* SPDX-License-Identifier: MIT */
/* D04: training with the causal mask and without it. */
#include <heed/session.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "workbook/demos/demos.h"
#include "workbook/demos/subject.h"
#include "workbook/demos/unit_start.h"
#include "workbook/demos/written.h"

enum { WINDOWS = 256, BATCHES = 24, WRITTEN = 200, SMOOTH = 20, N_GRAM = 4, N_MODELS = 2 };

static const struct {
    const char *name;
    heed_demo_preset preset;
    bool unit_start; /* without norms */
} models[N_MODELS] = {{"M0s", HEED_DEMO_M0S, true}, {"P2s", HEED_DEMO_P2S, false}};

/* What is measured of a training. */
enum { TRAINING, VALIDATION, LAST, CONTEXT_END, GREEDY, SAMPLED, PREVIOUS, TEXT, N_COLUMNS };
#define COLUMNS                                                                                  \
    "training|validation|end of half a context|end of a context|distinct 4, greedy|distinct 4, " \
    "drawn|previous token|characters off"

/* A trained model and what came of it. */
typedef struct trained {
    heed_trainer *trainer;
    heed_demo_subject subject;
    double *row; /* [N_COLUMNS] */
} trained;

/* --- losses --- */

/* The loss on a text in windows of that length; last 1: of the last position alone, whose successor nobody has read. */
static double loss_on(heed_demoing *d, const heed_model *model, const char *text, int64_t length, int64_t last)
{
    const heed_evaluation_options options = {.context_length = length, .last = last};
    heed_evaluation out = {.loss = NAN};
    heed_error err = {HEED_OK, ""};

    if (d->s.status == HEED_OK)
        heed_demo_ok(d, heed_model_evaluate(model, text, strlen(text), "the text", &options, &out, &err), &err);
    return out.loss;
}

/* The mean of the last tenth. */
static double end_of(heed_grid curve)
{
    const int64_t n = curve.columns / 10 > 0 ? curve.columns / 10 : 1;
    double sum = 0.0;

    for (int64_t i = curve.columns - n; i < curve.columns; i++)
        sum += curve.data[i] / (double)n;
    return sum;
}

/* --- texts --- */

/* Different runs of four tokens, over all of them: 1 in a text that repeats nothing. */
static double distinct(const int32_t *ids, int64_t n)
{
    int64_t n_new = 0;

    for (int64_t i = 0; i + N_GRAM <= n; i++) {
        bool there = false;
        for (int64_t j = 0; j < i && !there; j++)
            there = memcmp(ids + i, ids + j, N_GRAM * sizeof *ids) == 0;
        n_new += !there;
    }
    return (double)n_new / (double)(n - N_GRAM + 1);
}

/* Half the sum of the differences between how frequent tokens are: 0 the same text or its anagram, 1 nothing in common. */
static double apart(heed_demoing *d, const heed_demo_subject *subject, const int32_t *ids, int64_t n)
{
    const int64_t n_text = subject->batch * subject->length;
    const heed_grid share = heed_grid_make(&d->s, 1, heed_model_config(subject->model)->vocab_size);
    double sum = 0.0;

    for (int64_t i = 0; d->s.status == HEED_OK && i < n_text; i++)
        share.data[subject->ids[i]] += 1.0 / (double)n_text;
    for (int64_t i = 0; d->s.status == HEED_OK && i < n; i++)
        share.data[ids[i]] -= 1.0 / (double)n;
    for (int64_t v = 0; v < share.columns; v++)
        sum += 0.5 * fabs(share.data[v]);
    return sum;
}

/* The prompt, or half a context of validation. */
static int32_t *prompt_of(heed_demoing *d, const trained *t, int64_t *n)
{
    const char *text = heed_take_text(&d->s, "prompt");
    int32_t *ids = NULL, *kept;
    size_t n_ids = 0;
    heed_error err = {HEED_OK, ""};

    *n = t->subject.length / 2;
    if (d->s.status != HEED_OK || text[0] == '\0')
        return t->subject.ids;
    if (!heed_demo_ok(d, heed_model_encode(t->subject.model, text, strlen(text), &ids, &n_ids, &err), &err))
        return NULL;
    *n = (int64_t)n_ids;
    kept = (int32_t *)(void *)heed_demo_floats(d, *n + 1);
    if (kept != NULL)
        memcpy(kept, ids, n_ids * sizeof *ids);
    free(ids);
    return kept;
}

/* In windows of half a context: their last position has had a successor to look at in training, and has none now. */
static void write(heed_demoing *d, trained *t, const char *words)
{
    const heed_tokenizer *tokenizer = heed_model_tokenizer(t->subject.model);
    int64_t n = 0;
    const int32_t *prompt = prompt_of(d, t, &n), *greedy, *drawn;

    if (d->s.status != HEED_OK)
        return;
    greedy = heed_demo_write(d, t->subject.model, prompt, n, WRITTEN, t->subject.length / 2, 0.0, -1);
    drawn = heed_demo_write(d, t->subject.model, prompt, n, WRITTEN, t->subject.length / 2, 1.0, -1);
    if (d->s.status != HEED_OK)
        return;
    t->row[GREEDY] = distinct(greedy, WRITTEN);
    t->row[SAMPLED] = distinct(drawn, WRITTEN);
    t->row[TEXT] = apart(d, &t->subject, drawn, WRITTEN);
    heed_demo_show_ids(d, tokenizer, heed_demo_words(d, "%s, drawn", words), drawn, WRITTEN);
    heed_demo_show_ids(d, tokenizer, heed_demo_words(d, "%s, always the likeliest", words), greedy, WRITTEN);
}

/* --- heads --- */

/* The mean weight on the token before, of the head that has most of it. */
static double previous_share(heed_demoing *d, const heed_demo_subject *subject)
{
    heed_heads *heads = heed_demo_look(d, subject, false);
    double most = 0.0;

    for (int l = 0; heads != NULL && l < heed_heads_n_layers(heads); l++) {
        for (int h = 0; h < heed_heads_n_heads(heads); h++) {
            heed_head_scores scores;
            heed_heads_scores(heads, HEED_HEADS_ALL, l, h, &scores);
            most = fmax(most, scores.roles[HEED_HEAD_PREVIOUS].found);
        }
    }
    heed_heads_destroy(heads);
    return most;
}

/* --- one training --- */

static void make_steps(heed_demoing *d, heed_demo_training *t, heed_trainer *trainer, const char *words,
                       double from, double to)
{
    heed_progress progress;

    t->curve = heed_grid_make(&d->s, 1, t->options.steps);
    for (int64_t i = 0; i < t->curve.columns && heed_demo_train_step(d, trainer, &progress); i++) {
        t->curve.data[i] = progress.loss;
        heed_demo_progress(d, from + (to - from) * (double)(i + 1) / (double)t->curve.columns, words);
    }
}

/* Sabotaged, the mask stays where it should go. */
static void train(heed_demoing *d, int model, bool causal, double from, double to, trained *out)
{
    heed_demo_training t = heed_demo_training_of(d, models[model].preset);
    const char *words = heed_demo_words(d, "%s %s the mask", models[model].name, causal ? "with" : "without"),
               *text;

    t.config.causal = causal || d->sabotage;
    out->trainer = heed_demo_train_begin(d, &t);
    if (out->trainer != NULL && models[model].unit_start)
        heed_demo_unit_start(heed_trainer_model(out->trainer));
    make_steps(d, &t, out->trainer, words, from, to);
    if (!heed_demo_subject_of(d, out->trainer, WINDOWS, &out->subject))
        return;
    text = heed_demo_text_of(d, heed_model_tokenizer(out->subject.model), out->subject.ids,
                             out->subject.batch * out->subject.length);
    out->row[TRAINING] = end_of(t.curve);
    out->row[VALIDATION] = heed_demo_validation(d, out->trainer, BATCHES);
    out->row[LAST] = loss_on(d, out->subject.model, text, out->subject.length / 2, 1);
    out->row[CONTEXT_END] = loss_on(d, out->subject.model, text, out->subject.length, 1);
    out->row[PREVIOUS] = previous_share(d, &out->subject);
    write(d, out, words);
    heed_show_curve(d, words, heed_demo_counted(d, t.curve.columns), heed_demo_smoothed(d, t.curve, SMOOTH));
}

/* --- what came out --- */

static void show_figures(heed_demoing *d, const char *model, const trained *t, const char *which)
{
    static const struct {
        int column;
        const char *name, *meaning;
    } shown[] = {
        {TRAINING, "training", "nats, the last tenth of the batches"},
        {VALIDATION, "validation", "nats, all positions of unseen windows"},
        {LAST, "last", "nats, the last position of half a context: what generation needs"},
        {GREEDY, "distinct_greedy", "share of its runs of four tokens that are new, always the likeliest"},
        {SAMPLED, "distinct_drawn", "the same, drawn"},
        {PREVIOUS, "previous", "weight on the token before, of the head with most of it"},
        {TEXT, "apart",
         "of the drawn text: 0 its characters are as frequent as the real text's, 1 nothing in common"}};

    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
        heed_show_figure(d, heed_demo_words(d, "%s_%s_%s", model, shown[i].name, which),
                         t->row[shown[i].column], shown[i].meaning);
}

static void judge(heed_demoing *d, const char *model, const double *with, const double *without, double uniform)
{
    heed_show_check(d, without[TRAINING] < with[TRAINING] / 3.0,
                    "%s: without the mask the training loss collapses: %.3f, with it %.3f", model,
                    without[TRAINING], with[TRAINING]);
    heed_show_check(
        d, without[VALIDATION] < with[VALIDATION] / 3.0,
        "and so does the loss on unseen text, which leaks the answers as well: %.3f, with the mask %.3f",
        without[VALIDATION], with[VALIDATION]);
    heed_show_check(d, without[LAST] > uniform + 0.5,
                    "where there is no answer to look at it is %.3f, worse than guessing evenly, ln V = %.3f",
                    without[LAST], uniform);
    heed_show_check(d, fabs(with[LAST] - with[VALIDATION]) < 0.25,
                    "with the mask both are the same task: %.3f at all positions, %.3f at the last ones",
                    with[VALIDATION], with[LAST]);
    heed_show_check(
        d, (without[SAMPLED] < 0.7 || without[TEXT] > 0.4) && with[SAMPLED] > 0.8 && with[TEXT] < 0.3,
        "what it writes is garbage: %.2f of its runs of four are new, and its characters are %.2f off the "
        "real text's; with the mask %.2f and %.2f",
        without[SAMPLED], without[TEXT], with[SAMPLED], with[TEXT]);
}

static void compare(heed_demoing *d, int model, double from, double to)
{
    const heed_grid table = heed_grid_make(&d->s, 2, N_COLUMNS);
    trained with = {.row = table.data}, without = {.row = table.data + N_COLUMNS};
    const double middle = 0.5 * (from + to);
    const char *name = models[model].name;

    if (d->s.status == HEED_OK)
        train(d, model, true, from, middle, &with);
    if (d->s.status == HEED_OK)
        train(d, model, false, middle, to, &without);
    if (d->s.status == HEED_OK) {
        const double uniform = log((double)heed_trainer_config(with.trainer)->vocab_size);

        heed_show_table(d, table, heed_demo_words(d, "%s: losses in nats, and what it writes", name),
                        "with the mask|without", COLUMNS, false);
        show_figures(d, name, &with, "with");
        show_figures(d, name, &without, "without");
        heed_show_figure(d, heed_demo_words(d, "%s_uniform", name), uniform, "nats: ln V, of guessing evenly");
        judge(d, name, with.row, without.row, uniform);
    }
    heed_trainer_close(with.trainer);
    heed_trainer_close(without.trainer);
}

static void run(heed_demoing *d)
{
    const char *wanted = heed_take_text(&d->s, "model");
    const bool both = d->s.status == HEED_OK && strcmp(wanted, "both") == 0;
    int n = 0;

    heed_show_axes(d, "Loss of the batches, with the causal mask and without", "step", "nats a token", "");
    for (int i = 0; d->s.status == HEED_OK && i < N_MODELS; i++) {
        if (!both && strcmp(wanted, models[i].name) != 0)
            continue;
        compare(d, i, both ? 0.4 * i : 0.0, both ? 0.4 + 0.6 * i : 1.0);
        n++;
    }
    if (d->s.status == HEED_OK && n == 0)
        heed_solve_fail(&d->s, HEED_ERR_USAGE, "model: expected M0s, P2s or both, got \"%.40s\"", wanted);
}

const heed_demo heed_demo_04 = {
    .info =
        {.id = "D04",
         .title = "Without the causal mask",
         .shows =
             "Trains the same model twice from the same start on the same batches, with the causal mask and "
             "without "
             "it: M0s, one layer of attention and nothing else, and P2s, a small GPT. Without the mask the "
             "token that is to be predicted stands in the input, one place to the right. The model learns to "
             "look "
             "it up, so all losses that are measured on whole windows fall to nothing, on unseen text as well. "
             "Generation asks for what comes behind the last token, and there is nothing to look up.",
         .rule =
             "Without the mask the training loss and the loss on unseen windows fall below a third of those "
             "with it; the loss at the end of half a context is at least 0.5 above ln V; with the mask the "
             "two differ by less than 0.25. The text that is drawn without the mask repeats itself (less than "
             "0.7 of its "
             "runs of four are new) or has other characters (their shares are more than 0.4 off, half the sum "
             "of the differences); with it "
             "neither (0.8, 0.3).",
         .sabotage = "The mask stays.",
         .params = "{\"model\": \"both\", \"steps\": 500, \"prompt\": \"\", \"text\": \"\"}",
         .trains = true},
    .full = "{\"steps\": 1500}",
    .run = run,
};
