/* SPDX-License-Identifier: MIT */
/* heed workbook new [ID]: the question with other numbers. */
#include <stdlib.h>

#include "cli/output.h"
#include "cli/workbook_print.h"

typedef struct new_options {
    heed_cli_numbers numbers;
    bool json;
} new_options;

#define AT(member) offsetof(new_options, member)

static const heed_cli_text texts[] = {
    {"params", "JSON", "numbers of your own, as one JSON object", AT(numbers.params)},
};

static const heed_cli_text lists[] = {
    {"param", "NAME=VALUE", "one number, list or matrix of your own, as JSON; several times",
     AT(numbers.param)},
};

static const heed_field fields[] = {
    {"variant", "the numbers of this variant, 0: the source's, -1: of the next one", HEED_FIELD_INTEGER,
     AT(numbers.variant), -1, 1e15, NULL},
    {"json", "print one JSON object", HEED_FIELD_BOOLEAN, AT(json), 0, 0, NULL},
};

/* Poses with the numbers, and only numbers that can be posed come into force. */
static heed_status renew(const heed_cli_desk *desk, const char *id, const heed_cli_numbers *numbers,
                         heed_posing **posing, heed_error *err)
{
    const int64_t before = heed_notebook_entry_of(desk->notebook, id).variant,
                  variant = numbers->variant >= 0 ? numbers->variant : before + 1;
    heed_error own = {HEED_OK, ""};
    char *params = NULL;
    heed_status status = heed_cli_numbers_join(numbers, &params, err);

    if (status == HEED_OK && params != NULL)
        status = heed_workbook_pose_with(desk->book, id, params, posing, err);
    else if (status == HEED_OK)
        status = heed_workbook_pose(desk->book, id, variant, posing, err);
    if (status == HEED_OK)
        heed_cli_desk_note(
            heed_notebook_use(desk->notebook, id, params != NULL ? before : variant, params, &own), &own);
    free(params);
    return status;
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    new_options own = {.numbers = {.variant = -1}};
    heed_cli_options options = {.command = command,
                                .texts = texts,
                                .n_texts = 1,
                                .lists = lists,
                                .n_lists = 1,
                                .structure = &own,
                                .most_operands = 1};
    heed_cli_desk *desk = NULL;
    heed_posing *posing = NULL;
    const char *id = NULL;
    heed_status status;

    heed_cli_add_group(&options, NULL, fields, (int)(sizeof fields / sizeof fields[0]), &own, true);
    status = heed_cli_desk_begin(&options, argc, argv, &desk, err);
    if (status != HEED_OK || options.help_shown)
        return status;
    status = heed_cli_desk_find(desk, options.operands[0], &id, err);
    if (status == HEED_OK)
        status = renew(desk, id, &own.numbers, &posing, err);
    if (status == HEED_OK)
        heed_cli_pose(desk, posing, own.json);
    if (status == HEED_OK && !heed_posing_info(posing)->varies && heed_posing_n_options(posing) == 0) {
        heed_cli_flush();
        fprintf(stderr, "heed: nothing in %s varies; it is the same question again\n", id);
    }
    heed_posing_destroy(posing);
    return status;
}

const heed_cli_command heed_cli_workbook_new = {
    .name = "workbook new",
    .operands = "[ID]",
    .summary = "the question with other numbers",
    .details =
        "Without options the numbers of the next variant come into force. The same variant gives the same\n"
        "question on every machine.\n",
    .examples = "  heed workbook new pp.q10\n"
                "  heed workbook new pp.q10 --variant 7\n"
                "  heed workbook new pp.q10 --param seq_len=5\n",
    .run = run,
};
