/* SPDX-License-Identifier: MIT */
/* The answers in what a person has written: "value = 1 0; 1 1", several of them, on one line or on many. */
#ifndef HEED_CLI_WORKBOOK_SPLIT_H
#define HEED_CLI_WORKBOOK_SPLIT_H

#include <heed/matrix.h>

#include "cli/workbook.h"

#define HEED_CLI_MOST_FIELDS  64
#define HEED_CLI_ANSWER_BYTES ((size_t)8 << 20) /* of a file of answers */

typedef struct heed_cli_answers {
    char *text;                           /* what was written; allocated */
    char *parts;                          /* the same, cut into the answers; allocated */
    const char *of[HEED_CLI_MOST_FIELDS]; /* by field; NULL: none */
    char *files[HEED_CLI_MOST_FIELDS];    /* read where an answer is @FILE; allocated */
} heed_cli_answers;

/**
 * Cuts text into the answers of posing: NAME = VALUE, or NAME: VALUE at the beginning of a line; what stands before the first
 * name is the answer where only one is asked for, words of one's own apart. An answer @FILE is read from that file. HEED_ERR_USAGE: an unknown name with
 * the near one, a name twice, no answer at all. text is taken over in any case.
 */
heed_status heed_cli_answers_split(heed_cli_answers *answers, const heed_posing *posing, char *text,
                                   heed_error *err);
void heed_cli_answers_free(heed_cli_answers *answers);
/** The bytes of a file, "-" being standard input; HEED_ERR_FILE: it is too long or has a zero byte. *text is allocated. */
heed_status heed_cli_answers_read_file(const char *path, char **text, heed_error *err);
/** The same, and the rows of a matrix in .npy as text; name is what it is for. */
heed_status heed_cli_answers_read_value(const char *path, const char *name, char **text, heed_error *err);

#endif
