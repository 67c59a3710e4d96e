/* SPDX-License-Identifier: MIT */
/* What a teacher uses: sheets in three formats, numbers by student, CSV; and the search. */
#include "../cmocka_all.h"

#include <heed/workbook.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workbook/book.h"
#include "workbook/sheet.h"

static heed_workbook *open_book(void)
{
    heed_workbook *book = NULL;

    assert_int_equal(heed_workbook_open(&book, NULL), HEED_OK);
    return book;
}

static void assert_words(heed_sheet_format format, const char *words, const char *expected)
{
    heed_text_buffer out = {0};

    heed_sheet_words(&out, format, words);
    assert_string_equal(out.data, expected);
    heed_text_free(&out);
}

static void words_keep_their_meaning_in_each_format(void **state)
{
    static const char words[] =
        "A `x_1` of **50%** & 2**21,\nnext line\n\n- one <\n- two\n\n    1 0\n    0 1\n\nend {$}";

    (void)state;
    assert_words(
        HEED_SHEET_MARKDOWN, words,
        "A `x_1` of **50%** & 2**21,\nnext line\n\n- one <\n- two\n\n```\n1 0\n0 1\n```\n\nend {$}\n\n");
    assert_words(HEED_SHEET_LATEX, words,
                 "A \\texttt{x\\_1} of \\textbf{50\\%} \\& 2**21,\nnext line\n\n\\begin{itemize}\n\\item one "
                 "\\textless{}\n\\item two\n\\end{itemize}\n\n{\\footnotesize\n\\begin{verbatim}\n1 0\n0 "
                 "1\n\\end{verbatim}\n}\n\nend "
                 "\\{\\$\\}\n\n");
    assert_words(HEED_SHEET_HTML, words,
                 "<p>A <code>x_1</code> of <strong>50%</strong> &amp; 2**21,\nnext line</p>\n<ul>\n<li>one "
                 "&lt;</li>\n<li>two</li>\n</ul>\n<pre>1 0\n0 1\n</pre>\n<p>end {$}</p>\n");
    assert_words(HEED_SHEET_HTML, "open ` and ** stay", "<p>open ` and ** stay</p>\n");
}

/* Nothing that a student's name holds is taken for LaTeX or HTML. */
static void a_name_is_only_a_name(void **state)
{
    heed_workbook *book = open_book();
    heed_posing *p = NULL;
    heed_sheet_options o = {HEED_SHEET_HTML, "T", "<script>\\input{x}", false};
    char *text = NULL;

    (void)state;
    assert_int_equal(heed_workbook_pose(book, "pp.q10", 1, &p, NULL), HEED_OK);
    assert_int_equal(heed_workbook_sheet((const heed_posing *const *)&p, 1, &o, &text, NULL), HEED_OK);
    assert_null(strstr(text, "<script"));
    free(text);
    o.format = HEED_SHEET_LATEX;
    assert_int_equal(heed_workbook_sheet((const heed_posing *const *)&p, 1, &o, &text, NULL), HEED_OK);
    assert_null(strstr(text, "\\input"));
    free(text);
    heed_posing_destroy(p);
    heed_workbook_close(book);
}

/* How many of the steps stand on the sheet, line by line. */
static int count_steps(const heed_posing *p, const char *sheet, heed_sheet_format format)
{
    int n = 0;

    for (int i = 0; i < heed_posing_n_steps(p); i++) {
        heed_text_buffer step = {0};

        if (format == HEED_SHEET_HTML)
            heed_sheet_escape(&step, format, heed_posing_step(p, i), strlen(heed_posing_step(p, i)));
        else
            heed_text_puts(&step, heed_posing_step(p, i));
        n += strstr(sheet, step.data) != NULL;
        heed_text_free(&step);
    }
    return n;
}

/* Of every exercise; LaTeX breaks long lines in two. */
static void sheets_tell_answers_only_when_asked(void **state)
{
    static const heed_sheet_format formats[] = {HEED_SHEET_MARKDOWN, HEED_SHEET_HTML};
    heed_workbook *book = open_book();

    (void)state;
    for (int i = 0; i < heed_workbook_count(book); i++) {
        heed_posing *p = NULL;

        assert_int_equal(heed_workbook_pose(book, heed_workbook_info(book, i)->id, 5, &p, NULL), HEED_OK);
        for (int k = 0; k < 2 && heed_posing_experiment(p) == NULL; k++) {
            heed_sheet_options o = {formats[k], "T", NULL, false};
            char *with = NULL, *without = NULL;

            assert_int_equal(heed_workbook_sheet((const heed_posing *const *)&p, 1, &o, &without, NULL),
                             HEED_OK);
            o.answers = true;
            assert_int_equal(heed_workbook_sheet((const heed_posing *const *)&p, 1, &o, &with, NULL), HEED_OK);
            if (count_steps(p, with, formats[k]) != heed_posing_n_steps(p))
                fail_msg("%s: not all steps are on the sheet with answers", heed_posing_info(p)->id);
            if (count_steps(p, without, formats[k]) == heed_posing_n_steps(p))
                fail_msg("%s: its steps are on the sheet without answers", heed_posing_info(p)->id);
            free(with);
            free(without);
        }
        heed_posing_destroy(p);
    }
    heed_workbook_close(book);
}

static void a_student_keeps_the_same_numbers(void **state)
{
    int n_other = 0;

    (void)state;
    assert_int_equal(heed_student_variant(7, "Ada", "pp.q10"), heed_student_variant(7, "Ada", "pp.q10"));
    for (int64_t seed = 0; seed < 50; seed++) {
        const int64_t variant = heed_student_variant(seed, "Ada", "pp.q10");

        assert_true(variant >= 1 && variant <= 1000000000);
        n_other += variant != heed_student_variant(seed + 1, "Ada", "pp.q10");
        n_other += variant != heed_student_variant(seed, "Bob", "pp.q10");
        n_other += variant != heed_student_variant(seed, "Ada", "pp.q11");
        n_other += variant != heed_student_variant(seed, "Adap", "p.q10");
    }
    assert_true(n_other >= 199); /* one in 10^9 is alike by chance */
    /* sheets that were handed out must still be marked by a later heed */
    assert_int_equal(heed_student_variant(7, "Ada", "pp.q10"), 957267419);
}

/* A line filled in with what solve answers is marked right, and its student is handed on. */
static void a_line_that_is_filled_in_is_marked(void **state)
{
    heed_workbook *book = open_book();

    (void)state;
    for (int i = 0; i < heed_workbook_count(book); i++) {
        heed_posing *p = NULL;
        char *line = NULL, *solved = NULL, *filled, *verdict = NULL;
        json_t *root, *answers;
        bool ok = false, judged = false;

        assert_int_equal(heed_workbook_pose(book, heed_workbook_info(book, i)->id, 3, &p, NULL), HEED_OK);
        if (heed_posing_experiment(p) != NULL ||
            (p->n_given > 0 && !json_is_true(json_object_get(p->answer, p->part->exercise->property)))) {
            heed_posing_destroy(p); /* nobody knows a right one, or not yet */
            continue;
        }
        assert_int_equal(heed_posing_line(p, "Ada \"x\"", &line, NULL), HEED_OK);
        assert_int_equal(heed_posing_solve(p, &solved, NULL), HEED_OK);
        root = json_loads(line, 0, NULL);
        answers = json_loads(solved, 0, NULL);
        assert_int_equal(heed_workbook_mark(book, line, strlen(line), &verdict, &ok, NULL), HEED_OK);
        for (int k = 0; k < p->n_fields; k++)
            judged = judged || (p->specs[k]->flags & HEED_ASKED_FREE) == 0 || k < p->n_given;
        assert_true(!ok || !judged); /* still empty */
        free(verdict);
        for (int k = 0; k < p->n_fields; k++) {
            const char *name = p->specs[k]->name;
            json_t *value = json_object_get(json_object_get(answers, k < p->n_given ? "params" : "answer"),
                                            name);

            if (json_is_null(value)) /* a null is a line that nobody has filled in */
                json_object_set_new(json_object_get(root, "answer"), name, json_string("none"));
            else
                json_object_set(json_object_get(root, "answer"), name, value);
        }
        filled = json_dumps(root, JSON_REAL_PRECISION(13));
        assert_int_equal(heed_workbook_mark(book, filled, strlen(filled), &verdict, &ok, NULL), HEED_OK);
        if (!ok)
            fail_msg("%s", verdict);
        assert_non_null(strstr(verdict, "Ada \\\"x\\\""));
        json_decref(root);
        json_decref(answers);
        free(filled);
        free(verdict);
        free(solved);
        free(line);
        heed_posing_destroy(p);
    }
    heed_workbook_close(book);
}

/* Expected values as text are whole; nested lists of three axes are typed as JSON. */
static bool can_be_typed(const heed_posing *p, json_t *answer)
{
    const char *name;
    json_t *value;

    for (int i = 0; i < heed_posing_n_fields(p); i++) {
        if (heed_posing_field_at(p, i)->kind == HEED_ANSWER_TENSOR)
            return false;
    }
    json_object_foreach(answer, name, value)
    {
        if (strstr(json_string_value(value), "...") != NULL || strcmp(json_string_value(value), "nothing") == 0)
            return false;
    }
    return true;
}

/* What students have written, as it stands on their sheet: matrices, fractions, the letters of options in its order. */
static void answers_as_they_are_typed_are_marked(void **state)
{
    heed_workbook *book = open_book();
    int n_choices = 0;

    (void)state;
    for (int i = 0; i < heed_workbook_count(book); i++) {
        heed_posing *p = NULL;
        char *line = NULL, *filled, *verdict = NULL;
        const char *answers[64] = {NULL};
        heed_marking *m = NULL;
        json_t *root, *answer;
        bool ok = false;

        assert_int_equal(heed_workbook_pose(book, heed_workbook_info(book, i)->id, 4, &p, NULL), HEED_OK);
        if (heed_posing_experiment(p) != NULL) {
            heed_posing_destroy(p);
            continue;
        }
        assert_int_equal(heed_posing_answer(p, answers, &m, NULL), HEED_OK);
        assert_int_equal(heed_posing_line(p, "Ada", &line, NULL), HEED_OK);
        root = json_loads(line, 0, NULL);
        answer = json_object();
        for (int k = 0; k < heed_marking_n_fields(m); k++) {
            const heed_marking_field *f = heed_marking_field_at(m, k);
            const char *typed = f->expected;

            for (int o = 0; o < heed_posing_n_options(p); o++) {
                static const char *const letters[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
                if (strcmp(heed_posing_option_at(p, o).key, typed) == 0) {
                    typed = letters[o];
                    n_choices++;
                }
            }
            json_object_set_new(answer, f->name, json_string(typed));
        }
        if (can_be_typed(p, answer)) {
            json_object_set(root, "answer", answer);
            filled = json_dumps(root, JSON_REAL_PRECISION(13));
            assert_int_equal(heed_workbook_mark(book, filled, strlen(filled), &verdict, &ok, NULL), HEED_OK);
            if (!ok)
                fail_msg("%s gives %s", filled, verdict);
            free(filled);
            free(verdict);
        }
        json_decref(root);
        json_decref(answer);
        free(line);
        heed_marking_destroy(m);
        heed_posing_destroy(p);
    }
    assert_true(n_choices > 0);
    heed_workbook_close(book);
}

static void what_cannot_be_read_is_wrong(void **state)
{
    static const char line[] =
        "{\"student\": \"Ada\", \"id\": \"pp.q10\", \"answer\": {\"value\": \"1 x; 1 1\"}}",
                      unknown[] = "{\"student\": \"Ada\", \"id\": \"pp.q10\", \"answer\": {\"vlaue\": 1}}";
    heed_workbook *book = open_book();
    char *verdict = NULL;
    bool ok = true;

    (void)state;
    assert_int_equal(heed_workbook_mark(book, line, strlen(line), &verdict, &ok, NULL), HEED_OK);
    assert_false(ok);
    assert_non_null(strstr(verdict, "row 1, column 2: expected a number"));
    free(verdict);
    assert_int_equal(heed_workbook_mark(book, unknown, strlen(unknown), &verdict, &ok, NULL), HEED_ERR_FILE);
    assert_non_null(strstr(verdict, "\"student\": \"Ada\""));
    free(verdict);
    heed_workbook_close(book);
}

static void assert_csv(const char *verdict, const char *expected)
{
    char *csv = NULL;

    assert_int_equal(heed_workbook_csv(verdict, &csv, NULL), HEED_OK);
    assert_string_equal(csv, expected);
    free(csv);
}

static void verdicts_become_lines_of_csv(void **state)
{
    (void)state;
    assert_csv(NULL, "student,id,ok,fields\n");
    assert_csv("{\"id\": \"pp.q10\", \"ok\": true, \"fields\": {\"value\": {\"ok\": true, \"expected\": 1}}}",
               ",pp.q10,true,value: right\n");
    assert_csv(
        "{\"id\": \"x\", \"ok\": false, \"student\": \"Lovelace, \\\"Ada\\\"\", \"fields\": {\"a\": {\"ok\": "
        "true}, "
        "\"b\": {\"ok\": false, \"slip\": \"the sign\"}, \"c\": {\"ok\": false, \"words\": \"no answer\"}}}",
        "\"Lovelace, \"\"Ada\"\"\",x,false,\"a: right; b: wrong, the sign; c: wrong, no answer\"\n");
    assert_csv("{\"id\": null, \"ok\": false, \"student\": \"=1+1\", \"error\": \"broken\"}",
               "'=1+1,,false,broken\n");
    assert_int_equal(heed_workbook_csv("[]", &(char *){NULL}, NULL), HEED_ERR_USAGE);
}

static void search_wants_all_words_and_puts_titles_first(void **state)
{
    heed_workbook *book = open_book();
    int *found = calloc((size_t)heed_workbook_count(book) + 1, sizeof *found), n;

    (void)state;
    n = heed_workbook_search(book, "PP.Q10", found);
    assert_true(n >= 1);
    assert_string_equal(heed_workbook_info(book, found[0])->id, "pp.q10");
    n = heed_workbook_search(book, "triangle  causal\tmask", found);
    assert_true(n >= 1);
    assert_string_equal(heed_workbook_info(book, found[0])->id, "pp.q10");
    assert_int_equal(heed_workbook_search(book, "triangle zeppelin", found), 0);
    assert_int_equal(heed_workbook_search(book, " ", found), 0);
    free(found);
    heed_workbook_close(book);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_keep_their_meaning_in_each_format),
        cmocka_unit_test(a_name_is_only_a_name),
        cmocka_unit_test(sheets_tell_answers_only_when_asked),
        cmocka_unit_test(a_student_keeps_the_same_numbers),
        cmocka_unit_test(a_line_that_is_filled_in_is_marked),
        cmocka_unit_test(answers_as_they_are_typed_are_marked),
        cmocka_unit_test(what_cannot_be_read_is_wrong),
        cmocka_unit_test(verdicts_become_lines_of_csv),
        cmocka_unit_test(search_wants_all_words_and_puts_titles_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
