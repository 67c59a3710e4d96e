/* SPDX-License-Identifier: MIT */
/* Sheets: exercises on paper, with room for answers or with the answers and how they come about. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fnv.h"
#include "base/rng.h"
#include "workbook/book.h"
#include "workbook/judge.h"
#include "workbook/sheet.h"

#define ANSWER_DIGITS  6
#define ANSWER_BYTES   8192
#define WORDS_ROOM     3          /* times the room of another answer, for words of one's own */
#define MOST_VARIANTS  1000000000 /* short enough to be read out */
#define VARIANT_STREAM 0x68656564u

/* An end behind each text, so that "a" "bc" is not "ab" "c". */
static uint64_t hash_on(uint64_t hash, const char *text)
{
    return heed_fnv(heed_fnv(hash, text, strlen(text)), &(unsigned char){0xff}, 1);
}

int64_t heed_student_variant(int64_t seed, const char *student, const char *id)
{
    const uint64_t hash = hash_on(hash_on(HEED_FNV_BEGIN, student), id);
    heed_rng rng = heed_rng_make((uint64_t)seed ^ hash, VARIANT_STREAM);

    return 1 + heed_rng_below(&rng, MOST_VARIANTS);
}

/* --- pieces --- */

static void put_around(heed_text_buffer *out, heed_sheet_format format, const char *const around[2],
                       const char *text)
{
    heed_text_puts(out, around[0]);
    heed_sheet_escape(out, format, text, strlen(text));
    heed_text_puts(out, around[1]);
}

static void put_options(heed_text_buffer *out, heed_sheet_format format, const heed_posing *p)
{
    heed_text_buffer list = {0};

    for (int i = 0; i < heed_posing_n_options(p); i++)
        heed_text_printf(&list, "- **%c** %s\n", 'a' + i, heed_posing_option_at(p, i).text);
    if (list.data != NULL)
        heed_sheet_words(out, format, list.data);
    heed_text_free(&list);
}

static void put_room(heed_text_buffer *out, heed_sheet_format format, const heed_posing *p)
{
    for (int i = 0; i < heed_posing_n_fields(p); i++) {
        const heed_posing_field *f = heed_posing_field_at(p, i);
        heed_text_buffer line = {0};

        heed_text_printf(&line, "**%s**: %s", f->name, f->ask);
        heed_sheet_words(out, format, line.data != NULL ? line.data : "");
        heed_text_free(&line);
        for (int lines = f->free ? WORDS_ROOM : 1; lines > 0; lines--)
            heed_text_puts(out, format == HEED_SHEET_HTML    ? "<div class=\"answer\"></div>\n"
                                : format == HEED_SHEET_LATEX ? "\\vspace{14mm}\n\n"
                                                             : "&nbsp;\n\n");
    }
}

/* The letter of an option stands for its key. */
static const char *letter_of(const heed_posing *p, const char *key)
{
    static const char *const letters[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};

    for (int i = 0; i < heed_posing_n_options(p) && i < 10; i++) {
        if (strcmp(heed_posing_option_at(p, i).key, key) == 0)
            return letters[i];
    }
    return key;
}

static void put_answer(heed_text_buffer *out, heed_sheet_format format, const heed_posing *p, int i, char *text)
{
    const char *name = p->specs[i]->name;
    const json_t *answer = i < p->n_given ? p->params : p->answer;
    const heed_sheet_style *style = heed_sheet_style_of(format);

    if (i < p->n_given && !json_is_true(json_object_get(p->answer, p->part->exercise->property)))
        snprintf(text, ANSWER_BYTES, "any that has the property");
    else
        heed_value_text(json_object_get(answer, name), ANSWER_DIGITS, text, ANSWER_BYTES);
    heed_text_puts(out, style->paragraph[0]);
    put_around(out, format, style->bold, name);
    heed_sheet_escape(out, format, ": ", 2);
    put_around(out, format, style->code, letter_of(p, text));
    heed_text_puts(out, style->paragraph[1]);
}

/* What nobody knows before its experiment has run. */
static void put_open(heed_text_buffer *out, heed_sheet_format format, const heed_posing *p)
{
    heed_text_buffer words = {0};

    heed_text_printf(&words, "The experiment tells: `heed workbook demo %s` runs it.", p->part->exercise->demo);
    heed_sheet_words(out, format, words.data != NULL ? words.data : "");
    heed_text_free(&words);
}

static void put_key_points(heed_text_buffer *out, heed_sheet_format format, const heed_posing *p)
{
    heed_text_buffer list = {0};

    for (int i = 0; i < heed_posing_n_key_points(p); i++)
        heed_text_printf(&list, "- %s\n", heed_posing_key_point(p, i));
    if (list.data != NULL)
        heed_sheet_words(out, format, list.data);
    heed_text_free(&list);
}

static bool put_answers(heed_text_buffer *out, heed_sheet_format format, const heed_posing *p)
{
    heed_text_buffer steps = {0};
    char *text = malloc(ANSWER_BYTES);

    if (p->open)
        put_open(out, format, p);
    for (int i = 0; text != NULL && i < heed_posing_n_fields(p) && !p->open; i++) {
        if (!p->fields[i].free)
            put_answer(out, format, p, i, text);
    }
    heed_sheet_words(out, format, heed_posing_why(p));
    put_key_points(out, format, p);
    for (int i = 0; i < heed_posing_n_steps(p); i++)
        heed_text_printf(&steps, "%s\n", heed_posing_step(p, i));
    if (steps.data != NULL)
        heed_sheet_plain(out, format, steps.data);
    heed_text_free(&steps);
    free(text);
    return text != NULL;
}

/* --- the sheet --- */

heed_status heed_workbook_sheet(const heed_posing *const *posings, int n, const heed_sheet_options *o,
                                char **text, heed_error *err)
{
    static const char inputs[] = "The inputs are the `params` of this exercise in your line of `set.jsonl`.";
    const heed_sheet_style *style = heed_sheet_style_of(o->format);
    heed_text_buffer out = {0};
    bool whole = true;

    heed_text_puts(&out, style->head);
    put_around(&out, o->format, style->title, o->title);
    if (o->student != NULL)
        put_around(&out, o->format, style->paragraph, o->student);
    for (int i = 0; i < n; i++) {
        const heed_exercise_info *info = heed_posing_info(posings[i]);

        heed_text_puts(&out, style->heading[0]);
        heed_text_printf(&out, "%d. ", i + 1);
        heed_sheet_escape(&out, o->format, info->title, strlen(info->title));
        heed_text_puts(&out, " ");
        put_around(&out, o->format, style->code, info->id);
        heed_text_puts(&out, style->heading[1]);
        heed_sheet_words(&out, o->format, heed_posing_question(posings[i]));
        if (info->kind == HEED_EXERCISE_CODE)
            heed_sheet_words(&out, o->format, inputs);
        put_options(&out, o->format, posings[i]);
        if (o->answers)
            whole = put_answers(&out, o->format, posings[i]) && whole;
        else
            put_room(&out, o->format, posings[i]);
    }
    heed_text_puts(&out, style->foot);
    *text = out.data;
    if (!out.failed && whole)
        return HEED_OK;
    heed_text_free(&out);
    *text = NULL;
    return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a sheet");
}

/* --- for heed workbook mark --- */

heed_status heed_posing_line(const heed_posing *p, const char *student, char **json, heed_error *err)
{
    json_t *answer = json_object(), *all;

    for (int i = 0; i < p->n_fields; i++)
        json_object_set_new(answer, p->specs[i]->name, json_null());
    all = json_pack("{s:s*, s:s, s:O, s:o}", "student", student, "id", p->part->info.id, "params", p->params,
                    "answer", answer);
    if (all != NULL && p->variant >= 0)
        json_object_set_new(all, "variant", json_integer(p->variant));
    *json = all != NULL ? json_dumps(all, JSON_COMPACT | JSON_REAL_PRECISION(13)) : NULL;
    json_decref(all);
    return *json != NULL ? HEED_OK : heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a line");
}
