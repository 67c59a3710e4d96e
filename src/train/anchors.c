/* SPDX-License-Identifier: MIT */
/* What a validation loss is held against: published results, heed's own curves, and counts of the text (train/counts.h). */
#include <heed/anchors.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "train/counts.h"
#include "train/trainer.h"

/* Loss of the same settings and another seed: within this of each other. */
#define USUAL_SHARE 0.03

/* A loss so much above that of the first step, and above guessing, was better before: the run has diverged. */
#define DIVERGED_SHARE 0.1

#define SHAKESPEARE_HASH \
    0x4016c93c3be74c18u /* the 1,115,394 bytes that nanoGPT and char-rnn train on, FNV-1a */

/* A model on a text, characters as tokens. hash 0: the built-in stories. */
typedef struct recipe {
    const char *name, *source;
    uint64_t hash;
    int64_t n_layers, n_heads, d_model, context_length, batch_size;
    double dropout;
    int64_t steps;
    double loss;
    const double *curve;
    int n_curve;
} recipe;

/* Runs of so many steps and the validation loss at their end, measured with heed at its default settings. */
static const double small_curve[] = {250, 2.388, 500, 2.171, 1000, 1.93, 2000, 1.76};
static const double stories_curve[] = {250, 2.265, 500, 1.848, 2000, 0.82};

#define CURVE(curve) curve, (int)(sizeof(curve) / sizeof(curve[0]) / 2)

static const recipe recipes[] = {
    {"nanoGPT's baby GPT", "nanoGPT's README", SHAKESPEARE_HASH, 6, 6, 384, 256, 64, 0.2, 5000, 1.4697, NULL,
     0},
    {"nanoGPT's small GPT for CPUs", "nanoGPT's README", SHAKESPEARE_HASH, 4, 4, 128, 64, 12, 0.0, 2000, 1.88,
     CURVE(small_curve)},
    {"heed's first run", "docs/tour.md", 0, 4, 4, 128, 64, 12, 0.0, 2000, 0.82, CURVE(stories_curve)},
};

/* --- whose settings are these? --- */

/* Whatever the recipes leave as heed has it by default must be so; biases may be there or not. */
static bool is_plain(const heed_config *c)
{
    heed_config plain = heed_config_default();

    plain.vocab_size = c->vocab_size;
    plain.context_length = c->context_length;
    plain.n_layers = c->n_layers;
    plain.n_heads = c->n_heads;
    plain.d_model = c->d_model;
    plain.dropout = c->dropout;
    plain.attention_bias = c->attention_bias; /* nanoGPT has none; heed has them by default */
    plain.mlp_bias = c->mlp_bias;
    plain.norm_bias = c->norm_bias;
    int n;
    const heed_field *fields = heed_config_fields(&n);
    for (int i = 0; i < n; i++) {
        char is[32], was[32];

        if (strcmp(heed_field_get(&fields[i], c, is, sizeof is),
                   heed_field_get(&fields[i], &plain, was, sizeof was)) != 0)
            return false;
    }
    return true;
}

/* Rates and decays may be others, as whoever tries them wants to know what they give; what is learned how may not. */
static bool trains_plainly(const heed_train_options *o)
{
    static const char *const same[] = {
        "optimizer",      "l2",      "groups", "freeze",       "order", "from", "init_embeddings",
        "init_positions", "distill", "task",   "target_field",
    };
    const heed_train_options plain = heed_train_options_default();
    int n;
    const heed_field *fields = heed_train_fields(&n);

    for (size_t k = 0; k < sizeof same / sizeof same[0]; k++) {
        char is[64], was[64];

        for (int i = 0; i < n; i++)
            if (strcmp(fields[i].name, same[k]) == 0 &&
                strcmp(heed_field_get(&fields[i], o, is, sizeof is),
                       heed_field_get(&fields[i], &plain, was, sizeof was)) != 0)
                return false;
    }
    return true;
}

static bool fits(const recipe *r, const heed_trainer *t)
{
    const heed_config *c = &t->model->config;
    const bool stories = t->text.path[0] == '\0' && t->options.task == 0;

    return (r->hash == 0 ? stories : !stories && t->text.hash == r->hash) &&
           t->options.tokenizer == HEED_TRAIN_CHARACTERS && t->tokenizer.path[0] == '\0' && is_plain(c) &&
           trains_plainly(&t->options) && c->n_layers == r->n_layers && c->n_heads == r->n_heads &&
           c->d_model == r->d_model && c->context_length == r->context_length &&
           fabs(c->dropout - r->dropout) < 1e-9 && t->options.batch_size == r->batch_size;
}

heed_status heed_trainer_anchors(const heed_trainer *t, heed_anchors *anchors, heed_error *err)
{
    *anchors = (heed_anchors){.uniform = log((double)t->model->config.vocab_size),
                              .unigram = NAN,
                              .bigram = NAN,
                              .floor = t->plan.floor,
                              .first_loss = t->first_loss,
                              .recipe_loss = NAN};
    for (size_t i = 0; i < sizeof recipes / sizeof recipes[0]; i++) {
        const recipe *r = &recipes[i];

        if (fits(r, t)) {
            anchors->recipe = r->name;
            anchors->source = r->source;
            anchors->recipe_loss = r->loss;
            anchors->recipe_steps = r->steps;
            anchors->curve = r->curve;
            anchors->n_curve = r->n_curve;
        }
    }
    return heed_counts_losses(t->source, t->model->config.vocab_size, &anchors->unigram, &anchors->bigram, err);
}

double heed_anchors_bytes(const heed_trainer *t)
{
    return heed_counts_bytes(t->source, t->model->config.vocab_size);
}

/* Between two points of the curve losses follow a line over the logarithm of the steps. */
double heed_anchors_usual(const heed_anchors *a, int64_t steps)
{
    for (int i = 0; i + 1 < a->n_curve; i++) {
        const double *from = a->curve + 2 * (size_t)i, *to = from + 2;

        if ((double)steps >= from[0] && (double)steps <= to[0])
            return from[1] + (to[1] - from[1]) * log((double)steps / from[0]) / log(to[0] / from[0]);
    }
    return a->recipe_steps > 0 && steps == a->recipe_steps ? a->recipe_loss : NAN;
}

/* --- in words --- */

typedef struct words {
    char *out;
    size_t n, size; /* n < size: what does not fit is cut */
} words;

__attribute__((format(printf, 2, 3))) static void add(words *w, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    const int n = vsnprintf(w->out + w->n, w->size - w->n, format, args);
    va_end(args);
    if (n > 0)
        w->n = w->n + (size_t)n < w->size ? w->n + (size_t)n : w->size - 1;
}

/* How a loss compares with what is usual. */
static const char *verdict(double loss, double usual)
{
    return loss < usual * (1.0 - USUAL_SHARE)   ? "better than"
           : loss > usual * (1.0 + USUAL_SHARE) ? "worse than"
                                                : "as";
}

static void say_recipe(const heed_anchors *a, int64_t steps, double loss, words *w)
{
    const double usual = heed_anchors_usual(a, steps);

    if (!isnan(usual))
        add(w, ", %s usual after %lld steps (%.2f)", verdict(loss, usual), (long long)steps, usual);
    add(w, "; %s reaches %.2f in %lld steps (%s)", a->recipe, a->recipe_loss, (long long)a->recipe_steps,
        a->source);
}

/* Where it lies among guessing, frequencies and pairs. */
static void say_counts(const heed_anchors *a, double loss, words *w)
{
    if (!isfinite(loss))
        add(w, "it has diverged, a smaller learning rate helps");
    else if (loss > a->uniform && loss > (1.0 + DIVERGED_SHARE) * a->first_loss)
        add(w,
            "above guessing (%.2f) and the first step (%.2f): it has diverged, a smaller learning rate helps",
            a->uniform, a->first_loss);
    else if (loss > 1.02 * a->uniform)
        add(w, "above guessing (%.2f)", a->uniform);
    else if (isnan(a->bigram))
        add(w, "guessing gives %.2f", a->uniform);
    else if (loss > a->unigram)
        add(w, "between guessing (%.2f) and the frequencies of tokens (%.2f)", a->uniform, a->unigram);
    else if (loss > a->bigram)
        add(w, "between the frequencies of tokens (%.2f) and of pairs (%.2f)", a->unigram, a->bigram);
    else
        add(w, "below the frequencies of pairs (%.2f)", a->bigram);
}

const char *heed_anchors_say(const heed_anchors *a, int64_t steps, double loss, char out[HEED_ANCHORS_WORDS])
{
    words w = {.out = out, .size = HEED_ANCHORS_WORDS};

    add(&w, fabs(loss) < 1e6 ? "validation loss %.3f: " : "validation loss %.3g: ", loss);
    say_counts(a, loss, &w);
    if (!isnan(a->floor) && isfinite(loss))
        add(&w, fabs(loss) < 1e6 ? ", %.2f above the floor (%.2f)" : ", %.3g above the floor (%.2f)",
            loss - a->floor, a->floor);
    if (a->recipe != NULL)
        say_recipe(a, steps, loss, &w);
    return out;
}
