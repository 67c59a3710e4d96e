/* SPDX-License-Identifier: MIT */
/*
 * What heed workbook can be asked to do: one file each. An action gets what stands behind its name; its help is the
 * action's own table.
 */
#ifndef HEED_CLI_WORKBOOK_H
#define HEED_CLI_WORKBOOK_H

#include <heed/workbook.h>

#include "cli/options.h"

/* run gets the action in the place of a command, so that options, help and messages carry its name. */
extern const heed_cli_command heed_cli_workbook_solve, heed_cli_workbook_mark;

#endif
