/* SPDX-License-Identifier: MIT */
/* Patterns of heads as demonstrations show them: of the first tokens of a subject's text. */
#ifndef HEED_WORKBOOK_DEMOS_PATTERNS_H
#define HEED_WORKBOOK_DEMOS_PATTERNS_H

#include "workbook/demos/subject.h"

#define HEED_DEMO_SHOWN  16 /* tokens of a pattern that is drawn: four heads fit beside each other */
#define HEED_DEMO_MAPPED 12 /* tokens of one that is a map, whose cells are numbers */

/** The pattern of one head over the first window, [length, length]. */
heed_grid heed_demo_pattern(heed_demoing *d, const heed_demo_subject *subject, heed_demo_head head);
/** What it breaks of the two laws: the largest weight above the diagonal, and the row's sum that is farthest from 1. */
typedef struct heed_demo_laws {
    double above, sum;
} heed_demo_laws;
heed_demo_laws heed_demo_laws_of(heed_grid pattern);

/** Draws the heads as characters, four beside each other, the darker the more weight; tokens stand at both sides. */
void heed_show_patterns(heed_demoing *d, const heed_demo_subject *subject, const heed_demo_head *heads, int n,
                        const char *title);
/** One of them as a map with its tokens. */
void heed_show_pattern(heed_demoing *d, const heed_demo_subject *subject, heed_demo_head head,
                       const char *title);
/** Where heads look, as shares of all weight: a row for each head, columns of distances. */
void heed_show_distances(heed_demoing *d, const heed_heads *heads, const char *names);

#endif
