/* SPDX-License-Identifier: MIT */
/**
 * The workbook: exercises about transformers that heed poses with any numbers, checks and works out.
 *
 *     heed_workbook *book = NULL;
 *     heed_posing *posing = NULL;
 *     heed_marking *marking = NULL;
 *     heed_status s = heed_workbook_open(&book, &err);
 *     s = heed_workbook_pose(book, "pp.q06", 0, &posing, &err);           0: the numbers of the source; else a variant
 *     puts(heed_posing_question(posing));
 *     s = heed_posing_answer(posing, (const char *[]){"1 0 1; 0 1 1; 1 1 2"}, &marking, &err);
 *     if (!heed_marking_ok(marking)) puts(heed_marking_field_at(marking, 0)->words);
 *     heed_marking_destroy(marking);
 *     heed_posing_destroy(posing);
 *     heed_workbook_close(book);
 *
 * Every right answer is computed by the engine for the numbers at hand. Values in JSON: numbers, lists, nested lists whose
 * rows are queries, texts, truths, and the words "nan", "inf", "-inf".
 */
#ifndef HEED_WORKBOOK_H
#define HEED_WORKBOOK_H

#include <heed/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum heed_exercise_kind {
    HEED_EXERCISE_NUMBER,
    HEED_EXERCISE_SHAPE,
    HEED_EXERCISE_MATRIX,
    HEED_EXERCISE_CHOICE,
    HEED_EXERCISE_CONCEPT,
    HEED_EXERCISE_CODE,
    HEED_EXERCISE_LAB,
} heed_exercise_kind;

/** "number", "shape", … */
HEED_API const char *heed_exercise_kind_name(heed_exercise_kind kind);

typedef enum heed_answer_kind {
    HEED_ANSWER_NUMBER,
    HEED_ANSWER_LIST,
    HEED_ANSWER_MATRIX,
    HEED_ANSWER_TENSOR, /* three axes or more */
    HEED_ANSWER_TEXT,
    HEED_ANSWER_TRUTH,
} heed_answer_kind;

typedef struct heed_exercise_info {
    const char *id, *seed; /* "pp.q06", "000 Q6": where it comes from */
    const char *group, *group_title;
    const char *title;
    heed_exercise_kind kind;
    const char *demo; /* NULL: none */
    bool varies;
} heed_exercise_info;

typedef struct heed_workbook heed_workbook;

/** HEED_ERR_MEMORY. */
HEED_API heed_status heed_workbook_open(heed_workbook **book, heed_error *err);
HEED_API void heed_workbook_close(heed_workbook *book); /* NULL is allowed */
HEED_API int heed_workbook_count(const heed_workbook *book);
/** In the order of the workbook; lent. */
HEED_API const heed_exercise_info *heed_workbook_info(const heed_workbook *book, int i);
/** The place of an id; -1 and err with the near one: HEED_ERR_USAGE. */
HEED_API int heed_workbook_find(const heed_workbook *book, const char *id, heed_error *err);

/* ---- an exercise with numbers ------------------------------------------------------------------------------ */

typedef struct heed_posing heed_posing;

/** variant 0: the numbers of the source. The same variant gives the same question everywhere. HEED_ERR_USAGE, HEED_ERR_MEMORY. */
HEED_API heed_status heed_workbook_pose(const heed_workbook *book, const char *id, int64_t variant,
                                        heed_posing **posing, heed_error *err);
/** The same with parameters of one's own, a JSON object; what it leaves out is the source's. HEED_ERR_USAGE. */
HEED_API heed_status heed_workbook_pose_with(const heed_workbook *book, const char *id, const char *params,
                                             heed_posing **posing, heed_error *err);
HEED_API void heed_posing_destroy(heed_posing *posing); /* NULL is allowed */

HEED_API const heed_exercise_info *heed_posing_info(const heed_posing *posing);
HEED_API const char *heed_posing_params(const heed_posing *posing);   /* JSON */
HEED_API const char *heed_posing_question(const heed_posing *posing); /* with the numbers in it */
HEED_API int heed_posing_n_hints(const heed_posing *posing);
HEED_API const char *heed_posing_hint(const heed_posing *posing, int i);
/** Why, in words; then the steps with these numbers, a line each. */
HEED_API const char *heed_posing_why(const heed_posing *posing);
HEED_API int heed_posing_n_steps(const heed_posing *posing);
HEED_API const char *heed_posing_step(const heed_posing *posing, int i);
HEED_API int heed_posing_n_key_points(const heed_posing *posing);
HEED_API const char *heed_posing_key_point(const heed_posing *posing, int i);

/* Something to choose from: "a" … in the order of the variant. */
typedef struct heed_posing_option {
    const char *key; /* what an answer names, beside the letter */
    const char *text;
} heed_posing_option;

HEED_API int heed_posing_n_options(const heed_posing *posing);
HEED_API heed_posing_option heed_posing_option_at(const heed_posing *posing, int i);

/* What is asked for. */
typedef struct heed_posing_field {
    const char *name;
    heed_answer_kind kind;
    const char *ask; /* in words */
} heed_posing_field;

HEED_API int heed_posing_n_fields(const heed_posing *posing);
HEED_API const heed_posing_field *heed_posing_field_at(const heed_posing *posing, int i);

/* ---- answers ----------------------------------------------------------------------------------------------- */

typedef struct heed_marking heed_marking;

typedef struct heed_marking_field {
    const char *name;
    bool ok;
    bool missing;
    const char
        *words; /* what is wrong and where: "row 2, column 1: expected 0.5, got 1"; "" where it is right */
    const char *slip;     /* what seems to have happened; NULL: nothing typical */
    const char *remark;   /* said of a right answer, too; NULL: none */
    const char *expected; /* as text */
} heed_marking_field;

/**
 * Judges answers as people write them, one for each field; NULL or "": not answered. HEED_ERR_USAGE: an answer that cannot be
 * read, with its field and what was expected.
 */
HEED_API heed_status heed_posing_answer(const heed_posing *posing, const char *const *answers,
                                        heed_marking **marking, heed_error *err);
HEED_API void heed_marking_destroy(heed_marking *marking); /* NULL is allowed */
HEED_API bool heed_marking_ok(const heed_marking *marking);
HEED_API int heed_marking_n_fields(const heed_marking *marking);
HEED_API const heed_marking_field *heed_marking_field_at(const heed_marking *marking, int i);

/** {"id", "params", "answer", "steps"} on one line; *json is allocated, free() it. */
HEED_API heed_status heed_posing_solve(const heed_posing *posing, char **json, heed_error *err);

/**
 * Marks one line {"id", "params", "answer"}: *json is {"id", "ok", "fields": {name: {"ok", "expected", "slip"}}}, allocated.
 * "params" may be left out, "variant" may be given instead. HEED_ERR_FILE: a line that is no such object, with an unknown
 * id, parameter or field; then *json says so in "error".
 */
HEED_API heed_status heed_workbook_mark(const heed_workbook *book, const char *line, size_t n, char **json,
                                        bool *ok, heed_error *err);

#ifdef __cplusplus
}
#endif
#endif
