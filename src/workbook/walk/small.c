/* SPDX-License-Identifier: MIT */
#include "workbook/walk/small.h"

#include <math.h>
#include <stdio.h>

#include "base/text_buffer.h"
#include "workbook/walk/walk.h"

enum { T = HEED_WALK_BLOCK, N = HEED_WALK_EMBED, BATCHES = 40, MOST_TRAIN = 4000000, MOST_VALIDATION = 400000 };

heed_demo_characters heed_walk_characters(heed_walking *w)
{
    const int64_t validation = w->corpus->n - w->corpus->n_train,
                  n_train = w->corpus->n_train < MOST_TRAIN ? w->corpus->n_train : MOST_TRAIN,
                  n_validation = validation < MOST_VALIDATION ? validation : MOST_VALIDATION;
    heed_demo_characters c = {.V = w->V, .n_train = n_train, .n = n_train + n_validation};

    c.ids = heed_walk_ids(w, 0, c.n);
    if (c.ids != NULL)
        heed_corpus_read(w->corpus, w->corpus->n_train, n_validation, c.ids + n_train);
    return c;
}

/* --- parts --- */

static heed_node *weight(heed_learner *l, const char *name, int64_t block, int64_t rows, int64_t columns)
{
    return heed_learner_parameter(l, heed_demo_words(l->d, "blocks.%lld.%s", (long long)block, name),
                                  heed_shape2(rows, columns), 0.0, 1.0 / sqrt(3.0 * (double)rows));
}

static heed_node *norm(heed_learner *l, const heed_walk_parts *p, heed_node *x, const char *name, int64_t block)
{
    if (!p->norms)
        return x;
    return heed_layernorm(
        l->g, x,
        heed_learner_parameter(l, heed_demo_words(l->d, "blocks.%lld.%s.weight", (long long)block, name),
                               heed_shape1(N), 1.0, 0.0),
        heed_learner_parameter(l, heed_demo_words(l->d, "blocks.%lld.%s.bias", (long long)block, name),
                               heed_shape1(N), 0.0, 0.0),
        1e-5f);
}

static heed_node *through(heed_learner *l, heed_node *x, heed_node *w)
{
    return heed_linear(l->g, x, w, NULL, HEED_WEIGHT_IN_OUT);
}

/* All heads side by side: one of size 16, as in the video, or several that share n_embd. */
static heed_node *heads(heed_learner *l, const heed_walk_parts *p, heed_node *x, int64_t block)
{
    const int64_t width = p->n_heads == 1 ? HEED_WALK_HEAD : N;
    const heed_attention_options options = {.scale = p->scaled ? 0.0f : 1.0f, .causal = true};
    heed_node *q = through(l, x, weight(l, "query", block, N, width)),
              *k = through(l, x, weight(l, "key", block, N, width)),
              *v = through(l, x, weight(l, "value", block, N, width));

    x = heed_merge_heads(l->g, heed_attention(l->g, heed_split_heads(l->g, q, p->n_heads),
                                              heed_split_heads(l->g, k, p->n_heads),
                                              heed_split_heads(l->g, v, p->n_heads), &options));
    return p->n_blocks > 0 ? through(l, x, weight(l, "out", block, width, N)) : x;
}

static heed_node *feed_forward(heed_learner *l, heed_node *x, int64_t block, int64_t in)
{
    x = heed_relu(l->g, through(l, x, weight(l, "up", block, in, 4 * N)));
    return through(l, x, weight(l, "down", block, 4 * N, in));
}

static heed_node *block_of(heed_learner *l, const heed_walk_parts *p, heed_node *x, int64_t block)
{
    x = heed_add(l->g, x, heads(l, p, norm(l, p, x, "ln1", block), block));
    return heed_add(l->g, x, feed_forward(l, norm(l, p, x, "ln2", block), block, N));
}

/* As said in the walk, line by line. */
static heed_node *build(const void *context, heed_learner *l, heed_node *ids, heed_node *targets,
                        heed_node **logits)
{
    const heed_walk_parts *p = context;
    heed_node *x = heed_embedding(
        l->g, heed_learner_parameter(l, "token_table", heed_shape2(p->V, N), 0.0, 0.3), ids);
    int64_t width = N;

    if (p->positions) {
        heed_node *rows = heed_position_embedding(
            l->g, heed_learner_parameter(l, "position_table", heed_shape2(T, N), 0.0, 0.3), NULL, T);
        x = heed_add(l->g, x, rows);
    }
    if (p->n_blocks == 0 && p->n_heads > 0) {
        x = heads(l, p, x, 0);
        width = p->n_heads == 1 ? HEED_WALK_HEAD : N;
    }
    if (p->n_blocks == 0 && p->feed_forward)
        x = feed_forward(l, x, 0, width);
    for (int64_t i = 0; i < p->n_blocks; i++)
        x = block_of(l, p, x, i);
    if (p->n_blocks > 0)
        x = norm(l, p, x, "ln_f", p->n_blocks);
    *logits = heed_linear(l->g, x, weight(l, "lm_head", 99, width, p->V),
                          heed_learner_parameter(l, "lm_head_bias", heed_shape1(p->V), 0.0, 0.0),
                          HEED_WEIGHT_IN_OUT);
    return heed_cross_entropy(l->g, *logits, targets);
}

/* --- teaching --- */

static void quote(heed_walking *w, heed_demo_pupil *p, int64_t n)
{
    int32_t *ids = heed_walk_ids(w, 0, 1 + n < w->corpus->n ? 1 + n : 1);
    heed_text_buffer text = {0};

    if (ids == NULL || 1 + n >= w->corpus->n)
        return;
    heed_demo_pupil_write(p, ids, 1, n, true);
    for (int64_t i = 0; i <= n; i++) {
        size_t size = 0;
        const char *piece = heed_tokenizer_piece(w->tokenizer, ids[i], &size);
        heed_text_append(&text, piece != NULL ? piece : "?", piece != NULL ? size : 1);
    }
    if (text.data != NULL)
        heed_walk_quote(w, text.data, text.size, 6);
    heed_text_free(&text);
}

double heed_walk_teach(heed_walking *w, const heed_demo_characters *text, heed_walk_parts parts,
                       const char *words, double from, double to, int64_t write)
{
    heed_demo_lesson lesson = heed_demo_lesson_of(w->d);
    heed_demo_pupil p;
    double loss;

    parts.V = w->V;
    lesson.batch = HEED_WALK_BATCH;
    lesson.length = T;
    lesson.build = build;
    lesson.context = &parts;
    lesson.options.steps = w->walk->options.steps > 0 ? w->walk->options.steps : 2000;
    lesson.options.warmup_steps = lesson.options.steps / 20;
    lesson.options.learning_rate = 0.01;
    heed_demo_teach(&p, w->d, text, &lesson, words, from, to);
    loss = heed_demo_pupil_loss(&p, 1, BATCHES);
    if (w->d->s.status == HEED_OK) {
        heed_show_axes(w->d, "Training", "step", "loss of a batch, nats", "");
        heed_show_curve(w->d, words, heed_demo_counted(w->d, p.curve.columns),
                        heed_demo_smoothed(w->d, p.curve, 40));
    }
    if (write > 0)
        quote(w, &p, write);
    heed_demo_pupil_close(&p);
    return loss;
}

void heed_walk_compare(heed_walking *w, const char *name, double loss, double counted)
{
    heed_walk_line(w, "  %-44s %8.4f", name, loss);
    heed_walk_line(w, "  %-44s %8.4f", "counted pairs: the aim of a bigram", counted);
    heed_show_figure(w->d, "validation_loss", loss, "nats: after training");
    heed_show_figure(w->d, "counted_loss", counted, "nats: counted pairs");
}
