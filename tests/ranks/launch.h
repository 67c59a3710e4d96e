/* SPDX-License-Identifier: MIT */
/*
 * Programs under mpirun, from tests.
 *
 *     if (!launch_possible())
 *         skip();                                         no mpirun here, or heed was built without MPI
 *     launch_result r = launch_ranks(2, program, "words for it");
 *     r.exit_code, r.text                                 what mpirun ended with; what all of them wrote
 *
 * A test program that starts itself looks at launch_inside() first.
 */
#ifndef HEED_TESTS_RANKS_LAUNCH_H
#define HEED_TESTS_RANKS_LAUNCH_H

#include "cmocka_all.h"

#include <stdbool.h>

typedef struct launch_result {
    int exit_code;
    char text[16384]; /* stdout and stderr, cut */
} launch_result;

bool launch_possible(void);
/** This process was started by mpirun. */
bool launch_inside(void);
/** The path of the running program. */
const char *launch_self(void);
/** One thread a rank; as root, too; on more ranks than there are processors. Ends with a failure after 60 s. */
launch_result launch_ranks(int n, const char *program, const char *words);

#endif
