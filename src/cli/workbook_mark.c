/* SPDX-License-Identifier: MIT */
/* heed workbook mark FILE.jsonl: answers marked, one a line. */
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/read_text.h"
#include "cli/workbook.h"

/* Marks the lines of a text; the worst of what came: a line that is broken, a wrong answer, neither. */
static heed_status mark(const heed_workbook *book, const char *text, size_t n, const char *name,
                        heed_error *err)
{
    heed_status worst = HEED_OK;
    long long n_lines = 0, n_right = 0, n_broken = 0, first_broken = 0;
    heed_error first = {HEED_OK, ""};

    for (size_t at = 0; at < n;) {
        const char *end = memchr(text + at, '\n', n - at);
        const size_t length = end != NULL ? (size_t)(end - (text + at)) : n - at;
        heed_error own = {HEED_OK, ""};
        char *json = NULL;
        bool ok = false;

        if (length > 0 && strspn(text + at, " \t\r") < length) {
            const heed_status status = heed_workbook_mark(book, text + at, length, &json, &ok, &own);
            n_lines++;
            n_right += ok;
            if (json == NULL)
                return heed_cli_fail(err, status, "%s", own.message);
            printf("%s\n", json);
            free(json);
            if (status != HEED_OK && n_broken++ == 0) {
                first = own;
                first_broken = n_lines;
            }
        }
        at += length + 1;
    }
    if (n_broken > 0)
        worst = heed_cli_fail(err, HEED_ERR_FILE,
                              "%s: %lld of %lld lines cannot be marked, the first is line %lld: %s", name,
                              n_broken, n_lines, first_broken, first.message);
    else if (n_lines == 0)
        worst = heed_cli_fail(err, HEED_ERR_FILE, "%s: expected answers, one a line, it has none", name);
    else if (n_right < n_lines)
        worst = heed_cli_fail(err, HEED_ERR_CHECK, "%lld of %lld answers are right", n_right, n_lines);
    return worst;
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    heed_cli_options options = {.command = command, .least_operands = 1, .most_operands = 1};
    heed_workbook *book = NULL;
    char *text = NULL;
    size_t n = 0;
    heed_status status = heed_cli_read(&options, argc, argv, err);

    if (status != HEED_OK || options.help_shown)
        return status;
    status = strcmp(options.operands[0], "-") == 0 ? heed_cli_read_all(stdin, "standard input", &text, &n, err)
                                                   : heed_cli_read_file(options.operands[0], &text, &n, err);
    if (status == HEED_OK)
        status = heed_workbook_open(&book, err);
    if (status == HEED_OK)
        status = mark(book, text, n, options.operands[0], err);
    heed_workbook_close(book);
    free(text);
    return status;
}

const heed_cli_command heed_cli_workbook_mark = {
    .name = "workbook mark",
    .operands = "FILE.jsonl",
    .summary = "mark answers, one a line; 0: all are right, 1: some are wrong, 3: a line is broken",
    .details = "A line is {\"id\": ..., \"params\": {...}, \"answer\": {field: value, ...}}; - is standard "
               "input. Each gives a line\n"
               "{\"id\", \"ok\", \"fields\": {field: {\"ok\", \"expected\", \"slip\"}}}.\n",
    .examples = "  heed workbook mark answers.jsonl\n",
    .run = run,
};
