/* SPDX-License-Identifier: MIT */
/* heed workbook answer ID …: an answer, judged. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/output.h"
#include "cli/workbook_ask.h"
#include "cli/workbook_edit.h"
#include "cli/workbook_experiment.h"
#include "cli/workbook_next.h"
#include "cli/workbook_outcome.h"
#include "cli/workbook_print.h"
#include "cli/workbook_split.h"

typedef struct answer_options {
    const char *file;
    bool edit, show, json;
} answer_options;

#define AT(member) offsetof(answer_options, member)

static const heed_cli_text texts[] = {
    {"file", "FILE", "take the answers from a file, - is standard input", AT(file)},
};

static const heed_field fields[] = {
    {"edit", "write the answers in your editor (VISUAL, EDITOR)", HEED_FIELD_BOOLEAN, AT(edit), 0, 0, NULL},
    {"show", "show the right answer beside a wrong one", HEED_FIELD_BOOLEAN, AT(show), 0, 0, NULL},
    {"json", "print one JSON object", HEED_FIELD_BOOLEAN, AT(json), 0, 0, NULL},
};

/* --- what was written --- */

/* What waits for its experiment; false: nothing. */
static bool find_waiting(const heed_cli_desk *desk, const heed_posing *p, heed_cli_answers *waiting)
{
    const char *text = heed_notebook_entry_of(desk->notebook, heed_posing_info(p)->id).waiting;
    char *copy = text != NULL ? strdup(text) : NULL;

    return copy != NULL && heed_cli_answers_split(waiting, p, copy, NULL) == HEED_OK;
}

static heed_status ask(const heed_cli_desk *desk, const heed_posing *p, char **text, heed_error *err)
{
    heed_cli_answers waiting = {.text = NULL};
    const bool waits = find_waiting(desk, p, &waiting);
    heed_status status;

    if (!desk->in_place) { /* there it was seen a moment ago */
        heed_cli_put_question(desk, p);
        putchar('\n');
    }
    if (waits)
        puts("What you wrote before stands in brackets; an empty line keeps it.\n");
    status = heed_cli_ask_answers(p, waits ? &waiting : NULL, text, err);
    heed_cli_answers_free(&waiting);
    return status;
}

/* Where standard input is empty, a prediction that waits is meant. */
static heed_status read_input(const heed_cli_desk *desk, const heed_posing *p, char **text, heed_error *err)
{
    const char *waiting = heed_notebook_entry_of(desk->notebook, heed_posing_info(p)->id).waiting;
    const heed_status status = heed_cli_answers_read_file("-", text, err);

    if (status != HEED_OK || waiting == NULL || (*text)[strspn(*text, " \t\r\n")] != '\0')
        return status;
    free(*text);
    *text = strdup(waiting);
    return *text != NULL ? HEED_OK : heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for an answer");
}

/* From the line, a file, the editor, the terminal; at last from standard input. */
static heed_status take(const heed_cli_desk *desk, const heed_posing *p, const heed_cli_options *options,
                        const answer_options *own, char path[512], char **text, heed_error *err)
{
    *text = NULL;
    if ((options->n_operands > 1) + (own->file != NULL) + own->edit > 1)
        return heed_cli_fail(err, HEED_ERR_USAGE,
                             "expected answers on the line, --file or --edit, got two of them");
    if (options->n_operands > 1) {
        *text = heed_cli_join(options, 1);
        return *text != NULL ? HEED_OK : heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for an answer");
    }
    if (own->file != NULL)
        return heed_cli_answers_read_file(own->file, text, err);
    if (own->edit)
        return heed_cli_edit_answers(p, path, text, err);
    if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
        return ask(desk, p, text, err);
    return read_input(desk, p, text, err);
}

/* --- what came of it --- */

static void put_field(const heed_posing *p, const heed_marking_field *f, int widest, bool show)
{
    char letter[2];

    printf("%s%s%s  %s", heed_cli_ink_on(f->ok ? HEED_CLI_INK_RIGHT : HEED_CLI_INK_WRONG),
           f->ok        ? "right"
           : f->missing ? "open "
                        : "wrong",
           heed_cli_ink_off(), f->name);
    if (f->words[0] != '\0' && !f->missing) {
        printf("%*s", widest - (int)strlen(f->name) + 2, "");
        heed_cli_put_words(f->words, 9, 9 + widest);
    } else
        putchar('\n');
    if (f->slip != NULL) {
        fputs("       ", stdout);
        heed_cli_put_words(f->slip, 7, 7);
    }
    if (f->remark != NULL)
        heed_cli_put_words(f->remark, 7, 0);
    if (show && !f->ok && f->expected[0] != '\0') {
        fputs("       Expected: ", stdout);
        heed_cli_put_words(heed_cli_option_letter(p, f->expected, letter), 9, 17);
    }
}

static void put_marking(const heed_posing *p, const heed_marking *m, bool show)
{
    int widest = 0;

    for (int i = 0; i < heed_marking_n_fields(m); i++) {
        const int n = (int)strlen(heed_marking_field_at(m, i)->name);
        widest = n > widest ? n : widest;
    }
    for (int i = 0; i < heed_marking_n_fields(m); i++) {
        if (!heed_marking_field_at(m, i)->free)
            put_field(p, heed_marking_field_at(m, i), widest, show);
    }
}

/* given [fields]: as written; result: of its experiment, NULL where it has none. */
static void put_json(const heed_posing *p, const heed_marking *m, const char *const *given,
                     const heed_demo_result *result, bool show)
{
    heed_cli_json json = {.out = stdout};

    heed_cli_json_open(&json, NULL, '{');
    heed_cli_json_text(&json, "id", heed_posing_info(p)->id);
    heed_cli_json_raw(&json, "params", heed_posing_params(p));
    heed_cli_json_bool(&json, "ok", heed_marking_ok(m));
    heed_cli_json_open(&json, "fields", '{');
    for (int i = 0; i < heed_marking_n_fields(m); i++) {
        const heed_marking_field *f = heed_marking_field_at(m, i);

        heed_cli_json_open(&json, f->name, '{');
        heed_cli_json_bool(&json, "ok", f->ok);
        heed_cli_json_bool(&json, "missing", f->missing);
        if (f->words[0] != '\0')
            heed_cli_json_text(&json, "words", f->words);
        if (f->slip != NULL)
            heed_cli_json_text(&json, "slip", f->slip);
        if (f->remark != NULL)
            heed_cli_json_text(&json, "remark", f->remark);
        if (f->free)
            heed_cli_json_text(&json, "given", given[i] != NULL ? given[i] : "");
        else if (show || result != NULL)
            heed_cli_json_text(&json, "expected", f->expected);
        heed_cli_json_close(&json, '}');
    }
    heed_cli_json_close(&json, '}');
    heed_cli_json_outcome(&json, p, result);
    heed_cli_json_close(&json, '}');
}

static void put_next(const heed_cli_desk *desk)
{
    const int next = heed_cli_workbook_find_next(desk);
    const heed_exercise_info *info = next >= 0 ? heed_workbook_info(desk->book, next) : NULL;

    if (info != NULL)
        printf("%sNext: %s, %s%s\n", heed_cli_ink_on(HEED_CLI_INK_DIM), info->id, info->title,
               heed_cli_ink_off());
}

/* --- judging --- */

/* Before an experiment: everything can be read and a prediction is there. Words of one's own are kept from here on. */
static heed_status keep(const heed_cli_desk *desk, const heed_posing *p, const heed_cli_answers *a,
                        heed_error *err)
{
    const bool experiment = heed_posing_experiment(p) != NULL;
    const int own = heed_cli_own_words(p);
    heed_error unsaved = {HEED_OK, ""};
    heed_status status = HEED_OK;

    for (int i = 0; i < heed_posing_n_fields(p) && status == HEED_OK && experiment; i++) {
        const heed_posing_field *f = heed_posing_field_at(p, i);

        if (a->of[i] == NULL && !f->free)
            return heed_cli_fail(err, HEED_ERR_USAGE, "%s: expected your prediction before the experiment runs",
                                 f->name);
        status = heed_posing_reads(p, i, a->of[i], err);
    }
    if (status != HEED_OK || (!experiment && (own < 0 || a->of[own] == NULL)))
        return status;
    status = heed_notebook_predicted(desk->notebook, heed_posing_info(p)->id, a->text,
                                     own >= 0 ? a->of[own] : NULL, &unsaved);
    if (status == HEED_ERR_USAGE)
        return heed_cli_fail(err, status, "%s", unsaved.message);
    heed_cli_desk_note(status, &unsaved);
    return HEED_OK;
}

static void put_all(const heed_posing *p, const heed_marking *m, const heed_cli_answers *a,
                    const heed_demo_result *result, const answer_options *own)
{
    const int words = heed_cli_own_words(p);

    if (own->json) {
        put_json(p, m, a->of, result, own->show);
        return;
    }
    if (result != NULL)
        heed_cli_put_outcome(p, m, a->of, result);
    else
        put_marking(p, m, own->show);
    if (words >= 0)
        heed_cli_put_words_beside_points(p, a->of[words]);
}

static heed_status say_wrong(const heed_posing *p, const heed_marking *m, heed_error *err)
{
    const char *id = heed_posing_info(p)->id;
    int n_right;
    const int n = heed_cli_count_judged(m, &n_right);

    if (heed_posing_experiment(p) != NULL && n == 1)
        return heed_cli_fail(err, HEED_ERR_CHECK,
                             "%s: it came out otherwise than you predicted, which is worth more than a lucky "
                             "guess; \"explain\" says why",
                             id);
    if (heed_posing_experiment(p) != NULL)
        return heed_cli_fail(err, HEED_ERR_CHECK,
                             "%s: %d of %d predictions came true, and the others are worth more than lucky "
                             "guesses; \"explain\" says why",
                             id, n_right, n);
    if (n == 1)
        return heed_cli_fail(err, HEED_ERR_CHECK, "%s is not right yet", id);
    return heed_cli_fail(err, HEED_ERR_CHECK, "%s is not right yet: %d of %d parts are", id, n_right, n);
}

/* Printed and kept in the notebook; the answer counts also where it cannot be kept. */
static heed_status judge(const heed_cli_desk *desk, heed_posing *p, const heed_cli_answers *a,
                         const answer_options *own, heed_error *err)
{
    const heed_demo_result *result = NULL;
    heed_marking *m = NULL;
    heed_error unsaved = {HEED_OK, ""};
    heed_status status = keep(desk, p, a, err);

    if (status == HEED_OK && heed_posing_experiment(p) != NULL)
        status = heed_cli_experiment_run(p, &result, err);
    if (status == HEED_OK)
        status = heed_posing_answer(p, a->of, &m, err);
    if (status != HEED_OK)
        return status;
    put_all(p, m, a, result, own);
    heed_cli_desk_note(heed_notebook_attempted(desk->notebook, p, heed_marking_ok(m), a->text, &unsaved),
                       &unsaved);
    if (!heed_marking_ok(m))
        status = say_wrong(p, m, err);
    else if (desk->in_place && !own->json)
        put_next(desk);
    heed_marking_destroy(m);
    return status;
}

static heed_status answer(const heed_cli_desk *desk, heed_posing *p, const heed_cli_options *options,
                          const answer_options *own, heed_error *err)
{
    heed_cli_answers a = {.text = NULL};
    char path[512] = "", *text = NULL;
    heed_status status = take(desk, p, options, own, path, &text, err);

    if (status == HEED_OK)
        status = heed_cli_answers_split(&a, p, text, err);
    if (status == HEED_OK)
        status = judge(desk, p, &a, own, err);
    if (path[0] != '\0' && (status == HEED_OK || status == HEED_ERR_CHECK))
        unlink(path);
    else if (path[0] != '\0')
        fprintf(stderr, "heed: what you wrote is in %s; --file %s takes it again\n", path, path);
    heed_cli_answers_free(&a);
    return status;
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    answer_options own = {.file = NULL};
    heed_cli_options options = {.command = command,
                                .texts = texts,
                                .n_texts = 1,
                                .structure = &own,
                                .most_operands = HEED_CLI_MAX_OPERANDS};
    heed_cli_desk *desk = NULL;
    heed_posing *posing = NULL;
    heed_status status;

    heed_cli_add_group(&options, NULL, fields, (int)(sizeof fields / sizeof fields[0]), &own, true);
    status = heed_cli_desk_begin(&options, argc, argv, &desk, err);
    if (status != HEED_OK || options.help_shown)
        return status;
    status = heed_cli_desk_pose(desk, options.operands[0], &posing, err);
    if (status == HEED_OK)
        status = answer(desk, posing, &options, &own, err);
    heed_posing_destroy(posing);
    return status;
}

const heed_cli_command heed_cli_workbook_answer = {
    .name = "workbook answer",
    .operands = "[ID [VALUES]]",
    .summary = "answer, and hear part by part what is right; 1: something is wrong",
    .details =
        "VALUES are NAME=VALUE; where one thing is asked for, its name may be left out. Without values they "
        "are\n"
        "asked for at the terminal, or read from standard input. Numbers may be 1/3, sqrt(2), e^0.7, ln(10),\n"
        "2^21, 51.2M, 40%, 8 MiB, 8.4 MB, -inf, nan; shapes (1, 4, 8), 1x4x8; matrices 1 0; 0 1 or\n"
        "[[1, 0], [0, 1]]; @FILE is what stands in a file, .npy too. In a file each answer is NAME = VALUE, "
        "its\n"
        "rows on lines of their own. Where a prediction is asked for, the experiment runs then, and tells "
        "what\n"
        "comes out; Ctrl-C stops it, and what you wrote is kept for the next time.\n",
    .examples = "  heed workbook answer pp.q10 '1 0 0; 1 1 0; 1 1 1'\n"
                "  heed workbook answer pp.q10 value=@mask.txt\n"
                "  heed workbook answer pp.q10 --edit\n"
                "  heed workbook answer pp.q30b prediction=b words='scores grow with the width'\n",
    .run = run,
};
