/* SPDX-License-Identifier: MIT */
#ifndef HEED_CLI_WORKBOOK_NEXT_H
#define HEED_CLI_WORKBOOK_NEXT_H

#include "cli/workbook.h"

/** The first exercise behind the one worked on last that was never answered right, from the beginning again; -1: none is left. */
int heed_cli_workbook_find_next(const heed_cli_desk *desk);

#endif
