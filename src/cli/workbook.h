/* SPDX-License-Identifier: MIT */
/*
 * What heed workbook can be asked to do: one file each. An action gets what stands behind its name; its help is the
 * action's own table. All of them share one desk: the workbook and the learner's notebook.
 */
#ifndef HEED_CLI_WORKBOOK_H
#define HEED_CLI_WORKBOOK_H

#include <heed/workbook.h>

#include "cli/options.h"

/* run gets the action in the place of a command, so that options, help and messages carry its name. */
extern const heed_cli_command heed_cli_workbook_list, heed_cli_workbook_show, heed_cli_workbook_answer,
    heed_cli_workbook_hint, heed_cli_workbook_explain, heed_cli_workbook_new, heed_cli_workbook_next,
    heed_cli_workbook_search, heed_cli_workbook_note, heed_cli_workbook_reset, heed_cli_workbook_set,
    heed_cli_workbook_mark, heed_cli_workbook_solve, heed_cli_workbook_table, heed_cli_workbook_page,
    heed_cli_workbook_demo, heed_cli_workbook_walk, heed_cli_workbook_start, heed_cli_workbook_watch,
    heed_cli_workbook_check;

/** The actions in the order of the help, ended by NULL; "workbook solve" is called solve. */
extern const heed_cli_command *const heed_cli_workbook_actions[];
const char *heed_cli_workbook_action_name(const heed_cli_command *action);
/** Runs the action of that name. HEED_ERR_USAGE names the near one. */
heed_status heed_cli_workbook_act(const char *name, int argc, char **argv, heed_error *err);
/** The actions, a line each. */
void heed_cli_workbook_show_actions(void);
/** The place where the actions are words on a line: until "quit" or the end of the input. */
heed_status heed_cli_workbook_place(heed_error *err);

/* --- the desk --- */

typedef struct heed_cli_desk {
    heed_workbook *book;
    heed_notebook *notebook;
    bool in_place; /* at a terminal, between a prompt and the next */
} heed_cli_desk;

/** The desk of this process, opened by the first who asks, with what others have written since. */
heed_status heed_cli_desk_open(heed_cli_desk **desk, heed_error *err);
/** How an action begins: reads and applies its options, then opens the desk, but for help (options->help_shown). */
heed_status heed_cli_desk_begin(heed_cli_options *options, int argc, char **argv, heed_cli_desk **desk,
                                heed_error *err);
void heed_cli_desk_close(void);
/** What a change of the notebook gave: where it was not saved, that is said on stderr, and the action goes on. */
void heed_cli_desk_note(heed_status status, const heed_error *err);
/** The exercise of that name, NULL: the one worked on last. HEED_ERR_USAGE. *id is the workbook's. */
heed_status heed_cli_desk_find(const heed_cli_desk *desk, const char *name, const char **id, heed_error *err);
/** The same with the numbers in force; from now on it is the one worked on. */
heed_status heed_cli_desk_pose(const heed_cli_desk *desk, const char *name, heed_posing **posing,
                               heed_error *err);

/* --- parameters from the line: --param NAME=VALUE, --params JSON, --variant N --- */

typedef struct heed_cli_numbers {
    const char *params;
    heed_cli_list param;
    int64_t variant; /* -1: none given */
} heed_cli_numbers;

/** *text is the parameters as JSON, allocated, or NULL for a variant. HEED_ERR_USAGE: more than one of them, no NAME=VALUE. */
heed_status heed_cli_numbers_join(const heed_cli_numbers *numbers, char **text, heed_error *err);

#endif
