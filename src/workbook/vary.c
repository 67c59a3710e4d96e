/* SPDX-License-Identifier: MIT */
/* Other numbers for an exercise: functions of its id and the variant's number alone. */
#include <math.h>
#include <stdarg.h>

#include "workbook/exercise.h"

int64_t heed_draw_int(heed_varying *v, int64_t least, int64_t most)
{
    return least + heed_rng_below(&v->rng, most - least + 1);
}

void heed_vary_set_json(heed_varying *v, const char *name, json_t *x)
{
    json_object_set_new(v->params, name, x);
}

void heed_vary_set_int(heed_varying *v, const char *name, int64_t x)
{
    heed_vary_set_json(v, name, json_integer(x));
}

void heed_vary_set_number(heed_varying *v, const char *name, double x)
{
    heed_vary_set_json(v, name, heed_json_of_double(x));
}

void heed_vary_set_text(heed_varying *v, const char *name, const char *x)
{
    heed_vary_set_json(v, name, json_string(x));
}

int64_t heed_vary_int(heed_varying *v, const char *name, int64_t least, int64_t most)
{
    const int64_t x = heed_draw_int(v, least, most);

    heed_vary_set_int(v, name, x);
    return x;
}

double heed_vary_pick(heed_varying *v, const char *name, int n, ...)
{
    const int64_t chosen = heed_draw_int(v, 0, n - 1);
    double x = 0.0;
    va_list args;

    va_start(args, n);
    for (int64_t i = 0; i <= chosen; i++)
        x = va_arg(args, double);
    va_end(args);
    heed_vary_set_number(v, name, x);
    return x;
}

int64_t heed_vary_pick_int(heed_varying *v, const char *name, int n, ...)
{
    const int64_t chosen = heed_draw_int(v, 0, n - 1);
    int64_t x = 0;
    va_list args;

    va_start(args, n);
    for (int64_t i = 0; i <= chosen; i++)
        x = va_arg(args, int64_t);
    va_end(args);
    heed_vary_set_int(v, name, x);
    return x;
}

/* [rows, columns], or a list where rows is 0; each number by draw. */
static void set_grid(heed_varying *v, const char *name, int64_t rows, int64_t columns,
                     double (*draw)(heed_varying *v, const double *with), const double *with)
{
    json_t *all = json_array();

    for (int64_t i = 0; i < (rows > 0 ? rows : 1); i++) {
        json_t *row = json_array();
        for (int64_t j = 0; j < columns; j++)
            json_array_append_new(row, heed_json_of_double(draw(v, with)));
        json_array_append_new(all, row);
    }
    if (rows == 0) {
        heed_vary_set_json(v, name, json_incref(json_array_get(all, 0)));
        json_decref(all);
    } else
        heed_vary_set_json(v, name, all);
}

static double draw_whole(heed_varying *v, const double *range)
{
    return (double)heed_draw_int(v, (int64_t)range[0], (int64_t)range[1]);
}

static double draw_normal(heed_varying *v, const double *scale)
{
    return round(100.0 * (double)heed_rng_normal(&v->rng) * *scale) / 100.0 + 0.0; /* no -0 */
}

void heed_vary_whole(heed_varying *v, const char *name, int64_t rows, int64_t columns, int64_t least,
                     int64_t most)
{
    const double range[] = {(double)least, (double)most};

    set_grid(v, name, rows, columns, draw_whole, range);
}

void heed_vary_normal(heed_varying *v, const char *name, int64_t rows, int64_t columns, double scale)
{
    set_grid(v, name, rows, columns, draw_normal, &scale);
}
