/* SPDX-License-Identifier: MIT */
/* What demonstrations compute with, and how they say what came out. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "workbook/demo_shown.h"

/* --- numbers --- */

float *heed_demo_floats(heed_demoing *d, int64_t n)
{
    const heed_grid room = heed_grid_make(&d->s, 1, n); /* refuses absurd sizes */

    return (float *)(void *)room.data;
}

float *heed_demo_normal_floats(heed_demoing *d, int64_t n)
{
    float *x = heed_demo_floats(d, n);

    for (int64_t i = 0; x != NULL && i < n; i++)
        x[i] = heed_rng_normal(&d->rng);
    return x;
}

/* From -sqrt(3) to sqrt(3), four numbers a block of the generator. */
void heed_demo_draw_uniform(heed_demoing *d, float *x, int64_t n)
{
    const float width = 3.4641016f;
    heed_rng *rng = &d->rng;

    rng->position = (rng->position + 3) / 4 * 4;
    for (int64_t i = 0; x != NULL && i < n; i += 4, rng->position += 4) {
        uint32_t words[4];

        heed_philox(rng->seed, rng->stream, rng->position / 4, words);
        for (int64_t j = 0; j < 4 && i + j < n; j++)
            x[i + j] = width * ((float)(words[j] >> 8) * 0x1p-24f - 0.5f);
    }
}

heed_grid heed_demo_normal(heed_demoing *d, int64_t rows, int64_t columns)
{
    heed_grid x = heed_grid_make(&d->s, rows, columns);

    for (int64_t i = 0; i < x.rows * x.columns; i++)
        x.data[i] = (double)heed_rng_normal(&d->rng);
    return x;
}

double heed_demo_slope(const double *x, const double *y, int64_t n)
{
    double mx = 0.0, my = 0.0, xx = 0.0, xy = 0.0;

    for (int64_t i = 0; i < n; i++) {
        mx += x[i] / (double)n;
        my += y[i] / (double)n;
    }
    for (int64_t i = 0; i < n; i++) {
        xx += (x[i] - mx) * (x[i] - mx);
        xy += (x[i] - mx) * (y[i] - my);
    }
    return xy / xx;
}

double heed_demo_difference(heed_grid a, heed_grid b)
{
    double most = a.rows * a.columns == b.rows * b.columns ? 0.0 : NAN;

    for (int64_t i = 0; !isnan(most) && i < a.rows * a.columns; i++) {
        const double x = fabs(a.data[i] - b.data[i]);
        most = x > most || isnan(x) ? x : most;
    }
    return most;
}

bool heed_demo_ok(heed_demoing *d, heed_status status, const heed_error *err)
{
    if (status != HEED_OK)
        heed_solve_fail(&d->s, status == HEED_ERR_SHAPE ? HEED_ERR_USAGE : status, "%s", err->message);
    return d->s.status == HEED_OK;
}

void heed_demo_progress(heed_demoing *d, double done, const char *words)
{
    if (d->options->progress != NULL && d->s.status == HEED_OK &&
        !d->options->progress(d->options->context, words, done))
        heed_solve_fail(&d->s, HEED_ERR_INTERRUPTED, "%s was stopped before it had come out",
                        d->shown->result.info->id);
}

/* --- words --- */

static const char *words_of(heed_demoing *d, const char *format, va_list args)
{
    char words[1200];
    const char *copy;

    vsnprintf(words, sizeof words, format, args);
    copy = d->s.status == HEED_OK ? heed_arena_format(d->s.arena, "%s", words) : "";
    if (copy == NULL)
        heed_solve_fail(&d->s, HEED_ERR_MEMORY, "not enough memory for words");
    return copy != NULL ? copy : "";
}

const char *heed_demo_words(heed_demoing *d, const char *format, ...)
{
    const char *words;
    va_list args;

    va_start(args, format);
    words = words_of(d, format, args);
    va_end(args);
    return words;
}

/* The parts of names between their |; NULL where there are none. */
static const char *const *split(heed_demoing *d, const char *names, int n)
{
    const char **parts = names != NULL ? heed_arena_alloc(d->s.arena, (size_t)(n + 1) * sizeof *parts) : NULL;
    char *copy = names != NULL ? heed_arena_format(d->s.arena, "%s", names) : NULL;

    if (names != NULL && (parts == NULL || copy == NULL)) {
        heed_solve_fail(&d->s, HEED_ERR_MEMORY, "not enough memory for words");
        return NULL;
    }
    for (int i = 0; copy != NULL && i < n; i++) {
        char *end = strchr(copy, '|');
        parts[i] = copy;
        if (end == NULL)
            copy += strlen(copy);
        else {
            *end = '\0';
            copy = end + 1;
        }
    }
    return parts;
}

/* 1, 2, 3 ... as names: what is drawn counts from 0 where it has none. */
static const char *const *count(heed_demoing *d, int n)
{
    const char **parts = heed_arena_alloc(d->s.arena, (size_t)(n + 1) * sizeof *parts);

    for (int i = 0; parts != NULL && i < n; i++)
        parts[i] = heed_demo_words(d, "%d", i + 1);
    if (parts == NULL)
        heed_solve_fail(&d->s, HEED_ERR_MEMORY, "not enough memory for words");
    return parts;
}

static const char *const *label(heed_demoing *d, const char *names, int n, bool map)
{
    return names == NULL && map ? count(d, n) : split(d, names, n);
}

/* --- showing --- */

static bool has_room(heed_demoing *d, int n, int most)
{
    if (d->s.status == HEED_OK && n >= most)
        heed_solve_fail(&d->s, HEED_ERR_INTERNAL, "a demonstration shows more than %d of a kind", most);
    return d->s.status == HEED_OK;
}

void heed_show_figure(heed_demoing *d, const char *name, double value, const char *meaning)
{
    heed_demo_result *r = &d->shown->result;

    if (has_room(d, r->n_figures, HEED_DEMO_FIGURES))
        d->shown->figures[r->n_figures++] = (heed_demo_figure){name, value, meaning};
}

void heed_show_check(heed_demoing *d, bool holds, const char *format, ...)
{
    heed_demo_result *r = &d->shown->result;
    va_list args;

    if (!has_room(d, r->n_checks, HEED_DEMO_CHECKS))
        return;
    va_start(args, format);
    d->shown->checks[r->n_checks++] = (heed_demo_check){words_of(d, format, args), holds};
    va_end(args);
}

void heed_show_table(heed_demoing *d, heed_grid x, const char *title, const char *rows, const char *columns,
                     bool map)
{
    heed_demo_result *r = &d->shown->result;

    if (has_room(d, r->n_tables, HEED_DEMO_TABLES))
        d->shown->tables[r->n_tables++] = (heed_demo_table){
            .title = title,
            .row_labels = label(d, rows, (int)x.rows, map),
            .column_labels = label(d, columns, (int)x.columns, map),
            .values = x.data,
            .n_rows = (int)x.rows,
            .n_columns = (int)x.columns,
            .map = map};
}

/* Each byte becomes at most the three of U+FFFD. */
static char *legible(heed_demoing *d, const char *text, size_t n)
{
    char *out = n < SIZE_MAX / 4 ? heed_arena_alloc(d->s.arena, 3 * n + 1) : NULL;
    size_t used = 0;

    for (size_t i = 0; out != NULL && i < n;) {
        uint32_t code = 0;
        const size_t bytes = heed_utf8_decode(text + i, n - i, &code);
        const bool control = (code < 0x20 && code != '\n') || (code >= 0x7f && code < 0xa0);

        used += heed_utf8_encode(bytes == 0 ? 0xfffd : control ? ' ' : code, out + used);
        i += bytes > 0 ? bytes : 1;
    }
    return out;
}

void heed_show_passage(heed_demoing *d, const char *title, const char *text, size_t n)
{
    heed_demo_result *r = &d->shown->result;
    const char *copy;

    if (!has_room(d, r->n_passages, HEED_DEMO_PASSAGES))
        return;
    copy = legible(d, text, n);
    if (copy == NULL)
        heed_solve_fail(&d->s, HEED_ERR_MEMORY, "not enough memory for words");
    else
        d->shown->passages[r->n_passages++] = (heed_demo_passage){title, copy};
}

void heed_show_axes(heed_demoing *d, const char *title, const char *x_title, const char *y_title,
                    const char *logarithmic)
{
    heed_demo_plot *plot = &d->shown->result.plot;

    plot->title = title;
    plot->x_title = x_title;
    plot->y_title = y_title;
    plot->log_x = strchr(logarithmic, 'x') != NULL;
    plot->log_y = strchr(logarithmic, 'y') != NULL;
}

void heed_show_curve(heed_demoing *d, const char *label, heed_grid x, heed_grid y)
{
    heed_demo_plot *plot = &d->shown->result.plot;

    if (has_room(d, plot->n_curves, HEED_DEMO_CURVES))
        d->shown->curves[plot->n_curves++] = (heed_demo_curve){label, x.data, y.data, y.rows * y.columns};
}
