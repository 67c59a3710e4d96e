/* SPDX-License-Identifier: MIT */
#include "workbook/oracle.h"

#include "../cmocka_all.h"

#include <heed/workbook.h>
#include <stdlib.h>
#include <string.h>

#include "workbook/book.h"
#include "workbook/judge.h"

enum { N_VARIANTS = 30 };

/* --- comparing --- */

static void compare(const heed_posing *p, oracle_fn *oracle)
{
    const heed_exercise *x = p->part->exercise;
    json_t *expected = json_object();

    oracle(p->params, expected);
    for (int i = 0; i < HEED_MAX_FIELDS && x->fields[i].name != NULL; i++) {
        const heed_field_spec *f = &x->fields[i];
        const json_t *ours = json_object_get(expected, f->name), *theirs = json_object_get(p->answer, f->name);

        if (ours == NULL)
            fail_msg("%s: the oracle does not say what \"%s\" is", x->id, f->name);
        if (!heed_judge(f, ours, theirs).ok || !heed_judge(f, theirs, ours).ok) {
            char *a = json_dumps(ours, JSON_ENCODE_ANY), *b = json_dumps(theirs, JSON_ENCODE_ANY);
            fail_msg("%s, \"%s\" for %s: expected %s, heed has %s", x->id, f->name, p->params_text, a, b);
        }
    }
    json_decref(expected);
}

static heed_workbook *open_book(void)
{
    heed_workbook *book = NULL;
    heed_error err = {0};

    assert_int_equal(heed_workbook_open(&book, &err), HEED_OK);
    return book;
}

void expect_exercise(const char *id, oracle_fn *oracle)
{
    heed_workbook *book = open_book();
    heed_error err = {0};

    for (int64_t variant = 0; variant <= N_VARIANTS; variant++) {
        heed_posing *p = NULL;
        if (heed_workbook_pose(book, id, variant, &p, &err) != HEED_OK)
            fail_msg("%s, variant %lld: %s", id, (long long)variant, err.message);
        compare(p, oracle);
        heed_posing_destroy(p);
    }
    heed_workbook_close(book);
}

void expect_exercise_with(const char *id, const char *params, oracle_fn *oracle)
{
    heed_workbook *book = open_book();
    heed_posing *p = NULL;
    heed_error err = {0};

    if (heed_workbook_pose_with(book, id, params, &p, &err) != HEED_OK)
        fail_msg("%s with %s: %s", id, params, err.message);
    compare(p, oracle);
    heed_posing_destroy(p);
    heed_workbook_close(book);
}

void expect_refused(const char *id, const char *params, const char *words)
{
    heed_workbook *book = open_book();
    heed_posing *p = NULL;
    heed_error err = {0};

    if (heed_workbook_pose_with(book, id, params, &p, &err) != HEED_ERR_USAGE)
        fail_msg("%s takes %s, which it should refuse", id, params);
    if (strstr(err.message, words) == NULL)
        fail_msg("%s with %s: expected \"%s\" in \"%s\"", id, params, words, err.message);
    heed_workbook_close(book);
}

void expect_slip(const char *id, const char *params, const char *answer, const char *field, const char *words)
{
    heed_workbook *book = open_book();
    json_t *line = json_pack("{s:s, s:o, s:o}", "id", id, "params", json_loads(params, 0, NULL), "answer",
                             json_loads(answer, 0, NULL));
    char *text = json_dumps(line, 0), *verdict = NULL;
    heed_error err = {0};
    bool ok = true;
    json_t *marked;
    const json_t *one;

    assert_non_null(text);
    if (heed_workbook_mark(book, text, strlen(text), &verdict, &ok, &err) != HEED_OK)
        fail_msg("%s: %s", text, err.message);
    marked = json_loads(verdict, 0, NULL);
    one = json_object_get(json_object_get(marked, "fields"), field);
    if (json_is_true(json_object_get(one, "ok")))
        fail_msg("%s: \"%s\" is judged right", text, field);
    if (!json_is_string(json_object_get(one, "slip")) ||
        strstr(json_string_value(json_object_get(one, "slip")), words) == NULL)
        fail_msg("%s: expected \"%s\" in %s", text, words, verdict);
    json_decref(marked);
    json_decref(line);
    free(verdict);
    free(text);
    heed_workbook_close(book);
}

/* --- parameters --- */

double param(const json_t *params, const char *name)
{
    double x = 0.0;

    if (!heed_json_to_double(json_object_get(params, name), &x))
        fail_msg("\"%s\" is no number", name);
    return x;
}

static void take_rows(const json_t *value, table *out)
{
    if (json_is_array(json_array_get(value, 0))) {
        for (size_t i = 0; i < json_array_size(value); i++)
            take_rows(json_array_get(value, i), out);
        return;
    }
    out->columns = (int64_t)json_array_size(value);
    for (size_t i = 0; i < json_array_size(value); i++) {
        double *at = &out->at[out->rows * out->columns + (int64_t)i];
        assert_true(heed_json_to_double(json_array_get(value, i), at));
    }
    out->rows++;
}

void param_table(const json_t *params, const char *name, table *out)
{
    out->rows = out->columns = 0;
    take_rows(json_object_get(params, name), out);
}

/* --- answers --- */

static json_t *put_nested(const double **x, int rank, const int64_t *size)
{
    json_t *list;

    if (rank == 0)
        return heed_json_of_double(*(*x)++);
    list = json_array();
    for (int64_t i = 0; i < size[0]; i++)
        json_array_append_new(list, put_nested(x, rank - 1, size + 1));
    return list;
}

json_t *nested_of(const double *x, int rank, const int64_t *size)
{
    return put_nested(&x, rank, size);
}

json_t *list_of(const double *x, int64_t n)
{
    return nested_of(x, 1, &n);
}

json_t *matrix_of(const double *x, int64_t rows, int64_t columns)
{
    return nested_of(x, 2, (int64_t[]){rows, columns});
}
