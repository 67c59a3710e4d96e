/* SPDX-License-Identifier: MIT */
/* A pull while it runs: what was asked for, and what its parts share. */
#ifndef HEED_HUB_PULLING_H
#define HEED_HUB_PULLING_H

#include <heed/pull.h>

#include "hub/cache.h"
#include "hub/fetch.h"
#include "hub/name.h"

typedef struct heed_pulling {
    const heed_pull_options *options;
    heed_hub_name name;
    heed_place place;
    char base_url[512];
    heed_libraries libraries;
    heed_client client;
    heed_record record;
    heed_fetching fetching;
    heed_error *err;
} heed_pulling;

/** Checks the options and the name, and fills name, place and base_url. HEED_ERR_USAGE. (pull_options.c) */
heed_status heed_pulling_read_options(heed_pulling *p, const char *name);
/** Each checksum of the options is that of a file of the record. HEED_ERR_USAGE, HEED_ERR_FILE. (pull_options.c) */
heed_status heed_pulling_check_sha256(const heed_pulling *p);
/** Fetches all files of the model, and checks that its weights make up one set. (pull_files.c) */
heed_status heed_pulling_fetch(heed_pulling *p);

#endif
