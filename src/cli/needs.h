/* SPDX-License-Identifier: MIT */
/* Settings of heed train that do nothing without another one: given without it they are refused, not passed over. */
#ifndef HEED_CLI_NEEDS_H
#define HEED_CLI_NEEDS_H

#include "cli/options.h"
#include "cli/train_run.h"

/** Whether what the line has given has an effect; train: after the file and the line. HEED_ERR_USAGE names the first. */
heed_status heed_cli_check_needs(const heed_cli_options *options, const heed_cli_train_options *own,
                                 const heed_train_options *train, heed_error *err);

#endif
