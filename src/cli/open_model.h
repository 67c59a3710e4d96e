/* SPDX-License-Identifier: MIT */
/* How a command about one model begins: its options are read and set, and the model it names is opened. */
#ifndef HEED_CLI_OPEN_MODEL_H
#define HEED_CLI_OPEN_MODEL_H

#include <heed/model.h>

#include "cli/options.h"

/** Opens what MODEL on the line means: a folder, otherwise a pulled model of that name. */
heed_status heed_cli_open_named(const char *name, heed_model **model, heed_error *err);

/** *model is what the first operand names. It stays NULL after an error, and where the help was shown. */
heed_status heed_cli_open_model(heed_cli_options *options, int argc, char **argv, heed_model **model,
                                heed_error *err);

#endif
