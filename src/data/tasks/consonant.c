/* SPDX-License-Identifier: MIT */
/*
 * Has a consonant occurred?       aeri  ->  --++
 *
 * Drawn uniformly, a consonant would come at once in four windows of five. So the place of the first one is drawn, each of
 * the T places and "nowhere" as likely as the other: vowels before it, any letters behind it.
 */
#include "data/tasks/labels.h"
#include "data/tasks/list.h"

static void fill(const heed_task *task, heed_part part, heed_rng *rng, heed_task_window *window)
{
    const int64_t first = heed_rng_below(rng, window->T + 1);

    (void)part;
    for (int64_t t = 0; t < window->T; t++) {
        const int64_t letter = t < first    ? heed_task_vowel(rng)
                               : t == first ? heed_task_consonant_letter(rng)
                                            : heed_rng_below(rng, 26);

        heed_task_labels_put(task, window, letter, t >= first);
    }
}

const heed_task_kind heed_task_consonant = {
    .symbols = {26, 26, 26},
    .length = {0, 0, 0},
    .n_tokens = heed_task_labels_n_tokens,
    .token = heed_task_labels_token,
    .n_example = heed_task_labels_n_example,
    .fill = fill,
    .floor = heed_task_labels_floor,
};
