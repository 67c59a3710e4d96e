/* SPDX-License-Identifier: MIT */
/* Tokens and positions on the line and in what is printed: what the views about predictions share. */
#ifndef HEED_CLI_TOKEN_OUT_H
#define HEED_CLI_TOKEN_OUT_H

#include <heed/label.h>

#include "cli/json_out.h"
#include "cli/output.h"

/** Prints the token, visible, in exactly so many columns. */
void heed_cli_put_token(const heed_model *model, int32_t id, int columns);
/** "id" and "token" as members of the open object. */
void heed_cli_json_token(heed_cli_json *json, const heed_model *model, int32_t id);

/** The one token that text is, or #ID. HEED_ERR_USAGE names the option and what the text is instead. */
heed_status heed_cli_find_token(const heed_model *model, const char *option, const char *text, int32_t *id,
                                heed_error *err);
/** "3-9", "5", "-7" (to 7), "4-" (from 4), "all" as positions of n_ids tokens. HEED_ERR_USAGE names the option. */
heed_status heed_cli_read_range(const char *option, const char *text, size_t n_ids, int64_t *first,
                                int64_t *last, heed_error *err);

/* How hard a token was to predict, by its probability: where each begins is said once, in token_out.c. */
typedef enum heed_cli_hardness {
    HEED_CLI_EASY,
    HEED_CLI_HARD,
    HEED_CLI_VERY_HARD,
} heed_cli_hardness;

heed_cli_hardness heed_cli_hardness_of(double probability);
/** "[..] below 10 %, [[..]] below 1 %", the marks of heed_cli_open_hard(). */
const char *heed_cli_hardness_legend(void);
/** What stands before and behind such a token: brackets, and colours where there are any. */
const char *heed_cli_open_hard(heed_cli_hardness hardness, heed_palette palette);
const char *heed_cli_close_hard(heed_cli_hardness hardness, heed_palette palette);

#endif
