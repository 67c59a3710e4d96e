/* SPDX-License-Identifier: MIT */
/*
 * One question to a hub: GET a URL, follow its redirections, hand on what comes.
 *
 * Only https and http are spoken. A redirection may lead from http to https, not back, and to nothing else. It is
 * followed here and not by libcurl: a hub says a file's size and hash in the very answer that leads elsewhere.
 */
#ifndef HEED_HUB_REQUEST_H
#define HEED_HUB_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "hub/headers.h"
#include "hub/libraries.h"

typedef struct heed_client {
    const heed_libraries *libraries; /* lent */
    CURL *curl;
    const char *base_url; /* lent */
    const char *token;    /* lent; NULL: none */
    double timeout_s;
    bool has_answered; /* there is a network */
    char detail[CURL_ERROR_SIZE];
} heed_client;

typedef struct heed_request {
    const char *url;
    int64_t from;         /* the first byte wanted */
    const char *if_range; /* the ETag for which that makes sense; all of it comes otherwise */
    void *context;
    /** Once, before the first byte of a file (code 200 or 206); false stops. */
    bool (*begin)(void *context, const heed_reply *reply);
    /** False stops. */
    bool (*body)(void *context, const char *data, size_t n);
    /** About once a second and more often; false interrupts. */
    bool (*go_on)(void *context);
} heed_request;

typedef enum heed_outcome {
    HEED_CAME,        /* all of it */
    HEED_STOPPED,     /* by begin() or body(), which know why */
    HEED_INTERRUPTED, /* by go_on() */
    HEED_ABSENT,      /* the hub has no such file: 404, 410 */
    HEED_NO_RANGE,    /* it has less than `from` bytes: 416 */
    HEED_AGAIN,       /* may go better in a while; err says what went wrong */
    HEED_FAILED,      /* for good; err says why */
} heed_outcome;

/** HEED_ERR_MEMORY: libcurl cannot begin. */
heed_status heed_client_open(heed_client *client, const heed_libraries *libraries, heed_error *err);
void heed_client_close(heed_client *client);

/** err is filled for HEED_AGAIN, HEED_FAILED and HEED_ABSENT. */
heed_outcome heed_client_get(heed_client *client, const heed_request *request, heed_reply *reply,
                             heed_error *err);

#endif
