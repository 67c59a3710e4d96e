/* SPDX-License-Identifier: MIT */
/*
 * Patterns of tokenizer files, which are written for Oniguruma or Rust's engines, in the words of PCRE2.
 */
#ifndef HEED_TEXT_PATTERN_H
#define HEED_TEXT_PATTERN_H

#include <heed/status.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/text_buffer.h"

/* \w of Rust's engine, and of Oniguruma (which has six numbers more, and no joiners), to be put into a class. */
#define HEED_PATTERN_WORD      "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}"
#define HEED_PATTERN_WORD_ONIG "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}"

/**
 * Appends the pattern as PCRE2 is to read it:
 *   \s \S    the property White_Space (PCRE2's own would add U+180E)
 *   \w \W    letters and what counts as such, marks, decimal digits and connecting punctuation; \b \B between them
 *   \h \H    a hexadecimal digit
 *   ^ $      at every line
 *   (?m)     that . is a line end, too
 *   [a[bc]]  one class, [abc]
 * *anchored: it has \A, \G or ^, and so depends on where the text begins.
 * HEED_ERR_FILE: \K, a && between classes, a negated class within a class; `name` begins the message.
 */
heed_status heed_pattern_translate(const char *pattern, size_t n, const char *name, heed_text_buffer *out,
                                   bool *anchored, heed_error *err);

/** Appends text so that the pattern matches exactly it. */
void heed_pattern_quote(const char *text, size_t n, heed_text_buffer *out);

#endif
