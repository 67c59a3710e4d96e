/* SPDX-License-Identifier: MIT */
/* What came of the outputs of a program, printed and kept. */
#ifndef HEED_CLI_WORKBOOK_VERDICT_H
#define HEED_CLI_WORKBOOK_VERDICT_H

#include <heed/code.h>

#include "cli/json_out.h"
#include "cli/workbook.h"

/** Judges the outputs: prints what is right, part by part, and keeps it in the notebook. HEED_ERR_CHECK: not right. */
heed_status heed_cli_judge_outputs(const heed_cli_desk *desk, const heed_code_folder *folder, heed_error *err);
/** The same as members of the open object: "ok", "fields", and "error" where there is nothing to judge. */
heed_status heed_cli_judge_outputs_json(const heed_cli_desk *desk, const heed_code_folder *folder,
                                        heed_cli_json *json, heed_error *err);

#endif
