/* SPDX-License-Identifier: MIT */
/* Predictions: a concept's demonstration is run once for all who ask for the same numbers, and its outcome is the answer. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "workbook/book.h"

typedef struct experiment {
    struct experiment *next;
    const char *demo; /* of the exercise */
    char *params;     /* that were given */
    uint64_t seed;
    bool full;
    heed_demo_result *result;
} experiment;

typedef struct heed_experiments {
    experiment *first;
} heed_experiments;

heed_experiments *heed_experiments_create(void)
{
    return calloc(1, sizeof(heed_experiments));
}

static void forget(experiment *e)
{
    heed_demo_result_destroy(e->result);
    free(e->params);
    free(e);
}

void heed_experiments_destroy(heed_experiments *experiments)
{
    if (experiments == NULL)
        return;
    while (experiments->first != NULL) {
        experiment *e = experiments->first;
        experiments->first = e->next;
        forget(e);
    }
    free(experiments);
}

/* --- a run --- */

static const heed_demo_result *find(const heed_experiments *all, const char *demo, const heed_demo_options *o)
{
    for (const experiment *e = all->first; e != NULL; e = e->next) {
        if (strcmp(e->demo, demo) == 0 && strcmp(e->params, o->params) == 0 && e->seed == o->seed &&
            e->full == o->full)
            return e->result;
    }
    return NULL;
}

static heed_status run(heed_experiments *all, const char *demo, const heed_demo_options *o,
                       const heed_demo_result **result, heed_error *err)
{
    experiment *e = calloc(1, sizeof *e);
    heed_status status = HEED_OK;

    if (e != NULL) {
        *e = (experiment){.demo = demo, .params = strdup(o->params), .seed = o->seed, .full = o->full};
        if (e->params != NULL)
            status = heed_demo_run(demo, o, &e->result, err);
    }
    if (e == NULL || e->params == NULL)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for an experiment");
    if (status != HEED_OK) {
        if (e != NULL)
            forget(e);
        return status;
    }
    e->next = all->first;
    all->first = e;
    *result = e->result;
    return HEED_OK;
}

/* --- what came out --- */

heed_status heed_posing_read_off(heed_posing *p, const heed_demo_result *result, heed_error *err)
{
    heed_solving s = {.params = p->params,
                      .answer = json_object(),
                      .steps = json_array(),
                      .arena = p->arena,
                      .status = HEED_OK,
                      .err = err};

    if (s.answer == NULL || s.steps == NULL)
        heed_solve_fail(&s, HEED_ERR_MEMORY, "not enough memory for an exercise");
    if (s.status == HEED_OK)
        p->part->exercise->outcome(&s, result);
    if (s.status != HEED_OK) {
        json_decref(s.answer);
        json_decref(s.steps);
        return s.status;
    }
    for (int i = 0; i < HEED_MAX_FIELDS && p->part->exercise->fields[i].name != NULL; i++) {
        if ((p->part->exercise->fields[i].flags & HEED_ASKED_FREE) != 0)
            json_object_set_new(s.answer, p->part->exercise->fields[i].name, json_string(""));
    }
    json_decref(p->answer);
    json_decref(p->steps);
    p->answer = s.answer;
    p->steps = s.steps;
    p->open = false;
    return HEED_OK;
}

void heed_workbook_listen(heed_workbook *book, bool (*progress)(void *context, const char *words, double done),
                          void *context)
{
    book->progress = progress;
    book->context = context;
}

const char *heed_posing_experiment(const heed_posing *p)
{
    return p->part->exercise->outcome != NULL ? p->part->exercise->demo : NULL;
}

heed_status heed_posing_settled(const heed_posing *p, heed_error *err)
{
    return !p->open ? HEED_OK
                    : heed_fail(err, HEED_ERR_USAGE, "%s: its experiment, %s, has not been run",
                                p->part->info.id, p->part->exercise->demo);
}

heed_status heed_posing_run(heed_posing *p, const heed_demo_options *options, const heed_demo_result **result,
                            heed_error *err)
{
    const char *demo = heed_posing_experiment(p);
    heed_demo_options o = options != NULL ? *options
                                          : (heed_demo_options){.seed = 1,
                                                                .progress = p->book->progress,
                                                                .context = p->book->context};
    const heed_demo_result *r;
    heed_status status = HEED_OK;

    if (demo == NULL)
        return heed_fail(err, HEED_ERR_USAGE, "%s has no experiment", p->part->info.id);
    o.params = p->params_text;
    o.sabotage = false;
    r = find(p->book->experiments, demo, &o);
    if (r == NULL)
        status = run(p->book->experiments, demo, &o, &r, err);
    if (status == HEED_OK)
        status = heed_posing_read_off(p, r, err);
    if (status == HEED_OK && result != NULL)
        *result = r;
    return status;
}
