/* SPDX-License-Identifier: MIT */
/* heed workbook ACTION …: exercises about transformers, posed, checked and worked out by the engine. */
#include "cli/workbook.h"

#include <stdio.h>
#include <string.h>

#include "cli/output.h"

/* In the order of the help. */
static const heed_cli_command *const actions[] = {
    &heed_cli_workbook_solve,
    &heed_cli_workbook_mark,
};

enum { N_ACTIONS = sizeof actions / sizeof actions[0] };

/* "workbook solve" is the action solve. */
static const char *action_name(const heed_cli_command *action)
{
    return strchr(action->name, ' ') + 1;
}

static heed_status show_help(const heed_cli_command *command)
{
    printf("heed workbook %s: %s\n\n", command->operands, command->summary);
    for (int i = 0; i < N_ACTIONS; i++)
        printf("  %-10s %-22s %s\n", action_name(actions[i]), actions[i]->operands, actions[i]->summary);
    printf("\n%s\nExamples\n%s", command->details, command->examples);
    return HEED_OK;
}

static heed_status no_action(const char *name, heed_error *err)
{
    heed_field names[N_ACTIONS] = {{.name = NULL}};
    char shown[80];
    const char *near;

    for (int i = 0; i < N_ACTIONS; i++)
        names[i].name = action_name(actions[i]);
    near = heed_field_nearest(names, N_ACTIONS, name);
    return heed_cli_fail(err, HEED_ERR_USAGE, "workbook cannot \"%s\"%s%s%s",
                         heed_cli_quote(shown, sizeof shown, name), near != NULL ? "; did you mean \"" : "",
                         near != NULL ? near : "",
                         near != NULL ? "\"?" : "; \"heed help workbook\" says what it can");
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    if (argc == 0 || strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)
        return show_help(command);
    for (int i = 0; i < N_ACTIONS; i++) {
        if (strcmp(argv[0], action_name(actions[i])) == 0)
            return actions[i]->run(actions[i], argc - 1, argv + 1, err);
    }
    return no_action(argv[0], err);
}

const heed_cli_command heed_cli_workbook = {
    .name = "workbook",
    .operands = "ACTION ...",
    .summary = "exercises: posed with any numbers, checked, worked out",
    .details = "Right answers are computed by the engine for the numbers at hand; none is stored.\n",
    .examples = "  heed workbook solve pp.q10 --param seq_len=5\n"
                "  heed workbook mark answers.jsonl\n",
    .run = run,
};
