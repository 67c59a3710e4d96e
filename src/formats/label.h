/* SPDX-License-Identifier: MIT */
/* Text of a picture or a terminal drawing: always one line of valid UTF-8 without control characters. */
#ifndef HEED_FORMATS_LABEL_H
#define HEED_FORMATS_LABEL_H

#include <stddef.h>

#define HEED_LABEL_SIZE 512 /* of a title or a caption, with its zero */

/** A title as it is, control characters and broken UTF-8 as \xNN. NULL gives "". Returns out. */
const char *heed_label_text(char out[HEED_LABEL_SIZE], const char *text);

/**
 * A token made visible: a space as U+2423, a newline as U+23CE, a tab as U+21E5, other control characters and broken UTF-8
 * as \xNN, characters that only steer the layout (directions, joiners, line separators) as \u202E; a mark that would sit
 * on what stands before it sits on U+25CC. Cut to max_chars columns of a terminal (the last one then an ellipsis). Returns
 * out.
 */
const char *heed_label_token(char *out, size_t size, const char *token, int max_chars);

/** A title as heed_label_text() gives it, cut in the same way. Returns out. */
const char *heed_label_cut(char *out, size_t size, const char *text, int max_chars);

/** Columns that a terminal shows valid UTF-8 text in: two for a wide character, none for a mark on another one. */
int heed_label_chars(const char *text);

#endif
