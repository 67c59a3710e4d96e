/* SPDX-License-Identifier: MIT */
/* heed workbook table: what each exercise can do, found out by doing it. */
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/workbook_print.h"

#define VARIANTS_TRIED 3

typedef struct table_options {
    bool json, markdown;
} table_options;

static const heed_field fields[] = {
    {"json", "print one JSON object", HEED_FIELD_BOOLEAN, offsetof(table_options, json), 0, 0, NULL},
    {"markdown", "print a table of Markdown", HEED_FIELD_BOOLEAN, offsetof(table_options, markdown), 0, 0,
     NULL},
};

/* pose: it can be asked. vary: other variants ask something else. check: its own answer is right, and no answer is wrong.
   explain: a reason, steps and three hints. */
typedef struct row {
    bool pose, vary, check, explain;
} row;

/* Its own answer is right, and none is wrong. */
static bool checks(const heed_workbook *book, const heed_posing *p)
{
    const char *none[64] = {NULL};
    heed_marking *m = NULL;
    char *line = NULL, *verdict = NULL;
    bool right = false, wrong = true;

    if (heed_posing_n_fields(p) == 0 || heed_posing_solve(p, &line, NULL) != HEED_OK)
        return false;
    if (heed_workbook_mark(book, line, strlen(line), &verdict, &right, NULL) != HEED_OK)
        right = false;
    if (heed_posing_answer(p, none, &m, NULL) == HEED_OK)
        wrong = !heed_marking_ok(m);
    heed_marking_destroy(m);
    free(verdict);
    free(line);
    return right && wrong;
}

static bool varies(const heed_workbook *book, const heed_posing *source)
{
    bool other = false;

    for (int64_t variant = 1; variant <= VARIANTS_TRIED && !other; variant++) {
        heed_posing *p = NULL;

        if (heed_workbook_pose(book, heed_posing_info(source)->id, variant, &p, NULL) != HEED_OK)
            return false;
        other = strcmp(heed_posing_params(p), heed_posing_params(source)) != 0;
        heed_posing_destroy(p);
    }
    return other;
}

static row try(const heed_workbook *book, const heed_exercise_info *info)
{
    heed_posing *p = NULL;
    row r = {false};

    if (heed_workbook_pose(book, info->id, 0, &p, NULL) != HEED_OK)
        return r;
    r.pose = heed_posing_question(p)[0] != '\0';
    r.vary = !info->varies || varies(book, p);
    r.check = checks(book, p);
    r.explain = heed_posing_why(p)[0] != '\0' && heed_posing_n_steps(p) > 0 && heed_posing_n_hints(p) == 3;
    heed_posing_destroy(p);
    return r;
}

static const char *yes(bool is)
{
    return is ? "yes" : "NO";
}

static void put_row(const heed_exercise_info *info, const row *r, bool markdown)
{
    printf(markdown ? "| %s | %s | %s | %s | %s | %s | %s |\n" : "%-12s %-8s %-5s %-5s %-6s %-8s %s\n",
           info->id, heed_exercise_kind_name(info->kind), yes(r->pose), info->varies ? yes(r->vary) : "-",
           yes(r->check), yes(r->explain), info->demo != NULL ? info->demo : "-");
}

static void json_row(heed_cli_json *json, const heed_exercise_info *info, const row *r)
{
    heed_cli_json_open(json, NULL, '{');
    heed_cli_json_text(json, "id", info->id);
    heed_cli_json_text(json, "kind", heed_exercise_kind_name(info->kind));
    heed_cli_json_bool(json, "varies", info->varies);
    heed_cli_json_bool(json, "pose", r->pose);
    heed_cli_json_bool(json, "vary", r->vary);
    heed_cli_json_bool(json, "check", r->check);
    heed_cli_json_bool(json, "explain", r->explain);
    if (info->demo != NULL)
        heed_cli_json_text(json, "demo", info->demo);
    heed_cli_json_close(json, '}');
}

static heed_status put_table(const heed_workbook *book, const table_options *own, heed_error *err)
{
    const int n = heed_workbook_count(book);
    heed_cli_json json = {.out = stdout};
    int n_lacking = 0;

    if (own->json) {
        heed_cli_json_open(&json, NULL, '{');
        heed_cli_json_open(&json, "exercises", '[');
    } else
        fputs(own->markdown
                  ? "| id | kind | pose | vary | check | explain | demo |\n|---|---|---|---|---|---|---|\n"
                  : "id           kind     pose  vary  check  explain  demo\n",
              stdout);
    for (int i = 0; i < n; i++) {
        const heed_exercise_info *info = heed_workbook_info(book, i);
        const row r = try(book, info);

        n_lacking += !(r.pose && r.vary && r.check && r.explain);
        if (own->json)
            json_row(&json, info, &r);
        else
            put_row(info, &r, own->markdown);
    }
    if (own->json) {
        heed_cli_json_close(&json, ']');
        heed_cli_json_close(&json, '}');
    }
    if (n_lacking > 0)
        return heed_cli_fail(err, HEED_ERR_CHECK, "%d of %d exercises lack something", n_lacking, n);
    heed_cli_flush();
    fprintf(stderr, "%d exercise%s, posed, varied where numbers vary, checked and explained\n", n,
            n == 1 ? "" : "s");
    return HEED_OK;
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    table_options own = {.json = false};
    heed_cli_options options = {.command = command};
    heed_cli_desk *desk = NULL;
    heed_status status;

    heed_cli_add_group(&options, NULL, fields, 2, &own, true);
    status = heed_cli_read(&options, argc, argv, err);
    if (status != HEED_OK || options.help_shown)
        return status;
    status = heed_cli_apply(&options, err);
    if (status == HEED_OK)
        status = heed_cli_desk_open(&desk, err);
    return status == HEED_OK ? put_table(desk->book, &own, err) : status;
}

const heed_cli_command heed_cli_workbook_table = {
    .name = "workbook table",
    .operands = "",
    .summary = "what each exercise can do, found out by doing it",
    .details =
        "pose: it is asked. vary: variants have other numbers. check: its own answer is right, and none is\n"
        "wrong. explain: why, steps, three hints. demo: the demonstration that belongs to it.\n",
    .examples = "  heed workbook table\n",
    .run = run,
};
