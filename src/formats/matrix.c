/* SPDX-License-Identifier: MIT */
/* Where a matrix comes from: the text itself, a file of text, or a .npy file. */
#include <heed/matrix.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "formats/matrix_number.h"
#include "formats/matrix_text.h"
#include "formats/npy.h"

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);

    return n > m && strcmp(text + n - m, end) == 0;
}

/* rows and columns of an array: its last two axes, where all before them have one place. */
static bool is_matrix(const heed_npy *array, int64_t *rows, int64_t *columns)
{
    for (int axis = 0; axis < array->rank - 2; axis++)
        if (array->size[axis] != 1)
            return false;
    *rows = array->rank > 1 ? array->size[array->rank - 2] : 1;
    *columns = array->rank > 0 ? array->size[array->rank - 1] : 1;
    return array->count > 0;
}

static heed_status check_npy_numbers(const heed_npy *array, const char *where, int64_t columns, bool truths,
                                     heed_error *err)
{
    for (int64_t i = 0; i < array->count; i++) {
        const double x = heed_npy_number(array, i);
        const bool fits = truths ? x == 0.0 || x == 1.0 : !isnan(x) && (isinf(x) || isfinite((float)x));
        if (!fits)
            return heed_fail(err, HEED_ERR_FILE, "%s, row %lld, column %lld: expected %s, got %g", where,
                             (long long)(i / columns) + 1, (long long)(i % columns) + 1,
                             truths ? "1 or 0" : "a number that a float holds", x);
    }
    return HEED_OK;
}

static heed_status read_npy(const char *name, const char *path, bool truths, heed_matrix *matrix,
                            heed_error *err)
{
    heed_npy array = {0};
    int64_t rows = 0, columns = 0;
    char shape[192], shown[192], where[256];
    float *data = NULL;
    heed_status status = heed_npy_open(path, &array, err);

    snprintf(where, sizeof where, "%s: %s", name, heed_quote(shown, sizeof shown, path, strlen(path)));
    if (status == HEED_OK && (!is_matrix(&array, &rows, &columns) || array.count > HEED_MATRIX_MAX_NUMBERS))
        status = heed_fail(err, HEED_ERR_FILE, "%s: expected a matrix of 1 to %d numbers, got an array of %s",
                           where, HEED_MATRIX_MAX_NUMBERS, heed_npy_shape(shape, sizeof shape, &array));
    if (status == HEED_OK)
        status = check_npy_numbers(&array, where, columns, truths, err);
    if (status == HEED_OK && (data = malloc((size_t)array.count * sizeof *data)) == NULL)
        status = heed_fail(err, HEED_ERR_MEMORY, "%s: not enough memory for %lld numbers", where,
                           (long long)array.count);
    if (status == HEED_OK) {
        heed_npy_read_f32(&array, data);
        *matrix = (heed_matrix){.rows = rows, .columns = columns, .data = data};
    }
    heed_npy_close(&array);
    return status;
}

static heed_status read_file(const char *name, const char *path, bool truths, heed_matrix *matrix,
                             heed_error *err)
{
    heed_file file = {0};
    char shown[192], where[256];
    heed_matrix_text how = {
        .where = where, .csv = ends_with(path, ".csv"), .truths = truths, .status = HEED_ERR_FILE};
    heed_status status = heed_file_open(&file, path, err);

    snprintf(where, sizeof where, "%s: %s", name, heed_quote(shown, sizeof shown, path, strlen(path)));
    if (status == HEED_OK)
        status = heed_matrix_parse(file.data, file.size, &how, matrix, err);
    heed_file_close(&file);
    return status;
}

static heed_status read_any(const char *name, const char *value, bool truths, heed_matrix *matrix,
                            heed_error *err)
{
    const heed_matrix_text how = {.where = name, .truths = truths, .status = HEED_ERR_USAGE};
    const bool at = value[0] == '@';
    const char *path = at ? value + 1 : value;
    heed_status status;

    *matrix = (heed_matrix){0};
    if (ends_with(path, ".npy"))
        return read_npy(name, path, truths, matrix, err);
    if (at || ends_with(path, ".csv") || ends_with(path, ".txt"))
        return read_file(name, path, truths, matrix, err);
    status = heed_matrix_parse(value, strlen(value), &how, matrix, err);
    if (status == HEED_ERR_USAGE && heed_file_exists(path)) /* no numbers, but the name of a file */
        status = read_file(name, path, truths, matrix, err);
    return status;
}

heed_status heed_matrix_read(const char *name, const char *value, heed_matrix *matrix, heed_error *err)
{
    return read_any(name, value, false, matrix, err);
}

heed_status heed_matrix_read_truths(const char *name, const char *value, heed_matrix *matrix, heed_error *err)
{
    return read_any(name, value, true, matrix, err);
}

heed_status heed_matrix_read_number(const char *name, const char *text, double *value, heed_error *err)
{
    heed_error inner = {0};
    char shown[64];
    size_t n = 0;

    if (heed_matrix_number(text, strlen(text), value, &n, &inner) != HEED_OK)
        return heed_fail(err, HEED_ERR_USAGE, "%s: %s", name, inner.message);
    if (text[n] != '\0' || !isfinite(*value))
        return heed_fail(err, HEED_ERR_USAGE, "%s: expected one finite number, got \"%s\"", name,
                         heed_quote(shown, sizeof shown, text, strlen(text)));
    return HEED_OK;
}

void heed_matrix_free(heed_matrix *matrix)
{
    free(matrix->data);
    *matrix = (heed_matrix){0};
}
