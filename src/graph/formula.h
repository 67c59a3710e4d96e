/* SPDX-License-Identifier: MIT */
/*
 * A formula as text, computed as C would compute it, in float or in double.
 *
 *     heed_formula f;
 *     heed_formula_parse(&f, "(x[i] - mean) / sqrt(var + 1e-5)");      names in order: x[i], mean, var
 *     y = heed_formula_compute(&f, HEED_IN_FLOAT, (double[]){x, mean, var});
 *
 *   + - * /, a minus in front, parentheses, numbers, and names: a letter, then letters, digits, _ and ', then perhaps
 *   something in brackets, which only says to a reader which one is meant
 *   exp log sqrt tanh erf sin cos abs pow(a, b) min(a, b) max(a, b)
 *   f32(a), bf16(a): rounded to that type
 *
 * What is written without parentheses goes from left to right. In float every operand, every number in the text and every
 * result is one; max(a, b) is a > b ? a : b, and min(a, b) is a < b ? a : b.
 */
#ifndef HEED_GRAPH_FORMULA_H
#define HEED_GRAPH_FORMULA_H

#include <stdbool.h>
#include <stddef.h>

enum { HEED_FORMULA_CODES = 64, HEED_FORMULA_NAMES = 8 };

typedef enum heed_arithmetic {
    HEED_IN_FLOAT,
    HEED_IN_DOUBLE,
    HEED_ADDED_IN_DOUBLE, /* terms in float, their sum in double */
} heed_arithmetic;

/* One step of a machine that has a stack. */
typedef struct heed_formula_code {
    int what, name; /* formula.c; which name */
    double number;
} heed_formula_code;

typedef struct heed_formula {
    const char *text; /* the caller's; must live as long as the formula */
    heed_formula_code codes[HEED_FORMULA_CODES];
    int n_codes;
    struct {
        int at, length; /* where it first stands in the text */
    } names[HEED_FORMULA_NAMES];
    int n_names;
} heed_formula;

/** False when the text is no formula, or is one that is too long: HEED_FORMULA_CODES, HEED_FORMULA_NAMES, depth 16. */
bool heed_formula_parse(heed_formula *f, const char *text);
/** values: one for each name, in the order in which they first stand in the text. */
double heed_formula_compute(const heed_formula *f, heed_arithmetic in, const double *values);

/** Is it "a * b", whatever the two are called? */
bool heed_formula_is_product(const heed_formula *f);

/*
 * The next name in `text` from *at on: sets *at to where it begins and *length, and returns true. Functions and numbers
 * are passed over. For those who put something in the place of names.
 */
bool heed_formula_next_name(const char *text, int *at, int *length);

#endif
