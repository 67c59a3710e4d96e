/* SPDX-License-Identifier: MIT */
/* heed workbook table: what each exercise can do, found out by doing it. */
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/workbook_experiment.h"
#include "cli/workbook_print.h"

#define VARIANTS_TRIED 3

typedef struct table_options {
    bool json, markdown, run;
} table_options;

static const heed_field fields[] = {
    {"json", "print one JSON object", HEED_FIELD_BOOLEAN, offsetof(table_options, json), 0, 0, NULL},
    {"markdown", "print a table of Markdown", HEED_FIELD_BOOLEAN, offsetof(table_options, markdown), 0, 0,
     NULL},
    {"run", "run the experiments of predictions, too: minutes", HEED_FIELD_BOOLEAN,
     offsetof(table_options, run), 0, 0, NULL},
};

/*
 * pose: it can be asked. vary: other variants ask something else. check: its own answer is right, and no answer is wrong; of a
 * prediction whose experiment is not run, that its options can be given. explain: a reason, three hints, steps; of a prediction,
 * key points too.
 */
typedef struct row {
    bool pose, vary, check, explain, stopped;
} row;

/* Is anything judged? A list for one's own use is not. */
static bool is_judged(const heed_marking *m)
{
    for (int i = 0; i < heed_marking_n_fields(m); i++) {
        if (!heed_marking_field_at(m, i)->free)
            return true;
    }
    return false;
}

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
        wrong = !heed_marking_ok(m) || !is_judged(m);
    heed_marking_destroy(m);
    free(verdict);
    free(line);
    return right && wrong;
}

/* Each option can be given for each field that has them, and nothing is judged before the experiment. */
static bool reads(const heed_posing *p)
{
    const char *none[64] = {NULL};
    heed_marking *m = NULL;

    for (int i = 0; i < heed_posing_n_fields(p); i++) {
        const heed_posing_field *f = heed_posing_field_at(p, i);

        for (int k = 0; k < heed_posing_n_options(p) && f->kind == HEED_ANSWER_TEXT; k++) {
            if (heed_posing_reads(p, i, heed_posing_option_at(p, k).key, NULL) != HEED_OK)
                return false;
        }
    }
    return heed_posing_n_fields(p) > 0 && heed_demo_find(heed_posing_experiment(p)) != NULL &&
           heed_posing_answer(p, none, &m, NULL) == HEED_ERR_USAGE;
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

static bool explains(const heed_posing *p, bool open)
{
    const int n = heed_posing_n_key_points(p);
    const bool prediction = heed_posing_experiment(p) != NULL;

    return heed_posing_why(p)[0] != '\0' && heed_posing_n_hints(p) == 3 &&
           (open || heed_posing_n_steps(p) > 0) && (!prediction || (n >= 2 && n <= 5));
}

static row try(const heed_workbook *book, const heed_exercise_info *info, bool run, heed_error *err)
{
    heed_posing *p = NULL;
    bool open;
    row r = {false};

    if (heed_workbook_pose(book, info->id, 0, &p, NULL) != HEED_OK)
        return r;
    r.pose = heed_posing_question(p)[0] != '\0';
    r.vary = !info->varies || varies(book, p);
    open = heed_posing_experiment(p) != NULL;
    if (open && run) {
        const heed_status status = heed_cli_experiment_run(p, NULL, err);

        r.stopped = status == HEED_ERR_INTERRUPTED;
        open = status != HEED_OK;
    }
    r.check = open && !run ? reads(p) : !open && checks(book, p);
    r.explain = explains(p, open && !run);
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
    heed_error stop = {HEED_OK, ""};
    bool stopped = false;
    int n_lacking = 0;

    if (own->json) {
        heed_cli_json_open(&json, NULL, '{');
        heed_cli_json_open(&json, "exercises", '[');
    } else
        fputs(own->markdown
                  ? "| id | kind | pose | vary | check | explain | demo |\n|---|---|---|---|---|---|---|\n"
                  : "id           kind     pose  vary  check  explain  demo\n",
              stdout);
    for (int i = 0; i < n && !stopped; i++) {
        const heed_exercise_info *info = heed_workbook_info(book, i);
        const row r = try(book, info, own->run, &stop);

        stopped = r.stopped;
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
    if (stopped)
        return heed_cli_fail(err, HEED_ERR_INTERRUPTED, "%s", stop.message);
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

    heed_cli_add_group(&options, NULL, fields, 3, &own, true);
    status = heed_cli_desk_begin(&options, argc, argv, &desk, err);
    if (status != HEED_OK || options.help_shown)
        return status;
    return status == HEED_OK ? put_table(desk->book, &own, err) : status;
}

const heed_cli_command heed_cli_workbook_table = {
    .name = "workbook table",
    .operands = "",
    .summary = "what each exercise can do, found out by doing it",
    .details =
        "pose: it is asked. vary: variants have other numbers. check: its own answer is right, and none is\n"
        "wrong; of a prediction, without --run, that its options are read. explain: why, steps, three hints,\n"
        "and key points beside a prediction. demo: the demonstration that belongs to it.\n",
    .examples = "  heed workbook table\n"
                "  heed workbook table --run\n",
    .run = run,
};
