/* SPDX-License-Identifier: MIT */
/*
 * Reverse: the symbols from the last to the first.       dbca=acbd
 *
 * The answer follows from the prompt: its floor is 0. Where prompts count, each of their symbols has ln(symbols) nats.
 */
#include "data/tasks/letters.h"
#include "data/tasks/list.h"

static void reverse(const int *prompt, int *out, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = prompt[n - 1 - i];
}

static void fill(const heed_task *task, heed_part part, heed_rng *rng, heed_task_window *window)
{
    (void)part;
    heed_task_letters_fill(task, rng, window, reverse);
}

const heed_task_kind heed_task_reverse = {
    .symbols = {26, 2, HEED_TASK_SYMBOLS},
    .length = {8, 1, HEED_TASK_LENGTH},
    .has_prompts = true,
    .n_tokens = heed_task_letters_n_tokens,
    .token = heed_task_letters_token,
    .n_example = heed_task_letters_n_example,
    .fill = fill,
    .floor = heed_task_letters_floor,
};
