/* SPDX-License-Identifier: MIT */
/* What a demonstration has shown so far: the memory behind its result. */
#ifndef HEED_WORKBOOK_DEMO_SHOWN_H
#define HEED_WORKBOOK_DEMO_SHOWN_H

#include "workbook/demo.h"

enum {
    HEED_DEMO_CHECKS = 16,
    HEED_DEMO_FIGURES = 40,
    HEED_DEMO_TABLES = 12,
    HEED_DEMO_CURVES = 8,
    HEED_DEMO_PASSAGES = 16
};

typedef struct heed_demo_shown {
    heed_demo_result result; /* first: this is what is handed out */
    heed_arena *arena;
    char *params;
    heed_demo_check checks[HEED_DEMO_CHECKS];
    heed_demo_figure figures[HEED_DEMO_FIGURES];
    heed_demo_table tables[HEED_DEMO_TABLES];
    heed_demo_curve curves[HEED_DEMO_CURVES];
    heed_demo_passage passages[HEED_DEMO_PASSAGES];
} heed_demo_shown;

#endif
