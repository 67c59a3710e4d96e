/* SPDX-License-Identifier: MIT */
/*
 * Exercises against computations of their own, written from the definition in double precision.
 *
 *     static void seen(const json_t *params, json_t *answer)
 *     {
 *         const double n = param(params, "seq_len");
 *         json_object_set_new(answer, "allowed", json_real(n * (n + 1.0) / 2.0));
 *     }
 *     expect_exercise("ch12.e05", seen);                                    the source's numbers, and 30 variants
 *     expect_exercise_with("ch12.e05", "{\"seq_len\": 40}", seen);
 *
 * What the oracle puts is compared with heed's answer, each field by the field's own tolerance, both ways. Every field
 * that heed answers must be put.
 */
#ifndef HEED_TESTS_WORKBOOK_ORACLE_H
#define HEED_TESTS_WORKBOOK_ORACLE_H

#include <jansson.h>
#include <stdint.h>

typedef void oracle_fn(const json_t *params, json_t *answer);

void expect_exercise(const char *id, oracle_fn *oracle);
void expect_exercise_with(const char *id, const char *params, oracle_fn *oracle);
/** The parameters are refused with HEED_ERR_USAGE and a sentence that has these words in it. */
void expect_refused(const char *id, const char *params, const char *words);
/** An answer, as a JSON object, is judged wrong in `field`, and the slip's words have these in it. */
void expect_slip(const char *id, const char *params, const char *answer, const char *field, const char *words);

/* --- parameters --- */

double param(const json_t *params, const char *name);

/* [rows, columns]; of nested lists deeper than that, the inner rows one after another. A list is one row. */
typedef struct table {
    int64_t rows, columns;
    double at[4096];
} table;

void param_table(const json_t *params, const char *name, table *out);

/* --- answers --- */

json_t *list_of(const double *x, int64_t n);
json_t *matrix_of(const double *x, int64_t rows, int64_t columns);
/** Nested lists of those sizes. */
json_t *nested_of(const double *x, int rank, const int64_t *size);

#endif
