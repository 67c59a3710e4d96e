/* SPDX-License-Identifier: MIT */
/* What heed train does once its trainer is there: steps, samples, the report. */
#ifndef HEED_CLI_TRAIN_RUN_H
#define HEED_CLI_TRAIN_RUN_H

#include <heed/range_test.h>
#include <heed/train.h>

/* Options of the command beside those of the model and the training. */
typedef struct heed_cli_train_options {
    const char *out, *resume, *config, *preset;
    int64_t sample_tokens;
    bool json, quiet, stats, range_test;
    heed_range_options range;
    bool record_heads;
    int64_t record_length;
    const char *record_patterns, *record_text; /* NULL: none */
} heed_cli_train_options;

/** Trains to the end or an interrupt; shows it on stderr and with own->json tells of it on stdout. text: what is learned. */
heed_status heed_cli_train_run(const heed_cli_train_options *own, const char *text, heed_trainer *trainer,
                               heed_error *err);

#endif
