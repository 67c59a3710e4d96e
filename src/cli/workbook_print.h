/* SPDX-License-Identifier: MIT */
/* How the workbook looks in a terminal: words wrapped to 80 columns, a little colour where there is any. */
#ifndef HEED_CLI_WORKBOOK_PRINT_H
#define HEED_CLI_WORKBOOK_PRINT_H

#include <stdio.h>

#include "cli/json_out.h"
#include "cli/workbook.h"

typedef enum heed_cli_ink {
    HEED_CLI_INK_PLAIN,
    HEED_CLI_INK_BOLD,
    HEED_CLI_INK_DIM,
    HEED_CLI_INK_RIGHT,
    HEED_CLI_INK_WRONG,
    HEED_CLI_INK_CODE,
} heed_cli_ink;

/** Begins and ends a colour on stdout, where it shows colours. */
const char *heed_cli_ink_on(heed_cli_ink ink);
const char *heed_cli_ink_off(void);

/** An empty line, and a heading. */
void heed_cli_put_head(const char *words);
/** Columns that text is wrapped to: those of the terminal, at most 80. */
int heed_cli_page_width(void);
/**
 * Words of the workbook on stdout: paragraphs and lists wrapped and indented; `code` and **bold** in colours; lines that
 * are indented by four stay as they are. The first line begins at column `at`, which is already reached, the others at indent.
 */
void heed_cli_put_words(const char *words, int indent, int at);
/** Lines as they are, indented; one that is too long goes on below. Safe for a terminal. */
void heed_cli_put_lines(const char *text, int indent);

/** A bar of `cells` cells, of which part / whole are full. */
void heed_cli_put_bar(int64_t part, int64_t whole, int cells);

/** The exercise with its question, what is asked for, and hints that were taken. */
void heed_cli_put_question(const heed_cli_desk *desk, const heed_posing *posing);
/** The same as members of the open object. */
void heed_cli_json_question(heed_cli_json *json, const heed_cli_desk *desk, const heed_posing *posing);
/** Either, with the object around it; and what to do next, on stderr, for a person. */
void heed_cli_pose(const heed_cli_desk *desk, const heed_posing *posing, bool json);
/** "b", where the expected text is the key of an option; otherwise the text. out holds 2 bytes. */
const char *heed_cli_option_letter(const heed_posing *posing, const char *expected, char *out);

#endif
