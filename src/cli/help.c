/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "cli/options.h"
#include "cli/output.h"

static void show_overview(void)
{
    printf("heed %s: train a GPT on your own text, run it, and look inside it\n\n", heed_version());
    for (int i = 0; heed_cli_commands[i] != NULL; i++) {
        const heed_cli_command *c = heed_cli_commands[i];
        char left[64];
        snprintf(left, sizeof left, "heed %s %s", c->name, c->operands);
        printf("  %-35s %s\n", left, c->summary);
    }
    printf("\n\"heed help COMMAND\" shows the options of a command.\n\n"
           "Start here\n"
           "  heed train                          learns from built-in stories, into the folder story\n"
           "  heed generate story                 lets the model write\n"
           "  heed inspect story                  shows what its heads attend to\n");
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    heed_cli_options options = {.command = command, .most_operands = 1};
    char help[] = "--help", *arguments[] = {help};
    const heed_cli_command *other = NULL;
    heed_status status = heed_cli_read(&options, argc, argv, err);

    if (status != HEED_OK || options.help_shown)
        return status;
    if (options.n_operands == 0) {
        show_overview();
        return HEED_OK;
    }
    status = heed_cli_find_command(options.operands[0], &other, err);
    return status == HEED_OK ? other->run(other, 1, arguments, err) : status;
}

const heed_cli_command heed_cli_help = {
    .name = "help",
    .operands = "[COMMAND]",
    .summary = "show the options of a command",
    .examples = "  heed help train\n",
    .run = run,
};
