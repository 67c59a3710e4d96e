/* SPDX-License-Identifier: MIT */
#ifndef HEED_BASE_NEAREST_H
#define HEED_BASE_NEAREST_H

/** Levenshtein's edit distance of two words; INT_MAX, which is near to nothing, when one has more than 63 bytes. */
int heed_edit_distance(const char *a, const char *b);
/** True when a distance is small enough for "did you mean" to be of help with this word. */
int heed_is_near(const char *word, int distance);
/** candidate, where it is near to word and nearer than best (NULL: none yet); otherwise best. */
const char *heed_nearer(const char *word, const char *best, const char *candidate);

#endif
