/* SPDX-License-Identifier: MIT */
/* Where a model's numbers stop being finite while it reads the text: said once, before any view. */
#ifndef HEED_CLI_NONFINITE_OUT_H
#define HEED_CLI_NONFINITE_OUT_H

#include "cli/view.h"

/** Sentences on stdout, or "not_finite" in the open object; nothing where all is well. Errors of reading the text. */
heed_status heed_cli_show_nonfinite(const heed_cli_look *look, heed_error *err);

#endif
