/* SPDX-License-Identifier: MIT */
/** Tokens made visible for a terminal of characters: one line, nothing that steers it, no wider than asked for. */
#ifndef HEED_LABEL_H
#define HEED_LABEL_H

#include <heed/model.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HEED_LABEL_BYTES 512 /* suffice for 60 columns */

/**
 * The token with blanks and newlines as signs and other control characters as \xNN, cut to `columns` (the last one then an
 * ellipsis), in out. An id without a text is #ID. Returns the columns that it takes.
 */
HEED_API int heed_token_label(const heed_model *model, int32_t id, int columns, char *out, size_t size);

#ifdef __cplusplus
}
#endif
#endif
