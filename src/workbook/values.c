/* SPDX-License-Identifier: MIT */
/* Parameters taken, answers and steps put: JSON on one side, plain numbers on the other. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "workbook/exercise.h"

#define MOST_NUMBERS 4194304 /* in one parameter */
#define MOST_RANK    8

/* --- numbers that JSON has not --- */

bool heed_json_to_double(const json_t *value, double *x)
{
    static const struct {
        const char *word;
        double x;
    } words[] = {{"nan", NAN}, {"inf", INFINITY}, {"-inf", -INFINITY}};

    if (json_is_number(value)) {
        *x = json_number_value(value);
        return true;
    }
    for (size_t i = 0; json_is_string(value) && i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(json_string_value(value), words[i].word) == 0) {
            *x = words[i].x;
            return true;
        }
    }
    return false;
}

json_t *heed_json_of_double(double x)
{
    if (isnan(x))
        return json_string("nan");
    if (isinf(x))
        return json_string(x > 0.0 ? "inf" : "-inf");
    if (x == floor(x) && fabs(x) < 9007199254740992.0)
        return json_integer((json_int_t)x);
    return json_real(x);
}

/* --- failures --- */

bool heed_solve_fail(heed_solving *s, heed_status status, const char *format, ...)
{
    char words[400];
    va_list args;

    if (s->status != HEED_OK)
        return false;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    s->status = heed_fail(s->err, status, "%s", words);
    return false;
}

static void *room(heed_solving *s, int64_t n)
{
    void *data = s->status == HEED_OK && n >= 0 ? heed_arena_alloc(s->arena, ((size_t)n + 1) * sizeof(double))
                                                : NULL;

    if (data == NULL)
        heed_solve_fail(s, HEED_ERR_MEMORY, "not enough memory for %lld numbers", (long long)n);
    else
        memset(data, 0, ((size_t)n + 1) * sizeof(double));
    return data;
}

/* --- taking --- */

const json_t *heed_take_json(heed_solving *s, const char *name)
{
    const json_t *value = json_object_get(s->params, name);

    if (value == NULL)
        heed_solve_fail(s, HEED_ERR_USAGE, "%s: expected this parameter, it is not given", name);
    return s->status == HEED_OK ? value : NULL;
}

double heed_take_number(heed_solving *s, const char *name)
{
    const json_t *value = heed_take_json(s, name);
    double x = 0.0;

    if (value != NULL && !heed_json_to_double(value, &x))
        heed_solve_fail(s, HEED_ERR_USAGE, "%s: expected a number", name);
    return x;
}

int64_t heed_take_int(heed_solving *s, const char *name, int64_t least, int64_t most)
{
    const double x = heed_take_number(s, name);

    if (s->status == HEED_OK && !(x == floor(x) && x >= (double)least && x <= (double)most))
        heed_solve_fail(s, HEED_ERR_USAGE, "%s: expected a whole number from %lld to %lld, got %.10g", name,
                        (long long)least, (long long)most, x);
    return s->status == HEED_OK ? (int64_t)x : least;
}

bool heed_take_bool(heed_solving *s, const char *name)
{
    const json_t *value = heed_take_json(s, name);

    if (value != NULL && !json_is_boolean(value))
        heed_solve_fail(s, HEED_ERR_USAGE, "%s: expected true or false", name);
    return json_is_true(value);
}

const char *heed_take_text(heed_solving *s, const char *name)
{
    const json_t *value = heed_take_json(s, name);

    if (value != NULL && !json_is_string(value))
        heed_solve_fail(s, HEED_ERR_USAGE, "%s: expected a text", name);
    return json_is_string(value) ? json_string_value(value) : "";
}

/* The sizes of nested lists along their first elements; returns the rank. */
static int measure(const json_t *value, int64_t *size)
{
    int rank = 0;

    while (json_is_array(value) && rank < MOST_RANK) {
        size[rank++] = (int64_t)json_array_size(value);
        value = json_array_get(value, 0);
    }
    return rank;
}

/* Copies nested lists that must have the sizes; false where they have not. */
static bool flatten(const json_t *value, int rank, const int64_t *size, double **out)
{
    const json_t *item;
    size_t i;

    if (rank == 0)
        return heed_json_to_double(value, (*out)++);
    if (!json_is_array(value) || (int64_t)json_array_size(value) != size[0])
        return false;
    json_array_foreach(value, i, item)
    {
        if (!flatten(item, rank - 1, size + 1, out))
            return false;
    }
    return true;
}

const double *heed_take_tensor(heed_solving *s, const char *name, int rank, int64_t *size)
{
    const json_t *value = heed_take_json(s, name);
    int64_t found[MOST_RANK] = {0}, count = 1;
    double *data, *at;

    for (int i = 0; i < rank; i++)
        size[i] = 0;
    if (value == NULL)
        return room(s, 0);
    if (measure(value, found) != rank) {
        heed_solve_fail(s, HEED_ERR_USAGE, "%s: expected %s", name,
                        rank == 1   ? "a list of numbers"
                        : rank == 2 ? "a matrix, rows of numbers"
                                    : "nested lists of numbers");
        return NULL;
    }
    for (int i = 0; i < rank; i++) {
        if (found[i] == 0 || found[i] > MOST_NUMBERS / count) {
            heed_solve_fail(s, HEED_ERR_USAGE, "%s: expected 1 to %d numbers", name, MOST_NUMBERS);
            return NULL;
        }
        count *= found[i];
        size[i] = found[i];
    }
    at = data = room(s, count);
    if (data != NULL && !flatten(value, rank, size, &at))
        heed_solve_fail(s, HEED_ERR_USAGE, "%s: expected numbers in rows of equal length", name);
    return data;
}

heed_grid heed_take_list(heed_solving *s, const char *name)
{
    int64_t n = 0;
    const double *data = heed_take_tensor(s, name, 1, &n);

    return (heed_grid){s->status == HEED_OK ? 1 : 0, s->status == HEED_OK ? n : 0, (double *)(uintptr_t)data};
}

heed_grid heed_take_grid(heed_solving *s, const char *name)
{
    int64_t size[2] = {0, 0};
    const double *data = heed_take_tensor(s, name, 2, size);

    if (s->status != HEED_OK)
        return (heed_grid){0, 0, NULL};
    return (heed_grid){size[0], size[1], (double *)(uintptr_t)data};
}

/* --- grids --- */

double heed_take_figure(heed_solving *s, const heed_demo_result *result, const char *name)
{
    const heed_demo_figure *figure = heed_demo_figure_find(result, name);

    if (figure == NULL)
        heed_solve_fail(s, HEED_ERR_INTERNAL, "%s shows no figure \"%s\"", result->info->id, name);
    return figure != NULL ? figure->value : 0.0;
}

heed_grid heed_grid_make(heed_solving *s, int64_t rows, int64_t columns)
{
    heed_grid x = {rows, columns, NULL};

    if (rows < 0 || columns < 0 || (columns > 0 && rows > MOST_NUMBERS / columns))
        heed_solve_fail(s, HEED_ERR_USAGE, "expected at most %d numbers, got %lld x %lld", MOST_NUMBERS,
                        (long long)rows, (long long)columns);
    x.data = room(s, s->status == HEED_OK ? rows * columns : 0);
    return s->status == HEED_OK ? x : (heed_grid){0, 0, NULL};
}

heed_grid heed_grid_row(heed_grid x, int64_t row)
{
    return x.data != NULL ? (heed_grid){1, x.columns, x.data + row * x.columns} : x;
}

heed_grid heed_grid_turn(heed_solving *s, heed_grid x)
{
    heed_grid y = heed_grid_make(s, x.columns, x.rows);

    for (int64_t i = 0; i < y.rows; i++) {
        for (int64_t j = 0; j < y.columns; j++)
            y.data[i * y.columns + j] = x.data[j * x.columns + i];
    }
    return y;
}

/* --- putting --- */

void heed_put_json(heed_solving *s, const char *name, json_t *x)
{
    if (s->status != HEED_OK)
        json_decref(x);
    else if (json_object_set_new(s->answer, name, x) != 0)
        heed_solve_fail(s, HEED_ERR_MEMORY, "not enough memory for an answer");
}

void heed_put_number(heed_solving *s, const char *name, double x)
{
    heed_put_json(s, name, heed_json_of_double(x));
}

void heed_put_bool(heed_solving *s, const char *name, bool x)
{
    heed_put_json(s, name, json_boolean(x));
}

void heed_put_text(heed_solving *s, const char *name, const char *x)
{
    heed_put_json(s, name, json_string(x));
}

static json_t *nested(int rank, const int64_t *size, const double **x)
{
    json_t *list;

    if (rank == 0)
        return heed_json_of_double(*(*x)++);
    list = json_array();
    for (int64_t i = 0; i < size[0]; i++)
        json_array_append_new(list, nested(rank - 1, size + 1, x));
    return list;
}

void heed_put_tensor(heed_solving *s, const char *name, int rank, const int64_t *size, const double *x)
{
    if (s->status == HEED_OK)
        heed_put_json(s, name, nested(rank, size, &x));
}

void heed_put_list(heed_solving *s, const char *name, heed_grid x)
{
    heed_put_tensor(s, name, 1, (int64_t[]){x.rows * x.columns}, x.data);
}

void heed_put_grid(heed_solving *s, const char *name, heed_grid x)
{
    heed_put_tensor(s, name, 2, (int64_t[]){x.rows, x.columns}, x.data);
}

void heed_put_shape(heed_solving *s, const char *name, int n, ...)
{
    json_t *list = json_array();
    va_list args;

    va_start(args, n);
    for (int i = 0; i < n; i++)
        json_array_append_new(list, json_integer(va_arg(args, int64_t)));
    va_end(args);
    heed_put_json(s, name, list);
}

/* --- steps --- */

void heed_step(heed_solving *s, const char *format, ...)
{
    char line[1024];
    va_list args;

    if (s->steps == NULL || s->status != HEED_OK)
        return;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    json_array_append_new(s->steps, json_string(line));
}

#define SHOWN_ROWS 16

/* As wide as the widest number of its column that is shown. */
static int column_width(heed_grid x, int64_t column)
{
    char number[48];
    int width = 1;

    for (int64_t i = 0; i < x.rows && i < SHOWN_ROWS; i++) {
        const int n = snprintf(number, sizeof number, "%.5g", x.data[i * x.columns + column]);
        width = n > width ? n : width;
    }
    return width;
}

void heed_step_grid(heed_solving *s, heed_grid x, const char *format, ...)
{
    char line[1024];
    va_list args;

    if (s->steps == NULL || s->status != HEED_OK)
        return;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    json_array_append_new(s->steps, json_string(line));
    for (int64_t i = 0; i < x.rows && i < SHOWN_ROWS; i++) {
        size_t used = (size_t)snprintf(line, sizeof line, "  [");
        for (int64_t j = 0; j < x.columns && used + 64 < sizeof line; j++)
            used += (size_t)snprintf(line + used, sizeof line - used, " %*.5g", column_width(x, j),
                                     x.data[i * x.columns + j]);
        snprintf(line + used, sizeof line - used, " ]");
        json_array_append_new(s->steps, json_string(line));
    }
}
