/* SPDX-License-Identifier: MIT */
/* The lines before an answer. */
#ifndef HEED_HUB_HEADERS_H
#define HEED_HUB_HEADERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/record.h"

/* What the headers said. Texts that are no plain ASCII, or too long, count as absent. */
typedef struct heed_reply {
    int code;
    int64_t length;                  /* of what follows; -1: not said */
    int64_t range_from, range_total; /* of "bytes from-to/total"; -1 */
    char etag[HEED_ETAG_BYTES];
    bool encoded;         /* not as it is: compressed */
    double retry_after_s; /* 0: not said */
    /* of the hub's own answer, also where it leads elsewhere */
    char linked_etag[HEED_ETAG_BYTES], commit[44];
    int64_t linked_size;
} heed_reply;

/** Before the first answer. */
void heed_reply_reset(heed_reply *reply);
/** One line of n bytes as it came. A status line begins a new answer, and only what the hub itself said stays. */
void heed_reply_read_header(heed_reply *reply, const char *line, size_t n);

#endif
