/* SPDX-License-Identifier: MIT */
/* heed workbook page: all exercises and demonstrations as one page of Markdown. */
#include <stdlib.h>

#include "cli/output.h"
#include "cli/workbook.h"

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    heed_cli_options options = {.command = command};
    heed_workbook *book = NULL;
    char *page = NULL;
    heed_status status = heed_cli_read(&options, argc, argv, err);

    if (status != HEED_OK || options.help_shown)
        return status;
    status = heed_workbook_open(&book, err);
    if (status == HEED_OK)
        status = heed_workbook_page(book, &page, err);
    if (status == HEED_OK)
        fputs(page, stdout);
    free(page);
    heed_workbook_close(book);
    return status;
}

const heed_cli_command heed_cli_workbook_page = {
    .name = "workbook page",
    .operands = "",
    .summary = "all exercises and demonstrations as one page of Markdown",
    .details =
        "With the numbers of the sources; hints and solutions are folded. docs/exercises.md is made of it.\n",
    .examples = "  heed workbook page > exercises.md\n",
    .run = run,
};
