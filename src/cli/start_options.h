/* SPDX-License-Identifier: MIT */
/* The options of heed train that name models: they are found by path or name, and --from brings a configuration along. */
#ifndef HEED_CLI_START_OPTIONS_H
#define HEED_CLI_START_OPTIONS_H

#include "cli/options.h"

/** heed_cli_configure() for a run; a preset or a tokenizer beside --from is HEED_ERR_USAGE. */
heed_status heed_cli_configure_run(const heed_cli_options *options, const char *preset, const char *file,
                                   heed_config *config, heed_train_options *train, heed_error *err);

#endif
