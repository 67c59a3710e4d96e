/* SPDX-License-Identifier: MIT */
/* The walk: every step runs on the stories and on other texts, says what fits a page, and says it twice alike. */
#include "../cmocka_all.h"

#include <heed/walk.h>
#include <heed/workbook.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../folder.h"
#include "formats/label.h"
#include "workbook/walk/walking.h"

/* Few steps of training: that each runs; what is learned is not looked at here. */
enum { FEW = 3 };

static heed_walk *open_walk(const heed_walk_options *options)
{
    heed_walk *walk = NULL;
    heed_error err = {HEED_OK, ""};

    if (heed_walk_open(options, &walk, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return walk;
}

static heed_walk_result *run(heed_walk *walk, int number)
{
    heed_walk_result *result = NULL;
    heed_error err = {HEED_OK, ""};

    if (heed_walk_run(walk, number, &result, &err) != HEED_OK)
        fail_msg("step %d: %s", number, err.message);
    return result;
}

static double figure(const heed_walk_result *r, const char *name)
{
    const heed_demo_figure *f = heed_demo_figure_find(r->shown, name);

    if (f == NULL)
        fail_msg("step %d shows no \"%s\"", r->info->number, name);
    return f->value;
}

static void check_page(const heed_walk_result *r)
{
    assert_true(r->n_blocks > 0);
    for (int i = 0; i < r->n_blocks; i++) {
        char copy[16384], *line, *rest = copy;

        assert_true(strlen(r->blocks[i].text) < sizeof copy);
        strcpy(copy, r->blocks[i].text);
        while (r->blocks[i].lines && (line = strsep(&rest, "\n")) != NULL) {
            if (heed_label_chars(line) > HEED_WALK_COLUMNS)
                fail_msg("step %d: a line of %d columns: %s", r->info->number, heed_label_chars(line), line);
            if (strstr(line, "\xe2\x80\xa6") != NULL)
                fail_msg("step %d: a line that was cut: %s", r->info->number, line);
        }
    }
}

static void steps_are_numbered_and_name_exercises_that_exist(void **state)
{
    heed_workbook *book = NULL;

    (void)state;
    assert_int_equal(heed_workbook_open(&book, NULL), HEED_OK);
    assert_null(heed_walk_at(0));
    assert_null(heed_walk_at(heed_walk_count() + 1));
    for (int i = 1; i <= heed_walk_count(); i++) {
        const heed_walk_info *info = heed_walk_at(i);
        char ids[256], *id, *rest = ids;

        assert_int_equal(info->number, i);
        assert_true(strlen(info->words) > 80);
        assert_true((info->time != NULL) == (i <= 21));
        strcpy(ids, info->exercises);
        while ((id = strsep(&rest, " ")) != NULL) {
            heed_error err = {HEED_OK, ""};
            if (*id != '\0' && heed_workbook_find(book, id, &err) < 0)
                print_message("step %d: %s\n", i, err.message);
        }
    }
    heed_workbook_close(book);
}

static void each_step_runs_fits_a_page_and_repeats(void **state)
{
    const heed_walk_options options = {.seed = 5, .steps = FEW};
    heed_walk *one = open_walk(&options), *two = open_walk(&options);

    (void)state;
    for (int i = 1; i <= heed_walk_count(); i++) {
        heed_walk_result *a = run(one, i), *b = run(two, i);
        char *x = NULL, *y = NULL;

        check_page(a);
        assert_int_equal(heed_walk_json(a, &x, NULL), HEED_OK);
        assert_int_equal(heed_walk_json(b, &y, NULL), HEED_OK);
        assert_string_equal(x, y);
        free(x);
        free(y);
        heed_walk_result_destroy(a);
        heed_walk_result_destroy(b);
    }
    heed_walk_close(one);
    heed_walk_close(two);
}

/* Steps that train nothing: what must hold of them holds for any seed. */
static void checks_of_steps_without_training_hold(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        heed_walk *walk = open_walk(&(heed_walk_options){.seed = seed, .steps = FEW});

        for (int i = 1; i <= heed_walk_count(); i++) {
            heed_walk_result *r;

            if (heed_walk_at(i)->trains)
                continue;
            r = run(walk, i);
            for (int k = 0; k < r->shown->n_checks; k++) {
                if (!r->shown->checks[k].holds)
                    fail_msg("step %d, seed %d: %s", i, (int)seed, r->shown->checks[k].words);
            }
            heed_walk_result_destroy(r);
        }
        heed_walk_close(walk);
    }
}

static void the_bigram_model_learns_the_counted_pairs(void **state)
{
    heed_walk *walk = open_walk(&(heed_walk_options){.seed = 2});
    heed_walk_result *r = run(walk, 9);

    (void)state;
    assert_true(r->shown->observed);
    /* 20 kB of validation: losses of models that know the same differ by noise of the estimate */
    assert_true(fabs(figure(r, "validation_loss") - figure(r, "counted_loss")) < 0.1);
    assert_true(figure(r, "correlation") > 0.95);
    heed_walk_result_destroy(r);
    heed_walk_close(walk);
}

/* --- texts of one's own --- */

static void write_text(const char *path, const char *line, int times)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    for (int i = 0; i < times; i++)
        fputs(line, f);
    fclose(f);
}

static void a_text_of_few_or_of_wide_characters_is_walked(void **state)
{
    static const char *const lines[] = {"abba\n", "\xe6\xb3\xa8\xe6\x84\x8f\xe5\x8a\x9b\xe6\x98\xaf\n",
                                        "\xc3\xa9\t|\"\n"};
    const char *path = inside("own.txt");

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        heed_walk *walk;

        write_text(path, lines[i], 600);
        walk = open_walk(&(heed_walk_options){.text = path, .seed = 1, .steps = FEW});
        for (int k = 1; k <= heed_walk_count(); k++) {
            heed_walk_result *r = run(walk, k);
            check_page(r);
            heed_walk_result_destroy(r);
        }
        heed_walk_close(walk);
    }
}

static void texts_that_cannot_be_walked_are_refused(void **state)
{
    const char *path = inside("short.txt");
    heed_walk *walk = NULL;
    heed_error err = {HEED_OK, ""};

    (void)state;
    assert_int_equal(heed_walk_open(&(heed_walk_options){.text = path}, &walk, &err), HEED_ERR_FILE);
    write_text(path, "short\n", 3);
    assert_int_equal(heed_walk_open(&(heed_walk_options){.text = path}, &walk, &err), HEED_ERR_FILE);
    assert_null(walk);
    write_text(path, "\xff\xfe\x80 no text\n", 100);
    assert_int_equal(heed_walk_open(&(heed_walk_options){.text = path}, &walk, &err), HEED_ERR_FILE);
}

static void what_to_encode_is_encoded_or_its_stranger_is_named(void **state)
{
    heed_walk *walk = open_walk(&(heed_walk_options){.seed = 1, .encode = "the end"});
    heed_walk_result *r = run(walk, 1);
    heed_error err = {HEED_OK, ""};

    (void)state;
    assert_true(figure(r, "ids") == 7.0);
    heed_walk_result_destroy(r);
    heed_walk_close(walk);
    walk = open_walk(&(heed_walk_options){.seed = 1, .encode = "the \xe2\x98\x83"});
    assert_int_equal(heed_walk_run(walk, 1, &r, &err), HEED_ERR_USAGE);
    assert_null(r);
    assert_non_null(strstr(err.message, "column 5"));
    assert_int_equal(heed_walk_run(walk, 99, &r, &err), HEED_ERR_USAGE);
    heed_walk_close(walk);
}

static double figure_of(const heed_demo_result *r, const char *name)
{
    const heed_demo_figure *f = heed_demo_figure_find(r, name);

    assert_non_null(f);
    return f->value;
}

static heed_demo_result *tenths_of(const char *path)
{
    heed_demo_result *r = NULL;
    heed_error err = {HEED_OK, ""};
    char params[256];

    snprintf(params, sizeof params, "{\"text\": \"%s\"}", path);
    if (heed_demo_run("E04", &(heed_demo_options){.seed = 3, .params = params}, &r, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return r;
}

/* 32 of 8 letters at random stand twice in 24000 characters with a chance of 24000^2 / 8^32; of one line over and over all do. */
static void what_was_seen_in_training_is_told_from_what_was_not(void **state)
{
    const char *path = inside("seen.txt");
    heed_demo_result *r;
    uint32_t x = 1;
    FILE *f = fopen(path, "w");

    (void)state;
    assert_non_null(f);
    for (int i = 0; i < 24000; i++) {
        x = x * 1664525u + 1013904223u;
        fputc("abcdefgh"[x >> 29], f);
    }
    fclose(f);
    r = tenths_of(path);
    assert_true(figure_of(r, "seen_last") == 0.0 && figure_of(r, "seen_first") == 0.0);
    assert_true(figure_of(r, "seen_apart") == 0.0);
    assert_true(figure_of(r, "seen_overlap") > 0.99);
    /* nothing follows from anything: all losses are ln 8, up to counting some thousand pairs */
    assert_true(fabs(figure_of(r, "pairs_last") - log(8.0)) < 0.02);
    assert_true(r->observed);
    heed_demo_result_destroy(r);

    write_text(path, "to be or not to be\n", 600);
    r = tenths_of(path);
    assert_true(figure_of(r, "seen_last") == 1.0 && figure_of(r, "seen_apart") == 1.0);
    assert_false(r->observed);
    heed_demo_result_destroy(r);
}

static void the_notebook_knows_what_was_walked(void **state)
{
    const char *path = inside("book.json");
    heed_notebook *a = NULL, *b = NULL;

    (void)state;
    assert_int_equal(heed_notebook_open(path, &a, NULL), HEED_OK);
    assert_int_equal(heed_notebook_walk_last(a), 0);
    assert_int_equal(heed_notebook_walked(a, 3, "x.txt", NULL), HEED_OK);
    assert_int_equal(heed_notebook_walked(a, 2, "", NULL), HEED_OK);
    assert_int_equal(heed_notebook_walked(a, 3, "y.txt", NULL), HEED_OK);
    assert_int_equal(heed_notebook_open(path, &b, NULL), HEED_OK);
    assert_int_equal(heed_notebook_walk_last(b), 3);
    assert_true(heed_notebook_walk_done(b, 2) && heed_notebook_walk_done(b, 3));
    assert_false(heed_notebook_walk_done(b, 1));
    assert_string_equal(heed_notebook_walk_text(b), "y.txt");
    assert_null(heed_notebook_now(b)); /* walking is no exercise */
    heed_notebook_close(a);
    heed_notebook_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_numbered_and_name_exercises_that_exist),
        cmocka_unit_test(each_step_runs_fits_a_page_and_repeats),
        cmocka_unit_test(checks_of_steps_without_training_hold),
        cmocka_unit_test(the_bigram_model_learns_the_counted_pairs),
        cmocka_unit_test(a_text_of_few_or_of_wide_characters_is_walked),
        cmocka_unit_test(texts_that_cannot_be_walked_are_refused),
        cmocka_unit_test(what_to_encode_is_encoded_or_its_stranger_is_named),
        cmocka_unit_test(what_was_seen_in_training_is_told_from_what_was_not),
        cmocka_unit_test(the_notebook_knows_what_was_walked),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
