/* SPDX-License-Identifier: MIT */
/* What a pull shows on stderr: a live line on a terminal, a line for each file and for whatever goes wrong. */
#ifndef HEED_CLI_PULL_PROGRESS_H
#define HEED_CLI_PULL_PROGRESS_H

#include <heed/pull.h>
#include <stdio.h>

typedef struct heed_cli_pull_progress {
    FILE *out; /* NULL: nothing is shown */
    bool live, line_stands, waiting;
    double shown_s; /* when a plain line about a long file was shown last */
} heed_cli_pull_progress;

heed_cli_pull_progress heed_cli_pull_progress_start(FILE *out);
/** As heed_pull_report, with the progress as its context: shows, and stops after Ctrl-C. */
bool heed_cli_show_pull(void *context, const heed_pull_progress *now);
/** Takes the live line away. */
void heed_cli_pull_clear_line(heed_cli_pull_progress *progress);

#endif
