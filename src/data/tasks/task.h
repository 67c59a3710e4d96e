/* SPDX-License-Identifier: MIT */
/*
 * Synthetic tasks: texts that are made as they are read, whose rule is known, and so the loss below which no model can get.
 *
 * A task is one file and one constant heed_task_kind, beside a name in list.c. It says which tokens there are, writes a
 * window, and knows its floor. A window is a function of (seed, part, its number) alone. Which of its targets count is part
 * of the task: the answers do, and the prompts, which nobody can foresee, only where `prompts` asks for it.
 *
 *     const heed_task_options options = {.kind = heed_task_find("copy"), .seed = 1, .context_length = 64};
 *     heed_task *task = NULL;
 *     heed_tokenizer *tokenizer = NULL;
 *     status = heed_task_open(&options, &task, &tokenizer, err);
 *     task->source.fill(&task->source, HEED_PART_TRAIN, 0, 64, ids, targets);
 */
#ifndef HEED_DATA_TASKS_TASK_H
#define HEED_DATA_TASKS_TASK_H

#include <heed/tokenizer.h>

#include "base/rng.h"
#include "data/source.h"

#define HEED_TASK_LENGTH      256 /* the longest prompt */
#define HEED_TASK_PIECE_BYTES 32

typedef struct heed_task_options {
    int kind;                /* place in heed_task_names, 1 or more */
    int64_t symbols, length; /* as the kind reads them; 0: its own */
    double held_out;         /* share of the cases that are kept for validation, where they can be counted */
    bool prompts;            /* targets in prompts count, too */
    uint64_t seed;
    int64_t context_length;
} heed_task_options;

typedef struct heed_task_kind heed_task_kind;

typedef struct heed_task {
    heed_source source;
    const heed_task_kind *kind;
    heed_task_options options; /* without zeros */
    int64_t n_tokens;
    int32_t *ids; /* [n_tokens] the id of each token of the kind */
} heed_task;

/* A window that is being written: T + 1 tokens, of which the last T are targets. What is put behind its end is dropped. */
typedef struct heed_task_window {
    int32_t *ids, *targets; /* [T] */
    int64_t T, n;           /* n: tokens so far */
} heed_task_window;

/* From here to there; the same numbers twice: nothing to choose. */
typedef struct heed_task_range {
    int64_t usual, least, most;
} heed_task_range;

struct heed_task_kind {
    heed_task_range symbols, length;
    bool words;       /* tokens are words, numbers and signs; else characters */
    bool has_prompts; /* `prompts` may be asked for */
    /* How many different tokens there are, and number i of them. */
    int64_t (*n_tokens)(const heed_task *task);
    void (*token)(const heed_task *task, int64_t i, char piece[HEED_TASK_PIECE_BYTES]);
    /* HEED_ERR_USAGE: sizes that do not go together; NULL: all do. */
    heed_status (*check)(const heed_task *task, heed_error *err);
    /* Tokens of an example, so that a window holds one. */
    int64_t (*n_example)(const heed_task *task);
    /* Writes a whole window. */
    void (*fill)(const heed_task *task, heed_part part, heed_rng *rng, heed_task_window *window);
    /* Nats a counted target that the best of all models has on average. */
    double (*floor)(const heed_task *task);
};

/** "none", then the tasks; NULL at the end. And the kinds in the same order, NULL for none. */
extern const char *const heed_task_names[];
extern const heed_task_kind *const heed_task_kinds[];
/** The place of a name, -1: there is none. */
int heed_task_find(const char *name);

/** HEED_ERR_USAGE: sizes that the task cannot have, a context that holds no example. Both are the caller's. */
heed_status heed_task_open(const heed_task_options *options, heed_task **task, heed_tokenizer **tokenizer,
                           heed_error *err);
double heed_task_floor(const heed_task *task);

/* --- for the tasks --- */

void heed_task_put(heed_task_window *window, int32_t id, bool counts);
/** Symbol i of a…z A…Z 0…9, 62 in all. */
char heed_task_symbol(int64_t i);
/** Nats of targets 1 … T over lines of n_line tokens: nats[i] of token i < n_prompt, none of the answer behind it. */
double heed_task_line_floor(const heed_task *task, const double *nats, int64_t n_prompt, int64_t n_line);

#endif
