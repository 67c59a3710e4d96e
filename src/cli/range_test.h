/* SPDX-License-Identifier: MIT */
/* heed train --range-test: which learning rate? (heed/range_test.h) */
#ifndef HEED_CLI_RANGE_TEST_H
#define HEED_CLI_RANGE_TEST_H

#include <heed/range_test.h>

#include "cli/progress.h"

typedef struct heed_cli_range {
    heed_range_options options;
    const char *folder; /* for range.png and log.jsonl; NULL: nothing is written */
    bool json;
    int argc; /* the line behind "heed train", for the one that trains with the suggestion */
    char **argv;
} heed_cli_range;

/** Whether the folder can be written, before any work. HEED_ERR_USAGE: it has a run or a log. Only the first rank looks. */
heed_status heed_cli_range_check(const heed_cli_range *range, heed_ranks *ranks, heed_error *err);
/**
 * Runs the test with a trainer that has no folder, and tells what came out. HEED_ERR_CHECK: nothing was learned; the folder
 * is written nevertheless.
 */
heed_status heed_cli_range_test(const heed_cli_range *range, heed_trainer *trainer, heed_cli_progress *progress,
                                heed_error *err);

#endif
