/* SPDX-License-Identifier: MIT */
/*
 * Lines from a person: with editing, history and completion where libedit is there and this is a terminal, and plainly
 * otherwise. libedit is loaded when the first line is asked for, so that no other command waits for it.
 */
#ifndef HEED_CLI_LINE_H
#define HEED_CLI_LINE_H

#include <stdbool.h>

/** The next line without its end, lent until the next one; false at the end of the input. remember: for the arrow up. */
bool heed_cli_read_line(const char *prompt, bool remember, const char **line);
/** A question and "yes" or "no"; anything else is no. */
bool heed_cli_ask_yes(const char *question);

/** What the word number `word` (from 0) of a line may be: candidate i, NULL behind the last. begun: some letters stand. */
typedef const char *heed_cli_candidate(void *context, int word, bool begun, int i);
/** NULL: none. */
void heed_cli_complete_with(heed_cli_candidate *candidate, void *context);
/** Gives the terminal back. */
void heed_cli_close_lines(void);

#endif
