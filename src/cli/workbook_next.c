/* SPDX-License-Identifier: MIT */
/* heed workbook next: the next exercise that was not answered right yet. */
#include "cli/workbook_next.h"

#include "cli/output.h"
#include "cli/workbook_print.h"

typedef struct next_options {
    bool json;
} next_options;

static const heed_field fields[] = {
    {"json", "print one JSON object", HEED_FIELD_BOOLEAN, offsetof(next_options, json), 0, 0, NULL},
};

int heed_cli_workbook_find_next(const heed_cli_desk *desk)
{
    const char *now = heed_notebook_now(desk->notebook);
    heed_error own = {HEED_OK, ""};
    const int n = heed_workbook_count(desk->book),
              at = now != NULL ? heed_workbook_find(desk->book, now, &own) : -1;

    for (int k = 1; k <= n; k++) {
        const int i = (at + k) % n;
        if (heed_notebook_entry_of(desk->notebook, heed_workbook_info(desk->book, i)->id).n_right == 0)
            return i;
    }
    return -1;
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    next_options own = {.json = false};
    heed_cli_options options = {.command = command};
    heed_cli_desk *desk = NULL;
    heed_posing *posing = NULL;
    heed_status status;
    int next;

    heed_cli_add_group(&options, NULL, fields, 1, &own, true);
    status = heed_cli_desk_begin(&options, argc, argv, &desk, err);
    if (status != HEED_OK || options.help_shown)
        return status;
    if (status != HEED_OK)
        return status;
    next = heed_cli_workbook_find_next(desk);
    if (next < 0)
        return heed_cli_fail(
            err, HEED_ERR_CHECK,
            "every exercise is answered right; \"heed workbook new ID\" gives one other numbers");
    status = heed_cli_desk_pose(desk, heed_workbook_info(desk->book, next)->id, &posing, err);
    if (status == HEED_OK)
        heed_cli_pose(desk, posing, own.json);
    heed_posing_destroy(posing);
    return status;
}

const heed_cli_command heed_cli_workbook_next = {
    .name = "workbook next",
    .operands = "",
    .summary = "the next exercise that you have not answered right yet",
    .examples = "  heed workbook next\n",
    .run = run,
};
