/* SPDX-License-Identifier: MIT */
/* Every exercise, with the numbers of its source and with others: it is asked, hinted, explained, and judges its own answer. */
#include "../cmocka_all.h"

#include <heed/workbook.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workbook/book.h"
#include "workbook/judge.h"

enum { N_VARIANTS = 25 };

static heed_workbook *open_book(void)
{
    heed_workbook *book = NULL;
    heed_error err = {0};

    assert_int_equal(heed_workbook_open(&book, &err), HEED_OK);
    return book;
}

/* Every exercise and variant, posed once: the tests look at them, and none changes them. */
static heed_workbook *all_book;
static heed_posing **posed;
static int n_posed;

static int pose_all(void **state)
{
    (void)state;
    all_book = open_book();
    posed = calloc((size_t)heed_workbook_count(all_book) * N_VARIANTS, sizeof *posed);
    for (int i = 0; posed != NULL && i < heed_workbook_count(all_book); i++) {
        const heed_exercise_info *info = heed_workbook_info(all_book, i);

        for (int64_t variant = 0; variant < (info->varies ? N_VARIANTS : 1); variant++) {
            heed_error err = {0};

            if (heed_workbook_pose(all_book, info->id, variant, &posed[n_posed++], &err) != HEED_OK) {
                print_error("%s, variant %lld: %s\n", info->id, (long long)variant, err.message);
                return 1;
            }
        }
    }
    return posed == NULL;
}

static int forget_all(void **state)
{
    (void)state;
    for (int i = 0; i < n_posed; i++)
        heed_posing_destroy(posed[i]);
    free(posed);
    heed_workbook_close(all_book);
    return 0;
}

static void for_each(void (*check)(const heed_posing *p))
{
    for (int i = 0; i < n_posed; i++)
        check(posed[i]);
}

/* Those whose answer is known without an experiment. */
static void for_each_settled(void (*check)(const heed_posing *p))
{
    for (int i = 0; i < n_posed; i++) {
        if (heed_posing_experiment(posed[i]) == NULL)
            check(posed[i]);
    }
}

/* --- words --- */

static void expect_filled(const heed_posing *p, const char *what, const char *text)
{
    if (text == NULL || strlen(text) < 3)
        fail_msg("%s has no %s", p->part->info.id, what);
    for (const char *open = strchr(text, '{'); open != NULL; open = strchr(open + 1, '{')) {
        const char *close = strchr(open, '}');
        if (close != NULL && strcspn(open + 1, " ,;.\\^_") >= (size_t)(close - open - 1))
            fail_msg("%s: \"%.40s\" names no parameter", p->part->info.id, open);
    }
}

static void check_words(const heed_posing *p)
{
    const heed_part_text *t = p->part->text;

    if (t == NULL)
        fail_msg("%s has no words in workbook/", p->part->info.id);
    expect_filled(p, "title", t->title);
    expect_filled(p, "group", t->group_title);
    expect_filled(p, "question", heed_posing_question(p));
    expect_filled(p, "explanation", heed_posing_why(p));
    if (heed_posing_n_hints(p) != 3)
        fail_msg("%s: expected three hints, the last of them the method, it has %d", p->part->info.id,
                 heed_posing_n_hints(p));
    for (int i = 0; i < 3; i++)
        expect_filled(p, "hint", heed_posing_hint(p, i));
    for (int i = 0; i < heed_posing_n_fields(p); i++) {
        const heed_posing_field *f = heed_posing_field_at(p, i);
        if (strcmp(f->ask, f->name) == 0)
            fail_msg("%s: nobody says what \"%s\" is: **Answer** `%s`: ...", p->part->info.id, f->name,
                     f->name);
        expect_filled(p, "words for an answer", f->ask);
    }
    if (p->part->exercise->kind == HEED_EXERCISE_CHOICE && heed_posing_n_options(p) == 1)
        fail_msg("%s: one option is no choice", p->part->info.id);
}

static void every_exercise_has_its_words(void **state)
{
    (void)state;
    for_each(check_words);
}

static void check_steps(const heed_posing *p)
{
    if (heed_posing_n_steps(p) == 0)
        fail_msg("%s: its solution has no steps", p->part->info.id);
}

static void every_solution_has_steps(void **state)
{
    (void)state;
    for_each_settled(check_steps);
}

/* --- answers --- */

static void check_own_answer(const heed_posing *p)
{
    const heed_exercise *x = p->part->exercise;
    const char *name;
    json_t *value;

    for (int i = 0; i < HEED_MAX_FIELDS && x->fields[i].name != NULL; i++) {
        const json_t *expected = json_object_get(p->answer, x->fields[i].name);
        if (expected == NULL)
            fail_msg("%s: no answer for its field \"%s\"", x->id, x->fields[i].name);
        if (!heed_judge(&x->fields[i], expected, expected).ok)
            fail_msg("%s: \"%s\" is not equal to itself", x->id, x->fields[i].name);
    }
    json_object_foreach(p->answer, name, value)
    {
        if (heed_exercise_field(x, name) == NULL)
            fail_msg("%s: its answer \"%s\" is no field", x->id, name);
    }
}

static void the_right_answer_is_right(void **state)
{
    (void)state;
    for_each_settled(check_own_answer);
}

/* As the answer is shown to people, so it can be typed. */
static void check_typed(const heed_posing *p)
{
    const char *answers[HEED_MAX_FIELDS];
    char text[HEED_MAX_FIELDS][4096];
    heed_marking *m = NULL;
    heed_error err = {0};

    for (int i = 0; i < p->n_fields; i++) {
        const json_t *value = json_object_get(i < p->n_given ? p->params : p->answer, p->specs[i]->name);
        heed_value_text(value, 15, text[i], sizeof text[i]);
        if (strstr(text[i], "...") != NULL || p->specs[i]->kind == HEED_ANSWER_TENSOR || json_is_null(value))
            return; /* too long to be shown whole */
        answers[i] = text[i];
    }
    if (heed_posing_answer(p, answers, &m, &err) != HEED_OK)
        fail_msg("%s: %s", p->part->info.id, err.message);
    for (int i = 0; i < heed_marking_n_fields(m); i++) {
        if (!heed_marking_field_at(m, i)->ok)
            fail_msg("%s, %s: typed as \"%s\" it is wrong: %s", p->part->info.id, p->fields[i].name, text[i],
                     heed_marking_field_at(m, i)->words);
    }
    heed_marking_destroy(m);
}

static void the_right_answer_can_be_typed(void **state)
{
    (void)state;
    for_each_settled(check_typed);
}

/* Moves every number of a value by so much of its tolerance. */
static json_t *moved(const heed_field_spec *f, const json_t *value, double share)
{
    double x;

    if (json_is_array(value)) {
        json_t *list = json_array();
        for (size_t i = 0; i < json_array_size(value); i++)
            json_array_append_new(list, moved(f, json_array_get(value, i), share));
        return list;
    }
    if (!json_is_number(value))
        return json_deep_copy(value);
    x = json_number_value(value);
    switch (f->tolerance.kind) {
    case HEED_TOLERANCE_ABS:
        return json_real(x + share * f->tolerance.t);
    case HEED_TOLERANCE_REL:
        return json_real(x * (1.0 + share * f->tolerance.t));
    case HEED_TOLERANCE_PROGRAM:
        return json_real(x + share * f->tolerance.t * (fabs(x) > 1.0 ? fabs(x) : 1.0));
    case HEED_TOLERANCE_MIXED:
        return json_real(x == floor(x) ? x : x + share * f->tolerance.t);
    case HEED_TOLERANCE_WIDER:
        return json_real(x + share * (f->tolerance.t > 0.01 * fabs(x) ? f->tolerance.t : 0.01 * fabs(x)));
    case HEED_TOLERANCE_EXACT:
        break;
    }
    return json_real(x);
}

static bool has_numbers(const json_t *value)
{
    return json_is_array(value) ? has_numbers(json_array_get(value, 0)) : json_is_number(value);
}

static void check_rounded(const heed_posing *p)
{
    const heed_exercise *x = p->part->exercise;

    for (int i = 0; i < HEED_MAX_FIELDS && x->fields[i].name != NULL; i++) {
        const heed_field_spec *f = &x->fields[i];
        const json_t *expected = json_object_get(p->answer, f->name);
        json_t *near = moved(f, expected, 0.9), *far = moved(f, expected, 1.6);

        if (!heed_judge(f, expected, near).ok)
            fail_msg("%s: \"%s\" within its tolerance is judged wrong", x->id, f->name);
        if (f->tolerance.kind == HEED_TOLERANCE_ABS && has_numbers(expected) &&
            heed_judge(f, expected, far).ok && (f->flags & HEED_ASKED_FREE) == 0)
            fail_msg("%s: \"%s\" outside of its tolerance is judged right", x->id, f->name);
        /* wrong by rounding is no slip */
        if (f->tolerance.kind == HEED_TOLERANCE_ABS && has_numbers(expected) &&
            heed_exercise_slip(x, p->params, f, expected, far) != HEED_SLIP_NONE)
            fail_msg("%s: \"%s\" that is off by rounding is taken for a slip: %s", x->id, f->name,
                     heed_slip_words(heed_exercise_slip(x, p->params, f, expected, far)));
        json_decref(far);
        json_decref(near);
    }
}

static void rounding_is_right_and_never_a_slip(void **state)
{
    (void)state;
    for_each_settled(check_rounded);
}

/* A slip that changes a field is wrong there and is named; by its own name or by that of one that gives the same. */
static void check_slips(const heed_posing *p)
{
    const heed_exercise *x = p->part->exercise;

    for (int slip = 1; slip < HEED_N_SLIPS; slip++) {
        json_t *wrong = NULL;

        if ((x->slips & HEED_SLIP(slip)) == 0)
            continue;
        if (heed_exercise_solve(x, p->params, (heed_slip)slip, NULL, &wrong, NULL) != HEED_OK)
            fail_msg("%s: slip %d cannot be computed", x->id, slip);
        for (int i = 0; i < HEED_MAX_FIELDS && x->fields[i].name != NULL; i++) {
            const heed_field_spec *f = &x->fields[i];
            const json_t *expected = json_object_get(p->answer, f->name),
                         *given = json_object_get(wrong, f->name);

            if (given != NULL && heed_judge_slip(f, expected, given, given) &&
                heed_exercise_slip(x, p->params, f, expected, given) == HEED_SLIP_NONE)
                fail_msg("%s: \"%s\" with slip %d is not named", x->id, f->name, slip);
        }
        json_decref(wrong);
    }
}

static void slips_are_named(void **state)
{
    (void)state;
    for_each_settled(check_slips);
}

/* --- variants --- */

static void the_same_variant_is_the_same_question_and_others_differ(void **state)
{
    heed_workbook *book = open_book();

    (void)state;
    for (int i = 0; i < heed_workbook_count(book); i++) {
        const heed_exercise_info *info = heed_workbook_info(book, i);
        heed_posing *a = NULL, *b = NULL, *source = NULL;
        heed_error err = {0};
        int n_other = 0;

        assert_int_equal(heed_workbook_pose(book, info->id, 0, &source, &err), HEED_OK);
        for (int64_t variant = 1; info->varies && variant < N_VARIANTS; variant++) {
            assert_int_equal(heed_workbook_pose(book, info->id, variant, &a, &err), HEED_OK);
            assert_int_equal(heed_workbook_pose(book, info->id, variant, &b, &err), HEED_OK);
            assert_string_equal(heed_posing_params(a), heed_posing_params(b));
            assert_string_equal(heed_posing_question(a), heed_posing_question(b));
            n_other += strcmp(heed_posing_params(a), heed_posing_params(source)) != 0;
            heed_posing_destroy(a);
            heed_posing_destroy(b);
        }
        if (info->varies && n_other < 2)
            fail_msg("%s: its variants are all alike", info->id);
        heed_posing_destroy(source);
    }
    heed_workbook_close(book);
}

/* --- the published names --- */

static const char *kind_of(heed_answer_kind kind)
{
    static const char *const names[] = {"number", "list", "matrix", "", "text", "true/false"};

    return names[kind];
}

/* tests/workbook/fields.json says how parameters and answers are called. */
static void names_are_those_that_are_published(void **state)
{
    heed_workbook *book = open_book();
    const char *folder = getenv("HEED_TEST_DATA");
    char path[512];
    json_t *all;

    (void)state;
    snprintf(path, sizeof path, "%s/workbook/fields.json", folder != NULL ? folder : "tests");
    all = json_load_file(path, 0, NULL);
    assert_non_null(all);
    for (int i = 0; i < book->n; i++) {
        const heed_exercise *x = book->parts[i].exercise;
        const json_t *one = json_object_get(json_object_get(all, "exercises"), x->id);
        json_t *params = json_loads(x->params, 0, NULL), *value;
        const char *name;

        if (one == NULL) {
            json_decref(params);
            continue; /* of a kind that is not answered with values */
        }
        json_object_foreach(json_object_get(one, "params"), name, value)
        {
            if (json_object_get(params, name) == NULL)
                fail_msg("%s lacks the parameter \"%s\"", x->id, name);
        }
        json_object_foreach(json_object_get(one, "answer"), name, value)
        {
            const heed_field_spec *f = heed_exercise_field(x, name);
            const char *kind = json_string_value(json_object_get(value, "kind"));

            if (f == NULL)
                fail_msg("%s lacks the answer \"%s\"", x->id, name);
            if (f->kind != HEED_ANSWER_TENSOR && strcmp(kind, kind_of(f->kind)) != 0)
                fail_msg("%s, \"%s\": expected a %s, it is a %s", x->id, name, kind, kind_of(f->kind));
        }
        json_decref(params);
    }
    json_decref(all);
    heed_workbook_close(book);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_exercise_has_its_words),
        cmocka_unit_test(every_solution_has_steps),
        cmocka_unit_test(the_right_answer_is_right),
        cmocka_unit_test(the_right_answer_can_be_typed),
        cmocka_unit_test(rounding_is_right_and_never_a_slip),
        cmocka_unit_test(slips_are_named),
        cmocka_unit_test(the_same_variant_is_the_same_question_and_others_differ),
        cmocka_unit_test(names_are_those_that_are_published),
    };

    return cmocka_run_group_tests(tests, pose_all, forget_all);
}
