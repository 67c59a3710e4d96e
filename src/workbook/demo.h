/* SPDX-License-Identifier: MIT */
/*
 * The contract of a demonstration: one file in demos/, one constant.
 *
 *     static void run(heed_demoing *d)
 *     {
 *         const int64_t n = heed_take_int(&d->s, "keys", 2, 1024);
 *         const heed_grid scores = heed_demo_normal(d, 1, n), weights = heed_softmax_of_rows(&d->s, scores);
 *
 *         heed_show_figure(d, "largest", largest(weights), "weight");
 *         heed_show_check(d, largest(weights) < 0.5, "the largest weight, %.3f, is below a half", largest(weights));
 *     }
 *     const heed_demo heed_demo_03 = {.info = {.id = "D03", …, .params = "{\"keys\": 32}"}, .full = "{\"keys\": 512}",
 *                                     .run = run};
 *
 * run() computes with what exercises compute with (exercise.h): d->s holds parameters, memory and the first failure, after
 * which grids are empty and nothing is shown. With d->sabotage it breaks what info.sabotage says. Its verdict is that all of
 * its checks hold.
 */
#ifndef HEED_WORKBOOK_DEMO_H
#define HEED_WORKBOOK_DEMO_H

#include <heed/demo.h>

#include "workbook/exercise.h"

typedef struct heed_demoing {
    heed_solving s;
    heed_rng rng; /* from the seed */
    bool sabotage;
    const heed_demo_options *options;
    void *context; /* of heed_demo_run_as() */
    struct heed_demo_shown *shown;
} heed_demoing;

typedef struct heed_demo {
    heed_demo_info info;
    const char *full; /* what the full preset has otherwise, as JSON */
    void (*run)(heed_demoing *d);
} heed_demo;

/** All of them by their numbers, ended by NULL. */
extern const heed_demo *const heed_demos[];

/** heed_demo_run() of one that is in no list, with a context for it. */
heed_status heed_demo_run_as(const heed_demo *demo, const heed_demo_options *options, void *context,
                             heed_demo_result **result, heed_error *err);

/* --- numbers --- */

/** Standard normal ones, from the seed. */
heed_grid heed_demo_normal(heed_demoing *d, int64_t rows, int64_t columns);
/** n floats of them, of the arena; NULL after a failure. */
float *heed_demo_normal_floats(heed_demoing *d, int64_t n);
/** n zeros, of the arena; NULL after a failure. */
float *heed_demo_floats(heed_demoing *d, int64_t n);
/** Uniform ones of mean 0 and variance 1, where so many are drawn that normal ones would take most of the time. */
void heed_demo_draw_uniform(heed_demoing *d, float *x, int64_t n);
/** Least squares: y is about a + slope x. */
double heed_demo_slope(const double *x, const double *y, int64_t n);
/** max |a - b|, NaN where a number is NaN. */
double heed_demo_difference(heed_grid a, heed_grid b);
/** For whoever waits: what is under way, and how much of all is done, 0 .. 1. Whoever waits no more makes it a failure of d. */
void heed_demo_progress(heed_demoing *d, double done, const char *words);
/** A call of the engine that failed: its failure is that of d. Returns whether it did not. */
bool heed_demo_ok(heed_demoing *d, heed_status status, const heed_error *err);

/* --- what is shown; texts that are given are kept as they are, formatted ones are copied --- */

void heed_show_figure(heed_demoing *d, const char *name, double value, const char *meaning);
void heed_show_check(heed_demoing *d, bool holds, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/** columns and rows: names with | between, NULL: numbers. map: it is what is drawn. */
void heed_show_table(heed_demoing *d, heed_grid x, const char *title, const char *rows, const char *columns,
                     bool map);
/** Titles of the plot, and the logarithmic axes among "x", "y", "xy"; "": none. */
void heed_show_axes(heed_demoing *d, const char *title, const char *x_title, const char *y_title,
                    const char *logarithmic);
/** x and y have n numbers each. */
void heed_show_curve(heed_demoing *d, const char *label, heed_grid x, heed_grid y);
/** n bytes that somebody wrote; what is not UTF-8 in them becomes U+FFFD, control characters but line breaks a blank. */
void heed_show_passage(heed_demoing *d, const char *title, const char *text, size_t n);
/** A text of the arena. */
const char *heed_demo_words(heed_demoing *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
