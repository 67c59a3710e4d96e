/* SPDX-License-Identifier: MIT */
/* What `heed trace attention` hands on to. */
#ifndef HEED_CLI_TRACE_ATTENTION_H
#define HEED_CLI_TRACE_ATTENTION_H

#include "cli/command.h"

extern const heed_cli_command heed_cli_trace_attention;

#endif
