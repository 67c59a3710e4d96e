/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "cli/json_out.h"
#include "cli/options.h"

typedef struct version_options {
    bool json;
} version_options;

static const heed_field fields[] = {
    {"json", "print one JSON object", HEED_FIELD_BOOLEAN, offsetof(version_options, json), 0, 0, NULL},
};

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    version_options own = {false};
    heed_cli_options options = {.command = command};
    heed_status status;

    heed_cli_add_group(&options, NULL, fields, 1, &own, true);
    status = heed_cli_read(&options, argc, argv, err);
    if (status == HEED_OK && !options.help_shown)
        status = heed_cli_apply(&options, err);
    if (status != HEED_OK || options.help_shown)
        return status;
    if (own.json) {
        heed_cli_json json = {.out = stdout};
        heed_cli_json_open(&json, NULL, '{');
        heed_cli_json_text(&json, "version", heed_version());
        heed_cli_json_close(&json, '}');
    } else
        printf("heed %s\n", heed_version());
    return HEED_OK;
}

const heed_cli_command heed_cli_version = {
    .name = "version",
    .operands = "",
    .summary = "show the version",
    .examples = "  heed --version\n",
    .run = run,
};
