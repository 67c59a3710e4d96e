/* SPDX-License-Identifier: MIT */
/*
 * One file of a model: from where an earlier pull has stopped, checked, under its name only then.
 *
 * It comes into NAME.part. The record (pull.json) knows the marks of the answer that NAME.part is from; if the hub's
 * are still the same, the rest is asked for (Range, If-Range), otherwise the file begins anew. Size, SHA-256 where one
 * is known, and form are checked before NAME.part becomes NAME; a file that is wrong is removed.
 */
#ifndef HEED_HUB_FETCH_H
#define HEED_HUB_FETCH_H

#include <heed/pull.h>

#include "hub/record.h"
#include "hub/request.h"

typedef enum heed_form {
    HEED_FORM_CONFIG,  /* a configuration of a model that heed runs */
    HEED_FORM_JSON,    /* an object, up to its first brace */
    HEED_FORM_TEXT,    /* anything */
    HEED_FORM_WEIGHTS, /* safetensors */
} heed_form;

/* What is fetched. */
typedef struct heed_wanted {
    const char *name;
    heed_form form;
    int64_t most_bytes;
} heed_wanted;

/* What all files of a pull share. */
typedef struct heed_fetching {
    heed_client *client;
    const heed_pull_options *options;
    const char *base_url, *hub_name; /* what a file's address is made of */
    char revision[128];              /* the hub's commit as soon as it is known, so that all files are of one */
    const char *folder;              /* where the files lie while they come */
    heed_record *record;
    int64_t fetched; /* bytes, by all of them */
} heed_fetching;

/**
 * Fetches a file. *absent: the hub has none of that name, and err says so though the status is HEED_OK.
 */
heed_status heed_fetch(heed_fetching *f, const heed_wanted *wanted, bool *absent, heed_error *err);

#endif
