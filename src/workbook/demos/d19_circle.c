/* SPDX-License-Identifier: MIT */
/* D19: why a text goes in a circle, and what helps. */
#include <heed/diagnosis.h>
#include <heed/label.h>
#include <heed/neighbours.h>
#include <math.h>
#include <string.h>

#include "workbook/demos/demos.h"
#include "workbook/demos/small_model.h"
#include "workbook/demos/subject.h"
#include "workbook/demos/writing.h"

enum {
    SHOWN_STEPS = 12,
    SHOWN_WRITTEN = 160,
    NEAREST = 4,
    LOOP_TOKENS = 6,
    MOST_REMEDIES = 4,
    PROMPT_TOKENS = 16
};

#define RAISED 0.2 /* of distinct-4: that much is no accident of a single text */

/* The prompt of that number: the parameter, and behind it the beginnings of windows that were not trained on. */
static heed_prompt prompt_of(heed_demoing *d, const heed_demo_subject *who, int64_t i)
{
    const char *text = heed_take_text(&d->s, "prompt");
    const int64_t n = who->length < PROMPT_TOKENS ? who->length : PROMPT_TOKENS;

    if (i == 0)
        return (heed_prompt){.text = text, .n_text = strlen(text)};
    return (heed_prompt){.ids = who->ids + (i - 1) * who->length, .n_ids = (size_t)n};
}

static heed_diagnosis *diagnose(heed_demoing *d, const heed_model *model, const heed_prompt *prompt,
                                int64_t tokens)
{
    heed_generate_options o = heed_generate_default();
    heed_diagnosis *diagnosis = NULL;
    heed_error err = {HEED_OK, ""};

    o.max_tokens = tokens;
    o.ignore_end_of_text = true;
    o.sampling = heed_demo_drawn(d->sabotage ? 1.0 : 0.0);
    o.session.threads = 1;
    o.session.seed = d->options->seed;
    if (d->s.status == HEED_OK)
        heed_demo_ok(d, heed_diagnose(model, prompt, &o, &diagnosis, &err), &err);
    return diagnosis;
}

/* How telling a text is: a peaked circle, another one, repetition, anything. */
static int rank_of(const heed_diagnosis *x)
{
    switch (heed_diagnosis_verdict(x)) {
    case HEED_VERDICT_PEAKED:
        return 3;
    case HEED_VERDICT_CIRCLE:
        return 2;
    case HEED_VERDICT_REPEATING:
        return 1;
    default:
        return 0;
    }
}

/* Writes behind all prompts; the first of the most telling texts, and under which prompt. */
static heed_diagnosis *look_for_circle(heed_demoing *d, const heed_demo_subject *who, int64_t tokens,
                                       heed_prompt *prompt)
{
    heed_diagnosis *best = NULL;
    int64_t n[4] = {0};

    for (int64_t i = 0; d->s.status == HEED_OK && i <= who->batch; i++) {
        const heed_prompt p = prompt_of(d, who, i);
        heed_diagnosis *x = diagnose(d, who->model, &p, tokens);

        if (x == NULL)
            break;
        n[rank_of(x)]++;
        if (best == NULL || rank_of(x) > rank_of(best)) {
            heed_diagnosis_destroy(best);
            best = x;
            *prompt = p;
        } else
            heed_diagnosis_destroy(x);
    }
    heed_show_figure(d, "texts", (double)who->batch + 1.0, "written, each behind another prompt");
    heed_show_figure(d, "peaked_texts", (double)n[3], "of them end in a circle of sure tokens");
    heed_show_figure(d, "circle_texts", (double)n[2], "in a circle of tokens that are less sure");
    heed_show_figure(d, "repeating_texts", (double)n[1], "repeat themselves in another way");
    return best;
}

static double distinct_of(const heed_repetition *r)
{
    return r->distinct[HEED_REPETITION_GRAMS - 1];
}

/* A token's label as a name in a list with | between. */
static const char *label_of(heed_demoing *d, const heed_model *model, int32_t id)
{
    char label[80];

    heed_token_label(model, id, 12, label, sizeof label);
    return heed_demo_words(d, "%s", strcmp(label, "|") == 0 ? "\\x7c" : label);
}

/* --- the report --- */

/* The last steps, where a circle has come to rest. */
static void show_steps(heed_demoing *d, const heed_model *model, const heed_diagnosis *x)
{
    size_t n_prompt, n;
    const int32_t *ids = heed_diagnosis_ids(x, &n_prompt, &n);
    const heed_diagnosis_step *steps = heed_diagnosis_steps(x);
    const int64_t written = (int64_t)(n - n_prompt), rows = written < SHOWN_STEPS ? written : SHOWN_STEPS;
    heed_grid table = heed_grid_make(&d->s, rows, 6);
    const char *names = "";

    for (int64_t i = 0; d->s.status == HEED_OK && i < rows; i++) {
        const int64_t step = written - rows + i;
        const heed_diagnosis_step *s = &steps[step];
        double *row = table.data + 6 * i;

        names = heed_demo_words(d, "%s%s%s", names, i > 0 ? "|" : "",
                                label_of(d, model, ids[(int64_t)n_prompt + step]));
        row[0] = s->top;
        row[1] = s->margin;
        row[2] = s->entropy;
        row[3] = s->attended[0] >= 0 ? (double)((int64_t)n_prompt + step - s->attended[0]) : NAN;
        row[4] = s->weight[0];
        row[5] = s->previous;
    }
    heed_show_table(d, table, "The last tokens, and what each was made from (means over all heads)", names,
                    "likeliest|margin|entropy|looked back|weight|on the last", false);
}

/* Where the head that writes the last token looks, in the window at the end. */
static void show_heads(heed_demoing *d, const heed_model *model, const heed_diagnosis *x)
{
    const heed_config *c = heed_model_config(model);
    size_t n_prompt, n;
    const int32_t *ids = heed_diagnosis_ids(x, &n_prompt, &n);
    const int64_t read = (int64_t)n - 1, T = read < c->context_length ? read : c->context_length,
                  layers = c->n_layers < 12 ? c->n_layers : 12;
    const heed_forward_ids window = {.ids = ids + read - T, .batch = 1, .length = T};
    heed_grid table = heed_grid_make(&d->s, layers * c->n_heads, 3);
    const char *names = "";

    for (int64_t layer = 0;
         d->s.status == HEED_OK && c->kind == HEED_KIND_GPT && c->attention && layer < layers; layer++) {
        const char *name = heed_demo_words(d, "blocks.%d.attn.pattern", (int)layer);
        const heed_grid pattern = heed_demo_read(d, model, &window, name);

        for (int64_t h = 0; d->s.status == HEED_OK && h < c->n_heads; h++) {
            const double *row = pattern.data + ((h + 1) * T - 1) * pattern.columns;
            double *to = table.data + 3 * (layer * c->n_heads + h);
            int64_t best = 0;

            for (int64_t j = 1; j < T; j++)
                best = row[j] > row[best] ? j : best;
            to[0] = (double)(T - best);
            to[1] = row[best];
            to[2] = row[T - 1];
            names = heed_demo_words(d, "%s%s%d.%d", names, layer + h > 0 ? "|" : "", (int)layer, (int)h);
        }
    }
    heed_show_table(d, table, "Each head at the last token: how far back, with which weight", names,
                    "looked back|weight|on the last", false);
}

/* Tokens of the circle, or the last ones, and which others lie near them in the embedding. */
static void show_neighbours(heed_demoing *d, const heed_model *model, const heed_diagnosis *x)
{
    const int64_t V = heed_model_config(model)->vocab_size, near = V - 1 < NEAREST ? V - 1 : NEAREST;
    heed_neighbour found[LOOP_TOKENS * NEAREST];
    size_t n_prompt, n;
    const int32_t *ids = heed_diagnosis_ids(x, &n_prompt, &n);
    const int64_t written = (int64_t)(n - n_prompt), rows = written < LOOP_TOKENS ? written : LOOP_TOKENS;
    heed_grid table = heed_grid_make(&d->s, rows, near);
    const char *names = "";
    heed_error err = {HEED_OK, ""};

    if (d->s.status != HEED_OK || near < 1 || heed_model_config(model)->kind != HEED_KIND_GPT ||
        !heed_demo_ok(d,
                      heed_model_neighbours(model, ids + (int64_t)n - rows, (int)rows,
                                            &(heed_neighbour_options){.centred = true}, (int)near, found, &err),
                      &err))
        return;
    for (int64_t i = 0; d->s.status == HEED_OK && i < rows; i++) {
        names = heed_demo_words(d, "%s%s%s:", names, i > 0 ? "|" : "",
                                label_of(d, model, ids[(int64_t)n - rows + i]));
        for (int64_t j = 0; j < near; j++) {
            table.data[i * near + j] = found[i * near + j].cosine;
            names = heed_demo_words(d, "%s %s", names, label_of(d, model, found[i * near + j].id));
        }
    }
    heed_show_table(d, table, "The last tokens and those nearest to them in the embedding: cosines", names,
                    NULL, false);
}

static void show_figures(heed_demoing *d, const heed_diagnosis *x)
{
    const heed_repetition *r = heed_diagnosis_repetition(x);
    const heed_diagnosis_step means = heed_diagnosis_means(x);

    heed_show_figure(d, "verdict", (double)heed_diagnosis_verdict(x),
                     "0 sound, 1 peaked, 2 circle, 3 untrained, 4 repeating, 5 scattered");
    heed_show_figure(d, "loop_start", (double)r->loop_start, "first token of the circle, from 0; -1: none");
    heed_show_figure(d, "loop_length", (double)r->loop_length, "tokens of the circle");
    heed_show_figure(d, "top", means.top, "mean probability of the likeliest token, in the circle");
    heed_show_figure(d, "margin", means.margin, "how far the second is below it");
    heed_show_figure(d, "entropy", means.entropy, "nats, the same mean");
    heed_show_figure(d, "previous", means.previous, "mean weight on the token before");
}

/* --- what helps --- */

typedef struct remedies {
    heed_grid table; /* distinct-4, loop length, ln p of a token */
    const char *names;
    int64_t n;
    double before, best; /* distinct-4 */
} remedies;

static void add(heed_demoing *d, remedies *all, const char *words, const heed_repetition *r, double log_p)
{
    double *row = all->table.data + 3 * all->n;

    if (d->s.status != HEED_OK)
        return;
    row[0] = distinct_of(r);
    row[1] = r->loop_start >= 0 ? (double)r->loop_length : 0.0;
    row[2] = log_p;
    all->names = heed_demo_words(d, "%s%s%s", all->names, all->n > 0 ? "|" : "", words);
    if (all->n++ == 0)
        all->before = row[0];
    else
        all->best = fmax(all->best, row[0]);
}

static double mean_log_p(const heed_diagnosis *x)
{
    size_t n_prompt, n;
    double sum = 0.0;

    heed_diagnosis_ids(x, &n_prompt, &n);
    for (size_t i = 0; i < n - n_prompt; i++)
        sum += log(heed_diagnosis_steps(x)[i].probability);
    return sum / (double)(n - n_prompt);
}

static int64_t shown(size_t n)
{
    return n < SHOWN_WRITTEN ? (int64_t)n : SHOWN_WRITTEN;
}

/* Names of the remedies that heed tries against a circle, in its order. */
static void add_tried(heed_demoing *d, const heed_model *model, const heed_diagnosis *x, remedies *all)
{
    static const char *const keys[] = {"distinct_temperature", "distinct_top_p", "distinct_penalty"};

    for (int i = 0; d->s.status == HEED_OK && i < heed_diagnosis_n_remedies(x); i++) {
        const heed_remedy *r = heed_diagnosis_remedy(x, i);
        const char *words = heed_demo_words(d, "%s", r->words);

        add(d, all, words, &r->repetition, r->log_probability);
        heed_show_written(d, words, model, r->ids, shown(r->n));
        if (i < 3 && heed_diagnosis_n_remedies(x) == 3)
            heed_show_figure(d, keys[i], distinct_of(&r->repetition), words);
    }
    for (int i = heed_diagnosis_n_remedies(x) == 3 ? 3 : 0; i < 3; i++)
        heed_show_figure(d, keys[i], all->before, "not tried: no circle, and no repeating");
}

static void report(heed_demoing *d, const heed_model *model, const heed_diagnosis *x, remedies *all)
{
    size_t n_prompt, n;
    const int32_t *ids = heed_diagnosis_ids(x, &n_prompt, &n);
    const char *words = heed_diagnosis_words(x);

    heed_show_written(d, "Written", model, ids, shown(n));
    heed_show_passage(d, "Verdict", words, strlen(words));
    show_figures(d, x);
    show_steps(d, model, x);
    show_heads(d, model, x);
    show_neighbours(d, model, x);
    add(d, all, "as it was", heed_diagnosis_repetition(x), mean_log_p(x));
    heed_show_figure(d, "distinct", all->before, "different runs of four tokens, of all");
    add_tried(d, model, x, all);
}

/* The same prompt before a model that began the same way and was trained longer. */
static void report_trained(heed_demoing *d, const heed_demo_training *t, int64_t times,
                           const heed_prompt *prompt, int64_t tokens, remedies *all)
{
    heed_demo_training longer = *t;
    heed_trainer *trainer;
    heed_diagnosis *x;

    longer.options.steps *= times;
    longer.options.warmup_steps *= times;
    trainer = heed_demo_train(d, &longer, "more training", 0.4, 1.0);
    x = trainer != NULL ? diagnose(d, heed_trainer_model(trainer), prompt, tokens) : NULL;
    if (x != NULL && d->s.status == HEED_OK) {
        size_t n_prompt, n;
        const int32_t *ids = heed_diagnosis_ids(x, &n_prompt, &n);

        add(d, all, "more training", heed_diagnosis_repetition(x), mean_log_p(x));
        heed_show_written(d, "More training", heed_trainer_model(trainer), ids, shown(n));
        heed_show_figure(d, "distinct_trained", distinct_of(heed_diagnosis_repetition(x)),
                         "different runs of four tokens after more training");
    }
    heed_diagnosis_destroy(x);
    heed_trainer_close(trainer);
}

static void judge(heed_demoing *d, const heed_diagnosis *x, const remedies *all)
{
    const heed_verdict verdict = heed_diagnosis_verdict(x);

    heed_show_table(d, (heed_grid){all->n, 3, all->table.data}, "Tried against it", all->names,
                    "distinct-4|loop length|ln p, token", false);
    heed_show_check(d, verdict == HEED_VERDICT_PEAKED,
                    "the verdict is \"%s\", where \"peaked\" is a peaked distribution under greedy decoding",
                    heed_verdict_name(verdict));
    heed_show_check(d, all->best >= all->before + RAISED,
                    "what was tried raises distinct-4 from %.2f to %.2f, by %.1f at least", all->before,
                    all->best, RAISED);
}

static void run(heed_demoing *d)
{
    heed_demo_training t = heed_demo_training_of(d, HEED_DEMO_P2S);
    const int64_t times = heed_take_int(&d->s, "times", 2, 100),
                  tokens = heed_take_int(&d->s, "tokens", 8, 2000),
                  prompts = heed_take_int(&d->s, "prompts", 1, 100);
    remedies all = {.table = heed_grid_make(&d->s, MOST_REMEDIES + 2, 3), .names = ""};
    heed_demo_subject who = {0};
    heed_prompt prompt = {.text = ""};
    heed_diagnosis *x;

    t.config.positions = HEED_POSITIONS_ROTARY;
    if (!heed_demo_subject_open(d, &t, "training", 0.0, 0.3, prompts, &who))
        return;
    heed_demo_progress(d, 0.3, "writing");
    x = look_for_circle(d, &who, tokens, &prompt);
    if (x != NULL && d->s.status == HEED_OK) {
        report(d, who.model, x, &all);
        if (who.trainer != NULL)
            report_trained(d, &t, times, &prompt, tokens, &all);
        else
            heed_show_figure(d, "distinct_trained", all.before, "a folder's model is not trained here");
        judge(d, x, &all);
    }
    heed_diagnosis_destroy(x);
    heed_demo_subject_close(&who);
}

const heed_demo heed_demo_19 = {
    .info = {.id = "D19",
             .title = "A text that goes in a circle",
             .shows = "Lets a model with rotary positions that has not learned long write on greedily behind "
                      "several prompts, takes the first text that ends in a circle, and asks why: how sure "
                      "each token was, how far the second one lagged behind, where the heads looked, which "
                      "tokens lie near. The same context gives the same likeliest token, so once a stretch "
                      "comes again, all that follows comes again too, and each copy makes the next one more "
                      "probable. Then it tries what may help: a temperature, top-p, a penalty on what was "
                      "there before, more training.",
             .rule = "The verdict of heed's diagnosis on one of the texts is \"peaked\": a circle in which "
                     "the likeliest token has half of the probability or more. At least one remedy raises "
                     "the share of different runs of four tokens by 0.2.",
             .sabotage = "The text is drawn at temperature 1, not greedily.",
             .params = "{\"prompt\": \"The best way to learn\", \"prompts\": 7, \"steps\": 500, \"times\": 2, "
                       "\"tokens\": 400, \"text\": \"\", \"model\": \"\"}",
             .trains = true},
    .full = "{\"prompts\": 31, \"times\": 4}",
    .run = run,
};
