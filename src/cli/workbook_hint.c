/* SPDX-License-Identifier: MIT */
/* heed workbook hint [ID]: the next hint; the last one is the method. */
#include <stdio.h>

#include "cli/output.h"
#include "cli/workbook_print.h"

typedef struct hint_options {
    bool json;
} hint_options;

static const heed_field fields[] = {
    {"json", "print one JSON object", HEED_FIELD_BOOLEAN, offsetof(hint_options, json), 0, 0, NULL},
};

static void put_hint(const heed_posing *p, int i, bool as_json)
{
    heed_cli_json json = {.out = stdout};
    const int n = heed_posing_n_hints(p);

    if (as_json) {
        heed_cli_json_open(&json, NULL, '{');
        heed_cli_json_text(&json, "id", heed_posing_info(p)->id);
        heed_cli_json_integer(&json, "hint", i + 1);
        heed_cli_json_integer(&json, "of", n);
        heed_cli_json_text(&json, "words", heed_posing_hint(p, i));
        heed_cli_json_close(&json, '}');
        return;
    }
    printf("%sHint %d of %d:%s ", heed_cli_ink_on(HEED_CLI_INK_BOLD), i + 1, n, heed_cli_ink_off());
    heed_cli_put_words(heed_posing_hint(p, i), 4, 13);
}

static heed_status give(const heed_cli_desk *desk, const heed_posing *p, bool json, heed_error *err)
{
    const char *id = heed_posing_info(p)->id;
    const int n = heed_posing_n_hints(p);
    const int64_t taken = heed_notebook_entry_of(desk->notebook, id).n_hints;
    heed_error own = {HEED_OK, ""};

    if (n == 0)
        return heed_cli_fail(err, HEED_ERR_USAGE, "%s has no hints", id);
    put_hint(p, taken < n ? (int)taken : n - 1, json);
    if (taken < n)
        heed_cli_desk_note(heed_notebook_hinted(desk->notebook, id, taken + 1, &own), &own);
    else {
        heed_cli_flush();
        fprintf(stderr, "This was the last hint; \"explain\" shows the whole way.\n");
    }
    return HEED_OK;
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    hint_options own = {.json = false};
    heed_cli_options options = {.command = command, .most_operands = 1};
    heed_cli_desk *desk = NULL;
    heed_posing *posing = NULL;
    heed_status status;

    heed_cli_add_group(&options, NULL, fields, 1, &own, true);
    status = heed_cli_desk_begin(&options, argc, argv, &desk, err);
    if (status != HEED_OK || options.help_shown)
        return status;
    status = heed_cli_desk_pose(desk, options.operands[0], &posing, err);
    if (status == HEED_OK)
        status = give(desk, posing, own.json, err);
    heed_posing_destroy(posing);
    return status;
}

const heed_cli_command heed_cli_workbook_hint = {
    .name = "workbook hint",
    .operands = "[ID]",
    .summary = "the next hint; the last one is the method",
    .examples = "  heed workbook hint pp.q10\n",
    .run = run,
};
