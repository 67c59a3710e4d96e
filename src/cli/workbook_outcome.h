/* SPDX-License-Identifier: MIT */
/* What came of a prediction: the experiment, the prediction beside it, the reader's own words beside the key points. */
#ifndef HEED_CLI_WORKBOOK_OUTCOME_H
#define HEED_CLI_WORKBOOK_OUTCOME_H

#include "cli/json_out.h"
#include "cli/workbook.h"

/** The place of the field for one's own words; -1: there is none. */
int heed_cli_own_words(const heed_posing *posing);
/** Closed answers, which are judged; *n_right of them are right. */
int heed_cli_count_judged(const heed_marking *marking, int *n_right);

/** The run's figures and its rule, then each prediction: whether it came true, or what came out. given [fields]: as written. */
void heed_cli_put_outcome(const heed_posing *posing, const heed_marking *marking, const char *const *given,
                          const heed_demo_result *result);
/** Two columns, or one below the other on a narrow page; words NULL: none. */
void heed_cli_put_words_beside_points(const heed_posing *posing, const char *words);
/** "experiment", "steps" and "key_points" as members of the open object. */
void heed_cli_json_outcome(heed_cli_json *json, const heed_posing *posing, const heed_demo_result *result);

#endif
