/* SPDX-License-Identifier: MIT */
/* heed workbook solve ID: the answer with its steps, as JSON. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/workbook.h"
#include "cli/workbook_experiment.h"

typedef struct solve_options {
    heed_cli_numbers numbers;
    bool json;
} solve_options;

#define AT(member) offsetof(solve_options, member)

static const heed_cli_text texts[] = {
    {"params", "JSON", "parameters as one JSON object", AT(numbers.params)},
};

static const heed_cli_text lists[] = {
    {"param", "NAME=VALUE", "one parameter, as an answer is written, @FILE too; several times",
     AT(numbers.param)},
};

static const heed_field fields[] = {
    {"variant", "the numbers of this variant; 0, and -1 too: the source's", HEED_FIELD_INTEGER,
     AT(numbers.variant), -1, 1e15, NULL},
    {"json", "the usual thing: one JSON object", HEED_FIELD_BOOLEAN, AT(json), 0, 0, NULL},
};

static heed_status pose(const heed_workbook *book, const char *id, const heed_cli_numbers *numbers,
                        heed_posing **posing, heed_error *err)
{
    char *params = NULL;
    heed_status status = heed_cli_numbers_join(numbers, &params, err);

    if (status == HEED_OK && params != NULL)
        status = heed_workbook_pose_with(book, id, params, posing, err);
    else if (status == HEED_OK)
        status = heed_workbook_pose(book, id, numbers->variant > 0 ? numbers->variant : 0, posing, err);
    free(params);
    return status;
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    solve_options own = {.numbers = {.variant = -1}};
    heed_cli_options options = {.command = command,
                                .texts = texts,
                                .n_texts = 1,
                                .lists = lists,
                                .n_lists = 1,
                                .structure = &own,
                                .least_operands = 1,
                                .most_operands = 1};
    heed_workbook *book = NULL;
    heed_posing *posing = NULL;
    char *json = NULL;
    heed_status status;

    heed_cli_add_group(&options, NULL, fields, (int)(sizeof fields / sizeof fields[0]), &own, true);
    status = heed_cli_read(&options, argc, argv, err);
    if (status != HEED_OK || options.help_shown)
        return status;
    status = heed_cli_apply(&options, err);
    if (status == HEED_OK)
        status = heed_workbook_open(&book, err);
    if (status == HEED_OK)
        status = pose(book, options.operands[0], &own.numbers, &posing, err);
    if (status == HEED_OK && heed_posing_experiment(posing) != NULL)
        status = heed_cli_experiment_run(posing, NULL, err);
    if (status == HEED_OK)
        status = heed_posing_solve(posing, &json, err);
    if (status == HEED_OK)
        printf("%s\n", json);
    free(json);
    heed_posing_destroy(posing);
    heed_workbook_close(book);
    return status;
}

const heed_cli_command heed_cli_workbook_solve = {
    .name = "workbook solve",
    .operands = "ID",
    .summary = "the answer with its steps, as JSON",
    .examples = "  heed workbook solve pp.q10\n"
                "  heed workbook solve pp.q10 --param seq_len=5\n"
                "  heed workbook solve pp.q10 --params '{\"seq_len\": 5}'\n",
    .run = run,
};
