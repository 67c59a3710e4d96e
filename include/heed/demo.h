/* SPDX-License-Identifier: MIT */
/**
 * Demonstrations: small experiments on the engine whose outcome is a claim about transformers, and a rule that says
 * whether this run bears it out.
 *
 *     heed_demo_options options = {.seed = 1};
 *     heed_demo_result *result = NULL;
 *     if (heed_demo_run("D03", &options, &result, &err) == HEED_OK)
 *         puts(result->observed ? "observed" : "not observed");
 *     heed_demo_result_destroy(result);
 *
 * Nothing is taken from a stored result: a run computes, and its rule judges what came out. A run with `sabotage` breaks
 * the one thing that the claim rests on; the rule must then say "not observed". Equal options give equal numbers, but for
 * seconds.
 */
#ifndef HEED_DEMO_H
#define HEED_DEMO_H

#include <heed/accounting.h>
#include <heed/inspect.h>
#include <heed/status.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct heed_demo_info {
    const char *id;       /* "D03" */
    const char *title;    /* a few words */
    const char *shows;    /* what it runs, and why it comes out as it does */
    const char *rule;     /* when it is "observed", in words */
    const char *sabotage; /* what a run with sabotage breaks */
    const char *params;   /* of the quick preset, as JSON */
    bool timed; /* its figures are seconds: no two runs are the same, and a busy machine may spoil one */
    bool
        trains; /* models are trained for it: up to a minute; it has a parameter "steps", and small ones are soon done */
} heed_demo_info;

HEED_API int heed_demo_count(void);
HEED_API const heed_demo_info *heed_demo_at(int i);
/** By its id in any case, "d3" too; NULL: there is none. */
HEED_API const heed_demo_info *heed_demo_find(const char *id);
/** The id nearest to a wrong one; NULL: none is near. */
HEED_API const char *heed_demo_nearest(const char *id);

typedef struct heed_demo_options {
    bool full;          /* larger: up to minutes; otherwise seconds */
    bool sabotage;      /* break what the claim rests on */
    uint64_t seed;      /* of everything drawn */
    const char *params; /* JSON: other values than the preset's; NULL: none */
    /*
     * Told at the beginning and from time to time what it is about, and how much of all is done (0 .. 1); false ends the run
     * with HEED_ERR_INTERRUPTED. NULL: nobody listens.
     */
    bool (*progress)(void *context, const char *words, double done);
    void *context;
    /* how often the caller's program has asked for memory so far; NULL: nobody counts, and no figure says it */
    heed_account_count_fn *count;
} heed_demo_options;

typedef struct heed_demo_figure {
    const char *name; /* "slope" */
    double value;
    const char *meaning; /* "of log std over log d" */
} heed_demo_figure;

/* One condition of the rule, with the figures of this run. */
typedef struct heed_demo_check {
    const char *words;
    bool holds;
} heed_demo_check;

typedef struct heed_demo_table {
    const char *title;
    const char *const *row_labels;    /* [n_rows]; NULL: 1, 2, 3 ... */
    const char *const *column_labels; /* [n_columns]; NULL: the same */
    const double *values;             /* [n_rows, n_columns], any number, nan and -inf too */
    int n_rows, n_columns;
    bool map; /* to be drawn in colours where there is no plot */
} heed_demo_table;

typedef struct heed_demo_curve {
    const char *label;
    const double *x, *y; /* [n] */
    int64_t n;
} heed_demo_curve;

typedef struct heed_demo_plot {
    const char *title, *x_title, *y_title;
    bool log_x, log_y;
    const heed_demo_curve *curves;
    int n_curves; /* 0: there is no plot */
} heed_demo_plot;

/* Something that was written, by a model most often: UTF-8, its line breaks as they are. */
typedef struct heed_demo_passage {
    const char *title, *text;
} heed_demo_passage;

/* What a run computed; all of it is read only. */
typedef struct heed_demo_result {
    const heed_demo_info *info;
    bool full, sabotage;
    uint64_t seed;
    const char *params; /* in force, as JSON */
    bool observed;      /* all checks hold */
    const heed_demo_check *checks;
    const heed_demo_figure *figures;
    const heed_demo_table *tables;
    const heed_demo_passage *passages;
    int n_checks, n_figures, n_tables, n_passages;
    heed_demo_plot plot;
} heed_demo_result;

/**
 * Runs it; options NULL: all zero. HEED_ERR_USAGE: no such demonstration (with the near one), a parameter that it has not
 * or that does not fit; HEED_ERR_INTERRUPTED: progress() has said so; HEED_ERR_MEMORY.
 */
HEED_API heed_status heed_demo_run(const char *id, const heed_demo_options *options, heed_demo_result **result,
                                   heed_error *err);
HEED_API void heed_demo_result_destroy(heed_demo_result *result); /* NULL is allowed */
/** The figure of that name; NULL: it shows none. */
HEED_API const heed_demo_figure *heed_demo_figure_find(const heed_demo_result *result, const char *name);

/** The plot, or else the table that is a map, in at most so many columns (40 and more); allocated, "" where there is neither. */
HEED_API heed_status heed_demo_text(const heed_demo_result *result, int columns, heed_palette palette,
                                    char **out, heed_error *err);
/** The same as .png, .svg or .pdf by the ending of path. HEED_ERR_USAGE: another ending, or nothing to draw; HEED_ERR_FILE. */
HEED_API heed_status heed_demo_picture(const heed_demo_result *result, const char *path, heed_error *err);
/** Everything as one JSON object on a line, allocated; what is not finite is "nan", "inf" or "-inf". */
HEED_API heed_status heed_demo_json(const heed_demo_result *result, char **out, heed_error *err);

#ifdef __cplusplus
}
#endif
#endif
