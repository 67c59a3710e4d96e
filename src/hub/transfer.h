/* SPDX-License-Identifier: MIT */
/*
 * One file on its way from the hub: what its parts share.
 *
 *     fetch.c      asks, waits and asks again
 *     answer.c     looks at an answer before its first byte, and takes its bytes
 *     part.c       NAME.part: opened, emptied, written
 *     finish.c     checks NAME.part and gives it its name
 *     transfer.c   tells how it goes
 */
#ifndef HEED_HUB_TRANSFER_H
#define HEED_HUB_TRANSFER_H

#include "hub/digest.h"
#include "hub/fetch.h"

typedef struct heed_transfer {
    heed_fetching *f;
    const heed_wanted *wanted;
    heed_record_file *file;
    char part[HEED_PULL_PATH_BYTES], path[HEED_PULL_PATH_BYTES];
    int fd;
    int64_t at;    /* bytes in NAME.part */
    int64_t total; /* -1: not known */
    int64_t came;
    heed_digest digest;
    bool same;     /* the file that is here is still the hub's */
    bool verified; /* it has the SHA-256 that the hub or the caller expects */
    bool restarts; /* the rest does not fit what is here */
    heed_status status;
    heed_error *err; /* of begin() and body() */
    double begun_s, told_s, speed_s, speed;
    int64_t speed_bytes;
} heed_transfer;

/** Tells the caller; false when it wants an end. */
bool heed_transfer_tell(heed_transfer *t, heed_pull_event event, const char *reason, double wait_s);
/** The same, about bytes, not too often. The context is the transfer. */
bool heed_transfer_go_on(void *context);
/** Keeps a failure of NAME.part, with the system's reason; returns the status. */
heed_status heed_transfer_fail(heed_transfer *t, heed_status status, const char *what, int reason);
/** Keeps what is wrong with what the hub sends; returns false. */
bool heed_transfer_refuse(heed_transfer *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** True when the marks in the record stand for every byte: a strong ETag, or the hub's own of a file that it links to. */
bool heed_part_can_resume(const heed_record_file *file);
/** Opens NAME.part; what is in it counts only if the record knows what it is from. Each is false with t->status set. */
bool heed_part_open(heed_transfer *t);
/** Nothing of the file is here: NAME.part is empty, and the record knows no marks. */
bool heed_part_start_over(heed_transfer *t);
bool heed_part_write(heed_transfer *t, const char *data, size_t n);
/** NAME.part is complete: checks it, and gives it its name. A file that is wrong is removed. */
heed_status heed_part_finish(heed_transfer *t);

/* As heed_request wants them; the context is the transfer. */
bool heed_answer_begin(void *context, const heed_reply *reply);
bool heed_answer_body(void *context, const char *data, size_t n);

#endif
