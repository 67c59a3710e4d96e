/* SPDX-License-Identifier: MIT */
/* Models that steps of the walk train with heed's trainer: each once, kept for the steps behind. */
#include <heed/session.h>
#include <string.h>

#include "workbook/walk/walk.h"

heed_demo_training heed_walk_training(heed_walking *w, heed_demo_preset preset, int64_t steps)
{
    const int64_t own = w->walk->options.steps;
    heed_demo_training t = heed_demo_training_of(w->d, preset);

    t.options.steps = own > 0 ? own : steps;
    t.options.warmup_steps = t.options.steps / 20;
    t.options.threads = 0;
    t.options.weight_decay = 0.01; /* of AdamW in the video */
    return t;
}

static void keep_curve(heed_walk_trained *t, heed_grid curve)
{
    t->n_curve = curve.columns < HEED_WALK_CURVE ? curve.columns : HEED_WALK_CURVE;
    for (int64_t i = 0; i < t->n_curve; i++) {
        const int64_t at = i * curve.columns / t->n_curve;
        t->curve[i] = curve.data[at];
        t->step[i] = (double)(at + 1);
    }
}

heed_walk_trained *heed_walk_bigram(heed_walking *w, double from, double to)
{
    heed_walk_trained *kept = &w->walk->bigram;

    if (kept->trainer == NULL && w->d->s.status == HEED_OK) {
        heed_demo_training t = heed_walk_training(w, HEED_DEMO_BIGRAM, 2000);

        t.config.context_length = HEED_WALK_BLOCK;
        t.options.batch_size = HEED_WALK_BATCH;
        t.options.learning_rate = 0.03; /* a table has one number for each pair: large steps do it no harm */
        kept->trainer = heed_demo_train(w->d, &t, "the bigram model", from, to);
        if (kept->trainer != NULL)
            keep_curve(kept, t.curve);
    }
    return kept->trainer != NULL ? kept : NULL;
}

/* The GPT is kept in the folder that was asked for. */
static heed_trainer *begin_gpt(heed_walking *w, const heed_demo_training *t)
{
    heed_train_options options = t->options;
    heed_trainer *trainer = NULL;
    heed_error err = {HEED_OK, ""};

    if (w->walk->out == NULL)
        return heed_demo_train_begin(w->d, t);
    options.steps++; /* the last one would be followed by a large evaluation */
    if (w->d->s.status == HEED_OK)
        heed_demo_ok(w->d, heed_trainer_create(t->text, &t->config, &options, w->walk->out, &trainer, &err),
                     &err);
    return trainer;
}

static void train_gpt(heed_walking *w, heed_walk_trained *kept, double from, double to)
{
    heed_demo_training t = heed_walk_training(w, HEED_DEMO_P2S, 1200);
    heed_error err = {HEED_OK, ""};
    heed_progress progress = {0};

    t.curve = heed_grid_make(&w->d->s, 1, t.options.steps);
    kept->trainer = begin_gpt(w, &t);
    for (int64_t i = 0; i < t.options.steps && heed_demo_train_step(w->d, kept->trainer, &progress); i++) {
        t.curve.data[i] = progress.loss;
        heed_demo_progress(w->d, from + (to - from) * (double)(i + 1) / (double)t.options.steps, "the GPT");
    }
    if (w->d->s.status == HEED_OK && w->walk->out != NULL)
        heed_demo_ok(w->d, heed_trainer_save(kept->trainer, &err), &err);
    if (w->d->s.status == HEED_OK) {
        keep_curve(kept, t.curve);
        return;
    }
    heed_trainer_close(kept->trainer);
    kept->trainer = NULL;
}

heed_walk_trained *heed_walk_gpt(heed_walking *w, double from, double to)
{
    heed_walk_trained *kept = &w->walk->gpt;

    if (kept->trainer == NULL && w->d->s.status == HEED_OK)
        train_gpt(w, kept, from, to);
    return kept->trainer != NULL ? kept : NULL;
}

void heed_walk_show_curve(heed_walking *w, const heed_walk_trained *t, const char *label)
{
    heed_grid x = heed_grid_make(&w->d->s, 1, t->n_curve), y = heed_grid_make(&w->d->s, 1, t->n_curve);

    if (w->d->s.status != HEED_OK)
        return;
    memcpy(x.data, t->step, (size_t)t->n_curve * sizeof *x.data);
    memcpy(y.data, t->curve, (size_t)t->n_curve * sizeof *y.data);
    heed_show_curve(w->d, label, x, heed_demo_smoothed(w->d, y, t->n_curve / 50 + 1));
}

/* --- what they write --- */

void heed_walk_write(heed_walking *w, const heed_model *model, const int32_t *ids, int64_t n_ids, int64_t n,
                     double temperature, int lines)
{
    const heed_sampling sampling = {.temperature = temperature, .top_p = 1.0, .repetition_penalty = 1.0};
    const heed_session_options options = {
        .threads = 1, .seed = w->d->options->seed, .overflow = HEED_OVERFLOW_SLIDE};
    heed_session *session = NULL;
    heed_text_buffer text = {0};
    heed_error err = {HEED_OK, ""};
    bool going = w->d->s.status == HEED_OK && ids != NULL &&
                 heed_demo_ok(w->d, heed_session_open(model, &options, &session, &err), &err) &&
                 heed_demo_ok(w->d, heed_session_feed(session, ids, (size_t)n_ids, &err), &err);

    for (int64_t i = 0; i < n_ids + n && going; i++) {
        const int32_t id = i < n_ids ? ids[i] : heed_session_sample(session, &sampling);
        size_t size = 0;
        const char *piece = heed_tokenizer_piece(w->tokenizer, id, &size);

        heed_text_append(&text, piece != NULL ? piece : "?", piece != NULL ? size : 1);
        if (i >= n_ids)
            going = heed_demo_ok(w->d, heed_session_feed(session, &id, 1, &err), &err);
    }
    if (text.data != NULL)
        heed_walk_quote(w, text.data, text.size, lines);
    heed_text_free(&text);
    heed_session_close(session);
}
