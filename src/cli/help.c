/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "cli/options.h"
#include "cli/output.h"

/* The columns of the longest command with its operands. */
static int command_columns(void)
{
    size_t most = 0;

    for (int i = 0; heed_cli_commands[i] != NULL; i++) {
        const heed_cli_command *c = heed_cli_commands[i];
        const size_t n = strlen("heed ") + strlen(c->name) + 1 + strlen(c->operands);
        most = n > most ? n : most;
    }
    return (int)most;
}

static void show_overview(void)
{
    static const char *const start[][2] = {
        {"heed train", "learns from built-in stories, into the folder story"},
        {"heed generate story", "lets the model write"},
        {"heed inspect story", "shows what its heads attend to"},
        {"heed trace story", "lists the numbers that can be asked where they came from"},
    };
    const int columns = command_columns();
    char left[64];

    printf("heed %s: train a GPT on your own text, run it, and look inside it\n\n", heed_version());
    for (int i = 0; heed_cli_commands[i] != NULL; i++) {
        const heed_cli_command *c = heed_cli_commands[i];
        snprintf(left, sizeof left, "heed %s %s", c->name, c->operands);
        printf("  %-*s  %s\n", columns, left, c->summary);
    }
    printf("\n\"heed help COMMAND\" shows the options of a command.\n\nStart here\n");
    for (size_t i = 0; i < sizeof start / sizeof start[0]; i++)
        printf("  %-*s  %s\n", columns, start[i][0], start[i][1]);
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    heed_cli_options options = {.command = command, .most_operands = 2};
    char help[] = "--help", part[64], *arguments[2];
    int n = 0;
    const heed_cli_command *other = NULL;
    heed_status status = heed_cli_read(&options, argc, argv, err);

    if (status != HEED_OK || options.help_shown)
        return status;
    if (options.n_operands == 0) {
        show_overview();
        return HEED_OK;
    }
    status = heed_cli_find_command(options.operands[0], &other, err);
    if (options.n_operands > 1) { /* a command of a command: trace attention */
        snprintf(part, sizeof part, "%s", options.operands[1]);
        arguments[n++] = part;
    }
    arguments[n++] = help;
    return status == HEED_OK ? other->run(other, n, arguments, err) : status;
}

const heed_cli_command heed_cli_help = {
    .name = "help",
    .operands = "[COMMAND]",
    .summary = "show the options of a command",
    .examples = "  heed help train\n"
                "  heed help trace attention\n",
    .run = run,
};
