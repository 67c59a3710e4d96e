/* SPDX-License-Identifier: MIT */
/* An answer written in the reader's own editor: VISUAL, EDITOR, vi. */
#ifndef HEED_CLI_WORKBOOK_EDIT_H
#define HEED_CLI_WORKBOOK_EDIT_H

#include "cli/workbook.h"

/** *text is what was written, without lines that begin with #; allocated. The file, whose name is in path, is left. */
heed_status heed_cli_edit_answers(const heed_posing *posing, char path[512], char **text, heed_error *err);

#endif
