/* SPDX-License-Identifier: MIT */
/* Verdicts as CSV (RFC 4180): student, id, ok, fields. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text_buffer.h"
#include "workbook/exercise.h"

/* A cell between quotes where it needs them. A spreadsheet takes = + - @ at its beginning for a formula, so a ' goes before. */
static void put_cell(heed_text_buffer *out, const char *text, bool last)
{
    const bool formula = text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL;
    const bool quoted = strpbrk(text, ",\"\r\n") != NULL;

    if (quoted)
        heed_text_puts(out, "\"");
    if (formula)
        heed_text_puts(out, "'");
    for (; *text != '\0'; text++) {
        heed_text_append(out, text, 1);
        if (*text == '"')
            heed_text_puts(out, "\"");
    }
    if (quoted)
        heed_text_puts(out, "\"");
    heed_text_puts(out, last ? "\n" : ",");
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

/* "value: right; weights: wrong, this is the softmax over columns; words: what was written" */
static void put_fields(heed_text_buffer *out, json_t *fields)
{
    const char *name;
    json_t *one;

    json_object_foreach(fields, name, one)
    {
        const bool ok = json_is_true(json_object_get(one, "ok"));
        const char *slip = text_of(one, "slip"), *words = text_of(one, "words");

        if (json_object_get(one, "given") != NULL) { /* words of one's own, which nobody judges */
            heed_text_printf(out, "%s%s: %s", out->size > 0 ? "; " : "", name, text_of(one, "given"));
            continue;
        }
        heed_text_printf(out, "%s%s: %s", out->size > 0 ? "; " : "", name, ok ? "right" : "wrong");
        if (!ok && (slip[0] != '\0' || words[0] != '\0'))
            heed_text_printf(out, ", %s", slip[0] != '\0' ? slip : words);
    }
}

heed_status heed_workbook_csv(const char *verdict, char **csv, heed_error *err)
{
    heed_text_buffer out = {0}, fields = {0};
    json_t *root = NULL;

    *csv = NULL;
    if (verdict == NULL)
        heed_text_puts(&out, "student,id,ok,fields\n");
    else {
        root = json_loads(verdict, 0, NULL);
        if (!json_is_object(root)) {
            json_decref(root);
            return heed_fail(err, HEED_ERR_USAGE, "expected a verdict of heed_workbook_mark()");
        }
        put_fields(&fields, json_object_get(root, "fields"));
        put_cell(&out, text_of(root, "student"), false);
        put_cell(&out, text_of(root, "id"), false);
        put_cell(&out, json_is_true(json_object_get(root, "ok")) ? "true" : "false", false);
        put_cell(&out, fields.data != NULL ? fields.data : text_of(root, "error"), true);
    }
    json_decref(root);
    if (out.failed || fields.failed) {
        heed_text_free(&out);
        heed_text_free(&fields);
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a line of CSV");
    }
    heed_text_free(&fields);
    *csv = out.data;
    return HEED_OK;
}
