/* SPDX-License-Identifier: MIT */
/* What `heed bench attention` hands on to. */
#ifndef HEED_CLI_BENCH_ATTENTION_H
#define HEED_CLI_BENCH_ATTENTION_H

#include "cli/command.h"

extern const heed_cli_command heed_cli_bench_attention;

#endif
