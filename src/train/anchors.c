/* SPDX-License-Identifier: MIT */
/* What a validation loss is held against: published results, heed's own curves, and counts of the text (train/counts.h). */
#include <heed/anchors.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/counts.h"
#include "train/trainer.h"

/* Loss of the same settings and another seed: within this of each other. */
#define USUAL_SHARE 0.03

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

/* Whatever the recipes leave as heed has it by default must be so. */
static bool is_plain(const heed_config *c)
{
    heed_config plain = heed_config_default();

    plain.vocab_size = c->vocab_size;
    plain.context_length = c->context_length;
    plain.n_layers = c->n_layers;
    plain.n_heads = c->n_heads;
    plain.d_model = c->d_model;
    plain.dropout = c->dropout;
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

static bool fits(const recipe *r, const heed_trainer *t)
{
    const heed_config *c = &t->model->config;
    const bool stories = t->text.path[0] == '\0' && t->options.task == 0;

    return (r->hash == 0 ? stories : !stories && t->text.hash == r->hash) &&
           t->options.tokenizer == HEED_TRAIN_CHARACTERS && t->tokenizer.path[0] == '\0' && is_plain(c) &&
           c->n_layers == r->n_layers && c->n_heads == r->n_heads && c->d_model == r->d_model &&
           c->context_length == r->context_length && fabs(c->dropout - r->dropout) < 1e-9 &&
           t->options.batch_size == r->batch_size;
}

heed_status heed_trainer_anchors(const heed_trainer *t, heed_anchors *anchors, heed_error *err)
{
    *anchors = (heed_anchors){.uniform = log((double)t->model->config.vocab_size),
                              .unigram = NAN,
                              .bigram = NAN,
                              .floor = t->plan.floor,
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

/* How a loss compares with what is usual. */
static const char *verdict(double loss, double usual)
{
    return loss < usual * (1.0 - USUAL_SHARE)   ? "better than"
           : loss > usual * (1.0 + USUAL_SHARE) ? "worse than"
                                                : "as";
}

static void say_recipe(const heed_anchors *a, int64_t steps, double loss, char *out, size_t size)
{
    const double usual = heed_anchors_usual(a, steps);
    int n = 0;

    if (!isnan(usual))
        n = snprintf(out, size, ", %s usual after %lld steps (%.2f)", verdict(loss, usual), (long long)steps,
                     usual);
    snprintf(out + n, size - (size_t)n, "; %s reaches %.2f in %lld steps (%s)", a->recipe, a->recipe_loss,
             (long long)a->recipe_steps, a->source);
}

/* Where it lies among guessing, frequencies and pairs. */
static int say_counts(const heed_anchors *a, double loss, char *out, size_t size)
{
    if (loss > 1.02 * a->uniform)
        return snprintf(out, size, "above guessing (%.2f): it has diverged, a smaller learning rate helps",
                        a->uniform);
    if (isnan(a->bigram))
        return snprintf(out, size, "guessing gives %.2f", a->uniform);
    if (loss > a->unigram)
        return snprintf(out, size, "between guessing (%.2f) and the frequencies of tokens (%.2f)", a->uniform,
                        a->unigram);
    if (loss > a->bigram)
        return snprintf(out, size, "between the frequencies of tokens (%.2f) and of pairs (%.2f)", a->unigram,
                        a->bigram);
    return snprintf(out, size, "below the frequencies of pairs (%.2f)", a->bigram);
}

const char *heed_anchors_say(const heed_anchors *a, int64_t steps, double loss, char out[HEED_ANCHORS_WORDS])
{
    const size_t size = HEED_ANCHORS_WORDS;
    int n = snprintf(out, size, "validation loss %.3f: ", loss);

    n += say_counts(a, loss, out + n, size - (size_t)n);
    if (!isnan(a->floor))
        n += snprintf(out + n, size - (size_t)n, ", %.2f above the floor (%.2f)", loss - a->floor, a->floor);
    if (a->recipe != NULL)
        say_recipe(a, steps, loss, out + n, size - (size_t)n);
    return out;
}
