/* SPDX-License-Identifier: MIT */
/* Matrices from text, as <heed/matrix.h> describes them; the numbers are matrix_number.h's. */
#ifndef HEED_FORMATS_MATRIX_TEXT_H
#define HEED_FORMATS_MATRIX_TEXT_H

#include <heed/matrix.h>
#include <stdbool.h>

typedef struct heed_matrix_text {
    const char *where;  /* what messages begin with: "q", "q: q.csv" */
    bool csv;           /* rows end with lines alone */
    bool truths;        /* 1, 0, true and false, and nothing else */
    heed_status status; /* of what is wrong with the text: HEED_ERR_USAGE or HEED_ERR_FILE */
} heed_matrix_text;

/** Reads n bytes; heed_matrix_free() what came. HEED_ERR_MEMORY. */
heed_status heed_matrix_parse(const char *text, size_t n, const heed_matrix_text *how, heed_matrix *matrix,
                              heed_error *err);

#endif
