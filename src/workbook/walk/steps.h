/* SPDX-License-Identifier: MIT */
/* Each step of the walk is a file of its number. */
#ifndef HEED_WORKBOOK_WALK_STEPS_H
#define HEED_WORKBOOK_WALK_STEPS_H

#include "workbook/walk/walking.h"

extern const heed_walk_step heed_walk_step_01;
extern const heed_walk_step heed_walk_step_02;
extern const heed_walk_step heed_walk_step_03;
extern const heed_walk_step heed_walk_step_04;
extern const heed_walk_step heed_walk_step_05;
extern const heed_walk_step heed_walk_step_06;
extern const heed_walk_step heed_walk_step_07;
extern const heed_walk_step heed_walk_step_08;
extern const heed_walk_step heed_walk_step_09;
extern const heed_walk_step heed_walk_step_10;
extern const heed_walk_step heed_walk_step_11;
extern const heed_walk_step heed_walk_step_12;
extern const heed_walk_step heed_walk_step_13;
extern const heed_walk_step heed_walk_step_14;
extern const heed_walk_step heed_walk_step_15;
extern const heed_walk_step heed_walk_step_16;
extern const heed_walk_step heed_walk_step_17;
extern const heed_walk_step heed_walk_step_18;
extern const heed_walk_step heed_walk_step_19;
extern const heed_walk_step heed_walk_step_20;
extern const heed_walk_step heed_walk_step_21;
extern const heed_walk_step heed_walk_step_22;
extern const heed_walk_step heed_walk_step_23;
extern const heed_walk_step heed_walk_step_24;
extern const heed_walk_step heed_walk_step_25;
extern const heed_walk_step heed_walk_step_26;
extern const heed_walk_step heed_walk_step_27;
extern const heed_walk_step heed_walk_step_28;

#endif
