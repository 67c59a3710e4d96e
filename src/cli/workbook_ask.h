/* SPDX-License-Identifier: MIT */
#ifndef HEED_CLI_WORKBOOK_ASK_H
#define HEED_CLI_WORKBOOK_ASK_H

#include "cli/workbook_split.h"

/**
 * Asks at the terminal for one answer after the other; what cannot be read is asked for again. Where nothing is written, that of
 * before (NULL: there is none) stays. *text is allocated.
 */
heed_status heed_cli_ask_answers(const heed_posing *posing, const heed_cli_answers *before, char **text,
                                 heed_error *err);

#endif
