/* SPDX-License-Identifier: MIT */
/*
 * What the log.jsonl of a training run says about one key, or about two: a training loss and its validation.
 *
 *     heed_run_log log = {0};
 *     const char *keys[] = {"loss", "val_loss"};
 *     status = heed_run_log_read(&log, "plays", keys, 2, HEED_PLOT_STEP, 0, err);
 *     for (i = 0; i < log.n_curves; i++)
 *         … log.curves[i].x, y, n …
 *     heed_run_log_free(&log);
 *
 * A log of n bytes takes at most about 4 n bytes of memory.
 */
#ifndef HEED_INSPECT_RUN_LOG_H
#define HEED_INSPECT_RUN_LOG_H

#include <heed/plot.h>

#include "base/text_buffer.h"

#define HEED_LOG_NAME 64 /* of a member, with its zero */

typedef struct heed_log_curve {
    int key;                    /* which of those asked for */
    char member[HEED_LOG_NAME]; /* "" where the key holds a number */
    int64_t *step;              /* [n] rising */
    double *x, *y;              /* [n] */
    int64_t n, capacity;
} heed_log_curve;

typedef struct heed_run_log {
    heed_log_curve *curves; /* in the order in which they come up */
    int n_curves;
    int64_t n_steps;        /* lines of the log */
    int64_t last;           /* the last step with one of the keys, counted or not; -1: none has them */
    double floor;           /* nats a token; NaN: not known */
    heed_text_buffer names; /* of all keys with numbers: "loss, lr" */
} heed_run_log;

/** run is a folder, or a log alone. Keys that the log lacks give no curve. from: the first step that counts. */
heed_status heed_run_log_read(heed_run_log *log, const char *run, const char *const *keys, int n_keys,
                              heed_plot_x x, int64_t from, heed_error *err);
void heed_run_log_free(heed_run_log *log);

#endif
