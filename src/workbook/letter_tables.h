/* SPDX-License-Identifier: MIT */
/*
 * Tables of letters and of places, read: which of several readings is true of every entry.
 *
 *     static bool says_first(int64_t column, int64_t feature) { return feature == HEED_LETTER_FIRST && column == 0; }
 *     const heed_letter_reading readings[] = {{"first", says_first}, ..};
 *     heed_put_text(s, "choice", heed_letter_reading_of(x.position, readings, n));
 */
#ifndef HEED_WORKBOOK_LETTER_TABLES_H
#define HEED_WORKBOOK_LETTER_TABLES_H

#include "workbook/letters.h"

extern const char heed_alphabet[];

/** The parameter "letter". */
char heed_take_letter(heed_solving *s);
void heed_vary_letter(heed_varying *v);

/* Is there a 1 in that column of the table (counted from 0), in the row of that feature? Columns are rows of a grid here. */
typedef struct heed_letter_reading {
    const char *key;
    bool (*says)(int64_t column, int64_t feature);
} heed_letter_reading;

/** The key of the first reading that is true of all entries; "": none is. */
const char *heed_letter_reading_of(heed_grid table, const heed_letter_reading *readings, int n);
/** A step with the columns that have a 1 in that feature: as letters, or as places from 1 on. */
void heed_step_letter_feature(heed_solving *s, heed_grid table, int64_t feature, bool letters);

#endif
