/* SPDX-License-Identifier: MIT */
/* The demonstrations by their numbers: a new one is a line here and one in demos.h. */
#include "workbook/demos/demos.h"

/* A line each. */
/* clang-format off */
const heed_demo *const heed_demos[] = {
    &heed_demo_01,
    &heed_demo_02,
    &heed_demo_03,
    &heed_demo_04,
    &heed_demo_05,
    &heed_demo_06,
    &heed_demo_07,
    &heed_demo_08,
    &heed_demo_09,
    &heed_demo_10,
    &heed_demo_11,
    &heed_demo_12,
    &heed_demo_15,
    &heed_demo_16,
    &heed_demo_17,
    &heed_demo_18,
    &heed_demo_19,
    &heed_demo_20,
    &heed_demo_21,
    &heed_demo_22,
    &heed_demo_23,
    &heed_demo_24,
    &heed_demo_25,
    &heed_demo_26,
    &heed_demo_28,
    &heed_demo_29,
    &heed_demo_30,
    &heed_demo_31,
    &heed_demo_32,
    &heed_demo_33,
    &heed_demo_35,
    &heed_demo_37,
    &heed_demo_38,
    &heed_demo_39,
    &heed_demo_41,
    &heed_demo_42,
    &heed_demo_43,
    &heed_demo_44,
    &heed_demo_45,
    &heed_demo_46,
    &heed_demo_e01,
    &heed_demo_e02,
    &heed_demo_e04,
    &heed_demo_e08,
    &heed_demo_e09,
    &heed_demo_e10,
    NULL,
};
/* clang-format on */
    &heed_demo_e08,
    &heed_demo_e09,
    &heed_demo_e10,
/* SPDX-License-Identifier: MIT */
/* The demonstrations by their numbers: a new one is a line here and one in demos.h. */
#include "workbook/demos/demos.h"

/* A line each. */
/* clang-format off */
const heed_demo *const heed_demos[] = {
    &heed_demo_01, &heed_demo_02, &heed_demo_03, &heed_demo_04, &heed_demo_05, &heed_demo_06, &heed_demo_07, &heed_demo_08, &heed_demo_09, &heed_demo_10, &heed_demo_11, &heed_demo_12, &heed_demo_15, &heed_demo_16, &heed_demo_17, &heed_demo_18, &heed_demo_19, &heed_demo_20, &heed_demo_21, &heed_demo_22, &heed_demo_23, &heed_demo_24, &heed_demo_25, &heed_demo_26, &heed_demo_28, &heed_demo_29, &heed_demo_30, &heed_demo_31, &heed_demo_32, &heed_demo_33, &heed_demo_35, &heed_demo_37, &heed_demo_38, &heed_demo_39, &heed_demo_41, &heed_demo_42, &heed_demo_43, &heed_demo_44, &heed_demo_45, &heed_demo_46, &heed_demo_e01, &heed_demo_e02, &heed_demo_e04, NULL,
};
/* clang-format on */
