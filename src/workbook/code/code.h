/* SPDX-License-Identifier: MIT */
/* The folder of a code exercise from inside. */
#ifndef HEED_WORKBOOK_CODE_H
#define HEED_WORKBOOK_CODE_H

#include <heed/code.h>
#include <jansson.h>

#include "base/text_buffer.h"
#include "workbook/exercise.h"

#define HEED_CODE_MOST_RANK  8
#define HEED_CODE_MOST_BYTES ((size_t)8 << 20) /* of an output that is read */
#define HEED_CODE_PATH       4096

struct heed_code_folder {
    char path[HEED_CODE_PATH];
    heed_posing *posing;
    heed_posing *program;     /* what is asked for in its place; NULL */
    const heed_posing *asked; /* either */
    heed_code_language language;
    heed_code_format format;
};

/* A parameter or an answer as a dense array. Rank 0: one number. */
typedef struct heed_code_array {
    int rank;
    int64_t size[HEED_CODE_MOST_RANK];
    int64_t count;
    bool whole; /* JSON's integers and truths */
} heed_code_array;

/** Is value a number, a truth, or lists of them with equal lengths? "nan" and "-inf" are numbers. */
bool heed_code_array_of(const json_t *value, heed_code_array *array);
/** All numbers of it in order into out [count]. */
void heed_code_numbers(const json_t *value, double *out);
/** The shortest decimal number that reads as x again. */
const char *heed_code_number_text(double x, char out[32]);

/** The file of a parameter: its name in inputs/ and its bytes. false: no file holds such a value. */
bool heed_code_input(const char *name, const json_t *value, heed_code_format format, char file[128],
                     heed_text_buffer *bytes);

/** The file that a learner begins with, "" of a language without one. */
const char *heed_code_file_of(heed_code_language language);
void heed_code_write_readme(const heed_posing *posing, heed_code_language language, heed_code_format format,
                            heed_text_buffer *out);
void heed_code_write_solution(const heed_posing *posing, heed_code_language language, heed_code_format format,
                              heed_text_buffer *out);
/** files.h for C; made of workbook/files.h when the program is built. */
extern const char heed_code_files_h[];

/** The name of a value as a name of C and of Python; taken: another value has it, so that it gets an end. */
const char *heed_code_identifier(const char *name, bool taken, char out[80]);

/** The folder `name` of another, opened; a link is not followed, and neither is a file opened. -1. */
int heed_code_open_folder(const char *folder, const char *name);

/**
 * Reads the output of a field from the open folder of outputs: *value is new, or NULL where there is none. HEED_ERR_FILE: what is
 * there cannot be read.
 */
heed_status heed_code_read_output(int folder, const heed_field_spec *field, const json_t *expected,
                                  json_t **value, heed_error *err);

#endif
