/* SPDX-License-Identifier: MIT */
/**
 * Curves of training runs, from their logs: one number over steps, tokens, time or the learning rate, several runs in one
 * picture.
 *
 *     const char *runs[] = {"plays", "plays-wide"};
 *     heed_plot_options options = heed_plot_default();
 *     heed_plot *plot = NULL;
 *     if (heed_plot_create(runs, 2, &options, &plot, &err) == HEED_OK)
 *         heed_plot_write(plot, "loss.svg", &err);
 *     heed_plot_destroy(plot);
 */
#ifndef HEED_PLOT_H
#define HEED_PLOT_H

#include <heed/inspect.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct heed_plot heed_plot;

/* What lies to the right. */
typedef enum heed_plot_x {
    HEED_PLOT_STEP,
    HEED_PLOT_TOKENS, /* trained on so far */
    HEED_PLOT_TIME,   /* seconds of training steps; evaluations and pauses are not counted */
    HEED_PLOT_RATE,   /* the learning rate, for a range test: it must rise all the way */
} heed_plot_x;

#define HEED_PLOT_MAX_RUNS   32
#define HEED_PLOT_MAX_CURVES 64 /* of one run */

typedef struct heed_plot_options {
    /*
     * "loss" (training and validation), "val" (validation alone), "perplexity", "lr", "grad_norm", "tokens_per_s", or any
     * other key of log.jsonl. A key that holds an object gives a curve for each of its members.
     */
    const char *what;
    int x;             /* a heed_plot_x */
    bool log_x, log_y; /* axes of powers of ten */
    int64_t smooth;    /* steps that an average spans; 1: none; 0: a fiftieth of the run, for what is noisy */
    int64_t from;      /* earlier steps are left out */
    const char *title; /* NULL: from what is drawn */
} heed_plot_options;

HEED_API heed_plot_options heed_plot_default(void);

/**
 * Reads the logs of 1 to HEED_PLOT_MAX_RUNS runs. A run is the folder of a training run; or that of a range test or a
 * log.jsonl alone, which can be drawn only over steps and rates. A last line without its end is passed over: its process
 * was killed while it wrote. HEED_ERR_FILE: a log that is missing, damaged or no log at all, with its line.
 * HEED_ERR_USAGE: a key that the logs lack (the message names those they have), a from behind the last step that has it, a
 * rate that falls.
 */
HEED_API heed_status heed_plot_create(const char *const *runs, int n_runs, const heed_plot_options *options,
                                      heed_plot **plot, heed_error *err);
HEED_API void heed_plot_destroy(heed_plot *plot); /* NULL is allowed */

/** As .png, .svg or .pdf by the ending of path. HEED_ERR_USAGE for another ending, HEED_ERR_FILE. */
HEED_API heed_status heed_plot_write(const heed_plot *plot, const char *path, heed_error *err);
/** As text for a terminal; *out is allocated, free() it. */
HEED_API heed_status heed_plot_text(const heed_plot *plot, int columns, int rows, heed_palette palette,
                                    char **out, heed_error *err);

/* One curve; everything is lent by the plot. */
typedef struct heed_plot_curve {
    const char *run;    /* as given */
    const char *label;  /* in the legend */
    const char *key;    /* in the log: "loss", "val_loss", "update_ratio" */
    const char *member; /* where the key holds an object; otherwise "" */
    bool smoothed;      /* y is an average; the raw curve is another one */
    const int64_t *step;
    const double *x, *y; /* [n]; y is NaN where the log has null */
    int64_t n;
} heed_plot_curve;

HEED_API int heed_plot_n_curves(const heed_plot *plot);
HEED_API heed_plot_curve heed_plot_get(const heed_plot *plot, int i);
/** The entropy that no loss is below on average, for runs on built-in texts; NaN: not known. */
HEED_API double heed_plot_floor(const heed_plot *plot);

#ifdef __cplusplus
}
#endif
#endif
