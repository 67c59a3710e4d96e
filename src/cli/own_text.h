/* SPDX-License-Identifier: MIT */
/* A text to look at where the user has given none: the model writes one. */
#ifndef HEED_CLI_OWN_TEXT_H
#define HEED_CLI_OWN_TEXT_H

#include <heed/model.h>

/** The first line that the model writes, its map fits 80 columns; *text is allocated. */
heed_status heed_cli_own_text(const heed_model *model, char **text, size_t *n, heed_error *err);

#endif
