/* SPDX-License-Identifier: MIT */
/*
 * Small models of characters that are taught by windows of one's own making: any targets, any part of the text.
 *
 *     heed_demo_characters c = heed_demo_characters_of(d, 200000, false);
 *     heed_demo_lesson lesson = heed_demo_lesson_of(d);
 *     heed_demo_pupil p;
 *
 *     lesson.shift = 0;                                       targets are the inputs
 *     heed_demo_teach(&p, d, &c, &lesson, "not shifted", 0.0, 0.5);
 *     loss = heed_demo_pupil_loss(&p, 1, 16);                 of the next character, on the validation part
 *     heed_demo_pupil_close(&p);
 *     heed_demo_characters_close(&c);
 *
 * After a failure losses are NaN, and all of this can still be called.
 */
#ifndef HEED_WORKBOOK_DEMOS_PUPIL_H
#define HEED_WORKBOOK_DEMOS_PUPIL_H

#include "workbook/demos/learner.h"
#include "workbook/demos/plain_text.h"

/* A text as ids of its characters, the first 90 % for training. */
typedef struct heed_demo_characters {
    heed_tokenizer *tokenizer;
    int32_t *ids; /* [n] */
    int64_t n, n_train, V;
} heed_demo_characters;

/** Of the first so many bytes of the parameter "text". shuffled: its characters in any order, so that nothing follows from any. */
heed_demo_characters heed_demo_characters_of(heed_demoing *d, size_t most_bytes, bool shuffled);
void heed_demo_characters_close(heed_demo_characters *c);

/* What a pupil computes: the mean loss of targets [B, T], and logits [B T, V] or [B, T, V]. NULL: a model of the config. */
typedef heed_node *heed_demo_build_fn(const void *context, heed_learner *l, heed_node *ids, heed_node *targets,
                                      heed_node **logits);

typedef struct heed_demo_lesson {
    heed_config config; /* vocab_size is taken from the text */
    heed_train_options options;
    int64_t batch, length; /* B, T */
    int64_t shift;         /* a target stands so many places behind its input */
    bool last_only;        /* only the last place of each window has a target */
    int64_t n_train;       /* characters that are trained on; 0: all for training */
    heed_demo_build_fn *build;
    const void *context;
} heed_demo_lesson;

/** "steps" of d; one pre-norm block, d_model 32, 2 heads; windows of 32 in batches of 16, the next character. */
heed_demo_lesson heed_demo_lesson_of(heed_demoing *d);

typedef struct heed_demo_pupil {
    heed_learner l;
    heed_model *model; /* NULL where the lesson has a build */
    const heed_demo_characters *text;
    heed_demo_lesson lesson;
    heed_node *logits;
    int32_t *ids, *targets; /* [B, T] */
    heed_grid curve;        /* [1, steps] */
} heed_demo_pupil;

/** The pupil must stay where it is until it is closed, which it is to be in any case. */
bool heed_demo_teach(heed_demo_pupil *p, heed_demoing *d, const heed_demo_characters *text,
                     const heed_demo_lesson *lesson, const char *words, double from, double to);
void heed_demo_pupil_close(heed_demo_pupil *p);
/** The mean loss over so many batches, spread evenly over the validation part; every place counts. */
double heed_demo_pupil_loss(heed_demo_pupil *p, int64_t shift, int64_t batches);
/** n ids behind ids[0 .. n_ids-1], which it has room for: the likeliest, or drawn at temperature 1. */
void heed_demo_pupil_write(heed_demo_pupil *p, int32_t *ids, int64_t n_ids, int64_t n, bool draw);

#endif
