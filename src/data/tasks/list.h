/* SPDX-License-Identifier: MIT */
/* All tasks; each is a file of its name. */
#ifndef HEED_DATA_TASKS_LIST_H
#define HEED_DATA_TASKS_LIST_H

#include "data/tasks/task.h"

extern const heed_task_kind heed_task_copy, heed_task_reverse, heed_task_sort, heed_task_induction,
    heed_task_addition, heed_task_translate, heed_task_consonant, heed_task_first_letter, heed_task_pronoun;

#endif
