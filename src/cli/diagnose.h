/* SPDX-License-Identifier: MIT */
/* heed generate --diagnose: what went into a text, what is wrong with it, and what helps. */
#ifndef HEED_CLI_DIAGNOSE_H
#define HEED_CLI_DIAGNOSE_H

#include <heed/generate.h>

/** Writes one text behind the prompt and prints its diagnosis on stdout. */
heed_status heed_cli_diagnose(const heed_model *model, const heed_prompt *prompt,
                              const heed_generate_options *options, bool json, heed_error *err);

#endif
