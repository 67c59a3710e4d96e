/* SPDX-License-Identifier: MIT */
/* Lines of a file of answers, marked. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/nearest.h"
#include "workbook/book.h"
#include "workbook/judge.h"

#define VALUE_DIGITS 15
#define WORDS_BYTES  65536 /* of a list of words */

/* --- values, as programs give them --- */

static heed_status no_answer(const heed_exercise *x, const char *name, heed_error *err)
{
    const char *near = NULL;
    char shown[64];

    for (int i = 0; i < HEED_MAX_FIELDS && x->fields[i].name != NULL; i++)
        near = heed_nearer(name, near, x->fields[i].name);
    return heed_fail(err, HEED_ERR_FILE, "%s has no answer \"%s\"%s%s%s", x->id,
                     heed_quote(shown, sizeof shown, name, strlen(name)),
                     near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
                     near != NULL ? "\"?" : "");
}

static heed_status check_names(const heed_exercise *x, json_t *answer, heed_error *err)
{
    const char *name;
    json_t *value;

    json_object_foreach(answer, name, value)
    {
        if (heed_exercise_field(x, name) == NULL)
            return no_answer(x, name, err);
    }
    return HEED_OK;
}

static json_t *mark_fields(const heed_posing *p, const json_t *answer, bool *ok)
{
    const heed_exercise *x = p->part->exercise;
    json_t *fields = json_object();

    *ok = true;
    for (int i = 0; i < HEED_MAX_FIELDS && x->fields[i].name != NULL; i++) {
        const heed_field_spec *f = &x->fields[i];
        const json_t *expected = json_object_get(p->answer, f->name);
        const json_t *given = json_object_get(answer, f->name);
        const heed_judged judged = heed_exercise_judge(x, p->params, f, expected, given);
        const heed_slip slip = !judged.ok && given != NULL
                                   ? heed_exercise_slip(x, p->params, f, expected, given)
                                   : HEED_SLIP_NONE;
        json_t *one = json_pack("{s:b, s:O, s:s?}", "ok", judged.ok, "expected", expected, "slip",
                                slip != HEED_SLIP_NONE ? heed_slip_words(slip) : NULL);

        if (judged.words[0] != '\0')
            json_object_set_new(one, "words", json_string(judged.words));
        if (f->kind == HEED_ANSWER_TEXT && (f->flags & HEED_ASKED_FREE) != 0)
            json_object_set_new(one, "given",
                                json_is_string(given) ? json_incref((json_t *)(uintptr_t)given)
                                                      : json_string(""));
        json_object_set_new(fields, f->name, one);
        *ok = *ok && judged.ok;
    }
    return fields;
}

/* --- what a student has written: of the sheet's fields alone, as values or as a person types --- */

/* Words with commas between, also where there is but one; NULL: too many, or no memory. */
static const char *write_words(const json_t *words, heed_arena *arena)
{
    char *text = heed_arena_alloc(arena, WORDS_BYTES);
    size_t n;

    if (text == NULL)
        return NULL;
    heed_value_text(words, VALUE_DIGITS, text, WORDS_BYTES - 1);
    n = strlen(text);
    text[n] = ',';
    return text[n - 1] == ']' ? text : NULL;
}

/* As a person would write it. Rows of numbers as JSON are read as they are, but for quotes around "nan". */
static const char *write_out(const heed_field_spec *f, const json_t *value, heed_arena *arena)
{
    char *text, *kept;

    if (value == NULL || json_is_null(value) || json_is_string(value))
        return json_string_value(value);
    if (f->kind == HEED_ANSWER_LIST && json_is_string(json_array_get(value, 0)))
        return write_words(value, arena);
    text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    kept = text != NULL ? heed_arena_format(arena, "%s", text) : NULL;
    free(text);
    for (char *c = kept; c != NULL && f->kind != HEED_ANSWER_TENSOR && *c != '\0'; c++)
        *c = *c == '"' ? ' ' : *c;
    return kept;
}

/* texts [fields]; a name that is neither asked for nor a field is an error. */
static heed_status write_all(const heed_posing *p, json_t *answer, const char **texts, heed_arena *arena,
                             heed_error *err)
{
    const char *name;
    json_t *value;

    json_object_foreach(answer, name, value)
    {
        bool known = heed_exercise_field(p->part->exercise, name) != NULL;

        for (int i = 0; i < p->n_fields; i++) {
            if (strcmp(p->specs[i]->name, name) != 0)
                continue;
            known = true;
            texts[i] = write_out(p->specs[i], value, arena);
        }
        if (!known)
            return no_answer(p->part->exercise, name, err);
    }
    return HEED_OK;
}

/* texts [fields]; broken [fields]: what was written there cannot be read. *ok is whether all is right. New. */
static json_t *fields_of(const heed_posing *p, const heed_marking *v, const char *const *texts,
                         const heed_error *broken, bool *ok)
{
    json_t *fields = json_object();

    *ok = heed_marking_ok(v);
    for (int i = 0; i < heed_marking_n_fields(v); i++) {
        const heed_marking_field *f = heed_marking_field_at(v, i);
        const bool right = f->ok && broken[i].status == HEED_OK;
        const char *words = broken[i].status != HEED_OK ? broken[i].message : f->words;
        json_t *expected = json_object_get(p->answer, f->name), *one;

        expected = expected != NULL ? json_incref(expected) : json_string(f->expected);
        one = json_pack("{s:b, s:o, s:s?}", "ok", right, "expected", expected, "slip", f->slip);
        if (words[0] != '\0')
            json_object_set_new(one, "words", json_string(words));
        if (f->free)
            json_object_set_new(one, "given", json_string(texts[i] != NULL ? texts[i] : ""));
        json_object_set_new(fields, f->name, one);
        *ok = *ok && right;
    }
    return fields;
}

/* What cannot be read is wrong, with the words that say so; "none" is no answer where a number is asked for. *fields is new. */
static heed_status mark_sheet(const heed_posing *p, json_t *answer, json_t **fields, bool *ok, heed_error *err)
{
    const char *texts[HEED_MAX_FIELDS] = {NULL};
    heed_error broken[HEED_MAX_FIELDS] = {{HEED_OK, ""}};
    heed_arena *arena = heed_arena_create();
    heed_marking *v = NULL;
    heed_status status = arena != NULL ? write_all(p, answer, texts, arena, err)
                                       : heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a line");

    for (int i = 0; status == HEED_OK && i < p->n_fields; i++) {
        const bool none = texts[i] != NULL && strcasecmp(texts[i], "none") == 0;

        if (heed_posing_reads(p, i, texts[i], none ? NULL : &broken[i]) != HEED_OK)
            texts[i] = NULL;
    }
    if (status == HEED_OK)
        status = heed_posing_answer(p, texts, &v, err);
    if (status == HEED_OK)
        *fields = fields_of(p, v, texts, broken, ok);
    heed_marking_destroy(v);
    heed_arena_destroy(arena);
    return status;
}

/* --- a line --- */

/* By the variant that stands beside the parameters, if these are its own: then options have the order of its sheet. */
static bool pose_variant(const heed_workbook *book, const char *id, const json_t *variant, const json_t *params,
                         heed_posing **posing)
{
    if (!json_is_integer(variant) ||
        heed_workbook_pose(book, id, json_integer_value(variant), posing, NULL) != HEED_OK)
        return false;
    if (json_equal((*posing)->params, params))
        return true;
    heed_posing_destroy(*posing);
    *posing = NULL;
    return false;
}

static heed_status pose_line(const heed_workbook *book, json_t *root, heed_posing **posing, heed_error *err)
{
    const json_t *id = json_object_get(root, "id"), *params = json_object_get(root, "params"),
                 *variant = json_object_get(root, "variant");
    char *text;
    heed_status status;

    if (!json_is_string(id))
        return heed_fail(err, HEED_ERR_FILE, "expected a text \"id\"");
    if (params == NULL || json_is_null(params))
        return heed_workbook_pose(book, json_string_value(id), json_integer_value(variant), posing, err);
    if (pose_variant(book, json_string_value(id), variant, params, posing))
        return HEED_OK;
    text = json_dumps(params, JSON_ENCODE_ANY);
    status = text != NULL ? heed_workbook_pose_with(book, json_string_value(id), text, posing, err)
                          : heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a line");
    free(text);
    return status;
}

/* The names of a line. One that is nearly another is a slip of the pen. */
static heed_status check_keys(json_t *root, heed_error *err)
{
    static const char *const known[] = {"id", "params", "variant", "answer", "student"}, *const own[] = {
                                                                                             "ok", "fields",
                                                                                             "error"};
    const char *name;
    json_t *value;

    json_object_foreach(root, name, value)
    {
        const char *near = NULL;
        bool is_known = false;
        char shown[64];

        heed_quote(shown, sizeof shown, name, strlen(name));
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
            is_known = is_known || strcmp(name, known[i]) == 0;
            near = heed_nearer(name, near, known[i]);
        }
        for (size_t i = 0; i < sizeof own / sizeof own[0] && !is_known; i++) {
            if (strcmp(name, own[i]) == 0)
                return heed_fail(err, HEED_ERR_FILE, "\"%s\" is a name of verdicts, not of answers", shown);
        }
        if (!is_known && near != NULL)
            return heed_fail(err, HEED_ERR_FILE, "a line has no \"%s\"; did you mean \"%s\"?", shown, near);
    }
    return HEED_OK;
}

/* What else stands in the line goes into its verdict: a class, the number of a sheet. */
static void hand_on(json_t *all, json_t *root)
{
    const char *name;
    json_t *value;

    json_object_foreach(root, name, value)
    {
        if (strcmp(name, "params") != 0 && strcmp(name, "variant") != 0 && strcmp(name, "answer") != 0 &&
            json_object_get(all, name) == NULL)
            json_object_set(all, name, value);
    }
}

static heed_status status_of_line(heed_status status)
{
    return status == HEED_ERR_MEMORY || status == HEED_ERR_INTERRUPTED ? status : HEED_ERR_FILE;
}

heed_status heed_workbook_mark(const heed_workbook *book, const char *line, size_t n, char **json, bool *ok,
                               heed_error *err)
{
    heed_error own = {HEED_OK, ""};
    json_t *root = json_loadb(line, n, JSON_REJECT_DUPLICATES, NULL), *all = NULL;
    json_t *answer = json_object_get(root, "answer"), *id = json_object_get(root, "id"),
           *student = json_object_get(root, "student");
    json_t *fields = NULL;
    heed_posing *posing = NULL;
    heed_status status = HEED_OK;

    *ok = false;
    if (json_is_object(root))
        status = check_keys(root, &own);
    if (status == HEED_OK && !json_is_object(answer))
        status = heed_fail(&own, HEED_ERR_FILE, "expected an object with \"id\", \"params\" and \"answer\"");
    if (status == HEED_OK)
        status = pose_line(book, root, &posing, &own);
    if (status == HEED_OK && heed_posing_experiment(posing) != NULL)
        status = heed_posing_run(posing, NULL, NULL, &own);
    if (status == HEED_OK)
        status = json_is_string(student) ? mark_sheet(posing, answer, &fields, ok, &own)
                                         : check_names(posing->part->exercise, answer, &own);
    if (status == HEED_OK && !json_is_string(student))
        fields = mark_fields(posing, answer, ok);
    if (status == HEED_OK)
        all = json_pack("{s:O, s:b, s:o}", "id", id, "ok", *ok, "fields", fields);
    else
        all = json_pack("{s:O?, s:b, s:s}", "id", id, "ok", 0, "error", own.message);
    if (status == HEED_OK)
        hand_on(all, root);
    else if (json_is_string(student))
        json_object_set(all, "student", student);
    *json = all != NULL ? json_dumps(all, JSON_REAL_PRECISION(13)) : NULL;
    json_decref(all);
    json_decref(root);
    heed_posing_destroy(posing);
    if (*json == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a line");
    return status == HEED_OK ? HEED_OK : heed_fail(err, status_of_line(status), "%s", own.message);
}
