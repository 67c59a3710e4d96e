/* SPDX-License-Identifier: MIT */
/* An exercise as it is asked: its question, what is to be answered, and what was done with it so far. */
#include <stdio.h>
#include <string.h>

#include "cli/output.h"
#include "cli/workbook_print.h"

static const char *form_of(const heed_posing *p, const heed_posing_field *f)
{
    if (f->free)
        return "as you like";
    switch (f->kind) {
    case HEED_ANSWER_NUMBER:
        return "a number";
    case HEED_ANSWER_LIST:
        return "a list";
    case HEED_ANSWER_MATRIX:
        return "rows, apart by ;";
    case HEED_ANSWER_TENSOR:
        return "nested lists";
    case HEED_ANSWER_TEXT:
        return heed_posing_n_options(p) > 0 ? "a letter" : "words";
    case HEED_ANSWER_TRUTH:
        return "yes or no";
    }
    return "";
}

/* Where it comes from, which numbers it has, and what became of it. */
static void put_head(const heed_exercise_info *info, const heed_notebook_entry *entry)
{
    char numbers[48] = "numbers of the source", words[512];

    if (entry->params != NULL)
        snprintf(numbers, sizeof numbers, "numbers of your own");
    else if (entry->variant > 0)
        snprintf(numbers, sizeof numbers, "variant %lld", (long long)entry->variant);
    snprintf(words, sizeof words, "%s. %s, %s, %s, %s%s", info->group, info->group_title, info->seed,
             heed_exercise_kind_name(info->kind), numbers,
             entry->n_right > 0   ? ", answered right"
             : entry->n_wrong > 0 ? ", not right yet"
                                  : "");
    fputs(heed_cli_ink_on(HEED_CLI_INK_DIM), stdout);
    heed_cli_put_words(words, 0, 0);
    printf("%s\n", heed_cli_ink_off());
}

static void put_fields(const heed_posing *p)
{
    int widest = 0;

    for (int i = 0; i < heed_posing_n_fields(p); i++) {
        const int n = (int)strlen(heed_posing_field_at(p, i)->name);
        widest = n > widest ? n : widest;
    }
    widest = widest > 24 ? 24 : widest;
    for (int i = 0; i < heed_posing_n_fields(p); i++) {
        const heed_posing_field *f = heed_posing_field_at(p, i);
        char words[2048];

        snprintf(words, sizeof words, "%s (%s)", f->ask, form_of(p, f));
        printf("  %s%-*s%s  ", heed_cli_ink_on(HEED_CLI_INK_CODE), widest, f->name, heed_cli_ink_off());
        heed_cli_put_words(words, widest + 4,
                           (int)strlen(f->name) > widest ? (int)strlen(f->name) + 4 : widest + 4);
    }
}

static void put_past(const heed_posing *p, const heed_notebook_entry *entry)
{
    const int64_t n = entry->n_hints < heed_posing_n_hints(p) ? entry->n_hints : heed_posing_n_hints(p);

    for (int i = 0; i < n; i++) {
        printf("\nHint %d: ", i + 1);
        heed_cli_put_words(heed_posing_hint(p, i), 8, 8);
    }
    if (entry->note != NULL) {
        fputs("\nNote: ", stdout);
        heed_cli_put_words(entry->note, 6, 6);
    }
}

/* A prediction comes first, and then what is true is found out. */
static void put_experiment(const heed_posing *p, const heed_notebook_entry *entry)
{
    const char *id = heed_posing_experiment(p);
    const heed_demo_info *info = id != NULL ? heed_demo_find(id) : NULL;
    char words[512];

    if (info == NULL)
        return;
    snprintf(words, sizeof words,
             entry->waiting != NULL ? "Your prediction waits for the experiment, %s: answer runs it."
                                    : "Predict first; then the experiment %s is run and tells what comes out.",
             info->id);
    putchar('\n');
    heed_cli_put_words(words, 0, 0);
}

void heed_cli_put_question(const heed_cli_desk *desk, const heed_posing *p)
{
    const heed_exercise_info *info = heed_posing_info(p);
    const heed_notebook_entry entry = heed_notebook_entry_of(desk->notebook, info->id);

    printf("%s%s  %s%s\n", heed_cli_ink_on(HEED_CLI_INK_BOLD), info->id, info->title, heed_cli_ink_off());
    put_head(info, &entry);
    heed_cli_put_words(heed_posing_question(p), 0, 0);
    if (heed_posing_n_options(p) > 0)
        putchar('\n');
    for (int i = 0; i < heed_posing_n_options(p); i++) {
        printf("  %s%c%s  ", heed_cli_ink_on(HEED_CLI_INK_CODE), 'a' + i, heed_cli_ink_off());
        heed_cli_put_words(heed_posing_option_at(p, i).text, 5, 5);
    }
    if (info->kind == HEED_EXERCISE_CODE) {
        char words[400];

        snprintf(
            words, sizeof words,
            "`heed workbook start %s` makes a folder with the inputs and a file to begin with, and "
            "`heed workbook watch` in it judges your program whenever you save it. The inputs are "
            "\"params\" of `heed workbook show %s --json`, too, and results may come from files, NAME=@FILE.",
            info->id, info->id);
        putchar('\n');
        heed_cli_put_words(words, 0, 0);
    }
    putchar('\n');
    put_fields(p);
    put_experiment(p, &entry);
    put_past(p, &entry);
}

void heed_cli_json_question(heed_cli_json *json, const heed_cli_desk *desk, const heed_posing *p)
{
    static const char *const kinds[] = {"number", "list", "matrix", "tensor", "text", "truth"};
    const heed_exercise_info *info = heed_posing_info(p);
    const heed_notebook_entry entry = heed_notebook_entry_of(desk->notebook, info->id);

    heed_cli_json_text(json, "id", info->id);
    heed_cli_json_text(json, "title", info->title);
    heed_cli_json_text(json, "group", info->group);
    heed_cli_json_text(json, "seed", info->seed);
    heed_cli_json_text(json, "kind", heed_exercise_kind_name(info->kind));
    if (entry.params == NULL)
        heed_cli_json_integer(json, "variant", entry.variant);
    heed_cli_json_raw(json, "params", heed_posing_params(p));
    heed_cli_json_text(json, "question", heed_posing_question(p));
    heed_cli_json_open(json, "options", '[');
    for (int i = 0; i < heed_posing_n_options(p); i++)
        heed_cli_json_text(json, NULL, heed_posing_option_at(p, i).text);
    heed_cli_json_close(json, ']');
    heed_cli_json_open(json, "fields", '[');
    for (int i = 0; i < heed_posing_n_fields(p); i++) {
        const heed_posing_field *f = heed_posing_field_at(p, i);

        heed_cli_json_open(json, NULL, '{');
        heed_cli_json_text(json, "name", f->name);
        heed_cli_json_text(json, "kind", kinds[f->kind]);
        heed_cli_json_text(json, "ask", f->ask);
        if (f->free)
            heed_cli_json_bool(json, "free", true);
        heed_cli_json_close(json, '}');
    }
    heed_cli_json_close(json, ']');
    if (heed_posing_experiment(p) != NULL)
        heed_cli_json_text(json, "experiment", heed_posing_experiment(p));
    heed_cli_json_integer(json, "right", entry.n_right);
    heed_cli_json_integer(json, "wrong", entry.n_wrong);
    heed_cli_json_integer(json, "hints", entry.n_hints);
    if (entry.note != NULL)
        heed_cli_json_text(json, "note", entry.note);
    if (entry.words != NULL)
        heed_cli_json_text(json, "words", entry.words);
    if (entry.waiting != NULL)
        heed_cli_json_text(json, "waiting", entry.waiting);
}

void heed_cli_pose(const heed_cli_desk *desk, const heed_posing *p, bool json)
{
    const char *id = heed_posing_info(p)->id;

    if (json) {
        heed_cli_json out = {.out = stdout};
        heed_cli_json_open(&out, NULL, '{');
        heed_cli_json_question(&out, desk, p);
        heed_cli_json_close(&out, '}');
        return;
    }
    heed_cli_put_question(desk, p);
    if (!desk->in_place && heed_cli_is_terminal(stdout)) {
        heed_cli_flush();
        fprintf(stderr, "\nheed workbook answer %s; hint %s; explain %s\n", id, id, id);
    }
}

const char *heed_cli_option_letter(const heed_posing *p, const char *expected, char *out)
{
    for (int i = 0; i < heed_posing_n_options(p); i++) {
        if (strcmp(heed_posing_option_at(p, i).key, expected) == 0) {
            out[0] = (char)('a' + i);
            out[1] = '\0';
            return out;
        }
    }
    return expected;
}
