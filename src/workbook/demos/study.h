/* SPDX-License-Identifier: MIT */
/*
 * A model that goes through a text again and again, window by window in another order each time: epochs, which the trainer has
 * too, on as small a part of a text as one likes, and looked at between them.
 *
 *     heed_demo_study s;
 *
 *     if (heed_demo_study_open(d, &config, &options, &reading, n_train, &s)) {
 *         for (int64_t i = 0; i < steps; i++)
 *             curve.data[i] = heed_demo_study_step(&s);
 *         loss = heed_demo_study_loss(&s, HEED_PART_VALIDATION, 10);
 *     }
 *     heed_demo_study_close(&s);
 *
 * Training sees the first n_train ids of the reading, validation the rest; windows do not overlap.
 */
#ifndef HEED_WORKBOOK_DEMOS_STUDY_H
#define HEED_WORKBOOK_DEMOS_STUDY_H

#include <heed/model.h>

#include "data/source.h"
#include "workbook/demos/learner.h"
#include "workbook/demos/reading.h"

typedef struct heed_demo_study {
    heed_demoing *d;
    const heed_demo_reading *reading;
    heed_model *model; /* its weights are trained */
    heed_learner learner;
    int32_t *ids, *targets;   /* [batch, length] */
    int64_t batch, length;    /* options.batch_size, config.context_length */
    int64_t n_train, n_other; /* windows of training and of validation */
    int64_t first_other;      /* the first of validation's, from the begin of the text */
    int64_t *order;           /* [n_train] of this epoch */
    int64_t drawn;            /* windows so far */
} heed_demo_study;

/** false: d has failed, also where a part has no window; closing is right in any case. */
bool heed_demo_study_open(heed_demoing *d, const heed_config *config, const heed_train_options *options,
                          const heed_demo_reading *reading, int64_t n_train, heed_demo_study *s);
void heed_demo_study_close(heed_demo_study *s);
/** An update by the next windows; their loss before it. */
double heed_demo_study_step(heed_demo_study *s);
/** How many epochs the windows make that were drawn. */
double heed_demo_study_epochs(const heed_demo_study *s);
/** The mean loss of at most so many batches of a part, always the same ones, spread over it; changes nothing. */
double heed_demo_study_loss(heed_demo_study *s, heed_part part, int64_t batches);
/** The model's numbers, copied: a checkpoint; and put back. Of d's arena. */
float *heed_demo_study_keep(heed_demo_study *s, float *room);
void heed_demo_study_put_back(heed_demo_study *s, const float *kept);

#endif
