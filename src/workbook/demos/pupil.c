/* SPDX-License-Identifier: MIT */
#include "workbook/demos/pupil.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/source.h"
#include "nn/model.h"

/* --- the text --- */

static void shuffle(heed_demoing *d, int32_t *ids, int64_t n)
{
    for (int64_t i = n - 1; i > 0; i--) {
        const int64_t j = heed_rng_below(&d->rng, i + 1);
        const int32_t id = ids[i];
        ids[i] = ids[j];
        ids[j] = id;
    }
}

heed_demo_characters heed_demo_characters_of(heed_demoing *d, size_t most_bytes, bool shuffled)
{
    heed_demo_plain_text text = heed_demo_plain_text_of(d, most_bytes);
    heed_demo_characters c = {.tokenizer = NULL};
    heed_error err = {HEED_OK, ""};
    size_t n = 0;

    if (d->s.status == HEED_OK &&
        heed_demo_ok(d, heed_tokenizer_characters(text.data, text.n, &c.tokenizer, &err), &err) &&
        heed_demo_ok(d, heed_tokenizer_encode(c.tokenizer, text.data, text.n, NULL, &c.ids, &n, &err), &err)) {
        c.n = (int64_t)n;
        c.n_train = c.n - c.n / 10;
        c.V = heed_tokenizer_vocab_size(c.tokenizer);
        if (c.V > 4096)
            heed_solve_fail(&d->s, HEED_ERR_USAGE, "text: expected at most 4096 different characters, got %lld",
                            (long long)c.V);
        if (shuffled)
            shuffle(d, c.ids, c.n);
    }
    heed_demo_plain_text_close(&text);
    return c;
}

void heed_demo_characters_close(heed_demo_characters *c)
{
    heed_tokenizer_destroy(c->tokenizer);
    free(c->ids);
}

/* --- windows --- */

static void fill_window(const heed_demo_pupil *p, int64_t row, int64_t at, int64_t shift, bool last_only)
{
    const int64_t T = p->lesson.length;

    for (int64_t t = 0; t < T; t++) {
        p->ids[row * T + t] = p->text->ids[at + t];
        p->targets[row * T + t] = last_only && t + 1 < T ? HEED_NO_TARGET : p->text->ids[at + t + shift];
    }
}

static void fill(void *context, heed_rng *rng)
{
    heed_demo_pupil *p = context;
    const heed_demo_lesson *n = &p->lesson;
    const int64_t all = n->n_train > 0 && n->n_train < p->text->n_train ? n->n_train : p->text->n_train;

    for (int64_t b = 0; b < n->batch; b++)
        fill_window(p, b, heed_rng_below(rng, all - n->length - n->shift + 1), n->shift, n->last_only);
}

double heed_demo_pupil_loss(heed_demo_pupil *p, int64_t shift, int64_t batches)
{
    const int64_t windows = batches * p->lesson.batch,
                  last = p->text->n - p->text->n_train - p->lesson.length - shift;
    double sum = 0.0;

    for (int64_t i = 0; i < batches && p->l.d->s.status == HEED_OK && p->ids != NULL; i++) {
        for (int64_t b = 0; b < p->lesson.batch; b++)
            fill_window(p, b, p->text->n_train + (i * p->lesson.batch + b) * last / windows, shift, false);
        sum += heed_learner_look(&p->l) / (double)batches;
    }
    return p->l.d->s.status == HEED_OK ? sum : NAN;
}

/* --- teaching --- */

heed_demo_lesson heed_demo_lesson_of(heed_demoing *d)
{
    heed_demo_lesson n = {.config = heed_config_default(),
                          .options = heed_learner_options(d),
                          .batch = 16,
                          .length = 32,
                          .shift = 1};

    n.config.n_layers = 1;
    n.config.n_heads = 2;
    n.config.d_model = 32;
    n.config.tied_head = false;
    n.options.threads = 1; /* so small a step is not worth sharing */
    return n;
}

/* Both parts must hold a window and its targets. */
static bool fits(heed_demoing *d, const heed_demo_characters *text, const heed_demo_lesson *lesson)
{
    const int64_t least = lesson->length + lesson->shift + 2,
                  n_train = lesson->n_train > 0 && lesson->n_train < text->n_train ? lesson->n_train
                                                                                   : text->n_train;

    if (d->s.status == HEED_OK && (text->n - text->n_train < least || n_train < least))
        heed_solve_fail(&d->s, HEED_ERR_USAGE,
                        "expected %lld characters or more for training and for validation, got %lld and %lld",
                        (long long)least, (long long)n_train, (long long)(text->n - text->n_train));
    return d->s.status == HEED_OK;
}

static heed_node *build(heed_demo_pupil *p, heed_node *ids, heed_node *targets)
{
    heed_demo_lesson *n = &p->lesson;
    heed_error err = {HEED_OK, ""};
    heed_gpt gpt;

    if (n->build != NULL)
        return n->build(n->context, &p->l, ids, targets, &p->logits);
    n->config.vocab_size = p->text->V;
    n->config.context_length = n->length;
    if (!heed_demo_ok(p->l.d, heed_model_create(&n->config, p->l.d->options->seed, &p->model, &err), &err))
        return NULL;
    gpt = heed_learner_model(&p->l, p->model, ids, targets);
    p->logits = gpt.logits;
    return gpt.loss;
}

bool heed_demo_teach(heed_demo_pupil *p, heed_demoing *d, const heed_demo_characters *text,
                     const heed_demo_lesson *lesson, const char *words, double from, double to)
{
    const heed_shape shape = heed_shape2(lesson->batch, lesson->length);
    heed_node *ids, *targets, *loss;

    *p = (heed_demo_pupil){.l = {.d = d}, .text = text, .lesson = *lesson};
    if (!fits(d, text, lesson) || !heed_learner_open(&p->l, d, &lesson->options))
        return false;
    ids = heed_learner_ids(&p->l, "ids", shape, &p->ids);
    targets = heed_learner_ids(&p->l, "targets", shape, &p->targets);
    loss = build(p, ids, targets);
    if (heed_learner_ready(&p->l, loss, &p->logits, 1))
        p->curve = heed_learner_train(&p->l, fill, p, words, from, to);
    return d->s.status == HEED_OK;
}

void heed_demo_pupil_close(heed_demo_pupil *p)
{
    heed_learner_close(&p->l);
    heed_model_close(p->model);
    p->model = NULL;
}

/* --- what it writes --- */

static int32_t choose(heed_demo_pupil *p, const double *row, bool draw)
{
    const int64_t V = p->text->V;
    double most = row[0], sum = 0.0, left;
    int64_t best = 0;

    for (int64_t j = 1; j < V; j++) {
        best = row[j] > most ? j : best;
        most = fmax(most, row[j]);
    }
    if (!draw)
        return (int32_t)best;
    for (int64_t j = 0; j < V; j++)
        sum += exp(row[j] - most);
    left = heed_rng_double(&p->l.rng) * sum;
    for (int64_t j = 0; j < V; j++) {
        left -= exp(row[j] - most);
        if (left <= 0.0)
            return (int32_t)j;
    }
    return (int32_t)best;
}

/* A context shorter than T stands at the beginning of row 0; what is behind it is not looked at by a causal model. */
void heed_demo_pupil_write(heed_demo_pupil *p, int32_t *ids, int64_t n_ids, int64_t n, bool draw)
{
    const int64_t T = p->lesson.length;

    for (int64_t i = 0; i < n && p->l.d->s.status == HEED_OK && p->ids != NULL; i++) {
        const int64_t all = n_ids + i, used = all < T ? all : T;
        heed_grid logits;

        memset(p->ids, 0, (size_t)(p->lesson.batch * T) * sizeof *p->ids);
        memset(p->targets, 0, (size_t)(p->lesson.batch * T) * sizeof *p->targets);
        for (int64_t t = 0; t < used; t++)
            p->ids[t] = ids[all - used + t];
        heed_learner_look(&p->l);
        logits = heed_learner_value(&p->l, p->logits);
        if (logits.data != NULL)
            ids[all] = choose(p, logits.data + (used - 1) * p->text->V, draw);
    }
}
