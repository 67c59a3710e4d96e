/* SPDX-License-Identifier: MIT */
/*
 * A number as it is written on paper: 3, 1/3, sqrt(2)/2, e^0.5, -inf.
 *
 *     sum     = product {("+" | "-") product}
 *     product = power {("*" | "/") power}
 *     power   = "-" power | "+" power | atom [("^" | "**") power]            so -2^2 is -4, and 2^-1 is a half
 *     atom    = digits | "(" sum ")" | NAME "(" sum ")" | "pi" | "e" | "inf"
 *     NAME    = sqrt | exp | ln | log (of e) | sin | cos
 */
#ifndef HEED_FORMATS_MATRIX_NUMBER_H
#define HEED_FORMATS_MATRIX_NUMBER_H

#include <heed/status.h>
#include <stddef.h>

/**
 * Works out the number that text begins with; *n is the bytes it takes. Blanks are allowed inside of parentheses. The
 * value is not NaN, and infinite only where "inf" stands. HEED_ERR_USAGE with a message that begins with "expected".
 */
heed_status heed_matrix_number(const char *text, size_t size, double *value, size_t *n, heed_error *err);

#endif
