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

/** Runs the test with a trainer that has no folder, and tells what came out. HEED_ERR_CHECK: nothing was learned. */
heed_status heed_cli_range_test(const heed_cli_range *range, heed_trainer *trainer, heed_cli_progress *progress,
                                heed_error *err);

#endif
