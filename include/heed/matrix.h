/* SPDX-License-Identifier: MIT */
/**
 * Small matrices as people write them down.
 *
 *     heed_matrix q = {0};
 *     if (heed_matrix_read("q", "1 0; 0 1; 1/2 sqrt(2)", &q, &err) != HEED_OK) ...       q.data[2 * q.columns + 1]
 *     heed_matrix_free(&q);
 *
 * A row ends with ; or with its line, or with its bracket where brackets stand: [[1, 0], [0, 1]]. Numbers are apart by
 * blanks or by a comma. A number is a small sum without blanks (but inside of parentheses), worked out in double precision
 * and then rounded to float:
 *
 *     1  -2.5  1e-3  1/3  sqrt(2)/2  e^0.5  exp(-1)  ln(2)  2*pi  -inf  (1 + 2)/3        ^ or ** is the power
 *
 * A # hides the rest of its line.
 */
#ifndef HEED_MATRIX_H
#define HEED_MATRIX_H

#include <heed/status.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HEED_MATRIX_MAX_NUMBERS (1 << 20) /* of one matrix */

typedef struct heed_matrix {
    int64_t rows, columns;
    float *data; /* [rows, columns]; none is NaN, some may be infinite */
} heed_matrix;

/**
 * Reads a matrix from value: a text as above; the file of that name where value ends in .csv, .txt or .npy, or is no
 * matrix but the name of a file that is there; or @FILE, a file of any name. A file is a text where it does not end in .csv
 * or .npy. In a .csv file a row is a line, and a ; is nothing. Of a .npy file the numbers may be f4, f8, f2, i8, i4, u1 or
 * b1, and the shape [rows, columns], [columns], [], or one of these behind axes of size 1.
 *
 * name is what messages call the matrix. heed_matrix_free() it. HEED_ERR_USAGE (a text), HEED_ERR_FILE (a file): row and
 * column from 1, what was expected, what came; HEED_ERR_MEMORY.
 */
HEED_API heed_status heed_matrix_read(const char *name, const char *value, heed_matrix *matrix,
                                      heed_error *err);
/** The same for truths: 1 and 0 or true and false, in any case; data holds 1 and 0. */
HEED_API heed_status heed_matrix_read_truths(const char *name, const char *value, heed_matrix *matrix,
                                             heed_error *err);
/** One number as above, not rounded; it is finite. HEED_ERR_USAGE. */
HEED_API heed_status heed_matrix_read_number(const char *name, const char *text, double *value,
                                             heed_error *err);
HEED_API void heed_matrix_free(heed_matrix *matrix); /* an empty struct is allowed */

#ifdef __cplusplus
}
#endif
#endif
