/* SPDX-License-Identifier: MIT */
/* A demonstration's result as JSON. */
#include <jansson.h>

#include "base/error.h"
#include "workbook/exercise.h"
#include <heed/demo.h>

static json_t *numbers(const double *x, int64_t n)
{
    json_t *list = json_array();

    for (int64_t i = 0; i < n; i++)
        json_array_append_new(list, heed_json_of_double(x[i]));
    return list;
}

static json_t *labels(const char *const *words, int n)
{
    json_t *list = json_array();

    for (int i = 0; i < n; i++)
        json_array_append_new(list, words != NULL ? json_string(words[i]) : json_integer(i + 1));
    return list;
}

static json_t *checks(const heed_demo_result *r)
{
    json_t *list = json_array();

    for (int i = 0; i < r->n_checks; i++)
        json_array_append_new(
            list, json_pack("{s:s, s:b}", "words", r->checks[i].words, "holds", (int)r->checks[i].holds));
    return list;
}

static json_t *figures(const heed_demo_result *r)
{
    json_t *all = json_object();

    for (int i = 0; i < r->n_figures; i++)
        json_object_set_new(all, r->figures[i].name, heed_json_of_double(r->figures[i].value));
    return all;
}

static json_t *tables(const heed_demo_result *r)
{
    json_t *list = json_array();

    for (int i = 0; i < r->n_tables; i++) {
        const heed_demo_table *t = &r->tables[i];
        json_t *rows = json_array();

        for (int row = 0; row < t->n_rows; row++)
            json_array_append_new(rows, numbers(t->values + (int64_t)row * t->n_columns, t->n_columns));
        json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:o}", "title", t->title, "rows",
                                              labels(t->row_labels, t->n_rows), "columns",
                                              labels(t->column_labels, t->n_columns), "values", rows));
    }
    return list;
}

static json_t *passages(const heed_demo_result *r)
{
    json_t *list = json_array();

    for (int i = 0; i < r->n_passages; i++)
        json_array_append_new(
            list, json_pack("{s:s, s:s}", "title", r->passages[i].title, "text", r->passages[i].text));
    return list;
}

static json_t *plot(const heed_demo_plot *p)
{
    json_t *curves = json_array();

    for (int i = 0; i < p->n_curves; i++) {
        const heed_demo_curve *c = &p->curves[i];
        json_array_append_new(curves, json_pack("{s:s, s:o, s:o}", "label", c->label, "x", numbers(c->x, c->n),
                                                "y", numbers(c->y, c->n)));
    }
    return json_pack("{s:s, s:s, s:s, s:b, s:b, s:o}", "title", p->title, "x", p->x_title, "y", p->y_title,
                     "log_x", (int)p->log_x, "log_y", (int)p->log_y, "curves", curves);
}

heed_status heed_demo_json(const heed_demo_result *result, char **out, heed_error *err)
{
    json_t *all = json_pack("{s:s, s:s, s:s, s:s, s:b, s:I, s:o?, s:b}", "id", result->info->id, "title",
                            result->info->title, "rule", result->info->rule, "preset",
                            result->full ? "full" : "quick", "sabotage", (int)result->sabotage, "seed",
                            (json_int_t)result->seed, "params", json_loads(result->params, 0, NULL), "observed",
                            (int)result->observed);

    *out = NULL;
    if (all != NULL) {
        json_object_set_new(all, "checks", checks(result));
        json_object_set_new(all, "figures", figures(result));
        json_object_set_new(all, "tables", tables(result));
        if (result->n_passages > 0)
            json_object_set_new(all, "passages", passages(result));
        if (result->plot.n_curves > 0)
            json_object_set_new(all, "plot", plot(&result->plot));
        *out = json_dumps(all, JSON_COMPACT | JSON_REAL_PRECISION(9));
    }
    json_decref(all);
    if (*out == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a demonstration");
    return HEED_OK;
}
