/* SPDX-License-Identifier: MIT */
/* The whole workbook as one page of Markdown: exercises with the numbers of their sources, and the demonstrations. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text_buffer.h"
#include "workbook/book.h"
#include "workbook/judge.h"

#define ANSWER_DIGITS 6
#define ANSWER_BYTES  8192

static const char head[] = "# The exercises\n\n"
                           "Every exercise and every demonstration of `heed workbook`, with the numbers of "
                           "their sources; hints and solutions are folded.\n"
                           "The program asks the same with any numbers, judges answers, runs the experiments, "
                           "and has [more](workbook.md) to it. This page is\n"
                           "what `heed workbook page` prints: `make page` writes it anew.\n\n";

/* --- pieces --- */

static void begin_folded(heed_text_buffer *out, const char *title)
{
    heed_text_printf(out, "<details><summary>%s</summary>\n\n", title);
}

static void end_folded(heed_text_buffer *out)
{
    heed_text_puts(out, "</details>\n\n");
}

/* A paragraph that ends with one empty line. */
static void put_paragraph(heed_text_buffer *out, const char *text)
{
    size_t n = strlen(text);

    while (n > 0 && isspace((unsigned char)text[n - 1]))
        n--;
    heed_text_append(out, text, n);
    heed_text_puts(out, "\n\n");
}

/* "1. " before it; further lines below its text, so that they belong to it. */
static void put_item(heed_text_buffer *out, const char *mark, const char *text)
{
    heed_text_puts(out, mark);
    while (*text != '\0') {
        const size_t n = strcspn(text, "\n");

        heed_text_append(out, text, n);
        heed_text_puts(out, "\n");
        text += n + (text[n] == '\n');
        if (*text != '\0')
            heed_text_printf(out, "%*s", (int)strlen(mark), "");
    }
}

/* --- an exercise --- */

static void put_asked(heed_text_buffer *out, const heed_posing *p)
{
    for (int i = 0; i < heed_posing_n_options(p); i++) {
        const char mark[] = {'-', ' ', '*', '*', (char)('a' + i), '*', '*', ' ', '\0'};
        put_item(out, mark, heed_posing_option_at(p, i).text);
    }
    if (heed_posing_n_options(p) > 0)
        heed_text_puts(out, "\n");
    for (int i = 0; i < heed_posing_n_fields(p); i++) {
        const heed_posing_field *f = heed_posing_field_at(p, i);

        heed_text_printf(out, "- `%s`: ", f->name);
        put_item(out, "", f->ask);
    }
    heed_text_puts(out, "\n");
}

static void put_hints(heed_text_buffer *out, const heed_posing *p)
{
    begin_folded(out, "Hints");
    for (int i = 0; i < heed_posing_n_hints(p); i++)
        put_item(out, "1. ", heed_posing_hint(p, i));
    heed_text_puts(out, "\n");
    end_folded(out);
}

/* The letter of an option stands for its key. */
static const char *letter_of(const heed_posing *p, int field, const char *text, char letter[2])
{
    for (int i = 0; i < heed_posing_n_options(p); i++) {
        if (p->fields[field].kind == HEED_ANSWER_TEXT && strcmp(heed_posing_option_at(p, i).key, text) == 0) {
            letter[0] = (char)('a' + i);
            letter[1] = '\0';
            return letter;
        }
    }
    return text;
}

static void put_answers(heed_text_buffer *out, const heed_posing *p, char *text)
{
    for (int i = 0; i < heed_posing_n_fields(p); i++) {
        const json_t *answer = i < p->n_given ? p->params : p->answer;
        char letter[2];

        if (p->fields[i].free)
            continue;
        if (i < p->n_given && !json_is_true(json_object_get(p->answer, p->part->exercise->property)))
            strcpy(text, "any that has the property");
        else
            heed_value_text(json_object_get(answer, p->specs[i]->name), ANSWER_DIGITS, text, ANSWER_BYTES);
        heed_text_printf(out, "- `%s` = `%s`\n", p->specs[i]->name, letter_of(p, i, text, letter));
    }
    heed_text_puts(out, "\n");
}

static void put_solution(heed_text_buffer *out, const heed_posing *p, char *text)
{
    begin_folded(out, "Solution");
    if (p->open)
        heed_text_printf(out, "The experiment tells: `heed workbook answer %s` runs %s.\n\n", p->part->info.id,
                         p->part->exercise->demo);
    else
        put_answers(out, p, text);
    if (heed_posing_n_steps(p) > 0)
        heed_text_puts(out, "```text\n");
    for (int i = 0; i < heed_posing_n_steps(p); i++)
        heed_text_printf(out, "%s\n", heed_posing_step(p, i));
    if (heed_posing_n_steps(p) > 0)
        heed_text_puts(out, "```\n\n");
    put_paragraph(out, heed_posing_why(p));
    for (int i = 0; i < heed_posing_n_key_points(p); i++)
        put_item(out, "- ", heed_posing_key_point(p, i));
    if (heed_posing_n_key_points(p) > 0)
        heed_text_puts(out, "\n");
    end_folded(out);
}

static void put_exercise(heed_text_buffer *out, const heed_posing *p, char *text)
{
    const heed_exercise_info *info = heed_posing_info(p);

    heed_text_printf(out, "### %s `%s`\n\n*%s, %s%s*", info->title, info->id, info->seed,
                     heed_exercise_kind_name(info->kind), info->varies ? ", numbers vary" : "");
    if (info->demo != NULL)
        heed_text_printf(out, ", [%s](#%s)", info->demo, info->demo);
    heed_text_puts(out, "\n\n");
    put_paragraph(out, heed_posing_question(p));
    put_asked(out, p);
    put_hints(out, p);
    put_solution(out, p, text);
}

/* --- the page --- */

static bool begins_group(const heed_workbook *book, int i)
{
    return i == 0 || strcmp(heed_workbook_info(book, i)->group, heed_workbook_info(book, i - 1)->group) != 0;
}

static void put_contents(heed_text_buffer *out, const heed_workbook *book)
{
    for (int i = 0; i < book->n; i++) {
        const heed_exercise_info *info = heed_workbook_info(book, i);

        if (begins_group(book, i))
            heed_text_printf(out, "- [%s. %s](#group-%s)\n", info->group, info->group_title, info->group);
    }
    heed_text_puts(out, "- [Demonstrations](#demonstrations)\n\n");
}

static void put_demo(heed_text_buffer *out, const heed_demo_info *info)
{
    heed_text_printf(out, "### <a id=\"%s\"></a>%s %s\n\n", info->id, info->id, info->title);
    put_paragraph(out, info->shows);
    heed_text_printf(out, "- Observed when: %s\n- Sabotage: %s\n- Parameters: `%s`%s\n\n", info->rule,
                     info->sabotage, info->params, info->trains ? "; models are trained for it" : "");
}

heed_status heed_workbook_page(const heed_workbook *book, char **page, heed_error *err)
{
    heed_text_buffer out = {0};
    char *text = malloc(ANSWER_BYTES);
    heed_status status = text != NULL ? HEED_OK
                                      : heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a page");

    heed_text_puts(&out, head);
    put_contents(&out, book);
    for (int i = 0; status == HEED_OK && i < book->n; i++) {
        const heed_exercise_info *info = heed_workbook_info(book, i);
        heed_posing *p = NULL;

        if (begins_group(book, i))
            heed_text_printf(&out, "## <a id=\"group-%s\"></a>%s. %s\n\n", info->group, info->group,
                             info->group_title);
        status = heed_workbook_pose(book, info->id, 0, &p, err);
        if (status == HEED_OK)
            put_exercise(&out, p, text);
        heed_posing_destroy(p);
    }
    heed_text_puts(&out, "## Demonstrations\n\n");
    for (int i = 0; i < heed_demo_count(); i++)
        put_demo(&out, heed_demo_at(i));
    free(text);
    if (status == HEED_OK && out.failed)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a page");
    *page = status == HEED_OK ? out.data : NULL;
    if (status != HEED_OK)
        heed_text_free(&out);
    return status;
}
