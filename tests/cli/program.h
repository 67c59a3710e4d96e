/* SPDX-License-Identifier: MIT */
/*
 * Running the heed program ($HEED_PROGRAM) from a test, in a folder of its own under /tmp.
 *
 *     int code = run("train", "--steps", "5", NULL);           waits; 128 + number for a signal
 *     … output("stdout"), output("stderr") …                   what it said
 */
#ifndef HEED_TESTS_CLI_PROGRAM_H
#define HEED_TESTS_CLI_PROGRAM_H

#include "cmocka_all.h"

#include <string.h>
#include <sys/types.h>

/* Options of a model that trains in a moment. */
#define TINY_OF_A_TEXT                                                                                     \
    "--n-layers", "1", "--d-model", "16", "--context-length", "16", "--batch-size", "4", "--threads", "1", \
        "--sample-tokens", "8"
#define TINY TINY_OF_A_TEXT, "--corpus-bytes", "20000"

/** Makes the folder and goes there; and back out, removing it. For cmocka's group set-up and tear-down. */
int enter_folder(void **state);
int leave_folder(void **state);

/** Starts heed with these arguments, ended by NULL; its stdout and stderr become files of those names. */
pid_t start(const char *argument, ...) __attribute__((sentinel));
/** Its exit code, or 128 + the signal that ended it. Fails the test after two minutes. */
int finish(pid_t pid);
int run(const char *argument, ...) __attribute__((sentinel));
/** The same with stdout and stderr on a terminal of 80 columns; what came there is output("terminal"). */
int run_on_terminal(const char *argument, ...) __attribute__((sentinel));

/** The contents of a file with a NUL behind; lent, the last eight are kept. */
const char *output(const char *path);
size_t output_size(const char *path);
void put_file(const char *path, const char *text);
/** Waits until there is a file of that name, or until it holds that text. */
void wait_for_file(const char *path);
void wait_for_text(const char *path, const char *text);

#define assert_contains(text, part)                                     \
    do {                                                                \
        if (strstr((text), (part)) == NULL)                             \
            fail_msg("\"%s\" does not contain \"%s\"", (text), (part)); \
    } while (0)

#endif
