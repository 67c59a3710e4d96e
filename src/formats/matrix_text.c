/* SPDX-License-Identifier: MIT */
/*
 * Rows of numbers. Where the text begins with a bracket, brackets make the rows and lines mean nothing; otherwise lines do,
 * and ; outside of .csv.
 */
#include "formats/matrix_text.h"

#include <ctype.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "formats/matrix_number.h"

#define MOST_BRACKETS 3 /* inside of each other: [[[1, 2], [3, 4]]] is one matrix of a batch of one */

typedef struct reading {
    const char *at, *end;
    const heed_matrix_text *how;
    bool bracketed;
    int depth;
    bool comma; /* one stands before what comes */
    float *data;
    size_t n, capacity;
    int64_t rows, columns, in_row;
} reading;

/* Words about the number that comes next; inner says what was expected and what came. */
static heed_status wrong(const reading *r, heed_error *err, const char *inner)
{
    return heed_fail(err, r->how->status, "%s, row %lld, column %lld: %s", r->how->where,
                     (long long)r->rows + 1, (long long)r->in_row + 1, inner);
}

/* The same with what stands there, up to the next blank. */
static heed_status unexpected(const reading *r, heed_error *err, const char *expected)
{
    char shown[64], inner[192];
    size_t n = 1;

    while (r->at + n < r->end && strchr(" \t\r\n,;[]#", r->at[n]) == NULL)
        n++;
    snprintf(inner, sizeof inner, "expected %s, got \"%s\"", expected,
             heed_quote(shown, sizeof shown, r->at, n));
    return wrong(r, err, inner);
}

static bool is_at(const reading *r, const char *those)
{
    return r->at < r->end && *r->at != '\0' && strchr(those, *r->at) != NULL;
}

/* --- numbers --- */

static heed_status read_truth(reading *r, double *value, size_t *n, heed_error *err)
{
    static const struct {
        const char *word;
        double value;
    } words[] = {{"true", 1.0}, {"false", 0.0}, {"1.0", 1.0}, {"0.0", 0.0},
                 {"1.", 1.0},   {"0.", 0.0},    {"1", 1.0},   {"0", 0.0}};
    const size_t left = (size_t)(r->end - r->at);

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        *n = strlen(words[i].word);
        *value = words[i].value;
        if (left >= *n && strncasecmp(r->at, words[i].word, *n) == 0 &&
            (left == *n || strchr(" \t\r\n,;[]#", r->at[*n]) != NULL))
            return HEED_OK;
    }
    return unexpected(r, err, "1, 0, true or false");
}

static heed_status read_number(reading *r, double *value, size_t *n, heed_error *err)
{
    heed_error inner = {0};

    if (heed_matrix_number(r->at, (size_t)(r->end - r->at), value, n, &inner) != HEED_OK)
        return wrong(r, err, inner.message);
    if (isfinite(*value) && fabs(*value) > (double)FLT_MAX)
        return unexpected(r, err, "a number that a float holds");
    return HEED_OK;
}

static heed_status keep(reading *r, float value, heed_error *err)
{
    if (r->n == HEED_MATRIX_MAX_NUMBERS)
        return heed_fail(err, r->how->status, "%s: expected up to %d numbers, got more", r->how->where,
                         HEED_MATRIX_MAX_NUMBERS);
    if (r->n == r->capacity) {
        const size_t more = r->capacity > 0 ? 2 * r->capacity : 64;
        float *grown = realloc(r->data, more * sizeof *grown);
        if (grown == NULL)
            return heed_fail(err, HEED_ERR_MEMORY,
                             "%s: not enough memory for a matrix of more than %zu numbers", r->how->where,
                             r->n);
        r->data = grown;
        r->capacity = more;
    }
    r->data[r->n++] = value;
    return HEED_OK;
}

/* One number of a row, and the sign that it is over. */
static heed_status read_entry(reading *r, heed_error *err)
{
    double value = 0.0;
    size_t n = 0;
    heed_status status;

    if (r->bracketed && r->depth == 0)
        return unexpected(r, err, "a bracket before the first number of a row");
    status = r->how->truths ? read_truth(r, &value, &n, err) : read_number(r, &value, &n, err);
    if (status != HEED_OK)
        return status;
    r->at += n;
    if (r->at < r->end && !is_at(r, r->how->csv ? " \t\r\n,]#" : " \t\r\n,;]#"))
        return unexpected(r, err, "a blank or a comma behind the number");
    status = keep(r, (float)value, err);
    r->in_row++;
    r->comma = false;
    return status;
}

/* --- rows --- */

static heed_status end_row(reading *r, heed_error *err)
{
    if (r->in_row == 0 && !r->comma)
        return HEED_OK;
    if (r->comma && !r->bracketed)
        return wrong(r, err, "expected a number behind the comma, got the end of the row");
    if (r->rows == 0)
        r->columns = r->in_row;
    if (r->in_row != r->columns)
        return heed_fail(err, r->how->status, "%s, row %lld: expected %lld number%s as in row 1, got %lld",
                         r->how->where, (long long)r->rows + 1, (long long)r->columns,
                         r->columns == 1 ? "" : "s", (long long)r->in_row);
    r->rows++;
    r->in_row = 0;
    r->comma = false;
    return HEED_OK;
}

static heed_status read_comma(reading *r, heed_error *err)
{
    if (r->comma || (r->in_row == 0 && !(r->bracketed && r->rows > 0)))
        return wrong(r, err, "expected a number, got a comma");
    r->comma = r->in_row > 0; /* between rows it may stand or not */
    r->at++;
    return HEED_OK;
}

static heed_status read_bracket(reading *r, heed_error *err)
{
    heed_status status;

    if (*r->at == '[') {
        if (!r->bracketed || r->in_row > 0 || r->depth == MOST_BRACKETS)
            return unexpected(r, err, "a number");
        r->depth++;
        r->at++;
        return HEED_OK;
    }
    if (r->depth == 0)
        return unexpected(r, err, "a bracket that opens before one that closes");
    status = end_row(r, err);
    r->depth--;
    r->at++;
    return status;
}

static heed_status read_rows(reading *r, heed_error *err)
{
    heed_status status = HEED_OK;

    while (r->at < r->end && status == HEED_OK) {
        if (is_at(r, "[]"))
            status = read_bracket(r, err);
        else if (is_at(r, r->how->csv ? "\n" : "\n;") && !r->bracketed) {
            status = end_row(r, err);
            r->at++;
        } else if (is_at(r, ","))
            status = read_comma(r, err);
        else if (is_at(r, "#"))
            while (r->at < r->end && *r->at != '\n')
                r->at++;
        else if (isspace((unsigned char)*r->at))
            r->at++;
        else
            status = read_entry(r, err);
    }
    if (status == HEED_OK && r->depth > 0)
        status = wrong(r, err, "expected a closing bracket, got the end");
    if (status == HEED_OK)
        status = end_row(r, err);
    if (status == HEED_OK && r->rows == 0)
        status = heed_fail(err, r->how->status, "%s: expected rows of numbers, got nothing", r->how->where);
    return status;
}

heed_status heed_matrix_parse(const char *text, size_t n, const heed_matrix_text *how, heed_matrix *matrix,
                              heed_error *err)
{
    static const char mark[] = "\xef\xbb\xbf"; /* some editors begin UTF-8 with it */
    reading r = {.at = text, .end = text + n, .how = how};
    heed_status status;

    *matrix = (heed_matrix){0};
    if (n >= 3 && memcmp(text, mark, 3) == 0)
        r.at += 3;
    while (r.at < r.end && isspace((unsigned char)*r.at))
        r.at++;
    r.bracketed = is_at(&r, "[");
    status = read_rows(&r, err);
    if (status == HEED_OK)
        *matrix = (heed_matrix){.rows = r.rows, .columns = r.columns, .data = r.data};
    else
        free(r.data);
    return status;
}
