/* SPDX-License-Identifier: MIT */
/* Ways to keep back a tenth of a text for validation, and what each of them is worth. */
#ifndef HEED_WORKBOOK_DEMOS_TENTHS_H
#define HEED_WORKBOOK_DEMOS_TENTHS_H

#include "workbook/demo.h"

enum {
    HEED_DEMO_TENTHS_WINDOW = 64, /* characters */
    HEED_DEMO_TENTHS_STRIDE = 8,  /* between windows that overlap */
    HEED_DEMO_TENTHS_PIECE = 32,  /* of the middle of a window, looked for in training */
};

typedef enum heed_demo_tenth {
    HEED_DEMO_TENTH_LAST,
    HEED_DEMO_TENTH_FIRST,
    HEED_DEMO_TENTH_APART,   /* random windows that lie side by side */
    HEED_DEMO_TENTH_OVERLAP, /* random windows that overlap */
    HEED_DEMO_N_TENTHS
} heed_demo_tenth;

extern const char *const heed_demo_tenth_names[HEED_DEMO_N_TENTHS];

typedef struct heed_demo_tenths {
    double single[HEED_DEMO_N_TENTHS]; /* loss of characters by their counts in training, nats */
    double pairs[HEED_DEMO_N_TENTHS];  /* the same by counts of pairs */
    double seen[HEED_DEMO_N_TENTHS];   /* share of validation windows whose middle stands in training too */
} heed_demo_tenths;

/** Of the first million bytes of text. apart: no windows overlap, whatever their name says. */
heed_demo_tenths heed_demo_tenths_of(heed_demoing *d, const char *text, size_t n, bool apart);

#endif
