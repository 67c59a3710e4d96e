/* SPDX-License-Identifier: MIT */
/**
 * Exercises that a program of one's own answers: a folder with its inputs, a place for its outputs, and a file to begin with.
 *
 *     heed_code_start(posing, "attention", HEED_CODE_C, HEED_CODE_TEXT, &err);          writes the folder
 *
 *     heed_code_folder *folder = NULL;
 *     heed_code_run run;
 *     heed_code_verdict verdict;
 *     heed_status s = heed_code_open(book, "attention", &folder, &err);
 *     s = heed_code_run_in(folder, &(heed_code_options){.time_limit_s = 10.0}, &run, &err);      compiles and runs it
 *     if (s == HEED_OK && run.ok)
 *         s = heed_code_check(folder, &verdict, &err);                                         judges its outputs
 *     heed_code_verdict_free(&verdict);
 *     heed_code_run_free(&run);
 *     heed_code_close(folder);
 *
 * In the folder (docs/formats.md, "The folder of a code exercise"): exercise.json says which exercise it is and with which
 * numbers, inputs/NAME.txt or .npy are its parameters, and outputs/NAME.txt or .npy are to be its answers.
 *
 * Learners' programs may hang, fork, crash, print for ever and write where they like: all of that ends in one sentence.
 * Elsewhere than in their folder they cannot write, where the system can refuse it (Landlock, Linux 5.13).
 */
#ifndef HEED_CODE_H
#define HEED_CODE_H

#include <heed/workbook.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum heed_code_language {
    HEED_CODE_C,       /* plain C */
    HEED_CODE_LIBHEED, /* C with libheed */
    HEED_CODE_PYTHON,  /* with NumPy */
    HEED_CODE_NONE,    /* no file to begin with: any language */
    HEED_CODE_N_LANGUAGES
} heed_code_language;

typedef enum heed_code_format {
    HEED_CODE_TEXT, /* rows of numbers on lines */
    HEED_CODE_NPY,
    HEED_CODE_N_FORMATS
} heed_code_format;

/** "c", "libheed", "python", "none"; "text", "npy". */
HEED_API const char *heed_code_language_name(heed_code_language language);
HEED_API const char *heed_code_format_name(heed_code_format format);

/** Can a program answer it? HEED_ERR_USAGE says why not: an option is to be chosen, an experiment decides. */
HEED_API heed_status heed_code_possible(const heed_posing *posing, heed_error *err);
/**
 * Writes a folder that was not there, or was empty. HEED_ERR_USAGE: there is something in it, the exercise is none for a
 * program, C with .npy; HEED_ERR_FILE: it cannot be written, and what was written is taken away again.
 */
HEED_API heed_status heed_code_start(const heed_posing *posing, const char *folder, heed_code_language language,
                                     heed_code_format format, heed_error *err);

typedef struct heed_code_folder heed_code_folder;

/** HEED_ERR_FILE: it is no such folder. book must live longer. */
HEED_API heed_status heed_code_open(const heed_workbook *book, const char *path, heed_code_folder **folder,
                                    heed_error *err);
HEED_API void heed_code_close(heed_code_folder *folder); /* NULL is allowed */
/** The exercise with the numbers that were written; lent. */
HEED_API const heed_posing *heed_code_posing(const heed_code_folder *folder);
/** "solution.c"; NULL: any language. */
HEED_API const char *heed_code_file(const heed_code_folder *folder);

/* ---- the outputs, judged ------------------------------------------------------------------------------------ */

typedef struct heed_code_verdict {
    heed_marking *marking; /* NULL: there is none of the outputs */
    char *answer;          /* what was judged, as text; allocated */
    char *remark;          /* one sentence about files that are not asked for; NULL: none; allocated */
} heed_code_verdict;

/**
 * Reads and judges outputs/NAME.txt or .npy for each thing that is asked for. What cannot be read is wrong, and its words say
 * why. HEED_ERR_FILE: no outputs/ is there, or there is nothing in it that is asked for. HEED_ERR_CHECK: nothing can be worked out with
 * it, as parameters that it is to be.
 */
HEED_API heed_status heed_code_check(const heed_code_folder *folder, heed_code_verdict *verdict,
                                     heed_error *err);
HEED_API void heed_code_verdict_free(heed_code_verdict *verdict);

/* ---- the learner's program ---------------------------------------------------------------------------------- */

typedef struct heed_code_options {
    const char
        *command; /* for the shell, in the folder; NULL: the file that it began with is compiled and run */
    double time_limit_s;         /* for compiling there is a minute, or this where it is more */
    bool (*stop)(void *context); /* asked while something runs; true ends it. NULL: nobody */
    void *context;
} heed_code_options;

typedef struct heed_code_run {
    bool ok;         /* it ran, and ended by itself with 0 */
    bool stopped;    /* by stop() */
    char words[256]; /* what happened, a sentence: "the program ran longer than 10 s, and was ended" */
    double seconds;
    char *
        printed; /* the first KiB of what it, or the compiler, printed: any bytes at all; ends with a zero; allocated */
    size_t n_printed;
    int64_t n_written;       /* bytes of all that was printed */
    int64_t n_inputs_mended; /* files of inputs/ that were not as they were written, and are so again */
} heed_code_run;

/** Can this system keep a program from writing elsewhere? */
HEED_API bool heed_code_confines(void);
/**
 * Puts inputs/ in order, takes old outputs away, compiles and runs. The environment has TMPDIR in the folder. HEED_ERR_FILE: the
 * folder is none any more, or nothing can be started; a program that does badly is HEED_OK with words.
 */
HEED_API heed_status heed_code_run_in(const heed_code_folder *folder, const heed_code_options *options,
                                      heed_code_run *run, heed_error *err);
HEED_API void heed_code_run_free(heed_code_run *run);

#ifdef __cplusplus
}
#endif
#endif
