/* SPDX-License-Identifier: MIT */
/*
 * Weights as the usual layers of other libraries begin: tables normal of deviation 1, maps of deviation 1/sqrt(3 d_model),
 * where heed begins as GPT-2 does, with 0.02 for both. Behind a LayerNorm it makes no difference; a model without norms, such
 * as M0, learns nothing for hundreds of steps from scores that are that small.
 */
#ifndef HEED_WORKBOOK_DEMOS_UNIT_START_H
#define HEED_WORKBOOK_DEMOS_UNIT_START_H

#include <heed/model.h>

/** Of a fresh model that is to be trained; NULL is allowed. */
void heed_demo_unit_start(const heed_model *model);

#endif
