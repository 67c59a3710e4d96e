/* SPDX-License-Identifier: MIT */
/*
 * The model that a demonstration looks at, and what that reads: a folder's, by the parameter "model", or one that is trained
 * here, where that is "". The text is the part that training did not see; of a folder's model it is the parameter "text", or
 * stories that nobody has trained on.
 *
 *     heed_demo_subject subject;
 *
 *     if (heed_demo_subject_open(d, &t, "training", 0.0, 0.9, 16, &subject))
 *         heads = heed_demo_look(d, &subject, true);
 *     heed_demo_subject_close(&subject);
 */
#ifndef HEED_WORKBOOK_DEMOS_SUBJECT_H
#define HEED_WORKBOOK_DEMOS_SUBJECT_H

#include <heed/heads.h>

#include "workbook/demos/training.h"

typedef struct heed_demo_subject {
    const heed_model *model;
    heed_trainer *trainer; /* that it belongs to; NULL: it is a folder's */
    heed_model *opened;    /* the folder's; NULL: it was trained here */
    int32_t *ids;          /* [batch, length], one behind the other in the text */
    int64_t batch, length; /* length: the context that it trains on, or of a large model a part of it */
} heed_demo_subject;

/**
 * Opens or trains it; t.options.steps 0: it is as it was made. `windows`: of the text, fewer where that is short. False after
 * a failure; then there is nothing to close.
 */
bool heed_demo_subject_open(heed_demoing *d, heed_demo_training *t, const char *words, double from, double to,
                            int64_t windows, heed_demo_subject *out);
void heed_demo_subject_close(heed_demo_subject *subject);
/** The same of a trainer that stays its owner's. */
bool heed_demo_subject_of(heed_demoing *d, heed_trainer *trainer, int64_t windows, heed_demo_subject *out);

typedef struct heed_demo_head {
    int layer, head;
} heed_demo_head;

/** All heads on the ids; NULL after a failure. heed_heads_destroy() it. */
heed_heads *heed_demo_look(heed_demoing *d, const heed_demo_subject *subject, bool similarity);
/** "0.0|0.1|..": layer and head of each of n, NULL: of none; of the arena. */
const char *heed_demo_names_of(heed_demoing *d, const heed_demo_head *heads, int64_t n);
/** The same of all, in their order. */
const char *heed_demo_head_names(heed_demoing *d, const heed_heads *heads);
/** Number i in that order. */
heed_demo_head heed_demo_head_at(const heed_heads *heads, int64_t i);
/** The cosines of all pairs of patterns, [N, N]; of heads that were looked at with similarity. */
heed_grid heed_demo_similarity(heed_demoing *d, const heed_heads *heads);
/** True: the model is a folder's, by the parameter "model". */
bool heed_demo_names_model(heed_demoing *d);
/** The model in the folder of the parameter "model"; NULL where that is "", and after a failure. heed_model_close() it. */
heed_model *heed_demo_given_model(heed_demoing *d);
/** What is looked at, in words: "the model in FOLDER", "a model trained here, 300 steps". */
const char *heed_demo_subject_words(heed_demoing *d, const heed_demo_training *t);

#endif
