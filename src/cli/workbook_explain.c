/* SPDX-License-Identifier: MIT */
/* heed workbook explain [ID]: the right answer, why, and the steps with the numbers in force. */
#include <stdio.h>
#include <string.h>

#include "cli/output.h"
#include "cli/workbook_experiment.h"
#include "cli/workbook_outcome.h"
#include "cli/workbook_print.h"

#define MOST_FIELDS 64

typedef struct explain_options {
    bool anyway, source, json;
} explain_options;

static const heed_field fields[] = {
    {"anyway", "also without an answer of your own", HEED_FIELD_BOOLEAN, offsetof(explain_options, anyway), 0,
     0, NULL},
    {"source", "how heed itself computes it: functions of its sources, each at its line", HEED_FIELD_BOOLEAN,
     offsetof(explain_options, source), 0, 0, NULL},
    {"json", "print one JSON object", HEED_FIELD_BOOLEAN, offsetof(explain_options, json), 0, 0, NULL},
};

static void put_answers(const heed_posing *p, const heed_marking *m)
{
    char letter[2];

    for (int i = 0; i < heed_marking_n_fields(m); i++) {
        const heed_marking_field *f = heed_marking_field_at(m, i);
        const char *expected = f->expected[0] == '\0' ? "any that has the property"
                                                      : heed_cli_option_letter(p, f->expected, letter);
        const int option = expected == letter ? letter[0] - 'a' : -1;
        char words[2048];

        if (f->free)
            continue;
        if (option >= 0)
            snprintf(words, sizeof words, "%s: %s", letter, heed_posing_option_at(p, option).text);
        printf("  %s%s%s = ", heed_cli_ink_on(HEED_CLI_INK_CODE), f->name, heed_cli_ink_off());
        heed_cli_put_words(option >= 0 ? words : expected, 6, 5 + (int)strlen(f->name));
    }
}

static void put_past(const heed_cli_desk *desk, const char *id)
{
    const int n = heed_notebook_n_attempts(desk->notebook, id);
    const heed_notebook_entry entry = heed_notebook_entry_of(desk->notebook, id);

    if (n > 0) {
        const heed_notebook_attempt last = heed_notebook_attempt_at(desk->notebook, id, n - 1);
        heed_cli_put_head("Your last answer");
        heed_cli_put_lines(last.answer, 2);
    }
    if (entry.note != NULL) {
        heed_cli_put_head("Your note");
        heed_cli_put_words(entry.note, 2, 0);
    }
}

/* --- how heed does it --- */

/* Where it stands; with --source itself, as it is: code has no marks of words in it. */
static void put_sources(const heed_posing *p, bool texts)
{
    const int n = heed_posing_n_sources(p);

    if (n > 0 && !texts)
        heed_cli_put_head("In heed");
    for (int i = 0; i < n; i++) {
        const heed_posing_source s = heed_posing_source_at(p, i);

        if (texts)
            printf("\n%s%s:%d%s\n%s", heed_cli_ink_on(HEED_CLI_INK_BOLD), s.file, s.line, heed_cli_ink_off(),
                   s.text);
        else
            printf("  %s:%d  %s\n", s.file, s.line, s.function);
    }
    if (n > 0 && !texts)
        printf("  heed workbook explain %s --source shows them\n", heed_posing_info(p)->id);
}

static void put_sources_json(heed_cli_json *json, const heed_posing *p)
{
    heed_cli_json_open(json, "sources", '[');
    for (int i = 0; i < heed_posing_n_sources(p); i++) {
        const heed_posing_source s = heed_posing_source_at(p, i);

        heed_cli_json_open(json, NULL, '{');
        heed_cli_json_text(json, "file", s.file);
        heed_cli_json_integer(json, "line", s.line);
        heed_cli_json_text(json, "function", s.function);
        heed_cli_json_text(json, "text", s.text);
        heed_cli_json_close(json, '}');
    }
    heed_cli_json_close(json, ']');
}

/* --- the whole --- */

static void put_title(const heed_exercise_info *info)
{
    printf("%s%s  %s%s\n", heed_cli_ink_on(HEED_CLI_INK_BOLD), info->id, info->title, heed_cli_ink_off());
}

/* result: of its experiment, NULL where it has none. */
static void explain(const heed_cli_desk *desk, const heed_posing *p, const heed_marking *m,
                    const heed_demo_result *result)
{
    const heed_exercise_info *info = heed_posing_info(p);

    put_title(info);
    put_answers(p, m);
    if (result != NULL) {
        char words[160];

        snprintf(words, sizeof words, "The experiment %s, %s, says \"%s\".", result->info->id,
                 result->info->title, result->observed ? "observed" : "not observed");
        putchar('\n');
        heed_cli_put_words(words, 0, 0);
    }
    if (heed_posing_n_steps(p) > 0)
        heed_cli_put_head(result != NULL ? "In this run" : "Step by step");
    for (int i = 0; i < heed_posing_n_steps(p); i++)
        heed_cli_put_lines(heed_posing_step(p, i), 2);
    heed_cli_put_head("Why");
    heed_cli_put_words(heed_posing_why(p), 0, 0);
    heed_cli_put_words_beside_points(p, heed_notebook_entry_of(desk->notebook, info->id).words);
    put_sources(p, false);
    put_past(desk, info->id);
    if (info->demo != NULL)
        printf("\nDemonstration: %s (heed workbook demo %s)\n", info->demo, info->demo);
}

static void explain_json(const heed_posing *p, const heed_marking *m, const char *words)
{
    heed_cli_json json = {.out = stdout};

    heed_cli_json_open(&json, NULL, '{');
    heed_cli_json_text(&json, "id", heed_posing_info(p)->id);
    heed_cli_json_raw(&json, "params", heed_posing_params(p));
    heed_cli_json_open(&json, "answer", '{');
    for (int i = 0; i < heed_marking_n_fields(m); i++) {
        if (!heed_marking_field_at(m, i)->free)
            heed_cli_json_text(&json, heed_marking_field_at(m, i)->name, heed_marking_field_at(m, i)->expected);
    }
    heed_cli_json_close(&json, '}');
    heed_cli_json_open(&json, "steps", '[');
    for (int i = 0; i < heed_posing_n_steps(p); i++)
        heed_cli_json_text(&json, NULL, heed_posing_step(p, i));
    heed_cli_json_close(&json, ']');
    heed_cli_json_text(&json, "why", heed_posing_why(p));
    heed_cli_json_open(&json, "key_points", '[');
    for (int i = 0; i < heed_posing_n_key_points(p); i++)
        heed_cli_json_text(&json, NULL, heed_posing_key_point(p, i));
    heed_cli_json_close(&json, ']');
    if (words != NULL)
        heed_cli_json_text(&json, "words", words);
    put_sources_json(&json, p);
    heed_cli_json_close(&json, '}');
}

static heed_status show(const heed_cli_desk *desk, heed_posing *p, const explain_options *own, heed_error *err)
{
    const char *id = heed_posing_info(p)->id;
    const char *none[MOST_FIELDS] = {NULL};
    const heed_demo_result *result = NULL;
    heed_marking *m = NULL;
    heed_error unsaved = {HEED_OK, ""};
    heed_status status;

    if (!own->anyway && heed_notebook_entry_of(desk->notebook, id).n_tried == 0)
        return heed_cli_fail(err, HEED_ERR_USAGE,
                             "%s: expected an answer of yours first, to these numbers; --anyway shows the "
                             "solution without one",
                             id);
    if (own->source && heed_posing_n_sources(p) == 0)
        return heed_cli_fail(err, HEED_ERR_USAGE, "%s: no program computes it; its explanation names functions",
                             id);
    status = heed_posing_experiment(p) != NULL ? heed_cli_experiment_run(p, &result, err) : HEED_OK;
    if (status == HEED_OK)
        status = heed_posing_answer(p, none, &m, err);
    if (status != HEED_OK)
        return status;
    if (own->json)
        explain_json(p, m, heed_notebook_entry_of(desk->notebook, id).words);
    else if (own->source) {
        put_title(heed_posing_info(p));
        put_sources(p, true);
    } else
        explain(desk, p, m, result);
    heed_marking_destroy(m);
    heed_cli_desk_note(heed_notebook_explained(desk->notebook, id, &unsaved), &unsaved);
    return HEED_OK;
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    explain_options own = {.anyway = false};
    heed_cli_options options = {.command = command, .most_operands = 1};
    heed_cli_desk *desk = NULL;
    heed_posing *posing = NULL;
    heed_status status;

    heed_cli_add_group(&options, NULL, fields, (int)(sizeof fields / sizeof fields[0]), &own, true);
    status = heed_cli_desk_begin(&options, argc, argv, &desk, err);
    if (status != HEED_OK || options.help_shown)
        return status;
    status = heed_cli_desk_pose(desk, options.operands[0], &posing, err);
    if (status == HEED_OK)
        status = show(desk, posing, &own, err);
    heed_posing_destroy(posing);
    return status;
}

const heed_cli_command heed_cli_workbook_explain = {
    .name = "workbook explain",
    .operands = "[ID]",
    .summary = "the right answer, the steps with these numbers, and why",
    .examples = "  heed workbook explain pp.q10\n"
                "  heed workbook explain pp.q10 --anyway\n"
                "  heed workbook explain ch12.e11 --source\n",
    .run = run,
};
