/* SPDX-License-Identifier: MIT */
/* heed workbook reset [ID]: begin anew. */
#include <stdio.h>
#include <unistd.h>

#include "cli/line.h"
#include "cli/output.h"
#include "cli/workbook_print.h"

typedef struct reset_options {
    bool yes;
} reset_options;

static const heed_field fields[] = {
    {"yes", "forget everything without asking", HEED_FIELD_BOOLEAN, offsetof(reset_options, yes), 0, 0, NULL},
};

static heed_status forget_all(const heed_cli_desk *desk, bool yes, heed_error *err)
{
    heed_status status;

    if (!yes && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
        yes = heed_cli_ask_yes("Forget all answers, hints and notes?");
    else if (!yes)
        return heed_cli_fail(err, HEED_ERR_USAGE,
                             "expected the id of an exercise, or --yes to forget everything");
    if (!yes)
        return HEED_OK;
    status = heed_notebook_reset(desk->notebook, err);
    if (status == HEED_OK)
        fprintf(stderr, "All is forgotten; what was known is in %s.old\n", heed_notebook_path(desk->notebook));
    return status;
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    reset_options own = {.yes = false};
    heed_cli_options options = {.command = command, .most_operands = 1};
    heed_cli_desk *desk = NULL;
    const char *id = NULL;
    heed_status status;

    heed_cli_add_group(&options, NULL, fields, 1, &own, true);
    status = heed_cli_desk_begin(&options, argc, argv, &desk, err);
    if (status != HEED_OK || options.help_shown)
        return status;
    if (status == HEED_OK && options.n_operands == 0)
        return forget_all(desk, own.yes, err);
    if (status == HEED_OK)
        status = heed_cli_desk_find(desk, options.operands[0], &id, err);
    if (status == HEED_OK)
        status = heed_notebook_forget(desk->notebook, id, err);
    if (status == HEED_OK)
        fprintf(stderr, "%s is as on the first day\n", id);
    return status;
}

const heed_cli_command heed_cli_workbook_reset = {
    .name = "workbook reset",
    .operands = "[ID]",
    .summary = "forget an exercise, or everything",
    .details = "Everything means answers, hints, numbers in force and notes; the notebook is kept beside as\n"
               "workbook.json.old.\n",
    .examples = "  heed workbook reset pp.q10\n"
                "  heed workbook reset --yes\n",
    .run = run,
};
