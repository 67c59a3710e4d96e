/* SPDX-License-Identifier: MIT */
/* Answers of a person, judged. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "workbook/book.h"
#include "workbook/judge.h"
#include "workbook/read_answer.h"

#define EXPECTED_DIGITS 6
#define EXPECTED_BYTES  2048

struct heed_marking {
    heed_arena *arena;
    heed_marking_field fields[HEED_MAX_FIELDS];
    int n;
    bool ok;
};

int heed_posing_option_find(const heed_posing *p, const char *answer)
{
    for (int i = 0; i < heed_posing_n_options(p); i++) {
        const char letter[] = {(char)('a' + i), '\0'};

        if (strcasecmp(answer, letter) == 0 || strcasecmp(answer, p->options[i].key) == 0 ||
            strcasecmp(answer, p->options[i].text) == 0)
            return i;
    }
    return -1;
}

/* The key of the option that answer names; new, NULL: none. */
static json_t *chosen(const heed_posing *p, const char *answer)
{
    const int i = heed_posing_option_find(p, answer);

    return i >= 0 ? json_string(p->options[i].key) : NULL;
}

static bool is_choice(const heed_posing *p, int i)
{
    return p->specs[i]->kind == HEED_ANSWER_TEXT && (p->specs[i]->flags & HEED_ASKED_FREE) == 0 &&
           heed_posing_n_options(p) > 0;
}

static heed_status read_one(const heed_posing *p, int i, const char *text, json_t **value, heed_error *err)
{
    const heed_field_spec *spec = p->specs[i];
    const json_t *expected = json_object_get(p->answer, spec->name);
    const bool words = (spec->flags & HEED_ASKED_TEXTS) != 0 || json_is_string(json_array_get(expected, 0));

    *value = NULL;
    if (text == NULL || text[strspn(text, " \t\r\n")] == '\0')
        return HEED_OK;
    if (is_choice(p, i)) {
        char shown[80];

        *value = chosen(p, text);
        return *value != NULL ? HEED_OK
                              : heed_fail(err, HEED_ERR_USAGE, "%s: expected a letter from a to %c, got \"%s\"",
                                          spec->name, 'a' + heed_posing_n_options(p) - 1,
                                          heed_quote(shown, sizeof shown, text, strlen(text)));
    }
    return heed_answer_read(spec, words, text, value, err);
}

heed_status heed_posing_reads(const heed_posing *p, int i, const char *text, heed_error *err)
{
    json_t *value = NULL;
    const heed_status status = read_one(p, i, text, &value, err);

    json_decref(value);
    return status;
}

static const char *expected_text(heed_marking *v, const json_t *expected)
{
    char *text = heed_arena_alloc(v->arena, EXPECTED_BYTES);

    if (text == NULL)
        return "";
    heed_value_text(expected, EXPECTED_DIGITS, text, EXPECTED_BYTES);
    return text;
}

/* choice: given is the key of an option, which means nothing to a person. */
static void add_field(heed_marking *v, const heed_exercise *x, const json_t *params,
                      const heed_field_spec *spec, const json_t *expected, const json_t *given, bool choice)
{
    const heed_judged judged = heed_exercise_judge(x, params, spec, expected, given);
    const heed_slip slip = !judged.ok && given != NULL ? heed_exercise_slip(x, params, spec, expected, given)
                                                       : HEED_SLIP_NONE;
    const char *words = heed_arena_format(
        v->arena, "%s", choice && given != NULL && !judged.ok ? "this is not the one" : judged.words);

    v->ok = v->ok && judged.ok;
    v->fields[v->n++] = (heed_marking_field){.name = spec->name,
                                             .ok = judged.ok,
                                             .missing = given == NULL,
                                             .free = (spec->flags & HEED_ASKED_FREE) != 0,
                                             .words = words != NULL ? words : "",
                                             .slip = slip != HEED_SLIP_NONE ? heed_slip_words(slip) : NULL,
                                             .remark = judged.remark,
                                             .expected = expected_text(v, expected)};
}

/* What a person gives are parameters: the engine says whether they have the property, its last step why. */
static heed_status judge_given(const heed_posing *p, json_t *const *values, heed_marking *v, heed_error *err)
{
    const heed_exercise *x = p->part->exercise;
    json_t *params = json_deep_copy(p->params), *answer = NULL, *steps = json_array();
    const char *words = NULL;
    heed_status status;
    const bool own = json_is_true(
        json_object_get(p->answer, x->property)); /* the numbers posed are right ones */
    bool all = true;

    for (int i = 0; i < p->n_given; i++) {
        all = all && values[i] != NULL;
        if (values[i] != NULL)
            json_object_set(params, p->specs[i]->name, values[i]);
    }
    status = heed_exercise_solve(x, params, HEED_SLIP_NONE, steps, &answer, err);
    if (status == HEED_OK) {
        const json_t *last = json_array_get(steps, json_array_size(steps) - 1);

        v->ok = all && json_is_true(json_object_get(answer, x->property));
        words = heed_arena_format(v->arena, "%s", all ? json_string_value(last) : "no answer");
        for (int i = 0; i < p->n_given; i++)
            v->fields[v->n++] = (heed_marking_field){
                .name = p->specs[i]->name,
                .ok = v->ok,
                .missing = values[i] == NULL,
                .words = words != NULL ? words : "",
                .expected = own ? expected_text(v, json_object_get(p->params, p->specs[i]->name)) : ""};
        for (int i = p->n_given; i < p->n_fields; i++)
            add_field(v, x, params, p->specs[i], json_object_get(answer, p->specs[i]->name), values[i], false);
    }
    json_decref(steps);
    json_decref(answer);
    json_decref(params);
    return status;
}

/* Those that could not be read are wrong, and say why. */
static void put_broken(heed_marking *v, const heed_error *broken)
{
    for (int i = 0; i < v->n; i++) {
        const char *words = broken[i].status != HEED_OK ? heed_arena_format(v->arena, "%s", broken[i].message)
                                                        : NULL;

        if (words == NULL)
            continue;
        v->fields[i].ok = v->fields[i].missing = v->ok = false;
        v->fields[i].words = words;
    }
}

heed_status heed_posing_judge(const heed_posing *p, json_t *const *values, const heed_error *broken,
                              heed_marking **out, heed_error *err)
{
    const heed_exercise *x = p->part->exercise;
    heed_marking *v = calloc(1, sizeof *v);
    heed_status status = HEED_OK;

    *out = NULL;
    if (v != NULL)
        v->arena = heed_arena_create();
    if (v == NULL || v->arena == NULL) {
        free(v);
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a marking");
    }
    v->ok = true;
    if (x->given != NULL)
        status = judge_given(p, values, v, err);
    for (int i = 0; i < p->n_fields && x->given == NULL; i++)
        add_field(v, x, p->params, p->specs[i], json_object_get(p->answer, p->specs[i]->name), values[i],
                  is_choice(p, i));
    if (status == HEED_OK && broken != NULL)
        put_broken(v, broken);
    if (status != HEED_OK) {
        heed_marking_destroy(v);
        return status;
    }
    *out = v;
    return HEED_OK;
}

heed_status heed_posing_answer(const heed_posing *p, const char *const *answers, heed_marking **out,
                               heed_error *err)
{
    json_t *values[HEED_MAX_FIELDS] = {NULL};
    heed_status status = heed_posing_settled(p, err);

    *out = NULL;
    for (int i = 0; i < p->n_fields && status == HEED_OK; i++)
        status = read_one(p, i, answers[i], &values[i], err);
    if (status == HEED_OK)
        status = heed_posing_judge(p, values, NULL, out, err);
    for (int i = 0; i < p->n_fields; i++)
        json_decref(values[i]);
    return status;
}

void heed_marking_destroy(heed_marking *v)
{
    if (v == NULL)
        return;
    heed_arena_destroy(v->arena);
    free(v);
}

bool heed_marking_ok(const heed_marking *v)
{
    return v->ok;
}

int heed_marking_n_fields(const heed_marking *v)
{
    return v->n;
}

const heed_marking_field *heed_marking_field_at(const heed_marking *v, int i)
{
    return &v->fields[i];
}
