/* SPDX-License-Identifier: MIT */
/*
 * What copy, reverse and sort share: lines of n random symbols, "=", and the answer, n symbols and a line break.
 *
 *     dbca=dbca          dbca=acbd          dbca=abcd
 *
 * Tokens 0 … symbols-1 are the symbols, then come "=" and the line break. The symbols of a prompt are drawn uniformly, each
 * by itself: ln(symbols) nats each. All of the answer follows from them, so its floor is 0.
 */
#ifndef HEED_DATA_TASKS_LETTERS_H
#define HEED_DATA_TASKS_LETTERS_H

#include "data/tasks/task.h"

#define HEED_TASK_SYMBOLS 62

int64_t heed_task_letters_n_tokens(const heed_task *task);
void heed_task_letters_token(const heed_task *task, int64_t i, char piece[HEED_TASK_PIECE_BYTES]);
int64_t heed_task_letters_n_example(const heed_task *task);
double heed_task_letters_floor(const heed_task *task);

/** Writes lines to the end of the window; answer makes [n] symbols of [n] others. */
void heed_task_letters_fill(const heed_task *task, heed_rng *rng, heed_task_window *window,
                            void (*answer)(const int *prompt, int *out, int64_t n));

#endif
