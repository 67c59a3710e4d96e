/* SPDX-License-Identifier: MIT */
#include "data/tasks/labels.h"

static const char vowels[] = "aeiou", consonants[] = "bcdfghjklmnpqrstvwxyz";

int64_t heed_task_labels_n_tokens(const heed_task *task)
{
    (void)task;
    return 28;
}

void heed_task_labels_token(const heed_task *task, int64_t i, char piece[HEED_TASK_PIECE_BYTES])
{
    (void)task;
    piece[0] = i < 26 ? (char)('a' + i) : "-+"[i - 26];
    piece[1] = '\0';
}

int64_t heed_task_labels_n_example(const heed_task *task)
{
    (void)task;
    return 2;
}

double heed_task_labels_floor(const heed_task *task)
{
    (void)task;
    return 0.0;
}

int64_t heed_task_vowel(heed_rng *rng)
{
    return vowels[heed_rng_below(rng, 5)] - 'a';
}

int64_t heed_task_consonant_letter(heed_rng *rng)
{
    return consonants[heed_rng_below(rng, 21)] - 'a';
}

void heed_task_labels_put(const heed_task *task, heed_task_window *w, int64_t letter, bool yes)
{
    w->ids[w->n] = task->ids[letter];
    w->targets[w->n++] = task->ids[yes ? 27 : 26];
}
