/* SPDX-License-Identifier: MIT */
#include "workbook/demos/study.h"

#include <math.h>
#include <string.h>

#include "nn/model.h"

/* --- opening --- */

static bool build(heed_demo_study *s)
{
    const heed_shape shape = heed_shape2(s->batch, s->length);
    heed_node *ids = heed_learner_ids(&s->learner, "ids", shape, &s->ids),
              *targets = heed_learner_ids(&s->learner, "targets", shape, &s->targets);

    return heed_learner_ready(&s->learner, heed_learner_model(&s->learner, s->model, ids, targets).loss, NULL,
                              0);
}

bool heed_demo_study_open(heed_demoing *d, const heed_config *config, const heed_train_options *options,
                          const heed_demo_reading *reading, int64_t n_train, heed_demo_study *s)
{
    heed_config c = *config;
    heed_error err = {HEED_OK, ""};

    *s = (heed_demo_study){.d = d,
                           .reading = reading,
                           .batch = options->batch_size,
                           .length = config->context_length,
                           .n_train = (n_train - 1) / config->context_length,
                           .first_other = (n_train + config->context_length - 1) / config->context_length};
    if (d->s.status != HEED_OK)
        return false;
    s->n_other = (reading->n - 1) / s->length - s->first_other;
    if (s->n_train < 1 || s->n_other < 1)
        return heed_solve_fail(
            &d->s, HEED_ERR_USAGE,
            "text: expected more than %lld characters to train on and as many windows to validate, "
            "got %lld in all",
            (long long)s->length, (long long)reading->n);
    c.vocab_size = reading->vocab_size;
    s->order = (int64_t *)(void *)heed_demo_floats(d, 2 * s->n_train);
    for (int64_t i = 0; s->order != NULL && i < s->n_train; i++)
        s->order[i] = i;
    return heed_demo_ok(d, heed_model_create(&c, d->options->seed, &s->model, &err), &err) &&
           heed_learner_open(&s->learner, d, options) && build(s);
}

void heed_demo_study_close(heed_demo_study *s)
{
    if (s->d == NULL)
        return;
    heed_learner_close(&s->learner);
    heed_model_close(s->model);
    *s = (heed_demo_study){0};
}

/* --- training --- */

/* Fisher and Yates: each order as likely as the other. */
static void shuffle(heed_demo_study *s)
{
    for (int64_t i = s->n_train - 1; i > 0; i--) {
        const int64_t j = heed_rng_below(&s->learner.rng, i + 1), kept = s->order[i];
        s->order[i] = s->order[j];
        s->order[j] = kept;
    }
}

static void read_row(heed_demo_study *s, int64_t row, int64_t window)
{
    const int64_t T = s->length;

    heed_demo_reading_window(s->reading, window * T, T, s->ids + row * T, s->targets + row * T);
}

double heed_demo_study_step(heed_demo_study *s)
{
    if (s->d->s.status != HEED_OK)
        return NAN;
    for (int64_t b = 0; b < s->batch; b++) {
        const int64_t place = s->drawn++ % s->n_train;
        if (place == 0)
            shuffle(s);
        read_row(s, b, s->order[place]);
    }
    return heed_learner_step(&s->learner);
}

double heed_demo_study_epochs(const heed_demo_study *s)
{
    return (double)s->drawn / (double)s->n_train;
}

/* --- looking --- */

double heed_demo_study_loss(heed_demo_study *s, heed_part part, int64_t batches)
{
    const int64_t n = part == HEED_PART_TRAIN ? s->n_train : s->n_other,
                  first = part == HEED_PART_TRAIN ? 0 : s->first_other,
                  wanted = batches * s->batch < n ? batches * s->batch : n;
    double sum = 0.0;
    int64_t done = 0;

    while (s->d->s.status == HEED_OK && done < wanted) {
        for (int64_t b = 0; b < s->batch; b++) /* the last batch repeats some of them */
            read_row(s, b, first + (done + b) % wanted * n / wanted);
        sum += heed_learner_look(&s->learner);
        done += s->batch;
    }
    return done > 0 ? sum / (double)(done / s->batch) : NAN;
}

float *heed_demo_study_keep(heed_demo_study *s, float *room)
{
    int64_t at = 0;

    if (s->d->s.status != HEED_OK)
        return NULL;
    if (room == NULL)
        room = heed_demo_floats(s->d, heed_weights_count(s->model->weights));
    for (int i = 0; room != NULL && i < s->model->weights->n; i++) {
        const heed_parameter *p = &s->model->weights->list[i];
        memcpy(room + at, p->data, (size_t)p->count * sizeof *room);
        at += p->count;
    }
    return room;
}

void heed_demo_study_put_back(heed_demo_study *s, const float *kept)
{
    int64_t at = 0;

    for (int i = 0; kept != NULL && s->d->s.status == HEED_OK && i < s->model->weights->n; i++) {
        const heed_parameter *p = &s->model->weights->list[i];
        memcpy((float *)(uintptr_t)p->data, kept + at, (size_t)p->count * sizeof *kept);
        at += p->count;
    }
}
