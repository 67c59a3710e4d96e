/* SPDX-License-Identifier: MIT */
/* heed workbook mark FILE.jsonl: answers marked, one a line. */
#include <stdlib.h>
#include <string.h>

#include "cli/out_file.h"
#include "cli/output.h"
#include "cli/read_text.h"
#include "cli/workbook.h"
#include "cli/workbook_experiment.h"

typedef struct mark_options {
    const char *csv;
    bool force;
} mark_options;

#define AT(member) offsetof(mark_options, member)

static const heed_cli_text texts[] = {
    {"csv", "FILE", "write the verdicts as CSV too: student, id, ok, fields", AT(csv)},
};

static const heed_field fields[] = {
    {"force", "write over a file that is there", HEED_FIELD_BOOLEAN, AT(force), 0, 0, NULL},
};

/* What came of the lines so far. */
typedef struct tally {
    long long n_lines, n_right, n_broken, first_broken;
    heed_error first;
} tally;

/* A verdict, NULL for the names of the columns, as a line of out. */
static heed_status put_csv(heed_cli_out *out, const char *verdict, heed_error *err)
{
    char *csv = NULL;
    heed_status status = heed_workbook_csv(verdict, &csv, err);

    if (status == HEED_OK)
        status = heed_cli_out_put(out, csv, strlen(csv), err);
    free(csv);
    return status;
}

static heed_status mark_line(const heed_workbook *book, const char *line, size_t n, tally *t, heed_cli_out *csv,
                             heed_error *err)
{
    heed_error own = {HEED_OK, ""};
    char *json = NULL;
    bool ok = false;
    heed_status status = heed_workbook_mark(book, line, n, &json, &ok, &own);

    t->n_lines++;
    t->n_right += ok;
    if (json == NULL || status == HEED_ERR_INTERRUPTED) {
        free(json);
        return heed_cli_fail(err, status, "line %lld: %s", t->n_lines, own.message);
    }
    if (status != HEED_OK && t->n_broken++ == 0) {
        t->first = own;
        t->first_broken = t->n_lines;
    }
    printf("%s\n", json);
    status = csv != NULL ? put_csv(csv, json, err) : HEED_OK;
    free(json);
    return status;
}

static heed_status mark_all(const heed_workbook *book, const char *text, size_t n, tally *t, heed_cli_out *csv,
                            heed_error *err)
{
    heed_status status = csv != NULL ? put_csv(csv, NULL, err) : HEED_OK;

    for (size_t at = 0; at < n && status == HEED_OK;) {
        const char *end = memchr(text + at, '\n', n - at);
        const size_t length = end != NULL ? (size_t)(end - (text + at)) : n - at;

        if (length > 0 && strspn(text + at, " \t\r") < length)
            status = mark_line(book, text + at, length, t, csv, err);
        at += length + 1;
    }
    return status;
}

/* Predictions are judged by experiments, which take their time. */
static heed_status mark_listening(heed_workbook *book, const char *text, size_t n, tally *t, heed_cli_out *csv,
                                  heed_error *err)
{
    heed_cli_watch watch = heed_cli_watch_start("\nheed: stopping at this line\n");
    heed_status status;

    heed_workbook_listen(book, heed_cli_watch_progress, &watch);
    status = mark_all(book, text, n, t, csv, err);
    heed_workbook_listen(book, NULL, NULL);
    heed_cli_watch_end(&watch);
    return status;
}

/* Marks the lines of a text; the worst of what came: a line that is broken, a wrong answer, neither. */
static heed_status mark(heed_workbook *book, const char *text, size_t n, const char *name,
                        const mark_options *own, heed_error *err)
{
    tally t = {.n_lines = 0};
    heed_cli_out csv;
    heed_status status = own->csv != NULL ? heed_cli_out_open(&csv, own->csv, own->force, err) : HEED_OK;

    if (status != HEED_OK)
        return status;
    status = mark_listening(book, text, n, &t, own->csv != NULL ? &csv : NULL, err);
    if (own->csv != NULL)
        status = heed_cli_out_close(&csv, status, err);
    if (status != HEED_OK)
        return status;
    if (t.n_broken > 0)
        return heed_cli_fail(err, HEED_ERR_FILE,
                             "%s: %lld of %lld lines cannot be marked, the first is line %lld: %s", name,
                             t.n_broken, t.n_lines, t.first_broken, t.first.message);
    if (t.n_lines == 0)
        return heed_cli_fail(err, HEED_ERR_FILE, "%s: expected answers, one a line, it has none", name);
    if (t.n_right < t.n_lines)
        return heed_cli_fail(err, HEED_ERR_CHECK, "%lld of %lld answers are right", t.n_right, t.n_lines);
    return HEED_OK;
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    mark_options own = {.csv = NULL};
    heed_cli_options options = {.command = command,
                                .texts = texts,
                                .n_texts = 1,
                                .structure = &own,
                                .least_operands = 1,
                                .most_operands = 1};
    heed_workbook *book = NULL;
    char *text = NULL;
    size_t n = 0;
    heed_status status;

    heed_cli_add_group(&options, NULL, fields, 1, &own, true);
    status = heed_cli_read(&options, argc, argv, err);
    if (status == HEED_OK && !options.help_shown)
        status = heed_cli_apply(&options, err);
    if (status != HEED_OK || options.help_shown)
        return status;
    status = strcmp(options.operands[0], "-") == 0 ? heed_cli_read_all(stdin, "standard input", &text, &n, err)
                                                   : heed_cli_read_file(options.operands[0], &text, &n, err);
    if (status == HEED_OK)
        status = heed_workbook_open(&book, err);
    if (status == HEED_OK)
        status = mark(book, text, n, options.operands[0], &own, err);
    heed_workbook_close(book);
    free(text);
    return status;
}

const heed_cli_command heed_cli_workbook_mark = {
    .name = "workbook mark",
    .operands = "FILE.jsonl",
    .summary = "mark answers, one a line; 0: all right, 1: some wrong, 3: a line is broken",
    .details = "A line is {\"id\": ..., \"params\": {...}, \"answer\": {field: value, ...}}; - is standard "
               "input. Each gives a line\n"
               "{\"id\", \"ok\", \"fields\": {field: {\"ok\", \"expected\", \"slip\"}}}; a \"student\" and "
               "other names are\n"
               "handed on. A prediction is judged by its experiment, which is run once for equal numbers.\n",
    .examples = "  heed workbook mark answers.jsonl\n"
                "  heed workbook mark class.jsonl --csv class.csv >/dev/null\n",
    .run = run,
};
