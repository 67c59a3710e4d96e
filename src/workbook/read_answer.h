/* SPDX-License-Identifier: MIT */
/*
 * Answers as people write them.
 *
 *   numbers    0.5  1/3  sqrt(2)  e^0.7071  ln(200000)  2^21  32*256*256  2,097,152  2 097 152  51.2M  65.5k  40%
 *              8 MiB  8.4 MB  (B kB MB GB of ten, KiB MiB GiB of two)  -inf  nan
 *   shapes     (1, 4, 8)  1x4x8  [1,4,8]  1 4 8
 *   matrices   1 0; 0 1   [[1, 0], [0, 1]]   rows on lines of their own
 *   texts, lists of texts with commas; yes, no, true, false
 */
#ifndef HEED_WORKBOOK_READ_ANSWER_H
#define HEED_WORKBOOK_READ_ANSWER_H

#include "workbook/exercise.h"

#define HEED_ANSWER_MOST_BYTES 1048576

/** *value is new. words: the expected value is made of texts. HEED_ERR_USAGE: what was expected, what came and where. */
heed_status heed_answer_read(const heed_field_spec *field, bool words, const char *text, json_t **value,
                             heed_error *err);

#endif
