/* SPDX-License-Identifier: MIT */
/* An exercise with numbers: what is asked, hinted and explained. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/nearest.h"
#include "workbook/book.h"
#include "workbook/read_answer.h"
#include "workbook/sources.h"

/* --- what a person is asked for --- */

static const char *ask_of(const heed_part_text *text, const char *name)
{
    for (int i = 0; text != NULL && i < text->n_answers; i++) {
        if (text->answers[i].name != NULL && strcmp(text->answers[i].name, name) == 0)
            return text->answers[i].text;
    }
    return name;
}

static void add_field(heed_posing *p, const heed_field_spec *spec)
{
    const bool own = spec->kind == HEED_ANSWER_TEXT && (spec->flags & HEED_ASKED_FREE) != 0;
    const char *ask = heed_text_fill(ask_of(p->part->text, spec->name), p->params, p->arena);

    if (own && ask != NULL && strcmp(ask, spec->name) == 0)
        ask = "why you think so, in words of your own";
    p->fields[p->n_fields] = (heed_posing_field){spec->name, spec->kind, ask != NULL ? ask : spec->name, own};
    p->specs[p->n_fields++] = spec;
}

/* The parameters that a person gives, "Wq,Wk", as fields of matrices before the others. */
static void ask_given(heed_posing *p, const char *names)
{
    for (int n = 0; *names != '\0' && n < HEED_MAX_FIELDS; n++, p->n_given++) {
        const size_t length = strcspn(names, ",");
        const char *name = heed_arena_format(p->arena, "%.*s", (int)length, names);

        if (name == NULL)
            return;
        p->given[n] = (heed_field_spec){name, HEED_ANSWER_MATRIX, HEED_EXACT, HEED_ASKED_FREE};
        add_field(p, &p->given[n]);
        names += length + (names[length] == ',');
    }
}

static void ask(heed_posing *p)
{
    const heed_exercise *x = p->part->exercise;

    if (x->given != NULL)
        ask_given(p, x->given);
    for (int i = 0; i < HEED_MAX_FIELDS && x->fields[i].name != NULL; i++) {
        if ((x->fields[i].flags & HEED_ASKED_HIDDEN) == 0)
            add_field(p, &x->fields[i]);
    }
}

/* Options in an order that the variant shuffles. */
static bool shuffle(heed_posing *p)
{
    const heed_part_text *t = p->part->text;
    heed_rng rng = heed_rng_make(0x6865656475u, (uint64_t)(p->variant + 1));

    for (int i = 0; i < t->n_options; i++) {
        const char *text = heed_text_fill(t->options[i].text, p->params, p->arena);
        const int at = (int)heed_rng_below(&rng, i + 1);

        if (text == NULL)
            return false;
        p->options[i] = p->options[at];
        p->options[at] = (heed_posing_option){t->options[i].name, text};
    }
    return true;
}

static heed_status fill_texts(heed_posing *p, heed_error *err)
{
    const heed_part_text *t = p->part->text;
    bool whole = true;

    p->question = p->why = "";
    if (t == NULL)
        return HEED_OK;
    p->question = heed_text_fill(t->question, p->params, p->arena);
    p->why = heed_text_fill(t->why, p->params, p->arena);
    for (int i = 0; i < t->n_hints; i++)
        whole = (p->hints[i] = heed_text_fill(t->hints[i], p->params, p->arena)) != NULL && whole;
    for (int i = 0; i < t->n_key_points; i++)
        whole = (p->key_points[i] = heed_text_fill(t->key_points[i], p->params, p->arena)) != NULL && whole;
    if (!whole || p->question == NULL || p->why == NULL || !shuffle(p))
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for an exercise");
    return HEED_OK;
}

/* --- posing --- */

/* Takes params over. */
static heed_status pose(const heed_workbook *book, const heed_part *part, int64_t variant, json_t *params,
                        heed_posing **out, heed_error *err)
{
    heed_posing *p = calloc(1, sizeof *p);
    heed_status status = HEED_OK;

    *out = NULL;
    if (p == NULL) {
        json_decref(params);
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for an exercise");
    }
    *p = (heed_posing){.part = part,
                       .book = book,
                       .open = part->exercise->outcome != NULL,
                       .variant = variant,
                       .arena = heed_arena_create(),
                       .params = params,
                       .steps = json_array(),
                       .params_text = json_dumps(params, JSON_COMPACT)};
    if (p->arena == NULL || p->steps == NULL || p->params_text == NULL)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for an exercise");
    if (status == HEED_OK && !p->open)
        status = heed_exercise_solve(part->exercise, params, HEED_SLIP_NONE, p->steps, &p->answer, err);
    if (status == HEED_OK)
        status = fill_texts(p, err);
    if (status != HEED_OK) {
        heed_posing_destroy(p);
        return status;
    }
    ask(p);
    *out = p;
    return HEED_OK;
}

heed_status heed_workbook_pose(const heed_workbook *book, const char *id, int64_t variant, heed_posing **posing,
                               heed_error *err)
{
    const int i = heed_workbook_find(book, id, err);
    json_t *params = NULL;
    heed_status status;

    *posing = NULL;
    if (i < 0)
        return HEED_ERR_USAGE;
    if (variant < 0)
        return heed_fail(err, HEED_ERR_USAGE, "%s: expected a variant of 0 or more, got %lld", id,
                         (long long)variant);
    status = heed_exercise_vary(book->parts[i].exercise, variant, &params, err);
    return status == HEED_OK ? pose(book, &book->parts[i], variant, params, posing, err) : status;
}

/* A value for the parameter that was: "1 0; 0 1" in place of numbers in rows is read as an answer would be. *read is new. */
static heed_status read_value(const char *name, const json_t *was, json_t *value, json_t **read,
                              heed_error *err)
{
    const bool rows = json_is_array(json_array_get(was, 0));
    const json_t *first = rows ? json_array_get(json_array_get(was, 0), 0) : json_array_get(was, 0);
    const heed_field_spec spec = {name, rows ? HEED_ANSWER_MATRIX : HEED_ANSWER_LIST, HEED_EXACT, 0};

    if (json_is_string(value) && json_is_number(first))
        return heed_answer_read(&spec, false, json_string_value(value), read, err);
    *read = json_incref(value);
    return HEED_OK;
}

static heed_status no_parameter(const heed_exercise *x, json_t *params, const char *name, heed_error *err)
{
    const char *near = NULL, *other;
    char shown[64];
    json_t *value;

    json_object_foreach(params, other, value)
    {
        near = heed_nearer(name, near, other);
    }
    return heed_fail(err, HEED_ERR_USAGE, "%s has no parameter \"%s\"%s%s%s", x->id,
                     heed_quote(shown, sizeof shown, name, strlen(name)),
                     near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
                     near != NULL ? "\"?" : "");
}

/* Puts the given parameters over the source's; each must be one that the exercise has. */
static heed_status put_over(const heed_exercise *x, json_t *params, const json_t *given, heed_error *err)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)given, name, value)
    {
        const json_t *was = json_object_get(params, name);
        json_t *read = NULL;
        heed_status status;

        if (was == NULL)
            return no_parameter(x, params, name, err);
        status = read_value(name, was, value, &read, err);
        if (status != HEED_OK)
            return status;
        json_object_set_new(params, name, read);
    }
    return HEED_OK;
}

heed_status heed_workbook_pose_with(const heed_workbook *book, const char *id, const char *text,
                                    heed_posing **posing, heed_error *err)
{
    const int i = heed_workbook_find(book, id, err);
    json_t *params = NULL, *given;
    heed_status status;

    *posing = NULL;
    if (i < 0)
        return HEED_ERR_USAGE;
    given = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(given)) {
        json_decref(given);
        return heed_fail(err, HEED_ERR_USAGE, "%s: expected its parameters as a JSON object", id);
    }
    status = heed_exercise_vary(book->parts[i].exercise, 0, &params, err);
    if (status == HEED_OK)
        status = put_over(book->parts[i].exercise, params, given, err);
    json_decref(given);
    if (status == HEED_OK)
        return pose(book, &book->parts[i], -1, params, posing, err);
    json_decref(params);
    return status;
}

heed_status heed_posing_program(const heed_posing *p, heed_posing **program, heed_error *err)
{
    const heed_exercise *x = p->part->exercise->program;
    heed_part part = *p->part;
    heed_varying v = {.rng = heed_rng_make(0x70726f6772616du, 0), .params = json_deep_copy(p->params)};
    heed_status status;

    *program = NULL;
    if (x == NULL || v.params == NULL) {
        json_decref(v.params);
        return x == NULL ? HEED_OK : heed_fail(err, HEED_ERR_MEMORY, "not enough memory for an exercise");
    }
    part.exercise = x;
    x->vary(&v);
    status = pose(p->book, &part, p->variant, v.params, program, err);
    if (status != HEED_OK)
        return status;
    (*program)->own = part;
    (*program)->part = &(*program)->own;
    if (part.text != NULL && part.text->program[0] != '\0') {
        const char *question = heed_text_fill(part.text->program, p->params, (*program)->arena);

        (*program)->question = question != NULL ? question : "";
    }
    return HEED_OK;
}

void heed_posing_destroy(heed_posing *p)
{
    if (p == NULL)
        return;
    json_decref(p->params);
    json_decref(p->answer);
    json_decref(p->steps);
    free(p->params_text);
    heed_arena_destroy(p->arena);
    free(p);
}

/* --- asking --- */

const heed_exercise_info *heed_posing_info(const heed_posing *p)
{
    return &p->part->info;
}

const char *heed_posing_params(const heed_posing *p)
{
    return p->params_text;
}

const char *heed_posing_question(const heed_posing *p)
{
    return p->question;
}

int heed_posing_n_hints(const heed_posing *p)
{
    return p->part->text != NULL ? p->part->text->n_hints : 0;
}

const char *heed_posing_hint(const heed_posing *p, int i)
{
    return p->hints[i];
}

const char *heed_posing_why(const heed_posing *p)
{
    return p->why;
}

int heed_posing_n_steps(const heed_posing *p)
{
    return (int)json_array_size(p->steps);
}

const char *heed_posing_step(const heed_posing *p, int i)
{
    return json_string_value(json_array_get(p->steps, (size_t)i));
}

int heed_posing_n_key_points(const heed_posing *p)
{
    return p->part->text != NULL ? p->part->text->n_key_points : 0;
}

const char *heed_posing_key_point(const heed_posing *p, int i)
{
    return p->key_points[i];
}

static const heed_source *sources_of(const heed_posing *p)
{
    const heed_source *s = heed_workbook_sources;

    while (s->id != NULL && strcmp(s->id, p->part->info.id) != 0)
        s++;
    return s;
}

int heed_posing_n_sources(const heed_posing *p)
{
    const heed_source *s = sources_of(p);
    int n = 0;

    while (s[n].id != NULL && strcmp(s[n].id, p->part->info.id) == 0)
        n++;
    return n;
}

heed_posing_source heed_posing_source_at(const heed_posing *p, int i)
{
    const heed_source *s = sources_of(p) + i;

    return (heed_posing_source){s->file, s->function, s->line, s->text};
}

int heed_posing_n_options(const heed_posing *p)
{
    return p->part->text != NULL ? p->part->text->n_options : 0;
}

heed_posing_option heed_posing_option_at(const heed_posing *p, int i)
{
    return p->options[i];
}

int heed_posing_n_fields(const heed_posing *p)
{
    return p->n_fields;
}

const heed_posing_field *heed_posing_field_at(const heed_posing *p, int i)
{
    return &p->fields[i];
}

heed_status heed_posing_solve(const heed_posing *p, char **json, heed_error *err)
{
    const heed_status settled = heed_posing_settled(p, err);
    json_t *all;

    *json = NULL;
    if (settled != HEED_OK)
        return settled;
    all = json_pack("{s:s, s:O, s:O, s:O}", "id", p->part->info.id, "params", p->params, "answer", p->answer,
                    "steps", p->steps);
    *json = all != NULL ? json_dumps(all, JSON_REAL_PRECISION(13)) : NULL;
    json_decref(all);
    return *json != NULL ? HEED_OK : heed_fail(err, HEED_ERR_MEMORY, "not enough memory for an answer");
}
