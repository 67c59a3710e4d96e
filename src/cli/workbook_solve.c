/* SPDX-License-Identifier: MIT */
/* heed workbook solve ID: the answer with its steps, as JSON. */
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/workbook.h"

typedef struct solve_options {
    const char *params;
    heed_cli_list param;
    int64_t variant;
    bool json;
} solve_options;

static const heed_cli_text texts[] = {
    {"params", "JSON", "parameters as one JSON object", offsetof(solve_options, params)},
};

static const heed_cli_text lists[] = {
    {"param", "NAME=VALUE", "one parameter, its value as JSON or as a word; several times",
     offsetof(solve_options, param)},
};

static const heed_field fields[] = {
    {"variant", "the numbers of this variant; 0: the source's", HEED_FIELD_INTEGER,
     offsetof(solve_options, variant), 0, 1e15, NULL},
    {"json", "the usual thing: one JSON object", HEED_FIELD_BOOLEAN, offsetof(solve_options, json), 0, 0, NULL},
};

/* Is the value JSON by its first sign? Other values are words. */
static bool looks_like_json(const char *value)
{
    return strchr("[{\"", value[0]) != NULL || strcmp(value, "true") == 0 || strcmp(value, "false") == 0 ||
           strspn(value, "+-.0123456789eE") == strlen(value);
}

static void put_word(FILE *out, const char *word)
{
    fputc('"', out);
    for (; *word != '\0'; word++)
        fprintf(out, *word == '"' || *word == '\\' ? "\\%c" : "%c", *word);
    fputc('"', out);
}

/* {"name": value, …}; *text is allocated. */
static heed_status join(const heed_cli_list *params, char **text, heed_error *err)
{
    size_t n = 0;
    FILE *out = open_memstream(text, &n);
    heed_status status = HEED_OK;

    if (out == NULL)
        return heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for the parameters");
    fputc('{', out);
    for (int i = 0; i < params->n && status == HEED_OK; i++) {
        const char *equals = strchr(params->items[i], '=');
        char name[64];

        if (equals == NULL || equals == params->items[i] || equals - params->items[i] >= (long)sizeof name) {
            status = heed_cli_fail(err, HEED_ERR_USAGE, "--param: expected NAME=VALUE, got \"%s\"",
                                   params->items[i]);
            break;
        }
        snprintf(name, sizeof name, "%.*s", (int)(equals - params->items[i]), params->items[i]);
        fprintf(out, "%s\"%s\": ", i > 0 ? ", " : "", name);
        if (looks_like_json(equals + 1))
            fputs(equals + 1, out);
        else
            put_word(out, equals + 1);
    }
    fputc('}', out);
    fclose(out);
    return status;
}

static heed_status pose(const heed_workbook *book, const char *id, const solve_options *own,
                        heed_posing **posing, heed_error *err)
{
    char *joined = NULL;
    heed_status status = HEED_OK;

    if ((own->params != NULL) + (own->param.n > 0) + (own->variant > 0) > 1)
        return heed_cli_fail(err, HEED_ERR_USAGE, "expected one of --param, --params and --variant");
    if (own->params != NULL)
        return heed_workbook_pose_with(book, id, own->params, posing, err);
    if (own->param.n == 0)
        return heed_workbook_pose(book, id, own->variant, posing, err);
    status = join(&own->param, &joined, err);
    if (status == HEED_OK)
        status = heed_workbook_pose_with(book, id, joined, posing, err);
    free(joined);
    return status;
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    solve_options own = {.variant = 0};
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
        status = pose(book, options.operands[0], &own, &posing, err);
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
