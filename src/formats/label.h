/* SPDX-License-Identifier: MIT */
/* Text of a picture or a terminal drawing: always one line of valid UTF-8 without control characters. */
#ifndef HEED_FORMATS_LABEL_H
#define HEED_FORMATS_LABEL_H

#include <stddef.h>

#define HEED_LABEL_SIZE 512 /* of a title or a caption, with its zero */

/** A title as it is, control characters and broken UTF-8 as \xNN. NULL gives "". Returns out. */
const char *heed_label_text(char out[HEED_LABEL_SIZE], const char *text);

/**
 * A token made visible: a space as U+2423, a newline as U+23CE, a tab as U+21E5, other control characters as
 * \xNN, cut to max_chars characters (the last one then an ellipsis). Returns out.
 */
const char *heed_label_token(char *out, size_t size, const char *token, int max_chars);

/** A title as heed_label_text() gives it, cut in the same way. Returns out. */
const char *heed_label_cut(char *out, size_t size, const char *text, int max_chars);

/** Characters of valid UTF-8 text; a terminal shows them in about as many columns. */
int heed_label_chars(const char *text);

#endif
