/* SPDX-License-Identifier: MIT */
/* heed workbook check [FOLDER]: the outputs of a program of one's own, judged. */
#include "cli/output.h"
#include "cli/workbook_print.h"
#include "cli/workbook_verdict.h"

typedef struct check_options {
    bool json;
} check_options;

static const heed_field fields[] = {
    {"json", "print one JSON object", HEED_FIELD_BOOLEAN, offsetof(check_options, json), 0, 0, NULL},
};

static heed_status check_json(const heed_cli_desk *desk, const heed_code_folder *folder, heed_error *err)
{
    heed_cli_json json = {.out = stdout};
    heed_status status;

    heed_cli_json_open(&json, NULL, '{');
    heed_cli_json_text(&json, "id", heed_posing_info(heed_code_posing(folder))->id);
    status = heed_cli_judge_outputs_json(desk, folder, &json, err);
    if (status != HEED_OK && status != HEED_ERR_CHECK)
        heed_cli_json_text(&json, "error", err->message);
    heed_cli_json_close(&json, '}');
    return status;
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    check_options own = {.json = false};
    heed_cli_options options = {.command = command, .most_operands = 1};
    heed_cli_desk *desk = NULL;
    heed_code_folder *folder = NULL;
    heed_status status;

    heed_cli_add_group(&options, NULL, fields, 1, &own, true);
    status = heed_cli_desk_begin(&options, argc, argv, &desk, err);
    if (status != HEED_OK || options.help_shown)
        return status;
    status = heed_code_open(desk->book, options.n_operands > 0 ? options.operands[0] : ".", &folder, err);
    if (status == HEED_OK)
        status = own.json ? check_json(desk, folder, err) : heed_cli_judge_outputs(desk, folder, err);
    heed_code_close(folder);
    return status;
}

const heed_cli_command heed_cli_workbook_check = {
    .name = "workbook check",
    .operands = "[FOLDER]",
    .summary = "judge what your program wrote into outputs/; 1: something is wrong",
    .details =
        "FOLDER is one of \"heed workbook start\", where it is left out the one you are in. Each output is\n"
        "outputs/NAME.txt or outputs/NAME.npy.\n",
    .examples = "  heed workbook check\n"
                "  heed workbook check attention --json\n",
    .run = run,
};
