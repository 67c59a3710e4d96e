/* SPDX-License-Identifier: MIT */
/*
 * The walk's small models beyond the table: embeddings, positions, heads. Built of ops and taught by windows of the text
 * (demos/pupil.h), so that each is the one before it with one part more.
 */
#ifndef HEED_WORKBOOK_WALK_SMALL_H
#define HEED_WORKBOOK_WALK_SMALL_H

#include "workbook/demos/pupil.h"
#include "workbook/walk/walking.h"

typedef struct heed_walk_parts {
    int64_t V;
    bool positions;
    int64_t n_heads; /* 0: no attention */
    bool scaled;     /* scores over sqrt(head_size) */
    bool feed_forward;
    int64_t n_blocks; /* of heads and feed-forward with residuals; 0: one of each, without */
    bool norms;
} heed_walk_parts;

/** The text as the pupil takes it; freed with the step. */
heed_demo_characters heed_walk_characters(heed_walking *w);
/** Teaches such a model; its validation loss, NaN after a failure. write: characters that it then writes, in quotes. */
double heed_walk_teach(heed_walking *w, const heed_demo_characters *text, heed_walk_parts parts,
                       const char *words, double from, double to, int64_t write);
/** What a step says of a loss beside that of counted pairs, as figures and lines. */
void heed_walk_compare(heed_walking *w, const char *name, double loss, double counted);

#endif
