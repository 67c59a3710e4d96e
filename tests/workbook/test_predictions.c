/* SPDX-License-Identifier: MIT */
/* Predictions: whatever an experiment gives, one of the options is what came out, and it is judged by that. */
#include "../cmocka_all.h"

#include <heed/workbook.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "workbook/book.h"

static heed_workbook *book;

static int open_all(void **state)
{
    (void)state;
    return heed_workbook_open(&book, NULL) != HEED_OK;
}

static int close_all(void **state)
{
    (void)state;
    heed_workbook_close(book);
    return 0;
}

/* Seconds without training: run once for all who ask, with the preset's numbers. */
static bool is_slow(const char *demo)
{
    return strcmp(demo, "D15") == 0 || strcmp(demo, "D16") == 0;
}

static bool is_option(const heed_posing *p, const char *key)
{
    for (int i = 0; i < heed_posing_n_options(p); i++) {
        if (strcmp(heed_posing_option_at(p, i).key, key) == 0)
            return true;
    }
    return false;
}

/* Every closed field has an answer, which for a choice is one of the options; steps say why. */
static void check_outcome(const heed_posing *p)
{
    if (heed_posing_n_steps(p) == 0)
        fail_msg("%s: nothing is said of the run", p->part->info.id);
    for (int i = 0; i < p->n_fields; i++) {
        const json_t *value = json_object_get(p->answer, p->specs[i]->name);

        if (value == NULL)
            fail_msg("%s: no outcome for %s", p->part->info.id, p->specs[i]->name);
        if (!p->fields[i].free && p->specs[i]->kind == HEED_ANSWER_TEXT && heed_posing_n_options(p) > 0 &&
            !is_option(p, json_string_value(value)))
            fail_msg("%s: \"%s\" is no option of %s", p->part->info.id, json_string_value(value),
                     p->specs[i]->name);
    }
}

/* The right answer typed is right, with words or without; no prediction is wrong. */
static void check_judged(const heed_posing *p)
{
    const char *answers[HEED_MAX_FIELDS] = {NULL};
    char text[HEED_MAX_FIELDS][512];
    heed_error err = {HEED_OK, ""};
    heed_marking *m = NULL;

    assert_int_equal(heed_posing_answer(p, answers, &m, NULL), HEED_OK);
    assert_false(heed_marking_ok(m));
    heed_marking_destroy(m);
    for (int i = 0; i < p->n_fields; i++) {
        heed_value_text(json_object_get(p->answer, p->specs[i]->name), 15, text[i], sizeof text[i]);
        answers[i] = p->fields[i].free ? "because \"it\" is so" : text[i];
    }
    if (heed_posing_answer(p, answers, &m, &err) != HEED_OK)
        fail_msg("%s: %s", p->part->info.id, err.message);
    for (int i = 0; i < heed_marking_n_fields(m); i++) {
        if (!heed_marking_field_at(m, i)->ok)
            fail_msg("%s: what came out, %s = %s, is wrong", p->part->info.id, p->specs[i]->name, text[i]);
    }
    heed_marking_destroy(m);
}

/* Those that are soon done: as they are, with the numbers of a variant. */
static void experiments_say_what_is_right(void **state)
{
    int n = 0;

    (void)state;
    for (int i = 0; i < heed_workbook_count(book); i++) {
        const heed_exercise_info *info = heed_workbook_info(book, i);

        heed_error err = {HEED_OK, ""};
        heed_posing *p = NULL;

        assert_int_equal(heed_workbook_pose(book, info->id, info->varies ? 1 : 0, &p, NULL), HEED_OK);
        if (heed_posing_experiment(p) != NULL && !heed_demo_find(info->demo)->trains &&
            !heed_demo_find(info->demo)->timed && !is_slow(info->demo)) {
            if (heed_posing_run(p, NULL, NULL, &err) != HEED_OK)
                fail_msg("%s: %s", info->id, err.message);
            check_outcome(p);
            check_judged(p);
            n++;
        }
        heed_posing_destroy(p);
    }
    assert_true(n > 15);
}

/* One short run of each demonstration, for all who ask it. */
static heed_demo_result *shortly[128];

static int place_of(const char *demo)
{
    for (int i = 0; i < heed_demo_count() && i < 128; i++) {
        if (strcmp(heed_demo_at(i)->id, demo) == 0)
            return i;
    }
    fail_msg("there is no demonstration %s", demo);
    return 0;
}

/* An exercise asks with parameters of its demonstration. */
static void check_params(const heed_posing *p)
{
    json_t *all = json_loads(heed_demo_find(p->part->info.demo)->params, 0, NULL), *value;
    const char *name;

    json_object_foreach(p->params, name, value)
    {
        if (json_object_get(all, name) == NULL)
            fail_msg("%s: %s has no parameter \"%s\"", p->part->info.id, p->part->info.demo, name);
    }
    json_decref(all);
}

static const heed_demo_result *run_shortly(const heed_posing *p)
{
    const int at = place_of(p->part->info.demo);
    const bool steps = strstr(heed_demo_at(at)->params, "\"steps\"") != NULL;
    const heed_demo_options options = {.seed = 1, .params = steps ? "{\"steps\": 3}" : NULL};
    heed_error err = {HEED_OK, ""};

    check_params(p);
    if (shortly[at] == NULL && heed_demo_run(heed_demo_at(at)->id, &options, &shortly[at], &err) != HEED_OK)
        fail_msg("%s: %s", p->part->info.id, err.message);
    return shortly[at];
}

/* Three steps teach nothing, so what comes out is not what one expects: there is an option for that too. */
static void options_have_room_for_whatever_comes_out(void **state)
{
    (void)state;
    for (int i = 0; i < heed_workbook_count(book); i++) {
        const heed_exercise_info *info = heed_workbook_info(book, i);
        heed_error err = {HEED_OK, ""};
        heed_posing *p = NULL;

        assert_int_equal(heed_workbook_pose(book, info->id, 0, &p, NULL), HEED_OK);
        if (heed_posing_experiment(p) != NULL && (heed_demo_find(info->demo)->trains || is_slow(info->demo))) {
            if (heed_posing_read_off(p, run_shortly(p), &err) != HEED_OK)
                fail_msg("%s: %s", info->id, err.message);
            check_outcome(p);
            check_judged(p);
        }
        heed_posing_destroy(p);
    }
    for (int i = 0; i < 128; i++)
        heed_demo_result_destroy(shortly[i]);
}

/* Told at the beginning, and false ends it: nothing is judged then. */
static bool stop(void *context, const char *words, double done)
{
    (void)words;
    assert_true(done >= 0.0 && done <= 1.0);
    ++*(int *)context;
    return false;
}

static void an_experiment_that_is_stopped_is_no_answer(void **state)
{
    const char *none[HEED_MAX_FIELDS] = {NULL};
    int n = 0;
    const heed_demo_options options = {.seed = 1, .progress = stop, .context = &n};
    heed_marking *m = NULL;
    heed_posing *p = NULL;

    (void)state;
    assert_int_equal(heed_workbook_pose_with(book, "pp.q30b", "{\"head_dim\": 7}", &p, NULL), HEED_OK);
    assert_int_equal(heed_posing_run(p, &options, NULL, NULL), HEED_ERR_INTERRUPTED);
    assert_int_equal(n, 1);
    assert_int_equal(heed_posing_answer(p, none, &m, NULL), HEED_ERR_USAGE);
    assert_int_equal(heed_posing_run(p, NULL, NULL, NULL), HEED_OK);
    assert_int_equal(heed_posing_run(p, &options, NULL, NULL), HEED_OK); /* it is there already */
    assert_int_equal(n, 1);
    heed_posing_destroy(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(experiments_say_what_is_right),
        cmocka_unit_test(options_have_room_for_whatever_comes_out),
        cmocka_unit_test(an_experiment_that_is_stopped_is_no_answer),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
