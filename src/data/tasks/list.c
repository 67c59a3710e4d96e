/* SPDX-License-Identifier: MIT */
#include "data/tasks/list.h"

#include <stddef.h>
#include <string.h>

const char *const heed_task_names[] = {"none",         "copy",     "reverse",   "sort",
                                       "induction",    "addition", "translate", "consonant",
                                       "first-letter", "pronoun",  NULL};

const heed_task_kind *const heed_task_kinds[] = {NULL,
                                                 &heed_task_copy,
                                                 &heed_task_reverse,
                                                 &heed_task_sort,
                                                 &heed_task_induction,
                                                 &heed_task_addition,
                                                 &heed_task_translate,
                                                 &heed_task_consonant,
                                                 &heed_task_first_letter,
                                                 &heed_task_pronoun,
                                                 NULL};

int heed_task_find(const char *name)
{
    for (int i = 0; heed_task_names[i] != NULL; i++)
        if (strcmp(heed_task_names[i], name) == 0)
            return i;
    return -1;
}
