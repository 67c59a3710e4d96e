/* SPDX-License-Identifier: MIT */
/* heed workbook start [ID [FOLDER]]: a folder for a program of one's own. */
#include <heed/code.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/output.h"
#include "cli/workbook.h"

typedef struct start_options {
    heed_cli_numbers numbers;
    int language, as; /* a heed_code_language, a heed_code_format */
} start_options;

#define AT(member) offsetof(start_options, member)

static const heed_cli_text texts[] = {
    {"params", "JSON", "numbers of your own, as one JSON object", AT(numbers.params)},
};

static const heed_cli_text lists[] = {
    {"param", "NAME=VALUE", "one number, list or matrix of your own; several times", AT(numbers.param)},
};

static const char *const languages[] = {"c", "libheed", "python", "none", NULL};
static const char *const formats[] = {"text", "npy", NULL};

static const heed_field fields[] = {
    {"language", "of the file to begin with: plain C, C with libheed, Python with NumPy; none: no file",
     HEED_FIELD_CHOICE, AT(language), 0, 0, languages},
    {"as", "what the inputs are: text, or .npy", HEED_FIELD_CHOICE, AT(as), 0, 0, formats},
    {"variant", "the numbers of this variant, 0: the source's, -1: those in force", HEED_FIELD_INTEGER,
     AT(numbers.variant), -1, 1e15, NULL},
};

/* With the numbers in force, or others, which then come into force. */
static heed_status pose(const heed_cli_desk *desk, const char *name, const heed_cli_numbers *numbers,
                        heed_posing **posing, char **params, heed_error *err)
{
    const char *id;
    heed_status status = heed_cli_desk_find(desk, name, &id, err);

    if (status == HEED_OK)
        status = heed_cli_numbers_join(numbers, params, err);
    if (status != HEED_OK)
        return status;
    if (*params != NULL)
        return heed_workbook_pose_with(desk->book, id, *params, posing, err);
    if (numbers->variant >= 0)
        return heed_workbook_pose(desk->book, id, numbers->variant, posing, err);
    return heed_cli_desk_pose(desk, id, posing, err);
}

/* Only numbers that a folder was written with come into force. */
static void use(const heed_cli_desk *desk, const char *id, const heed_cli_numbers *numbers, const char *params)
{
    const int64_t before = heed_notebook_entry_of(desk->notebook, id).variant;
    heed_error own = {HEED_OK, ""};

    if (params != NULL || numbers->variant >= 0)
        heed_cli_desk_note(
            heed_notebook_use(desk->notebook, id, params != NULL ? before : numbers->variant, params, &own),
            &own);
    heed_cli_desk_note(heed_notebook_work_on(desk->notebook, id, &own), &own);
}

/* At the workbook's place there is no cd. */
static void tell(const heed_cli_desk *desk, const char *folder, const start_options *own)
{
    static const char *const files[] = {"solution.c", "solution.c", "solution.py", NULL};
    const char *file = files[own->language];
    char safe[512], how[1100];

    heed_cli_quote(safe, sizeof safe, folder);
    if (desk->in_place)
        snprintf(how, sizeof how, "\"watch %s", safe);
    else
        snprintf(how, sizeof how, "cd %s, and \"heed workbook watch", safe);
    if (file != NULL)
        fprintf(stderr,
                "%s: README.md says what is asked, %s is to begin with\n"
                "%s\" judges it whenever you save it\n",
                safe, file, how);
    else
        fprintf(stderr,
                "%s: README.md says what is asked\n"
                "%s --run COMMAND\" judges it whenever you save a file\n",
                safe, how);
}

static heed_status start(const heed_cli_options *options, const start_options *own, heed_error *err)
{
    heed_cli_desk *desk = NULL;
    heed_posing *posing = NULL;
    char *params = NULL;
    const char *folder = options->n_operands > 1 ? options->operands[1] : NULL;
    heed_status status = heed_cli_desk_open(&desk, err);

    if (status == HEED_OK)
        status = pose(desk, options->operands[0], &own->numbers, &posing, &params, err);
    if (status == HEED_OK && folder == NULL)
        folder = heed_posing_info(posing)->id;
    if (status == HEED_OK)
        status = heed_code_start(posing, folder, (heed_code_language)own->language, (heed_code_format)own->as,
                                 err);
    if (status == HEED_OK) {
        use(desk, heed_posing_info(posing)->id, &own->numbers, params);
        tell(desk, folder, own);
    }
    heed_posing_destroy(posing);
    free(params);
    return status;
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    start_options own = {.numbers = {.variant = -1}};
    heed_cli_options options = {.command = command,
                                .texts = texts,
                                .n_texts = 1,
                                .lists = lists,
                                .n_lists = 1,
                                .structure = &own,
                                .most_operands = 2};
    heed_status status;

    heed_cli_add_group(&options, NULL, fields, (int)(sizeof fields / sizeof fields[0]), &own, true);
    status = heed_cli_read(&options, argc, argv, err);
    if (status != HEED_OK || options.help_shown)
        return status;
    status = heed_cli_apply(&options, err);
    return status == HEED_OK ? start(&options, &own, err) : status;
}

const heed_cli_command heed_cli_workbook_start = {
    .name = "workbook start",
    .operands = "[ID [FOLDER]]",
    .summary = "a folder for a program of your own: inputs, and a file to begin with",
    .details =
        "FOLDER is the id where it is left out; it must not be there yet, or be empty. It gets inputs/, a "
        "file\n"
        "for each parameter, outputs/ for what your program writes, README.md, and a file to begin with. The\n"
        "numbers are those in force; --variant, --param and --params put others in force.\n",
    .examples = "  heed workbook start ch12.e11\n"
                "  heed workbook start ch12.e11 attention --language python --as npy\n"
                "  heed workbook start s5.e5.6a mask --language none --param seq_len=7\n",
    .run = run,
};
