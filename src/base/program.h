/* SPDX-License-Identifier: MIT */
/*
 * Somebody's program, run in a folder and watched until it and all that it has started are gone.
 *
 *     const heed_program p = {.argv = (const char *const[]){"/bin/sh", "-c", "./a.out", NULL}, .folder = "exercise", …};
 *     heed_program_result r;
 *     status = heed_program_run(&p, &r, err);
 *     if (status == HEED_OK && r.end == HEED_PROGRAM_TIMED_OUT) …
 *     heed_program_free(&r);
 *
 * The program may do what it likes: hang, fork, crash, print for ever. It has no terminal and no input; a process between
 * heed and it takes up whatever it leaves behind (prctl PR_SET_CHILD_SUBREAPER), and ends it. Elsewhere than on Linux the
 * end of its process group must do.
 */
#ifndef HEED_BASE_PROGRAM_H
#define HEED_BASE_PROGRAM_H

#include <heed/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/confine.h"

#define HEED_PROGRAM_KEPT 16384 /* bytes of what it prints that are kept: the first ones */

typedef struct heed_program {
    const char *const *argv; /* the first is a path, from folder on; ends with NULL */
    const char *folder;
    const char *const *environment; /* "NAME=VALUE" beside what heed has; ends with NULL; NULL: none */
    const char *const *writable; /* where it may write, as heed_confine_prepare() takes it; NULL: everywhere */
    heed_limits limits;          /* limits.time_s may be 0: then it follows from time_s */
    double time_s;
    int64_t printed_bytes;       /* more than so many, and it is ended */
    int64_t swarm;               /* the same, of processes that the system has more than before */
    bool (*stop)(void *context); /* asked ten times a second; NULL: nobody */
    void *context;
} heed_program;

typedef enum heed_program_end {
    HEED_PROGRAM_EXITED,  /* code: 0 .. 255 */
    HEED_PROGRAM_CRASHED, /* code: the signal */
    HEED_PROGRAM_TIMED_OUT,
    HEED_PROGRAM_FLOODED, /* it printed too much */
    HEED_PROGRAM_SWARMED, /* it started too many processes, as root's may */
    HEED_PROGRAM_STOPPED, /* by stop() */
    HEED_PROGRAM_LOST,    /* it has got rid of the process that watched it, and was ended */
} heed_program_end;

typedef struct heed_program_result {
    heed_program_end end;
    int code;
    double seconds;
    bool confined;     /* it could write to no other place */
    char *printed;     /* the first bytes of what it printed, whatever they are; ends with a zero; allocated */
    size_t n_printed;  /* of these */
    int64_t n_written; /* of all that it printed */
} heed_program_result;

/** HEED_ERR_FILE: it cannot be started, with the reason; HEED_ERR_MEMORY. */
heed_status heed_program_run(const heed_program *program, heed_program_result *result, heed_error *err);
void heed_program_free(heed_program_result *result);

#endif
