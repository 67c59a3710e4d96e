/* SPDX-License-Identifier: MIT */
/* Each demonstration is a file of its number. */
#ifndef HEED_WORKBOOK_DEMOS_DEMOS_H
#define HEED_WORKBOOK_DEMOS_DEMOS_H

#include "workbook/demo.h"

extern const heed_demo heed_demo_01;
extern const heed_demo heed_demo_02;
extern const heed_demo heed_demo_03;
extern const heed_demo heed_demo_04;
extern const heed_demo heed_demo_05;
extern const heed_demo heed_demo_06;
extern const heed_demo heed_demo_07;
extern const heed_demo heed_demo_08;
extern const heed_demo heed_demo_09;
extern const heed_demo heed_demo_10;
extern const heed_demo heed_demo_11;
extern const heed_demo heed_demo_12;
extern const heed_demo heed_demo_13;
extern const heed_demo heed_demo_14;
extern const heed_demo heed_demo_15;
extern const heed_demo heed_demo_16;
extern const heed_demo heed_demo_17;
extern const heed_demo heed_demo_18;
extern const heed_demo heed_demo_19;
extern const heed_demo heed_demo_20;
extern const heed_demo heed_demo_21;
extern const heed_demo heed_demo_22;
extern const heed_demo heed_demo_23;
extern const heed_demo heed_demo_24;
extern const heed_demo heed_demo_25;
extern const heed_demo heed_demo_26;
extern const heed_demo heed_demo_27;
extern const heed_demo heed_demo_28;
extern const heed_demo heed_demo_29;
extern const heed_demo heed_demo_30;
extern const heed_demo heed_demo_31;
extern const heed_demo heed_demo_32;
extern const heed_demo heed_demo_33;
extern const heed_demo heed_demo_34;
extern const heed_demo heed_demo_35;
extern const heed_demo heed_demo_36;
extern const heed_demo heed_demo_37;
extern const heed_demo heed_demo_38;
extern const heed_demo heed_demo_39;
extern const heed_demo heed_demo_40;
extern const heed_demo heed_demo_41;
extern const heed_demo heed_demo_42;
extern const heed_demo heed_demo_43;
extern const heed_demo heed_demo_44;
extern const heed_demo heed_demo_45;
extern const heed_demo heed_demo_46;
extern const heed_demo heed_demo_e01;
extern const heed_demo heed_demo_e02;
extern const heed_demo heed_demo_e03;
extern const heed_demo heed_demo_e04;
extern const heed_demo heed_demo_e05;
extern const heed_demo heed_demo_e06;
extern const heed_demo heed_demo_e07;
extern const heed_demo heed_demo_e08;
extern const heed_demo heed_demo_e09;
extern const heed_demo heed_demo_e10;
extern const heed_demo heed_demo_e11;

#endif
