/* SPDX-License-Identifier: MIT */
/* heed workbook show [ID]: the question, with the numbers in force. */
#include "cli/workbook_print.h"

typedef struct show_options {
    bool json;
} show_options;

static const heed_field fields[] = {
    {"json", "print one JSON object", HEED_FIELD_BOOLEAN, offsetof(show_options, json), 0, 0, NULL},
};

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    show_options own = {.json = false};
    heed_cli_options options = {.command = command, .most_operands = 1};
    heed_cli_desk *desk = NULL;
    heed_posing *posing = NULL;
    heed_status status;

    heed_cli_add_group(&options, NULL, fields, 1, &own, true);
    status = heed_cli_desk_begin(&options, argc, argv, &desk, err);
    if (status != HEED_OK || options.help_shown)
        return status;
    status = heed_cli_desk_pose(desk, options.operands[0], &posing, err);
    if (status == HEED_OK)
        heed_cli_pose(desk, posing, own.json);
    heed_posing_destroy(posing);
    return status;
}

const heed_cli_command heed_cli_workbook_show = {
    .name = "workbook show",
    .operands = "[ID]",
    .summary = "the question; without ID, of the exercise worked on last",
    .examples = "  heed workbook show pp.q10\n",
    .run = run,
};
