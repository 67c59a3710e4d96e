/* SPDX-License-Identifier: MIT */
/* heed workbook note ID [TEXT]: a note of your own. */
#include <stdlib.h>

#include "cli/output.h"
#include "cli/workbook_print.h"

typedef struct note_options {
    bool remove;
} note_options;

static const heed_field fields[] = {
    {"remove", "take the note away", HEED_FIELD_BOOLEAN, offsetof(note_options, remove), 0, 0, NULL},
};

/* A note that cannot be saved is lost, so this is an error here. */
static heed_status write(const heed_cli_desk *desk, const char *id, const heed_cli_options *options,
                         heed_error *err)
{
    char *text = heed_cli_join(options, 1);
    heed_status status;

    if (text == NULL)
        return heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for a note");
    status = heed_notebook_note(desk->notebook, id, text, err);
    free(text);
    return status;
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    note_options own = {.remove = false};
    heed_cli_options options = {
        .command = command, .least_operands = 1, .most_operands = HEED_CLI_MAX_OPERANDS};
    heed_cli_desk *desk = NULL;
    const char *id = NULL, *note;
    heed_status status;

    heed_cli_add_group(&options, NULL, fields, 1, &own, true);
    status = heed_cli_desk_begin(&options, argc, argv, &desk, err);
    if (status != HEED_OK || options.help_shown)
        return status;
    status = heed_cli_desk_find(desk, options.operands[0], &id, err);
    if (status != HEED_OK)
        return status;
    if (own.remove && options.n_operands > 1)
        return heed_cli_fail(err, HEED_ERR_USAGE, "expected a text or --remove, got both");
    if (own.remove || options.n_operands > 1)
        return write(desk, id, &options, err);
    note = heed_notebook_entry_of(desk->notebook, id).note;
    if (note == NULL)
        return heed_cli_fail(err, HEED_ERR_CHECK, "%s has no note", id);
    heed_cli_put_words(note, 0, 0);
    return HEED_OK;
}

const heed_cli_command heed_cli_workbook_note = {
    .name = "workbook note",
    .operands = "ID [TEXT]",
    .summary = "a note of your own, shown with the exercise; without TEXT: the one that is there",
    .examples = "  heed workbook note pp.q10 rows look, columns are looked at\n"
                "  heed workbook note pp.q10 --remove\n",
    .run = run,
};
