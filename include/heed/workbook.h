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

#include <heed/demo.h>
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

/* The engine's own way to the answer: a function of it, as it stands in its sources. */
typedef struct heed_posing_source {
    const char *file, *function; /* "src/ops/softmax.c", from the top of heed's sources on */
    int line;                    /* where it begins */
    const char *text;            /* with the comment above it */
} heed_posing_source;

/** Of code exercises one at least. */
HEED_API int heed_posing_n_sources(const heed_posing *posing);
HEED_API heed_posing_source heed_posing_source_at(const heed_posing *posing, int i);

/* Something to choose from: "a" … in the order of the variant. */
typedef struct heed_posing_option {
    const char *key; /* what an answer names, beside the letter */
    const char *text;
} heed_posing_option;

HEED_API int heed_posing_n_options(const heed_posing *posing);
HEED_API heed_posing_option heed_posing_option_at(const heed_posing *posing, int i);
/** The option that an answer names by its letter, its key or its words, in any case; -1: none. */
HEED_API int heed_posing_option_find(const heed_posing *posing, const char *answer);

/* What is asked for. */
typedef struct heed_posing_field {
    const char *name;
    heed_answer_kind kind;
    const char *ask; /* in words */
    bool free;       /* the reader's own words: kept, and never wrong */
} heed_posing_field;

HEED_API int heed_posing_n_fields(const heed_posing *posing);
HEED_API const heed_posing_field *heed_posing_field_at(const heed_posing *posing, int i);

/* ---- predictions: concepts and labs ------------------------------------------------------------------------ */

/** The demonstration that says what comes out; NULL: the right answer is known without one. */
HEED_API const char *heed_posing_experiment(const heed_posing *posing);
/**
 * Runs it with the numbers of the posing, or finds that this workbook has run it: seconds, or up to a minute. Before it there
 * is no right answer, and heed_posing_answer() and heed_posing_solve() give HEED_ERR_USAGE; after it there are steps, too.
 * Of options (NULL: seed 1, and who listens to the workbook) seed, full and progress count; progress is not told of a run that
 * is there already. *result, which may be NULL, is lent by the workbook.
 */
HEED_API heed_status heed_posing_run(heed_posing *posing, const heed_demo_options *options,
                                     const heed_demo_result **result, heed_error *err);
/** Who is told, as by heed_demo_options, of experiments that are run for heed_workbook_mark(); NULL: nobody. */
HEED_API void heed_workbook_listen(heed_workbook *book,
                                   bool (*progress)(void *context, const char *words, double done),
                                   void *context);

/* ---- answers ----------------------------------------------------------------------------------------------- */

typedef struct heed_marking heed_marking;

typedef struct heed_marking_field {
    const char *name;
    bool ok;
    bool missing;
    bool free; /* not judged */
    const char
        *words; /* what is wrong and where: "row 2, column 1: expected 0.5, got 1"; "" where it is right */
    const char *slip;     /* what seems to have happened; NULL: nothing typical */
    const char *remark;   /* said of a right answer, too; NULL: none */
    const char *expected; /* as text; "": many are right */
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

/** HEED_OK where heed_posing_answer() could read text for field i; HEED_ERR_USAGE says what was expected. */
HEED_API heed_status heed_posing_reads(const heed_posing *posing, int i, const char *text, heed_error *err);

/** {"id", "params", "answer", "steps"} on one line; *json is allocated, free() it. */
HEED_API heed_status heed_posing_solve(const heed_posing *posing, char **json, heed_error *err);

/**
 * Marks one line {"id", "params", "answer"}: *json is {"id", "ok", "fields": {name: {"ok", "expected", "slip"}}}, allocated. A
 * prediction is judged by its experiment, which is run once for equal numbers. Words that are free have "given" in their field.
 * "params" may be left out, "variant" may be given instead or beside them. A line with a text "student" is of a sheet: what the
 * sheet asks for is judged, no more, and an answer is a value or a text as heed_posing_answer() takes it, so that with the variant
 * the letter of an option will do; "student" is handed on. HEED_ERR_FILE: a line that is no such object, with an unknown id,
 * parameter or field; then *json says so in "error".
 */
HEED_API heed_status heed_workbook_mark(const heed_workbook *book, const char *line, size_t n, char **json,
                                        bool *ok, heed_error *err);

/**
 * A verdict of heed_workbook_mark() as a line of CSV: student, id, ok, fields ("value: right; b: wrong, ..."). verdict NULL: the
 * names of the columns. *csv is allocated and ends with a newline.
 */
HEED_API heed_status heed_workbook_csv(const char *verdict, char **csv, heed_error *err);

/** Exercises whose words have all of these, in any case, best first: their places in found[heed_workbook_count()]. */
HEED_API int heed_workbook_search(const heed_workbook *book, const char *words, int *found);

/* ---- sheets for a class -------------------------------------------------------------------------------------- */

typedef enum heed_sheet_format {
    HEED_SHEET_MARKDOWN,
    HEED_SHEET_LATEX,
    HEED_SHEET_HTML,
} heed_sheet_format;

typedef struct heed_sheet_options {
    heed_sheet_format format;
    const char *title;
    const char *student; /* NULL: none */
    bool answers;        /* with the answers and how they come about, in place of room for them */
} heed_sheet_options;

/** A sheet of n exercises, a whole file; *text is allocated. HEED_ERR_MEMORY. */
HEED_API heed_status heed_workbook_sheet(const heed_posing *const *posings, int n,
                                         const heed_sheet_options *options, char **text, heed_error *err);
/** All exercises with the numbers of their sources, and the demonstrations, as a page of Markdown; *page is allocated. */
HEED_API heed_status heed_workbook_page(const heed_workbook *book, char **page, heed_error *err);
/** The variant that a student of a class gets: the same for the same seed, name and id, whoever else is in the class. */
HEED_API int64_t heed_student_variant(int64_t seed, const char *student, const char *id);
/** A line of a student for heed_workbook_mark() whose answers are still to be filled in. *json is allocated. */
HEED_API heed_status heed_posing_line(const heed_posing *posing, const char *student, char **json,
                                      heed_error *err);

/* ---- the notebook: where a learner stands -------------------------------------------------------------------- */

/*
 * Numbers in force, attempts, hints taken, notes: one JSON file. Each change reads the file anew, under a lock, and replaces it
 * as a whole, so that two workbooks at once lose nothing and a killed one leaves no half of a file. A change that cannot be
 * saved (HEED_ERR_FILE) holds in memory and is saved with the next one that can.
 */
typedef struct heed_notebook heed_notebook;

typedef struct heed_notebook_entry {
    int64_t variant;          /* in force; 0: the source's numbers */
    const char *params;       /* in force in place of a variant, as JSON; NULL */
    int64_t n_right, n_wrong; /* answers ever given */
    int64_t n_tried;          /* answers to the numbers in force */
    int64_t n_hints;          /* taken for them */
    bool explained;           /* their solution was shown */
    const char *note;         /* NULL: none */
    const char *words;        /* of one's own, in the last answer that had some; NULL */
    const char *waiting; /* a prediction as it was written, whose experiment has not come to its end; NULL */
} heed_notebook_entry;

typedef struct heed_notebook_attempt {
    int64_t at;      /* seconds since 1970 */
    int64_t variant; /* -1: parameters were given */
    bool ok;
    const char *answer; /* as it was written, cut after some hundred bytes */
} heed_notebook_attempt;

/**
 * The file at path; NULL: HEED_WORKBOOK, or heed/workbook.json in XDG_STATE_HOME or ~/.local/state. A file that is not there is
 * an empty notebook. HEED_ERR_FILE: a file that cannot be read or is damaged, which is then left alone; HEED_ERR_USAGE: no
 * place. *notebook is made all the same, and keeps what happens in memory. HEED_ERR_MEMORY: it is NULL.
 */
HEED_API heed_status heed_notebook_open(const char *path, heed_notebook **notebook, heed_error *err);
HEED_API void heed_notebook_close(heed_notebook *notebook); /* NULL is allowed */
/** What others have written meanwhile. HEED_ERR_FILE as above. */
HEED_API heed_status heed_notebook_refresh(heed_notebook *notebook, heed_error *err);
HEED_API const char *heed_notebook_path(const heed_notebook *notebook); /* "": none */
/** The exercise worked on last, NULL: none; lent until the next change. */
HEED_API const char *heed_notebook_now(const heed_notebook *notebook);
/** Texts are lent until the next change. An exercise without an entry has an empty one. */
HEED_API heed_notebook_entry heed_notebook_entry_of(const heed_notebook *notebook, const char *id);
/** The last attempts (at most 20), the oldest first; texts as above. */
HEED_API int heed_notebook_n_attempts(const heed_notebook *notebook, const char *id);
HEED_API heed_notebook_attempt heed_notebook_attempt_at(const heed_notebook *notebook, const char *id, int i);
/** The exercise with the numbers in force; with the source's where these fit it no longer. */
HEED_API heed_status heed_notebook_pose(const heed_notebook *notebook, const heed_workbook *book,
                                        const char *id, heed_posing **posing, heed_error *err);

/** The walk (heed/walk.h): the step walked last, 0: none; whether one was walked; the text of the last, "": the stories. */
HEED_API int heed_notebook_walk_last(const heed_notebook *notebook);
HEED_API bool heed_notebook_walk_done(const heed_notebook *notebook, int step);
HEED_API const char *heed_notebook_walk_text(const heed_notebook *notebook); /* lent until the next change */

/* Changes: HEED_ERR_FILE where they could not be saved. */

HEED_API heed_status heed_notebook_walked(heed_notebook *notebook, int step, const char *text, heed_error *err);

HEED_API heed_status heed_notebook_work_on(heed_notebook *notebook, const char *id, heed_error *err);
/** Numbers in force from now on: of a variant, or (params not NULL) parameters of one's own. */
HEED_API heed_status heed_notebook_use(heed_notebook *notebook, const char *id, int64_t variant,
                                       const char *params, heed_error *err);
/**
 * Before the experiment runs: answer is what was written, words (NULL: none) one's own among it. At most 16 KiB of UTF-8 are
 * kept: HEED_ERR_USAGE. The answer waits until heed_notebook_attempted().
 */
HEED_API heed_status heed_notebook_predicted(heed_notebook *notebook, const char *id, const char *answer,
                                             const char *words, heed_error *err);
/** answer: what was written. */
HEED_API heed_status heed_notebook_attempted(heed_notebook *notebook, const heed_posing *posing, bool ok,
                                             const char *answer, heed_error *err);
/** n: hints taken so far. */
HEED_API heed_status heed_notebook_hinted(heed_notebook *notebook, const char *id, int64_t n, heed_error *err);
HEED_API heed_status heed_notebook_explained(heed_notebook *notebook, const char *id, heed_error *err);
/** text "": no note any more. At most 4096 bytes of UTF-8: HEED_ERR_USAGE. */
HEED_API heed_status heed_notebook_note(heed_notebook *notebook, const char *id, const char *text,
                                        heed_error *err);
/** Forgets an exercise. */
HEED_API heed_status heed_notebook_forget(heed_notebook *notebook, const char *id, heed_error *err);
/** Forgets everything; what stood there, damaged or not, is kept in the file NAME.old. */
HEED_API heed_status heed_notebook_reset(heed_notebook *notebook, heed_error *err);

#ifdef __cplusplus
}
#endif
#endif
