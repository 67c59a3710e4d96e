/* SPDX-License-Identifier: MIT */
/* The workbook from inside: the exercises beside their words. */
#ifndef HEED_WORKBOOK_BOOK_H
#define HEED_WORKBOOK_BOOK_H

#include "workbook/exercise.h"
#include "workbook/judge.h"
#include "workbook/texts.h"

typedef struct heed_part {
    const heed_exercise *exercise;
    const heed_part_text *text; /* NULL: it has none, which a test forbids */
    heed_exercise_info info;
} heed_part;

struct heed_workbook {
    heed_arena *arena;
    heed_part *parts;
    int n;
    struct heed_experiments *experiments; /* that were run */
    bool (*progress)(void *context, const char *words,
                     double done); /* of those to come; NULL: nobody listens */
    void *context;
};

struct heed_posing {
    const heed_part *part;
    const heed_workbook *book;
    bool open;       /* what comes out is not known before its experiment has run */
    int64_t variant; /* -1: parameters were given */
    heed_arena *arena;
    json_t *params, *answer, *steps;
    char *params_text;
    const char *question, *why;
    const char *hints[HEED_TEXT_MOST], *key_points[HEED_TEXT_MOST];
    heed_posing_option options[HEED_TEXT_MOST];
    heed_posing_field fields[HEED_MAX_FIELDS]; /* that a person is asked for */
    const heed_field_spec *specs[HEED_MAX_FIELDS];
    int n_fields, n_given;                  /* the first so many are parameters */
    heed_field_spec given[HEED_MAX_FIELDS]; /* specs of parameters, where these are asked for */
    heed_part own;                          /* the part of a program's posing */
};

/** The answer of the exercise for the parameters, going wrong by the slip; *answer is new. */
heed_status heed_exercise_solve(const heed_exercise *exercise, const json_t *params, heed_slip slip,
                                json_t *steps, json_t **answer, heed_error *err);
/** Runs of demonstrations, kept for all who ask for the same one. NULL: no memory. */
struct heed_experiments *heed_experiments_create(void);
void heed_experiments_destroy(struct heed_experiments *experiments); /* NULL is allowed */
/** What came out in this run of its experiment is the answer from now on. */
heed_status heed_posing_read_off(heed_posing *posing, const heed_demo_result *result, heed_error *err);
/** HEED_ERR_USAGE where its experiment has not run. */
heed_status heed_posing_settled(const heed_posing *posing, heed_error *err);
/** Parameters of a variant, 0 being the source's; *params is new. */
heed_status heed_exercise_vary(const heed_exercise *exercise, int64_t variant, json_t **params,
                               heed_error *err);
/**
 * What a folder asks a program for with these numbers: *program is new, NULL where it is what the posing asks. HEED_ERR_USAGE: the
 * numbers are too large for one.
 */
heed_status heed_posing_program(const heed_posing *posing, heed_posing **program, heed_error *err);
/** heed_judge(); an answer by another reading of the question is right, too, and the remark says so. */
heed_judged heed_exercise_judge(const heed_exercise *exercise, const json_t *params,
                                const heed_field_spec *field, const json_t *expected, const json_t *given);
/** The slip that makes given of a field whose right value it is not; HEED_SLIP_NONE. */
heed_slip heed_exercise_slip(const heed_exercise *exercise, const json_t *params, const heed_field_spec *field,
                             const json_t *expected, const json_t *given);
/**
 * heed_posing_answer() of values [fields], NULL: missing. broken [fields], NULL: none, are those that could not be read, which is
 * wrong for the reason that its message says.
 */
heed_status heed_posing_judge(const heed_posing *posing, json_t *const *values, const heed_error *broken,
                              heed_marking **marking, heed_error *err);
const heed_field_spec *heed_exercise_field(const heed_exercise *exercise, const char *name);

#endif
