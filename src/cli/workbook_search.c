/* SPDX-License-Identifier: MIT */
/* heed workbook search WORDS: exercises whose words have all of these. */
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/workbook_print.h"

typedef struct search_options {
    bool json;
} search_options;

static const heed_field fields[] = {
    {"json", "print one JSON object", HEED_FIELD_BOOLEAN, offsetof(search_options, json), 0, 0, NULL},
};

static void put_found(const heed_cli_desk *desk, const int *found, int n)
{
    for (int i = 0; i < n; i++) {
        const heed_exercise_info *info = heed_workbook_info(desk->book, found[i]);

        printf("%s%-12s%s ", heed_cli_ink_on(HEED_CLI_INK_CODE), info->id, heed_cli_ink_off());
        heed_cli_put_words(info->title, 13, strlen(info->id) > 12 ? (int)strlen(info->id) + 1 : 13);
    }
}

static void put_json(const heed_cli_desk *desk, const int *found, int n)
{
    heed_cli_json json = {.out = stdout};

    heed_cli_json_open(&json, NULL, '{');
    heed_cli_json_open(&json, "found", '[');
    for (int i = 0; i < n; i++) {
        heed_cli_json_open(&json, NULL, '{');
        heed_cli_json_text(&json, "id", heed_workbook_info(desk->book, found[i])->id);
        heed_cli_json_text(&json, "title", heed_workbook_info(desk->book, found[i])->title);
        heed_cli_json_close(&json, '}');
    }
    heed_cli_json_close(&json, ']');
    heed_cli_json_close(&json, '}');
}

static heed_status look(const heed_cli_desk *desk, const char *words, bool json, heed_error *err)
{
    int *found = calloc((size_t)heed_workbook_count(desk->book) + 1, sizeof *found), n;
    char shown[120];

    if (found == NULL)
        return heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for a search");
    n = heed_workbook_search(desk->book, words, found);
    if (json)
        put_json(desk, found, n);
    else
        put_found(desk, found, n);
    free(found);
    if (n > 0)
        return HEED_OK;
    return heed_cli_fail(err, HEED_ERR_CHECK, "no exercise has all of: %s",
                         heed_cli_quote(shown, sizeof shown, words));
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    search_options own = {.json = false};
    heed_cli_options options = {.command = command, .least_operands = 1, .most_operands = 64};
    heed_cli_desk *desk = NULL;
    char *words = NULL;
    heed_status status;

    heed_cli_add_group(&options, NULL, fields, 1, &own, true);
    status = heed_cli_desk_begin(&options, argc, argv, &desk, err);
    if (status != HEED_OK || options.help_shown)
        return status;
    if (status == HEED_OK && (words = heed_cli_join(&options, 0)) == NULL)
        status = heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for a search");
    if (status == HEED_OK)
        status = look(desk, words, own.json, err);
    free(words);
    return status;
}

const heed_cli_command heed_cli_workbook_search = {
    .name = "workbook search",
    .operands = "WORDS",
    .summary = "exercises whose words have all of these",
    .examples = "  heed workbook search causal mask\n",
    .run = run,
};
