/* SPDX-License-Identifier: MIT */
/*
 * The process between heed and a program that it runs: it waits for the program, then ends all that is left of it.
 * It has its own session, so neither Ctrl-C nor the terminal reaches the program.
 */
#ifndef HEED_BASE_REAPER_H
#define HEED_BASE_REAPER_H

#include "base/program.h"

enum { HEED_REAPED_NOT_STARTED, HEED_REAPED_STARTED, HEED_REAPED_ENDED };

/* What a reaper writes into its pipe, which is closed when it ends. */
typedef struct heed_reaped {
    int what;
    int value;   /* errno; is it confined?; how it ended, as waitpid() has it */
    int process; /* of the program, and of its group */
} heed_reaped;

/* Made before the fork, as nothing can be allocated after it. */
typedef struct heed_reaper_task {
    const heed_program *program;
    char **environment;
    int rules;           /* of heed_confine_prepare(), -1: none */
    int printed, report; /* what the program prints to; what the reaper writes to */
} heed_reaper_task;

/** In the child of a fork(): runs the program, and does not return. SIGTERM ends program and reaper, and so does heed's end. */
void heed_reaper_main(const heed_reaper_task *task) __attribute__((noreturn));

#endif
