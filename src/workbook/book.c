/* SPDX-License-Identifier: MIT */
/* All exercises with their words, and what is computed for one of them. */
#include "workbook/book.h"

#include <heed/demo.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fnv.h"
#include "base/nearest.h"
#include "workbook/judge.h"

#define MOST_DRAWS 200

/* --- computing --- */

heed_status heed_exercise_solve(const heed_exercise *x, const json_t *params, heed_slip slip, json_t *steps,
                                json_t **answer, heed_error *err)
{
    heed_solving s = {.params = params,
                      .slip = slip,
                      .answer = json_object(),
                      .steps = steps,
                      .arena = heed_arena_create(),
                      .status = HEED_OK,
                      .err = err};

    *answer = NULL;
    if (s.answer == NULL || s.arena == NULL)
        heed_solve_fail(&s, HEED_ERR_MEMORY, "not enough memory for an exercise");
    if (s.status == HEED_OK)
        x->solve(&s);
    heed_arena_destroy(s.arena);
    if (s.status == HEED_OK)
        *answer = s.answer;
    else
        json_decref(s.answer);
    return s.status;
}

heed_status heed_exercise_vary(const heed_exercise *x, int64_t variant, json_t **params, heed_error *err)
{
    heed_varying v = {.rng = heed_rng_make(heed_fnv(HEED_FNV_BEGIN, x->id, strlen(x->id)), (uint64_t)variant),
                      .again = true};

    *params = json_loads(x->params, 0, NULL);
    if (*params == NULL)
        return heed_fail(err, HEED_ERR_INTERNAL, "%s: its parameters are no JSON", x->id);
    for (int i = 0; variant > 0 && x->vary != NULL && v.again && i < MOST_DRAWS; i++) {
        json_decref(*params);
        v.params = *params = json_loads(x->params, 0, NULL);
        v.again = false;
        x->vary(&v);
    }
    return HEED_OK;
}

const heed_field_spec *heed_exercise_field(const heed_exercise *x, const char *name)
{
    for (int i = 0; i < HEED_MAX_FIELDS && x->fields[i].name != NULL; i++) {
        if (strcmp(x->fields[i].name, name) == 0)
            return &x->fields[i];
    }
    return NULL;
}

heed_slip heed_exercise_slip(const heed_exercise *x, const json_t *params, const heed_field_spec *field,
                             const json_t *expected, const json_t *given)
{
    for (int slip = 1; slip < HEED_N_SLIPS; slip++) {
        json_t *wrong = NULL;
        bool is_it;

        if ((x->slips & HEED_SLIP(slip)) == 0 ||
            heed_exercise_solve(x, params, (heed_slip)slip, NULL, &wrong, NULL) != HEED_OK)
            continue;
        is_it = heed_judge_slip(field, expected, json_object_get(wrong, field->name), given);
        json_decref(wrong);
        if (is_it)
            return (heed_slip)slip;
    }
    return heed_judge_plain_slip(field, expected, given);
}

/* Is given what solve() makes of the field with that slip? */
static bool is_of_slip(const heed_exercise *x, const json_t *params, const heed_field_spec *field,
                       heed_slip slip, const json_t *given)
{
    json_t *other = NULL;
    bool is_it = false;

    if (heed_exercise_solve(x, params, slip, NULL, &other, NULL) == HEED_OK &&
        json_object_get(other, field->name) != NULL)
        is_it = heed_judge(field, json_object_get(other, field->name), given).ok;
    json_decref(other);
    return is_it;
}

/* Judged again, with what rounding may do where the exercise says so. */
static heed_judged judge_rounded(const heed_exercise *x, const json_t *params, const heed_field_spec *field,
                                 const json_t *expected, const json_t *given)
{
    heed_solving s = {.params = params, .arena = heed_arena_create()};
    heed_field_spec wider = *field;

    if (s.arena != NULL)
        wider.tolerance.least = x->rounding(&s, field->name);
    heed_arena_destroy(s.arena);
    return heed_judge(&wider, expected, given);
}

heed_judged heed_exercise_judge(const heed_exercise *x, const json_t *params, const heed_field_spec *field,
                                const json_t *expected, const json_t *given)
{
    heed_judged judged = heed_judge(field, expected, given);

    if (!judged.ok && given != NULL && x->rounding != NULL)
        judged = judge_rounded(x, params, field, expected, given);
    for (int slip = 1; !judged.ok && given != NULL && slip < HEED_N_SLIPS; slip++) {
        if ((x->also & HEED_SLIP(slip)) != 0 && is_of_slip(x, params, field, (heed_slip)slip, given))
            judged = (heed_judged){.ok = true, .remark = heed_slip_words((heed_slip)slip)};
    }
    return judged;
}

/* --- the book --- */

static const heed_part_text *find_text(const heed_part_text *texts, int n, const char *id)
{
    for (int i = 0; i < n; i++) {
        if (strcmp(texts[i].id, id) == 0)
            return &texts[i];
    }
    return NULL;
}

static int count_exercises(void)
{
    int n = 0;

    for (int g = 0; heed_exercise_groups[g] != NULL; g++) {
        for (const heed_exercise *x = heed_exercise_groups[g]; x->id != NULL; x++)
            n++;
    }
    return n;
}

/* The demonstration of an exercise where there is one: the catalogue names more than can be run. */
static const char *demo_of(const heed_exercise *x)
{
    const heed_demo_info *demo = x->demo != NULL ? heed_demo_find(x->demo) : NULL;

    return demo != NULL ? demo->id : NULL;
}

static void add_part(heed_workbook *book, const heed_exercise *x, const heed_part_text *text)
{
    book->parts[book->n++] = (heed_part){.exercise = x,
                                         .text = text,
                                         .info = {.id = x->id,
                                                  .seed = x->seed,
                                                  .group = text != NULL ? text->group : "",
                                                  .group_title = text != NULL ? text->group_title : "",
                                                  .title = text != NULL ? text->title : x->id,
                                                  .kind = x->kind,
                                                  .demo = demo_of(x),
                                                  .varies = x->vary != NULL}};
}

/* The words say in which order the parts come: the texts of all lie in one array. */
static int by_words(const void *a, const void *b)
{
    const heed_part_text *x = ((const heed_part *)a)->text, *y = ((const heed_part *)b)->text;

    return (x > y) - (x < y);
}

heed_status heed_workbook_open(heed_workbook **out, heed_error *err)
{
    heed_workbook *book = calloc(1, sizeof *book);
    const heed_part_text *texts = NULL;
    int n_texts = 0;

    *out = NULL;
    if (book != NULL)
        book->arena = heed_arena_create();
    if (book != NULL && book->arena != NULL) {
        texts = heed_texts_read(heed_workbook_words, book->arena, &n_texts);
        book->parts = calloc((size_t)count_exercises() + 1, sizeof *book->parts);
        book->experiments = heed_experiments_create();
    }
    if (texts == NULL || book->parts == NULL || book->experiments == NULL) {
        heed_workbook_close(book);
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the workbook");
    }
    for (int g = 0; heed_exercise_groups[g] != NULL; g++) {
        for (const heed_exercise *x = heed_exercise_groups[g]; x->id != NULL; x++)
            add_part(book, x, find_text(texts, n_texts, x->id));
    }
    if (book->n > 0)
        qsort(book->parts, (size_t)book->n, sizeof *book->parts, by_words);
    *out = book;
    return HEED_OK;
}

void heed_workbook_close(heed_workbook *book)
{
    if (book == NULL)
        return;
    heed_experiments_destroy(book->experiments);
    heed_arena_destroy(book->arena);
    free(book->parts);
    free(book);
}

int heed_workbook_count(const heed_workbook *book)
{
    return book->n;
}

const heed_exercise_info *heed_workbook_info(const heed_workbook *book, int i)
{
    return &book->parts[i].info;
}

int heed_workbook_find(const heed_workbook *book, const char *id, heed_error *err)
{
    const char *near = NULL;
    char shown[80];
    int least = INT_MAX;

    for (int i = 0; i < book->n; i++) {
        const int distance = heed_edit_distance(id, book->parts[i].info.id);
        if (distance == 0)
            return i;
        if (distance < least) {
            least = distance;
            near = book->parts[i].info.id;
        }
    }
    heed_quote(shown, sizeof shown, id, strlen(id));
    if (near != NULL && heed_is_near(id, least))
        heed_fail(err, HEED_ERR_USAGE, "there is no exercise \"%s\"; did you mean %s?", shown, near);
    else
        heed_fail(err, HEED_ERR_USAGE, "there is no exercise \"%s\"", shown);
    return -1;
}

const char *heed_exercise_kind_name(heed_exercise_kind kind)
{
    static const char *const names[] = {"number", "shape", "matrix", "choice", "concept", "code", "lab"};

    return names[kind];
}
