/* SPDX-License-Identifier: MIT */
/* What commands print: messages, text that is safe for a terminal, numbers for people. */
#ifndef HEED_CLI_OUTPUT_H
#define HEED_CLI_OUTPUT_H

#include <heed/heed.h>
#include <stdio.h>

/** Stores the message in err and returns status. */
heed_status heed_cli_fail(heed_error *err, heed_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* --- stdout --- */

/** Hands what was printed on to stdout; false when nobody can take it any more. */
bool heed_cli_flush(void);
/** HEED_OK, also when the reader has gone; HEED_ERR_FILE for a full disk. For the end of the program. */
heed_status heed_cli_close_output(heed_error *err);

/* --- the terminal --- */

/** Columns of the terminal, 80 where there is none. */
int heed_cli_columns(FILE *out);
/** True for a terminal that can move its cursor. */
bool heed_cli_is_terminal(FILE *out);
/** Which colours out shows: none without a terminal, with NO_COLOR, with TERM=dumb. */
heed_palette heed_cli_palette(FILE *out);

/* --- text --- */

/** Bytes of the UTF-8 character at text (1 .. 4) with its code; 0: none is there; -1: the text ends inside of one. */
int heed_cli_utf8(const char *text, size_t n, unsigned *code);
/** Bytes at text that no character begins with, and that one U+FFFD stands for: 1 .. 3 (Unicode 15, 3.9, table 3-8). */
size_t heed_cli_utf8_broken(const char *text, size_t n);
/** Characters that begin in n bytes of UTF-8: about as many columns. */
int heed_cli_characters(const char *text, size_t n);
/** Prints foreign text; control characters, but newline and tab, and broken UTF-8 become \xNN. */
void heed_cli_put_safe(FILE *out, const char *text, size_t n);
/** The same, but that broken UTF-8 becomes U+FFFD: for text that a model has written. */
void heed_cli_put_text(FILE *out, const char *text, size_t n);
/** As heed_cli_put_safe(), with newlines escaped too, into a buffer; "..." where it is cut. Returns out. */
const char *heed_cli_quote(char *out, size_t size, const char *text);
/** Prints text indented by four and wrapped to the columns, safe for a terminal. */
void heed_cli_put_paragraph(FILE *out, const char *text, size_t n, int columns);
/** Prints one long sentence, wrapped to the terminal, its further lines indented by four. */
void heed_cli_put_sentence(FILE *out, const char *text);

/* --- numbers; out holds 32 characters, each returns it --- */

/** x; a nan without its sign, which says nothing. */
double heed_cli_unsigned_nan(double x);
const char *heed_cli_grouped(char *out, double n);   /* 809,856 */
const char *heed_cli_bytes(char *out, double bytes); /* 31.4 MB */
const char *heed_cli_scaled(char *out, double n);    /* "1.25 G": a unit follows */
const char *heed_cli_duration(char *out, double s);  /* 0:07, 1:02:03 */

/** Seconds on a clock that only goes forward. */
double heed_cli_seconds(void);

#endif
