/* SPDX-License-Identifier: MIT */
/* Values of an exercise as arrays, and as the bytes of files. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/npy.h"
#include "workbook/code/code.h"

/* --- arrays --- */

static bool number_of(const json_t *value, double *x)
{
    *x = json_is_true(value) ? 1.0 : 0.0;
    return json_is_boolean(value) || heed_json_to_double(value, x);
}

/* Does value have the sizes from axis on? */
static bool fits(const json_t *value, heed_code_array *a, int axis)
{
    double x;

    if (axis == a->rank) {
        a->whole = a->whole && (json_is_integer(value) || json_is_boolean(value));
        return number_of(value, &x);
    }
    if (!json_is_array(value) || (int64_t)json_array_size(value) != a->size[axis])
        return false;
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (!fits(json_array_get(value, i), a, axis + 1))
            return false;
    }
    return true;
}

bool heed_code_array_of(const json_t *value, heed_code_array *a)
{
    *a = (heed_code_array){.count = 1, .whole = true};
    for (const json_t *v = value; json_is_array(v); v = json_array_get(v, 0)) {
        if (a->rank == HEED_CODE_MOST_RANK || json_array_size(v) == 0)
            return false;
        a->size[a->rank++] = (int64_t)json_array_size(v);
        a->count *= (int64_t)json_array_size(v);
    }
    return fits(value, a, 0);
}

static void put_numbers(const json_t *value, double **out)
{
    if (!json_is_array(value))
        number_of(value, (*out)++);
    for (size_t i = 0; i < json_array_size(value); i++)
        put_numbers(json_array_get(value, i), out);
}

void heed_code_numbers(const json_t *value, double *out)
{
    put_numbers(value, &out);
}

const char *heed_code_number_text(double x, char out[32])
{
    if (!isfinite(x)) {
        snprintf(out, 32, "%s", isnan(x) ? "nan" : x > 0.0 ? "inf" : "-inf");
        return out;
    }
    if (x == floor(x) && fabs(x) < 1e15) { /* 40, not 4e+01, which no integer begins with */
        snprintf(out, 32, "%.0f", x);
        return out;
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(out, 32, "%.*g", digits, x);
        if (strtod(out, NULL) == x)
            break;
    }
    return out;
}

/* --- text: rows on lines; more than two axes behind a line that says their sizes --- */

static void put_text(const heed_code_array *a, const double *x, heed_text_buffer *out)
{
    const int64_t columns = a->rank > 0 ? a->size[a->rank - 1] : 1,
                  rows = a->rank > 1 ? a->size[a->rank - 2] : 1;
    char text[32];

    if (a->rank > 2) {
        heed_text_puts(out, "# shape");
        for (int i = 0; i < a->rank; i++)
            heed_text_printf(out, " %lld", (long long)a->size[i]);
        heed_text_puts(out, "\n");
    }
    for (int64_t i = 0; i < a->count; i++) {
        heed_text_puts(out, heed_code_number_text(x[i], text));
        heed_text_puts(out, (i + 1) % columns != 0 ? " " : "\n");
        if ((i + 1) % (rows * columns) == 0 && i + 1 < a->count) /* a blank line between matrices */
            heed_text_puts(out, "\n");
    }
}

/* --- .npy: whole numbers of lists are <i8, for they are indices; all others are <f8 --- */

static void put_npy(const heed_code_array *a, const double *x, heed_text_buffer *out)
{
    const bool whole = a->whole && a->rank < 2;
    char header[HEED_NPY_MAX_HEADER];

    heed_text_append(out, header,
                     heed_npy_header_of(header, whole ? HEED_NPY_I64 : HEED_NPY_F64, a->rank, a->size));
    for (int64_t i = 0; i < a->count; i++) {
        const int64_t n = whole ? (int64_t)x[i] : 0;

        heed_text_append(out, whole ? (const char *)&n : (const char *)&x[i], 8);
    }
}

/* --- the file of a parameter --- */

static bool put_array(const json_t *value, heed_code_format format, heed_text_buffer *bytes)
{
    heed_code_array a;
    double *x = heed_code_array_of(value, &a) ? malloc((size_t)a.count * sizeof *x) : NULL;

    if (x == NULL)
        return false;
    heed_code_numbers(value, x);
    if (format == HEED_CODE_NPY)
        put_npy(&a, x, bytes);
    else
        put_text(&a, x, bytes);
    free(x);
    return !bytes->failed;
}

/* A text as it is, or a list of texts, each on its line. */
static bool put_words(const json_t *value, heed_text_buffer *bytes)
{
    if (json_is_string(value)) {
        heed_text_append(bytes, json_string_value(value), json_string_length(value));
        return !bytes->failed;
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *one = json_array_get(value, i);

        if (!json_is_string(one) || strchr(json_string_value(one), '\n') != NULL)
            return false;
        heed_text_append(bytes, json_string_value(one), json_string_length(one));
        heed_text_puts(bytes, "\n");
    }
    return json_array_size(value) > 0 && !bytes->failed;
}

bool heed_code_input(const char *name, const json_t *value, heed_code_format format, char file[128],
                     heed_text_buffer *bytes)
{
    heed_code_array a;
    const bool numbers = heed_code_array_of(value, &a) && !json_is_string(value);

    snprintf(file, 128, "%.100s.%s", name, numbers && format == HEED_CODE_NPY ? "npy" : "txt");
    return numbers ? put_array(value, format, bytes) : put_words(value, bytes);
}
