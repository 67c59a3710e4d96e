/* SPDX-License-Identifier: MIT */
/* "Is this normal?": a run's validation loss beside what it can be held against (heed/anchors.h). */
#ifndef HEED_CLI_NORMAL_H
#define HEED_CLI_NORMAL_H

#include <heed/train.h>
#include <stdio.h>

#include "cli/json_out.h"

/** One line; nothing where the text cannot be counted. */
void heed_cli_show_normal(FILE *out, const heed_trainer *trainer, int64_t step, double validation_loss);
/** The members "anchors", an object of losses, and "verdict", the line. */
void heed_cli_json_normal(heed_cli_json *json, const heed_trainer *trainer, int64_t step,
                          double validation_loss);

#endif
