/* SPDX-License-Identifier: MIT */
/* The names of models on a hub. What passes here is safe in a path, in a URL and on a terminal. */
#ifndef HEED_HUB_NAME_H
#define HEED_HUB_NAME_H

#include <heed/status.h>
#include <stdbool.h>

#define HEED_HUB_PART_BYTES 97 /* an owner, a model or a revision, with its zero */

typedef struct heed_hub_name {
    char full[2 * HEED_HUB_PART_BYTES];  /* openai-community/gpt2; "tiny" where no owner was given */
    char given[2 * HEED_HUB_PART_BYTES]; /* the same without what a short name was completed by: gpt2 */
    char revision[HEED_HUB_PART_BYTES];  /* main */
    bool is_short;                       /* no owner was given */
    bool is_known;                       /* a short name that heed completes */
} heed_hub_name;

/**
 * NAME, OWNER/NAME, either with @REVISION. revision, where it is not NULL, comes from elsewhere and must not contradict.
 * HEED_ERR_USAGE: no possible name.
 */
heed_status heed_hub_name_read(const char *text, const char *revision, heed_hub_name *name, heed_error *err);
/** The short name near to a wrong one, NULL where none is or it is right. */
const char *heed_hub_name_near(const heed_hub_name *name);
/** True for a file name that a model's folder may hold: letters, digits, ".", "_" and "-", not beginning with ".". */
bool heed_hub_file_name_is_safe(const char *name);

/** "models/NAME" or "models/NAME@REVISION", as the cache has it; out holds 320 bytes. */
void heed_hub_name_path(const heed_hub_name *name, char *out);

#define HEED_HUB_NAME_PATH_BYTES 320

#endif
