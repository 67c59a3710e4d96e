/* SPDX-License-Identifier: MIT */
#include "workbook/demos/training.h"

#include <math.h>
#include <string.h>

#include "data/tasks/task.h"

enum { MOST_STEPS = 100000, STORIES_BYTES = 200000, SYMBOLS = 32, LONGEST_PERIOD = 24 };

/* --- presets --- */

static heed_config small(const char *preset, int64_t n_layers)
{
    heed_config c = heed_config_default();

    heed_config_preset(preset, &c, NULL);
    c.n_layers = n_layers;
    c.n_heads = 4;
    c.d_model = 64;
    c.context_length = 64;
    c.tied_head = false;
    return c;
}

static heed_config attention_only(int64_t n_layers)
{
    heed_config c = small("gpt", n_layers);

    c.mlp = false;
    return c;
}

static heed_config config_of(heed_demo_preset preset)
{
    switch (preset) {
    case HEED_DEMO_M0S:
        return small("m0", 1);
    case HEED_DEMO_P2S:
        return small("gpt", 2);
    case HEED_DEMO_A1:
        return attention_only(1);
    case HEED_DEMO_A2:
        return attention_only(2);
    case HEED_DEMO_BIGRAM:
        return small("bigram", 0);
    }
    return heed_config_default();
}

heed_demo_training heed_demo_training_of(heed_demoing *d, heed_demo_preset preset)
{
    heed_demo_training t = {.config = config_of(preset), .options = heed_train_options_default()};
    heed_train_options *o = &t.options;

    o->steps = heed_take_int(&d->s, "steps", 1, MOST_STEPS);
    o->batch_size = 16;
    o->learning_rate = 3e-3;
    o->warmup_steps = o->steps / 20;
    o->eval_interval = 0;
    o->seed = (int64_t)(d->options->seed & INT64_MAX);
    o->corpus_bytes = STORIES_BYTES;
    o->unmeasured = true;
    if (preset == HEED_DEMO_A1 || preset == HEED_DEMO_A2) {
        o->task = heed_task_find("induction");
        o->task_symbols = SYMBOLS;
        o->task_length = LONGEST_PERIOD;
    } else if (json_object_get(d->s.params, "text") != NULL)
        t.text = heed_take_text(&d->s, "text");
    if (t.text != NULL && t.text[0] == '\0')
        t.text = NULL;
    return t;
}

/* --- runs --- */

/* The trainer's last step would be followed by its large evaluation: it has one more than is made. */
heed_trainer *heed_demo_train_begin(heed_demoing *d, const heed_demo_training *t)
{
    heed_train_options options = t->options;
    heed_trainer *trainer = NULL;
    heed_error err = {HEED_OK, ""};

    options.steps++;
    if (d->s.status == HEED_OK)
        heed_demo_ok(d, heed_trainer_create(t->text, &t->config, &options, NULL, &trainer, &err), &err);
    return trainer;
}

bool heed_demo_train_step(heed_demoing *d, heed_trainer *trainer, heed_progress *progress)
{
    heed_error err = {HEED_OK, ""};

    if (trainer == NULL || d->s.status != HEED_OK)
        return false;
    return heed_demo_ok(d, heed_trainer_step(trainer, progress, &err), &err);
}

heed_trainer *heed_demo_train(heed_demoing *d, heed_demo_training *t, const char *words, double from, double to)
{
    const int64_t steps = t->options.steps;
    heed_trainer *trainer = heed_demo_train_begin(d, t);
    heed_progress progress = {0};

    t->curve = heed_grid_make(&d->s, 1, steps);
    heed_demo_progress(d, from, words);
    for (int64_t i = 0; i < steps && heed_demo_train_step(d, trainer, &progress); i++) {
        t->curve.data[i] = progress.loss;
        heed_demo_progress(d, from + (to - from) * (double)(i + 1) / (double)steps, words);
    }
    if (d->s.status == HEED_OK)
        return trainer;
    heed_trainer_close(trainer);
    return NULL;
}

double heed_demo_validation(heed_demoing *d, heed_trainer *trainer, int64_t batches)
{
    return trainer != NULL && d->s.status == HEED_OK ? heed_trainer_evaluate(trainer, batches) : NAN;
}

/* --- curves --- */

heed_grid heed_demo_counted(heed_demoing *d, int64_t n)
{
    heed_grid x = heed_grid_make(&d->s, 1, n);

    for (int64_t i = 0; i < x.columns; i++)
        x.data[i] = (double)(i + 1);
    return x;
}

heed_grid heed_demo_smoothed(heed_demoing *d, heed_grid row, int64_t width)
{
    heed_grid out = heed_grid_make(&d->s, 1, row.columns);
    double sum = 0.0;

    for (int64_t i = 0; i < out.columns; i++) {
        sum += row.data[i] - (i >= width ? row.data[i - width] : 0.0);
        out.data[i] = sum / (double)(i < width ? i + 1 : width);
    }
    return out;
}
