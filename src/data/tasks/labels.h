/* SPDX-License-Identifier: MIT */
/*
 * What consonant and first-letter share: letters in, an answer of yes (+) or no (-) after each of them.
 *
 *     ids      a e r i          here the targets are not the ids one further: they are the answers
 *     targets  - - + +
 *
 * Tokens 0 … 25 are the letters, then come "-" and "+". Each answer follows from the letters up to it, this one included; so
 * all targets count, and the floor is 0. y is a consonant.
 */
#ifndef HEED_DATA_TASKS_LABELS_H
#define HEED_DATA_TASKS_LABELS_H

#include "data/tasks/task.h"

int64_t heed_task_labels_n_tokens(const heed_task *task);
void heed_task_labels_token(const heed_task *task, int64_t i, char piece[HEED_TASK_PIECE_BYTES]);
int64_t heed_task_labels_n_example(const heed_task *task);
double heed_task_labels_floor(const heed_task *task);

/** A letter of one kind, uniformly. */
int64_t heed_task_vowel(heed_rng *rng);
int64_t heed_task_consonant_letter(heed_rng *rng);
/** The next letter and the answer behind it. */
void heed_task_labels_put(const heed_task *task, heed_task_window *window, int64_t letter, bool yes);

#endif
