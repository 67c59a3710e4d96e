/* SPDX-License-Identifier: MIT */
/* A file of prompts, one a line. */
#include <heed/generate.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "formats/json.h"

enum { MOST_VALUES = 1 << 16 }; /* of one line's object */

typedef struct reader {
    const char *name;
    bool json;
    heed_prompt *prompts;
    char *texts; /* where the next text goes: behind the prompts, in the same block */
    int64_t n, line;
} reader;

/* Bytes of the line at text without its end; *next: of the line with it. */
static size_t line_of(const char *text, size_t n, size_t *next)
{
    const char *end = memchr(text, '\n', n);
    size_t size = end != NULL ? (size_t)(end - text) : n;

    *next = end != NULL ? size + 1 : n;
    if (size > 0 && text[size - 1] == '\r')
        size--;
    return size;
}

static bool is_object(const char *line, size_t n)
{
    json_t *root = NULL;
    const bool is = n > 0 && line[0] == '{' &&
                    heed_json_parse(line, n, MOST_VALUES, "", &root, NULL) == HEED_OK && json_is_object(root);

    json_decref(root);
    return is;
}

static void add(reader *r, const char *text, size_t n)
{
    memcpy(r->texts, text, n);
    r->texts[n] = '\0';
    r->prompts[r->n++] = (heed_prompt){.text = r->texts, .n_text = n};
    r->texts += n + 1;
}

/* A string in JSON is never shorter than its text, so the block has room. */
static heed_status add_json(reader *r, const char *line, size_t n, heed_error *err)
{
    char where[320];
    json_t *root = NULL;
    const json_t *prompt;
    heed_status status;

    snprintf(where, sizeof where, "%.256s line %lld", r->name, (long long)r->line);
    status = heed_json_parse(line, n, MOST_VALUES, where, &root, err);
    if (status != HEED_OK)
        return status;
    prompt = json_object_get(root, "prompt");
    if (json_is_string(prompt))
        add(r, json_string_value(prompt), json_string_length(prompt));
    else
        status = heed_fail(err, HEED_ERR_FILE, "%s: expected a member \"prompt\" that is a text, found none",
                           where);
    json_decref(root);
    return status;
}

static heed_status add_line(reader *r, const char *line, size_t n, heed_error *err)
{
    if (n == 0)
        return heed_fail(err, HEED_ERR_FILE, "%.256s line %lld: expected a prompt, got an empty line", r->name,
                         (long long)r->line);
    if (r->json)
        return add_json(r, line, n, err);
    add(r, line, n);
    return HEED_OK;
}

heed_status heed_prompts_parse(const char *text, size_t n, const char *name, heed_prompt **prompts,
                               int64_t *n_prompts, heed_error *err)
{
    char shown[257];
    reader r = {.name = heed_quote(shown, sizeof shown, name, strlen(name))};
    size_t n_lines = 0, next = 0;
    heed_status status = HEED_OK;

    *prompts = NULL;
    *n_prompts = 0;
    for (size_t at = 0; at < n; at += next, n_lines++)
        line_of(text + at, n - at, &next);
    if (n_lines == 0)
        return heed_fail(err, HEED_ERR_FILE, "%s: expected prompts, one a line, got an empty file", r.name);
    r.json = is_object(text, line_of(text, n, &next));
    r.prompts = malloc(n_lines * (sizeof *r.prompts + 1) + n);
    if (r.prompts == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "%s: not enough memory for %zu prompts", r.name, n_lines);
    r.texts = (char *)(r.prompts + n_lines);
    for (size_t at = 0; at < n && status == HEED_OK; at += next) {
        const size_t size = line_of(text + at, n - at, &next);
        r.line++;
        status = add_line(&r, text + at, size, err);
    }
    if (status != HEED_OK) {
        free(r.prompts);
        return status;
    }
    *prompts = r.prompts;
    *n_prompts = r.n;
    return HEED_OK;
}
