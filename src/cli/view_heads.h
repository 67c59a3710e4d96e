/* SPDX-License-Identifier: MIT */
/* What heed inspect --show heads has found, for its two forms. */
#ifndef HEED_CLI_VIEW_HEADS_H
#define HEED_CLI_VIEW_HEADS_H

#include <heed/heads.h>

#include "cli/json_out.h"

typedef struct heed_cli_heads_options {
    int64_t repeated_tokens, seed, n_largest, similar;
    bool profile, every;
} heed_cli_heads_options;

typedef struct heed_cli_head_pair {
    int a, b; /* layer * n_heads + head */
    double cosine;
} heed_cli_head_pair;

typedef struct heed_cli_heads {
    heed_heads *heads;    /* on the text */
    heed_heads *repeated; /* on repeated random tokens; NULL: no test */
    heed_repeated test;
    heed_cli_head_pair *pairs;
    int n_pairs;
} heed_cli_heads;

/** Figures on the text; previous token, duplicate token and induction by the repeated tokens where there is a test. */
void heed_cli_heads_verdict(const heed_cli_heads *seen, int layer, int head, heed_head_scores *out);

heed_status heed_cli_heads_json(heed_cli_json *json, const heed_cli_heads *seen, heed_error *err);

#endif
