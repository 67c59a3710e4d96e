/* SPDX-License-Identifier: MIT */
/* Numbers of an exercise, from the line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/workbook.h"

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

/* {"name": value, …} */
static heed_status put_all(const heed_cli_list *params, FILE *out, heed_error *err)
{
    fputc('{', out);
    for (int i = 0; i < params->n; i++) {
        const char *equals = strchr(params->items[i], '=');
        char name[64];

        if (equals == NULL || equals == params->items[i] || equals - params->items[i] >= (long)sizeof name)
            return heed_cli_fail(err, HEED_ERR_USAGE, "--param: expected NAME=VALUE, got \"%.200s\"",
                                 params->items[i]);
        snprintf(name, sizeof name, "%.*s", (int)(equals - params->items[i]), params->items[i]);
        fputs(i > 0 ? ", " : "", out);
        put_word(out, name);
        fputs(": ", out);
        if (looks_like_json(equals + 1))
            fputs(equals + 1, out);
        else
            put_word(out, equals + 1);
    }
    fputc('}', out);
    return HEED_OK;
}

heed_status heed_cli_numbers_join(const heed_cli_numbers *numbers, char **text, heed_error *err)
{
    size_t n = 0;
    FILE *out;
    heed_status status = HEED_OK;

    *text = NULL;
    if ((numbers->params != NULL) + (numbers->param.n > 0) + (numbers->variant >= 0) > 1)
        return heed_cli_fail(err, HEED_ERR_USAGE, "expected one of --param, --params and --variant");
    if (numbers->params == NULL && numbers->param.n == 0)
        return HEED_OK;
    out = open_memstream(text, &n);
    if (out == NULL)
        return heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for the parameters");
    if (numbers->params != NULL)
        fputs(numbers->params, out);
    else
        status = put_all(&numbers->param, out, err);
    if (fclose(out) != 0 && status == HEED_OK)
        status = heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for the parameters");
    if (status != HEED_OK) {
        free(*text);
        *text = NULL;
    }
    return status;
}
