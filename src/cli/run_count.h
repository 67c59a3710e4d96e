/* SPDX-License-Identifier: MIT */
/* "run 12 of 312, 0:40 left" on stderr, written over itself while a command runs a model many times. */
#ifndef HEED_CLI_RUN_COUNT_H
#define HEED_CLI_RUN_COUNT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct heed_cli_run_count {
    double begun_s, shown_s; /* 0: not yet */
    bool line_stands;
} heed_cli_run_count;

/** After each run; a heed_ablate_progress_fn over a heed_cli_run_count. Says something on a terminal only. */
bool heed_cli_count_run(void *count, int64_t n_done, int64_t n_runs);
/** Takes the line away. */
void heed_cli_run_count_end(heed_cli_run_count *count);

#endif
