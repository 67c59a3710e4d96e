/* SPDX-License-Identifier: MIT */
/* What a demonstration has computed, on stdout. */
#ifndef HEED_CLI_WORKBOOK_SHOWN_H
#define HEED_CLI_WORKBOOK_SHOWN_H

#include <heed/demo.h>

/** Everything: what it is about, tables, drawing, figures, rule and verdict. HEED_ERR_MEMORY. */
heed_status heed_cli_put_demo(const heed_demo_result *result, heed_error *err);
void heed_cli_put_demo_figures(const heed_demo_result *result);
/** The rule, condition by condition, and whether it was observed. */
void heed_cli_put_demo_verdict(const heed_demo_result *result);
heed_status heed_cli_demo_json(const heed_demo_result *result, heed_error *err);

#endif
