/* SPDX-License-Identifier: MIT */
/* A small GPT with random weights for demonstrations, and what it computes. */
#ifndef HEED_WORKBOOK_DEMOS_SMALL_MODEL_H
#define HEED_WORKBOOK_DEMOS_SMALL_MODEL_H

#include <heed/model.h>

#include "inspect/forward.h"
#include "workbook/demo.h"

/** Two pre-norm blocks, d_model 64, 4 heads, a head of its own. heed_model_close() it; NULL after a failure. */
heed_model *heed_demo_small_model(heed_demoing *d, int64_t vocab_size, int64_t context_length);
/** n ids below n_ids from the seed, of the arena; NULL after a failure. */
int32_t *heed_demo_ids(heed_demoing *d, int64_t n, int64_t n_ids);
/** The value of that name after reading ids: its last axis as columns, all others as rows. */
heed_grid heed_demo_read(heed_demoing *d, const heed_model *model, const heed_forward_ids *ids,
                         const char *name);

#endif
