/* SPDX-License-Identifier: MIT */
/* heed workbook ACTION …: exercises about transformers, posed, checked and worked out by the engine. */
#include "cli/workbook.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/output.h"
#include "cli/workbook_print.h"

const heed_cli_command *const heed_cli_workbook_actions[] = {
    &heed_cli_workbook_list,   &heed_cli_workbook_next,   &heed_cli_workbook_show,
    &heed_cli_workbook_answer, &heed_cli_workbook_hint,   &heed_cli_workbook_explain,
    &heed_cli_workbook_new,    &heed_cli_workbook_search, &heed_cli_workbook_note,
    &heed_cli_workbook_reset,  &heed_cli_workbook_start,  &heed_cli_workbook_watch,
    &heed_cli_workbook_check,  &heed_cli_workbook_set,    &heed_cli_workbook_mark,
    &heed_cli_workbook_solve,  &heed_cli_workbook_table,  &heed_cli_workbook_page,
    &heed_cli_workbook_demo,   &heed_cli_workbook_walk,   NULL,
};

enum { N_ACTIONS = sizeof heed_cli_workbook_actions / sizeof heed_cli_workbook_actions[0] - 1 };

const char *heed_cli_workbook_action_name(const heed_cli_command *action)
{
    return strchr(action->name, ' ') + 1;
}

void heed_cli_workbook_show_actions(void)
{
    for (int i = 0; i < N_ACTIONS; i++) {
        const heed_cli_command *action = heed_cli_workbook_actions[i];
        const int n = printf("  %s %s  ", heed_cli_workbook_action_name(action), action->operands);

        heed_cli_put_words(action->summary, 20, n);
    }
}

static heed_status show_help(const heed_cli_command *command)
{
    printf("heed workbook %s: %s\n\n", command->operands, command->summary);
    heed_cli_workbook_show_actions();
    printf("\n%s\nExamples\n%s", command->details, command->examples);
    return HEED_OK;
}

static heed_status no_action(const char *name, heed_error *err)
{
    heed_field names[N_ACTIONS] = {{.name = NULL}};
    char shown[80];
    const char *near;

    for (int i = 0; i < N_ACTIONS; i++)
        names[i].name = heed_cli_workbook_action_name(heed_cli_workbook_actions[i]);
    near = heed_field_nearest(names, N_ACTIONS, name);
    return heed_cli_fail(err, HEED_ERR_USAGE, "workbook cannot \"%s\"%s%s%s",
                         heed_cli_quote(shown, sizeof shown, name), near != NULL ? "; did you mean \"" : "",
                         near != NULL ? near : "",
                         near != NULL ? "\"?" : "; \"heed help workbook\" says what it can");
}

heed_status heed_cli_workbook_act(const char *name, int argc, char **argv, heed_error *err)
{
    for (int i = 0; i < N_ACTIONS; i++) {
        const heed_cli_command *action = heed_cli_workbook_actions[i];
        if (strcmp(name, heed_cli_workbook_action_name(action)) == 0)
            return action->run(action, argc, argv, err);
    }
    return no_action(name, err);
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    heed_status status;

    if (argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0))
        return show_help(command);
    if (argc == 0 && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
        status = heed_cli_workbook_place(err);
    else if (argc == 0 || argv[0][0] == '-')
        status = heed_cli_workbook_act("list", argc, argv, err);
    else
        status = heed_cli_workbook_act(argv[0], argc - 1, argv + 1, err);
    heed_cli_desk_close();
    return status;
}

const heed_cli_command heed_cli_workbook = {
    .name = "workbook",
    .operands = "[ACTION ...]",
    .summary = "exercises: posed with any numbers, checked, worked out",
    .details =
        "Without an action: at a terminal a place where the actions are words on a line, elsewhere where you\n"
        "stand. Right answers are computed by the engine for the numbers at hand; none is stored. What you "
        "have\n"
        "answered is kept in heed/workbook.json in XDG_STATE_HOME or ~/.local/state; HEED_WORKBOOK names "
        "another\n"
        "file. \"heed workbook ACTION --help\" shows the options of an action.\n",
    .examples = "  heed workbook\n"
                "  heed workbook show pp.q10\n"
                "  heed workbook answer pp.q10 '1 0 0; 1 1 0; 1 1 1'\n"
                "  heed workbook set A C --students class.txt --seed 7 --out sheets\n",
    .run = run,
};
