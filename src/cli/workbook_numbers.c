/* SPDX-License-Identifier: MIT */
/* Numbers of an exercise, from the line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/json_out.h"
#include "cli/output.h"
#include "cli/workbook_split.h"

/* Is the value JSON by its first sign? Other values are words, [1 0; 0 1] too. */
static bool looks_like_json(const char *value)
{
    if (value[0] == '[' && strchr(value, ';') != NULL && strchr(value, '"') == NULL)
        return false;
    return strchr("[{\"", value[0]) != NULL || strcmp(value, "true") == 0 || strcmp(value, "false") == 0 ||
           strspn(value, "+-.0123456789eE") == strlen(value);
}

/* Of @FILE what stands in the file. */
static heed_status put_value(heed_cli_json *json, const char *name, const char *value, heed_error *err)
{
    char *text = NULL;
    heed_status status = HEED_OK;

    if (value[0] == '@' && value[1] != '\0')
        status = heed_cli_answers_read_value(value + 1, name, &text, err);
    if (status == HEED_OK && text == NULL && looks_like_json(value))
        heed_cli_json_raw(json, name, value);
    else if (status == HEED_OK)
        heed_cli_json_text(json, name, text != NULL ? text : value);
    free(text);
    return status;
}

/* {"name": value, …} */
static heed_status put_all(const heed_cli_list *params, FILE *out, heed_error *err)
{
    heed_cli_json json = {.out = out};
    heed_status status = HEED_OK;

    heed_cli_json_open(&json, NULL, '{');
    for (int i = 0; i < params->n && status == HEED_OK; i++) {
        const char *equals = strchr(params->items[i], '=');
        char name[64];

        if (equals == NULL || equals == params->items[i] || equals - params->items[i] >= (long)sizeof name)
            return heed_cli_fail(err, HEED_ERR_USAGE, "--param: expected NAME=VALUE, got \"%.200s\"",
                                 params->items[i]);
        snprintf(name, sizeof name, "%.*s", (int)(equals - params->items[i]), params->items[i]);
        status = put_value(&json, name, equals + 1, err);
    }
    heed_cli_json_close(&json, '}');
    return status;
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
