/* SPDX-License-Identifier: MIT */
/*
 * A model in a folder for a moment: what training that begins with another model or learns from one is told.
 *
 *     heed_demo_folder folder;
 *
 *     if (heed_demo_keep(d, heed_trainer_model(teacher), &folder))
 *         …heed_demo_train_begin() with options.distill = folder.path…
 *     heed_demo_drop(&folder);                              in any case; whoever has opened it goes on, it is mapped
 */
#ifndef HEED_WORKBOOK_DEMOS_KEPT_MODEL_H
#define HEED_WORKBOOK_DEMOS_KEPT_MODEL_H

#include <heed/model.h>

#include "workbook/demo.h"

typedef struct heed_demo_folder {
    char path[256]; /* under the system's temporary folder; "": there is none */
} heed_demo_folder;

/** Writes configuration, weights and tokenizer into a new folder. False: d has failed. */
bool heed_demo_keep(heed_demoing *d, const heed_model *model, heed_demo_folder *folder);
/** Removes it. */
void heed_demo_drop(heed_demo_folder *folder);

#endif
