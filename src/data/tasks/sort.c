/* SPDX-License-Identifier: MIT */
/*
 * Sort: the symbols in the order a…z A…Z 0…9, equal ones as often as they came.       dbcab=abbcd
 *
 * The answer follows from the prompt: its floor is 0. Where prompts count, each of their symbols has ln(symbols) nats.
 */
#include "data/tasks/letters.h"
#include "data/tasks/list.h"

static void sort(const int *prompt, int *out, int64_t n)
{
    int count[HEED_TASK_SYMBOLS] = {0};

    for (int64_t i = 0; i < n; i++)
        count[prompt[i]]++;
    for (int symbol = 0; symbol < HEED_TASK_SYMBOLS; symbol++)
        while (count[symbol]-- > 0)
            *out++ = symbol;
}

static void fill(const heed_task *task, heed_part part, heed_rng *rng, heed_task_window *window)
{
    (void)part;
    heed_task_letters_fill(task, rng, window, sort);
}

const heed_task_kind heed_task_sort = {
    .symbols = {26, 2, HEED_TASK_SYMBOLS},
    .length = {8, 1, HEED_TASK_LENGTH},
    .has_prompts = true,
    .n_tokens = heed_task_letters_n_tokens,
    .token = heed_task_letters_token,
    .n_example = heed_task_letters_n_example,
    .fill = fill,
    .floor = heed_task_letters_floor,
};
