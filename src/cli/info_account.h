/* SPDX-License-Identifier: MIT */
/* What heed info says about a step's memory and arithmetic, and about a generated token, where it is asked. */
#ifndef HEED_CLI_INFO_ACCOUNT_H
#define HEED_CLI_INFO_ACCOUNT_H

#include <heed/accounting.h>

#include "cli/json_out.h"

enum { HEED_CLI_MOST_VARIANTS = 8 };

/* The same step in another way. */
typedef struct heed_cli_variant {
    char what[48];
    heed_account_total total;
} heed_cli_variant;

typedef struct heed_cli_accounts {
    bool memory, flops, generation, measure; /* what is asked for */
    heed_account_options options;
    heed_account *account; /* of memory and flops */
    heed_cli_variant variants[HEED_CLI_MOST_VARIANTS];
    int n_variants;
    heed_account_measured measured;
    heed_account_generation next;
} heed_cli_accounts;

/** Runs the steps that are measured: before anything else takes memory. */
heed_status heed_cli_measure_step(heed_cli_accounts *accounts, const heed_config *config, heed_error *err);
/** Counts the rest. */
heed_status heed_cli_make_accounts(heed_cli_accounts *accounts, const heed_config *config, heed_error *err);
heed_status heed_cli_print_accounts(const heed_cli_accounts *accounts, const heed_config *config,
                                    heed_error *err);
void heed_cli_json_accounts(heed_cli_json *json, const heed_cli_accounts *accounts);
void heed_cli_release_accounts(heed_cli_accounts *accounts);

#endif
