/* SPDX-License-Identifier: MIT */
/* Where in a text something is, in the words of an editor. */
#ifndef HEED_TEXT_POSITION_H
#define HEED_TEXT_POSITION_H

#include <stddef.h>

typedef struct heed_text_position {
    size_t line, column; /* from 1; a column is a character, not a byte */
} heed_text_position;

/** The place of byte `offset`; the text before it need not be UTF-8 (a stray byte counts as a character). */
heed_text_position heed_text_position_of(const char *text, size_t offset);

/** The place behind n more bytes of text, which begin at `start`. */
heed_text_position heed_text_position_after(heed_text_position start, const char *text, size_t n);

#endif
