/* SPDX-License-Identifier: MIT */
/* Every demonstration, one after the other: a table of verdicts and seconds. */
#ifndef HEED_CLI_WORKBOOK_DEMO_ALL_H
#define HEED_CLI_WORKBOOK_DEMO_ALL_H

#include <heed/demo.h>

/** HEED_ERR_CHECK where one is not observed, or, sabotaged, where one is; HEED_ERR_INTERRUPTED. */
heed_status heed_cli_demo_all(const heed_demo_options *options, bool json, heed_error *err);

#endif
