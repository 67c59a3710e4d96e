/* SPDX-License-Identifier: MIT */
/*
 * The contract of a step of the walk: one file in walk/, one constant.
 *
 *     static void run(heed_walking *w)
 *     {
 *         const int64_t n = w->corpus->n_train;
 *
 *         heed_walk_say(w, "The first %lld characters are for training.", (long long)n);
 *         heed_walk_line(w, "%-10s %8lld", "training", (long long)n);
 *         heed_show_figure(w->d, "train", (double)n, "characters");
 *     }
 *     const heed_walk_step heed_walk_step_02 = {.info = {.number = 2, .time = "13:45", .title = …, .words = …}, .run = run};
 *
 * A step computes with what demonstrations compute with (demo.h): w->d holds memory, random numbers and the first failure, after
 * which nothing is said. Its figures, checks and curves are shown behind its words. Lines are at most 76 columns wide.
 */
#ifndef HEED_WORKBOOK_WALK_WALKING_H
#define HEED_WORKBOOK_WALK_WALKING_H

#include <heed/walk.h>

#include "data/corpus.h"
#include "workbook/demos/training.h"

#define HEED_WALK_COLUMNS 76

/* Of the walk's small models, as in the video. */
enum {
    HEED_WALK_BLOCK = 8,
    HEED_WALK_EMBED = 32,
    HEED_WALK_HEAD = 16,
    HEED_WALK_PRINTED = 4,
    HEED_WALK_BATCH = 32
};

typedef struct heed_walking {
    heed_demoing *d;
    heed_walk *walk;
    const heed_tokenizer *tokenizer; /* of characters */
    const heed_corpus *corpus;       /* the text as ids, training first */
    const char *text, *name;         /* the text, and what it is called */
    size_t n_text;
    int64_t V; /* characters of the vocabulary */
    struct heed_walk_made *made;
} heed_walking;

typedef struct heed_walk_step {
    heed_walk_info info;
    void (*run)(heed_walking *w);
} heed_walk_step;

/** In their order, ended by NULL. */
extern const heed_walk_step *const heed_walk_steps[];

/* --- what is said --- */

/** A paragraph, to be wrapped. */
void heed_walk_say(heed_walking *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** A line as it is, below the line before. */
void heed_walk_line(heed_walking *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** A title and the numbers of x below it, so many digits behind the point; at most 8 rows, and columns that fit. */
void heed_walk_grid(heed_walking *w, heed_grid x, int digits, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/** text with blanks behind it, so that it takes so many columns; of the arena. */
const char *heed_walk_pad(heed_walking *w, const char *text, int columns);
/** A copy of text, of the arena; "" after a failure. */
const char *heed_walk_keep(heed_walking *w, const char *text);
/** Text that was written, its lines broken where they are too long, each behind a bar; at most so many lines. */
void heed_walk_quote(heed_walking *w, const char *text, size_t n, int lines);

/* --- the text --- */

/** n ids of the text from place `at` on, of the arena; NULL after a failure. */
int32_t *heed_walk_ids(heed_walking *w, int64_t at, int64_t n);
/** A character made visible, at most 8 bytes, of the arena. */
const char *heed_walk_sign(heed_walking *w, int32_t id);
/** n of them one behind the other. */
const char *heed_walk_signs(heed_walking *w, const int32_t *ids, int64_t n);
/** A batch of windows of the training part as training draws them: ids and targets [batch, T], of the arena. */
bool heed_walk_batch(heed_walking *w, int64_t batch, int64_t T, int32_t **ids, int32_t **targets);
/** The same ids as a grid [rows, columns]. */
heed_grid heed_walk_ids_grid(heed_walking *w, const int32_t *ids, int64_t rows, int64_t columns);

/** How often character j stands behind i in the training part: [V, V]. */
heed_grid heed_walk_pairs(heed_walking *w);
/** The loss of counted pairs (add 1 to each) on the validation part: the aim of every bigram model. */
double heed_walk_counted_loss(heed_walking *w);

/* --- models --- */

enum { HEED_WALK_CURVE = 400 };

/* Trained once a walk, for the steps behind. */
typedef struct heed_walk_trained {
    heed_trainer *trainer;
    double step[HEED_WALK_CURVE], curve[HEED_WALK_CURVE]; /* some of the losses of its batches */
    int64_t n_curve;
} heed_walk_trained;

/** A heed_demo_preset as the walk trains it: so many steps, or as many as its options say. */
heed_demo_training heed_walk_training(heed_walking *w, heed_demo_preset preset, int64_t steps);
/** The bigram model, trained; lent. NULL after a failure. */
heed_walk_trained *heed_walk_bigram(heed_walking *w, double from, double to);
/** The same of the GPT of the last steps. */
heed_walk_trained *heed_walk_gpt(heed_walking *w, double from, double to);
void heed_walk_show_curve(heed_walking *w, const heed_walk_trained *t, const char *label);
/** What a model writes behind n_ids ids, these too, as text in at most so many lines. */
void heed_walk_write(heed_walking *w, const heed_model *model, const int32_t *ids, int64_t n_ids, int64_t n,
                     double temperature, int lines);

#endif
