/* SPDX-License-Identifier: MIT */
/*
 * Is the first letter a consonant?       cbae  ->  ++++          eacb  ->  ----
 *
 * The first letter is a consonant in half of the windows; the others are any letters.
 */
#include "data/tasks/labels.h"
#include "data/tasks/list.h"

static void fill(const heed_task *task, heed_part part, heed_rng *rng, heed_task_window *window)
{
    const bool yes = heed_rng_below(rng, 2) == 1;

    (void)part;
    heed_task_labels_put(task, window, yes ? heed_task_consonant_letter(rng) : heed_task_vowel(rng), yes);
    while (window->n < window->T)
        heed_task_labels_put(task, window, heed_rng_below(rng, 26), yes);
}

const heed_task_kind heed_task_first_letter = {
    .symbols = {26, 26, 26},
    .length = {0, 0, 0},
    .n_tokens = heed_task_labels_n_tokens,
    .token = heed_task_labels_token,
    .n_example = heed_task_labels_n_example,
    .fill = fill,
    .floor = heed_task_labels_floor,
};
