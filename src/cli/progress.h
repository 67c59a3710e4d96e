/* SPDX-License-Identifier: MIT */
/* What a training run shows on stderr: its plan, a live line on a terminal, a line for each evaluation, its end. */
#ifndef HEED_CLI_PROGRESS_H
#define HEED_CLI_PROGRESS_H

#include <heed/train.h>
#include <stdio.h>

#define HEED_CLI_CURVE_POINTS 24

typedef struct heed_cli_progress {
    FILE *out;
    bool live;           /* the line is written over itself */
    bool line_stands;    /* and is there now */
    bool said_no_target; /* that a step had none */
    double shown_s;      /* when */
    double loss;         /* of training, smoothed */
    double loss_weight;
    double validation;                   /* the last one; NaN before */
    double bytes_per_token;              /* losses over it are nats a byte */
    double initial;                      /* loss of the first step; NaN when this process has not done it */
    double expected, tolerance;          /* what it should be and by how much it may differ; NaN: not known */
    double curve[HEED_CLI_CURVE_POINTS]; /* the smoothed loss along the run */
    int n_curve;
    int64_t curve_step; /* when the next point is due */
} heed_cli_progress;

heed_cli_progress heed_cli_progress_start(FILE *out, const heed_trainer *trainer);
/** What the process will take at its peak, with the curve that the run's folder gets at its end. */
double heed_cli_process_bytes(const heed_trainer *trainer);
/** " (0.9876 a byte)" for a loss; nothing where a token is a byte. out holds 32 characters. */
const char *heed_cli_per_byte(char *out, double loss, double bytes_per_token);
/** "9.90" for a loss of 2.2925: e to it, in at most 12 characters. out holds 32. */
const char *heed_cli_perplexity(char *out, double loss);
void heed_cli_show_plan(FILE *out, const heed_trainer *trainer, const char *text);
/** After each step. */
void heed_cli_show_step(heed_cli_progress *progress, const heed_progress *now);
/** Takes the live line away. */
void heed_cli_clear_line(heed_cli_progress *progress);

#endif
