/* SPDX-License-Identifier: MIT */
/*
 * Patterns of names, such as *.attn.*: a star stands for any characters, also none, a question mark for one.
 */
#ifndef HEED_BASE_PATTERN_H
#define HEED_BASE_PATTERN_H

#include <stdbool.h>

/** Does the whole name match? At most strlen(pattern) * strlen(name) comparisons. */
bool heed_pattern_matches(const char *pattern, const char *name);
/** The fewest letters of the pattern to change, add or leave out so that it matches; INT_MAX for more than 127 of either. */
int heed_pattern_distance(const char *pattern, const char *name);

#endif
