/* SPDX-License-Identifier: MIT */
/* Where a model's numbers stop being finite while it reads the text: said once, before any view. */
#ifndef HEED_CLI_NONFINITE_OUT_H
#define HEED_CLI_NONFINITE_OUT_H

#include "cli/view.h"

/** Sentences on stdout, or "not_finite" in the open object. */
void heed_cli_put_nonfinite(const heed_cli_look *look, const heed_nonfinite *found);

#endif
