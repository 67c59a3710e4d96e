/* SPDX-License-Identifier: MIT */
/* The steps of the walk, in their order. */
#include "workbook/walk/steps.h"

const heed_walk_step *const heed_walk_steps[] = {
    &heed_walk_step_01,
    &heed_walk_step_02,
    &heed_walk_step_03,
    &heed_walk_step_04,
    &heed_walk_step_05,
    &heed_walk_step_06,
    &heed_walk_step_07,
    &heed_walk_step_08,
    &heed_walk_step_09,
    &heed_walk_step_10,
    &heed_walk_step_11,
    &heed_walk_step_12,
    &heed_walk_step_13,
    &heed_walk_step_14,
    &heed_walk_step_15,
    &heed_walk_step_16,
    NULL,
};
