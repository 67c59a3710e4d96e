/* SPDX-License-Identifier: MIT */
/* Demonstrations of memory and of writing: their figures against formulas, and texts that models wrote. */
#include "../cmocka_all.h"

#include <heed/demo.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "workbook/demo_shown.h"

static heed_demo_result *run(const char *id, const char *params, uint64_t seed)
{
    heed_demo_result *r = NULL;
    heed_error err = {HEED_OK, ""};

    if (heed_demo_run(id, &(heed_demo_options){.params = params, .seed = seed}, &r, &err) != HEED_OK)
        fail_msg("%s: %s", id, err.message);
    return r;
}

static double figure(const heed_demo_result *r, const char *name)
{
    const heed_demo_figure *f = heed_demo_figure_find(r, name);

    if (f == NULL)
        fail_msg("%s shows no figure %s", r->info->id, name);
    return f->value;
}

static void expect_figure(const heed_demo_result *r, const char *name, double expected)
{
    if (figure(r, name) != expected)
        fail_msg("%s, %s: %.17g, expected %.17g", r->info->params, name, figure(r, name), expected);
}

/* --- D15 --- */

/* Sizes and the length at which H T > V, for odd ones too. */
static void counted_bytes_are_those_of_the_shapes(void **state)
{
    static const int sizes[][5] = {
        {32, 256, 256, 4, 200000},
        {3, 17, 24, 2, 65},
        {1, 5, 9, 3, 64},
    };

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const double B = sizes[i][0], T = sizes[i][1], d = sizes[i][2], H = sizes[i][3], V = sizes[i][4];
        char params[200];
        heed_demo_result *r;

        snprintf(params, sizeof params,
                 "{\"batch\": %d, \"seq_len\": %d, \"d_model\": %d, \"n_heads\": %d, \"vocab_size\": %d, "
                 "\"small_vocab_size\": 10, \"sizes\": 2}",
                 sizes[i][0], sizes[i][1], sizes[i][2], sizes[i][3], sizes[i][4]);
        r = run("D15", params, 1);
        expect_figure(r, "logits_bytes", 4.0 * B * T * V);
        expect_figure(r, "scores_bytes", 4.0 * B * H * T * T);
        expect_figure(r, "stream_bytes", 4.0 * B * T * d);
        expect_figure(r, "table_bytes", 4.0 * V * d);
        expect_figure(r, "crossing_length", floor(V / H) + 1.0);
        /* a step holds four numbers for each parameter, the tables at least, and the logits */
        assert_true(figure(r, "step_bytes") > 4.0 * B * T * V + 32.0 * V * d);
        assert_true(i > 0 ||
                    figure(r, "chunked_bytes") < 0.3 * figure(r, "step_bytes")); /* tiny logits fit a tile */
        assert_true(figure(r, "half_bytes") < figure(r, "step_bytes"));
        heed_demo_result_destroy(r);
    }
}

/* --- D20, D41: what their questions ask for --- */

/* A full window of C forgets half of it; then it is full again after C / 2 tokens. */
static void windows_slide_by_halves(void **state)
{
    static const int sizes[][2] = {{8, 9}, {8, 12}, {8, 13}, {16, 100}, {24, 77}, {32, 150}};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const int C = sizes[i][0], n = sizes[i][1];
        char params[80];
        heed_demo_result *r;

        snprintf(params, sizeof params, "{\"context_length\": %d, \"tokens\": %d}", C, n);
        r = run("D20", params, 3);
        expect_figure(r, "slides", ceil((double)(n - C) / (C / 2)));
        expect_figure(r, "changed_after", 0.0);
        expect_figure(r, "same", n);
        heed_demo_result_destroy(r);
    }
}

/* --- D35 --- */

/* Shares are shares; all of the first k right is no more often than the k-th, and once less than before. */
static void shares_of_right_tokens_fit_each_other(void **state)
{
    heed_demo_result *r = run("D35", "{\"steps\": 40, \"n\": 12, \"windows\": 60}", 2);
    const heed_demo_table *t = &r->tables[0];
    double sum = 0.0, before = 1.0;

    (void)state;
    assert_int_equal(t->n_rows, 12);
    for (int i = 0; i < t->n_rows; i++) {
        const double *row = t->values + 4 * i;

        sum += row[0] / 12.0;
        assert_true(row[0] >= 0.0 && row[0] <= 1.0 && row[1] >= 0.0 && row[1] <= 1.0);
        assert_true(row[2] <= row[0] && row[2] <= row[1] && row[2] <= before);
        before = row[2];
    }
    assert_true(fabs(figure(r, "accuracy") - sum) < 1e-12);
    assert_true(fabs(figure(r, "power") - pow(sum, 12.0)) < 1e-12);
    assert_true(t->values[0] == t->values[1]); /* nothing has been written before the first token */
    heed_demo_result_destroy(r);
}

/* --- D18 --- */

/* The first column are probabilities, falling; each way's shares of the same tokens sum to at most 1. */
static void shares_of_choices_are_shares(void **state)
{
    heed_demo_result *r = run(
        "D18", "{\"steps\": 60, \"tokens\": 60, \"texts\": 2, \"draws\": 2000, \"beam_tokens\": 12}", 4);
    const heed_demo_table *t = &r->tables[1];
    double sums[6] = {0.0};

    (void)state;
    assert_int_equal(t->n_columns, 6);
    for (int i = 0; i < t->n_rows; i++) {
        for (int j = 0; j < 6; j++)
            sums[j] += t->values[6 * i + j];
        assert_true(i == 0 || t->values[6 * i] <= t->values[6 * (i - 1)]);
        assert_true(t->values[6 * i + 1] == (i == 0 ? 1.0 : 0.0)); /* greedy */
    }
    for (int j = 0; j < 6; j++)
        assert_true(sums[j] <= 1.0 + 1e-9);
    assert_true(figure(r, "off_plain") <= 4.5); /* the draws are those of the model, trained or not */
    expect_figure(r, "one_beam_same", 12.0);
    assert_true(figure(r, "apart_all") < 1e-4 && figure(r, "apart_prompt") > 1e-3);
    heed_demo_result_destroy(r);
}

/* --- texts --- */

static void shown_texts_are_legible_whatever_was_written(void **state)
{
    static const char written[] = "caf\xc3\xa9\n\xff\xe2\x82 a\tb\x1b[31m\x7f\xc2\x85!";
    static const char expected[] = "caf\xc3\xa9\n\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd a b [31m  !";
    heed_demo_shown shown = {.arena = heed_arena_create()};
    heed_error err = {HEED_OK, ""};
    heed_demoing d = {.s = {.arena = shown.arena, .err = &err}, .shown = &shown};

    (void)state;
    heed_show_passage(&d, "text", written, sizeof written - 1);
    heed_show_passage(&d, "nothing", "", 0);
    heed_show_passage(&d, "zero", "a\0b", 3);
    assert_int_equal(d.s.status, HEED_OK);
    assert_int_equal(shown.result.n_passages, 3);
    assert_string_equal(shown.passages[0].text, expected);
    assert_string_equal(shown.passages[1].text, "");
    assert_string_equal(shown.passages[2].text, "a b");
    heed_arena_destroy(shown.arena);
}

static void passages_stand_in_json(void **state)
{
    heed_demo_result *r = run(
        "D18", "{\"steps\": 3, \"tokens\": 20, \"texts\": 1, \"draws\": 100, \"beam_tokens\": 4}", 1);
    char *text = NULL;
    json_t *all;
    const json_t *list;

    (void)state;
    assert_true(r->n_passages >= 6);
    assert_int_equal(heed_demo_json(r, &text, NULL), HEED_OK);
    all = json_loads(text, 0, NULL);
    list = json_object_get(all, "passages");
    assert_int_equal(json_array_size(list), r->n_passages);
    for (int i = 0; i < r->n_passages; i++) {
        assert_true(heed_utf8_is_valid(r->passages[i].text, strlen(r->passages[i].text)));
        assert_string_equal(json_string_value(json_object_get(json_array_get(list, (size_t)i), "text")),
                            r->passages[i].text);
    }
    json_decref(all);
    free(text);
    heed_demo_result_destroy(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counted_bytes_are_those_of_the_shapes),
        cmocka_unit_test(windows_slide_by_halves),
        cmocka_unit_test(shares_of_right_tokens_fit_each_other),
        cmocka_unit_test(shares_of_choices_are_shares),
        cmocka_unit_test(shown_texts_are_legible_whatever_was_written),
        cmocka_unit_test(passages_stand_in_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
