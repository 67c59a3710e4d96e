/* SPDX-License-Identifier: MIT */
/* Demonstrations: which there are, and how one is run. */
#include "workbook/demo.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/nearest.h"
#include "workbook/demo_shown.h"

/* --- the list --- */

int heed_demo_count(void)
{
    int n = 0;

    while (heed_demos[n] != NULL)
        n++;
    return n;
}

const heed_demo_info *heed_demo_at(int i)
{
    return &heed_demos[i]->info;
}

/* "d3", "D03" and "3" are one: the number behind an optional letter, -1 for anything else. E follows D. */
static int number_of(const char *id)
{
    int n = 0, digits = 0, series = 0;

    if (strchr("dDeE", *id) != NULL && *id != '\0')
        series = 10000 * (tolower((unsigned char)*id++) == 'e');
    for (; isdigit((unsigned char)*id) && digits < 4; id++, digits++)
        n = 10 * n + (*id - '0');
    return digits > 0 && *id == '\0' ? series + n : -1;
}

static const heed_demo *find(const char *id)
{
    const int number = number_of(id);

    for (int i = 0; number >= 0 && heed_demos[i] != NULL; i++) {
        if (number_of(heed_demos[i]->info.id) == number)
            return heed_demos[i];
    }
    return NULL;
}

const heed_demo_info *heed_demo_find(const char *id)
{
    const heed_demo *demo = id != NULL ? find(id) : NULL;

    return demo != NULL ? &demo->info : NULL;
}

const char *heed_demo_nearest(const char *id)
{
    const char *near = NULL;
    int least = INT_MAX;

    for (int i = 0; heed_demos[i] != NULL; i++) {
        const int distance = heed_edit_distance(id, heed_demos[i]->info.id);
        if (distance < least) {
            least = distance;
            near = heed_demos[i]->info.id;
        }
    }
    return near != NULL && heed_is_near(id, least) ? near : NULL;
}

static heed_status unknown(const char *id, heed_error *err)
{
    const char *near = heed_demo_nearest(id);
    char shown[80];

    heed_quote(shown, sizeof shown, id, strlen(id));
    return heed_fail(err, HEED_ERR_USAGE, "there is no demonstration \"%s\"%s%s%s", shown,
                     near != NULL ? "; did you mean " : "", near != NULL ? near : "", near != NULL ? "?" : "");
}

/* --- parameters --- */

static heed_status no_parameter(const heed_demo *demo, const char *name, heed_error *err)
{
    char shown[80];

    heed_quote(shown, sizeof shown, name, strlen(name));
    return heed_fail(err, HEED_ERR_USAGE, "%s has no parameter \"%s\"; its own are %s", demo->info.id, shown,
                     demo->info.params);
}

/* The quick preset, under the full one where that is wanted, under what is given. */
static heed_status make_params(const heed_demo *demo, const heed_demo_options *o, json_t **params,
                               heed_error *err)
{
    json_t *all = json_loads(demo->info.params, 0, NULL),
           *full = o->full && demo->full != NULL ? json_loads(demo->full, 0, NULL) : json_object();
    json_error_t where;
    json_t *given = o->params != NULL ? json_loads(o->params, JSON_REJECT_DUPLICATES, &where) : json_object();
    heed_status status = HEED_OK;
    const char *name;
    json_t *value;

    if (all == NULL || full == NULL)
        status = heed_fail(err, HEED_ERR_INTERNAL, "%s: its parameters are no JSON", demo->info.id);
    else if (o->params != NULL && given == NULL)
        status = heed_fail(err, HEED_ERR_USAGE, "parameters: expected JSON, got an error at byte %d: %s",
                           where.position, where.text);
    else if (!json_is_object(given))
        status = heed_fail(err, HEED_ERR_USAGE, "parameters: expected an object of JSON");
    else
        json_object_foreach(given, name, value)
        {
            if (status == HEED_OK && json_object_get(all, name) == NULL)
                status = no_parameter(demo, name, err);
        }
    if (status == HEED_OK && (json_object_update(all, full) != 0 || json_object_update(all, given) != 0))
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for parameters");
    json_decref(full);
    json_decref(given);
    if (status != HEED_OK)
        json_decref(all);
    else
        *params = all;
    return status;
}

/* --- a run --- */

static heed_demo_shown *make_shown(const heed_demo *demo, const heed_demo_options *o, const json_t *params)
{
    heed_demo_shown *shown = calloc(1, sizeof *shown);

    if (shown == NULL)
        return NULL;
    shown->result = (heed_demo_result){.info = &demo->info,
                                       .full = o->full,
                                       .sabotage = o->sabotage,
                                       .seed = o->seed,
                                       .checks = shown->checks,
                                       .figures = shown->figures,
                                       .tables = shown->tables,
                                       .passages = shown->passages,
                                       .plot.curves = shown->curves};
    shown->arena = heed_arena_create();
    shown->result.params = shown->params = json_dumps(params, JSON_COMPACT | JSON_REAL_PRECISION(9));
    if (shown->arena == NULL || shown->params == NULL) {
        heed_demo_result_destroy(&shown->result);
        return NULL;
    }
    return shown;
}

static heed_status run(const heed_demo *demo, const heed_demo_options *o, const json_t *params, void *context,
                       heed_demo_shown *shown, heed_error *err)
{
    heed_demoing d = {.s = {.params = params, .arena = shown->arena, .err = err},
                      .rng = heed_rng_make(o->seed, HEED_STREAM_DEMO),
                      .sabotage = o->sabotage,
                      .options = o,
                      .context = context,
                      .shown = shown};
    heed_demo_result *r = &shown->result;

    heed_demo_progress(&d, 0.0, demo->info.title);
    if (d.s.status == HEED_OK)
        demo->run(&d);
    r->observed = r->n_checks > 0;
    for (int i = 0; i < r->n_checks; i++)
        r->observed = r->observed && r->checks[i].holds;
    return d.s.status;
}

heed_status heed_demo_run(const char *id, const heed_demo_options *options, heed_demo_result **result,
                          heed_error *err)
{
    const heed_demo_options none = {.seed = 0};
    const heed_demo *demo = find(id);

    *result = NULL;
    return demo != NULL ? heed_demo_run_as(demo, options != NULL ? options : &none, NULL, result, err)
                        : unknown(id, err);
}

heed_status heed_demo_run_as(const heed_demo *demo, const heed_demo_options *o, void *context,
                             heed_demo_result **result, heed_error *err)
{
    heed_demo_shown *shown;
    json_t *params = NULL;
    heed_status status;

    *result = NULL;
    status = make_params(demo, o, &params, err);
    if (status != HEED_OK)
        return status;
    shown = make_shown(demo, o, params);
    if (shown == NULL)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a demonstration");
    else
        status = run(demo, o, params, context, shown, err);
    json_decref(params);
    if (status == HEED_OK)
        *result = &shown->result;
    else if (shown != NULL)
        heed_demo_result_destroy(&shown->result);
    return status;
}

const heed_demo_figure *heed_demo_figure_find(const heed_demo_result *result, const char *name)
{
    for (int i = 0; i < result->n_figures; i++) {
        if (strcmp(result->figures[i].name, name) == 0)
            return &result->figures[i];
    }
    return NULL;
}

void heed_demo_result_destroy(heed_demo_result *result)
{
    heed_demo_shown *shown = (heed_demo_shown *)result;

    if (result == NULL)
        return;
    heed_arena_destroy(shown->arena);
    free(shown->params);
    free(shown);
}
