/* SPDX-License-Identifier: MIT */
/* Functions of the engine that answer exercises: workbook/sources.txt with their text, taken when the program is built. */
#ifndef HEED_WORKBOOK_SOURCES_H
#define HEED_WORKBOOK_SOURCES_H

#include <stddef.h>

typedef struct heed_source {
    const char *id, *file, *function;
    int line; /* of the file, where the function begins */
    const char *text;
} heed_source;

/** In the order of the list; those of an exercise stand together; ended by a NULL id. */
extern const heed_source heed_workbook_sources[];

#endif
