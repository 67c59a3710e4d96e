/* SPDX-License-Identifier: MIT */
/* Every part of parts.json is there: asked, varied, hinted, checked, explained, and shown by its demonstration. */
#include "../cmocka_all.h"

#include <heed/workbook.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workbook/book.h"

enum { N_PARTS = 238, N_DEMOS = 46 };

/* What is not there yet: whoever adds it takes it off. */
static const char *const not_yet[] = {NULL};
static const int demos_not_yet[] = {0};

static heed_workbook *book;
static json_t *parts;

static int open_all(void **state)
{
    const char *folder = getenv("HEED_TEST_DATA");
    char path[512];
    json_t *file;

    (void)state;
    snprintf(path, sizeof path, "%s/workbook/parts.json", folder != NULL ? folder : "tests");
    file = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    parts = json_incref(json_object_get(file, "parts"));
    json_decref(file);
    return json_object_size(parts) != N_PARTS || heed_workbook_open(&book, NULL) != HEED_OK;
}

static int close_all(void **state)
{
    (void)state;
    json_decref(parts);
    heed_workbook_close(book);
    return 0;
}

static bool is_not_yet(const char *id)
{
    for (int i = 0; not_yet[i] != NULL; i++) {
        if (strcmp(not_yet[i], id) == 0)
            return true;
    }
    return false;
}

static bool is_among(const json_t *list, const char *word)
{
    for (size_t i = 0; word != NULL && i < json_array_size(list); i++) {
        if (strcmp(json_string_value(json_array_get(list, i)), word) == 0)
            return true;
    }
    return false;
}

/* All that is lacking is told, not the first alone. */
static int n_lacking;

static void lacks(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void lacks(const char *format, ...)
{
    char words[512];
    va_list args;

    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    print_error("%s\n", words);
    n_lacking++;
}

/* --- each part --- */

static bool is_prediction(const heed_exercise_info *info)
{
    return info->kind == HEED_EXERCISE_CONCEPT || info->kind == HEED_EXERCISE_LAB;
}

/* Of those that belong to it, or one of the workbook's own, E01 ...; as soon as one of them is there. */
static void check_demo(const heed_exercise_info *info, const json_t *demos)
{
    bool is_there = false;

    for (size_t i = 0; i < json_array_size(demos); i++)
        is_there = is_there || heed_demo_find(json_string_value(json_array_get(demos, i))) != NULL;
    if (info->demo != NULL && heed_demo_find(info->demo) == NULL)
        lacks("%s: there is no demonstration %s", info->id, info->demo);
    if (is_there && info->demo == NULL)
        lacks("%s names no demonstration", info->id);
    if (info->demo != NULL && json_array_size(demos) > 0 && !is_among(demos, info->demo) &&
        info->demo[0] != 'E')
        lacks("%s: %s is not one of its demonstrations", info->id, info->demo);
    if (info->kind == HEED_EXERCISE_LAB && info->demo == NULL)
        lacks("%s is a lab without an experiment", info->id);
}

static void check_variants(const heed_exercise_info *info, const heed_posing *source)
{
    bool other = false;

    for (int64_t variant = 1; variant <= 4; variant++) {
        heed_posing *p = NULL;

        assert_int_equal(heed_workbook_pose(book, info->id, variant, &p, NULL), HEED_OK);
        other = other || strcmp(heed_posing_params(p), heed_posing_params(source)) != 0;
        heed_posing_destroy(p);
    }
    if (!other)
        lacks("%s: its variants are all alike", info->id);
}

/* An answer that is given can be judged: its own is right, and none is wrong. A prediction waits for its experiment. */
static void check_judged(const heed_exercise_info *info, const heed_posing *p)
{
    const char *none[HEED_MAX_FIELDS] = {NULL};
    heed_marking *m = NULL;
    char *line = NULL, *verdict = NULL;
    bool right = false;
    int n_judged = 0;

    if (heed_posing_n_fields(p) == 0)
        lacks("%s asks for nothing", info->id);
    if (heed_posing_experiment(p) != NULL) {
        assert_int_equal(heed_posing_answer(p, none, &m, NULL), HEED_ERR_USAGE);
        return;
    }
    assert_int_equal(heed_posing_solve(p, &line, NULL), HEED_OK);
    assert_int_equal(heed_workbook_mark(book, line, strlen(line), &verdict, &right, NULL), HEED_OK);
    if (!right)
        lacks("%s: its own answer is wrong: %s", info->id, verdict);
    assert_int_equal(heed_posing_answer(p, none, &m, NULL), HEED_OK);
    for (int i = 0; i < heed_marking_n_fields(m); i++)
        n_judged += !heed_marking_field_at(m, i)->free; /* a list for one's own use is not */
    if (n_judged > 0 && heed_marking_ok(m))
        lacks("%s: no answer is right", info->id);
    heed_marking_destroy(m);
    free(verdict);
    free(line);
}

static void check_explained(const heed_exercise_info *info, const heed_posing *p)
{
    const int n = heed_posing_n_key_points(p);

    if (heed_posing_n_hints(p) != 3)
        lacks("%s: %d hints, not 3", info->id, heed_posing_n_hints(p));
    if (heed_posing_why(p)[0] == '\0')
        lacks("%s is not explained", info->id);
    if (heed_posing_experiment(p) == NULL && heed_posing_n_steps(p) == 0)
        lacks("%s: its solution has no steps", info->id);
    if (is_prediction(info) && (n < 2 || n > 5))
        lacks("%s: %d key points, not 2 to 5", info->id, n);
}

/* What a prediction asks in closed form, and room for the reader's own words. */
static void check_prediction(const heed_exercise_info *info, const heed_posing *p)
{
    int n_closed = 0, n_free = 0;

    for (int i = 0; i < heed_posing_n_fields(p); i++) {
        const heed_posing_field *f = heed_posing_field_at(p, i);

        n_free += f->free;
        n_closed += !f->free;
        for (int k = 0; !f->free && f->kind == HEED_ANSWER_TEXT && k < heed_posing_n_options(p); k++)
            assert_int_equal(heed_posing_reads(p, i, heed_posing_option_at(p, k).key, NULL), HEED_OK);
    }
    if (n_closed == 0 || n_free != 1)
        lacks("%s: expected a closed answer, and one in the reader's own words", info->id);
    if (heed_posing_n_options(p) == 1)
        lacks("%s: one option is no choice", info->id);
}

static void check_part(const char *id, const json_t *part)
{
    const int at = heed_workbook_find(book, id, &(heed_error){HEED_OK, ""});
    const heed_exercise_info *info;
    heed_posing *p = NULL;

    if (at < 0 && !is_not_yet(id))
        lacks("%s is not there", id);
    if (at < 0)
        return;
    if (is_not_yet(id))
        lacks("%s is there: take it off the list in this file", id);
    info = heed_workbook_info(book, at);
    if (!is_among(json_object_get(part, "kinds"), heed_exercise_kind_name(info->kind)))
        lacks("%s is not of the kind %s", id, heed_exercise_kind_name(info->kind));
    if (strncmp(info->seed, json_string_value(json_object_get(part, "seed")), 3) != 0) /* the document */
        lacks("%s is not of %s", id, json_string_value(json_object_get(part, "seed")));
    assert_int_equal(heed_workbook_pose(book, id, 0, &p, NULL), HEED_OK);
    assert_true(strlen(heed_posing_question(p)) > 20);
    if (json_is_true(json_object_get(part, "varies")) || info->varies)
        check_variants(info, p);
    check_judged(info, p);
    check_explained(info, p);
    if (is_prediction(info))
        check_prediction(info, p);
    check_demo(info, json_object_get(part, "demos"));
    heed_posing_destroy(p);
}

static void every_part_is_asked_varied_hinted_checked_and_explained(void **state)
{
    const char *id;
    json_t *part;

    (void)state;
    n_lacking = 0;
    json_object_foreach(parts, id, part)
    {
        check_part(id, part);
    }
    assert_int_equal(n_lacking, 0);
}

static void nothing_is_there_that_is_no_part(void **state)
{
    (void)state;
    n_lacking = 0;
    for (int i = 0; i < heed_workbook_count(book); i++) {
        const char *id = heed_workbook_info(book, i)->id;

        /* a wrong solution that was printed, kept as one more pair of maps to be judged */
        if (json_object_get(parts, id) == NULL && strcmp(id, "a12.p2d-printed") != 0)
            lacks("%s is no part", id);
    }
    assert_int_equal(n_lacking, 0);
}

static void every_demonstration_is_there(void **state)
{
    (void)state;
    n_lacking = 0;
    for (int n = 1; n <= N_DEMOS; n++) {
        char id[8];
        bool waits = false;

        snprintf(id, sizeof id, "D%02d", n);
        for (int i = 0; demos_not_yet[i] != 0; i++)
            waits = waits || demos_not_yet[i] == n;
        if (waits && heed_demo_find(id) != NULL)
            lacks("%s is there: take it off the list in this file", id);
        if (!waits && heed_demo_find(id) == NULL)
            lacks("%s is not there", id);
    }
    assert_int_equal(n_lacking, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_is_asked_varied_hinted_checked_and_explained),
        cmocka_unit_test(nothing_is_there_that_is_no_part),
        cmocka_unit_test(every_demonstration_is_there),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
