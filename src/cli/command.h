/* SPDX-License-Identifier: MIT */
/*
 * The commands of heed. A command is one file: its options as tables, its help as text, and a function that runs it
 * and returns a status; main() turns the status into an exit code and err into one line on stderr.
 */
#ifndef HEED_CLI_COMMAND_H
#define HEED_CLI_COMMAND_H

#include <heed/heed.h>

typedef struct heed_cli_command heed_cli_command;
struct heed_cli_command {
    const char *name;
    const char *operands; /* "MODEL TEXT" */
    const char *summary;  /* one line */
    const char *details;  /* more, for its own help; lines below 100 columns */
    const char *examples; /* one a line */
    /* argv begins behind the command's name */
    heed_status (*run)(const heed_cli_command *command, int argc, char **argv, heed_error *err);
};

extern const heed_cli_command heed_cli_train;
extern const heed_cli_command heed_cli_generate;
extern const heed_cli_command heed_cli_eval;
extern const heed_cli_command heed_cli_tokenize;
extern const heed_cli_command heed_cli_info;
extern const heed_cli_command heed_cli_shapes;
extern const heed_cli_command heed_cli_trace;
extern const heed_cli_command heed_cli_inspect;
extern const heed_cli_command heed_cli_plot;
extern const heed_cli_command heed_cli_verify;
extern const heed_cli_command heed_cli_convert;
extern const heed_cli_command heed_cli_pull;
extern const heed_cli_command heed_cli_workbook;
extern const heed_cli_command heed_cli_bench;
extern const heed_cli_command heed_cli_help;
extern const heed_cli_command heed_cli_version;

/** All commands in the order of the help, ended by NULL. */
extern const heed_cli_command *const heed_cli_commands[];

/** The command of that name. HEED_ERR_USAGE names the near one; *command is then NULL. */
heed_status heed_cli_find_command(const char *name, const heed_cli_command **command, heed_error *err);

#endif
